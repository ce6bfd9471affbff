//! `--expect`: what verdicts are expected to be, for scripts. A verdict that is otherwise ends the program with 3.

use super::{BadInput, Exit, library::Source};
use crate::{cli::Expectation, terminal::say};
use inflight_lab::experiment::{RunOutcome, did_you_mean};

/// Whether every name in `expected` is that of a hypothesis; else which is not.
pub(super) fn check(expected: &[Expectation], sources: &[Source]) -> anyhow::Result<()> {
    let hypotheses = sources.iter().flat_map(|source| &source.document.hypotheses);
    let known: Vec<&str> = hypotheses.map(|hypothesis| hypothesis.name.as_str()).collect();
    for name in expected.iter().filter_map(|expectation| expectation.name.as_deref()) {
        if !known.contains(&name) {
            let guess =
                did_you_mean(name, &known).map_or(String::new(), |meant| format!(" did you mean {meant}?"));
            let there = if known.is_empty() { "none".into() } else { known.join(", ") };
            let what = format!("error: --expect {name}: no such hypothesis.{guess} There is {there}");
            return Err(BadInput(what).into());
        }
    }
    if known.is_empty() && !expected.is_empty() {
        return Err(BadInput("error: --expect: there is no hypothesis in these experiments".into()).into());
    }
    Ok(())
}

/// How a run ends that found `outcome`; what was expected otherwise is said.
pub(super) fn exit(expected: &[Expectation], outcome: &RunOutcome) -> Exit {
    let missed = missed(expected, outcome);
    missed.iter().for_each(|line| say(line));
    match Exit::of(outcome) {
        Exit::Done if !missed.is_empty() => Exit::Missed,
        exit => exit,
    }
}

/// A line for every verdict that is not as expected.
fn missed(expected: &[Expectation], outcome: &RunOutcome) -> Vec<String> {
    let verdicts = outcome.experiments.iter().flat_map(|experiment| &experiment.verdicts);
    let mut lines = Vec::new();
    for verdict in verdicts {
        let meant = |e: &&Expectation| e.name.as_ref().is_none_or(|name| *name == verdict.name);
        let wrong = |e: &&Expectation| e.verdict != verdict.verdict;
        if let Some(expectation) = expected.iter().filter(meant).find(wrong) {
            let (name, found, why) = (&verdict.name, verdict.verdict, &verdict.why);
            lines.push(format!("{name}: expected {}, found {found}: {why}", expectation.verdict));
        }
    }
    lines
}
