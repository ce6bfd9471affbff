//! What `run` and `load` have in common: how a measurement is shown while it lasts, and what becomes of its books.

use crate::{live, terminal::StatusLine};
use inflight_lab::{
    experiment::{ArmOutcome, RunOutcome, RunWorld, SCHEMA, Validity},
    load::Driver,
    record::{Record, Recorder},
    workload::Workload,
};
use inflight_strategies::rt::Clock as _;
use std::{sync::Arc, time::Duration};

/// What a measurement was of.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    pub(super) id: String,
    pub(super) experiment: String,
    pub(super) question: Option<String>,
    pub(super) started_unix_s: u64,
    pub(super) world: RunWorld,
    pub(super) seed: u64,
    pub(super) time_scale: f64,
}

/// Sums the books of every arm up.
pub(super) fn outcome<N: AsRef<str>>(
    subject: Subject,
    workload: &Workload,
    records: &[(N, Record)],
    complete: bool,
) -> RunOutcome {
    let arms: Vec<ArmOutcome> = records.iter().map(|(name, r)| ArmOutcome::of(name.as_ref(), r)).collect();
    RunOutcome {
        schema: SCHEMA,
        id: subject.id,
        version: env!("CARGO_PKG_VERSION").into(),
        experiment: subject.experiment,
        question: subject.question,
        started_unix_s: subject.started_unix_s,
        machine: if subject.world == RunWorld::Live { machine() } else { "none: virtual time".into() },
        world: subject.world,
        seed: subject.seed,
        time_scale: subject.time_scale,
        timers: None,
        workload: workload.to_string(),
        counted_ns: records.iter().map(|(_, r)| r.counted().as_nanos() as u64).max().unwrap_or(0),
        complete,
        validity: Validity { problems: arms.iter().flat_map(ArmOutcome::problems).collect() },
        arms,
    }
}

/// Shows how it goes, twice a second, until it is aborted. `label` stands first.
pub(super) async fn progress(label: String, recorders: Vec<Arc<Recorder>>, driver: Driver<live::World>) {
    let (status, world) = (StatusLine::new(), &driver.world);
    let total = driver.workload.duration.as_secs_f64();
    loop {
        let passed = (world.now() - driver.start).as_secs_f64().min(total);
        let in_flight: Vec<String> = recorders.iter().map(|r| r.in_flight().to_string()).collect();
        status.show(&format!("▸ {label}{passed:.0} s of {total:.0} s  in flight {}", in_flight.join("  ")));
        world.sleep_until(world.now() + Duration::from_millis(500)).await;
    }
}

/// The machine in a few words.
fn machine() -> String {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let system = rustix::system::uname();
    let text = |c: &std::ffi::CStr| c.to_string_lossy().into_owned();
    format!("{processors} processors, {} {}", text(system.sysname()), text(system.release()))
}
