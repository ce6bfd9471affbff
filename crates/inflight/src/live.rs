//! The live world: wall clock, a timer that is exact to tens of microseconds, and tokio's tasks.
//!
//! tokio's own timer rounds every deadline up to the next whole millisecond, which would be the largest error in every
//! figure of the lab. Here one thread keeps all deadlines in order and sleeps, with a timer slack of 1 ns, until the first.

use inflight_lab::timers::{self, Alarms, Key, Timers};
use inflight_strategies::{
    rt::{AcrossThreads, Clock, Executor, Instant},
    tokio::Spawned,
};
use std::{
    future::Future,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    task::Waker,
    time::{Duration, SystemTime},
};
use tokio::runtime::Handle;

/// The live world. Clones are handles on the same one.
#[derive(Clone, Debug)]
pub struct World {
    timer: Arc<Timer>,
    runtime: Handle,
}

impl World {
    /// A world that begins now and runs its tasks on `runtime`.
    pub fn new(runtime: Handle) -> World {
        World { timer: Timer::start(), runtime }
    }

    /// The wall clock's time at `instant`, as it was set when the world began.
    pub fn wall_time(&self, instant: Instant) -> SystemTime {
        self.timer.began.1 + Duration::from_nanos(instant.as_nanos())
    }
}

impl Clock for World {
    type Sleep = Sleep;

    fn now(&self) -> Instant {
        self.timer.now()
    }

    fn sleep_until(&self, deadline: Instant) -> Sleep {
        Sleep::new(SharedTimer(self.timer.clone()), deadline)
    }
}

impl Executor for World {
    type Task<T: Send + 'static> = Spawned<T>;
    type Sharing = AcrossThreads;

    fn spawn<T, F>(&self, _: &'static str, future: F) -> Spawned<T>
    where
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        Spawned::from(self.runtime.spawn(future))
    }
}

/// Deadlines, and the thread that waits for the first of them.
#[derive(Debug)]
struct Timer {
    began: (std::time::Instant, SystemTime),
    state: Mutex<Pending>,
    sooner: Condvar,
}

#[derive(Debug)]
struct Pending {
    timers: Timers<Waker>,
    /// When the thread will look again by itself. A deadline before this must wake it; while it is awake anyway this is
    /// [`Instant::ZERO`]. It may look in vain, when the first deadline was cancelled, but never too late.
    looks_at: Instant,
}

impl Timer {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everyone else asks")]
    fn start() -> Arc<Timer> {
        let timer = Arc::new(Timer {
            began: (std::time::Instant::now(), SystemTime::now()),
            state: Mutex::new(Pending { timers: Timers::default(), looks_at: Instant::ZERO }),
            sooner: Condvar::new(),
        });
        let weak = Arc::downgrade(&timer);
        std::thread::Builder::new()
            .name("timer".into())
            .spawn(move || {
                wake_exactly();
                while let Some(timer) = weak.upgrade() {
                    timer.fire_and_wait();
                }
            })
            .expect("a thread for the timer");
        timer
    }

    fn now(&self) -> Instant {
        Instant::from_nanos(u64::try_from(self.began.0.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes whoever is due, then sleeps until the next deadline, an earlier one that is set meanwhile, or a second.
    fn fire_and_wait(&self) {
        let now = self.now();
        let mut state = self.lock();
        state.looks_at = Instant::ZERO;
        let due: Vec<Waker> = std::iter::from_fn(|| state.timers.pop_due(now)).collect();
        if !due.is_empty() {
            drop(state);
            due.into_iter().for_each(Waker::wake);
            return;
        }
        let limit = now + Duration::from_secs(1);
        state.looks_at = state.timers.next().unwrap_or(limit).min(limit);
        let wait = state.looks_at - now;
        let _ = self.sooner.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner);
    }

    fn set(&self, deadline: Instant, waker: &Waker) -> Key {
        let mut state = self.lock();
        let key = state.timers.set(deadline, waker.clone());
        self.hurry(state, deadline);
        key
    }

    fn renew(&self, deadline: Instant, key: Key, waker: &Waker) -> Key {
        let mut state = self.lock();
        let key = state.timers.renew(deadline, key, waker);
        self.hurry(state, deadline);
        key
    }

    /// Wakes the thread if it would look too late for `deadline`.
    fn hurry(&self, mut state: MutexGuard<'_, Pending>, deadline: Instant) {
        if deadline < state.looks_at {
            state.looks_at = deadline;
            drop(state);
            self.sooner.notify_one();
        }
    }
}

/// Asks the system to wake this thread within a nanosecond of its deadlines, not within the usual 50 µs.
#[cfg(target_os = "linux")]
fn wake_exactly() {
    // If it is refused, the timer is less exact and still right.
    let _ = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1));
}

/// Other systems have no such setting.
#[cfg(not(target_os = "linux"))]
fn wake_exactly() {}

/// A wait for a deadline.
pub type Sleep = timers::Sleep<SharedTimer>;

/// The timer that all waits of a world use.
#[derive(Clone, Debug)]
pub struct SharedTimer(Arc<Timer>);

impl Alarms for SharedTimer {
    fn is_due(&self, deadline: Instant) -> bool {
        self.0.now() >= deadline
    }

    fn set(&self, deadline: Instant, waker: &Waker) -> Key {
        self.0.set(deadline, waker)
    }

    fn renew(&self, deadline: Instant, key: Key, waker: &Waker) -> Key {
        self.0.renew(deadline, key, waker)
    }

    fn cancel(&self, deadline: Instant, key: Key) {
        self.0.lock().timers.cancel(deadline, key);
    }
}
