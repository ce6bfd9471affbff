//! `inflight sim`: experiments in virtual time. What is printed to stdout depends on the experiment and its seed alone; how
//! long it took is said on stderr.

mod sweep;
mod watch;

use super::{
    Exit, again, expect,
    json::print_json,
    library::Source,
    measured::{Books, Run, Session},
    run::{Place, folders, save_run},
    runs::RunDir,
    swept,
    workers::Workers,
};
use crate::{
    cli, live,
    terminal::{ink, print, say, width},
};
use anyhow::Context as _;
use inflight_lab::{
    call::Sink,
    census::Census,
    experiment::{Document, ExperimentOutcome, RunOutcome, RunWorld, SweepOutcome, VirtualTime},
    record::Record,
    report,
    sim::{Settings, Stuck, Trace},
    trace::Watched,
    trial,
};
use inflight_strategies::rt::Clock as _;
use std::{collections::BTreeMap, sync::Arc, time::Duration};

pub(super) fn run(flags: &cli::Sim) -> anyhow::Result<Exit> {
    let chosen = Source::all_chosen(&flags.experiments, &flags.choice, &flags.only)?;
    let sources: Vec<Source> =
        chosen.into_iter().map(|source| source.set(&flags.set)).collect::<anyhow::Result<_>>()?;
    expect::check(&flags.expect, &sources)?;
    let workers = Workers::new(flags.threads)?;
    let clock = live::World::new(workers.runtime().handle().clone());
    let is_sweep = !flags.sweep.is_empty() || flags.seeds.is_some() || flags.csv;
    let start = clock.now();
    let real_time = || clock.now() - start;
    if is_sweep {
        return sweeps(&sources, flags, &workers, &real_time);
    }
    let mut all = Vec::new();
    for source in &sources {
        all.push(trials(source, flags, &workers)?);
        if !all.last().is_some_and(|trials| trials.complete) {
            break;
        }
    }
    let took = real_time();
    let outcome = kept(&sources, &all, flags)?;
    show(&sources, &all, &outcome, flags)?;
    let virtual_ns = all.iter().flat_map(|trials| &trials.traces).map(|trace| trace.ended.as_nanos()).sum();
    say_speed(virtual_ns, took, workers.threads);
    Ok(expect::exit(&flags.expect, &outcome))
}

fn sweeps(
    sources: &[Source],
    flags: &cli::Sim,
    workers: &Workers,
    real_time: &dyn Fn() -> Duration,
) -> anyhow::Result<Exit> {
    for source in sources {
        if sweep::run(source, flags, workers, real_time)? == Exit::Interrupted {
            return Ok(Exit::Interrupted);
        }
    }
    Ok(Exit::Done)
}

/// What became of one arm.
type Ended = Result<(Record, Trace), Stuck>;

/// An experiment, run.
struct Trials {
    /// The arms that were to be run, as numbers of endpoints.
    arms: Vec<usize>,
    watched: Vec<Arc<Watched>>,
    session: Session,
    /// The knee curve, if the file wants one.
    knee: Option<SweepOutcome>,
    /// Round by round, and in each the arms.
    traces: Vec<Trace>,
    complete: bool,
}

/// The first arm measured again has seeds so far from the others': with the same requests it would be the same to the nanosecond.
const OTHER_SEEDS: u64 = 1 << 32;

fn trials(source: &Source, flags: &cli::Sim, workers: &Workers) -> anyhow::Result<Trials> {
    let arms = source.arms(&flags.only);
    let watched = watch::each(flags, arms.len());
    let mut session = Session::open(&source.document);
    let (control, wants_tasks) = (session.wants_control(), session.judge.wants_tasks());
    let in_round = arms.len() + usize::from(control);
    let (document, chosen, sinks) = (session.document.clone(), arms.clone(), watched.clone());
    let job = move |number: usize| {
        let (round, place) = (number / in_round, number % in_round);
        // Only the first round is watched.
        let sink: Arc<dyn Sink> = match sinks.get(number) {
            Some(watched) => watched.clone(),
            None => Arc::new(()),
        };
        let other = if place == chosen.len() { OTHER_SEEDS } else { 0 };
        let seed = document.seed.wrapping_add(round as u64).wrapping_add(other);
        let document = Document { seed, ..document.clone() };
        let arm = chosen[place % chosen.len()];
        if round > 0 && !wants_tasks {
            return trial::run(&document, arm, Settings::default(), sink);
        }
        let census = Census::new(document.workload.as_ref().expect("only experiments get here"), sink);
        let (mut record, trace) = trial::run(&document, arm, Settings::default(), census.clone())?;
        census.close(&mut record);
        Ok((record, trace))
    };
    let names: Vec<&str> = arms.iter().map(|arm| source.document.endpoints[*arm].name.as_str()).collect();
    let jobs = in_round * source.document.rounds as usize;
    let (mut waiting, mut stuck): (BTreeMap<usize, Ended>, _) = (BTreeMap::new(), Ok(()));
    let (mut next, mut traces, mut round) = (0, Vec::new(), Vec::new());
    let complete = workers.run(jobs, job, |number, result| {
        waiting.insert(number, result);
        // Results come as they come; rounds are taken in order, so that the number of threads changes nothing.
        while let Some(result) = waiting.remove(&next) {
            let place = next % in_round;
            next += 1;
            match result {
                Ok((record, trace)) => {
                    round.push(record);
                    traces.push(trace);
                }
                Err(error) if stuck.is_ok() => {
                    stuck = Err(error)
                        .with_context(|| format!("{}: /{}", source.file, names[place % names.len()]));
                }
                Err(_) => {}
            }
            if place + 1 == in_round && stuck.is_ok() {
                let again = if control { round.pop() } else { None };
                let records = names.iter().copied().zip(round.drain(..)).collect();
                session.on_round(records, again.as_ref().map(|record| (record, names[0])));
            }
        }
    });
    stuck?;
    if !complete {
        session.on_cut_round(names.iter().copied().zip(round).collect());
    }
    let knee = if complete { swept::knee(source, &flags.only, workers)? } else { None };
    let complete = complete && knee.as_ref().is_none_or(|knee| knee.complete);
    Ok(Trials { arms, watched, session, knee, traces, complete })
}

/// The outcome, saved if it is to be. A run that took no time does not tell when it was, unless it is kept.
fn kept(sources: &[Source], all: &[Trials], flags: &cli::Sim) -> anyhow::Result<RunOutcome> {
    let dir = if flags.save { Some(RunDir::create(&flags.runs.dir)?) } else { None };
    let experiment = |(source, trials): (&Source, &Trials)| -> anyhow::Result<ExperimentOutcome> {
        Ok(ExperimentOutcome { sweep: trials.knee.clone(), ..trials.session.outcome(source)? })
    };
    let experiments: Vec<ExperimentOutcome> =
        sources.iter().zip(all).map(experiment).collect::<anyhow::Result<_>>()?;
    let traces: Vec<Trace> = all.iter().flat_map(|trials| trials.traces.iter().cloned()).collect();
    let run = Run {
        id: dir.as_ref().map_or("sim".into(), |dir| dir.id.clone()),
        started_unix_s: dir.as_ref().map_or(0, |dir| dir.started_unix_s),
        machine: "none: virtual time".into(),
        world: RunWorld::Virtual(VirtualTime::of(&traces)),
        timers: None,
        rerun: again::command(
            "sim",
            &flags.experiments,
            &flags.choice,
            (&flags.only, &flags.set),
            again::seed(sources),
        ),
    };
    let outcome = run.outcome(experiments, all.iter().all(|trials| trials.complete));
    if let Some(dir) = &dir {
        for ((source, trials), folder) in sources.iter().zip(all).zip(&folders(sources)) {
            let place = Place { dir, folder };
            place.save_source(source)?;
            place.save_books(&trials.session.books)?;
        }
        save_run(dir, &outcome)?;
        say(&format!("kept in {}", dir.path.display()));
    }
    Ok(outcome)
}

fn show(sources: &[Source], all: &[Trials], outcome: &RunOutcome, flags: &cli::Sim) -> anyhow::Result<()> {
    for (source, trials) in sources.iter().zip(all).filter(|(_, trials)| trials.complete) {
        watch::show(source, flags, &trials.arms, &trials.watched)?;
    }
    if flags.trace.is_some() {
        return Ok(());
    }
    if flags.json {
        print_json(outcome)?;
        return Ok(());
    }
    let shown = if flags.choice.details { report::result } else { report::summary };
    print(&shown(outcome, width(), &*ink()));
    if flags.counters {
        for Trials { session: Session { books, .. }, traces, .. } in all {
            // Of the first round.
            let world = |(books, trace)| {
                let Books { name, together, .. }: &Books = books;
                (name.as_str(), sent(together), trace)
            };
            let worlds: Vec<(&str, u64, &Trace)> = books.iter().zip(traces).map(world).collect();
            print(&format!("\n{}", report::counters(&worlds, &*ink())));
        }
    }
    Ok(())
}

/// Requests that were started, those of the warm-up included.
fn sent(record: &Record) -> u64 {
    record.timeline.iter().map(|tick| u64::from(tick.offered)).sum()
}

/// Says how much virtual time passed in how much real time.
fn say_speed(virtual_ns: u64, took: Duration, threads: usize) {
    let (simulated, took) = (virtual_ns as f64 / 1e9, took.as_secs_f64().max(1e-9));
    let plural = if threads == 1 { "" } else { "s" };
    say(&format!(
        "{simulated:.1} s of virtual time in {:.1} ms on {threads} thread{plural}: {:.0} times as fast as real time",
        took * 1e3,
        simulated / took
    ));
}
