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
#[derive(Debug)]
pub struct RetryLayer<C, D, O = ()>(Arc<Shared<C, D, O>>);

#[derive(Debug)]
struct Shared<C, D, O> {
    config: Config,
    budget: SharedBudget,
    pace: Option<Mutex<RateLimiter>>,
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
        let pace = matches!(config.pace, Pace::Adaptive).then(|| Mutex::new(RateLimiter::new(clock.now())));
        RetryLayer(Arc::new(Shared { config, budget, pace, clock, chance, observer }))
    }
}

impl<C, D, O> Clone for RetryLayer<C, D, O> {
    fn clone(&self) -> Self {
        RetryLayer(self.0.clone())
    }
}

impl<S, C, D, O> Layer<S> for RetryLayer<C, D, O> {
    type Service = Retry<S, C, D, O>;
    fn layer(&self, inner: S) -> Self::Service {
        Retry { inner, layer: self.clone() }
    }
}

/// A service that is called again.
#[derive(Debug)]
pub struct Retry<S, C, D, O = ()> {
    inner: S,
    layer: RetryLayer<C, D, O>,
}

impl<S: Clone, C, D, O> Clone for Retry<S, C, D, O> {
    fn clone(&self) -> Self {
        Retry { inner: self.inner.clone(), layer: self.layer.clone() }
    }
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
        let Shared { config, budget, pace, clock, chance, observer } = &*self.layer.0;
        let (mut watch, mut dice) = (observer.observe(&request), None);
        budget.on_request(|| clock.now());
        let (mut course, mut attempt, mut kind) = (Course::begin(config), 0, Kind::First);
        loop {
            if let Some(pace) = pace {
                let now = clock.now();
                let wait = lock(pace).acquire(now, kind);
                clock.sleep_until(now + wait).await;
            }
            let result = self.inner.call(request.attempt(attempt)).await;
            let outcome = Outcome::of(&result);
            if let Some(pace) = pace {
                lock(pace).on_answer(clock.now(), matches!(outcome, Outcome::Rejected(_)));
            }
            if outcome == Outcome::Completed {
                course.on_success(&mut budget.lock());
                return result;
            }
            let now = clock.now();
            let asked = result.as_ref().err().and_then(Failure::retry_after);
            let next = {
                let mut dice = WhenThrown { chance, request: &request, dice: &mut dice };
                course.on_failure(config, &mut budget.lock(), (now, outcome), asked, &mut dice)
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

/// Nothing but arithmetic happens under this lock.
fn lock(pace: &Mutex<RateLimiter>) -> MutexGuard<'_, RateLimiter> {
    pace.lock().unwrap_or_else(PoisonError::into_inner)
}
