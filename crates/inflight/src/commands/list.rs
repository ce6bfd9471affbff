//! `inflight list`: what can be run, and what was.

use super::{
    Exit,
    library::{EXPERIMENTS, Source},
    runs,
};
use crate::{cli, terminal::print};
use std::fmt::Write as _;

pub(super) fn run(flags: &cli::List) -> anyhow::Result<Exit> {
    let mut out = String::from("Experiments (inflight run NAME)\n");
    for (name, _) in EXPERIMENTS {
        let question = Source::experiment(name)?.document.question.unwrap_or_default();
        writeln!(out, "  {name}\n      {question}")?;
    }
    let all = runs::all(&flags.runs.dir);
    writeln!(out, "\nRuns in {} (inflight show ID)", flags.runs.dir.display())?;
    if all.is_empty() {
        out.push_str("  none yet\n");
    }
    for run in all {
        let state = match (run.complete, run.validity.problems.is_empty()) {
            (true, true) => "",
            (false, _) => "  interrupted",
            (true, false) => "  invalid",
        };
        writeln!(out, "  {}  {:16}  seed {}{state}", run.id, run.experiment, run.seed)?;
    }
    print(&out);
    Ok(Exit::Done)
}
