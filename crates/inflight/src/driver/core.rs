//! The state of the pacing world that runs on this thread: its tasks, timers and sockets, and how it waits.
//!
//! A world never leaves its thread, so its state is thread-local and needs no locks. Code of others (futures, foreign wakers)
//! never runs while the state is borrowed.

use super::{
    pace::{Pace, Wait},
    task::{Bell, Outside},
    turns::{Cause, Turns},
};
use inflight_lab::timers::{Key, Timers};
use inflight_strategies::rt::Instant;
use rustix::{
    buffer::spare_capacity,
    event::{Timespec, epoll},
    fd::{AsFd, OwnedFd},
    io::Errno,
    time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_settime},
};
use std::{
    cell::{Cell, RefCell},
    future::Future,
    io, mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Waker},
    time::Duration,
};

/// A task without its output.
pub(super) type Job = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Names a task: its place, and which of the tasks that were ever in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TaskId {
    pub(super) slot: u32,
    pub(super) generation: u32,
}

/// A place for tasks. Its bell and its waker stay for the next one.
struct Slot {
    bell: Arc<Bell>,
    /// Both are taken out while the task is polled.
    job: Option<Job>,
    waker: Option<Waker>,
    /// Whether somebody lives here.
    taken: bool,
}

/// A socket as epoll sees it, edge by edge.
#[derive(Default)]
struct Source {
    generation: u32,
    ready: Ready,
    waker: Option<Waker>,
}

/// What a socket is ready for, as far as is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ready {
    pub(super) read: bool,
    pub(super) write: bool,
    /// The other side has closed its half, or all is over.
    pub(super) ended: bool,
}

/// Everything about the world on this thread.
pub(super) struct Core {
    epoll: OwnedFd,
    /// What ends a wait in time, and what it is set to. Set once for a deadline, whatever comes before that: a timeout of each
    /// wait would be set and taken back again with every answer, which costs a virtual machine more than anything else here.
    clock: OwnedFd,
    set_to: Option<Instant>,
    timers: Timers<Waker>,
    pace: Pace,
    turns: Turns,
    /// Who is polled right now, and why: who wakes itself has the same cause again.
    polled: Option<(TaskId, Cause)>,
    /// Whether timers fire right now: who is woken by that is due.
    firing: bool,
    slots: Vec<Slot>,
    free: Vec<u32>,
    sources: Vec<Source>,
    free_sources: Vec<u32>,
    outside: Arc<Outside>,
    /// Nobody waits for answers any more.
    over: bool,
    /// Rounds of turns since sockets were looked at.
    rounds: u32,
}

thread_local! {
    /// Which world runs on this thread, 0: none.
    static WORLD: Cell<u64> = const { Cell::new(0) };
    static CORE: RefCell<Option<Core>> = const { RefCell::new(None) };
}

/// Names a socket among epoll's; see [`add_source`].
pub(super) type SourceId = u32;
/// The sources of the event descriptor and of the clock.
const OUTSIDE: u64 = u64::MAX;
const CLOCK: u64 = u64::MAX - 1;
/// So many tasks are polled in a round. Timers are looked at after each of them.
const TURNS: usize = 8;
/// So many rounds there are before sockets are looked at.
const ROUNDS: u32 = 8;
/// So many events are taken at once.
const EVENTS: usize = 256;

/// The world that runs on this thread, 0 if none does.
#[inline]
pub(super) fn current() -> u64 {
    WORLD.get()
}

/// Looks into the world that runs on this thread, which must be there. No code of others may run in `look`.
#[inline]
pub(super) fn with<R>(look: impl FnOnce(&mut Core) -> R) -> R {
    try_with(look).expect("a pacing world is only there on the thread that runs it, while it runs")
}

/// [`with`], if there is a world.
pub(super) fn try_with<R>(look: impl FnOnce(&mut Core) -> R) -> Option<R> {
    CORE.with_borrow_mut(|core| core.as_mut().map(look))
}

impl Core {
    pub(super) fn new(outside: Arc<Outside>, pace: Pace) -> io::Result<Core> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, &outside.event, epoll::EventData::new_u64(OUTSIDE), epoll::EventFlags::IN)?;
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let clock = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        // Edge by edge: nobody has to read it.
        let flags = epoll::EventFlags::IN | epoll::EventFlags::ET;
        epoll::add(&epoll, &clock, epoll::EventData::new_u64(CLOCK), flags)?;
        Ok(Core {
            epoll,
            clock,
            set_to: None,
            timers: Timers::default(),
            pace,
            turns: Turns::default(),
            polled: None,
            firing: false,
            slots: Vec::new(),
            free: Vec::new(),
            sources: Vec::new(),
            free_sources: Vec::new(),
            outside,
            over: false,
            rounds: 0,
        })
    }

    /// A new task; it is due.
    pub(super) fn add_task(&mut self, job: Job) -> TaskId {
        let number = self.free.pop().unwrap_or_else(|| {
            let slot = u32::try_from(self.slots.len()).expect("fewer than 2^32 tasks at once");
            let bell = Bell::new(slot, self.outside.clone());
            let waker = Some(Waker::from(bell.clone()));
            self.slots.push(Slot { bell, job: None, waker, taken: false });
            slot
        });
        let slot = &mut self.slots[number as usize];
        (slot.job, slot.taken) = (Some(job), true);
        slot.bell.is_silent();
        let id = slot.bell.id();
        self.turns.push(id, Cause::Due);
        id
    }

    fn slot(&mut self, id: TaskId) -> Option<&mut Slot> {
        self.slots.get_mut(id.slot as usize).filter(|slot| slot.taken && slot.bell.id() == id)
    }

    /// The task is over or cancelled: what is left of it is handed out, to be dropped outside.
    pub(super) fn remove_task(&mut self, id: TaskId) -> Option<Job> {
        let slot = self.slot(id)?;
        slot.taken = false;
        slot.bell.ring_for_the_next();
        let job = slot.job.take();
        self.free.push(id.slot);
        job
    }

    /// The next task that is ready, and its waker.
    fn next_job(&mut self) -> Option<(TaskId, Job, Waker)> {
        loop {
            let (id, cause) = self.turns.pop()?;
            if let Some(slot) = self.slot(id) {
                slot.bell.hush();
                if let (Some(job), Some(waker)) = (slot.job.take(), slot.waker.take()) {
                    self.polled = Some((id, cause));
                    return Some((id, job, waker));
                }
            }
        }
    }

    /// Puts a task back that was polled and is not over. If it was cancelled meanwhile, it is handed out again.
    fn put_back(&mut self, id: TaskId, job: Job, waker: Waker) -> Option<Job> {
        self.polled = None;
        let slot = &mut self.slots[id.slot as usize];
        slot.waker = Some(waker);
        if slot.bell.id() != id {
            return Some(job);
        }
        slot.job = Some(job);
        None
    }

    /// Puts a task, whose bell was rung, at the end of those that are polled next.
    pub(super) fn make_ready(&mut self, id: TaskId) {
        let cause = match self.polled {
            _ if self.firing => Cause::Due,
            Some((polled, cause)) if polled == id => cause,
            _ => Cause::Other,
        };
        self.turns.push(id, cause);
    }

    /// Who is polled right now is not due any more: it goes on when nobody else is.
    pub(super) fn step_back(&mut self) {
        self.polled = self.polled.map(|(id, _)| (id, Cause::Other));
    }

    pub(super) fn set_timer(&mut self, deadline: Instant, waker: &Waker) -> Key {
        self.timers.set(deadline, waker.clone())
    }

    pub(super) fn renew_timer(&mut self, deadline: Instant, key: Key, waker: &Waker) -> Key {
        self.timers.renew(deadline, key, waker)
    }

    pub(super) fn cancel_timer(&mut self, deadline: Instant, key: Key) -> Option<Waker> {
        self.timers.cancel(deadline, key)
    }

    /// The next timer that is to fire; who is woken until there is none more is due.
    fn pop_due(&mut self, now: Instant) -> Option<Waker> {
        let deadline = self.timers.next().filter(|deadline| *deadline <= now);
        self.firing = deadline.is_some();
        self.pace.on_fired(deadline?);
        self.timers.pop_due(now)
    }

    /// Registers a socket for everything that may happen to it.
    pub(super) fn add_source(&mut self, socket: impl AsFd) -> io::Result<SourceId> {
        let number = self.free_sources.pop().unwrap_or_else(|| {
            self.sources.push(Source::default());
            (self.sources.len() - 1) as u32
        });
        let source = &mut self.sources[number as usize];
        let data = u64::from(source.generation) << 32 | u64::from(number);
        let flags =
            epoll::EventFlags::IN | epoll::EventFlags::OUT | epoll::EventFlags::RDHUP | epoll::EventFlags::ET;
        if let Err(error) = epoll::add(&self.epoll, socket, epoll::EventData::new_u64(data), flags) {
            self.free_sources.push(number);
            return Err(error.into());
        }
        Ok(number)
    }

    /// Forgets a socket; closing it ends its registration.
    pub(super) fn remove_source(&mut self, id: SourceId) -> Option<Waker> {
        let source = &mut self.sources[id as usize];
        let generation = source.generation.wrapping_add(1);
        let former = std::mem::replace(source, Source { generation, ..Source::default() });
        self.free_sources.push(id);
        former.waker
    }

    /// What a socket is ready for, to be looked at and corrected by who has just tried.
    #[inline]
    pub(super) fn readiness(&mut self, id: SourceId) -> &mut Ready {
        &mut self.sources[id as usize].ready
    }

    /// Wakes `waker` when anything happens to the socket.
    #[inline]
    pub(super) fn watch(&mut self, id: SourceId, waker: &Waker) {
        let watching = &mut self.sources[id as usize].waker;
        if !watching.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *watching = Some(waker.clone());
        }
    }

    /// Notes what happened to a socket and tells who wants to know.
    fn note(&mut self, event: &epoll::Event) -> Option<Waker> {
        let (data, flags) = (event.data.u64(), event.flags);
        let (number, generation) = (data as u32, (data >> 32) as u32);
        let source = self.sources.get_mut(number as usize)?;
        if source.generation != generation {
            return None;
        }
        let broken = flags.intersects(epoll::EventFlags::HUP | epoll::EventFlags::ERR);
        let ended = broken || flags.contains(epoll::EventFlags::RDHUP);
        source.ready.ended |= ended;
        source.ready.read |= ended || flags.contains(epoll::EventFlags::IN);
        source.ready.write |= broken || flags.contains(epoll::EventFlags::OUT);
        source.waker.take()
    }

    /// Waits until something happens, as long as is right now, and moves those who are to be woken to `woken`.
    fn wait(
        &mut self,
        now: Instant,
        events: &mut Vec<epoll::Event>,
        woken: &mut Vec<Waker>,
    ) -> io::Result<()> {
        let wait = match self.turns.is_empty() {
            true => self.pace.wait(now, self.timers.next()),
            false => Wait::Look,
        };
        let timeout = match wait {
            Wait::Look => Some(Timespec::default()),
            Wait::For(time) => {
                self.set_clock(now, time)?;
                None
            }
            Wait::Forever => None,
        };
        self.rounds = 0;
        events.clear();
        match epoll::wait(&self.epoll, spare_capacity(events), timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        for event in events.iter() {
            match event.data.u64() {
                OUTSIDE => self.hear(),
                CLOCK => self.set_to = None,
                _ => woken.extend(self.note(event)),
            }
        }
        Ok(())
    }

    /// Ends the next wait so long after `now`, or sooner.
    fn set_clock(&mut self, now: Instant, time: Duration) -> io::Result<()> {
        let then = now + time;
        if self.set_to == Some(then) {
            return Ok(());
        }
        let it_value = Timespec { tv_sec: time.as_secs() as i64, tv_nsec: time.subsec_nanos().into() };
        let once = Itimerspec { it_interval: Timespec::default(), it_value };
        timerfd_settime(&self.clock, TimerfdTimerFlags::empty(), &once)?;
        self.set_to = Some(then);
        Ok(())
    }

    /// Whether sockets have waited long enough while tasks were ready.
    fn is_time_to_look(&mut self) -> bool {
        self.rounds += 1;
        self.rounds > ROUNDS
    }

    /// Makes those ready whom other threads woke.
    fn hear(&mut self) {
        for id in self.outside.take() {
            if self.slot(id).is_some_and(|slot| slot.bell.is_silent()) {
                self.turns.push(id, Cause::Other);
            }
        }
    }

    /// Whether nobody waits for answers any more.
    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    /// From now on nobody waits for answers: every task looks up once.
    pub(super) fn give_up(&mut self) {
        self.over = true;
        for slot in self.slots.iter().filter(|slot| slot.taken) {
            if slot.bell.is_silent() {
                self.turns.push(slot.bell.id(), Cause::Other);
            }
        }
    }
}

/// Polls whoever is ready, fires timers and waits for sockets, until `done` says that it is enough. `now` tells the time.
pub(super) fn turn_until(now: impl Fn() -> Instant, done: impl Fn() -> bool) -> io::Result<()> {
    let (mut events, mut woken) = (Vec::with_capacity(EVENTS), Vec::with_capacity(EVENTS));
    loop {
        for _ in 0..TURNS {
            let Some((id, job, waker)) = with(Core::next_job) else { break };
            poll(id, job, waker);
            fire(now());
        }
        if done() {
            return Ok(());
        }
        let time = now();
        fire(time);
        with(|core| match core.turns.is_empty() {
            // Sockets are looked at when nobody is ready, and in between now and then.
            true => core.wait(time, &mut events, &mut woken),
            false if core.is_time_to_look() => core.wait(time, &mut events, &mut woken),
            false => Ok(()),
        })?;
        woken.drain(..).for_each(Waker::wake);
    }
}

/// Wakes everyone whose time has come.
fn fire(now: Instant) {
    while let Some(waker) = with(|core| core.pop_due(now)) {
        waker.wake();
    }
}

fn poll(id: TaskId, mut job: Job, waker: Waker) {
    let is_over = job.as_mut().poll(&mut Context::from_waker(&waker)).is_ready();
    let left = with(|core| {
        let cancelled = core.put_back(id, job, waker);
        let over = if is_over { core.remove_task(id) } else { None };
        (cancelled, over)
    });
    // What is left of it may run code of its own while it is dropped.
    drop(left);
}

/// A world that runs on this thread until this is dropped.
pub(super) struct Running;

impl Running {
    pub(super) fn begin(world: u64, core: Core) -> Running {
        assert_eq!(WORLD.replace(world), 0, "one pacing world per thread");
        CORE.set(Some(core));
        Running
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Futures look at the clock, cancel timers and close sockets when they are dropped: the world is still there.
        while let Some(slots) = with(|core| {
            core.free.clear();
            Some(mem::take(&mut core.slots)).filter(|slots| !slots.is_empty())
        }) {
            drop(slots);
        }
        WORLD.set(0);
        drop(CORE.take());
    }
}
