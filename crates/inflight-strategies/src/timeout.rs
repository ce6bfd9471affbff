//! Timeout: an upper bound on how long a caller waits.
//!
//! **What it does.** Answers [`Failure::TimedOut`] when the inner call, including every wait inside it, has not answered
//! after a fixed time. Then the work is dropped ([`Late::Cancel`]) or left running ([`Late::Detach`]).
//!
//! **Which failure it answers.** Work and memory that pile up behind a dependency that has become slow or has stopped:
//! without a bound every request in flight is a leak that lasts as long as the stall.
//!
//! **When it harms.** When it is shorter than the healthy service time: U(300, 1200) ms under 600 ms fails two of three
//! requests on an idle system. Detached, it bounds only the caller's wait: the work, its permits and its memory live on,
//! and a retry adds to them.
//!
//! **Knobs.** Written `{ timeout = { after = "600ms", … } }`.
//!
//! | knob | unit | default | whose |
//! |---|---|---|---|
//! | `after` | duration, 1 ns to 1 h | required | – |
//! | `late` | `"cancel"` or `"detach"` | `"cancel"` | ours: what is left running is a leak |
//!
//! **Where it comes from.** Deadlines over a whole call are as old as RPC; "the answer is given, the work lives on" is
//! what `select` on a channel does in many services, and is kept here as [`Late::Detach`] to be measured.

use crate::{
    detach::outlive,
    event::{Event, Observer, Watch},
    rt::World,
    service::{Failure, Layer, Service},
};
use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::Poll,
    time::Duration,
};

/// The longest time that can be asked for.
pub const MAX_AFTER: Duration = Duration::from_secs(3600);

/// What becomes of the work when the time is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Late {
    /// It is dropped: whatever it held is released.
    #[default]
    Cancel,
    /// It lives on as a task that nobody waits for.
    Detach,
}

/// How long, and what then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// The time allowed for the whole inner call.
    pub after: Duration,
    /// What becomes of the work.
    pub late: Late,
}

impl Config {
    /// Whether the numbers make sense; the message says what would.
    pub fn validate(&self) -> Result<(), &'static str> {
        if self.after.is_zero() || self.after > MAX_AFTER {
            return Err("`after` must be above zero and at most 1h");
        }
        Ok(())
    }
}

/// Puts a time limit around a service.
#[derive(Clone, Debug)]
pub struct TimeoutLayer<W, O = ()> {
    pub(crate) config: Config,
    pub(crate) world: W,
    observer: O,
}

impl<W, O> TimeoutLayer<W, O> {
    /// # Panics
    /// If `config` is not valid.
    pub fn new(config: Config, world: W, observer: O) -> Self {
        config.validate().expect("a valid timeout");
        TimeoutLayer { config, world, observer }
    }
}

impl<S, W: Clone, O: Clone> Layer<S> for TimeoutLayer<W, O> {
    type Service = Timeout<S, W, O>;
    fn layer(&self, inner: S) -> Self::Service {
        Timeout { inner, config: self.config, world: self.world.clone(), observer: self.observer.clone() }
    }
}

/// A service with a time limit.
#[derive(Clone, Debug)]
pub struct Timeout<S, W, O = ()> {
    inner: S,
    config: Config,
    world: W,
    observer: O,
}

impl<Request, S, W, O, T, E> Service<Request> for Timeout<S, W, O>
where
    Request: Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
    S: Service<Request, Response = T, Error = Failure<E>> + Clone + 'static,
    W: World,
    O: Observer<Request>,
{
    type Response = T;
    type Error = Failure<E>;

    async fn call(&self, request: Request) -> Result<T, Failure<E>> {
        let mut watch = self.observer.observe(&request);
        let Config { after, late } = self.config;
        let over = pin!(self.world.sleep(after));
        let timed_out = || {
            let detached = late == Late::Detach;
            watch.on_event(self.world.now(), Event::TimedOut { after, detached });
            Failure::TimedOut { after }
        };
        match late {
            Late::Cancel => unless(pin!(self.inner.call(request)), over, timed_out).await,
            Late::Detach => {
                let inner = self.inner.clone();
                let work = outlive(&self.world, async move { inner.call(request).await });
                unless(pin!(work), over, timed_out).await
            }
        }
    }
}

/// The answer of `call`, unless the time is `over` before: then what `late` says. An answer that comes with the end of the time counts.
pub(crate) fn unless<T, E>(
    mut call: Pin<&mut impl Future<Output = Result<T, E>>>,
    mut over: Pin<&mut impl Future<Output = ()>>,
    mut late: impl FnMut() -> E,
) -> impl Future<Output = Result<T, E>> {
    poll_fn(move |cx| {
        let answer = call.as_mut().poll(cx);
        if answer.is_pending() && over.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(late()));
        }
        answer
    })
}
