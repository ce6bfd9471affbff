//! The wait for one deadline, in any world.

use super::Key;
use inflight_strategies::rt::Instant;
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker},
};

/// What a wait needs of the world whose timers it uses.
pub trait Alarms {
    /// Whether `deadline` has come.
    fn is_due(&self, deadline: Instant) -> bool;

    /// Wakes `waker` at `deadline`.
    fn set(&self, deadline: Instant, waker: &Waker) -> Key;

    /// The timer `key`, which was set to `deadline`, shall wake `waker`; the timer that does that from now on. If it has
    /// fired meanwhile it is set again.
    fn renew(&self, deadline: Instant, key: Key, waker: &Waker) -> Key;

    /// Forgets a timer that was set to `deadline`, if it has not fired.
    fn cancel(&self, deadline: Instant, key: Key);
}

/// A wait for a deadline, in any world.
#[derive(Debug)]
pub struct Sleep<A: Alarms> {
    alarms: A,
    deadline: Instant,
    key: Option<Key>,
}

impl<A: Alarms> Sleep<A> {
    /// A wait until `deadline`; it sets no timer before it is polled.
    pub fn new(alarms: A, deadline: Instant) -> Sleep<A> {
        Sleep { alarms, deadline, key: None }
    }

    /// Its time has not come: sets the timer, or sees to it that the right one is woken.
    #[inline(never)]
    fn wait(&mut self, waker: &Waker) -> Poll<()> {
        self.key = Some(match self.key {
            None => self.alarms.set(self.deadline, waker),
            Some(key) => self.alarms.renew(self.deadline, key, waker),
        });
        Poll::Pending
    }

    #[inline]
    fn cancel(&mut self) {
        if let Some(key) = self.key.take() {
            self.alarms.cancel(self.deadline, key);
        }
    }
}

impl<A: Alarms + Unpin> Future for Sleep<A> {
    type Output = ();

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.alarms.is_due(self.deadline) {
            self.cancel();
            return Poll::Ready(());
        }
        self.wait(cx.waker())
    }
}

impl<A: Alarms> Drop for Sleep<A> {
    #[inline]
    fn drop(&mut self) {
        self.cancel();
    }
}
