//! The state of the world that runs on this thread: its clock, its timers, its tasks, and who is to be polled next.
//!
//! A world never leaves its thread, so its state is thread-local and needs no locks. Code of others (futures, foreign wakers)
//! never runs while the state is borrowed: whatever is polled, woken or dropped is handed out first.

use super::{
    Counts, Settings, Stuck, Waiting,
    task::{Bell, Outside, Place},
};
use crate::timers::{Key, Timers};
use inflight_strategies::rt::Instant;
use std::{
    any::TypeId,
    cell::{Cell, RefCell},
    collections::VecDeque,
    mem,
    rc::Rc,
    sync::Arc,
    task::Waker,
};

thread_local! {
    /// Which world runs on this thread, 0: none. What everyone asks all the time is apart from the rest.
    static WORLD: Cell<u64> = const { Cell::new(0) };
    static NOW: Cell<u64> = const { Cell::new(0) };
    /// Whether timers fire exactly when they should.
    static EXACT: Cell<bool> = const { Cell::new(true) };
    static CORE: RefCell<Core> = const { RefCell::new(Core::NONE) };
}

/// Everything about a world but its clock's hand.
pub(super) struct Core {
    settings: Settings,
    /// The clock must not pass this.
    end: Instant,
    pub(super) timers: Timers<Alarm>,
    pub(super) counts: Counts,
    pub(super) hash: u64,
    /// The clock must move before the tasks were polled so often.
    patience: u64,
    /// Whether there may still be timers that are due now.
    ringing: bool,
    ready: VecDeque<TaskId>,
    /// Who is being polled.
    polling: TaskId,
    slots: Vec<Slot>,
    /// Places that are free, by the type of the futures that live there.
    free: Vec<(TypeId, Vec<u32>)>,
    outside: Option<Arc<Outside>>,
}

/// Who is woken by a timer.
pub(super) enum Alarm {
    /// A task of this world.
    Task(TaskId),
    /// Whoever is behind a waker of somebody else's making.
    Other(Waker),
}

/// A place for tasks, and what is known about the one in it.
struct Slot {
    generation: u32,
    /// The type of the futures that live here, as its place in [`Core::free`].
    kind: u32,
    name: &'static str,
    /// When it was polled last.
    polled: Instant,
    /// The task that it waited for last, and when it said so.
    waited_for: Option<(&'static str, Instant)>,
    bell: Arc<Bell>,
    place: Rc<dyn Place>,
}

/// Names a task: the place, and which of the tasks that were ever in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TaskId {
    pub(super) slot: u32,
    pub(super) generation: u32,
}

/// What is to be done next, outside.
pub(super) enum Turn {
    /// Poll this task.
    Poll(TaskId, Rc<dyn Place>),
    /// Wake this waker: its time has come.
    Wake(Waker),
    /// Nobody is ready and no deadline is set.
    Quiet,
    /// The next deadline is later than the world may last.
    TooLate,
    /// Tasks run on and on; this one is next.
    Livelock(TaskId),
}

impl Core {
    const NONE: Core = Core {
        settings: Settings::EXACT,
        end: Instant::ZERO,
        timers: Timers::new(),
        counts: Counts::NONE,
        hash: FNV_OFFSET,
        patience: 0,
        ringing: false,
        ready: VecDeque::new(),
        polling: TaskId { slot: u32::MAX, generation: 0 },
        slots: Vec::new(),
        free: Vec::new(),
        outside: None,
    };

    fn new(settings: Settings) -> Core {
        let (end, outside) = (Instant::ZERO + settings.max_time, Some(Arc::default()));
        let patience = settings.max_polls_at_once.min(settings.max_polls);
        Core { settings, end, patience, outside, ..Core::NONE }
    }

    /// Frees the place of the task that was polled, if that is gone, and says what is next. When nobody is ready, moves the clock to the next deadline; everyone whose time has come is woken
    /// before anyone is polled.
    #[inline]
    pub(super) fn turn(&mut self, gone: Option<TaskId>) -> Turn {
        if let Some(gone) = gone {
            self.free(gone);
        }
        loop {
            if self.ringing
                && let Some(waker) = self.wake_due()
            {
                return Turn::Wake(waker);
            }
            match self.ready.pop_front() {
                Some(id) => {
                    if let Some(place) = self.begin_poll(id) {
                        let is_patient = self.counts.polls <= self.patience;
                        return if is_patient { Turn::Poll(id, place) } else { Turn::Livelock(id) };
                    }
                }
                None => match self.timers.next() {
                    None => return Turn::Quiet,
                    Some(next) if next > self.end => return Turn::TooLate,
                    Some(next) => self.move_clock(next),
                },
            }
        }
    }

    #[inline]
    fn move_clock(&mut self, to: Instant) {
        NOW.set(to.as_nanos());
        self.ringing = true;
        let Settings { max_polls, max_polls_at_once, .. } = self.settings;
        self.patience = max_polls.min(self.counts.polls.saturating_add(max_polls_at_once));
    }

    /// Wakes who is due, in order, until that takes a waker of somebody else.
    #[inline]
    fn wake_due(&mut self) -> Option<Waker> {
        let now = now();
        while let Some(alarm) = self.timers.pop_due(now) {
            match alarm {
                Alarm::Task(id) => self.wake(id),
                Alarm::Other(waker) => return Some(waker),
            }
        }
        self.ringing = false;
        None
    }

    #[inline]
    fn wake(&mut self, id: TaskId) {
        if self.slots[id.slot as usize].bell.is_silent() {
            self.ready.push_back(id);
        }
    }

    /// Puts a task, whose bell was rung, at the end of those that are polled next.
    #[inline]
    pub(super) fn make_ready(&mut self, id: TaskId) {
        self.ready.push_back(id);
    }

    #[inline]
    fn begin_poll(&mut self, id: TaskId) -> Option<Rc<dyn Place>> {
        let slot = self.slots.get_mut(id.slot as usize).filter(|slot| slot.generation == id.generation)?;
        slot.polled = now();
        slot.bell.hush();
        self.polling = id;
        self.counts.polls += 1;
        let word = slot.polled.as_nanos() ^ u64::from(id.slot).rotate_right(24);
        self.hash = (self.hash ^ word).wrapping_mul(FNV_PRIME);
        Some(slot.place.clone())
    }

    /// Who is woken by `waker`, in the form in which timers keep it.
    #[inline]
    fn recognise(&self, waker: &Waker) -> Option<Alarm> {
        // Nobody else's waker points to a bell of ours.
        let slot = self.slots.get(self.polling.slot as usize)?;
        (waker.data() == Arc::as_ptr(&slot.bell).cast()).then_some(Alarm::Task(self.polling))
    }

    /// A free place for futures of type `kind`, if there is one.
    #[inline]
    pub(super) fn take_free(&mut self, kind: TypeId) -> Option<(TaskId, Rc<dyn Place>)> {
        let (_, free) = self.free.iter_mut().find(|(other, _)| *other == kind)?;
        let number = free.pop()?;
        let slot = &self.slots[number as usize];
        Some((TaskId { slot: number, generation: slot.generation }, slot.place.clone()))
    }

    /// The task `name` moved in: it is ready.
    #[inline]
    pub(super) fn occupy(&mut self, id: TaskId, name: &'static str) {
        self.counts.tasks += 1;
        let slot = &mut self.slots[id.slot as usize];
        (slot.name, slot.polled) = (name, now());
        // Who kept a waker for too long may have rung while nobody lived here.
        slot.bell.hush();
        slot.bell.set_wanted(true);
        self.wake(id);
    }

    /// Nobody will ask for the output of the task `id`; `true` if it is there already.
    #[inline]
    pub(super) fn unwant(&mut self, id: TaskId) -> bool {
        let Some(slot) = self.slot(id) else { return false };
        slot.bell.set_wanted(false);
        slot.bell.is_over()
    }

    #[inline]
    fn set(&mut self, deadline: Instant, alarm: Alarm) -> Key {
        self.counts.timers += 1;
        self.timers.set(deadline, alarm)
    }

    /// Whether a timer is still pending, which from now on wakes `waker`; `None` if that takes a waker of somebody else.
    #[inline]
    pub(super) fn renew(&mut self, key: Key, waker: &Waker) -> Option<bool> {
        let own = self.recognise(waker);
        match (self.timers.get_mut(key), own) {
            (None, _) => Some(false),
            (Some(alarm @ Alarm::Task(_)), Some(own)) => {
                *alarm = own;
                Some(true)
            }
            _ => None,
        }
    }

    /// The number of the next new place.
    pub(super) fn next_slot(&self) -> u32 {
        u32::try_from(self.slots.len()).expect("fewer than 2^32 tasks at once")
    }

    /// A new place for futures of type `kind`, with the number that [`Core::next_slot`] gave.
    pub(super) fn add_slot(&mut self, kind: TypeId, bell: Arc<Bell>, place: Rc<dyn Place>) {
        let known = self.free.iter().position(|(other, _)| *other == kind);
        let kind = known.unwrap_or_else(|| {
            self.free.push((kind, Vec::new()));
            self.free.len() - 1
        });
        let (generation, name, polled, waited_for) = (0, "", Instant::ZERO, None);
        self.slots.push(Slot { generation, kind: kind as u32, name, polled, waited_for, bell, place });
    }

    #[inline]
    fn slot(&mut self, id: TaskId) -> Option<&mut Slot> {
        self.slots.get_mut(id.slot as usize).filter(|slot| slot.generation == id.generation)
    }

    /// Where the task `id` lives; `None` if it is gone.
    #[inline]
    pub(super) fn place(&mut self, id: TaskId) -> Option<Rc<dyn Place>> {
        self.slot(id).map(|slot| slot.place.clone())
    }

    /// Whoever is being polled waits for the task `id`.
    pub(super) fn note_wait(&mut self, id: TaskId) {
        let on = self.slot(id).map(|slot| (slot.name, now()));
        if let Some(slot) = self.slot(self.polling) {
            slot.waited_for = on;
        }
    }

    /// The task `id` is gone: its place is free for the next of its kind.
    #[inline]
    pub(super) fn free(&mut self, id: TaskId) {
        let Some(slot) = self.slot(id) else { return };
        slot.generation = slot.generation.wrapping_add(1);
        slot.bell.rings_for(slot.generation);
        let kind = slot.kind as usize;
        self.free[kind].1.push(id.slot);
    }

    /// Where other threads leave their wake-ups.
    pub(super) fn outside(&self) -> Arc<Outside> {
        self.outside.clone().expect("a world that runs has one")
    }

    /// Why a turn after which nothing can be done means the end.
    pub(super) fn stuck(&self, turn: &Turn) -> Stuck {
        let at = now();
        match turn {
            Turn::TooLate => Stuck::TooLong { at },
            Turn::Livelock(id) => Stuck::Livelock { at, running: self.slots[id.slot as usize].name },
            _ => Stuck::Deadlock { at, waiting: self.waiting() },
        }
    }

    /// Who lives and waits for what.
    fn waiting(&self) -> Vec<Waiting> {
        let alive = self.slots.iter().filter(|slot| slot.place.is_alive());
        let waiting = alive.map(|slot| Waiting {
            task: slot.name,
            since: slot.polled,
            on: slot.waited_for.filter(|(_, when)| *when == slot.polled).map(|(name, _)| name),
        });
        waiting.collect()
    }
}

/// FNV-1a, over 64-bit words.
const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

/// Looks into the world that runs on this thread. No code of others may run in `look`.
#[inline]
pub(super) fn with<R>(look: impl FnOnce(&mut Core) -> R) -> R {
    CORE.with_borrow_mut(look)
}

/// Sets a timer for `waker`; `None` if that is of somebody else's making.
pub(super) fn set(deadline: Instant, waker: &Waker) -> Option<Key> {
    with(|core| core.recognise(waker).map(|alarm| core.set(deadline, alarm)))
}

/// Sets a timer for whoever is behind `alarm`.
pub(super) fn set_alarm(deadline: Instant, alarm: Alarm) -> Key {
    with(|core| core.set(deadline, alarm))
}

/// Cancels a timer, unless it has fired.
pub(super) fn cancel(key: Key) -> Option<Alarm> {
    with(|core| {
        let alarm = core.timers.cancel(key)?;
        core.counts.cancelled += 1;
        Some(alarm)
    })
}

/// Does what has to be done outside, over and over, until `act` has a result. `act` also says which task is gone by that.
pub(super) fn turns<R>(mut act: impl FnMut(Turn) -> Result<Option<TaskId>, R>) -> R {
    CORE.with(|core| {
        let mut gone = None;
        loop {
            let turn = core.borrow_mut().turn(gone);
            match act(turn) {
                Ok(now_gone) => gone = now_gone,
                Err(result) => return result,
            }
        }
    })
}

/// The world that runs on this thread, 0 if none does.
#[inline]
pub(super) fn current() -> u64 {
    WORLD.get()
}

/// The time in the world that runs on this thread.
#[inline]
pub(super) fn now() -> Instant {
    Instant::from_nanos(NOW.get())
}

/// When a timer that is set to `deadline` in the world that runs on this thread fires.
#[inline]
pub(super) fn fires(deadline: Instant) -> Instant {
    if EXACT.get() { deadline } else { with(|core| core.settings.fires(deadline)) }
}

/// A world that runs on this thread until this is dropped; one that ran before goes on then.
pub(super) struct Running {
    outer: (u64, u64, Core),
}

impl Running {
    pub(super) fn begin(world: u64, settings: Settings) -> Running {
        let core = enter(Core::new(settings));
        Running { outer: (WORLD.replace(world), NOW.replace(0), core) }
    }
}

/// Makes `core` this thread's, and returns the one that was.
fn enter(core: Core) -> Core {
    EXACT.set(core.settings.fires(Instant::from_nanos(1)) == Instant::from_nanos(1));
    CORE.replace(core)
}

impl Drop for Running {
    fn drop(&mut self) {
        // Futures look at the clock, cancel timers and leave work to new tasks when they are dropped: the world is still there
        // for them, without the places that are gone.
        while let Some(slots) = with(|core| {
            core.free.clear();
            (!core.slots.is_empty()).then(|| mem::take(&mut core.slots))
        }) {
            drop(slots);
        }
        let (world, now, core) = mem::replace(&mut self.outer, (0, 0, Core::NONE));
        let ended = enter(core);
        WORLD.set(world);
        NOW.set(now);
        drop(ended);
    }
}
