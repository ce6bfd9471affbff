//! Retries: what failed is tried again, after a while, as often as a budget allows.
//!
//! **What it does.** Calls again when a call failed in a way named by `on`, up to `attempts` times in all. Before attempt n
//! it waits as [`Backoff`] says (and at least as long as a rejection asks for), and pays from a [`SharedBudget`]; when that is
//! empty the failure is the answer. Every attempt has dice of its own. Dropping the call drops the attempt under way.
//! With [`Pace::Adaptive`] all attempts, the first included, also keep to a rate that was not throttled.
//!
//! **Which failure it answers.** Failures that are independent of each other and short: one in twenty calls of Service B.
//!
//! **When it harms.** When calls fail *because* of load. Then every retry is load as well: four attempts make a pool
//! vulnerable from a quarter of its capacity on, and after a dip it never comes back, with whatever jitter; a budget
//! without a minimum, or one that stops while failures prevail, cures it. On work that is not idempotent it does harm
//! twice. In several layers of a system attempts multiply.
//!
//! **Knobs.** Written `{ retry = { … } }`.
//!
//! | knob | unit | default | whose |
//! |---|---|---|---|
//! | `attempts` | calls, the first included, 2 to 64 | `3` | AWS |
//! | `backoff` | see [backoff] | `{ full-jitter = { base = "1s", cap = "20s" } }` | AWS |
//! | `budget` | see [ratio], [bucket], [throttle] | `{ bucket = { capacity = 500 } }` | AWS |
//! | `on` | any of `"failed"`, `"timed-out"`, `"rejected"` | `["failed", "timed-out"]` | ours: a rejection asks for less |
//! | `pace` | `"none"`, or `"adaptive"`: see [adaptive] | `"none"` | AWS |
//!
//! **Where it comes from.** Backoff and jitter: Brooker 2015. Budgets: Finagle's `RetryBudget`, AWS's standard and adaptive
//! modes, gRPC's proposal A6.
//!
//! **Slow services.** Finagle's minimum of 10/s and AWS's 500 tokens are made for clients with hundreds of requests per
//! second. At 20/s the minimum alone allows as many retries as half of the traffic, and 500 tokens last for 50 to 100 retries in a
//! row: there, a ratio of 10 % with `min = "0/s"`, or a throttle of 10 tokens, acts within seconds.

pub mod adaptive;
pub mod backoff;
pub mod bucket;
mod budget;
mod course;
mod layer;
pub mod ratio;
pub mod throttle;

pub use adaptive::{Kind, RateLimiter};
pub use backoff::{Backoff, DEFAULT_FACTOR, Delays, MAX_BACKOFF, Steps};
pub use bucket::{Bucket, TokenBucket};
pub use budget::{Budget, BudgetConfig, SharedBudget, Spent};
pub use course::{Course, Next};
pub use layer::{Retry, RetryLayer};
pub use ratio::{Ratio, RatioBudget};
pub use throttle::{Throttle, Throttling};

use crate::{attempt::MAX_ATTEMPTS, service::Outcome};
use std::time::Duration;

/// What is retried, how often, when, and out of which budget.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Config {
    /// Calls in all, the first included.
    pub attempts: u32,
    /// The wait before each further one.
    pub backoff: Backoff,
    /// What pays for them.
    pub budget: BudgetConfig,
    /// What is retried.
    pub on: On,
    /// At which rate attempts are sent.
    pub pace: Pace,
}

impl Default for Config {
    /// AWS's standard mode.
    fn default() -> Config {
        Config {
            attempts: 3,
            backoff: Backoff::FullJitter(Steps::doubling(Duration::from_secs(1), Duration::from_secs(20))),
            budget: BudgetConfig::Bucket(Bucket::default()),
            on: On::default(),
            pace: Pace::Unpaced,
        }
    }
}

impl Config {
    /// Whether the numbers make sense; the message says what would.
    pub fn validate(&self) -> Result<(), &'static str> {
        if self.attempts < 2 || self.attempts > MAX_ATTEMPTS {
            return Err("`attempts` must be between 2 and 64: the first one counts");
        }
        self.backoff.validate()?;
        self.budget.validate()
    }

    /// The same retries with every duration multiplied by `factor`, and every rate divided.
    pub fn scaled(&self, factor: f64) -> Config {
        Config { backoff: self.backoff.scaled(factor), budget: self.budget.scaled(factor), ..*self }
    }
}

/// The ways of failing that are worth another attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct On {
    /// The service itself failed, or its task was lost.
    pub failed: bool,
    /// It did not answer in time (a timeout further in).
    pub timed_out: bool,
    /// A strategy further in refused.
    pub rejected: bool,
}

impl Default for On {
    fn default() -> On {
        On { failed: true, timed_out: true, rejected: false }
    }
}

impl On {
    /// Whether a call that ended so is tried again.
    pub fn includes(self, outcome: Outcome) -> bool {
        match outcome {
            Outcome::Failed | Outcome::Lost => self.failed,
            Outcome::TimedOut => self.timed_out,
            Outcome::Rejected(_) => self.rejected,
            Outcome::Completed | Outcome::Cancelled => false,
        }
    }
}

/// At which rate attempts are sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pace {
    /// As they come.
    #[default]
    Unpaced,
    /// As AWS's adaptive mode: once a call was rejected, at a rate that CUBIC finds.
    Adaptive,
}
