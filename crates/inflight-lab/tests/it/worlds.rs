//! Endpoints in a virtual world, and what became of their requests.

use inflight_lab::{
    call::{Call, Place, Sink, Which},
    dependency::{Dependency, Fault},
    experiment::{ArmOutcome, Document},
    load::{OpenLoop, Shot},
    record::{Ending, Reply},
    sim,
    stack::{self, Both, Stack},
};
use inflight_strategies::{
    event::Event,
    rt::Instant,
    service::{Failure, Outcome, Service},
};
use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};

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
    fn on_event(&self, _: usize, place: Place, _: u64, _: Instant, event: Event) {
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

/// An endpoint as a target of the driver: what HTTP does in the live world.
#[derive(Clone)]
pub(crate) struct Direct(Stack<Both>);

impl Service<Shot> for Direct {
    type Response = Reply;
    type Error = Infallible;

    async fn call(&self, shot: Shot) -> Result<Reply, Infallible> {
        let ending = match self.0.call(Call::new(shot.id)).await {
            Ok(_) => Ending::Completed,
            Err(Failure::Failed(Fault(_)) | Failure::Lost) => Ending::Failed,
            Err(Failure::Rejected(_)) => Ending::Rejected,
            Err(Failure::TimedOut { .. }) => Ending::TimedOut,
        };
        Ok(Reply { ending, wait: None })
    }
}

/// A document from text; panics with its diagnostics.
pub(crate) fn document(text: &str) -> Document {
    Document::read(text, "test.toml", &|name| Err(format!("no {name}"))).unwrap_or_else(|d| panic!("{d}"))
}

/// The stack of endpoint `index`, on dependencies of its own.
pub(crate) fn endpoint(
    document: &Document,
    index: usize,
    world: &sim::World,
    sink: Arc<dyn Sink>,
) -> Stack<Both> {
    let a = Dependency::new(Which::A, document.service_a.clone(), document.seed, world.clone());
    let b = Dependency::new(Which::B, document.service_b.clone(), document.seed, world.clone());
    stack::build(index, &document.endpoints[index], world, (&a, &b), sink)
}

/// Measures one arm of an experiment in virtual time.
pub(crate) fn measure(document: &Document, arm: usize) -> (ArmOutcome, Counts, sim::Trace) {
    let (document, ledger) = (document.clone(), Arc::new(Ledger::default()));
    let sink = ledger.clone();
    let name = document.endpoints[arm].name.clone();
    let (record, trace) = sim::run(move |world| async move {
        let target = Direct(endpoint(&document, arm, &world, sink));
        let workload = document.workload.expect("an experiment");
        let driver = OpenLoop {
            world,
            workload,
            seed: document.seed,
            start: Instant::ZERO,
            patience: Duration::from_secs(3600),
        };
        driver.run(&target, &driver.recorder()).await
    })
    .unwrap_or_else(|stuck| panic!("{stuck}"));
    (ArmOutcome::of(&name, &record), ledger.counts(), trace)
}
