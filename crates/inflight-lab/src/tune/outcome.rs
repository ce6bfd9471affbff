//! What a search found, as plain data: what is shown, and what a script reads.

use super::{
    candidate::Candidate, cause::cause, margins::Margin, objective::Objective, problem::Problem,
    score::Standing, search::Found,
};
use inflight_strategies::units::Ratio;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The version of the JSON.
pub const TUNE_SCHEMA: u32 = 1;

/// What was found for a profile. In the file's own time: no wind tunnel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TuneOutcome {
    /// [`TUNE_SCHEMA`].
    pub schema: u32,
    /// The version of Inflight that made it.
    pub version: String,
    /// The profile's name.
    pub profile: String,
    /// What was asked of it.
    pub objective: Asked,
    /// What arrived, in words.
    pub traffic: String,
    /// The first seed.
    pub seed: u64,
    /// How many trials were run, those of the margins included.
    pub trials: usize,
    /// Of how many candidates.
    pub candidates: usize,
    /// Whether the search came to its end.
    pub complete: bool,
    /// Whether the best meets the objective with every seed.
    pub found: bool,
    /// The candidate that is recommended; if nothing meets the objective, the nearest.
    pub best: Candidate,
    /// How it did.
    pub standing: Standing,
    /// Candidates that no other beats in both figures.
    pub frontier: Vec<(Candidate, Standing)>,
    /// Without any limit.
    pub unlimited: Option<Standing>,
    /// How far things can move.
    pub margins: Vec<Margin>,
    /// Why.
    pub cause: Vec<String>,
    /// What a real run said about it.
    pub check: Option<Check>,
}

/// An objective, as plain data.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// Which percentile, between 0 and 1.
    pub order: f64,
    /// What it must not exceed, in nanoseconds.
    pub latency_ns: u64,
    /// The least share with good answers.
    pub goodput: f64,
    /// The share with good answers if only those are lost that B fails by itself.
    pub ceiling: f64,
}

impl Asked {
    /// As it was asked.
    pub fn objective(&self) -> Objective {
        Objective {
            order: self.order,
            latency: Duration::from_nanos(self.latency_ns),
            goodput: Ratio::new(self.goodput).unwrap_or(Ratio::ZERO),
        }
    }
}

/// A real run of the recommendation, in the file's own time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// The run's directory.
    pub run: String,
    /// The wind tunnel's scale.
    pub time_scale: f64,
    /// Requests that were offered in the counted time.
    pub offered: u64,
    /// The percentile in milliseconds; `None` if there was no good answer.
    pub latency_ms: Option<f64>,
    /// The share with good answers, B's luck taken out.
    pub goodput: f64,
    /// Whether the objective was met.
    pub holds: bool,
    /// Why the run cannot be trusted, if it cannot.
    pub problems: Vec<String>,
    /// Whether it came to its end.
    pub complete: bool,
}

impl TuneOutcome {
    /// What `found` and `margins` say about the `problem` of the profile `name`.
    pub fn of(
        (name, version): (&str, &str),
        problem: &Problem,
        found: Found,
        margins: Vec<Margin>,
    ) -> TuneOutcome {
        let Objective { order, latency, goodput } = problem.objective;
        let [.., seeds] = problem.effort.seeds;
        let tried: usize = margins.iter().map(|margin| margin.steps.len()).sum();
        TuneOutcome {
            schema: TUNE_SCHEMA,
            version: version.into(),
            profile: name.into(),
            objective: Asked {
                order,
                latency_ns: latency.as_nanos() as u64,
                goodput: goodput.value(),
                ceiling: problem.ceiling(),
            },
            traffic: problem.workload().to_string(),
            seed: problem.document.seed,
            trials: found.trials + tried * seeds as usize,
            candidates: found.candidates,
            complete: true,
            found: found.standing.is_feasible(),
            cause: cause(problem, &found.best),
            best: found.best,
            standing: found.standing,
            frontier: found.frontier,
            unlimited: found.unlimited,
            margins,
            check: None,
        }
    }
}
