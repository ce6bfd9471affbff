//! A world is a clock, dice and an executor: contracts only.
//!
//! The live world (tokio, wall clock) and the virtual world (a deterministic executor with a nanosecond clock)
//! implement these traits; strategies, dependencies, the load driver and the recorder are generic over them and never
//! ask anyone else for the time, a random number or a task.

use std::{
    fmt,
    future::{Future, poll_fn},
    ops::{Add, Deref, Sub},
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    task::Poll,
    time::Duration,
};

/// A point in time: nanoseconds since the world began. It cannot be mixed up with another world's clock.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Instant(u64);

impl Instant {
    /// The moment at which the world began.
    pub const ZERO: Instant = Instant(0);
    /// The end of time: 584 years after the world began. A deadline here never comes.
    pub const NEVER: Instant = Instant(u64::MAX);

    /// The moment `nanos` nanoseconds after the world began.
    pub const fn from_nanos(nanos: u64) -> Instant {
        Instant(nanos)
    }

    /// Nanoseconds since the world began.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Time since `earlier`, zero if `earlier` is later.
    #[inline]
    pub const fn since(self, earlier: Instant) -> Duration {
        match self.0.saturating_sub(earlier.0) {
            // Most spans are short, and need no division.
            nanos @ 0..1_000_000_000 => Duration::new(0, nanos as u32),
            nanos => Duration::from_nanos(nanos),
        }
    }
}

impl Add<Duration> for Instant {
    type Output = Instant;
    /// Saturates at [`Instant::NEVER`].
    #[inline]
    fn add(self, rhs: Duration) -> Instant {
        let nanos = rhs.as_secs().saturating_mul(1_000_000_000).saturating_add(u64::from(rhs.subsec_nanos()));
        Instant(self.0.saturating_add(nanos))
    }
}

impl Sub for Instant {
    type Output = Duration;
    /// Saturates at zero, as [`Instant::since`].
    #[inline]
    fn sub(self, rhs: Instant) -> Duration {
        self.since(rhs)
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "+{:?}", Duration::from_nanos(self.0))
    }
}

/// Tells the time and waits for it.
pub trait Clock: Clone + Send + Sync + 'static {
    /// A wait that ends at its deadline; dropping it forgets the wait.
    type Sleep: Future<Output = ()> + Send + 'static;

    /// The time now.
    fn now(&self) -> Instant;

    /// Waits until `deadline`; ready at once, without touching a timer, if that is past.
    fn sleep_until(&self, deadline: Instant) -> Self::Sleep;

    /// Waits for `time` from now on.
    fn sleep(&self, time: Duration) -> Self::Sleep {
        self.sleep_until(self.now() + time)
    }
}

/// Runs tasks.
pub trait Executor: Clone + Send + Sync + 'static {
    /// A running task; see [`Task`].
    type Task<T: Send + 'static>: Task<T>;

    /// What its tasks share values with: [`AcrossThreads`], unless all of them run on one thread.
    type Sharing: Sharing;

    /// Starts `future` as a task of its own. `name` is for people: it appears in diagnoses.
    fn spawn<T, F>(&self, name: &'static str, future: F) -> Self::Task<T>
    where
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static;

    /// [`Executor::spawn`] of the future that `make` makes, at once. Where tasks have places of their own, a large future
    /// is made where it will stay.
    #[inline]
    fn spawn_with<T, F>(&self, name: &'static str, make: impl FnOnce() -> F) -> Self::Task<T>
    where
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        self.spawn(name, make())
    }
}

/// How the tasks of a world share values. Futures are `Send` in every world; but only where tasks run on several threads must
/// sharing pay for that.
pub trait Sharing: 'static {
    /// A counted reference.
    type Shared<T: Send + Sync + 'static>: Deref<Target = T> + Clone + Send + Sync + Unpin + 'static;

    /// A value for one at a time.
    type Lock<T: Send + 'static>: Lock<T>;

    /// The first reference to `value`.
    fn share<T: Send + Sync + 'static>(value: T) -> Self::Shared<T>;

    /// `value`, for one at a time.
    fn lock<T: Send + 'static>(value: T) -> Self::Lock<T>;
}

/// A reference that the tasks of world `W` share.
pub type Shared<W, T> = <<W as Executor>::Sharing as Sharing>::Shared<T>;

/// A value that the tasks of world `W` work on one at a time.
pub type Locked<W, T> = <<W as Executor>::Sharing as Sharing>::Lock<T>;

/// See [`Sharing::Lock`].
pub trait Lock<T>: Send + Sync + 'static {
    /// Works on the value while nobody else does. `work` must not come back here, and had better be short.
    fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R;
}

/// Sharing between tasks that may run on several threads: [`Arc`] and [`Mutex`].
#[derive(Clone, Copy, Debug)]
pub struct AcrossThreads;

impl Sharing for AcrossThreads {
    type Shared<T: Send + Sync + 'static> = Arc<T>;
    type Lock<T: Send + 'static> = Mutex<T>;

    fn share<T: Send + Sync + 'static>(value: T) -> Arc<T> {
        Arc::new(value)
    }

    fn lock<T: Send + 'static>(value: T) -> Mutex<T> {
        Mutex::new(value)
    }
}

/// A value that somebody left who panicked is handed on as it is.
impl<T: Send + 'static> Lock<T> for Mutex<T> {
    #[inline]
    fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        work(&mut self.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A handle on a running task. **Dropping it cancels the task**: work lives no longer than somebody who wants it,
/// unless that somebody says so with [`Task::detach`].
pub trait Task<T>: Future<Output = Result<T, TaskLost>> + Send + Unpin {
    /// Lets the task live on without anybody waiting for it.
    fn detach(self);
}

/// The task ended without an answer: it panicked, or its world shut down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskLost;

impl fmt::Display for TaskLost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the task panicked or its world shut down")
    }
}

impl std::error::Error for TaskLost {}

/// Dice. Deterministic given their state; nothing in this crate makes dice of its own.
pub trait Rng {
    /// 64 independent uniform bits.
    fn next_u64(&mut self) -> u64;

    /// Uniform in [0, 1), with 53 bits.
    fn unit(&mut self) -> f64 {
        // 2^-53: the spacing of doubles just below one.
        (self.next_u64() >> 11) as f64 * (1.0 / 9_007_199_254_740_992.0)
    }
}

/// Everything that a piece of lab code needs from outside: time and tasks (dice are handed over where they are thrown).
pub trait World: Clock + Executor {}

impl<W: Clock + Executor> World for W {}

/// The one of two futures that was ready first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum First<A, B> {
    /// The first future's output; it wins ties.
    Left(A),
    /// The second future's output.
    Right(B),
}

/// Waits for whichever of two futures is ready first and drops the other. The first is polled first, always, so that a
/// virtual world repeats exactly and an answer that arrives at its deadline counts as an answer.
pub async fn race<A: Future, B: Future>(left: A, right: B) -> First<A::Output, B::Output> {
    let (mut left, mut right) = (pin!(left), pin!(right));
    poll_fn(move |cx| {
        if let Poll::Ready(out) = left.as_mut().poll(cx) {
            return Poll::Ready(First::Left(out));
        }
        right.as_mut().poll(cx).map(First::Right)
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_saturate_at_both_ends() {
        let t = Instant::from_nanos(5);
        assert_eq!(t - Instant::from_nanos(7), Duration::ZERO);
        assert_eq!(t + Duration::MAX, Instant::NEVER);
        assert_eq!((t + Duration::from_nanos(3)).as_nanos(), 8);
    }

    #[test]
    fn unit_is_below_one_even_for_the_largest_draw() {
        struct Max;
        impl Rng for Max {
            fn next_u64(&mut self) -> u64 {
                u64::MAX
            }
        }
        assert!(Max.unit() < 1.0);
    }
}
