//! `cargo xtask tour [N]`: the five questions measured N times, each time with other requests, beside the virtual suite.
//!
//! A tour that says one thing today and another tomorrow teaches nothing. Every verdict has to be the one of the virtual world,
//! none may turn from holds into refuted or back between runs, and the whole has to be over before a reader loses patience.

use crate::{
    checkout::WorkDir,
    program,
    report::{Checks, Stopwatch, heading},
};
use anyhow::{Context as _, Result, bail};
use inflight_lab::experiment::{RunOutcome, VerdictKind};
use std::{collections::BTreeMap, ffi::OsString, path::Path};

/// How often, unless one says otherwise.
const RUNS: u32 = 10;
/// A day and a half.
const MOST_RUNS: u32 = 1000;
/// A tour takes at most so long, in seconds.
const MAX_SECONDS: f64 = 120.0;

/// Between the seeds of two runs: the rounds of a run have seeds that follow each other, and no two runs share one.
const APART: u64 = 1000;

/// Verdicts by experiment and hypothesis.
type Verdicts = BTreeMap<(String, String), VerdictKind>;

/// Measures, prints, and holds what was found to the bounds.
pub(crate) fn run(words: &[&str]) -> Result<bool> {
    let runs = match words {
        [] => RUNS,
        [word] => word
            .parse()
            .ok()
            .filter(|runs| (1..=MOST_RUNS).contains(runs))
            .with_context(|| format!("{word:?} is no number of runs: give one from 1 to {MOST_RUNS}"))?,
        _ => bail!("one number of runs, please"),
    };
    let (took, work) = (Stopwatch::start(), WorkDir::create("tour")?);
    program::build()?;
    let mut checks = Checks::default();
    let mut valid = 0;
    let mut found: BTreeMap<(String, String), Vec<VerdictKind>> = BTreeMap::new();
    for run in 1..=runs {
        heading(format!("run {run} of {runs}"));
        let seed = u64::from(run) * APART;
        let computed = verdicts(&tour("sim", seed, work.path())?);
        let watch = Stopwatch::start();
        let outcome = tour("run", seed, work.path())?;
        let seconds = watch.seconds();
        checks.check(seconds <= MAX_SECONDS, format!("run {run}: {seconds:.0} s, at most {MAX_SECONDS} s"));
        let problems = &outcome.validity.problems;
        checks.check(problems.is_empty(), format!("run {run}: valid{}", listed(problems)));
        let measured = verdicts(&outcome);
        let other = differences(&computed, &measured);
        let equal = measured.len() - other.len();
        let what = format!("run {run}: {equal} of {} verdicts as computed{}", measured.len(), listed(&other));
        // A run that says itself that it is worth nothing is no evidence, for nothing.
        if !problems.is_empty() {
            checks.leave_open(what, "the run is invalid");
            continue;
        }
        checks.check(other.is_empty(), what);
        valid += 1;
        for (name, verdict) in measured {
            found.entry(name).or_default().push(verdict);
        }
    }
    heading("All runs");
    let flips: Vec<String> =
        found.iter().filter(|entry| is_flip(entry.1)).map(|entry| name(entry.0)).collect();
    let what = format!("no verdict turned in {valid} valid runs, of {}{}", found.len(), listed(&flips));
    match valid {
        0 => checks.leave_open(what, "no run was valid"),
        _ => checks.check(flips.is_empty(), what),
    }
    Ok(checks.conclude(&took))
}

/// One tour in one of the worlds.
fn tour(command: &str, seed: u64, folder: &Path) -> Result<RunOutcome> {
    let mut words: Vec<OsString> = [command, "tour", "--seed", &seed.to_string()].map(OsString::from).into();
    if command == "run" {
        words.extend(["--runs".into(), folder.join("runs").into()]);
    }
    program::outcome(words)
}

fn verdicts(outcome: &RunOutcome) -> Verdicts {
    let each = outcome.experiments.iter().flat_map(|experiment| {
        let of = |name: &String| (experiment.name.clone(), name.clone());
        experiment.verdicts.iter().map(move |verdict| (of(&verdict.name), verdict.verdict))
    });
    each.collect()
}

/// Every verdict that is not the computed one, in words.
fn differences(computed: &Verdicts, measured: &Verdicts) -> Vec<String> {
    let differ = computed.iter().filter(|(name, verdict)| measured.get(*name) != Some(*verdict));
    differ
        .map(|(key, verdict)| {
            let instead = measured.get(key).map_or("not judged".to_string(), VerdictKind::to_string);
            format!("{} {instead}, not {verdict}", name(key))
        })
        .collect()
}

/// Whether a hypothesis held in one run and was refuted in another.
fn is_flip(verdicts: &[VerdictKind]) -> bool {
    verdicts.contains(&VerdictKind::Holds) && verdicts.contains(&VerdictKind::Refuted)
}

fn name((experiment, hypothesis): &(String, String)) -> String {
    format!("{experiment}/{hypothesis}")
}

/// Nothing, or what is wrong, after a colon.
fn listed(words: &[String]) -> String {
    if words.is_empty() { String::new() } else { format!(": {}", words.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use VerdictKind::{Holds, Refuted, Undecided};

    fn of(verdict: VerdictKind) -> Verdicts {
        BTreeMap::from([(("timeouts".to_string(), "leak".to_string()), verdict)])
    }

    #[test]
    fn another_verdict_and_a_missing_one_are_differences() {
        assert_eq!(differences(&of(Holds), &of(Holds)), Vec::<String>::new());
        assert_eq!(differences(&of(Holds), &of(Undecided)), ["timeouts/leak undecided, not holds"]);
        assert_eq!(differences(&of(Holds), &Verdicts::new()), ["timeouts/leak not judged, not holds"]);
    }

    #[test]
    fn only_holds_and_refuted_make_a_flip() {
        assert!(is_flip(&[Holds, Undecided, Refuted]));
        assert!(!is_flip(&[Holds, Undecided, Holds]));
        assert!(!is_flip(&[Refuted, Undecided]));
    }
}
