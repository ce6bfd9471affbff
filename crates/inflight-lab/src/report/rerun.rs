//! The command that repeats a run.

use crate::experiment::{RunOutcome, RunWorld};

/// As it was asked for, or with the experiments that were saved beside the run, in `runs` and below.
pub(super) fn rerun(run: &RunOutcome) -> String {
    if let Some(rerun) = &run.rerun {
        return rerun.clone();
    }
    let verb = if run.world == RunWorld::Live { "run" } else { "sim" };
    let mut out = format!("inflight {verb}");
    for experiment in &run.experiments {
        let folder = if run.experiments.len() > 1 { format!("{}/", experiment.name) } else { String::new() };
        out.push_str(&format!(" runs/{}/{folder}experiment.toml", run.id));
    }
    out
}
