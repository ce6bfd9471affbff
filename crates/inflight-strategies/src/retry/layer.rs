//! The waiting half of the retry; the module above tells what it is for.

use super::{Config, Course, Kind, Next, Pace, RateLimiter, SharedBudget};
use crate::{
    attempt::{Attempt, Chance, WhenThrown},
    event::{Event, Observer, Watch},
    rt::Clock,
    service::{Failure, Layer, Outcome, Service},
};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Puts retries around a service. All services made by one layer share its budget and its pace.
#[derive(Clone, Debug)]
pub struct RetryLayer<C, D, O = ()> {
    config: Config,
    budget: SharedBudget,
    pace: Option<Arc<Mutex<RateLimiter>>>,
    clock: C,
    chance: D,
    observer: O,
}

impl<C: Clock, D, O> RetryLayer<C, D, O> {
    /// Retries with a budget of their own; `chance` gives the dice for jitter.
    ///
    /// # Panics
    /// If `config` is not valid.
    pub fn new(config: Config, clock: C, chance: D, observer: O) -> Self {
        let budget = SharedBudget::new(config.budget);
        Self::with_budget(config, budget, clock, chance, observer)
    }

    /// Retries that pay from `budget`, which others may share.
    ///
    /// # Panics
    /// If `config` is not valid.
    pub fn with_budget(config: Config, budget: SharedBudget, clock: C, chance: D, observer: O) -> Self {
        config.validate().expect("a valid retry");
        let pace = matches!(config.pace, Pace::Adaptive)
            .then(|| Arc::new(Mutex::new(RateLimiter::new(clock.now()))));
        RetryLayer { config, budget, pace, clock, chance, observer }
    }
}

impl<S, C: Clone, D: Clone, O: Clone> Layer<S> for RetryLayer<C, D, O> {
    type Service = Retry<S, C, D, O>;
    fn layer(&self, inner: S) -> Self::Service {
        Retry { inner, shared: self.clone() }
    }
}

/// A service that is called again.
#[derive(Clone, Debug)]
pub struct Retry<S, C, D, O = ()> {
    inner: S,
    shared: RetryLayer<C, D, O>,
}

impl<Request, S, C, D, O, T, E> Service<Request> for Retry<S, C, D, O>
where
    Request: Attempt + Send,
    T: Send,
    E: Send,
    S: Service<Request, Response = T, Error = Failure<E>>,
    C: Clock,
    D: Chance<Request>,
    O: Observer<Request>,
{
    type Response = T;
    type Error = Failure<E>;

    async fn call(&self, request: Request) -> Result<T, Failure<E>> {
        let RetryLayer { config, budget, clock, chance, observer, .. } = &self.shared;
        let (mut watch, mut dice) = (observer.observe(&request), None);
        let begun = clock.now();
        let mut course = Course::begin(config, &mut budget.lock(), begun);
        let (mut attempt, mut kind) = (0, Kind::First);
        loop {
            self.shared.keep_pace(kind).await;
            let result = self.inner.call(request.attempt(attempt)).await;
            let outcome = Outcome::of(&result);
            // What is answered needs no time.
            let now = if outcome == Outcome::Completed { begun } else { clock.now() };
            self.shared.on_answer(outcome);
            let asked = result.as_ref().err().and_then(Failure::retry_after);
            let next = {
                let mut dice = WhenThrown { chance, request: &request, dice: &mut dice };
                course.on_outcome(config, &mut budget.lock(), (now, outcome), asked, &mut dice)
            };
            let after = match next {
                Next::Answer => return result,
                Next::BudgetEmpty => {
                    watch.on_event(now, Event::BudgetEmpty);
                    return result;
                }
                Next::Again { attempt: next, after } => {
                    (attempt, kind) = (next, retry_of(outcome));
                    after
                }
            };
            watch.on_event(now, Event::Retried { attempt, after });
            clock.sleep_until(now + after).await;
        }
    }
}

fn retry_of(outcome: Outcome) -> Kind {
    match outcome {
        Outcome::TimedOut => Kind::RetryAfterTimeout,
        _ => Kind::Retry,
    }
}

impl<C: Clock, D, O> RetryLayer<C, D, O> {
    /// Waits until the attempt may be sent.
    async fn keep_pace(&self, kind: Kind) {
        if let Some(pace) = &self.pace {
            let now = self.clock.now();
            let wait = lock(pace).acquire(now, kind);
            self.clock.sleep_until(now + wait).await;
        }
    }

    fn on_answer(&self, outcome: Outcome) {
        if let Some(pace) = &self.pace {
            lock(pace).on_answer(self.clock.now(), matches!(outcome, Outcome::Rejected(_)));
        }
    }
}

/// Nothing but arithmetic happens under this lock.
fn lock(pace: &Mutex<RateLimiter>) -> MutexGuard<'_, RateLimiter> {
    pace.lock().unwrap_or_else(PoisonError::into_inner)
}
