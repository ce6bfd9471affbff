//! Runs that older versions saved.

use super::{
    ArmOutcome, ExperimentOutcome, Heat, Latencies, Little, Rounds, RunOutcome, RunWorld, SCHEMA, Timeline,
    UsersOutcome, Validity,
};
use crate::{
    record::{Ending, Tick},
    theory::Beside,
    twin::{TimerError, Twin},
};
use serde::Deserialize;
use std::{collections::BTreeMap, fmt};

/// Why a text is no run that can be read.
#[derive(Debug)]
pub enum UnreadableRun {
    /// It does not have the fields of its schema.
    Content(serde_json::Error),
    /// Its schema is none of 1 to [`SCHEMA`].
    Schema(u32),
}

impl fmt::Display for UnreadableRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UnreadableRun::Content(error) => write!(f, "not a run of this version: {error}"),
            UnreadableRun::Schema(schema) => write!(f, "schema {schema}, expected 1 to {SCHEMA}"),
        }
    }
}

impl std::error::Error for UnreadableRun {}

/// What every version has.
#[derive(Deserialize)]
struct Version {
    schema: u32,
}

/// Schema 1 and 2: one experiment, measured once.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OldRun {
    #[expect(dead_code, reason = "it was read before")]
    schema: u32,
    id: String,
    version: String,
    experiment: String,
    question: Option<String>,
    started_unix_s: u64,
    #[serde(default)]
    world: RunWorld,
    machine: String,
    seed: u64,
    time_scale: f64,
    #[serde(default)]
    timers: Option<TimerError>,
    workload: String,
    counted_ns: u64,
    complete: bool,
    validity: Validity,
    arms: Vec<OldArm>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OldArm {
    name: String,
    offered: u64,
    endings: BTreeMap<Ending, u64>,
    goodput_per_s: f64,
    completed: Latencies,
    answered: Latencies,
    lateness: Latencies,
    wait: Option<Latencies>,
    #[serde(default)]
    users: Option<UsersOutcome>,
    in_flight_mean: f64,
    in_flight_peak: u32,
    little: Little,
    timeline: Vec<Tick>,
    #[serde(default)]
    theory: Option<Beside>,
    #[serde(default)]
    twin: Option<Twin>,
}

impl RunOutcome {
    /// Reads a `run.json` of this or an older version.
    pub fn read(json: &str) -> Result<RunOutcome, UnreadableRun> {
        let Version { schema } = serde_json::from_str(json).map_err(UnreadableRun::Content)?;
        match schema {
            1 | 2 => serde_json::from_str(json).map(OldRun::renewed).map_err(UnreadableRun::Content),
            SCHEMA => serde_json::from_str(json).map_err(UnreadableRun::Content),
            _ => Err(UnreadableRun::Schema(schema)),
        }
    }
}

impl OldRun {
    /// The same in this version's terms.
    fn renewed(self) -> RunOutcome {
        let experiment = ExperimentOutcome {
            name: self.experiment,
            question: self.question,
            source: None,
            seed: self.seed,
            time_scale: self.time_scale,
            workload: self.workload,
            objective_ns: None,
            phases: Vec::new(),
            warmup_ns: 0,
            counted_ns: self.counted_ns,
            rounds: Rounds { planned: 1, done: u32::from(self.complete) },
            validity: self.validity.clone(),
            arms: self.arms.into_iter().map(OldArm::renewed).collect(),
            verdicts: Vec::new(),
            controls: Vec::new(),
            sweep: None,
            answer: None,
        };
        RunOutcome {
            schema: SCHEMA,
            id: self.id,
            version: self.version,
            started_unix_s: self.started_unix_s,
            world: self.world,
            machine: self.machine,
            timers: self.timers,
            rerun: None,
            complete: self.complete,
            validity: self.validity,
            experiments: vec![experiment],
        }
    }
}

impl OldArm {
    fn renewed(self) -> ArmOutcome {
        let ticks = |of: fn(&Tick) -> u32| self.timeline.iter().map(of).collect();
        let timeline = Timeline {
            tick_ns: 100_000_000,
            offered: ticks(|tick| tick.offered),
            completed: ticks(|tick| tick.completed),
            other: ticks(|tick| tick.other),
            in_flight: ticks(|tick| tick.in_flight),
            slice_ns: 1_000_000_000,
            slices: Vec::new(),
        };
        ArmOutcome {
            name: self.name,
            stack: None,
            offered: self.offered,
            endings: self.endings,
            goodput_per_s: self.goodput_per_s,
            completed: self.completed,
            answered: self.answered,
            lateness: self.lateness,
            wait: self.wait,
            users: self.users,
            in_flight_mean: self.in_flight_mean,
            in_flight_peak: self.in_flight_peak,
            little: self.little,
            rounds: Vec::new(),
            tail: Vec::new(),
            timeline,
            heat: Heat::default(),
            events: Vec::new(),
            findings: Vec::new(),
            driver: None,
            theory: self.theory,
            twin: self.twin,
        }
    }
}
