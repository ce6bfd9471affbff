//! The virtual world: a deterministic executor whose clock jumps to the next deadline as soon as everyone waits.
//!
//! One thread, nanoseconds, no randomness: tasks run in the order in which they were woken, deadlines fire in the order in
//! which they were set. Any async code that takes its time and tasks from [`inflight_strategies::rt`] runs here unchanged.

mod core;
mod ready;
mod settings;
mod sharing;
mod task;

pub use settings::{Counts, Settings, Stuck, Trace, Waiting};
pub use sharing::{SimLock, SimShared, WithinThread};
pub use task::SimTask;

use self::{
    core::{Pause, Running, TaskId},
    task::Polled,
};
use crate::timers::{Alarms, Key};
use inflight_strategies::rt::{Clock, Executor, Instant};
use std::{
    future::Future,
    ops::ControlFlow,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::atomic::{AtomicU64, Ordering},
    task::Waker,
};

/// A virtual world: a handle that is as small as a name, since the world itself lives on the thread that runs it.
///
/// Its time, timers and tasks are only there for code that runs inside [`run`], on that thread; anywhere else they panic.
/// Wake-ups may come from everywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct World(u64);

/// Runs `main` in a new world until it ends; tasks that are left then are dropped. A panic of `main` goes on to the caller.
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
    static WORLDS: AtomicU64 = AtomicU64::new(1);
    let world = World(WORLDS.fetch_add(1, Ordering::Relaxed));
    let _running = Running::begin(world.0, settings);
    advance_until(world.spawn("main", main(world.clone())))
}

/// Until `main` is over. A panic ends its task, not the world. That of `main`, and of wakers of others, is the caller's.
fn advance_until<T: 'static>(mut main: SimTask<T>) -> Result<(T, Trace), Stuck> {
    let id = main.id();
    loop {
        // Around all turns, not around each: most worlds end without a panic.
        match catch_unwind(AssertUnwindSafe(|| take_turns(id))) {
            Ok(end) => break end?,
            Err(payload) => match core::with(|core| core.polled()) {
                Some((polled, place)) if Some(polled) != id => {
                    if place.lose() == Polled::Gone {
                        core::with(|core| core.free(polled));
                    }
                }
                _ => resume_unwind(payload),
            },
        }
    }
    let (hash, counts) = core::with(|core| (core.hash, core.counts));
    let value = main.take_output(None).and_then(Result::ok).expect("it is over");
    Ok((value, Trace { ended: core::now(), hash, counts }))
}

/// Polls whoever is ready, in order; when nobody is, moves the clock to the next deadline. Until `main` is over.
fn take_turns(main: Option<TaskId>) -> Result<(), Stuck> {
    let outside = core::with(|core| core.outside());
    core::turns(|next| {
        match next {
            Ok((id, place)) => match place.poll() {
                Polled::Over if Some(id) == main => return ControlFlow::Break(Ok(())),
                Polled::Gone => return ControlFlow::Continue(Some(id)),
                _ => {}
            },
            Err(Pause::Wake(waker)) => waker.wake(),
            Err(Pause::Quiet) if outside.hear() => {}
            Err(stuck) => return ControlFlow::Break(Err(core::with(|core| core.stuck(&stuck)))),
        }
        ControlFlow::Continue(None)
    })
}

impl World {
    /// Panics unless this world runs here.
    #[inline]
    fn check(&self) {
        assert_eq!(
            core::current(),
            self.0,
            "a virtual world is only there on the thread that runs it, while it runs"
        );
    }
}

impl Clock for World {
    type Sleep = Sleep;

    #[inline]
    fn now(&self) -> Instant {
        self.check();
        core::now()
    }

    /// Inlined, so that the wait is made where it stays.
    #[inline(always)]
    fn sleep_until(&self, deadline: Instant) -> Sleep {
        let deadline = if deadline <= self.now() { deadline } else { core::fires(deadline) };
        Sleep::new(self.clone(), deadline)
    }
}

/// A wait for a deadline of a virtual clock.
pub type Sleep = crate::timers::Sleep<World>;

impl Alarms for World {
    #[inline]
    fn is_due(&self, deadline: Instant) -> bool {
        self.now() >= deadline
    }

    #[inline]
    fn set(&self, deadline: Instant, waker: &Waker) -> Key {
        core::set(deadline, waker)
    }

    #[inline]
    fn renew(&self, deadline: Instant, key: Key, waker: &Waker) -> Key {
        // It is not due, so it is pending.
        if core::recognise(waker) == Some(key.who()) { key } else { core::renew(deadline, key, waker) }
    }

    #[inline]
    fn cancel(&self, deadline: Instant, key: Key) {
        // Whatever is due has fired before anybody was polled.
        if core::now() < deadline && core::current() == self.0 {
            core::cancel(deadline, key);
        }
    }
}

impl Executor for World {
    type Task<T: Send + 'static> = SimTask<T>;
    type Sharing = WithinThread;

    #[inline(always)]
    fn spawn<T, F>(&self, name: &'static str, future: F) -> SimTask<T>
    where
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        self.spawn_with(name, || future)
    }

    #[inline(always)]
    fn spawn_with<T, F>(&self, name: &'static str, make: impl FnOnce() -> F) -> SimTask<T>
    where
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        SimTask::spawn(self.0, name, make)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use inflight_strategies::rt::{First, Task as _, race};
    use std::{sync::Arc, time::Duration};

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
    fn what_is_left_when_the_world_ends_may_still_spawn_and_look_at_the_clock() {
        struct Last(World, Arc<AtomicU64>);
        impl Drop for Last {
            fn drop(&mut self) {
                self.1.store(self.0.now().as_nanos(), Ordering::Relaxed);
                self.0.spawn("last", std::future::pending::<()>()).detach();
            }
        }
        let seen = Arc::new(AtomicU64::new(0));
        let last = seen.clone();
        run(move |world| async move {
            let held = Last(world.clone(), last);
            let forever = async move {
                let _held = held;
                std::future::pending::<()>().await;
            };
            world.spawn("forever", forever).detach();
            drop(world.spawn("short", std::future::pending::<()>()));
            world.sleep_until(ms(7)).await;
        })
        .expect("it ends");
        assert_eq!(seen.load(Ordering::Relaxed), 7_000_000);
    }

    #[test]
    fn a_panic_is_the_tasks_own() {
        let (lost, _) =
            run(|world| async move { world.spawn("bad", async { panic!("on purpose") }).await.is_err() })
                .expect("it ends");
        assert!(lost);
    }

    #[test]
    fn a_panic_of_main_is_the_callers() {
        let run = || {
            run(|world| async move {
                world.sleep_until(ms(1)).await;
                world.spawn("left", std::future::pending::<()>()).detach();
                if world.now() == ms(1) {
                    panic!("on purpose");
                }
            })
        };
        let payload = catch_unwind(run).expect_err("main panicked");
        assert_eq!(payload.downcast_ref(), Some(&"on purpose"));
        assert_eq!(core::current(), 0, "the world is gone");
    }

    #[test]
    fn a_world_in_which_all_wait_says_who() {
        let stuck =
            run(|world| async move { world.spawn("waits for nobody", std::future::pending::<()>()).await });
        let waiting = |task, on| Waiting { task, since: Instant::ZERO, on };
        let waiting = vec![waiting("main", Some("waits for nobody")), waiting("waits for nobody", None)];
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
