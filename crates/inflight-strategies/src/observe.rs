//! Notes when a call enters and how it leaves a place in the stack.
//!
//! **What it does.** Tells its observer [`Event::Started`] and exactly one [`Event::Finished`] per call.
//! **Which failure it answers.** Counts that drift: a call that is dropped half-way (a client that went away, a timeout
//! further out) is finished by a drop guard, with [`Outcome::Cancelled`]. **When it harms.** Never.
//! **Knobs.** None. **Where it comes from.** The RAII guard.

use crate::{
    event::{Event, Observer, Watch},
    rt::{Clock, Instant},
    service::{Failure, Layer, Outcome, Service},
};

/// Puts an observer around a service.
#[derive(Clone, Debug)]
pub struct Observe<C, O> {
    clock: C,
    observer: O,
}

impl<C, O> Observe<C, O> {
    /// Tells `observer` what passes, with `clock`'s time.
    pub fn new(clock: C, observer: O) -> Self {
        Observe { clock, observer }
    }
}

impl<S, C: Clone, O: Clone> Layer<S> for Observe<C, O> {
    type Service = Observed<S, C, O>;
    fn layer(&self, inner: S) -> Self::Service {
        Observed { inner, clock: self.clock.clone(), observer: self.observer.clone() }
    }
}

/// An observed service.
#[derive(Clone, Debug)]
pub struct Observed<S, C, O> {
    inner: S,
    clock: C,
    observer: O,
}

impl<Request, S, C, O, T, E> Service<Request> for Observed<S, C, O>
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
        let mut watch = self.observer.observe(&request);
        let start = self.clock.now();
        watch.on_event(start, Event::Started);
        let mut guard = Guard { clock: &self.clock, start, watch, outcome: Outcome::Cancelled };
        let result = self.inner.call(request).await;
        guard.outcome = Outcome::of(&result);
        result
    }
}

/// Tells the end of a call when it is dropped, by whatever way the call ended.
struct Guard<'a, C: Clock, W: Watch> {
    clock: &'a C,
    start: Instant,
    watch: W,
    outcome: Outcome,
}

impl<C: Clock, W: Watch> Drop for Guard<'_, C, W> {
    fn drop(&mut self) {
        let now = self.clock.now();
        self.watch.on_event(now, Event::Finished { outcome: self.outcome, took: now - self.start });
    }
}
