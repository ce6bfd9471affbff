//! What happened to single requests, step by step: for people as text, for viewers of timelines as a file.

mod file;
mod text;

pub use file::{TraceEvent, TraceFile};
pub use text::{draws, life};

use crate::call::{Place, Sink, Step};
use inflight_strategies::{event::Event, rt::Instant, service::Outcome};
use std::{
    collections::BTreeMap,
    ops::RangeInclusive,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// The most requests that are watched at once.
pub const MAX_WATCHED: u64 = 10_000;
/// The most changes of the number in flight that are kept.
const MAX_CHANGES: usize = 1 << 20;

/// Watches some requests of one arm: keeps every step of their lives, and how many requests were in flight meanwhile.
#[derive(Debug)]
pub struct Watched {
    ids: RangeInclusive<u64>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    lives: BTreeMap<u64, Vec<Step>>,
    /// Watched requests that are in flight.
    open: u32,
    in_flight: u32,
    changes: Vec<(Instant, u32)>,
}

impl Watched {
    /// Watches the requests `ids`, of which at most [`MAX_WATCHED`] are kept.
    pub fn new(ids: RangeInclusive<u64>) -> Watched {
        let last = (*ids.end()).min(ids.start().saturating_add(MAX_WATCHED - 1));
        Watched { ids: *ids.start()..=last, state: Mutex::default() }
    }

    /// The steps of every watched request that there was, by its number.
    pub fn lives(&self) -> BTreeMap<u64, Vec<Step>> {
        self.state().lives.clone()
    }

    /// How many requests were in flight, each time that it changed while a watched request was.
    pub fn in_flight(&self) -> Vec<(Instant, u32)> {
        self.state().changes.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink for Watched {
    fn on_event(&self, _endpoint: usize, place: Place, call: u64, at: Instant, event: &Event) {
        let (is_watched, mut state) = (self.ids.contains(&call), self.state());
        if is_watched {
            state.lives.entry(call).or_default().push(Step { at, place, event: *event });
        }
        let (is_start, was_open) = match (place, event) {
            (Place::Endpoint, Event::Started) => (true, state.open > 0),
            (Place::Endpoint, Event::Finished { .. }) => (false, state.open > 0),
            _ => return,
        };
        let step = |n: u32| if is_start { n + 1 } else { n.saturating_sub(1) };
        state.in_flight = step(state.in_flight);
        if is_watched {
            state.open = step(state.open);
        }
        if (was_open || state.open > 0) && state.changes.len() < MAX_CHANGES {
            let change = (at, state.in_flight);
            state.changes.push(change);
        }
    }
}

/// A stretch of a request's life: inside the endpoint, inside a service, or waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Where. In a layer, a request waits.
    pub place: Place,
    /// From when.
    pub from: Instant,
    /// Until when.
    pub to: Instant,
    /// How it ended.
    pub outcome: Outcome,
}

impl Stretch {
    /// The stretch that ends with `step`, if one does.
    pub fn ended_by(step: &Step) -> Option<Stretch> {
        let (took, outcome) = match (step.place, step.event) {
            (Place::Endpoint | Place::Service(_), Event::Finished { outcome, took }) => (took, outcome),
            (Place::Layer { .. }, Event::Admitted { waited }) => (waited, Outcome::Completed),
            (Place::Layer { .. }, Event::Withdrawn { waited }) => (waited, Outcome::Cancelled),
            _ => return None,
        };
        Some(Stretch { place: step.place, from: before(step.at, took), to: step.at, outcome })
    }
}

/// The instant that is `took` before `at`.
fn before(at: Instant, took: Duration) -> Instant {
    let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
    Instant::from_nanos(at.as_nanos().saturating_sub(took))
}

/// A place in words: "endpoint", "service A", "limit around service B".
fn in_words(place: Place) -> String {
    match place {
        Place::Endpoint => "endpoint".into(),
        Place::Service(which) => format!("service {}", which.name()),
        Place::Layer { around: Some(which), name } => format!("{name} around service {}", which.name()),
        Place::Layer { around: None, name } => format!("{name} around the whole"),
    }
}
