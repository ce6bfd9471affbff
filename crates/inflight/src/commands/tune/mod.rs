//! `inflight tune`: which limit, queue, wait and timeout meet an objective. Found in virtual time on all processors, and then
//! checked by a real run.

mod profile;

use super::{BadInput, Exit, json::print_json, run::measure, runs::RunDir, runtime, workers::Workers};
use crate::{
    awake::Awake,
    cli, live,
    terminal::{StatusLine, ink, print, say, width},
};
use anyhow::Context as _;
use inflight_lab::{
    report,
    tune::{Check, Problem, Round, Scan, Score, Search, TuneOutcome},
};
use inflight_strategies::rt::Clock as _;
use profile::Profile;
use std::{path::Path, sync::Arc, time::Duration};

pub(super) fn run(flags: &cli::Tune) -> anyhow::Result<Exit> {
    let (profile, problem) = profile::posed(flags)?;
    let problem = Arc::new(problem);
    let workers = Workers::new(flags.threads)?;
    let clock = live::World::new(workers.runtime().handle().clone());
    let start = clock.now();
    say(&format!("{}: {} under {}", profile.name, problem.objective, problem.workload()));
    let Some(mut outcome) = searched(&profile, &problem, &workers, &|| clock.now() - start)? else {
        say("interrupted before anything was known");
        return Ok(Exit::Interrupted);
    };
    say(&format!(
        "{} trials in {:.1} s on {} threads",
        outcome.trials,
        (clock.now() - start).as_secs_f64(),
        workers.threads
    ));
    if outcome.complete && outcome.found && !flags.no_check {
        outcome.check = Some(checked(&profile, &problem, &outcome, flags)?);
    }
    show(flags, &outcome)?;
    if let Some(path) = &flags.output {
        write(path, &profile, &problem, &outcome)?;
    }
    Ok(exit(&outcome))
}

/// How the program ends after `outcome`.
fn exit(outcome: &TuneOutcome) -> Exit {
    match &outcome.check {
        _ if !outcome.complete => Exit::Interrupted,
        _ if !outcome.found => Exit::Missed,
        Some(check) if !check.complete => Exit::Interrupted,
        Some(check) if !check.problems.is_empty() => Exit::Invalid,
        Some(check) if !check.holds => Exit::Missed,
        _ => Exit::Done,
    }
}

/// Searches until the search is over, or until Ctrl-C; `None` if nothing is known then.
fn searched(
    profile: &Profile,
    problem: &Arc<Problem>,
    workers: &Workers,
    real_time: &dyn Fn() -> Duration,
) -> anyhow::Result<Option<TuneOutcome>> {
    let mut search = Search::new(problem.clone());
    let mut complete = true;
    while let Some(round) = search.round().filter(|_| complete) {
        match scores(&round, problem, workers, real_time)? {
            Some(scores) => search.close(&round, &scores),
            None => complete = false,
        }
    }
    let Some(found) = search.found() else { return Ok(None) };
    let (best, mut margins) = (found.best, Vec::new());
    if complete {
        let scan = Scan::around(best, found.standing.is_feasible(), problem);
        match scores(&scan.round(), problem, workers, real_time)? {
            Some(scores) => margins = scan.margins(best, problem, &scores),
            None => complete = false,
        }
    }
    let of = (profile.name.as_str(), env!("CARGO_PKG_VERSION"));
    Ok(Some(TuneOutcome { complete, ..TuneOutcome::of(of, problem, found, margins) }))
}

/// Runs the trials of `round` on all threads; `None` if it was interrupted.
fn scores(
    round: &Round,
    problem: &Arc<Problem>,
    workers: &Workers,
    real_time: &dyn Fn() -> Duration,
) -> anyhow::Result<Option<Vec<Score>>> {
    let (trials, problem) = (round.trials.clone(), problem.clone());
    let job = move |number: usize| problem.run(&trials[number]);
    let mut all: Vec<Option<Score>> = vec![None; round.trials.len()];
    let (status, start) = (StatusLine::new(), real_time());
    let (mut done, mut stuck) = (0, Ok(()));
    let complete = workers.run(all.len(), job, |number, result| {
        match result {
            Ok(score) => all[number] = Some(score),
            Err(error) => stuck = Err(error).with_context(|| format!("{:?}", round.trials[number])),
        }
        done += 1;
        let left =
            (real_time() - start).as_secs_f64() / f64::from(done) * f64::from(trials_left(round, done));
        status.show(&format!(
            "▸ {}: {done} of {} trials, about {left:.0} s left in this round",
            round.name,
            round.trials.len()
        ));
    });
    status.clear();
    stuck?;
    Ok(all.into_iter().collect::<Option<Vec<Score>>>().filter(|_| complete))
}

fn trials_left(round: &Round, done: u32) -> u32 {
    u32::try_from(round.trials.len()).unwrap_or(u32::MAX).saturating_sub(done)
}

/// A real run of what was found.
fn checked(
    profile: &Profile,
    problem: &Problem,
    outcome: &TuneOutcome,
    flags: &cli::Tune,
) -> anyhow::Result<Check> {
    let source = profile.check(problem, &outcome.best)?;
    super::raise_open_files();
    let dir = RunDir::create(&flags.runs.dir)?;
    let runtime = runtime(None)?;
    let (sources, awake) = ([source], Awake::new(flags.machine.idle));
    let run = runtime.block_on(measure((&sources, None), vec![None], &[], &dir, &awake))?;
    runtime.shutdown_background();
    let (objective, document) = (&problem.objective, &sources[0].document);
    let (scale, errors) = (document.time_scale, document.service_b.errors.value());
    let arm = run.experiments.first().and_then(|experiment| experiment.arms.first());
    let score = arm.map(|arm| Score::of_arm(arm, objective.order, errors));
    let latency = score.map(|s| s.latency / scale).filter(|s| s.is_finite());
    let goodput = score.map_or(0.0, |s| s.goodput);
    Ok(Check {
        run: dir.path.display().to_string(),
        time_scale: scale,
        offered: arm.map_or(0, |arm| arm.offered),
        latency_ms: latency.map(|s| s * 1e3),
        goodput,
        holds: latency.is_some_and(|s| s <= objective.latency.as_secs_f64())
            && goodput >= objective.goodput.value(),
        problems: run.validity.problems,
        complete: run.complete,
    })
}

fn show(flags: &cli::Tune, outcome: &TuneOutcome) -> anyhow::Result<()> {
    if flags.json {
        print_json(outcome)?;
        return Ok(());
    }
    say("");
    print(&report::tune(outcome, width(), &*ink()));
    let data =
        outcome.check.as_ref().map_or(String::new(), |check| format!("Data   {}/run.json\n", check.run));
    print(&format!("\n{data}Rerun  {}\n", rerun(flags, outcome)));
    Ok(())
}

/// The command that finds the same again.
fn rerun(flags: &cli::Tune, outcome: &TuneOutcome) -> String {
    use inflight_strategies::units::format_duration;
    let mut words = vec![format!("inflight tune {} '{}'", flags.profile, outcome.objective.objective())];
    words.extend(flags.rate.map(|rate| format!("--rate {rate}")));
    words.extend(flags.burst.map(|burst| {
        let (length, every) = (format_duration(flags.burst_length), format_duration(flags.burst_every));
        format!("--burst {burst} --burst-length {length} --burst-every {every}")
    }));
    words.push(format!("--seed {}{}", outcome.seed, if flags.quick { " --quick" } else { "" }));
    words.join(" ")
}

/// Writes what was found, and beside it what it refers to.
fn write(path: &Path, profile: &Profile, problem: &Problem, outcome: &TuneOutcome) -> anyhow::Result<()> {
    if !outcome.found {
        say(&format!("{} is not written: nothing meets the objective", path.display()));
        return Ok(());
    }
    let source = profile.tuned(problem, &outcome.best)?;
    let beside = path.parent().unwrap_or(Path::new(""));
    let files = source.files.iter().map(|(name, text)| (beside.join(name), text));
    for (path, text) in files.chain([(path.to_path_buf(), &source.text)]) {
        std::fs::write(&path, text)
            .map_err(|e| BadInput(format!("error: cannot write {}: {e}", path.display())))?;
    }
    say(&format!("written: {0}; serve it with `inflight serve --config {0}`", path.display()));
    Ok(())
}
