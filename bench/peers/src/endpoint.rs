//! The whole of it: a stack built from a file, the open loop, the recorder.

use crate::books::Outcome;
use inflight_lab::{
    call::{Place, Sink},
    experiment::Document,
    sim, trial,
    workload::{Arrivals, Traffic},
};
use inflight_strategies::{event::Event, rt::Instant, units::Rate};
use std::{sync::Arc, time::Duration};

const FILE: &str = include_str!("../../../experiments/four-endpoints.toml");

/// Hears everything and keeps nothing.
struct Deaf;

impl Sink for Deaf {
    fn on_event(&self, _: usize, _: Place, _: u64, _: Instant, _: &Event) {}
}

fn document() -> Document {
    let files = |name: &str| Err(format!("no {name}"));
    Document::read(FILE, "four-endpoints.toml", &files).unwrap_or_else(|problems| panic!("{problems}"))
}

/// One arm of the document; how many requests it was offered.
fn run(document: &Document, arm: usize) -> u64 {
    let ran = trial::run(document, arm, sim::Settings::default(), Arc::new(Deaf));
    ran.unwrap_or_else(|stuck| panic!("{stuck}")).0.offered
}

/// The arm `async-limited` at the file's own rate, for about `count` requests.
pub fn async_limited(count: u64) -> Outcome {
    let mut document = document();
    let arm = document.endpoints.iter().position(|e| e.name == "async-limited").expect("one of the four");
    let workload = document.workload.as_mut().expect("an experiment has one");
    workload.duration =
        Duration::from_secs_f64(count as f64 / workload.rate().expect("an open loop").as_per_second());
    workload.warmup = Duration::ZERO;
    Outcome { count: run(&document, arm), wait_ms: f64::NAN, hash: 0 }
}

/// Every arm for 60 s at 200/s.
pub fn four_arms(_: u64) -> Outcome {
    let mut document = document();
    let workload = document.workload.as_mut().expect("an experiment has one");
    workload.traffic = Traffic::Open(Arrivals::Poisson(Rate::per_second(200.0).expect("a rate")));
    workload.duration = Duration::from_secs(60);
    let arms = document.endpoints.len();
    assert_eq!(arms, 4);
    Outcome { count: (0..arms).map(|arm| run(&document, arm)).sum(), wait_ms: f64::NAN, hash: 0 }
}
