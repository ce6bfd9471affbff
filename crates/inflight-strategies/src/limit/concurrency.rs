//! The limit as a layer; the module above tells what it is for.

use super::{Permit, Semaphore};
use crate::{
    event::{Event, Observer, Watch},
    rt::{Clock, First, Instant, race},
    service::{Failure, Layer, Reason, Rejected, Service},
};
use std::{sync::Arc, time::Duration};

/// The largest number of permits that can be asked for.
pub const MAX_PERMITS: u32 = 1_000_000;
/// The longest wait that can be asked for.
pub const MAX_WAIT: Duration = Duration::from_secs(3600);
/// How many may wait when nothing is said: enough that only a system past its capacity meets it.
pub const DEFAULT_QUEUE: u32 = 10_000;

/// How many may wait in line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queue {
    /// At most so many; 0 rejects whoever finds no permit.
    Bounded(u32),
    /// As many as come: memory and waits grow without end under overload.
    Unbounded,
}

/// How many at once, and who may wait how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Calls inside at once.
    pub permits: u32,
    /// Calls waiting at once.
    pub queue: Queue,
    /// The longest wait, if there is one.
    pub max_wait: Option<Duration>,
}

impl Config {
    /// Whether the numbers make sense; the message says what would.
    pub fn validate(&self) -> Result<(), &'static str> {
        if self.permits == 0 || self.permits > MAX_PERMITS {
            return Err("`permits` must be between 1 and 1000000");
        }
        if self.max_wait.is_some_and(|wait| wait.is_zero() || wait > MAX_WAIT) {
            return Err("`max-wait` must be above zero and at most 1h");
        }
        Ok(())
    }
}

/// Puts a concurrency limit around a service. All services made by one layer share its permits.
#[derive(Clone, Debug)]
pub struct LimitLayer<C, O = ()> {
    semaphore: Arc<Semaphore>,
    config: Config,
    clock: C,
    observer: O,
}

impl<C, O> LimitLayer<C, O> {
    /// # Panics
    /// If `config` is not valid.
    pub fn new(config: Config, clock: C, observer: O) -> Self {
        config.validate().expect("a valid limit");
        let queue = match config.queue {
            Queue::Bounded(n) => Some(n),
            Queue::Unbounded => None,
        };
        LimitLayer { semaphore: Arc::new(Semaphore::new(config.permits, queue)), config, clock, observer }
    }
}

impl<S, C: Clone, O: Clone> Layer<S> for LimitLayer<C, O> {
    type Service = Limit<S, C, O>;
    fn layer(&self, inner: S) -> Self::Service {
        Limit { inner, shared: self.clone() }
    }
}

/// A service with a concurrency limit.
#[derive(Clone, Debug)]
pub struct Limit<S, C, O = ()> {
    inner: S,
    shared: LimitLayer<C, O>,
}

impl<S, C, O> Limit<S, C, O> {
    /// The permits, to look at.
    pub fn semaphore(&self) -> &Semaphore {
        &self.shared.semaphore
    }
}

impl<Request, S, C, O, T, E> Service<Request> for Limit<S, C, O>
where
    Request: Send,
    T: Send,
    E: Send,
    S: Service<Request, Response = T, Error = Failure<E>>,
    C: Clock,
    O: Observer<Request>,
{
    type Response = T;
    type Error = Failure<E>;

    async fn call(&self, request: Request) -> Result<T, Failure<E>> {
        let LimitLayer { semaphore, clock, observer, .. } = &self.shared;
        let (start, mut watch) = (clock.now(), observer.observe(&request));
        let permit = match semaphore.try_acquire() {
            Some(permit) => {
                watch.on_event(start, Event::Admitted { waited: Duration::ZERO });
                Ok(permit)
            }
            None => self.wait(Wait { clock, start, watch, over: false }).await,
        };
        match permit {
            Ok(_held_until_the_call_ends) => self.inner.call(request).await,
            Err(why) => Err(Failure::Rejected(Rejected { by: "limit", why, retry_after: None })),
        }
    }
}

impl<S, C: Clock, O> Limit<S, C, O> {
    /// Waits in line for a permit, as long as one may.
    async fn wait<W: Watch>(&self, mut wait: Wait<'_, C, W>) -> Result<Permit<'_>, Reason> {
        let LimitLayer { semaphore, config, clock, .. } = &self.shared;
        let permit = match config.max_wait {
            None => semaphore.acquire().await.ok_or(self.why_full()),
            Some(limit) => match race(semaphore.acquire(), clock.sleep_until(wait.start + limit)).await {
                First::Left(permit) => permit.ok_or(self.why_full()),
                First::Right(()) => Err(Reason::WaitedTooLong),
            },
        };
        match &permit {
            Ok(_) => wait.ends(|waited| Event::Admitted { waited }),
            Err(why) => wait.ends(|_| Event::Rejected(*why)),
        }
        permit
    }

    /// What a caller is told who found neither permit nor place in the line.
    fn why_full(&self) -> Reason {
        match self.shared.config.queue {
            Queue::Bounded(0) => Reason::LimitReached,
            _ => Reason::QueueFull,
        }
    }
}

/// The wait for a permit, told once: by how it ended, or as withdrawn if the caller went away.
struct Wait<'a, C: Clock, W: Watch> {
    clock: &'a C,
    start: Instant,
    watch: W,
    over: bool,
}

impl<C: Clock, W: Watch> Wait<'_, C, W> {
    fn ends(&mut self, event: impl FnOnce(Duration) -> Event) {
        self.over = true;
        let now = self.clock.now();
        self.watch.on_event(now, event(now - self.start));
    }
}

impl<C: Clock, W: Watch> Drop for Wait<'_, C, W> {
    fn drop(&mut self) {
        if !self.over {
            self.ends(|waited| Event::Withdrawn { waited });
        }
    }
}
