//! What strategies draw about a request: pure in (seed, stream, request, attempt), as everything else that is drawn.

use crate::{
    call::{Call, Place, Tap},
    draws::{Dice, Stream},
};
use inflight_strategies::{
    admission::{breakwater::Client, dagor::Level, dagor::Rank},
    attempt::Chance,
    coalesce::Key,
    rt::Rng as _,
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
