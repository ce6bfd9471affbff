//! Tasks of a virtual world: the places that they live in, their bells and their handles.

use super::core::{self, TaskId};
use inflight_strategies::rt::{Task, TaskLost};
use std::{
    any::{Any, TypeId},
    cell::{Cell, RefCell},
    fmt,
    future::Future,
    marker::PhantomData,
    pin::Pin,
    rc::Rc,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

/// What came of polling a task.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Polled {
    /// It waits.
    Pending,
    /// It is over; its output waits to be taken.
    Over,
    /// It is over, and nobody wants its output.
    Gone,
}

/// A place that tasks of one type live in, one after the other. Its memory and its waker stay: a task costs no allocation
/// once there was one of its kind.
pub(super) trait Place: Any {
    /// Polls its task.
    fn poll(&self) -> Polled;
    /// Its task panicked.
    fn lose(&self) -> Polled;
    /// Whether its task is not over yet.
    fn is_alive(&self) -> bool;
    /// Drops what is left of its task. `false` if it is just being polled; it is dropped at the end of that.
    fn clear(&self) -> bool;
    /// Moves the output, if there is one, to `output`, an `Option<Result<T, TaskLost>>`; otherwise `waiter` is woken when
    /// there is.
    fn take_output(&self, output: &mut dyn Any, waiter: Option<&Waker>);
    /// Drops the output, which nobody will ask for.
    fn forget_output(&self);
}

/// A place of any kind. A thin reference is the fastest to hand out, which happens whenever a task is polled.
pub(super) type Shelf = Rc<Box<dyn Place>>;

/// A place for tasks with futures of type `F`.
struct Home<F: Future> {
    /// Borrowed while it is polled.
    future: RefCell<Pin<Box<Option<F>>>>,
    output: RefCell<Option<Result<F::Output, TaskLost>>>,
    waiter: Cell<Option<Waker>>,
    /// Whether it was cancelled while it was being polled.
    cancelled: Cell<bool>,
    bell: Arc<Bell>,
    waker: Waker,
}

impl<F: Future> Home<F> {
    fn new(bell: Arc<Bell>) -> Home<F> {
        Home {
            future: RefCell::new(Box::pin(None)),
            output: RefCell::new(None),
            waiter: Cell::new(None),
            cancelled: Cell::new(false),
            waker: Waker::from(bell.clone()),
            bell,
        }
    }

    /// The task is over, or cancelled: drops it, keeps its output if somebody wants it.
    #[inline]
    fn end(&self, home: &mut Pin<Box<Option<F>>>, output: Option<Result<F::Output, TaskLost>>) -> Polled {
        home.set(None);
        if self.cancelled.take() || !self.bell.is_wanted() {
            return Polled::Gone;
        }
        *self.output.borrow_mut() = output;
        self.bell.set_over(true);
        if let Some(waiter) = self.waiter.take() {
            waiter.wake();
        }
        Polled::Over
    }
}

impl<F: Future<Output: 'static> + 'static> Place for Home<F> {
    fn poll(&self) -> Polled {
        let mut home = self.future.borrow_mut();
        let Some(future) = home.as_mut().as_pin_mut() else { return Polled::Pending };
        let mut cx = Context::from_waker(&self.waker);
        match future.poll(&mut cx) {
            Poll::Pending if self.cancelled.get() => self.end(&mut home, None),
            Poll::Pending => Polled::Pending,
            Poll::Ready(output) => self.end(&mut home, Some(Ok(output))),
        }
    }

    fn lose(&self) -> Polled {
        self.end(&mut self.future.borrow_mut(), Some(Err(TaskLost)))
    }

    fn is_alive(&self) -> bool {
        self.future.try_borrow().is_ok_and(|future| future.is_some())
    }

    fn clear(&self) -> bool {
        let Ok(mut home) = self.future.try_borrow_mut() else {
            self.cancelled.set(true);
            return false;
        };
        home.set(None);
        drop(self.output.take());
        drop(self.waiter.take());
        true
    }

    fn take_output(&self, output: &mut dyn Any, waiter: Option<&Waker>) {
        let output: &mut Option<Result<F::Output, TaskLost>> =
            output.downcast_mut().expect("a handle knows the type of its task's output");
        *output = self.output.take();
        if output.is_none() {
            self.waiter.set(waiter.cloned());
        }
    }

    fn forget_output(&self) {
        drop(self.output.take());
    }
}

/// Puts its task into the ready queue, once until it is polled. It stays with the place: a waker that was kept for too long
/// makes a later task look once in vain.
pub(super) struct Bell {
    world: u64,
    slot: u32,
    /// Whether somebody will ask for the task's output.
    wanted: AtomicBool,
    /// Whether that is there.
    over: AtomicBool,
    outside: Arc<Outside>,
}

impl Bell {
    fn new(slot: u32, outside: Arc<Outside>) -> Arc<Bell> {
        let (wanted, over) = (AtomicBool::default(), AtomicBool::default());
        Arc::new(Bell { world: core::current(), slot, wanted, over, outside })
    }

    /// Only the world's own thread gets here, here and below: there is no need for atomic exchanges.
    #[inline]
    pub(super) fn set_wanted(&self, wanted: bool) {
        self.wanted.store(wanted, Ordering::Relaxed);
    }

    #[inline]
    fn is_wanted(&self) -> bool {
        self.wanted.load(Ordering::Relaxed)
    }

    #[inline]
    pub(super) fn set_over(&self, over: bool) {
        self.over.store(over, Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    fn ring(&self) {
        if core::current() == self.world {
            core::with(|core| core.ring(self.slot));
        } else {
            self.outside.push(self.slot);
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

/// Where other threads leave their wake-ups.
#[derive(Default)]
pub(super) struct Outside(Mutex<Vec<u32>>);

impl Outside {
    fn push(&self, slot: u32) {
        self.lock().push(slot);
    }

    /// Makes those ready whom other threads woke; tells whether there were any.
    pub(super) fn hear(&self) -> bool {
        let woken = std::mem::take(&mut *self.lock());
        core::with(|core| woken.iter().for_each(|&slot| core.ring(slot)));
        !woken.is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A task of a virtual world; cancelled when dropped. On another thread, or when its world has ended, a handle has nothing to
/// hold on to: dropping it does nothing, and waiting for it never ends.
pub struct SimTask<T> {
    world: u64,
    id: Option<TaskId>,
    output: PhantomData<fn() -> T>,
}

impl<T: 'static> SimTask<T> {
    /// Starts the future that `make` makes in the world that runs on this thread. Inlined, and made last, so that it is made where
    /// it stays.
    #[inline(always)]
    pub(super) fn spawn<F>(world: u64, name: &'static str, make: impl FnOnce() -> F) -> SimTask<T>
    where
        F: Future<Output = T> + 'static,
    {
        assert!(
            core::current() == world,
            "tasks are spawned on the thread that runs their world, while it runs"
        );
        let kind = TypeId::of::<F>();
        let (id, place) = core::with(|core| core.move_in(kind, name)).unwrap_or_else(|| build::<F>(name));
        let place: &dyn Any = &**place;
        let home: &Home<F> = place.downcast_ref().expect("free places are kept by type");
        let mut free = home.future.borrow_mut();
        assert!(free.is_none(), "a free place is empty");
        let future = make();
        if free.is_some() {
            // Nothing unwinds from here: a future that might have to be dropped on the way would be made elsewhere and copied to
            // its place.
            std::process::abort();
        }
        free.set(Some(future));
        drop(free);
        SimTask { world, id: Some(id), output: PhantomData }
    }

    /// Which task it is.
    pub(super) fn id(&self) -> Option<TaskId> {
        self.id
    }

    /// The task's output, if it is over; otherwise `waiter` is woken when it is.
    pub(super) fn take_output(&mut self, waiter: Option<&Waker>) -> Option<Result<T, TaskLost>> {
        let (id, place) = self.place()?;
        let mut output: Option<Result<T, TaskLost>> = None;
        place.take_output(&mut output, waiter);
        match output {
            Some(_) => self.abandon(),
            None => core::with(|core| core.note_wait(id)),
        }
        output
    }
}

/// The task `name` moves into a new place.
#[cold]
fn build<F: Future<Output: 'static> + 'static>(name: &'static str) -> (TaskId, Shelf) {
    let (slot, outside) = core::with(|core| (core.next_slot(), core.outside()));
    let bell = Bell::new(slot, outside);
    let place: Shelf = Rc::new(Box::new(Home::<F>::new(bell.clone())));
    core::with(|core| {
        core.add_slot(TypeId::of::<F>(), bell, place);
        core.move_in(TypeId::of::<F>(), name).expect("its place is free")
    })
}

impl<T> SimTask<T> {
    /// Where the task lives, if it still does and this is its world.
    #[inline]
    fn place(&self) -> Option<(TaskId, Shelf)> {
        let id = self.id.filter(|_| core::current() == self.world)?;
        Some((id, core::with(|core| core.place(id))?))
    }

    /// Gives the task up: cancels it if it lives, frees its place if it is over.
    #[inline(never)]
    fn abandon(&mut self) {
        if let Some((id, place)) = self.place()
            && place.clear()
        {
            core::with(|core| core.free(id));
        }
        self.id = None;
    }
}

impl<T: Send + 'static> Task<T> for SimTask<T> {
    #[inline(always)]
    fn detach(mut self) {
        let Some(id) = self.id.take().filter(|_| core::current() == self.world) else { return };
        if let Some(place) = core::with(|core| core.unwant(id)) {
            place.forget_output();
            core::with(|core| core.free(id));
        }
    }
}

impl<T: 'static> Future for SimTask<T> {
    type Output = Result<T, TaskLost>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.take_output(Some(cx.waker())).map_or(Poll::Pending, Poll::Ready)
    }
}

impl<T> Drop for SimTask<T> {
    #[inline]
    fn drop(&mut self) {
        if self.id.is_some() {
            self.abandon();
        }
    }
}

impl<T> fmt::Debug for SimTask<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SimTask")
    }
}
