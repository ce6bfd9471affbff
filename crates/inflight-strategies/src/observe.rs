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
use std::{future::Future, time::Duration};

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

impl<S, C: Clock, O> Observed<S, C, O> {
    /// The call, and how long it was inside, as the observer heard it: whoever asks the clock again hears another time.
    pub fn call_timed<Request, T, E>(
        &self,
        request: Request,
    ) -> impl Future<Output = (Result<T, Failure<E>>, Duration)>
    where
        S: Service<Request, Response = T, Error = Failure<E>>,
        O: Observer<Request>,
    {
        async move {
            let mut visit = self.visit(&request);
            visit.begins();
            let result = self.inner.call(request).await;
            let took = visit.ends(Outcome::of(&result));
            (result, took)
        }
    }

    /// The visit that begins now. It is told so where it stays: what moves after that moves slowly.
    #[inline]
    fn visit<Request>(&self, request: &Request) -> Visit<'_, C, O::Watch<'_>>
    where
        O: Observer<Request>,
    {
        let watch = self.observer.observe(request);
        Visit { clock: &self.clock, start: self.clock.now(), watch, over: false }
    }
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

    fn call(&self, request: Request) -> impl Future<Output = Result<T, Failure<E>>> + Send {
        async move {
            let mut visit = self.visit(&request);
            visit.begins();
            let result = self.inner.call(request).await;
            visit.ends(Outcome::of(&result));
            result
        }
    }
}

/// A call's time inside. Its end is told once: by how it ended, or as cancelled if it is dropped before.
struct Visit<'a, C: Clock, W: Watch> {
    clock: &'a C,
    start: Instant,
    watch: W,
    over: bool,
}

impl<C: Clock, W: Watch> Visit<'_, C, W> {
    #[inline]
    fn begins(&mut self) {
        self.watch.on_event(self.start, Event::Started);
    }

    fn ends(&mut self, outcome: Outcome) -> Duration {
        self.over = true;
        let now = self.clock.now();
        let took = now - self.start;
        self.watch.on_event(now, Event::Finished { outcome, took });
        took
    }
}

impl<C: Clock, W: Watch> Drop for Visit<'_, C, W> {
    fn drop(&mut self) {
        if !self.over {
            self.ends(Outcome::Cancelled);
        }
    }
}
