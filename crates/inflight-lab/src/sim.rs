//! The virtual world: a deterministic executor whose clock jumps to the next deadline as soon as everyone waits.
//!
//! One thread, nanoseconds, no randomness: tasks run in the order in which they were woken, deadlines fire in the order in
//! which they were set. Any async code that takes its time and tasks from [`inflight_strategies::rt`] runs here unchanged.

use crate::timers::{Key, Timers};
use inflight_strategies::rt::{Clock, Executor, Instant, Task, TaskLost};
use std::{
    collections::VecDeque,
    fmt,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

/// What a virtual world is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The clock's grain, at least 1 ns: every deadline is rounded up to a multiple of it. 1 ms is tokio's timer.
    pub resolution: Duration,
    /// How much later than its (rounded) deadline every timer fires: a model of a real machine's timer.
    pub overshoot: Duration,
    /// The clock must not pass this.
    pub max_time: Duration,
    /// How often tasks may be polled in one run.
    pub max_polls: u64,
    /// How often tasks may be polled without the clock moving: more is a task that never waits.
    pub max_polls_at_once: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            resolution: Duration::from_nanos(1),
            overshoot: Duration::ZERO,
            max_time: Duration::from_secs(100 * 365 * 86_400),
            max_polls: 1 << 40,
            max_polls_at_once: 100_000_000,
        }
    }
}

impl Settings {
    /// When a timer that was set to `deadline` fires.
    fn fires(&self, deadline: Instant) -> Instant {
        let grain = u64::try_from(self.resolution.as_nanos()).unwrap_or(u64::MAX).max(1);
        let rounded = deadline.as_nanos().checked_next_multiple_of(grain).unwrap_or(u64::MAX);
        Instant::from_nanos(rounded) + self.overshoot
    }
}

type Future0 = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A virtual world. Clones are handles on the same one.
#[derive(Clone)]
pub struct World(Arc<Shared>);

struct Shared {
    settings: Settings,
    now: AtomicU64,
    state: Mutex<State>,
    ready: Mutex<VecDeque<usize>>,
}

#[derive(Default)]
struct State {
    timers: Timers<Waker>,
    tasks: Vec<Slot>,
    free: Vec<usize>,
}

/// A place for a task.
#[derive(Default)]
struct Slot {
    name: &'static str,
    /// `None` while it is being polled, and when there is no task.
    future: Option<Future0>,
    waker: Option<Arc<TaskWaker>>,
}

/// Why a world cannot go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stuck {
    /// Everyone waits, and no deadline is set. The tasks' names are given.
    Deadlock {
        /// When.
        at: Instant,
        /// Who waits.
        waiting: Vec<&'static str>,
    },
    /// The clock reached [`Settings::max_time`].
    TooLong {
        /// When.
        at: Instant,
    },
    /// The clock stands still while tasks run on and on. The last one's name is given.
    Livelock {
        /// When.
        at: Instant,
        /// Who ran last.
        running: &'static str,
    },
}

impl fmt::Display for Stuck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stuck::Deadlock { at, waiting } => {
                write!(f, "deadlock at {at:?}: no deadline is set and all wait: {}", waiting.join(", "))
            }
            Stuck::TooLong { at } => write!(f, "at {at:?} the world has lasted as long as it may"),
            Stuck::Livelock { at, running } => {
                write!(f, "livelock at {at:?}: the clock stands still; the last task to run was {running:?}")
            }
        }
    }
}

impl std::error::Error for Stuck {}

/// What a finished run was like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trace {
    /// When the main task ended.
    pub ended: Instant,
    /// How often tasks were polled.
    pub polls: u64,
    /// A hash of every poll: which task, when. Equal runs have equal hashes.
    pub hash: u64,
}

/// Runs `main` in a new world until it ends; tasks that are left then are dropped.
pub fn run<T, F>(main: impl FnOnce(World) -> F) -> Result<(T, Trace), Stuck>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    run_with(Settings::default(), main)
}

/// [`run`] in a world that is as `settings` say.
pub fn run_with<T, F>(settings: Settings, main: impl FnOnce(World) -> F) -> Result<(T, Trace), Stuck>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    let (now, state, ready) = (AtomicU64::new(0), Mutex::default(), Mutex::default());
    let world = World(Arc::new(Shared { settings, now, state, ready }));
    let mut main = world.spawn("main", main(world.clone()));
    let result = world.advance_until(&mut main);
    // Futures hold handles on the world; what they drop may wake others, so they are dropped outside of its lock.
    let left: Vec<Slot> = std::mem::take(&mut world.0.state().tasks);
    drop(left);
    result
}

impl World {
    fn advance_until<T: Send + 'static>(&self, main: &mut SimTask<T>) -> Result<(T, Trace), Stuck> {
        let (mut polls, mut hash, mut polls_now) = (0, 0xcbf2_9ce4_8422_2325_u64, 0);
        loop {
            let Some(id) = self.0.ready().pop_front() else {
                self.jump()?;
                polls_now = 0;
                continue;
            };
            (polls, polls_now) = (polls + 1, polls_now + 1);
            for word in [self.now().as_nanos(), id as u64] {
                hash = (hash ^ word).wrapping_mul(0x0000_0100_0000_01b3);
            }
            let name = self.poll(id);
            if let Some(end) = main.take_end() {
                let value = end.expect("main does not panic unnoticed");
                return Ok((value, Trace { ended: self.now(), polls, hash }));
            }
            let limits = &self.0.settings;
            if polls_now > limits.max_polls_at_once || polls > limits.max_polls {
                return Err(Stuck::Livelock { at: self.now(), running: name });
            }
        }
    }

    /// Moves the clock to the next deadline and wakes whoever it is for.
    fn jump(&self) -> Result<(), Stuck> {
        let mut state = self.0.state();
        let Some(next) = state.timers.next() else {
            let waiting =
                state.tasks.iter().filter(|slot| slot.waker.is_some()).map(|slot| slot.name).collect();
            return Err(Stuck::Deadlock { at: self.now(), waiting });
        };
        if next > Instant::ZERO + self.0.settings.max_time {
            return Err(Stuck::TooLong { at: self.now() });
        }
        self.0.now.store(next.as_nanos(), Ordering::Relaxed);
        let due: Vec<Waker> = std::iter::from_fn(|| state.timers.pop_due(next)).collect();
        drop(state);
        due.into_iter().for_each(Waker::wake);
        Ok(())
    }

    /// Polls a task, if it is still there, and returns its name.
    fn poll(&self, id: usize) -> &'static str {
        let mut state = self.0.state();
        let slot = &mut state.tasks[id];
        let name = slot.name;
        let (Some(mut future), Some(waker)) = (slot.future.take(), slot.waker.clone()) else { return name };
        waker.queued.store(false, Ordering::Relaxed);
        drop(state);
        let polled = future.as_mut().poll(&mut Context::from_waker(&Waker::from(waker.clone())));
        let mut state = self.0.state();
        if polled.is_pending() && !waker.cancelled.load(Ordering::Relaxed) {
            state.tasks[id].future = Some(future);
            return name;
        }
        state.tasks[id].waker = None;
        state.free.push(id);
        drop(state);
        drop(future);
        name
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ready(&self) -> MutexGuard<'_, VecDeque<usize>> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("sim::World").field("now", &self.now()).finish_non_exhaustive()
    }
}

impl Clock for World {
    type Sleep = Sleep;

    fn now(&self) -> Instant {
        Instant::from_nanos(self.0.now.load(Ordering::Relaxed))
    }

    fn sleep_until(&self, deadline: Instant) -> Sleep {
        let deadline = if deadline > self.now() { self.0.settings.fires(deadline) } else { deadline };
        Sleep { world: self.clone(), deadline, key: None }
    }
}

/// A wait for a deadline of a virtual clock.
#[derive(Debug)]
pub struct Sleep {
    world: World,
    deadline: Instant,
    key: Option<Key>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.world.now() >= self.deadline {
            return Poll::Ready(());
        }
        let mut state = self.world.0.state();
        if let Some(waker) = self.key.and_then(|key| state.timers.get_mut(key)) {
            waker.clone_from(cx.waker());
            return Poll::Pending;
        }
        let key = state.timers.set(self.deadline, cx.waker().clone());
        drop(state);
        self.key = Some(key);
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.world.0.state().timers.cancel(key);
        }
    }
}

/// Puts its task into the ready queue, once until it is polled.
struct TaskWaker {
    id: usize,
    queued: AtomicBool,
    cancelled: AtomicBool,
    world: Weak<Shared>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if let Some(world) = self.world.upgrade().filter(|_| !self.queued.swap(true, Ordering::Relaxed)) {
            world.ready().push_back(self.id);
        }
    }
}

impl Executor for World {
    type Task<T: Send + 'static> = SimTask<T>;

    fn spawn<T, F>(&self, name: &'static str, future: F) -> SimTask<T>
    where
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        let end = Arc::new(Mutex::new(End { value: None, waker: None }));
        let (told, mut future) = (end.clone(), Box::pin(future));
        // A panic ends its task, not the world.
        let future = Box::pin(async move {
            let value = std::future::poll_fn(|cx| {
                match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
                    Ok(poll) => poll.map(Ok),
                    Err(_) => Poll::Ready(Err(TaskLost)),
                }
            })
            .await;
            let mut end = told.lock().unwrap_or_else(PoisonError::into_inner);
            end.value = Some(value);
            let waker = end.waker.take();
            drop(end);
            waker.into_iter().for_each(Waker::wake);
        });
        let waker = self.add(name, future);
        waker.wake_by_ref();
        SimTask { end, waker: Some(waker) }
    }
}

impl World {
    fn add(&self, name: &'static str, future: Future0) -> Arc<TaskWaker> {
        let mut state = self.0.state();
        let id = state.free.pop().unwrap_or_else(|| {
            state.tasks.push(Slot::default());
            state.tasks.len() - 1
        });
        let waker = Arc::new(TaskWaker {
            id,
            queued: AtomicBool::new(false),
            cancelled: AtomicBool::new(false),
            world: Arc::downgrade(&self.0),
        });
        state.tasks[id] = Slot { name, future: Some(future), waker: Some(waker.clone()) };
        waker
    }
}

/// What a task ended with, and who waits for it.
struct End<T> {
    value: Option<Result<T, TaskLost>>,
    waker: Option<Waker>,
}

/// A task of a virtual world; cancelled when dropped.
pub struct SimTask<T> {
    end: Arc<Mutex<End<T>>>,
    waker: Option<Arc<TaskWaker>>,
}

impl<T> SimTask<T> {
    fn take_end(&mut self) -> Option<Result<T, TaskLost>> {
        self.end.lock().unwrap_or_else(PoisonError::into_inner).value.take()
    }
}

impl<T: Send + 'static> Task<T> for SimTask<T> {
    fn detach(mut self) {
        self.waker = None;
    }
}

impl<T> Future for SimTask<T> {
    type Output = Result<T, TaskLost>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(value) = self.take_end() {
            self.waker = None;
            return Poll::Ready(value);
        }
        self.end.lock().unwrap_or_else(PoisonError::into_inner).waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl<T> Drop for SimTask<T> {
    fn drop(&mut self) {
        let Some(waker) = self.waker.take() else { return };
        let Some(world) = waker.world.upgrade() else { return };
        waker.cancelled.store(true, Ordering::Relaxed);
        let mut state = world.state();
        let Some(slot) = state.tasks.get_mut(waker.id) else { return };
        // The place may have a new task by now.
        if !slot.waker.as_ref().is_some_and(|current| Arc::ptr_eq(current, &waker)) {
            return;
        }
        // A task that is being polled right now is dropped when that poll ends.
        let Some(future) = slot.future.take() else { return };
        slot.waker = None;
        state.free.push(waker.id);
        drop(state);
        drop(future);
    }
}

impl<T> fmt::Debug for SimTask<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SimTask")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use inflight_strategies::rt::{First, race};
    use std::time::Duration;

    fn ms(ms: u64) -> Instant {
        Instant::from_nanos(ms * 1_000_000)
    }

    #[test]
    fn the_clock_jumps_to_the_next_deadline_in_nanoseconds() {
        let (ended, trace) = run(|world| async move {
            let other = world.clone();
            let task = world.spawn("other", async move {
                other.sleep_until(Instant::from_nanos(1_001)).await;
                other.now()
            });
            assert_eq!(task.await, Ok(Instant::from_nanos(1_001)));
            world.sleep_until(ms(5)).await;
            world.sleep_until(ms(3)).await;
            world.now()
        })
        .expect("it ends");
        assert_eq!((ended, trace.ended), (ms(5), ms(5)));
    }

    #[test]
    fn dropping_a_task_cancels_it_and_detaching_does_not() {
        let (ended, _) = run(|world| async move {
            let ended = Arc::new(AtomicU64::new(0));
            let sleeper = |until| {
                let (world, ended) = (world.clone(), ended.clone());
                async move {
                    world.sleep_until(ms(until)).await;
                    ended.fetch_add(until, Ordering::Relaxed);
                }
            };
            drop(world.spawn("dropped", sleeper(1)));
            world.spawn("detached", sleeper(2)).detach();
            let late = world.spawn("late", sleeper(4));
            assert!(matches!(race(late, world.sleep_until(ms(3))).await, First::Right(())));
            world.sleep_until(ms(10)).await;
            ended.load(Ordering::Relaxed)
        })
        .expect("it ends");
        assert_eq!(ended, 2);
    }

    #[test]
    fn a_panic_is_the_tasks_own() {
        let (lost, _) =
            run(|world| async move { world.spawn("bad", async { panic!("on purpose") }).await.is_err() })
                .expect("it ends");
        assert!(lost);
    }

    #[test]
    fn a_world_in_which_all_wait_says_who() {
        let stuck = run(|world| async move {
            let _other = world.spawn("waits for nobody", std::future::pending::<()>());
            std::future::pending::<()>().await;
        });
        let waiting = vec!["main", "waits for nobody"];
        assert_eq!(stuck.map(|_| ()), Err(Stuck::Deadlock { at: Instant::ZERO, waiting }));
    }

    #[test]
    fn the_same_program_has_the_same_hash() {
        let program = |n: u64| {
            run(move |world| async move {
                let tasks: Vec<_> = (0..n)
                    .map(|i| {
                        let other = world.clone();
                        world.spawn("sleeper", async move { other.sleep_until(ms(i * 7 % 13)).await })
                    })
                    .collect();
                for task in tasks {
                    task.await.expect("no panic");
                }
                world.sleep_until(world.now() + Duration::from_millis(1)).await;
            })
            .expect("it ends")
            .1
        };
        assert_eq!(program(50), program(50));
        assert_ne!(program(50).hash, program(51).hash);
    }
}
