//! hyper's timer for header timeouts: moved at every request, almost never due.
//!
//! Moving a deadline only notes it. The timer underneath is set once; if it rings before the noted deadline it is set again
//! for the rest. A request then costs no visit to the timer wheel. Deadlines are exact to a few milliseconds, which is all
//! that a limit on slow clients needs.

use hyper::rt::{Sleep, Timer};
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

/// Makes timers that are cheap to move.
#[derive(Clone, Copy, Debug)]
pub(super) struct LazyTimer;

impl Timer for LazyTimer {
    #[expect(clippy::disallowed_methods, reason = "hyper counts in the system's own instants")]
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(Instant::now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(LazySleep { deadline, ringing: None })
    }

    fn reset(&self, sleep: &mut Pin<Box<dyn Sleep>>, deadline: Instant) {
        match sleep.as_mut().downcast_mut_pin::<LazySleep>() {
            Some(sleep) => sleep.get_mut().deadline = deadline,
            None => *sleep = self.sleep_until(deadline),
        }
    }
}

/// A wait whose end may move. It is only ever moved to a later time while it is set.
#[derive(Debug)]
struct LazySleep {
    deadline: Instant,
    ringing: Option<(Instant, Pin<Box<tokio::time::Sleep>>)>,
}

impl Sleep for LazySleep {}

impl Future for LazySleep {
    type Output = ();

    #[expect(clippy::disallowed_methods, reason = "whole milliseconds are exact enough here")]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let deadline = self.deadline;
        loop {
            let (at, bell) = self
                .ringing
                .get_or_insert_with(|| (deadline, Box::pin(tokio::time::sleep_until(deadline.into()))));
            std::task::ready!(bell.as_mut().poll(cx));
            if *at >= deadline {
                self.ringing = None;
                return Poll::Ready(());
            }
            *at = deadline;
            bell.as_mut().reset(deadline.into());
        }
    }
}
