//! A bound by Little's law: as many may wait as can be served in time.
//!
//! **What it does.** With L permits and a mean service time of S, the queue drains L/S calls per second. Whoever finds q
//! calls waiting is answered after about q·S/L + S; for that to be within the target, q may be at most L·(target/S − 1). S is
//! measured: a moving average over calls that completed.
//!
//! **Which failure it answers.** A bound in calls is a guess about time: 40 places in front of 20 permits are 1.5 s at 750 ms
//! and 40 ms at 20 ms. This one says the time, and follows the service when it slows down.
//!
//! **When it harms.** The mean says nothing of the spread: with a service that takes 1 ms or 10 s it admits too many. While
//! a service slows down the average lags behind.
//!
//! **Knobs.** Written `{ limit = { permits = 20, queue = { bound = { little = { target = "2s" } } } } }`.
//!
//! | knob | unit | default | whose |
//! |---|---|---|---|
//! | `target` | duration, wait and service together | required | – |
//!
//! **Where it comes from.** Little (1961); as a load shedder: the crate little-loadshedder, whose bound is
//! concurrency·(target/latency − 1), at least 1. It also climbs the concurrency; here that is the limit's business.

use crate::units;
use std::time::Duration;

/// The longest target that can be asked for.
pub const MAX_TARGET: Duration = Duration::from_secs(3600);

/// How soon an answer must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Wait and service together.
    pub target: Duration,
}

impl Config {
    pub(super) fn validate(&self) -> Result<(), &'static str> {
        if self.target.is_zero() || self.target > MAX_TARGET {
            return Err("`little` needs a `target` above zero and at most 1h");
        }
        Ok(())
    }

    pub(super) fn scaled(self, factor: f64) -> Config {
        Config { target: units::scaled(self.target, factor) }
    }

    /// How many may wait behind `limit` permits when a call is served in `service`; at least 1.
    pub fn bound(&self, limit: u32, service: Duration) -> u32 {
        let times = self.target.as_nanos() as f64 / service.as_nanos().max(1) as f64;
        (f64::from(limit) * (times - 1.0)).max(1.0) as u32
    }
}

/// The mean service time, as TCP smooths its round trips: 7/8 of the old, 1/8 of the new (RFC 6298).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ServiceTime {
    nanos: f64,
}

impl ServiceTime {
    /// A call was served in `took`.
    pub(super) fn on_completed(&mut self, took: Duration) {
        let sample = took.as_nanos() as f64;
        self.nanos = if self.nanos == 0.0 { sample } else { self.nanos + (sample - self.nanos) / 8.0 };
    }

    /// The mean; zero before the first call.
    pub(super) fn mean(&self) -> Duration {
        Duration::from_nanos(self.nanos as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_is_littles_law() {
        let bound = |target, limit, service| {
            let config = Config { target: Duration::from_millis(target) };
            config.bound(limit, Duration::from_millis(service))
        };
        // 20 permits at 750 ms serve 26.7/s: in the 750 ms that are left of 1.5 s that is 20 calls.
        assert_eq!(bound(1500, 20, 750), 20);
        assert_eq!(bound(3000, 20, 750), 60);
        assert_eq!(bound(750, 20, 750), 1, "at least one");
        assert_eq!(bound(100, 20, 750), 1);
    }

    #[test]
    fn the_mean_is_smoothed_as_in_rfc_6298() {
        let mut service = ServiceTime::default();
        assert_eq!(service.mean(), Duration::ZERO);
        for (sample, mean) in [(800, 800), (1600, 900), (900, 900)] {
            service.on_completed(Duration::from_millis(sample));
            assert_eq!(service.mean(), Duration::from_millis(mean));
        }
    }
}
