//! The limit as a layer; the module above tells what it is for.

use super::{Acquire, Permit, Semaphore, config::Config};
use crate::{
    event::{Event, Observer, Watch, listens},
    queue::Ticket,
    rt::{Clock, First, Instant, Rng, race},
    service::{Failure, Layer, Outcome, Reason, Rejected, Service, Standing},
};
use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
    time::Duration,
};

/// Reads off a request what the queue wants to know of it.
pub trait Tickets<Request>: Send + Sync {
    /// The ticket of a request that arrives now.
    fn ticket(&self, request: &Request, now: Instant) -> Ticket;
}

/// All requests are alike: no deadline, one permit, one class, the middle priority.
#[derive(Clone, Copy, Debug, Default)]
pub struct Alike;

impl<Request> Tickets<Request> for Alike {
    fn ticket(&self, _: &Request, now: Instant) -> Ticket {
        Ticket::at(now)
    }
}

/// Requests tell it themselves.
#[derive(Clone, Copy, Debug, Default)]
pub struct ByStanding;

impl<Request: Standing> Tickets<Request> for ByStanding {
    fn ticket(&self, request: &Request, now: Instant) -> Ticket {
        Ticket {
            arrived: now,
            deadline: request.deadline().unwrap_or(Instant::NEVER),
            weight: request.weight().max(1),
            class: request.class(),
            priority: request.priority(),
        }
    }
}

/// Puts a concurrency limit around a service. All services made by one layer share its permits.
#[derive(Clone, Debug)]
pub struct LimitLayer<C, O = (), T = Alike> {
    semaphore: Arc<Semaphore>,
    max_wait: Option<Duration>,
    clock: C,
    observer: O,
    tickets: T,
}

/// Dice that always show the middle.
struct Middle;

impl Rng for Middle {
    fn next_u64(&mut self) -> u64 {
        1 << 63
    }
}

impl<C, O> LimitLayer<C, O> {
    /// A limit that throws no dice: where chance would decide, the middle does.
    ///
    /// # Panics
    /// If `config` is not valid.
    pub fn new(config: Config, clock: C, observer: O) -> Self {
        Self::with_dice(config, clock, Middle, observer)
    }

    /// A limit with dice, for limiters that probe at random times and queues that drop at random.
    ///
    /// # Panics
    /// If `config` is not valid.
    pub fn with_dice(config: Config, clock: C, dice: impl Rng + Send + 'static, observer: O) -> Self {
        let semaphore = Arc::new(Semaphore::with(&config, Box::new(dice)));
        LimitLayer { semaphore, max_wait: config.max_wait, clock, observer, tickets: Alike }
    }
}

impl<C, O, T> LimitLayer<C, O, T> {
    /// A call comes, and goes in if it may. Otherwise it has to wait with this ticket; `true` if it is known when it came.
    fn arrive<'a, Request>(&'a self, request: &Request) -> (Visit<'a, C, O::Watch<'a>>, Option<Ticket>, bool)
    where
        C: Clock,
        O: Observer<Request>,
        T: Tickets<Request>,
    {
        let LimitLayer { semaphore, clock, observer, tickets, .. } = self;
        let watch = observer.observe(request);
        // A plain limit to which nobody listens needs the time only if the call has to wait.
        let timed = listens(&watch) || !semaphore.is_plain();
        let start = if timed { clock.now() } else { Instant::ZERO };
        let mut visit = Visit { clock, watch, since: start, stage: Stage::Waiting };
        let ticket = tickets.ticket(request, start);
        let permit = if semaphore.is_plain() && ticket.weight == 1 { semaphore.try_acquire() } else { None };
        let Some(permit) = permit else { return (visit, Some(ticket), timed) };
        visit.admitted(permit, start);
        (visit, None, timed)
    }

    /// The same limit, in which requests differ as `tickets` say, by [`ByStanding`] for instance.
    pub fn tickets<U>(self, tickets: U) -> LimitLayer<C, O, U> {
        let LimitLayer { semaphore, max_wait, clock, observer, .. } = self;
        LimitLayer { semaphore, max_wait, clock, observer, tickets }
    }
}

impl<S, C: Clone, O: Clone, T: Clone> Layer<S> for LimitLayer<C, O, T> {
    type Service = Limit<S, C, O, T>;
    fn layer(&self, inner: S) -> Self::Service {
        Limit { inner, shared: self.clone() }
    }
}

/// A service with a concurrency limit.
#[derive(Clone, Debug)]
pub struct Limit<S, C, O = (), T = Alike> {
    inner: S,
    shared: LimitLayer<C, O, T>,
}

impl<S, C, O, T> Limit<S, C, O, T> {
    /// The permits, to look at.
    pub fn semaphore(&self) -> &Semaphore {
        &self.shared.semaphore
    }
}

impl<Request, S, C, O, T, R, E> Service<Request> for Limit<S, C, O, T>
where
    Request: Send,
    R: Send,
    E: Send,
    S: Service<Request, Response = R, Error = Failure<E>>,
    C: Clock,
    O: Observer<Request>,
    T: Tickets<Request>,
{
    type Response = R;
    type Error = Failure<E>;

    fn call(&self, request: Request) -> impl Future<Output = Result<R, Failure<E>>> + Send {
        async move {
            let (mut visit, ticket, timed) = self.shared.arrive(&request);
            if let Some(ticket) = ticket {
                let acquire = pin!(self.shared.semaphore.acquire_for(ticket));
                if let Err(why) = visit.wait(acquire, self.shared.max_wait, timed).await {
                    return Err(Failure::Rejected(Rejected { by: "limit", why, retry_after: None }));
                }
            }
            let result = self.inner.call(request).await;
            visit.ended(Outcome::of(&result));
            result
        }
    }
}

/// Waits in line for a permit until `patience`, or until the queue says that it is too late.
async fn wait<'a, C: Clock>(
    acquire: Pin<&mut Acquire<'a>>,
    patience: Instant,
    clock: &C,
) -> Result<Permit<'a>, Reason> {
    let deadline = acquire.leaves();
    if patience.min(deadline) == Instant::NEVER {
        return acquire.await;
    }
    match race(acquire, clock.sleep_until(patience.min(deadline))).await {
        First::Left(permit) => permit,
        First::Right(()) if deadline < patience => Err(Reason::TooLate),
        First::Right(()) => Err(Reason::WaitedTooLong),
    }
}

/// A call's visit to the limit, told step by step. However it ends, its permit goes back and its end is told once.
struct Visit<'a, C: Clock, W: Watch> {
    clock: &'a C,
    watch: W,
    /// When it came; once it is inside, when it went in.
    since: Instant,
    stage: Stage<'a>,
}

enum Stage<'a> {
    Waiting,
    Inside(Permit<'a>),
    Over,
}

impl<'a, C: Clock, W: Watch> Visit<'a, C, W> {
    fn admitted(&mut self, permit: Permit<'a>, now: Instant) {
        let waited = now - self.since;
        self.stage = Stage::Inside(permit);
        self.since = now;
        self.watch.on_event(now, Event::Admitted { waited });
    }

    /// Waits for a permit for at most `max_wait`; `timed` if it is known when the call came.
    async fn wait(
        &mut self,
        mut acquire: Pin<&mut Acquire<'a>>,
        max_wait: Option<Duration>,
        timed: bool,
    ) -> Result<(), Reason> {
        // Most calls learn at once what becomes of them; only the others need the time and a timer.
        if let Poll::Ready(permit) = poll_fn(|cx| Poll::Ready(acquire.as_mut().poll(cx))).await {
            return self.told(permit, self.since);
        }
        if !timed {
            self.since = self.clock.now();
        }
        let patience = max_wait.map_or(Instant::NEVER, |wait| self.since + wait);
        let permit = wait(acquire, patience, self.clock).await;
        self.told(permit, self.clock.now())
    }

    /// The wait is over.
    fn told(&mut self, permit: Result<Permit<'a>, Reason>, now: Instant) -> Result<(), Reason> {
        match permit {
            Ok(permit) => self.admitted(permit, now),
            Err(why) => {
                self.stage = Stage::Over;
                self.watch.on_event(now, Event::Rejected(why));
                return Err(why);
            }
        }
        Ok(())
    }

    /// The call inside ended. What a limiter learns from: completed calls, by how long they took, and dropped ones, which
    /// timed out or were rejected further in. It learns nothing from failures, lost tasks and callers who went away.
    fn ended(&mut self, outcome: Outcome) {
        let dropped = matches!(outcome, Outcome::TimedOut | Outcome::Rejected(_));
        self.leave(dropped || outcome == Outcome::Completed, dropped);
    }

    fn leave(&mut self, learn: bool, dropped: bool) {
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Inside(permit) if !permit.is_plain() => {
                let now = self.clock.now();
                let took = learn.then_some(now - self.since);
                if let Some(change) = permit.give_back(now, took, dropped) {
                    let event = Event::LimitChanged { from: change.from, to: change.to, why: change.why };
                    self.watch.on_event(now, event);
                }
            }
            Stage::Waiting => {
                let now = self.clock.now();
                self.watch.on_event(now, Event::Withdrawn { waited: now - self.since });
            }
            Stage::Inside(_) | Stage::Over => {}
        }
    }
}

impl<C: Clock, W: Watch> Drop for Visit<'_, C, W> {
    fn drop(&mut self) {
        self.leave(false, false);
    }
}
