//! Reject ramp: turns away a growing share of arrivals as the queue grows.
//!
//! **What it does.** Below `from` times the limit everybody may wait; at `to` times the limit nobody may; between them the
//! share that is turned away grows linearly with the queue, and dice decide who.
//!
//! **Which failure it answers.** A hard bound lets the queue fill, and then rejects everything at once: clients see a wall,
//! all retry at the same time, and the queue stands at its bound. A ramp says it earlier and to a few.
//!
//! **When it harms.** It turns calls away while there is still room. In front of a limit that is far too high the ramp
//! begins far too late, since it is measured in limits.
//!
//! **Knobs.** Written `{ limit = { permits = 20, queue = { ramp = { … } } } }`.
//!
//! | knob | unit | default | whose |
//! |---|---|---|---|
//! | `from` | multiples of the limit, 0 to 10,000 | `2` | failsafe-go's prioritized limiter |
//! | `to` | multiples of the limit, from `from` to 10,000 | `3` | failsafe-go's prioritized limiter |
//!
//! **Where it comes from.** failsafe-go's queueing adaptive limiter. Random early detection (Floyd and Jacobson 1993) is the
//! same idea for routers.
//!
//! **Slow services.** Measured in limits, so the wait at the ramp's foot is about `from` service times: at 750 ms the default
//! lets calls wait 1.5 s. Where callers give up earlier, take `from = 0.5, to = 1`.

use std::cmp::Ordering;

/// Foot and top of the ramp, in multiples of the limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Config {
    /// The queue from which some are turned away.
    pub from: f64,
    /// The queue from which all are turned away.
    pub to: f64,
}

impl Default for Config {
    fn default() -> Self {
        Config { from: 2.0, to: 3.0 }
    }
}

/// The most that `from` and `to` can be.
pub const MAX_FACTOR: f64 = 10_000.0;

impl Config {
    pub(super) fn validate(&self) -> Result<(), &'static str> {
        let orders = matches!(self.from.partial_cmp(&self.to), Some(Ordering::Less | Ordering::Equal));
        if !orders || self.from < 0.0 || self.to <= 0.0 || self.to > MAX_FACTOR {
            return Err("`ramp` needs 0 <= `from` <= `to`, and `to` above 0 and at most 10000");
        }
        Ok(())
    }

    /// The share of arrivals to turn away, 0 to 1, when `waiting` calls wait behind a limit of `limit`.
    pub fn share(&self, waiting: u32, limit: u32) -> f64 {
        // Whole calls, as in the reference; `from` is looked at first.
        let bound = |factor: f64| (f64::from(limit) * factor) as u32;
        share_between(waiting, bound(self.from), bound(self.to))
    }
}

/// 0 below `from`, 1 from `to` on, linear between.
fn share_between(waiting: u32, from: u32, to: u32) -> f64 {
    if waiting < from {
        return 0.0;
    }
    if waiting >= to {
        return 1.0;
    }
    f64::from(waiting - from) / f64::from(to - from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failsafe_go_compute_rejection_rate() {
        // adaptivelimiter/queueinglimiter_test.go, TestQueueingLimiter_computeRejectionRate.
        for (waiting, from, to, expected) in [
            (5, 10, 20, 0.0),
            (60, 60, 100, 0.0),
            (80, 60, 100, 0.5),
            (100, 60, 100, 1.0),
            (120, 60, 100, 1.0),
            (11, 10, 20, 0.1),
            (3, 3, 3, 1.0),
            (2, 3, 3, 0.0),
        ] {
            let share = share_between(waiting, from, to);
            assert!((share - expected).abs() < 1e-12, "{waiting} between {from} and {to}: {share}");
        }
    }

    #[test]
    fn the_ramp_moves_with_the_limit() {
        let ramp = Config::default();
        assert_eq!([39, 40, 50, 60].map(|waiting| ramp.share(waiting, 20)), [0.0, 0.0, 0.5, 1.0]);
        assert_eq!(ramp.share(39, 10), 1.0);
    }
}
