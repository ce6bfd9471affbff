//! A counting semaphore that hands permits on in order of arrival and loses none.

use super::waitlist::{Key, WaitList};
use std::{
    future::Future,
    pin::Pin,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

/// At most `capacity` permits are out at once; waiters get them first come, first served.
#[derive(Debug)]
pub struct Semaphore {
    capacity: u32,
    queue: Option<u32>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    free: u32,
    waiting: WaitList<Waker>,
}

impl Semaphore {
    /// `capacity` permits, and a line of at most `queue` waiters (`None`: no bound).
    pub fn new(capacity: u32, queue: Option<u32>) -> Self {
        Semaphore { capacity, queue, state: Mutex::new(State { free: capacity, waiting: WaitList::new() }) }
    }

    /// Waits for a permit. The answer is `None` at once if the line is full. Dropping the wait leaves the line; a permit
    /// that was granted in that very moment goes to the next.
    pub fn acquire(&self) -> Acquire<'_> {
        Acquire { semaphore: self, key: None }
    }

    /// A permit, if one is free now; nobody waits then, so nobody is overtaken.
    pub fn try_acquire(&self) -> Option<Permit<'_>> {
        let mut state = self.lock();
        state.free = state.free.checked_sub(1)?;
        Some(Permit { semaphore: self })
    }

    /// Permits that are out.
    pub fn in_flight(&self) -> u32 {
        self.capacity - self.lock().free
    }

    /// Callers that wait.
    pub fn waiting(&self) -> u32 {
        self.lock().waiting.len()
    }

    /// No code of others runs under this lock but `Waker::clone`, so a poisoned state is a consistent one.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands one permit to the longest waiter, or puts it back.
    fn release(&self) {
        let mut state = self.lock();
        let next = state.waiting.grant();
        if next.is_none() {
            state.free += 1;
            assert!(state.free <= self.capacity, "a permit was returned twice");
        }
        drop(state);
        if let Some(waker) = next {
            waker.wake();
        }
    }
}

/// A wait for a permit; see [`Semaphore::acquire`].
#[derive(Debug)]
#[must_use = "a wait does nothing unless awaited"]
pub struct Acquire<'a> {
    semaphore: &'a Semaphore,
    key: Option<Key>,
}

impl<'a> Future for Acquire<'a> {
    type Output = Option<Permit<'a>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let semaphore = self.semaphore;
        let mut state = semaphore.lock();
        match self.key {
            None if state.free > 0 => {
                state.free -= 1;
                Poll::Ready(Some(Permit { semaphore }))
            }
            None if semaphore.queue.is_some_and(|bound| state.waiting.len() >= bound) => Poll::Ready(None),
            None => {
                self.key = Some(state.waiting.push(cx.waker().clone()));
                Poll::Pending
            }
            Some(key) => match state.waiting.waiting(key) {
                Some(waker) => {
                    waker.clone_from(cx.waker());
                    Poll::Pending
                }
                None => {
                    state.waiting.remove(key);
                    self.key = None;
                    Poll::Ready(Some(Permit { semaphore }))
                }
            },
        }
    }
}

impl Drop for Acquire<'_> {
    fn drop(&mut self) {
        let Some(key) = self.key else { return };
        let mut state = self.semaphore.lock();
        let granted = state.waiting.is_granted(key);
        state.waiting.remove(key);
        drop(state);
        if granted {
            self.semaphore.release();
        }
    }
}

/// A permit; goes back when dropped.
#[derive(Debug)]
#[must_use = "a permit that is dropped at once limits nothing"]
pub struct Permit<'a> {
    semaphore: &'a Semaphore,
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.semaphore.release();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::{collections::VecDeque, pin::pin, sync::Arc, sync::atomic::*, task::Wake};

    struct Count(AtomicU32);
    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_free_permit_never_overtakes_the_line() {
        // Free permits and waiters never exist together, so `free > 0` alone admits in order.
        let s = Semaphore::new(1, None);
        let mut cx = Context::from_waker(Waker::noop());
        let Poll::Ready(Some(first)) = pin!(s.acquire()).poll(&mut cx) else { panic!("free") };
        let mut second = Box::pin(s.acquire());
        assert!(second.as_mut().poll(&mut cx).is_pending());
        drop(first);
        assert!(pin!(s.acquire()).poll(&mut cx).is_pending(), "granted to the second, though not yet polled");
        assert!(second.as_mut().poll(&mut cx).is_ready());
    }

    #[test]
    fn a_permit_granted_to_a_wait_that_is_dropped_goes_to_the_next() {
        let s = Semaphore::new(1, None);
        let count = Arc::new(Count(AtomicU32::new(0)));
        let waker = Waker::from(count.clone());
        let mut cx = Context::from_waker(&waker);
        let Poll::Ready(Some(first)) = pin!(s.acquire()).poll(&mut cx) else { panic!("free") };
        let mut second = Box::pin(s.acquire());
        let mut third = Box::pin(s.acquire());
        assert!(second.as_mut().poll(&mut cx).is_pending());
        assert!(third.as_mut().poll(&mut cx).is_pending());
        drop(first);
        drop(second);
        assert_eq!(count.0.load(Ordering::Relaxed), 2, "one wake-up each");
        assert!(third.as_mut().poll(&mut cx).is_ready());
        assert_eq!(s.in_flight(), 0, "the third's permit went back when its answer was dropped");
    }

    #[test]
    fn a_full_line_answers_at_once() {
        let s = Semaphore::new(1, Some(1));
        let mut cx = Context::from_waker(Waker::noop());
        let Poll::Ready(Some(_permit)) = pin!(s.acquire()).poll(&mut cx) else { panic!("free") };
        let mut second = Box::pin(s.acquire());
        assert!(second.as_mut().poll(&mut cx).is_pending());
        assert!(matches!(pin!(s.acquire()).poll(&mut cx), Poll::Ready(None)));
    }

    proptest! {
        /// Any mix of arriving, polling, leaving and releasing: never more than the capacity out, first come first
        /// served, and everything back at the end.
        #[test]
        fn permits_return_whatever_happens(capacity in 1u32..4, steps in proptest::collection::vec((0u8..4, any::<u8>()), 0..120)) {
            let s = Semaphore::new(capacity, None);
            let mut cx = Context::from_waker(Waker::noop());
            let mut line: VecDeque<(usize, Pin<Box<Acquire<'_>>>)> = VecDeque::new();
            let mut held = Vec::new();
            let (mut arrived, mut served) = (0usize, None);
            for (step, pick) in steps {
                match step {
                    0 => {
                        let mut wait = Box::pin(s.acquire());
                        match wait.as_mut().poll(&mut cx) {
                            Poll::Ready(permit) => held.push(permit),
                            Poll::Pending => line.push_back((arrived, wait)),
                        }
                        arrived += 1;
                    }
                    1 if !held.is_empty() => drop(held.swap_remove(usize::from(pick) % held.len())),
                    2 if !line.is_empty() => drop(line.remove(usize::from(pick) % line.len())),
                    _ => {
                        while let Some((n, wait)) = line.front_mut() {
                            let Poll::Ready(permit) = wait.as_mut().poll(&mut cx) else { break };
                            prop_assert!(served < Some(*n), "in order of arrival");
                            served = Some(*n);
                            held.push(permit);
                            line.pop_front();
                        }
                    }
                }
                prop_assert!(s.in_flight() <= capacity && held.len() as u32 <= s.in_flight());
            }
            drop(line);
            drop(held);
            prop_assert_eq!((s.in_flight(), s.waiting()), (0, 0));
        }
    }
}
