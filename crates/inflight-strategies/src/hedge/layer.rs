//! The waiting half of hedging; the module above tells what it is for.

use super::{Config, Delay};
use crate::{
    attempt::Attempt,
    event::{Event, Observer, Watch},
    retry::{SharedBudget, Spent},
    rt::{Clock, Instant},
    service::{Failure, Layer, Service},
};
use std::{
    future::Future,
    pin::{Pin, pin},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Poll,
};

/// Puts hedging around a service. All services made by one layer share what it has learned, and its budget.
#[derive(Clone, Debug)]
pub struct HedgeLayer<C, O = ()> {
    config: Config,
    budget: SharedBudget,
    /// Whether the budget is told of requests here: not if a retry further out tells it.
    deposits: bool,
    delay: Arc<Mutex<Delay>>,
    clock: C,
    observer: O,
}

impl<C, O> HedgeLayer<C, O> {
    /// Hedging with a budget of its own.
    ///
    /// # Panics
    /// If `config` is not valid.
    pub fn new(config: Config, clock: C, observer: O) -> Self {
        let budget = SharedBudget::new(config.budget);
        HedgeLayer { deposits: true, ..Self::sharing(config, budget, clock, observer) }
    }

    /// Hedging that pays from the budget of the retries around it.
    ///
    /// # Panics
    /// If `config` is not valid.
    pub fn sharing(config: Config, budget: SharedBudget, clock: C, observer: O) -> Self {
        config.validate().expect("a valid hedge");
        let delay = Arc::new(Mutex::new(Delay::new(config.after)));
        HedgeLayer { config, budget, deposits: false, delay, clock, observer }
    }

    /// Nothing but arithmetic happens under this lock.
    fn delay(&self) -> MutexGuard<'_, Delay> {
        self.delay.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S, C: Clone, O: Clone> Layer<S> for HedgeLayer<C, O> {
    type Service = Hedge<S, C, O>;
    fn layer(&self, inner: S) -> Self::Service {
        Hedge { inner, shared: self.clone() }
    }
}

/// A hedged service.
#[derive(Clone, Debug)]
pub struct Hedge<S, C, O = ()> {
    inner: S,
    shared: HedgeLayer<C, O>,
}

impl<Request, S, C, O, T, E> Service<Request> for Hedge<S, C, O>
where
    Request: Attempt + Send,
    T: Send,
    E: Send,
    S: Service<Request, Response = T, Error = Failure<E>>,
    C: Clock,
    O: Observer<Request>,
{
    type Response = T;
    type Error = Failure<E>;

    async fn call(&self, request: Request) -> Result<T, Failure<E>> {
        let HedgeLayer { clock, observer, .. } = &self.shared;
        let (watch, begun) = (observer.observe(&request), clock.now());
        self.shared.begin(begun);
        let mut race = Race { layer: &self.shared, attempts: Vec::new(), watch };
        let mut sending = Sending { sent: 0, due: begun, open: true };
        let mut failed = None;
        let mut spent = None;
        loop {
            let attempt = sending.sent;
            race.start(clock.now(), attempt, spent, self.inner.call(request.attempt(attempt)));
            sending.on_sent(&self.shared, clock.now());
            // Until the next attempt is to be sent, or an answer is there.
            spent = loop {
                let ended = race.first(pin!(clock.sleep_until(sending.due))).await;
                let now = clock.now();
                match ended {
                    Some((attempt, Ok(answer))) => {
                        if attempt > 0 {
                            race.watch.on_event(now, Event::HedgeWon { attempt });
                        }
                        return Ok(answer);
                    }
                    Some((_, Err(failure))) => {
                        let rejected = matches!(failure, Failure::Rejected(_));
                        sending.on_failure(now, rejected);
                        // That a hedge was refused does not hide how the call itself failed.
                        if !(rejected && failed.is_some()) {
                            failed = Some(failure);
                        }
                    }
                    None => {}
                }
                if sending.due <= now {
                    let paid = self.shared.budget.lock().withdraw(now, false);
                    if paid.is_some() {
                        race.watch.on_event(now, Event::Hedged { attempt: sending.sent });
                        break paid;
                    }
                    race.watch.on_event(now, Event::BudgetEmpty);
                    sending.close();
                }
                if let (true, Some(failure)) = (race.attempts.is_empty(), failed.take()) {
                    return Err(failure);
                }
            };
        }
    }
}

/// How far the sending of attempts has come.
#[derive(Clone, Copy, Debug)]
struct Sending {
    sent: u32,
    /// When the next one is to be sent.
    due: Instant,
    open: bool,
}

impl Sending {
    fn on_sent<C, O>(&mut self, layer: &HedgeLayer<C, O>, now: Instant) {
        self.sent += 1;
        self.open &= self.sent < layer.config.attempts;
        let delay = if self.open { layer.delay().next(now) } else { None };
        self.due = delay.map_or(Instant::NEVER, |delay| now + delay);
    }

    /// A failure sends the next attempt at once, a rejection ends the sending.
    fn on_failure(&mut self, now: Instant, rejected: bool) {
        self.open &= !rejected;
        self.due = if self.open { now } else { Instant::NEVER };
    }

    fn close(&mut self) {
        (self.open, self.due) = (false, Instant::NEVER);
    }
}

impl<C, O> HedgeLayer<C, O> {
    fn begin(&self, now: Instant) {
        if self.deposits {
            self.budget.on_request(|| now);
        }
    }

    /// A retry further out that shares its budget tells it how calls end.
    fn on_end(&self, is_good: bool, spent: Option<Spent>) {
        match (self.deposits, is_good) {
            (true, true) => self.budget.lock().on_success(spent),
            (true, false) => self.budget.lock().on_failure(),
            (false, _) => {}
        }
    }
}

/// The attempts under way. Those that are left when the call is over are cancelled, and known to have taken longer.
struct Race<'a, C: Clock, O, F, W: Watch> {
    layer: &'a HedgeLayer<C, O>,
    attempts: Vec<Running<F>>,
    watch: W,
}

struct Running<F> {
    number: u32,
    begun: Instant,
    spent: Option<Spent>,
    call: Pin<Box<F>>,
}

impl<C: Clock, O, F, T, E, W: Watch> Race<'_, C, O, F, W>
where
    F: Future<Output = Result<T, Failure<E>>>,
{
    fn start(&mut self, begun: Instant, number: u32, spent: Option<Spent>, call: F) {
        self.attempts.push(Running { number, begun, spent, call: Box::pin(call) });
    }

    /// The first attempt that ends, with its number; `None` once `due` is over. Earlier attempts win ties.
    async fn first(&mut self, mut due: Pin<&mut C::Sleep>) -> Option<(u32, Result<T, Failure<E>>)> {
        let (index, result) = std::future::poll_fn(|cx| {
            for (index, running) in self.attempts.iter_mut().enumerate() {
                if let Poll::Ready(result) = running.call.as_mut().poll(cx) {
                    return Poll::Ready(Some((index, result)));
                }
            }
            due.as_mut().poll(cx).map(|()| None)
        })
        .await?;
        let over = self.attempts.remove(index);
        let now = self.layer.clock.now();
        self.layer.delay().on_attempt(now, now - over.begun, false);
        self.layer.on_end(result.is_ok(), over.spent);
        Some((over.number, result))
    }
}

impl<C: Clock, O, F, W: Watch> Drop for Race<'_, C, O, F, W> {
    fn drop(&mut self) {
        if self.attempts.is_empty() {
            return;
        }
        let now = self.layer.clock.now();
        let mut delay = self.layer.delay();
        self.attempts.iter().for_each(|cut| delay.on_attempt(now, now - cut.begun, true));
        drop(delay);
        for cut in &self.attempts {
            self.watch.on_event(now, Event::HedgeCancelled { attempt: cut.number });
        }
    }
}
