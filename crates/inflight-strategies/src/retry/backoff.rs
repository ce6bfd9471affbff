//! Backoff: how long to wait before trying again.
//!
//! **What it does.** Nothing, the same time always, or a time that doubles up to a cap; alone or with jitter: full (anything
//! from 0 to that time), equal (its half, and anything up to the other half) or decorrelated (anything from the base to three times the
//! wait before).
//!
//! **Which failure it answers.** Clients that failed together and come back together: without jitter they meet again, wave after
//! wave.
//!
//! **When it harms.** It delays load and removes none: in an open loop new requests do not wait for the old ones. With three
//! retries and no budget a pool that has tipped over stays there with any jitter.
//!
//! **Knobs.** Written `{ retry = { backoff = { full-jitter = { base = "100ms", cap = "2s", … } } } }`.
//!
//! | knob | unit | default | whose |
//! |---|---|---|---|
//! | `base` | duration before the second attempt | required | – |
//! | `cap` | duration | required | – |
//! | `factor` | 1 to 10; decorrelated jitter has none | `2` | AWS |
//!
//! **Where it comes from.** Brooker, "Exponential Backoff And Jitter", AWS 2015; base, cap and factor as in AWS's standard mode.
//!
//! **Slow services.** A base below the service time retries into the same overload: a second for a service that takes 0.75 s.

use crate::{rt::Rng, units::scaled};
use std::time::Duration;

/// The longest wait that can be asked for.
pub const MAX_BACKOFF: Duration = Duration::from_secs(3600);
/// The factor by which steps grow when nothing is said; AWS, gRPC's examples and tower double.
pub const DEFAULT_FACTOR: f64 = 2.0;

/// A rule for the wait before attempt n. Formulas are those of Marc Brooker's "Exponential Backoff And Jitter" (AWS, 2015).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Backoff {
    /// No wait: the load comes back at once.
    None,
    /// Always the same wait.
    Fixed(Duration),
    /// base · factorⁿ, at most cap: everybody who failed together comes back together.
    Exponential(Steps),
    /// U(0, step): the widest spread.
    FullJitter(Steps),
    /// step/2 + U(0, step/2): never comes back at once.
    EqualJitter(Steps),
    /// min(cap, U(base, 3 · the wait before)): spreads without counting attempts.
    DecorrelatedJitter {
        /// The shortest wait, and the beginning.
        base: Duration,
        /// The longest wait.
        cap: Duration,
    },
}

/// Waits that grow by a factor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Steps {
    /// The first step.
    pub base: Duration,
    /// The longest step.
    pub cap: Duration,
    /// By how much each step is longer than the one before.
    pub factor: f64,
}

impl Steps {
    /// Steps that double.
    pub fn doubling(base: Duration, cap: Duration) -> Steps {
        Steps { base, cap, factor: DEFAULT_FACTOR }
    }

    /// Step `n`, from 0.
    fn step(&self, n: u32) -> Duration {
        let grown = self.base.as_secs_f64() * self.factor.powi(n.min(1_000) as i32);
        if grown >= self.cap.as_secs_f64() { self.cap } else { Duration::from_secs_f64(grown) }
    }

    fn validate(&self) -> Result<(), &'static str> {
        if !(1.0..=10.0).contains(&self.factor) {
            return Err("`factor` must be between 1 and 10");
        }
        bounded(self.base, self.cap)
    }
}

fn bounded(base: Duration, cap: Duration) -> Result<(), &'static str> {
    if base.is_zero() || cap < base || cap > MAX_BACKOFF {
        return Err("`base` must be above zero and at most `cap`, and `cap` at most 1h");
    }
    Ok(())
}

impl Backoff {
    /// Whether the numbers make sense; the message says what would.
    pub fn validate(&self) -> Result<(), &'static str> {
        match self {
            Backoff::None => Ok(()),
            Backoff::Fixed(wait) if *wait > MAX_BACKOFF => Err("the wait must be at most 1h"),
            Backoff::Fixed(_) => Ok(()),
            Backoff::Exponential(steps) | Backoff::FullJitter(steps) | Backoff::EqualJitter(steps) => {
                steps.validate()
            }
            Backoff::DecorrelatedJitter { base, cap } => bounded(*base, *cap),
        }
    }

    /// The same rule with every duration multiplied by `factor`.
    pub fn scaled(&self, factor: f64) -> Backoff {
        let steps = |s: Steps| Steps { base: scaled(s.base, factor), cap: scaled(s.cap, factor), ..s };
        match *self {
            Backoff::None => Backoff::None,
            Backoff::Fixed(wait) => Backoff::Fixed(scaled(wait, factor)),
            Backoff::Exponential(s) => Backoff::Exponential(steps(s)),
            Backoff::FullJitter(s) => Backoff::FullJitter(steps(s)),
            Backoff::EqualJitter(s) => Backoff::EqualJitter(steps(s)),
            Backoff::DecorrelatedJitter { base, cap } => {
                Backoff::DecorrelatedJitter { base: scaled(base, factor), cap: scaled(cap, factor) }
            }
        }
    }
}

/// The waits of one request.
#[derive(Clone, Copy, Debug)]
pub struct Delays {
    backoff: Backoff,
    taken: u32,
    last: Duration,
}

impl Delays {
    /// A request that has not waited yet.
    pub fn new(backoff: Backoff) -> Delays {
        Delays { backoff, taken: 0, last: Duration::ZERO }
    }

    /// The next wait.
    pub fn next(&mut self, rng: &mut impl Rng) -> Duration {
        let n = self.taken;
        self.taken += 1;
        self.last = match self.backoff {
            Backoff::None => Duration::ZERO,
            Backoff::Fixed(wait) => wait,
            Backoff::Exponential(steps) => steps.step(n),
            Backoff::FullJitter(steps) => steps.step(n).mul_f64(rng.unit()),
            Backoff::EqualJitter(steps) => {
                let half = steps.step(n) / 2;
                half + half.mul_f64(rng.unit())
            }
            Backoff::DecorrelatedJitter { base, cap } => {
                let most = self.last.max(base) * 3;
                (base + (most - base).mul_f64(rng.unit())).min(cap)
            }
        };
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Dice that always show the same.
    struct Always(f64);
    impl Rng for Always {
        fn next_u64(&mut self) -> u64 {
            (self.0 * 9_007_199_254_740_992.0) as u64 * 2048
        }
    }

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn delays(backoff: Backoff, dice: f64, n: usize) -> Vec<u64> {
        let mut delays = Delays::new(backoff);
        (0..n).map(|_| delays.next(&mut Always(dice)).as_millis() as u64).collect()
    }

    #[test]
    fn aws_standard_backoff_doubles_up_to_its_cap() {
        // The standard mode's published cases, in which the dice always show 1: 1, 2, 4, 8 s; with a cap of 3 s 1, 2, 3, 3.
        let steps = |cap| Backoff::Exponential(Steps::doubling(ms(1_000), ms(cap)));
        assert_eq!(delays(steps(20_000), 0.0, 4), [1_000, 2_000, 4_000, 8_000]);
        assert_eq!(delays(steps(3_000), 0.0, 4), [1_000, 2_000, 3_000, 3_000]);
    }

    #[test]
    fn jitter_spreads_as_published() {
        let steps = Steps::doubling(ms(100), ms(1_000));
        assert_eq!(delays(Backoff::FullJitter(steps), 0.5, 5), [50, 100, 200, 400, 500]);
        assert_eq!(delays(Backoff::FullJitter(steps), 0.0, 2), [0, 0]);
        assert_eq!(delays(Backoff::EqualJitter(steps), 0.0, 5), [50, 100, 200, 400, 500]);
        assert_eq!(delays(Backoff::EqualJitter(steps), 0.5, 2), [75, 150]);
        // U(100, 300) at 1/2 is 200, U(100, 600) is 350, U(100, 1050) is 575, then 912, then the cap.
        let decorrelated = Backoff::DecorrelatedJitter { base: ms(100), cap: ms(1_000) };
        assert_eq!(delays(decorrelated, 0.5, 5), [200, 350, 575, 912, 1_000]);
        assert_eq!(delays(decorrelated, 0.0, 3), [100, 100, 100]);
    }

    #[test]
    fn tower_jitter_is_not_cut_to_whole_seconds() {
        // tower 0.5.3 cuts jitter to whole seconds: with a base of 1 s there is none. Here it is kept to the nanosecond.
        let steps = Steps::doubling(ms(1_000), ms(60_000));
        let mut delays = Delays::new(Backoff::EqualJitter(steps));
        assert_eq!(delays.next(&mut Always(0.123)).as_nanos(), 561_500_000);
    }

    #[test]
    fn a_thousand_attempts_stay_at_the_cap() {
        let steps = Steps::doubling(ms(1), ms(5_000));
        assert_eq!(delays(Backoff::Exponential(steps), 0.0, 2_000).last(), Some(&5_000));
        assert!(Backoff::Exponential(Steps { factor: 0.5, ..steps }).validate().is_err());
        assert!(Backoff::FullJitter(Steps::doubling(ms(0), ms(5))).validate().is_err());
        assert!(Backoff::DecorrelatedJitter { base: ms(6), cap: ms(5) }.validate().is_err());
    }
}
