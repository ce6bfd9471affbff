//! A call that does nothing, and how one call after the other is made.

use inflight_strategies::{
    admission::{breakwater, dagor},
    attempt::Attempt,
    coalesce,
    deadline::WithDeadline,
    rt::Instant,
    service::{Deadline, Failure, Service},
};
use std::{
    convert::Infallible,
    future::{Future, Ready, ready},
    hint::black_box,
    pin::pin,
    task::{Context, Poll, Waker},
};

/// A request: a number.
#[derive(Clone, Copy, Debug)]
pub struct Call(pub u32);

impl Attempt for Call {
    fn attempt(&self, _: u32) -> Call {
        *self
    }
}

impl Deadline for Call {
    fn deadline(&self) -> Option<Instant> {
        None
    }
}

impl WithDeadline for Call {
    fn with_deadline(self, _: Instant) -> Call {
        self
    }
}

/// All calls are alike.
#[derive(Clone, Copy, Debug)]
pub struct Alike;

impl coalesce::Key<Call> for Alike {
    type Key = u32;
    fn key(&self, call: &Call) -> Option<u32> {
        Some(call.0)
    }
}

impl dagor::Rank<Call> for Alike {
    fn level(&self, _: &Call) -> dagor::Level {
        dagor::Level { class: 1, user: 1 }
    }
}

impl breakwater::Client<Call> for Alike {
    fn client(&self, _: &Call) -> u32 {
        0
    }
}

/// What is behind the strategies: nothing.
#[derive(Clone, Copy, Debug)]
pub struct Nothing;

impl Service<Call> for Nothing {
    type Response = u32;
    type Error = Failure<Infallible>;

    async fn call(&self, call: Call) -> Result<u32, Failure<Infallible>> {
        Ok(call.0)
    }
}

impl tower::Service<Call> for Nothing {
    type Response = u32;
    type Error = Infallible;
    type Future = Ready<Result<u32, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call) -> Self::Future {
        ready(Ok(call.0))
    }
}

/// Polls what is ready at once.
pub fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("nothing here has to wait"),
    }
}

/// So many calls of a service of ours.
pub fn native(service: impl Service<Call, Response = u32, Error = Failure<Infallible>>, calls: u64) {
    let mut cx = Context::from_waker(Waker::noop());
    for i in 0..calls {
        // Pinned where it is made, and looked at where it is: a future or an answer that is moved is copied.
        let answer = pin!(service.call(Call(black_box(i as u32)))).poll(&mut cx);
        assert!(matches!(black_box(&answer), Poll::Ready(Ok(_))));
    }
}

/// So many calls of a tower service, each after it was readied.
pub fn tower<S: tower::Service<Call, Response = u32>>(mut service: S, calls: u64) {
    let mut cx = Context::from_waker(Waker::noop());
    for i in 0..calls {
        assert!(matches!(service.poll_ready(&mut cx), Poll::Ready(Ok(()))));
        let answer = pin!(service.call(Call(black_box(i as u32)))).poll(&mut cx);
        assert!(matches!(black_box(&answer), Poll::Ready(Ok(_))));
    }
}
