//! A budget: how many second attempts there may be. One budget can be shared by retries and hedges.

use super::{
    bucket::{Bucket, TokenBucket},
    ratio::{Ratio, RatioBudget},
    throttle::{Throttle, Throttling},
};
use crate::{rt::Instant, units::scaled};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Which budget.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum BudgetConfig {
    /// None: as many as the attempts allow.
    Unlimited,
    /// In proportion to the traffic, as Finagle's.
    Ratio(Ratio),
    /// Tokens that retries cost and success gives back, as AWS's standard mode.
    Bucket(Bucket),
    /// None while too many attempts fail, as gRPC's throttling.
    Throttle(Throttling),
}

impl BudgetConfig {
    /// Whether the numbers make sense; the message says what would.
    pub fn validate(&self) -> Result<(), &'static str> {
        match self {
            BudgetConfig::Unlimited => Ok(()),
            BudgetConfig::Ratio(c) => c.validate(),
            BudgetConfig::Bucket(c) => c.validate(),
            BudgetConfig::Throttle(c) => c.validate(),
        }
    }

    /// The same budget with every duration multiplied by `factor`, and every rate divided.
    pub fn scaled(&self, factor: f64) -> BudgetConfig {
        match *self {
            BudgetConfig::Ratio(c) => {
                BudgetConfig::Ratio(Ratio { min: c.min / factor, ttl: scaled(c.ttl, factor), ..c })
            }
            other => other,
        }
    }
}

/// What a second attempt was paid with: a success may pay it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spent(Option<u32>);

/// The account. Every first attempt is told to it once, every attempt's end once.
#[derive(Clone, Debug)]
pub enum Budget {
    /// See [`BudgetConfig::Unlimited`].
    Unlimited,
    /// See [`BudgetConfig::Ratio`].
    Ratio(RatioBudget),
    /// See [`BudgetConfig::Bucket`].
    Bucket(TokenBucket),
    /// See [`BudgetConfig::Throttle`].
    Throttle(Throttle),
}

impl Budget {
    /// # Panics
    /// If `config` is not valid.
    pub fn new(config: BudgetConfig) -> Budget {
        match config {
            BudgetConfig::Unlimited => Budget::Unlimited,
            BudgetConfig::Ratio(c) => Budget::Ratio(RatioBudget::new(c)),
            BudgetConfig::Bucket(c) => Budget::Bucket(TokenBucket::new(c)),
            BudgetConfig::Throttle(c) => Budget::Throttle(Throttle::new(c)),
        }
    }

    /// A request begins.
    pub fn on_request(&mut self, now: Instant) {
        if let Budget::Ratio(budget) = self {
            budget.deposit(now);
        }
    }

    /// An attempt succeeded, having been paid with `spent` if it was not the first.
    pub fn on_success(&mut self, spent: Option<Spent>) {
        match self {
            Budget::Bucket(bucket) => bucket.on_success(spent.and_then(|spent| spent.0)),
            Budget::Throttle(throttle) => throttle.on_success(),
            _ => {}
        }
    }

    /// An attempt failed in a way that could be retried.
    pub fn on_failure(&mut self) {
        if let Budget::Throttle(throttle) = self {
            throttle.on_failure();
        }
    }

    /// Pays for another attempt, if that can be afforded; `timed_out` says how the one before ended.
    pub fn withdraw(&mut self, now: Instant, timed_out: bool) -> Option<Spent> {
        match self {
            Budget::Unlimited => Some(Spent(None)),
            Budget::Ratio(budget) => budget.withdraw(now).then_some(Spent(None)),
            Budget::Bucket(bucket) => bucket.withdraw(timed_out).map(|cost| Spent(Some(cost))),
            Budget::Throttle(throttle) => throttle.is_open().then_some(Spent(None)),
        }
    }
}

/// A budget that several layers draw on.
#[derive(Clone, Debug)]
pub struct SharedBudget {
    /// Whether it is in proportion to the requests.
    counts_requests: bool,
    account: Arc<Mutex<Budget>>,
}

impl SharedBudget {
    /// # Panics
    /// If `config` is not valid.
    pub fn new(config: BudgetConfig) -> Self {
        config.validate().expect("a valid budget");
        let counts_requests = matches!(config, BudgetConfig::Ratio(_));
        SharedBudget { counts_requests, account: Arc::new(Mutex::new(Budget::new(config))) }
    }

    /// A request begins. Who does not count requests does not ask for the time either.
    #[inline]
    pub(crate) fn on_request(&self, now: impl FnOnce() -> Instant) {
        if self.counts_requests {
            self.lock().on_request(now());
        }
    }

    /// Nothing but arithmetic happens under this lock.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Budget> {
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
