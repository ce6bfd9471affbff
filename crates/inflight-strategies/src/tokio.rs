//! A world on tokio, for those who have none of their own. Feature `tokio`.
//!
//! Its clock is tokio's, so it obeys `tokio::time::pause` in tests; deadlines are rounded up to whole milliseconds. A wait touches
//! tokio's timer when it is first polled: what answers at once needs none.

use crate::{
    attempt::Chance,
    rt::{AcrossThreads, Clock, Executor, Instant, Rng, Task, TaskLost},
};
use std::{
    collections::hash_map::RandomState,
    future::Future,
    hash::BuildHasher as _,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    task::JoinHandle,
    time::{Instant as Moment, Sleep as Timer, sleep_until},
};

/// tokio's clock and tasks. It begins when it is made; copies are the same world, worlds made apart are not.
#[derive(Clone, Copy, Debug)]
pub struct World {
    began: Moment,
}

impl World {
    /// A world that begins now.
    #[expect(clippy::new_without_default, reason = "two of them are different worlds")]
    pub fn new() -> World {
        World { began: Moment::now() }
    }
}

impl Clock for World {
    type Sleep = Sleep;

    #[inline]
    fn now(&self) -> Instant {
        let since = Moment::now().saturating_duration_since(self.began);
        // 584 years fit.
        Instant::from_nanos(since.as_secs() * 1_000_000_000 + u64::from(since.subsec_nanos()))
    }

    fn sleep_until(&self, deadline: Instant) -> Sleep {
        // A deadline that never comes needs no timer.
        let since = (deadline != Instant::NEVER).then(|| deadline - Instant::ZERO);
        Sleep { ends: since.and_then(|since| self.began.checked_add(since)), timer: None }
    }

    #[inline]
    fn sleep(&self, time: Duration) -> Sleep {
        Sleep { ends: Moment::now().checked_add(time), timer: None }
    }
}

/// A wait for a moment.
#[derive(Debug)]
pub struct Sleep {
    /// `None`: never.
    ends: Option<Moment>,
    timer: Option<Pin<Box<Timer>>>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Sleep { ends, timer } = self.get_mut();
        if let Some(timer) = timer {
            return timer.as_mut().poll(cx);
        }
        match *ends {
            None => Poll::Pending,
            Some(ends) if ends <= Moment::now() => Poll::Ready(()),
            Some(ends) => timer.insert(Box::pin(sleep_until(ends))).as_mut().poll(cx),
        }
    }
}

impl Executor for World {
    type Task<T: Send + 'static> = Spawned<T>;
    type Sharing = AcrossThreads;

    /// # Panics
    /// Outside of a tokio runtime.
    fn spawn<T, F>(&self, _: &'static str, future: F) -> Spawned<T>
    where
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        Spawned::from(tokio::spawn(future))
    }
}

/// A tokio task that is aborted when its handle is dropped.
#[derive(Debug)]
pub struct Spawned<T>(Option<JoinHandle<T>>);

impl<T> From<JoinHandle<T>> for Spawned<T> {
    fn from(handle: JoinHandle<T>) -> Spawned<T> {
        Spawned(Some(handle))
    }
}

impl<T: Send + 'static> Task<T> for Spawned<T> {
    fn detach(mut self) {
        self.0 = None;
    }
}

impl<T> Future for Spawned<T> {
    type Output = Result<T, TaskLost>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let handle = self.0.as_mut().expect("a task is not polled after its end");
        let result = std::task::ready!(Pin::new(handle).poll(cx));
        self.0 = None;
        Poll::Ready(result.map_err(|_| TaskLost))
    }
}

impl<T> Drop for Spawned<T> {
    fn drop(&mut self) {
        if let Some(handle) = &self.0 {
            handle.abort();
        }
    }
}

/// Dice for everyone, from the keys with which the operating system seeds the standard library's hashers. Nothing repeats: each
/// request has dice of its own whenever it asks.
#[derive(Clone, Debug)]
pub struct Luck(Arc<(RandomState, AtomicU64)>);

impl Luck {
    /// New dice.
    #[expect(clippy::new_without_default, reason = "two of them show different numbers")]
    pub fn new() -> Luck {
        Luck(Arc::new((RandomState::new(), AtomicU64::new(0))))
    }

    /// Dice for one layer or request.
    pub fn dice(&self) -> Dice {
        let (keys, asked) = &*self.0;
        Dice(keys.hash_one(asked.fetch_add(1, Ordering::Relaxed)))
    }
}

impl<Request> Chance<Request> for Luck {
    type Dice = Dice;
    fn dice(&self, _: &Request) -> Dice {
        Luck::dice(self)
    }
}

/// SplitMix64 (Steele, Lea and Flood 2014).
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Rng for Dice {
    fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}
