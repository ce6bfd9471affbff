//! Whether `inflight tune` finds what an exhaustive sweep finds, and whether that holds for real.
//!
//! `cargo bench -p inflight --bench tune`; words after `--` choose profiles: `cargo bench -p inflight --bench tune -- sleep`.
//! For each built-in profile the program searches and checks its recommendation by a real run. Beside it every limit from half
//! the load to twice the recommendation runs with every queue, wait and timeout of the grid, and with those of the
//! recommendation, which the grid is too coarse to have; with seeds that the search has not seen, in virtual time, and the best
//! of them is taken by the same rule. The bar: the two limits are within 10 % of each other, and the real run holds.

#![allow(clippy::print_stdout, reason = "its figures are its output")]

use inflight_lab::{
    experiment::Document,
    tune::{Candidate, Effort, Problem, Score, Standing, Trial, TuneOutcome, best, with_limit},
};
use std::{
    collections::BTreeSet,
    process::{Command, ExitCode},
    thread,
};

const PROFILES: [(&str, &str); 3] = [
    ("sleep", include_str!("../../../experiments/profiles/sleep.toml")),
    ("memory-cliff", include_str!("../../../experiments/profiles/memory-cliff.toml")),
    ("usl", include_str!("../../../experiments/profiles/usl.toml")),
];
/// Seeds of the sweep, and where they begin: neither the search nor its judgement uses them.
const SEEDS: std::ops::Range<u64> = 5_000_000..5_000_012;
/// How far apart the limits may be.
const BAR: f64 = 0.1;

fn main() -> ExitCode {
    // `cargo test --benches` runs benches too: then it only has to start.
    if !std::env::args().any(|word| word == "--bench") {
        return ExitCode::SUCCESS;
    }
    let chosen: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let is_chosen = |name: &str| chosen.is_empty() || chosen.iter().any(|word| word == name);
    println!(
        "profile        tuned                                                  headroom   swept  headroom   apart  real run"
    );
    let missed = PROFILES
        .iter()
        .filter(|(name, _)| is_chosen(name))
        .filter(|(name, text)| !compared(name, text))
        .count();
    println!(
        "limits within {:.0} % and the real run holds: {}",
        BAR * 100.0,
        if missed == 0 { "OK" } else { "MISSED" }
    );
    if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// One line about the profile `name`; whether it meets the bar.
fn compared(name: &str, text: &str) -> bool {
    let tuned = tuned(name);
    let (swept, standing, trials) = swept(text, &tuned);
    let ours = f64::from(tuned.best.permits);
    let apart = ours / f64::from(swept.permits) - 1.0;
    let check = tuned.check.as_ref().expect("it was checked");
    let holds = check.holds && check.problems.is_empty();
    println!(
        "{name:13}  {:53}  {:8.3}  {:6}  {:8.3}  {:+5.1} %  {} ({:.0} ms, {:.2} %)",
        tuned.best.to_string(),
        tuned.standing.headroom,
        swept.permits,
        standing.headroom,
        apart * 100.0,
        if holds { "holds" } else { "does not hold" },
        check.latency_ms.unwrap_or(f64::NAN),
        check.goodput * 100.0
    );
    println!("               {} trials searched, {trials} swept; the sweep's best: {swept}", tuned.trials);
    check.problems.iter().for_each(|problem| println!("               ! {problem}"));
    apart.abs() <= BAR && holds
}

/// What the program finds, and its real run.
fn tuned(name: &str) -> TuneOutcome {
    let runs = concat!(env!("CARGO_TARGET_TMPDIR"), "/tune-runs");
    let mut command = Command::new(env!("CARGO_BIN_EXE_inflight"));
    let output = command.args(["tune", name, "--json", "--runs", runs]).output().expect("it runs");
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)))
}

/// The best of every limit with the whole grid around it, how it did, and how many trials that took.
fn swept(text: &str, tuned: &TuneOutcome) -> (Candidate, Standing, usize) {
    let document = Document::read(text, "profile", &|_| Err("no files".into())).expect("a good profile");
    let problem = Problem::new(document, tuned.objective.objective(), Effort::FULL).expect("solvable");
    let limits = (problem.load() / 2.0) as u32..=2 * tuned.best.permits;
    let candidates: BTreeSet<Candidate> =
        limits.flat_map(|permits| around(&problem, tuned.best, permits.max(1))).collect();
    let candidates: Vec<Candidate> = candidates.into_iter().collect();
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let part = candidates.len().div_ceil(threads);
    let all = &|part: &[Candidate]| part.iter().map(|c| (*c, stood(&problem, *c))).collect::<Vec<_>>();
    let pool: Vec<(Candidate, Standing)> = thread::scope(|scope| {
        let parts: Vec<_> = candidates.chunks(part).map(|part| scope.spawn(move || all(part))).collect();
        parts.into_iter().flat_map(|part| part.join().expect("no trial panics")).collect()
    });
    let (swept, standing) = best(&pool).expect("there are candidates");
    (swept, standing, candidates.len() * SEEDS.count())
}

/// What is swept of a limit: the grid, and the other knobs of the recommendation.
fn around(problem: &Problem, tuned: Candidate, permits: u32) -> BTreeSet<Candidate> {
    let mut all = with_limit(problem, permits);
    all.insert(Candidate { permits, ..tuned });
    all
}

/// How a candidate does with the sweep's seeds.
fn stood(problem: &Problem, candidate: Candidate) -> Standing {
    let trial = |replication| Trial { candidate: Some(candidate), percent: 100, replication };
    let scores: Vec<Score> =
        SEEDS.map(|seed| problem.run(&trial(seed)).expect("no trial is stuck")).collect();
    problem.standing(&scores)
}
