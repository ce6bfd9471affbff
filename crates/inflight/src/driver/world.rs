//! The pacing world: one thread with the wall clock, timers that are exact to microseconds, tasks and sockets.

use super::{
    core::{self, Core, Running},
    pace::Pace,
    task::{Outside, PacedTask},
};
use inflight_lab::timers::{self, Alarms, Key};
use inflight_strategies::rt::{AcrossThreads, Clock, Executor, Instant};
use std::{
    future::{Future, poll_fn},
    io,
    sync::atomic::{AtomicU64, Ordering},
    task::{Poll, Waker},
};

/// The moment from which a world's clock counts. Worlds with the same epoch have the same clock.
#[derive(Clone, Copy, Debug)]
pub struct Epoch(std::time::Instant);

impl Epoch {
    /// Now.
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everyone else asks")]
    pub fn now() -> Epoch {
        Epoch(std::time::Instant::now())
    }

    /// The time since then.
    #[inline]
    pub fn passed(self) -> Instant {
        Instant::from_nanos(self.0.elapsed().as_nanos() as u64)
    }
}

/// A handle on a pacing world. Its timers, tasks and sockets are only there for code that runs inside [`run`], on that
/// thread; its clock may be read everywhere, and wake-ups may come from everywhere.
#[derive(Clone, Copy, Debug)]
pub struct World {
    number: u64,
    epoch: Epoch,
}

/// Runs `main` in a new world on this thread until it ends; tasks that are left then are dropped.
pub fn run<T, F>(epoch: Epoch, main: impl FnOnce(World) -> F) -> io::Result<T>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    static WORLDS: AtomicU64 = AtomicU64::new(1);
    let world = World { number: WORLDS.fetch_add(1, Ordering::Relaxed), epoch };
    let processors = crate::processors::of_the_machine();
    let _running = Running::begin(world.number, Core::new(Outside::new()?, Pace::new(processors))?);
    let main = PacedTask::spawn(world.number, main(world));
    core::turn_until(|| epoch.passed(), || main.is_over())?;
    let output = main.take_output().and_then(Result::ok);
    Ok(output.expect("the world's main task does not panic"))
}

impl World {
    /// From now on nobody waits for answers: every wait for one ends.
    pub fn give_up() {
        core::with(Core::give_up);
    }

    /// Whether nobody waits for answers any more.
    pub fn is_over() -> bool {
        core::with(|core| core.is_over())
    }
}

/// Done once [`World::give_up`] was called. It needs no waker: every task is woken by that.
pub(super) async fn over() {
    poll_fn(|_| if World::is_over() { Poll::Ready(()) } else { Poll::Pending }).await
}

/// Lets everyone go on first whose time has come: for work that takes long and has no time of its own.
pub(super) async fn later() {
    let mut has_waited = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut has_waited, true) {
            return Poll::Ready(());
        }
        core::with(Core::step_back);
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await
}

impl Clock for World {
    type Sleep = Sleep;

    #[inline]
    fn now(&self) -> Instant {
        self.epoch.passed()
    }

    fn sleep_until(&self, deadline: Instant) -> Sleep {
        Sleep::new(*self, deadline)
    }
}

/// A wait for a deadline of a pacing world.
pub type Sleep = timers::Sleep<World>;

impl Alarms for World {
    #[inline]
    fn is_due(&self, deadline: Instant) -> bool {
        self.now() >= deadline
    }

    fn set(&self, deadline: Instant, waker: &Waker) -> Key {
        core::with(|core| core.set_timer(deadline, waker))
    }

    fn renew(&self, deadline: Instant, key: Key, waker: &Waker) -> Key {
        core::with(|core| core.renew_timer(deadline, key, waker))
    }

    fn cancel(&self, deadline: Instant, key: Key) {
        if core::current() == self.number {
            // The waker may be anybody's: it is dropped outside.
            drop(core::try_with(|core| core.cancel_timer(deadline, key)));
        }
    }
}

impl Executor for World {
    type Task<T: Send + 'static> = PacedTask<T>;
    type Sharing = AcrossThreads;

    fn spawn<T, F>(&self, _: &'static str, future: F) -> PacedTask<T>
    where
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        PacedTask::spawn(self.number, future)
    }
}
