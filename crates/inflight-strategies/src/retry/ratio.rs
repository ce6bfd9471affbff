//! Retry budget: so many retries per request, and so many per second besides.
//!
//! **What it does.** Every request is a deposit that expires after `ttl`, every retry a withdrawal that is forgotten after `ttl` as
//! well, and `min` · `ttl` retries stand in reserve. A retry that is not covered is not made. Counted in billionths of a
//! retry, so that the ratio holds for every value.
//!
//! **Which failure it answers.** Retries that multiply the load just when there is too much of it: with 20 % the load never
//! grows beyond 1.2 times the requests.
//!
//! **When it harms.** With a minimum that is large beside the traffic: 10/s on 20 requests per second are half as much again, and
//! keep an overload alive. Where failures come in short clusters it runs dry in the middle of one.
//!
//! **Knobs.** Written `{ retry = { budget = { ratio = "20%", … } } }`.
//!
//! | knob | unit | default | whose |
//! |---|---|---|---|
//! | `ratio` | share of the requests | required | Finagle has 20 % |
//! | `min` | retries per second | `"0/s"` | ours: Finagle's 10/s keeps a small client's overload alive |
//! | `ttl` | duration | `"10s"` | Finagle |
//!
//! **Where it comes from.** Finagle's `RetryBudget`, which counts in whole tokens and cuts 1000/ratio down.
//!
//! **Slow services.** Ten seconds at 20/s are 200 deposits: 20 % of them are 40 retries, enough to notice a dip and not to feed
//! one. The minimum stays at 0.

use crate::{rt::Instant, window::Slices};
use std::time::Duration;

/// A retry, in the budget's unit.
const ONE: i64 = 1_000_000_000;
/// Finagle's bucket has ten slices.
const SLICES: u32 = 10;
/// Finagle's bounds on the ratio.
const MAX_RATIO: f64 = 1_000.0;

/// How many retries are allowed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio {
    /// Retries per request, 0 to 1000; Finagle's default is 0.2.
    pub ratio: f64,
    /// Retries per second that are allowed besides. Finagle's default of 10 is more than half of a lab's traffic.
    pub min: f64,
    /// How long a request counts; 1 s to 60 s in Finagle, default 10 s.
    pub ttl: Duration,
}

impl Ratio {
    /// Finagle's `ttl`.
    pub const TTL: Duration = Duration::from_secs(10);

    /// Whether the numbers make sense; the message says what would.
    pub fn validate(&self) -> Result<(), &'static str> {
        if !(0.0..=MAX_RATIO).contains(&self.ratio) {
            return Err("`ratio` must be between 0 and 1000");
        }
        // Finagle's lower bound is 1 s; a wind tunnel runs shorter.
        if self.ttl < Duration::from_micros(1) || self.ttl > Duration::from_secs(60) {
            return Err("`ttl` must be between 1us and 60s");
        }
        if !(self.min >= 0.0 && self.min * self.ttl.as_secs_f64() <= 1e9) {
            return Err("`min` must be 0/s or more, and at most a billion in `ttl`");
        }
        Ok(())
    }
}

/// The account.
#[derive(Clone, Debug)]
pub struct RatioBudget {
    deposit: i64,
    reserve: i64,
    moves: Slices<i64>,
}

impl RatioBudget {
    /// # Panics
    /// If `config` is not valid.
    pub fn new(config: Ratio) -> Self {
        config.validate().expect("a valid budget");
        RatioBudget {
            deposit: (config.ratio * ONE as f64).round() as i64,
            reserve: (config.min * config.ttl.as_secs_f64() * ONE as f64).round() as i64,
            moves: Slices::new(config.ttl, SLICES),
        }
    }

    /// A request, not counting its retries.
    pub fn deposit(&mut self, now: Instant) {
        self.moves.add(now, self.deposit);
    }

    /// Takes one retry from the account, if there is one.
    pub fn withdraw(&mut self, now: Instant) -> bool {
        let covered = self.tokens(now) >= ONE;
        if covered {
            self.moves.add(now, -ONE);
        }
        covered
    }

    /// Whole retries that could be made now.
    pub fn balance(&mut self, now: Instant) -> u64 {
        u64::try_from(self.tokens(now) / ONE).unwrap_or(0)
    }

    fn tokens(&mut self, now: Instant) -> i64 {
        self.moves.total(now) + self.reserve
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(ratio: f64, min: f64, ttl: u64) -> RatioBudget {
        RatioBudget::new(Ratio { ratio, min, ttl: Duration::from_secs(ttl) })
    }

    fn at(ms: u64) -> Instant {
        Instant::from_nanos(ms * 1_000_000)
    }

    /// Retries that are let through when each of 10,000 requests asks for one.
    fn retried(mut budget: RatioBudget) -> i64 {
        (0..10_000).filter(|_| (budget.deposit(at(0)), budget.withdraw(at(0))).1).count() as i64
    }

    #[test]
    fn finagle_retry_budget_caps_the_ratio() {
        for ratio in [0.1, 0.5, 0.25, 0.75, 0.99, 0.999, 0.9999, 0.01, 0.001, 0.0001] {
            let (mut empty, expected) = (budget(ratio, 0.0, 60), (10_000.0 * ratio) as i64);
            assert!(empty.balance(at(0)) == 0 && !empty.withdraw(at(0)));
            let retried = retried(budget(ratio, 0.0, 60));
            assert!((retried - expected).abs() <= 1, "{ratio}: {retried}");
        }
    }

    #[test]
    fn finagle_retry_budget_with_a_minimum() {
        for (ratio, min, ttl) in [(0.0, 10.0, 1), (0.0, 5.0, 2), (0.1, 10.0, 1), (0.5, 5.0, 2)] {
            assert_eq!(budget(ratio, min, ttl).balance(at(0)), 10, "min · ttl");
            let (retried, expected) = (retried(budget(ratio, min, ttl)), (10_000.0 * ratio) as i64 + 10);
            assert!((retried - expected).abs() <= 1, "{ratio} {min}/s: {retried}");
        }
    }

    #[test]
    fn finagle_retry_budget_above_one() {
        let mut budget = budget(2.0, 0.0, 60);
        (0..10_000).for_each(|_| budget.deposit(at(0)));
        assert_eq!(budget.balance(at(0)), 20_000);
    }

    #[test]
    fn finagle_retry_budget_bounds() {
        let good = Ratio { ratio: 0.1, min: 5.0, ttl: Duration::from_secs(10) };
        assert!(good.validate().is_ok());
        assert!(Ratio { ttl: Duration::ZERO, ..good }.validate().is_err());
        assert!(Ratio { ttl: Duration::from_secs(61), ..good }.validate().is_err());
        assert!(Ratio { min: -1.0, ..good }.validate().is_err());
        assert!(Ratio { ratio: -1.0, ..good }.validate().is_err());
        assert!(Ratio { ratio: f64::NAN, ..good }.validate().is_err());
    }

    #[test]
    fn tower_tps_budget_lets_through_what_the_ratio_says() {
        // tower 0.5.3 lets 3333, 5000 and then 10000 of 10000 through at these ratios.
        for ratio in [0.3, 0.4, 0.6, 0.75, 0.9, 0.99] {
            assert_eq!(retried(budget(ratio, 0.0, 10)), (10_000.0 * ratio).round() as i64, "{ratio}");
        }
    }

    #[test]
    fn tower_tps_empty_leaky_and_reserve() {
        assert!(!budget(1.0, 0.0, 1).withdraw(at(0)));
        let mut leaky = budget(1.0, 0.0, 1);
        leaky.deposit(at(0));
        assert!(!leaky.withdraw(at(3_000)));
        let mut reserve = budget(1.0, 5.0, 1);
        assert_eq!((0..6).filter(|_| reserve.withdraw(at(0))).count(), 5);
        assert!(reserve.withdraw(at(1_000)), "the reserve is there again when the withdrawals are forgotten");
    }

    #[test]
    fn tower_tps_slots() {
        let mut budget = budget(0.5, 0.0, 1);
        budget.deposit(at(0));
        budget.deposit(at(0));
        assert!(budget.withdraw(at(901)));
        budget.deposit(at(2_902));
        budget.deposit(at(3_203));
        budget.deposit(at(4_004));
        assert!(budget.withdraw(at(4_004)), "the second and the third: the first is forgotten");
        assert!(!budget.withdraw(at(4_004)));
    }

    #[test]
    fn deposits_last_nine_tenths_of_their_time_whatever_the_traffic() {
        // tower 0.5.3 forgets them after 6 of 10 s when it is asked every few milliseconds.
        for touch in [7, 51, 333, 1_001] {
            let mut budget = budget(1.0, 0.0, 10);
            budget.deposit(at(0));
            let lasted = (0..).step_by(touch).take_while(|ms| budget.balance(at(*ms as u64)) == 1).last();
            assert!(lasted >= Some(8_990), "{touch}: {lasted:?}");
        }
    }
}
