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
        let names: Vec<&str> = run.experiments.iter().map(|experiment| experiment.name.as_str()).collect();
        let seed = run.experiments.first().map_or(String::new(), |first| format!("  seed {}", first.seed));
        writeln!(out, "  {}  {:16}{seed}{state}", run.id, names.join(", "))?;
    }
    print(&out);
    Ok(Exit::Done)
}
