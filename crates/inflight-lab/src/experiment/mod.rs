//! Experiments and configurations as files: question, services, endpoints, workload.
//!
//! One grammar serves both. A *configuration* has `[[endpoint]]` tables and is what `inflight serve` serves. An
//! *experiment* has `[[arm]]` tables (an arm is an endpoint under test) and a `[workload]`; `serve` can serve its arms as
//! well, which is how a live run starts its target.

mod admission;
mod answer;
mod diagnostics;
mod edit;
mod factor;
mod faults;
mod hypotheses;
mod layers;
mod limits;
mod outcome;
mod profile;
mod reader;
mod retries;
mod spec;
mod sweep;
mod sweep_outcome;
mod workload;

pub use answer::Answer;
pub use diagnostics::{Diagnostic, Diagnostics, did_you_mean};
pub use edit::{set_in_layer, set_in_root};
pub use factor::{Factor, FactorError, MAX_LEVELS};
pub use hypotheses::{Hypothesis, MAX_HYPOTHESES};
pub use layers::layer_kinds;
pub use outcome::{
    ArmOutcome, Censored, Control, Effect, Event, EventKind, ExperimentOutcome, Finding, Heat, Latencies,
    Little, MAX_LATENESS_P99, MAX_LITTLE_ERROR, Margin, Phase, PhaseFigures, RoundFigures, Rounds, Rule,
    RunOutcome, RunWorld, SCHEMA, Slice, TAIL_GRID, TailPoint, Timeline, Unit, UnreadableRun, UsersOutcome,
    Validity, Verdict, VerdictKind, VirtualTime, tail,
};
pub use reader::ReadFile;
pub use spec::{Document, MAX_DATA, MAX_ENDPOINTS, MAX_FILE, MAX_REQUESTS, MAX_ROUNDS};
pub use sweep::{Cell, Job, MAX_CELLS, MAX_JOBS, Sweep, SweepError, set_levels};
pub use sweep_outcome::{Replications, Row, SWEEP_SCHEMA, SweepOutcome};
pub use workload::read_arrivals;
