//! What strategies draw about a request: pure in (seed, stream, request, attempt), as everything else that is drawn.

use crate::{
    call::{Call, Place, Tap},
    draws::{Dice, Stream},
};
use inflight_strategies::{
    admission::{breakwater::Client, dagor::Level, dagor::Rank},
    attempt::Chance,
    coalesce::Key,
    limit,
    queue::Ticket,
    rt::{Instant, Rng as _},
    service::{Deadline as _, Priority},
};

/// The dice of one layer. The same layer in another arm throws the same.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Luck {
    stream: Stream,
    /// How many different keys or clients there are; what that means is the layer's.
    kinds: u32,
}

impl Luck {
    /// The dice of the layer at `tap`.
    pub(crate) fn new(seed: u64, tap: &Tap) -> Luck {
        let name = match tap.place {
            Place::Layer { around: Some(which), name } => format!("{}.{name}", which.name().to_lowercase()),
            Place::Layer { around: None, name } => format!("whole.{name}"),
            _ => "whole".into(),
        };
        Luck { stream: Stream::new(seed, &name), kinds: 1 }
    }

    /// The same dice for a layer that tells so many kinds of requests apart.
    pub(crate) fn among(self, kinds: u32) -> Luck {
        Luck { kinds, ..self }
    }

    /// Dice for what is not about one request.
    pub(crate) fn of_the_layer(self) -> Dice {
        self.stream.dice(0)
    }

    /// A number from 0, the same for every attempt at a request.
    fn kind(self, call: &Call) -> u32 {
        (self.stream.dice(call.id).unit() * f64::from(self.kinds)) as u32
    }
}

impl Chance<Call> for Luck {
    type Dice = Dice;
    fn dice(&self, call: &Call) -> Dice {
        self.stream.attempt(call.id, call.attempt)
    }
}

impl Key<Call> for Luck {
    type Key = u32;
    fn key(&self, call: &Call) -> Option<u32> {
        Some(self.kind(call))
    }
}

impl Client<Call> for Luck {
    fn client(&self, call: &Call) -> u32 {
        self.kind(call)
    }
}

/// Users are spread evenly over all levels; the classes follow from it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ranks {
    pub(crate) luck: Luck,
    pub(crate) users: u32,
}

impl Rank<Call> for Ranks {
    fn level(&self, call: &Call) -> Level {
        let kind = self.luck.kind(call);
        Level { class: kind / self.users + 1, user: kind % self.users + 1 }
    }
}

/// What a limit sees of the lab's requests: they are spread evenly over the priorities and over the classes that have a
/// share, by draws that no strategy shifts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standings {
    stream: Stream,
    classes: usize,
}

impl Standings {
    /// Over so many classes.
    pub(crate) fn new(seed: u64, classes: usize) -> Standings {
        Standings { stream: Stream::new(seed, "standing"), classes }
    }
}

impl limit::Tickets<Call> for Standings {
    fn ticket(&self, call: &Call, now: Instant) -> Ticket {
        const PRIORITIES: [Priority; 5] =
            [Priority::VeryLow, Priority::Low, Priority::Medium, Priority::High, Priority::VeryHigh];
        let mut dice = self.stream.dice(call.id);
        let priority = PRIORITIES[(dice.unit() * PRIORITIES.len() as f64) as usize];
        let class = (dice.unit() * self.classes as f64) as u8;
        let deadline = call.deadline().unwrap_or(Instant::NEVER);
        Ticket { priority, class, deadline, ..Ticket::at(now) }
    }
}
