//! The limit as a layer; the module above tells what it is for.

use super::{
    Acquire, Permit, Semaphore,
    config::Config,
    gate::{Change, Ended, Share},
};
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
            // What is known before the wait goes into it: calls that need not wait keep nothing for later.
            let mut watch = self.shared.observer.observe(&request);
            let (share, since, waited) = match self.shared.arrive(&request, listens(&watch)) {
                Ok((share, now)) => (share, now, Duration::ZERO),
                Err(ticket) => match self.shared.wait(ticket, &mut watch).await {
                    Ok((permit, now, waited)) => (permit.into_share(), now, waited),
                    Err(why) => {
                        return Err(Failure::Rejected(Rejected { by: "limit", why, retry_after: None }));
                    }
                },
            };
            let mut inside = Inside::new(&self.shared, share, since, watch);
            inside.watch.on_event(since, Event::Admitted { waited });
            let result = self.inner.call(request).await;
            inside.ends(&result);
            result
        }
    }
}

impl<C: Clock, O, T> LimitLayer<C, O, T> {
    /// What a call takes that comes now, and since when, if it need not wait; else its ticket. A plain limit to which nobody listens
    /// needs the time only of those who wait.
    #[inline]
    pub(crate) fn arrive<Request>(
        &self,
        request: &Request,
        somebody_listens: bool,
    ) -> Result<(Share, Instant), Ticket>
    where
        T: Tickets<Request>,
    {
        let asks = somebody_listens || !self.semaphore.is_plain();
        let came = if asks { self.clock.now() } else { Instant::ZERO };
        let ticket = self.tickets.ticket(request, came);
        self.semaphore.take(&ticket).map(|share| (share, came)).ok_or(ticket)
    }

    /// A call that found no free permit waits for one: the permit, since when it has it, and how long it waited.
    async fn wait(
        &self,
        ticket: Ticket,
        watch: &mut impl Watch,
    ) -> Result<(Permit<'_>, Instant, Duration), Reason> {
        let mut acquire = pin!(self.semaphore.acquire_for(ticket));
        let mut waits = Waits { clock: &self.clock, since: ticket.arrived, over: false, watch };
        // Some learn at once what becomes of them; only the others need the time and a timer.
        let (told, now) = match poll_fn(|cx| Poll::Ready(acquire.as_mut().poll(cx))).await {
            Poll::Ready(told) => (told, ticket.arrived),
            Poll::Pending => {
                if self.semaphore.is_plain() {
                    waits.since = self.clock.now();
                }
                (self.turn(acquire, waits.since).await, self.clock.now())
            }
        };
        waits.over = true;
        match told {
            Ok(permit) => Ok((permit, now, now - ticket.arrived)),
            Err(why) => {
                waits.watch.on_event(now, Event::Rejected(why));
                Err(why)
            }
        }
    }

    /// The turn of a call that has waited since it came, unless its patience or the queue says that it is too late.
    async fn turn<'a>(&self, acquire: Pin<&mut Acquire<'a>>, came: Instant) -> Result<Permit<'a>, Reason> {
        let patience = self.max_wait.map_or(Instant::NEVER, |wait| came + wait);
        let deadline = acquire.leaves();
        if patience.min(deadline) == Instant::NEVER {
            return acquire.await;
        }
        match race(acquire, self.clock.sleep_until(patience.min(deadline))).await {
            First::Left(permit) => permit,
            First::Right(()) if deadline < patience => Err(Reason::TooLate),
            First::Right(()) => Err(Reason::WaitedTooLong),
        }
    }
}

/// A call in line. If it goes away, that is told.
struct Waits<'a, C: Clock, W: Watch> {
    clock: &'a C,
    since: Instant,
    over: bool,
    watch: &'a mut W,
}

impl<C: Clock, W: Watch> Drop for Waits<'_, C, W> {
    fn drop(&mut self) {
        if !self.over {
            let now = self.clock.now();
            self.watch.on_event(now, Event::Withdrawn { waited: now - self.since });
        }
    }
}

/// Where a call is inside: a limit, held as a reference or as a copy.
pub(crate) trait Place {
    /// Its permits.
    fn semaphore(&self) -> &Semaphore;

    /// The time there.
    fn now(&self) -> Instant;
}

impl<C: Clock, O, T> Place for LimitLayer<C, O, T> {
    #[inline]
    fn semaphore(&self) -> &Semaphore {
        &self.semaphore
    }

    #[inline]
    fn now(&self) -> Instant {
        self.clock.now()
    }
}

impl<P: Place> Place for &P {
    #[inline]
    fn semaphore(&self) -> &Semaphore {
        (**self).semaphore()
    }

    #[inline]
    fn now(&self) -> Instant {
        (**self).now()
    }
}

/// A call inside. However it ends, what it holds goes back once.
pub(crate) struct Inside<P: Place, W: Watch> {
    place: P,
    share: Share,
    since: Instant,
    over: bool,
    watch: W,
}

impl<P: Place, W: Watch> Inside<P, W> {
    /// A call that holds `share` has gone in.
    #[inline]
    pub(crate) fn new(place: P, share: Share, since: Instant, watch: W) -> Self {
        Inside { place, share, since, over: false, watch }
    }

    /// The call ended. What a limiter learns from: completed calls, by how long they took, and dropped ones, which timed out or
    /// were rejected further in. It learns nothing from failures, lost tasks and callers who went away.
    #[inline]
    pub(crate) fn ends<R, E>(&mut self, result: &Result<R, Failure<E>>) {
        self.leave(|| match Outcome::of(result) {
            Outcome::Completed => Some(false),
            Outcome::TimedOut | Outcome::Rejected(_) => Some(true),
            _ => None,
        });
    }

    /// `dropped`: whether the call was dropped, if there is something to learn from it.
    #[inline]
    fn leave(&mut self, dropped: impl FnOnce() -> Option<bool>) {
        if std::mem::replace(&mut self.over, true) {
            return;
        }
        let semaphore = self.place.semaphore();
        match semaphore.is_plain() {
            true => semaphore.give_back_plain(self.share.weight),
            false => self.teach(dropped()),
        }
    }

    /// Gives back what the call holds, and tells the limiter of it.
    #[inline(never)]
    fn teach(&mut self, dropped: Option<bool>) {
        let now = self.place.now();
        let ended = dropped.map(|dropped| Ended { took: now - self.since, dropped });
        if let Some(Change { from, to, why }) = self.place.semaphore().give_back(&self.share, now, ended) {
            self.watch.on_event(now, Event::LimitChanged { from, to, why });
        }
    }
}

impl<P: Place, W: Watch> Drop for Inside<P, W> {
    #[inline]
    fn drop(&mut self) {
        self.leave(|| None);
    }
}
