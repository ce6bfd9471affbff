//! What a run found, as plain data: what is saved, shown and compared.
//!
//! One invocation of `run` or `sim` is one [`RunOutcome`]; it holds an [`ExperimentOutcome`] for each experiment, and that an
//! [`ArmOutcome`] for each arm and a [`Verdict`] for each hypothesis.

mod arm;
mod older;
#[cfg(test)]
mod schema;
mod shape;
mod verdict;

pub use arm::{
    ArmOutcome, Latencies, Little, MAX_LATENESS_P99, MAX_LITTLE_ERROR, PhaseFigures, RoundFigures,
    UsersOutcome,
};
pub use older::UnreadableRun;
pub use shape::{Event, EventKind, Finding, Heat, Rule, Slice, TAIL_GRID, TailPoint, Timeline, tail};
pub use verdict::{Censored, Control, Effect, Margin, Unit, Verdict, VerdictKind};

use super::{Document, SweepOutcome};
use crate::{sim::Trace, theory::Beside, twin::TimerError};
use serde::{Deserialize, Serialize};

/// The version of `run.json`. Older ones are read as well ([`RunOutcome::read`]): 1 knew no world but the live one and no
/// twins; 2 had a single experiment, measured once.
pub const SCHEMA: u32 = 3;

/// A whole run: one invocation, one directory, one report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RunOutcome {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Names the run and its directory.
    pub id: String,
    /// The version of Inflight that made it.
    pub version: String,
    /// When it started, seconds since 1970 (UTC).
    pub started_unix_s: u64,
    /// Where it took place.
    pub world: RunWorld,
    /// The machine: processors, system.
    pub machine: String,
    /// How late this machine's timers were just before the run.
    pub timers: Option<TimerError>,
    /// The command that repeats it, if the experiments are built in; else those that were saved with it do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rerun: Option<String>,
    /// Whether everything that was planned was measured to its end.
    pub complete: bool,
    /// Whether its figures can be trusted: what all experiments found wrong with theirs.
    pub validity: Validity,
    /// The experiments, in the order in which they were asked for.
    pub experiments: Vec<ExperimentOutcome>,
}

/// One experiment of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ExperimentOutcome {
    /// Its name.
    pub name: String,
    /// What it asked.
    pub question: Option<String>,
    /// Where the question comes from.
    pub source: Option<String>,
    /// Decided everything random: round r has this seed plus r.
    pub seed: u64,
    /// Durations were multiplied by this, rates divided.
    pub time_scale: f64,
    /// What was offered, in words.
    pub workload: String,
    /// The latency above which a good answer comes too late to count, in nanoseconds, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objective_ns: Option<u64>,
    /// Named stretches of the workload, in order of their beginning, such as `base`, `burst` and `recovery`.
    pub phases: Vec<Phase>,
    /// How much of the beginning of each round was not counted, in nanoseconds.
    pub warmup_ns: u64,
    /// Length of the counted part of one round in nanoseconds.
    pub counted_ns: u64,
    /// How often every arm was measured.
    pub rounds: Rounds,
    /// Whether its figures can be trusted.
    pub validity: Validity,
    /// The arms, in their file's order.
    pub arms: Vec<ArmOutcome>,
    /// What became of its hypotheses, in their file's order.
    pub verdicts: Vec<Verdict>,
    /// What shows that the measurement can be trusted, and how much.
    pub controls: Vec<Control>,
    /// A knee curve, always in virtual time.
    pub sweep: Option<SweepOutcome>,
    /// The answer to the question, in a plain sentence with numbers.
    pub answer: Option<String>,
}

/// A named stretch of a workload. A name can come several times, once for each burst for example.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Phase {
    /// Its name: `a-z`, `0-9` and `-`.
    pub name: String,
    /// When it begins, in nanoseconds since the round's start, warm-up included.
    pub from_ns: u64,
    /// When it ends.
    pub to_ns: u64,
}

/// How often every arm was measured. In each round all arms get the same requests; every round has requests of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Rounds {
    /// Rounds that were planned beforehand; verdicts are given after these and never earlier.
    pub planned: u32,
    /// Rounds in which every arm was measured to its end.
    pub done: u32,
}

/// The world in which a run took place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum RunWorld {
    /// Real requests to a real server, in real time.
    #[default]
    Live,
    /// Virtual time: the same code, no machine.
    Virtual(VirtualTime),
}

/// What a run in virtual time was like. Equal runs are equal in this, too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct VirtualTime {
    /// How long it lasted in virtual nanoseconds, everything together.
    pub elapsed_ns: u64,
    /// A hash of all events of everything, in hexadecimal.
    pub hash: String,
}

impl VirtualTime {
    /// Of the worlds of a run's trials.
    pub fn of(trials: &[Trace]) -> VirtualTime {
        let (elapsed_ns, hash) = trials.iter().fold((0, 0_u64), |(elapsed, hash), trace| {
            (elapsed + trace.ended.as_nanos(), hash.rotate_left(5) ^ trace.hash)
        });
        VirtualTime { elapsed_ns, hash: format!("{hash:016x}") }
    }
}

/// Whether a run's figures can be trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Validity {
    /// Why not; empty if they can.
    pub problems: Vec<String>,
}

impl Validity {
    /// Of the arms of an experiment: what is the matter with several is said once, after their names.
    pub fn of(arms: &[ArmOutcome]) -> Validity {
        let mut whose: Vec<(String, Vec<&str>)> = Vec::new();
        for arm in arms {
            for problem in arm.problems() {
                match whose.iter_mut().find(|(known, _)| *known == problem) {
                    Some((_, names)) => names.push(&arm.name),
                    None => whose.push((problem, vec![&arm.name])),
                }
            }
        }
        let said = |(problem, names): (String, Vec<&str>)| format!("{}: {problem}", names.join(", "));
        Validity { problems: whose.into_iter().map(said).collect() }
    }

    /// Of a run of several experiments: each problem after the name of its experiment.
    pub fn of_all(experiments: &[ExperimentOutcome]) -> Validity {
        let said = |experiment: &ExperimentOutcome| {
            let named = |problem: &String| match experiments {
                [_] => problem.clone(),
                _ => format!("{}, {problem}", experiment.name),
            };
            experiment.validity.problems.iter().map(named).collect::<Vec<_>>()
        };
        Validity { problems: experiments.iter().flat_map(said).collect() }
    }
}

impl ExperimentOutcome {
    /// The arm `name`.
    pub fn arm(&self, name: &str) -> Option<&ArmOutcome> {
        self.arms.iter().find(|arm| arm.name == name)
    }

    /// Sets beside every arm of a run of the experiment `document` what needs no measurement: what it is made of, and theory.
    pub fn set_known(&mut self, document: &Document) {
        for arm in &mut self.arms {
            let Some(number) = document.number_of(&arm.name) else { continue };
            arm.stack = Some(document.endpoints[number].to_string());
            arm.theory = Some(Beside::of(document, number));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::testing::sample;

    #[test]
    fn what_is_the_matter_with_several_arms_is_said_once() {
        let mut run = sample();
        assert_eq!(Validity::of_all(&run.experiments), Validity::default());
        let experiment = &mut run.experiments[0];
        let names: Vec<String> = experiment.arms.iter().map(|arm| arm.name.clone()).collect();
        for arm in &mut experiment.arms {
            (arm.offered, arm.endings) = (0, Default::default());
        }
        experiment.validity = Validity::of(&experiment.arms);
        let expected = format!("{}: nothing was offered in the counted time", names.join(", "));
        let said = |experiments: &[ExperimentOutcome]| Validity::of_all(experiments).problems.join("; ");
        assert_eq!(said(&run.experiments), expected, "one experiment needs no name");
        run.experiments.push(run.experiments[0].clone());
        let named = format!("{}, {expected}", run.experiments[0].name);
        assert_eq!(said(&run.experiments), format!("{named}; {named}"));
    }
}
