//! Tasks of a pacing world: what wakes them, and the handles on them.

use super::core::{self, TaskId};
use inflight_strategies::rt::{Task, TaskLost};
use rustix::{
    event::{EventfdFlags, eventfd},
    fd::OwnedFd,
};
use std::{
    fmt,
    future::Future,
    io, mem,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

/// Puts its task into the ready queue, once until it is polled. It stays with the place: a waker that was kept for too long
/// makes a later task look once in vain.
pub(super) struct Bell {
    world: u64,
    slot: u32,
    generation: AtomicU32,
    queued: AtomicBool,
    outside: Arc<Outside>,
}

impl Bell {
    pub(super) fn new(slot: u32, outside: Arc<Outside>) -> Arc<Bell> {
        let (generation, queued) = (AtomicU32::new(0), AtomicBool::new(false));
        Arc::new(Bell { world: core::current(), slot, generation, queued, outside })
    }

    /// Whom it rings for.
    #[inline]
    pub(super) fn id(&self) -> TaskId {
        TaskId { slot: self.slot, generation: self.generation.load(Ordering::Relaxed) }
    }

    /// Only the world's own thread gets here, here and below: there is no need for atomic exchanges.
    pub(super) fn ring_for_the_next(&self) {
        let next = self.generation.load(Ordering::Relaxed).wrapping_add(1);
        self.generation.store(next, Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn hush(&self) {
        self.queued.store(false, Ordering::Relaxed);
    }

    /// Whether it was silent; it is not any more.
    #[inline]
    pub(super) fn is_silent(&self) -> bool {
        let is_silent = !self.queued.load(Ordering::Relaxed);
        self.queued.store(true, Ordering::Relaxed);
        is_silent
    }

    fn ring(&self) {
        if core::current() != self.world {
            self.outside.push(self.id());
        } else if self.is_silent() {
            let id = self.id();
            core::with(|core| core.make_ready(id));
        }
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.ring();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ring();
    }
}

/// Where other threads leave their wake-ups, and what wakes the world for them.
pub(super) struct Outside {
    woken: Mutex<Vec<TaskId>>,
    pub(super) event: OwnedFd,
}

impl Outside {
    pub(super) fn new() -> io::Result<Arc<Outside>> {
        let event = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Arc::new(Outside { woken: Mutex::default(), event }))
    }

    fn push(&self, id: TaskId) {
        lock(&self.woken).push(id);
        // Full is as good as rung.
        let _ = rustix::io::write(&self.event, &1_u64.to_ne_bytes());
    }

    /// Who was woken since the last time.
    pub(super) fn take(&self) -> Vec<TaskId> {
        let _ = rustix::io::read(&self.event, &mut [0; 8]);
        mem::take(&mut *lock(&self.woken))
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a task and its handle share.
struct Joint<T> {
    output: Option<Result<T, TaskLost>>,
    waiter: Option<Waker>,
}

/// A task of a pacing world; cancelled when dropped. On another thread, or when its world has ended, dropping it does nothing.
pub struct PacedTask<T> {
    world: u64,
    id: Option<TaskId>,
    joint: Arc<Mutex<Joint<T>>>,
}

impl<T: Send + 'static> PacedTask<T> {
    /// Starts `future` in the world that runs on this thread.
    pub(super) fn spawn<F>(world: u64, future: F) -> PacedTask<T>
    where
        F: Future<Output = T> + Send + 'static,
    {
        assert_eq!(core::current(), world, "tasks are spawned on the thread that runs their world");
        let joint = Arc::new(Mutex::new(Joint { output: None, waiter: None }));
        let job = Work { future: Box::pin(future), joint: joint.clone() };
        let id = core::with(|core| core.add_task(Box::pin(job)));
        PacedTask { world, id: Some(id), joint }
    }
}

/// A future and where its output goes. A struct, since an async block would keep room for the future twice.
struct Work<F: Future> {
    future: Pin<Box<F>>,
    joint: Arc<Mutex<Joint<F::Output>>>,
}

impl<F: Future> Future for Work<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let future = self.future.as_mut();
        // A panic ends its task, not the world.
        let output = match catch_unwind(AssertUnwindSafe(|| future.poll(cx))) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(output)) => Ok(output),
            Err(_) => Err(TaskLost),
        };
        let waiter = {
            let mut joint = lock(&self.joint);
            joint.output = Some(output);
            joint.waiter.take()
        };
        waiter.into_iter().for_each(Waker::wake);
        Poll::Ready(())
    }
}

impl<T> PacedTask<T> {
    /// Whether its output is there.
    pub(super) fn is_over(&self) -> bool {
        lock(&self.joint).output.is_some()
    }

    /// Its output, once.
    pub(super) fn take_output(&self) -> Option<Result<T, TaskLost>> {
        lock(&self.joint).output.take()
    }
}

impl<T: Send + 'static> Task<T> for PacedTask<T> {
    fn detach(mut self) {
        self.id = None;
    }
}

impl<T> Future for PacedTask<T> {
    type Output = Result<T, TaskLost>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let output = {
            let mut joint = lock(&self.joint);
            let output = joint.output.take();
            if output.is_none() {
                joint.waiter = Some(cx.waker().clone());
            }
            output
        };
        match output {
            Some(output) => {
                self.id = None;
                Poll::Ready(output)
            }
            None => Poll::Pending,
        }
    }
}

impl<T> Drop for PacedTask<T> {
    fn drop(&mut self) {
        let Some(id) = self.id.filter(|_| core::current() == self.world) else { return };
        // Its future may run code of its own while it is dropped.
        drop(core::try_with(|core| core.remove_task(id)));
    }
}

impl<T> fmt::Debug for PacedTask<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PacedTask").field("id", &self.id).finish_non_exhaustive()
    }
}
