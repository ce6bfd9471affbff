//! `inflight list`: what can be run, what was, and what can stand in a stack.

use super::{
    Exit,
    library::Source,
    runs,
    suite::{EXPERIMENTS, GROUPS, Group, SUITE, members},
};
use crate::{
    cli::{self, Listed},
    terminal::{print, width},
};
use inflight_lab::{manual, report};
use std::{fmt::Write as _, path::Path};

pub(super) fn run(flags: &cli::List) -> anyhow::Result<Exit> {
    let text = match flags.what {
        None => format!("{}\n{}", experiments()?, saved(&flags.runs.dir)),
        Some(Listed::Experiments) => experiments()?,
        Some(Listed::Runs) => saved(&flags.runs.dir),
        Some(Listed::Strategies) => format!("Strategies (inflight explain NAME)\n{}", manual::table(width())),
    };
    print(&text);
    Ok(Exit::Done)
}

fn experiments() -> anyhow::Result<String> {
    let mut out = String::from("Experiments (inflight run NAME, inflight sim NAME)\n");
    let entry = |name: &str| -> anyhow::Result<String> {
        let question = Source::experiment(name)?.document.question.unwrap_or_default();
        Ok(format!("    {name}\n        {question}\n"))
    };
    for Group { name, what, members } in GROUPS {
        writeln!(out, "  {name}: {what}")?;
        for member in *members {
            out.push_str(&entry(member)?);
        }
    }
    writeln!(out, "  {SUITE}: all of these\n  and")?;
    let grouped = members(SUITE);
    for (name, _) in EXPERIMENTS.iter().filter(|(name, _)| !grouped.contains(name)) {
        out.push_str(&entry(name)?);
    }
    Ok(out)
}

fn saved(dir: &Path) -> String {
    let all = runs::all(dir);
    let mut out = format!("Runs in {} (inflight show ID)\n", dir.display());
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
        let tally = report::tally(run.experiments.iter().flat_map(|experiment| &experiment.verdicts));
        let tally = if tally.is_empty() { tally } else { format!("  {tally}") };
        let seed = run.experiments.first().map_or(String::new(), |first| format!("  seed {}", first.seed));
        let _ = writeln!(out, "  {}  {:16}{seed}{tally}{state}", run.id, names.join(", "));
    }
    out
}
