//! The waiting half of every limit: permits behind a lock, handed on when they come back, and none is lost. While nobody waits, a
//! number and a line need no lock, and where a limiter finds the number, only it needs the lock, when a call ends.

use super::{
    adaptive::Sample,
    config::{Config, Permits},
    count::{Count, Found},
    gate::{Change, Ended, Gate, Rules, Share},
    learner::{Dice, Learner},
    partitions::Partitions,
    waitlist::{Key, Verdict},
};
use crate::{
    queue::{Bound, Discipline, Ticket},
    rt::{Instant, Rng},
    service::Reason,
    sync::{Mutex, MutexGuard},
};
use std::{
    future::Future,
    ops::{Deref, DerefMut},
    pin::Pin,
    sync::PoisonError,
    task::{Context, Poll, Waker},
    time::Duration,
};

/// A limit and its line. Whoever finds no permit waits, in the queue's order, until a permit is handed to it.
#[derive(Debug)]
pub struct Semaphore {
    /// Whether rules decide over every call. Otherwise nobody needs the gate but those who wait.
    ruled: bool,
    /// What is out, unless rules decide; the gate knows it only while it is locked.
    count: Count,
    gate: Mutex<Gate<Waker>>,
    /// Finds the limit of a plain line, if it is not fixed.
    learner: Option<Mutex<(Learner, Dice)>>,
}

/// The gate, locked; the count follows when it is unlocked.
struct Locked<'a> {
    gate: MutexGuard<'a, Gate<Waker>>,
    found: Option<Found>,
    semaphore: &'a Semaphore,
}

impl Deref for Locked<'_> {
    type Target = Gate<Waker>;
    #[inline]
    fn deref(&self) -> &Gate<Waker> {
        &self.gate
    }
}

impl DerefMut for Locked<'_> {
    #[inline]
    fn deref_mut(&mut self) -> &mut Gate<Waker> {
        &mut self.gate
    }
}

impl Drop for Locked<'_> {
    #[inline]
    fn drop(&mut self) {
        if let Some(found) = self.found {
            let (out, limit, waits) = (self.gate.out(), self.gate.capacity(), self.gate.waiting() > 0);
            self.semaphore.count.unlock(found, out, limit, waits);
        }
    }
}

impl Semaphore {
    /// `capacity` permits, first come, first served, and a line of at most `queue` waiters (`None`: no bound).
    pub fn new(capacity: u32, queue: Option<u32>) -> Self {
        let gate = Gate::plain(capacity, queue.unwrap_or(u32::MAX));
        Semaphore { ruled: false, count: Count::new(capacity), gate: Mutex::new(gate), learner: None }
    }

    /// The limit that `config` describes; `dice` are thrown by rules and limiters that need chance.
    ///
    /// # Panics
    /// If `config` is not valid.
    pub fn with(config: &Config, dice: Box<dyn Rng + Send>) -> Self {
        config.validate().expect("a valid limit");
        let (mut learner, permits) = match &config.permits {
            Permits::Fixed(permits) => (None, *permits),
            Permits::Adaptive(limiter) => (Some(Learner::new(limiter.build())), 1),
        };
        let permits = learner.as_ref().map_or(permits, Learner::limit);
        let dice = Dice(dice);
        if config.has_plain_line() && !learner.as_mut().is_some_and(Learner::hears_arrivals) {
            let queue = match config.queue.bound {
                Bound::Bounded(most) => Some(most),
                _ => None,
            };
            let learner = learner.map(|learner| Mutex::new((learner, dice)));
            return Semaphore { learner, ..Semaphore::new(permits, queue) };
        }
        let partitions = Some(&config.partitions).filter(|shares| !shares.is_empty());
        let partitions = partitions.map(|shares| Partitions::new(shares, permits));
        let discipline = Discipline::new(config.queue);
        let rules = Rules { discipline, partitions, learner, dice, latest: Instant::ZERO };
        let gate = Mutex::new(Gate::with_rules(permits, rules));
        Semaphore { ruled: true, gate, ..Semaphore::new(permits, None) }
    }

    /// Whether it is a number and a line: then it needs to be told neither the time nor how calls end.
    #[inline]
    pub fn is_plain(&self) -> bool {
        !self.ruled && self.learner.is_none()
    }

    /// Waits for a permit. The answer is an error at once if the line is full. Dropping the wait leaves the line; a
    /// permit that was granted in that very moment goes to the next.
    pub fn acquire(&self) -> Acquire<'_> {
        self.acquire_for(Ticket::at(Instant::ZERO))
    }

    /// The same for a call with this ticket; it must be polled when it arrives.
    pub fn acquire_for(&self, ticket: Ticket) -> Acquire<'_> {
        Acquire { semaphore: self, ticket, key: None }
    }

    /// A permit, if one is free now and nobody waits. Only plain limits give permits without being told the time.
    #[inline]
    pub fn try_acquire(&self) -> Option<Permit<'_>> {
        let enters = self.is_plain() && (self.count.take(1).is_some() || self.enters_through_the_gate(1));
        // Not `then_some`: a permit that is made is given back.
        enters.then(|| Permit { semaphore: self, share: Share { weight: 1, class: 0, in_flight: 0 } })
    }

    #[inline(never)]
    fn enters_through_the_gate(&self, weight: u32) -> bool {
        self.lock().enter_plain(weight)
    }

    /// What this call takes, if it needs neither wait nor lock; whoever takes it gives it back.
    #[inline]
    pub(super) fn take(&self, ticket: &Ticket) -> Option<Share> {
        if self.ruled {
            return None;
        }
        let in_flight = self.count.take(ticket.weight)?;
        Some(Share { weight: ticket.weight, class: ticket.class, in_flight })
    }

    /// Permits that are out.
    pub fn in_flight(&self) -> u32 {
        self.lock().out()
    }

    /// The limit now.
    pub fn limit(&self) -> u32 {
        self.lock().capacity()
    }

    /// From now on `limit` permits, at least 1: whoever has room now goes in, and nobody is called back. A limiter, if there
    /// is one, overrules it with the next call that ends.
    pub fn set_limit(&self, limit: u32) {
        let limit = limit.max(1);
        let mut learner = self.learner.as_ref().map(locked);
        learner.iter_mut().for_each(|learner| learner.0.overrule(limit));
        self.set_capacity(limit, learner);
    }

    /// Limits are set in the order in which they were found: under the learner's lock. Wakers are woken without it.
    fn set_capacity(&self, limit: u32, learner: Option<MutexGuard<'_, (Learner, Dice)>>) {
        let mut gate = self.lock();
        gate.set_capacity(limit);
        drop(learner);
        self.hand_out(gate);
    }

    /// Callers that wait.
    pub fn waiting(&self) -> u32 {
        self.lock().waiting()
    }

    #[inline]
    fn lock(&self) -> Locked<'_> {
        let mut gate = locked(&self.gate);
        let found = (!self.ruled).then(|| self.count.lock());
        if let Some(found) = found {
            gate.set_out(found.out());
        }
        Locked { gate, found, semaphore: self }
    }

    /// Takes back what a call of a plain limit held, and hands it on.
    #[inline]
    pub(super) fn give_back_plain(&self, weight: u32) {
        if self.count.give_back(weight) {
            self.hand_on();
        }
    }

    /// Takes back at `now` what a call held, and hands it on; the limit may move if there is something to learn from how it `ended`.
    #[inline]
    pub(super) fn give_back(&self, share: &Share, now: Instant, ended: Option<Ended>) -> Option<Change> {
        if self.ruled {
            let (took, dropped) = ended.map_or((None, false), |ended| (Some(ended.took), ended.dropped));
            return self.give_back_to_rules(share, now, took, dropped);
        }
        let change = match (&self.learner, ended) {
            (Some(learner), Some(Ended { took, dropped })) => self.learn(learner, share, now, took, dropped),
            _ => None,
        };
        self.give_back_plain(share.weight);
        change
    }

    #[inline(never)]
    fn give_back_to_rules(
        &self,
        share: &Share,
        now: Instant,
        took: Option<Duration>,
        dropped: bool,
    ) -> Option<Change> {
        let mut gate = self.lock();
        let change = gate.leave(share, now, took.map(|took| Ended { took, dropped }));
        self.hand_out(gate);
        change
    }

    /// A call ended that still holds its permits.
    #[inline(never)]
    fn learn(
        &self,
        learner: &Mutex<(Learner, Dice)>,
        share: &Share,
        now: Instant,
        took: Duration,
        dropped: bool,
    ) -> Option<Change> {
        let (full, in_flight) = (self.count.is_full(), share.in_flight);
        let mut guard = locked(learner);
        let (learner, Dice(dice)) = &mut *guard;
        let change = learner.learn(Sample { now, rtt: took, in_flight, full, dropped }, &mut **dice)?;
        self.set_capacity(change.to, Some(guard));
        Some(change)
    }

    /// A permit of a plain limit came back: to one waiter, with one lock.
    #[inline(never)]
    fn hand_on(&self) {
        let mut gate = self.lock();
        let Some(waker) = gate.next_plain() else { return };
        let more = gate.may_have_next();
        drop(gate);
        waker.wake();
        if more {
            self.hand_out(self.lock());
        }
    }

    /// Tells everybody whose turn has come, or who is dropped. Wakers run without the lock.
    fn hand_out<'a>(&'a self, mut gate: Locked<'a>) {
        while let Some(waker) = gate.next() {
            let more = gate.may_have_next();
            drop(gate);
            waker.wake();
            if !more {
                return;
            }
            gate = self.lock();
        }
    }
}

/// No code of others runs under these locks but `Waker::clone`, limiters and dice, so a poisoned state is a consistent one. Wakers are
/// woken and dropped without them.
#[inline]
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A wait for a permit; see [`Semaphore::acquire`].
#[derive(Debug)]
#[must_use = "a wait does nothing unless awaited"]
pub struct Acquire<'a> {
    semaphore: &'a Semaphore,
    ticket: Ticket,
    key: Option<Key>,
}

impl<'a> Acquire<'a> {
    /// When the call must leave the line, by its deadline; [`Instant::NEVER`] if the queue does not care.
    pub(super) fn leaves(&self) -> Instant {
        if self.semaphore.ruled { self.semaphore.lock().leaves(&self.ticket) } else { Instant::NEVER }
    }

    #[inline]
    fn arrive(&mut self, cx: &Context<'_>) -> Poll<Result<Permit<'a>, Reason>> {
        let semaphore = self.semaphore;
        match semaphore.take(&self.ticket) {
            Some(share) => Poll::Ready(Ok(Permit { semaphore, share })),
            None if semaphore.ruled => self.arrive_by_rules(cx),
            None => self.arrive_in_line(cx),
        }
    }

    #[inline(never)]
    fn arrive_in_line(&mut self, cx: &Context<'_>) -> Poll<Result<Permit<'a>, Reason>> {
        let semaphore = self.semaphore;
        let Ticket { weight, class, .. } = self.ticket;
        let mut gate = semaphore.lock();
        if gate.enter_plain(weight) {
            let share = Share { weight, class, in_flight: gate.out() };
            return Poll::Ready(Ok(Permit { semaphore, share }));
        }
        self.key = Some(gate.wait_plain(self.ticket, || cx.waker().clone())?);
        Poll::Pending
    }

    #[inline(never)]
    fn arrive_by_rules(&mut self, cx: &Context<'_>) -> Poll<Result<Permit<'a>, Reason>> {
        let semaphore = self.semaphore;
        let mut gate = semaphore.lock();
        if let Some(share) = gate.arrive(self.ticket.arrived, &self.ticket)? {
            return Poll::Ready(Ok(Permit { semaphore, share }));
        }
        let (key, outranked) = gate.wait(self.ticket, cx.waker().clone());
        self.key = Some(key);
        // Time alone can have raised the limit.
        semaphore.hand_out(gate);
        if let Some(waker) = outranked {
            waker.wake();
        }
        Poll::Pending
    }

    /// The caller goes away.
    #[cold]
    fn withdraw(&mut self, key: Key) {
        let semaphore = self.semaphore;
        let mut gate = semaphore.lock();
        match gate.remove(key) {
            Ok(verdict) => {
                drop(gate);
                drop(self.permit(verdict));
            }
            Err(waker) => {
                // Whoever stood behind a call that takes many permits may have room now.
                semaphore.hand_out(gate);
                drop(waker);
            }
        }
    }

    #[inline]
    fn permit(&mut self, verdict: Verdict) -> Result<Permit<'a>, Reason> {
        self.key = None;
        let Ticket { weight, class, .. } = self.ticket;
        match verdict {
            Verdict::Granted { in_flight } => {
                Ok(Permit { semaphore: self.semaphore, share: Share { weight, class, in_flight } })
            }
            Verdict::Refused(why) => Err(why),
        }
    }
}

impl<'a> Future for Acquire<'a> {
    type Output = Result<Permit<'a>, Reason>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(key) = self.key else { return self.arrive(cx) };
        // Whoever only asks what he was told leaves the count alone.
        let mut gate = locked(&self.semaphore.gate);
        if let Some(verdict) = gate.take_told(key) {
            drop(gate);
            return Poll::Ready(self.permit(verdict));
        }
        let waker = gate.waiting_with(key).filter(|waker| !waker.will_wake(cx.waker()));
        let old = waker.map(|waker| std::mem::replace(waker, cx.waker().clone()));
        drop(gate);
        drop(old);
        Poll::Pending
    }
}

impl Drop for Acquire<'_> {
    #[inline]
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.withdraw(key);
        }
    }
}

/// A permit (or as many as the call weighs); goes back when dropped.
#[derive(Debug)]
#[must_use = "a permit that is dropped at once limits nothing"]
pub struct Permit<'a> {
    semaphore: &'a Semaphore,
    share: Share,
}

impl Permit<'_> {
    /// Gives the permit back at `now` and tells the limiter that the call took `took`, and whether it was dropped; `None`
    /// if there is nothing to learn from it. The limit may move.
    pub fn give_back(self, now: Instant, took: Option<Duration>, dropped: bool) -> Option<Change> {
        let (semaphore, share) = (self.semaphore, self.into_share());
        semaphore.give_back(&share, now, took.map(|took| Ended { took, dropped }))
    }

    /// What it stands for; whoever takes it gives it back.
    pub(super) fn into_share(self) -> Share {
        let share = self.share;
        // Nothing is owned: only the giving back must not happen twice.
        std::mem::forget(self);
        share
    }
}

impl Drop for Permit<'_> {
    #[inline]
    fn drop(&mut self) {
        match self.semaphore.is_plain() {
            true => self.semaphore.give_back_plain(self.share.weight),
            false => _ = self.semaphore.give_back(&self.share, Instant::ZERO, None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::{collections::VecDeque, pin::pin, sync::Arc, sync::atomic::*, task::Wake};

    struct Count(AtomicU32);
    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_free_permit_never_overtakes_the_line() {
        // Free permits and waiters never exist together, so `free > 0` alone admits in order.
        let s = Semaphore::new(1, None);
        let mut cx = Context::from_waker(Waker::noop());
        let Poll::Ready(Ok(first)) = pin!(s.acquire()).poll(&mut cx) else { panic!("free") };
        let mut second = Box::pin(s.acquire());
        assert!(second.as_mut().poll(&mut cx).is_pending());
        drop(first);
        assert!(pin!(s.acquire()).poll(&mut cx).is_pending(), "granted to the second, though not yet polled");
        assert!(second.as_mut().poll(&mut cx).is_ready());
    }

    #[test]
    fn a_permit_granted_to_a_wait_that_is_dropped_goes_to_the_next() {
        let s = Semaphore::new(1, None);
        let count = Arc::new(Count(AtomicU32::new(0)));
        let waker = Waker::from(count.clone());
        let mut cx = Context::from_waker(&waker);
        let Poll::Ready(Ok(first)) = pin!(s.acquire()).poll(&mut cx) else { panic!("free") };
        let mut second = Box::pin(s.acquire());
        let mut third = Box::pin(s.acquire());
        assert!(second.as_mut().poll(&mut cx).is_pending());
        assert!(third.as_mut().poll(&mut cx).is_pending());
        drop(first);
        drop(second);
        assert_eq!(count.0.load(Ordering::Relaxed), 2, "one wake-up each");
        assert!(third.as_mut().poll(&mut cx).is_ready());
        assert_eq!(s.in_flight(), 0, "the third's permit went back when its answer was dropped");
    }

    #[test]
    fn a_full_line_answers_at_once() {
        let s = Semaphore::new(1, Some(1));
        let mut cx = Context::from_waker(Waker::noop());
        let Poll::Ready(Ok(_permit)) = pin!(s.acquire()).poll(&mut cx) else { panic!("free") };
        let mut second = Box::pin(s.acquire());
        assert!(second.as_mut().poll(&mut cx).is_pending());
        assert!(matches!(pin!(s.acquire()).poll(&mut cx), Poll::Ready(Err(Reason::QueueFull))));
    }

    /// `n` waits that have been polled once.
    fn waits(s: &Semaphore, n: usize) -> Vec<Pin<Box<Acquire<'_>>>> {
        let mut cx = Context::from_waker(Waker::noop());
        let mut waits: Vec<_> = (0..n).map(|_| Box::pin(s.acquire())).collect();
        waits.iter_mut().for_each(|wait| assert!(wait.as_mut().poll(&mut cx).is_pending()));
        waits
    }

    #[test]
    fn netflix_blocking_limiter_whose_limit_falls() {
        // limiter/BlockingLimiterTest.test: ten are in, the limit becomes one, all leave, and one goes in.
        let s = Semaphore::new(10, None);
        let permits: Vec<_> = (0..10).map_while(|_| s.try_acquire()).collect();
        s.set_limit(1);
        let waits = waits(&s, 2);
        for (left, permit) in permits.into_iter().enumerate() {
            drop(permit);
            assert_eq!(s.in_flight(), (9 - left as u32).max(1), "the ninth who leaves lets nobody in");
        }
        drop(waits);
        assert_eq!(s.in_flight(), 0);
    }

    #[test]
    fn netflix_lifo_blocking_limiter_adapts_when_the_limit_increases() {
        let s = Semaphore::new(4, None);
        let _permits: Vec<_> = (0..4).map_while(|_| s.try_acquire()).collect();
        let waits = waits(&s, 3);
        s.set_limit(6);
        assert_eq!((s.in_flight(), s.waiting()), (6, 1));
        drop(waits);
        assert_eq!((s.in_flight(), s.waiting()), (4, 0));
    }

    #[test]
    fn netflix_lifo_blocking_limiter_adapts_when_the_limit_decreases() {
        let s = Semaphore::new(4, None);
        let mut permits: Vec<_> = (0..4).map_while(|_| s.try_acquire()).collect();
        s.set_limit(3);
        permits.pop();
        assert!(s.try_acquire().is_none() && s.in_flight() == 3);
    }

    proptest! {
        /// Any mix of arriving, polling, leaving and releasing: never more than the capacity out, first come first
        /// served, and everything back at the end.
        #[test]
        fn permits_return_whatever_happens(capacity in 1u32..4, steps in proptest::collection::vec((0u8..4, any::<u8>()), 0..120)) {
            let s = Semaphore::new(capacity, None);
            let mut cx = Context::from_waker(Waker::noop());
            let mut line: VecDeque<(usize, Pin<Box<Acquire<'_>>>)> = VecDeque::new();
            let mut held = Vec::new();
            let (mut arrived, mut served) = (0usize, None);
            for (step, pick) in steps {
                match step {
                    0 => {
                        let mut wait = Box::pin(s.acquire());
                        match wait.as_mut().poll(&mut cx) {
                            Poll::Ready(permit) => held.push(permit),
                            Poll::Pending => line.push_back((arrived, wait)),
                        }
                        arrived += 1;
                    }
                    1 if !held.is_empty() => drop(held.swap_remove(usize::from(pick) % held.len())),
                    2 if !line.is_empty() => drop(line.remove(usize::from(pick) % line.len())),
                    _ => {
                        while let Some((n, wait)) = line.front_mut() {
                            let Poll::Ready(permit) = wait.as_mut().poll(&mut cx) else { break };
                            prop_assert!(served < Some(*n), "in order of arrival");
                            served = Some(*n);
                            held.push(permit);
                            line.pop_front();
                        }
                    }
                }
                prop_assert!(s.in_flight() <= capacity && held.len() as u32 <= s.in_flight());
            }
            drop(line);
            drop(held);
            prop_assert_eq!((s.in_flight(), s.waiting()), (0, 0));
        }
    }
}
