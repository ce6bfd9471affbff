//! Queue: who waits for a limit's permits, who is next, and who is dropped.
//!
//! **What it does.** A queue is an [`Order`] (fifo, lifo, adaptive lifo, priority), a [`Bound`] (a number, Little's law, or
//! none) and any of four rules that drop: [`ramp`] and [`pid`] when a call arrives, [`codel`] and [`deadline`] when its turn
//! comes. All of them are pure: they are told the time and keep no lock.
//!
//! **Which failure it answers.** A queue that has become long makes everybody late, and serves most of them for nothing:
//! their callers have gone. The way out is to keep it short or to serve those who still can be in time.
//!
//! **When it harms.** A bound that is too small sheds bursts that would have been absorbed; an order other than fifo makes
//! some wait without end unless the wait is bounded as well.
//!
//! **Knobs.** Each rule has knobs of its own. Written `{ limit = { permits = 20, queue = { … } } }`.
//!
//! | knob | unit | default | whose |
//! |---|---|---|---|
//! | `bound` | calls that may wait, or `"unbounded"`, or by [time](little) | `10000` | ours: far beyond a healthy queue |
//! | `order` | see [order] | `"fifo"` | – |
//! | `ramp` | see [ramp] | none | failsafe-go |
//! | `pid` | see [pid] | none | ours, after Uber |
//! | `codel` | see [codel] | none | folly |
//! | `deadline` | see [deadline] | none | ours |
//!
//! **Where it comes from.** Each rule names its source. That order and dropping are two choices, not one list of queues, is
//! ours; Facebook's services combine CoDel with adaptive lifo (Maurer, "Fail at Scale", ACM Queue 2015).

pub mod codel;
pub mod deadline;
mod discipline;
pub mod little;
pub mod order;
pub mod pid;
pub mod ramp;

pub use discipline::Discipline;
pub use order::Order;

use crate::{rt::Instant, service::Priority};

/// How many may wait when nothing is said: enough that only a system past its capacity meets it.
pub const DEFAULT_BOUND: u32 = 10_000;

/// How many may wait.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// At most so many; 0 rejects whoever finds no permit.
    Bounded(u32),
    /// As many as come: memory and waits grow without end under overload.
    Unbounded,
    /// As many as can be served in time, by Little's law.
    Little(little::Config),
}

/// A queue.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Config {
    /// How many may wait.
    pub bound: Bound,
    /// Who is next.
    pub order: Order,
    /// Rejects a growing share of arrivals as the queue grows.
    pub ramp: Option<ramp::Config>,
    /// Rejects the share of arrivals that a PID controller asks for.
    pub pid: Option<pid::Config>,
    /// Drops whoever has waited long while the queue stands.
    pub codel: Option<codel::Config>,
    /// Drops whoever cannot be answered in time.
    pub deadline: Option<deadline::Config>,
}

impl Config {
    /// First come, first served, with this bound.
    pub const fn fifo(bound: Bound) -> Config {
        Config { bound, order: Order::Fifo, ramp: None, pid: None, codel: None, deadline: None }
    }

    /// Whether it is nothing but a line with a fixed bound: then nobody needs to know the time.
    pub fn is_plain(&self) -> bool {
        *self == Config::fifo(self.bound) && !matches!(self.bound, Bound::Little(_))
    }

    /// Whether the numbers make sense; the message says what would.
    pub fn validate(&self) -> Result<(), &'static str> {
        if let Bound::Little(little) = self.bound {
            little.validate()?;
        }
        self.ramp.map_or(Ok(()), |c| c.validate())?;
        self.pid.map_or(Ok(()), |c| c.validate())?;
        self.codel.map_or(Ok(()), |c| c.validate())?;
        self.deadline.map_or(Ok(()), |c| c.validate())
    }

    /// The same queue with every duration multiplied by `factor`.
    pub fn scaled(&self, factor: f64) -> Config {
        Config {
            bound: match self.bound {
                Bound::Little(c) => Bound::Little(c.scaled(factor)),
                fixed => fixed,
            },
            pid: self.pid.map(|c| c.scaled(factor)),
            codel: self.codel.map(|c| c.scaled(factor)),
            deadline: self.deadline.map(|c| c.scaled(factor)),
            ..*self
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Config::fifo(Bound::Bounded(DEFAULT_BOUND))
    }
}

/// What a queue knows of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// When it came.
    pub arrived: Instant,
    /// When its answer stops being worth anything; [`Instant::NEVER`] if it does not.
    pub deadline: Instant,
    /// How many permits it takes.
    pub weight: u32,
    /// Whose share it uses.
    pub class: u8,
    /// How important it is.
    pub priority: Priority,
}

impl Ticket {
    /// A call of the usual kind that arrives now.
    pub const fn at(arrived: Instant) -> Ticket {
        Ticket { arrived, deadline: Instant::NEVER, weight: 1, class: 0, priority: Priority::Medium }
    }
}
