//! Who is in, who waits, who is next: the pure half of every limit.

use super::{
    adaptive::Sample,
    learner::{Dice, Learner},
    partitions::Partitions,
    waitlist::{Key, Verdict, WaitList, lane_of},
};
use crate::{
    event::Cause,
    queue::{Discipline, Order, Ticket, pid::View},
    rt::Instant,
    service::Reason,
};
use std::time::Duration;

/// A waiter: what the queue knows of it, and what it is woken with.
#[derive(Debug)]
pub(super) struct Waiter<T> {
    ticket: Ticket,
    pub(super) waker: T,
}

/// What a call holds, to be given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Share {
    pub(super) weight: u32,
    pub(super) class: u8,
    /// Permits that were out when it began, its own included.
    pub(super) in_flight: u32,
}

/// How a call ended, for those who learn from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ended {
    pub(super) took: Duration,
    pub(super) dropped: bool,
}

/// A limit that moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// The limit that was told last.
    pub from: u32,
    /// The limit now.
    pub to: u32,
    /// What moved it.
    pub why: Cause,
}

/// What decides over every call, beyond a number and a plain line.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) discipline: Discipline,
    pub(super) partitions: Option<Partitions>,
    pub(super) learner: Option<Learner>,
    pub(super) dice: Dice,
    pub(super) latest: Instant,
}

/// The state of a limit.
#[derive(Debug)]
pub(super) struct Gate<T> {
    capacity: u32,
    out: u32,
    bound: u32,
    line: WaitList<Waiter<T>>,
    rules: Option<Box<Rules>>,
}

impl<T> Gate<T> {
    /// A fixed capacity and a plain line of at most `bound` waiters.
    pub(super) fn plain(capacity: u32, bound: u32) -> Gate<T> {
        Gate { capacity, out: 0, bound, line: WaitList::new(), rules: None }
    }

    /// The same with rules; `capacity` counts only if nobody finds one.
    pub(super) fn with_rules(capacity: u32, mut rules: Rules) -> Gate<T> {
        let capacity = rules.learner.as_ref().map_or(capacity, Learner::limit);
        rules.divide(capacity);
        Gate { rules: Some(Box::new(rules)), ..Gate::plain(capacity, 0) }
    }

    /// Permits that are out.
    #[inline]
    pub(super) fn out(&self) -> u32 {
        self.out
    }

    /// Permits that are out, as somebody else counted them.
    #[inline]
    pub(super) fn set_out(&mut self, out: u32) {
        self.out = out;
    }

    /// The limit now.
    #[inline]
    pub(super) fn capacity(&self) -> u32 {
        self.capacity
    }

    /// Calls that wait.
    #[inline]
    pub(super) fn waiting(&self) -> u32 {
        self.line.len()
    }

    /// Whether somebody may be told something by [`Gate::next`]; cheap, and wrong only by saying yes.
    #[inline]
    pub(super) fn may_have_next(&self) -> bool {
        (self.out < self.capacity || self.rules.is_some()) && self.line.len() > 0
    }

    /// When this call has to leave the line at the latest, by its deadline.
    pub(super) fn leaves(&self, ticket: &Ticket) -> Instant {
        self.rules.as_ref().map_or(Instant::NEVER, |rules| rules.discipline.leaves(ticket))
    }

    /// A call takes its permits if nobody waits and they are free. For gates without rules.
    #[inline]
    pub(super) fn enter_plain(&mut self, weight: u32) -> bool {
        let enters = self.line.len() == 0 && fits(self.out, self.capacity, weight);
        self.out += if enters { weight } else { 0 };
        enters
    }

    /// Joins the line, if it is not full. For gates without rules.
    #[inline]
    pub(super) fn wait_plain(&mut self, ticket: Ticket, waker: impl FnOnce() -> T) -> Result<Key, Reason> {
        if self.line.len() >= self.bound {
            return Err(full(self.bound));
        }
        Ok(self.line.push(Waiter { ticket, waker: waker() }, 0))
    }

    /// The next whose turn has come: nobody overtakes the head, who waits for as many permits as it takes. For gates
    /// without rules.
    #[inline]
    pub(super) fn next_plain(&mut self) -> Option<T> {
        let key = self.line.head()?;
        let weight = self.line.peek(key)?.ticket.weight;
        if !fits(self.out, self.capacity, weight) {
            return None;
        }
        self.out += weight;
        Some(self.line.tell(key, Verdict::Granted { in_flight: self.out }).waker)
    }

    /// A call comes: it is let in, may wait (`Ok(None)`), or is rejected.
    pub(super) fn arrive(&mut self, now: Instant, ticket: &Ticket) -> Result<Option<Share>, Reason> {
        self.on_time(now);
        let free = self.is_free_for(ticket);
        let view = View { waiting: self.line.len(), out: self.out, limit: self.capacity };
        let rules = self.rules.as_deref_mut().expect("only called with rules");
        rules.discipline.on_arrival(now, view, &mut *rules.dice.0)?;
        if free {
            rules.discipline.on_turn(now, ticket, self.out == 0)?;
            return Ok(Some(self.take(ticket)));
        }
        rules.discipline.may_wait(view, &mut *rules.dice.0)?;
        let bound = rules.discipline.bound(self.capacity);
        let may =
            self.line.len() < bound || (bound > 0 && self.line.last_behind(self.lane(ticket)).is_some());
        if may { Ok(None) } else { Err(full(bound)) }
    }

    /// Tells a limiter with a timetable that time has passed.
    fn on_time(&mut self, now: Instant) {
        let rules = self.rules.as_deref_mut().expect("only called with rules");
        rules.latest = now;
        if let Some(learner) = &mut rules.learner {
            learner.on_arrival(now, self.out);
            self.capacity = learner.limit();
            rules.divide(self.capacity);
        }
    }

    /// Whether this call may go in now. It overtakes only those who cannot go in themselves, and without partitions nobody.
    fn is_free_for(&self, ticket: &Ticket) -> bool {
        match self.partitions() {
            None => self.line.len() == 0 && self.has_room(ticket),
            Some(_) => self.has_room(ticket) && self.next_key().is_none(),
        }
    }

    fn has_room(&self, ticket: &Ticket) -> bool {
        let has_share = |partitions: &Partitions| partitions.has_share(ticket.class, ticket.weight);
        fits(self.out, self.capacity, ticket.weight) || self.partitions().is_some_and(has_share)
    }

    fn partitions(&self) -> Option<&Partitions> {
        self.rules.as_ref()?.partitions.as_ref()
    }

    fn take(&mut self, ticket: &Ticket) -> Share {
        self.out += ticket.weight;
        if let Some(partitions) = self.rules.as_mut().and_then(|rules| rules.partitions.as_mut()) {
            partitions.take(ticket.class, ticket.weight);
        }
        Share { weight: ticket.weight, class: ticket.class, in_flight: self.out }
    }

    /// Joins the line. If that is full, the newest of the least important gives way: what to wake it with.
    pub(super) fn wait(&mut self, ticket: Ticket, waker: T) -> (Key, Option<T>) {
        let lane = self.lane(&ticket);
        let rules = self.rules.as_ref().expect("only called with rules");
        let bound = rules.discipline.bound(self.capacity);
        let outranked = (self.line.len() >= bound).then(|| self.line.last_behind(lane)).flatten();
        let loser = outranked.map(|key| self.line.tell(key, Verdict::Refused(Reason::Outranked)).waker);
        (self.line.push(Waiter { ticket, waker }, lane), loser)
    }

    fn lane(&self, ticket: &Ticket) -> u8 {
        match &self.rules {
            Some(rules) if rules.discipline.order() == Order::Priority => lane_of(ticket.priority),
            _ => 0,
        }
    }

    /// The waiter's waker, to be replaced; `None` once it was told something.
    #[inline]
    pub(super) fn waiting_with(&mut self, key: Key) -> Option<&mut T> {
        self.line.get(key).map(|waiter| &mut waiter.waker)
    }

    /// What the waiter was told, which then leaves.
    #[inline]
    pub(super) fn take_told(&mut self, key: Key) -> Option<Verdict> {
        self.line.take_told(key)
    }

    /// The waiter leaves: what it was told, or what it would have been woken with.
    pub(super) fn remove(&mut self, key: Key) -> Result<Verdict, T> {
        self.line.remove(key).map_err(|waiter| waiter.waker)
    }

    /// From now on `capacity` permits. Those that are out beyond that are not called back.
    pub(super) fn set_capacity(&mut self, capacity: u32) {
        self.capacity = capacity;
        if let Some(rules) = &mut self.rules {
            rules.learner.as_mut().into_iter().for_each(|learner| learner.overrule(capacity));
            rules.divide(capacity);
        }
    }

    /// A call gives back what it held. `ended` is for those who learn from it; the limit may move.
    pub(super) fn leave(&mut self, share: &Share, now: Instant, ended: Option<Ended>) -> Option<Change> {
        let full = self.out >= self.capacity;
        self.out = self.out.checked_sub(share.weight).expect("nobody gives back what he does not hold");
        let rules = self.rules.as_deref_mut()?;
        if let Some(partitions) = &mut rules.partitions {
            partitions.give_back(share.class, share.weight);
        }
        rules.latest = now.max(rules.latest);
        rules.discipline.on_done(ended.filter(|ended| !ended.dropped).map(|ended| ended.took));
        let (learner, Ended { took, dropped }) = (rules.learner.as_mut()?, ended?);
        let sample = Sample { now: rules.latest, rtt: took, in_flight: share.in_flight, full, dropped };
        let change = learner.learn(sample, &mut *rules.dice.0);
        self.capacity = learner.limit();
        rules.divide(self.capacity);
        change
    }

    /// The next waiter who is to be told something, and what it waited with: its turn has come, or it is dropped.
    pub(super) fn next(&mut self) -> Option<T> {
        let Some(rules) = self.rules.as_ref() else { return self.next_plain() };
        let now = rules.latest;
        let key = self.next_key()?;
        let ticket = self.line.peek(key)?.ticket;
        let rules = self.rules.as_deref_mut()?;
        match rules.discipline.on_turn(now, &ticket, false) {
            Ok(()) => Some(self.grant(key, &ticket)),
            Err(why) => Some(self.line.tell(key, Verdict::Refused(why)).waker),
        }
    }

    fn grant(&mut self, key: Key, ticket: &Ticket) -> T {
        let Share { in_flight, .. } = self.take(ticket);
        self.line.tell(key, Verdict::Granted { in_flight }).waker
    }

    /// Who is next and can go in; without partitions only the first in order is asked.
    fn next_key(&self) -> Option<Key> {
        let rules = self.rules.as_ref()?;
        let newest = rules.discipline.order().newest_first(self.line.len(), self.capacity);
        let mut keys = std::iter::successors(self.line.first(newest), |key| self.line.after(*key, newest));
        let can = |key: &Key| self.line.peek(*key).is_some_and(|waiter| self.has_room(&waiter.ticket));
        if rules.partitions.is_some() { keys.find(can) } else { keys.next().filter(can) }
    }
}

impl Rules {
    /// The limit is `limit`: the classes' shares follow.
    fn divide(&mut self, limit: u32) {
        if let Some(partitions) = &mut self.partitions {
            partitions.divide(limit);
        }
    }
}

/// Whether `weight` more permits are free; whoever asks for more than all goes in alone.
#[inline]
pub(super) fn fits(out: u32, capacity: u32, weight: u32) -> bool {
    out == 0 || weight <= capacity.saturating_sub(out)
}

/// What a caller is told who found neither permit nor place in the line.
fn full(bound: u32) -> Reason {
    if bound == 0 { Reason::LimitReached } else { Reason::QueueFull }
}
