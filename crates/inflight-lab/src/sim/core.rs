//! The state of the world that runs on this thread: its clock, its timers, its tasks, and who is to be polled next.
//!
//! A world never leaves its thread, so its state is thread-local and needs no locks. Code of others (futures, foreign wakers)
//! never runs while the state is borrowed: whatever is polled, woken or dropped is handed out first.

use super::{
    Counts, Settings, Stuck, Waiting,
    ready::Ready,
    task::{Bell, Outside, Shelf},
};
use crate::timers::{Agenda, Key, MAX_WHO};
use inflight_strategies::rt::Instant;
use slab::Slab;
use std::{
    any::TypeId,
    cell::{Cell, RefCell},
    mem::{self, ManuallyDrop},
    ops::ControlFlow,
    ptr,
    sync::Arc,
    task::Waker,
};

thread_local! {
    /// What everyone asks all the time is apart from the rest.
    static HERE: Here = const { Here::nowhere() };
    /// Between worlds it owns nothing. So it needs no destructor, and nobody has to ask first whether that has run.
    static CORE: ManuallyDrop<RefCell<Core>> = const { ManuallyDrop::new(RefCell::new(Core::NONE)) };
}

/// Where this thread is.
struct Here {
    /// In which world; 0: none.
    world: Cell<u64>,
    now: Cell<u64>,
    /// Whether timers fire exactly when they should.
    exact: Cell<bool>,
    /// Which place is being polled; [`NOBODY`]: none.
    polling: Cell<u32>,
    /// Its bell: its waker points there.
    bell: Cell<*const Bell>,
}

impl Here {
    const fn nowhere() -> Here {
        Here {
            world: Cell::new(0),
            now: Cell::new(0),
            exact: Cell::new(true),
            polling: Cell::new(NOBODY),
            bell: Cell::new(ptr::null()),
        }
    }

    /// What comes now is no task's doing.
    fn leave_tasks(&self) {
        self.polling.set(NOBODY);
        self.bell.set(ptr::null());
    }

    /// Exchanges this for `other`.
    fn swap(&self, other: &Here) {
        self.world.swap(&other.world);
        self.now.swap(&other.now);
        self.exact.swap(&other.exact);
        self.polling.swap(&other.polling);
        self.bell.swap(&other.bell);
    }
}

/// Everything about a world but its clock's hand.
pub(super) struct Core {
    settings: Settings,
    /// The clock must not pass this.
    end: Instant,
    /// Who has a deadline: a place, or, from [`FOREIGN`] on, one of `foreign`.
    agenda: Agenda,
    /// Wakers of somebody else's making that timers are to wake.
    foreign: Slab<Waker>,
    pub(super) counts: Counts,
    pub(super) hash: u64,
    /// The clock must move before the tasks were polled so often.
    patience: u64,
    /// Whether there may still be timers that are due now.
    ringing: bool,
    ready: Ready,
    slots: Vec<Slot>,
    /// Places that are free, by the type of the futures that live there.
    free: Vec<(TypeId, Vec<u32>)>,
    outside: Option<Arc<Outside>>,
}

/// Places have numbers below this.
const FOREIGN: u32 = MAX_WHO as u32 / 2;

const NOBODY: u32 = u32::MAX;

/// A place for tasks, and what is known about the one in it.
struct Slot {
    generation: u32,
    /// Whether it is among those that are ready.
    queued: bool,
    /// The type of the futures that live here, as its place in [`Core::free`].
    kind: u32,
    name: &'static str,
    /// When it was polled last.
    polled: Instant,
    /// The task that it waited for last, and when it said so.
    waited_for: Option<(&'static str, Instant)>,
    bell: Arc<Bell>,
    place: Shelf,
}

/// Names a task: the place, and which of the tasks that were ever in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TaskId {
    pub(super) slot: u32,
    pub(super) generation: u32,
}

/// Why nobody is polled next.
pub(super) enum Pause {
    /// This waker comes first: its time has come.
    Wake(Waker),
    /// Nobody is ready and no deadline is set.
    Quiet,
    /// The next deadline is later than the world may last.
    TooLate,
    /// Tasks run on and on; this one is next.
    Livelock(TaskId),
}

/// A task, and where it lives.
pub(super) type Lodger = (TaskId, Shelf);

impl Core {
    const NONE: Core = Core {
        settings: Settings::EXACT,
        end: Instant::ZERO,
        agenda: Agenda::new(),
        foreign: Slab::new(),
        counts: Counts::NONE,
        hash: FNV_OFFSET,
        patience: 0,
        ringing: false,
        ready: Ready::new(),
        slots: Vec::new(),
        free: Vec::new(),
        outside: None,
    };

    fn new(settings: Settings) -> Core {
        let (end, outside) = (Instant::ZERO + settings.max_time, Some(Arc::default()));
        let patience = settings.max_polls_at_once.min(settings.max_polls);
        Core { settings, end, patience, outside, ..Core::NONE }
    }

    /// Who is to be polled next. When nobody is ready, moves the clock to the next deadline; everyone whose time has come is
    /// woken before anyone is polled.
    #[inline]
    fn next(&mut self) -> Result<Lodger, Pause> {
        loop {
            if self.ringing {
                self.wake_due()?;
            }
            if let Some(id) = self.ready.pop() {
                if self.slot(id).is_some() {
                    return self.begin_poll(id.slot);
                }
                continue;
            }
            let Some(next) = self.agenda.next() else { return Err(Pause::Quiet) };
            if next > self.end {
                return Err(Pause::TooLate);
            }
            self.move_clock(next);
            if let Some(key) = self.agenda.pop() {
                // Most of the time it is one task's, and then that is next.
                if key.who() < FOREIGN && self.agenda.next().is_none_or(|other| other > next) {
                    return self.begin_poll(key.who());
                }
                self.ringing = true;
                self.fire(key)?;
            }
        }
    }

    #[inline]
    fn move_clock(&mut self, to: Instant) {
        HERE.with(|here| here.now.set(to.as_nanos()));
        let Settings { max_polls, max_polls_at_once, .. } = self.settings;
        self.patience = max_polls.min(self.counts.polls.saturating_add(max_polls_at_once));
    }

    /// Wakes who is due, in order, until that takes a waker of somebody else.
    fn wake_due(&mut self) -> Result<(), Pause> {
        while let Some(key) = self.agenda.pop_due(now()) {
            self.fire(key)?;
        }
        self.ringing = false;
        Ok(())
    }

    fn fire(&mut self, key: Key) -> Result<(), Pause> {
        match key.who().checked_sub(FOREIGN) {
            None => self.ring(key.who()),
            Some(place) => {
                HERE.with(Here::leave_tasks);
                return Err(Pause::Wake(self.foreign.remove(place as usize)));
            }
        }
        Ok(())
    }

    /// Puts whoever lives in a place at the end of those that are polled next, once until it is polled.
    #[inline]
    pub(super) fn ring(&mut self, number: u32) {
        let Some(slot) = self.slots.get_mut(number as usize) else { return };
        if !mem::replace(&mut slot.queued, true) {
            self.ready.push(TaskId { slot: number, generation: slot.generation });
        }
    }

    #[inline]
    fn begin_poll(&mut self, number: u32) -> Result<Lodger, Pause> {
        let slot = &mut self.slots[number as usize];
        let id = TaskId { slot: number, generation: slot.generation };
        let now = HERE.with(|here| {
            here.polling.set(number);
            here.bell.set(Arc::as_ptr(&slot.bell));
            here.now.get()
        });
        slot.polled = Instant::from_nanos(now);
        slot.queued = false;
        self.counts.polls += 1;
        self.hash = (self.hash ^ now ^ u64::from(number).rotate_right(24)).wrapping_mul(FNV_PRIME);
        if self.counts.polls > self.patience {
            return Err(Pause::Livelock(id));
        }
        Ok((id, slot.place.clone()))
    }

    /// Whoever is being polled, if somebody is.
    pub(super) fn polled(&self) -> Option<Lodger> {
        let number = HERE.with(|here| here.polling.get());
        let slot = self.slots.get(number as usize)?;
        Some((TaskId { slot: number, generation: slot.generation }, slot.place.clone()))
    }

    /// The task `name` moves into a free place for futures of type `kind`, if there is one: it is ready. Its future must be
    /// there before anybody is polled.
    #[inline(always)]
    pub(super) fn move_in(&mut self, kind: TypeId, name: &'static str) -> Option<(TaskId, Shelf)> {
        // The kind that was new last is asked for most.
        let (_, free) = self.free.iter_mut().rev().find(|(other, _)| *other == kind)?;
        let number = free.pop()?;
        let slot = &mut self.slots[number as usize];
        let id = TaskId { slot: number, generation: slot.generation };
        (slot.name, slot.polled) = (name, now());
        slot.bell.set_wanted(true);
        let place = slot.place.clone();
        self.counts.tasks += 1;
        // Who kept a waker for too long may have rung while nobody lived here.
        slot.queued = true;
        self.ready.push(id);
        Some((id, place))
    }

    /// Nobody will ask for the output of the task `id`; where that is, if it is there already.
    #[inline(always)]
    pub(super) fn unwant(&mut self, id: TaskId) -> Option<Shelf> {
        let slot = self.slot(id)?;
        slot.bell.set_wanted(false);
        if slot.bell.is_over() { Some(slot.place.clone()) } else { None }
    }

    /// The number of the next new place.
    pub(super) fn next_slot(&self) -> u32 {
        let number = u32::try_from(self.slots.len()).ok().filter(|number| *number < FOREIGN);
        number.expect("fewer than 2^23 tasks at once")
    }

    /// A new, free place for futures of type `kind`, with the number that [`Core::next_slot`] gave.
    pub(super) fn add_slot(&mut self, kind: TypeId, bell: Arc<Bell>, place: Shelf) {
        let known = self.free.iter().position(|(other, _)| *other == kind);
        let kind = known.unwrap_or_else(|| {
            self.free.push((kind, Vec::new()));
            self.free.len() - 1
        });
        let slot = self.next_slot();
        self.free[kind].1.push(slot);
        let (generation, queued, name, polled, waited_for) = (0, false, "", Instant::ZERO, None);
        self.slots.push(Slot {
            generation,
            queued,
            kind: kind as u32,
            name,
            polled,
            waited_for,
            bell,
            place,
        });
    }

    #[inline]
    fn slot(&mut self, id: TaskId) -> Option<&mut Slot> {
        self.slots.get_mut(id.slot as usize).filter(|slot| slot.generation == id.generation)
    }

    /// Where the task `id` lives; `None` if it is gone.
    #[inline]
    pub(super) fn place(&mut self, id: TaskId) -> Option<Shelf> {
        self.slot(id).map(|slot| slot.place.clone())
    }

    /// Whoever is being polled waits for the task `id`.
    pub(super) fn note_wait(&mut self, id: TaskId) {
        let on = self.slot(id).map(|slot| (slot.name, now()));
        if let Some(slot) = self.slots.get_mut(HERE.with(|here| here.polling.get()) as usize) {
            slot.waited_for = on;
        }
    }

    /// The task `id` is gone: its place is free for the next of its kind.
    #[inline(always)]
    pub(super) fn free(&mut self, id: TaskId) {
        let Some(slot) = self.slot(id) else { return };
        slot.generation = slot.generation.wrapping_add(1);
        slot.bell.set_over(false);
        let kind = slot.kind as usize;
        self.free[kind].1.push(id.slot);
    }

    /// All places, if there are any.
    fn take_all(&mut self) -> Option<Vec<Slot>> {
        self.free.clear();
        Some(mem::take(&mut self.slots)).filter(|slots| !slots.is_empty())
    }

    /// Where other threads leave their wake-ups.
    pub(super) fn outside(&self) -> Arc<Outside> {
        self.outside.clone().expect("a world that runs has one")
    }

    /// Why a pause after which nothing can be done means the end.
    pub(super) fn stuck(&self, pause: &Pause) -> Stuck {
        let at = now();
        match pause {
            Pause::TooLate => Stuck::TooLong { at },
            Pause::Livelock(id) => Stuck::Livelock { at, running: self.slots[id.slot as usize].name },
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
    CORE.with(|core| look(&mut core.borrow_mut()))
}

/// Polls one after the other until `act`, which does that, breaks off; otherwise it tells which task is gone. `act` is told
/// pauses as well.
pub(super) fn turns<R>(mut act: impl FnMut(Result<Lodger, Pause>) -> ControlFlow<R, Option<TaskId>>) -> R {
    CORE.with(|core| {
        let mut gone = None;
        loop {
            let mut state = core.borrow_mut();
            if let Some(id) = gone {
                state.free(id);
            }
            let next = state.next();
            drop(state);
            match act(next) {
                ControlFlow::Continue(id) => gone = id,
                ControlFlow::Break(result) => return result,
            }
        }
    })
}

/// The place that is being polled, if `waker` is its own.
#[inline]
pub(super) fn recognise(waker: &Waker) -> Option<u32> {
    // Nobody else's waker points to a bell of ours.
    HERE.with(|here| if waker.data() == here.bell.get().cast() { Some(here.polling.get()) } else { None })
}

/// Sets a timer for `waker`.
#[inline]
pub(super) fn set(deadline: Instant, waker: &Waker) -> Key {
    let Some(place) = recognise(waker) else { return set_foreign(deadline, waker.clone()) };
    with(|core| {
        core.counts.timers += 1;
        core.agenda.set(deadline, place)
    })
}

#[cold]
fn set_foreign(deadline: Instant, waker: Waker) -> Key {
    with(|core| {
        core.counts.timers += 1;
        let place = core.foreign.insert(waker);
        assert!(place < FOREIGN as usize, "more than {FOREIGN} timers at once that wake others than tasks");
        core.agenda.set(deadline, FOREIGN + place as u32)
    })
}

/// The pending timer `key` shall wake `waker`: perhaps another timer does that then.
#[cold]
pub(super) fn renew(deadline: Instant, key: Key, waker: &Waker) -> Key {
    let Some(place) = key.who().checked_sub(FOREIGN) else {
        cancel(deadline, key);
        return set(deadline, waker);
    };
    let waker = waker.clone();
    // The former waker may be anybody's: it is dropped outside.
    let _former = with(|core| core.foreign.get_mut(place as usize).map(|former| mem::replace(former, waker)));
    key
}

/// Cancels a timer, unless it has fired.
#[inline(never)]
pub(super) fn cancel(deadline: Instant, key: Key) {
    // The waker may be anybody's: it is dropped outside.
    let _waker = with(|core| {
        let is_pending = core.agenda.cancel(deadline, key);
        core.counts.cancelled += u64::from(is_pending);
        let place = key.who().checked_sub(FOREIGN).filter(|_| is_pending)?;
        core.foreign.try_remove(place as usize)
    });
}

/// The world that runs on this thread, 0 if none does.
#[inline]
pub(super) fn current() -> u64 {
    HERE.with(|here| here.world.get())
}

/// The time in the world that runs on this thread.
#[inline]
pub(super) fn now() -> Instant {
    HERE.with(|here| Instant::from_nanos(here.now.get()))
}

/// When a timer that is set to `deadline` in the world that runs on this thread fires.
#[inline]
pub(super) fn fires(deadline: Instant) -> Instant {
    let is_exact = HERE.with(|here| here.exact.get());
    if is_exact { deadline } else { with(|core| core.settings.fires(deadline)) }
}

/// A world that runs on this thread until this is dropped; one that ran before goes on then.
pub(super) struct Running {
    outer: (Here, Core),
}

impl Running {
    pub(super) fn begin(world: u64, settings: Settings) -> Running {
        let here = Here::nowhere();
        here.world.set(world);
        here.exact.set(settings.fires(Instant::from_nanos(1)) == Instant::from_nanos(1));
        HERE.with(|outer| outer.swap(&here));
        Running { outer: (here, with(|core| mem::replace(core, Core::new(settings)))) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Futures look at the clock, cancel timers and leave work to new tasks when they are dropped: the world is still there.
        while let Some(slots) = with(Core::take_all) {
            drop(slots);
        }
        let (here, core) = &mut self.outer;
        let ended = with(|inner| mem::replace(inner, mem::replace(core, Core::NONE)));
        HERE.with(|inner| inner.swap(here));
        drop(ended);
    }
}
