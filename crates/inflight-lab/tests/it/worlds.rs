//! Endpoints in a virtual world, and what became of their requests.

use inflight_lab::{
    call::{Place, Sink, Which},
    experiment::{ArmOutcome, Document},
    sim, trial,
};
use inflight_strategies::{event::Event, rt::Instant, service::Outcome};
use std::sync::{Arc, Mutex};

/// What is inside each place, counted from events alone.
#[derive(Debug, Default)]
pub(crate) struct Ledger(Mutex<Counts>);

/// Counts per place: now, at most, started, and how they ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) endpoint: i64,
    pub(crate) b: i64,
    pub(crate) b_most: i64,
    pub(crate) b_started: u64,
    pub(crate) started: u64,
    pub(crate) finished: u64,
    pub(crate) cancelled: u64,
}

impl Ledger {
    pub(crate) fn counts(&self) -> Counts {
        *self.0.lock().expect("no panic under the lock")
    }
}

impl Sink for Ledger {
    fn on_event(&self, _: usize, place: Place, _: u64, _: Instant, event: &Event) {
        let mut counts = self.0.lock().expect("no panic under the lock");
        let change = match event {
            Event::Started => 1,
            Event::Finished { .. } => -1,
            _ => 0,
        };
        match place {
            Place::Endpoint => {
                counts.endpoint += change;
                counts.started += u64::from(change > 0);
                counts.finished += u64::from(change < 0);
                let is_cancelled = matches!(event, Event::Finished { outcome: Outcome::Cancelled, .. });
                counts.cancelled += u64::from(is_cancelled);
            }
            Place::Service(Which::B) => {
                counts.b += change;
                counts.b_started += u64::from(change > 0);
                counts.b_most = counts.b_most.max(counts.b);
            }
            _ => {}
        }
    }
}

/// A document from text; panics with its diagnostics.
pub(crate) fn document(text: &str) -> Document {
    Document::read(text, "test.toml", &|name| Err(format!("no {name}"))).unwrap_or_else(|d| panic!("{d}"))
}

/// Measures one arm of an experiment in virtual time.
pub(crate) fn measure(document: &Document, arm: usize) -> (ArmOutcome, Counts, sim::Trace) {
    let ledger = Arc::new(Ledger::default());
    let (record, trace) = trial::run(document, arm, sim::Settings::default(), ledger.clone())
        .unwrap_or_else(|stuck| panic!("{stuck}"));
    (ArmOutcome::of(&document.endpoints[arm].name, &record), ledger.counts(), trace)
}
