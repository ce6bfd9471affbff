//! All rules of a queue together: the pure half of waiting.

use super::{
    Bound, Config, Order, Ticket, codel::Codel, deadline::DeadlineAware, little::ServiceTime, pid::Pid,
    pid::View,
};
use crate::{
    rt::{Instant, Rng},
    service::Reason,
};
use std::time::Duration;

/// Decides who may wait, who is next, and who is dropped at its turn.
#[derive(Clone, Debug)]
pub struct Discipline {
    config: Config,
    codel: Option<Codel>,
    deadline: Option<DeadlineAware>,
    pid: Option<Pid>,
    service: ServiceTime,
}

impl Discipline {
    /// # Panics
    /// If `config` is not valid.
    pub fn new(config: Config) -> Discipline {
        config.validate().expect("a valid queue");
        Discipline {
            config,
            codel: config.codel.map(Codel::new),
            deadline: config.deadline.map(DeadlineAware::new),
            pid: config.pid.map(Pid::new),
            service: ServiceTime::default(),
        }
    }

    /// The order.
    pub fn order(&self) -> Order {
        self.config.order
    }

    /// How many may wait now, behind a limit of `limit`.
    pub fn bound(&self, limit: u32) -> u32 {
        match self.config.bound {
            Bound::Bounded(n) => n,
            Bound::Unbounded => u32::MAX,
            // Before the first call is done nothing is known: as many as the limit.
            Bound::Little(_) if self.service.mean().is_zero() => limit,
            Bound::Little(little) => little.bound(limit, self.service.mean()),
        }
    }

    /// When a waiting call has to leave at the latest, by its deadline.
    pub fn leaves(&self, ticket: &Ticket) -> Instant {
        self.config.deadline.map_or(Instant::NEVER, |deadline| deadline.end(ticket))
    }

    /// A call comes at `now`, before it is known whether a permit is free.
    pub fn on_arrival(&mut self, now: Instant, view: View, dice: &mut dyn Rng) -> Result<(), Reason> {
        let Some(pid) = &mut self.pid else { return Ok(()) };
        let share = pid.on_arrival(now, view);
        if share > 0.0 && dice.unit() < share { Err(Reason::Overloaded) } else { Ok(()) }
    }

    /// A call finds no permit: whether it may wait, as far as the queue's length says. A full queue is another question.
    pub fn may_wait(&self, view: View, dice: &mut dyn Rng) -> Result<(), Reason> {
        let share = self.config.ramp.map_or(0.0, |ramp| ramp.share(view.waiting, view.limit));
        if share >= 1.0 || (share > 0.0 && dice.unit() < share) { Err(Reason::Overloaded) } else { Ok(()) }
    }

    /// The turn of a call comes at `now`: whether it is served. `idle`: it has just come, and nobody is inside.
    pub fn on_turn(&mut self, now: Instant, ticket: &Ticket, idle: bool) -> Result<(), Reason> {
        let waited = now - ticket.arrived;
        // CoDel sees every turn, also of those whom another rule drops.
        let stands = self.codel.as_mut().is_some_and(|codel| codel.drops(now, waited));
        if self.deadline.as_ref().is_some_and(|rule| rule.drops(now, ticket, idle)) {
            return Err(Reason::TooLate);
        }
        if stands { Err(Reason::Overloaded) } else { Ok(()) }
    }

    /// A call gave its permit back; `took`, if it completed.
    pub fn on_done(&mut self, took: Option<Duration>) {
        if let Some(pid) = &mut self.pid {
            pid.on_done();
        }
        let Some(took) = took else { return };
        if let Bound::Little(_) = self.config.bound {
            self.service.on_completed(took);
        }
        if let Some(deadline) = &mut self.deadline {
            deadline.on_completed(took);
        }
    }
}
