//! `inflight sim`: experiments in virtual time. What is printed to stdout depends on the experiment and its seed alone; how
//! long it took is said on stderr.

mod sweep;
mod watch;

use super::{
    Exit,
    json::json,
    library::Source,
    measured::{Books, Run, Subject},
    run::{Place, folders, save_run},
    runs::RunDir,
    workers::Workers,
};
use crate::{
    cli, live,
    terminal::{ink, print, say, width},
};
use anyhow::Context as _;
use inflight_lab::{
    call::Sink,
    experiment::{Document, ExperimentOutcome, Rounds, RunOutcome, RunWorld, VirtualTime},
    record::Record,
    report,
    sim::{Settings, Stuck, Trace},
    trace::Watched,
    trial,
};
use inflight_strategies::rt::Clock as _;
use std::{sync::Arc, time::Duration};

pub(super) fn run(flags: &cli::Sim) -> anyhow::Result<Exit> {
    let read = |name: &String| Source::chosen(name, &flags.choice, &flags.only)?.set(&flags.set);
    let sources: Vec<Source> = flags.experiments.iter().map(read).collect::<anyhow::Result<_>>()?;
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
    Ok(Exit::of(&outcome))
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

/// Every arm of an experiment in every round.
struct Trials {
    /// The arms that were to be run, as numbers of endpoints.
    arms: Vec<usize>,
    watched: Vec<Arc<Watched>>,
    /// Those that were run to their end.
    books: Vec<Books>,
    /// Round by round, and in each the arms.
    traces: Vec<Trace>,
    rounds: Rounds,
    complete: bool,
}

fn trials(source: &Source, flags: &cli::Sim, workers: &Workers) -> anyhow::Result<Trials> {
    let arms = source.arms(&flags.only);
    let watched = watch::each(flags, arms.len());
    let (document, chosen, sinks) = (source.document.clone(), arms.clone(), watched.clone());
    let job = move |number: usize| {
        let (round, arm) = (number / chosen.len(), number % chosen.len());
        // Only the first round is watched.
        let sink: Arc<dyn Sink> = match sinks.get(number) {
            Some(watched) => watched.clone(),
            None => Arc::new(()),
        };
        let document = Document { seed: document.seed.wrapping_add(round as u64), ..document.clone() };
        trial::run(&document, chosen[arm], Settings::default(), sink)
    };
    let planned = source.document.rounds;
    let mut ended: Vec<Option<Ended>> = (0..arms.len() * planned as usize).map(|_| None).collect();
    let complete = workers.run(ended.len(), job, |number, result| ended[number] = Some(result));
    let (mut books, mut traces, mut done) = (Vec::new(), Vec::new(), 0);
    for (round, ended) in ended.chunks_mut(arms.len()).enumerate() {
        let whole = ended.iter().all(Option::is_some);
        done += u32::from(whole);
        for (arm, result) in arms.iter().zip(ended).filter(|_| whole || round == 0) {
            let name = &source.document.endpoints[*arm].name;
            if let Some(result) = result.take() {
                let (record, trace) = result.with_context(|| format!("{}: /{name}", source.file))?;
                Books::add(&mut books, name, source.document.seed.wrapping_add(round as u64), record);
                traces.push(trace);
            }
        }
    }
    Ok(Trials { arms, watched, books, traces, rounds: Rounds { planned, done }, complete })
}

/// The outcome, saved if it is to be. A run that took no time does not tell when it was, unless it is kept.
fn kept(sources: &[Source], all: &[Trials], flags: &cli::Sim) -> anyhow::Result<RunOutcome> {
    let dir = if flags.save { Some(RunDir::create(&flags.runs.dir)?) } else { None };
    let experiment = |(source, trials): (&Source, &Trials)| {
        let mut outcome = Subject::of(source).outcome(&trials.books, trials.rounds);
        outcome.set_theory(&source.document);
        outcome.set_diagnosis(&source.document);
        outcome
    };
    let experiments: Vec<ExperimentOutcome> = sources.iter().zip(all).map(experiment).collect();
    let traces: Vec<Trace> = all.iter().flat_map(|trials| trials.traces.iter().cloned()).collect();
    let run = Run {
        id: dir.as_ref().map_or("sim".into(), |dir| dir.id.clone()),
        started_unix_s: dir.as_ref().map_or(0, |dir| dir.started_unix_s),
        world: RunWorld::Virtual(VirtualTime::of(&traces)),
        timers: None,
    };
    let outcome = run.outcome(experiments, all.iter().all(|trials| trials.complete));
    if let Some(dir) = &dir {
        for ((source, trials), folder) in sources.iter().zip(all).zip(&folders(sources)) {
            let place = Place { dir, folder };
            place.save_source(source)?;
            place.save_books(&trials.books)?;
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
        print(&json(outcome)?);
        return Ok(());
    }
    print(&report::result(outcome, width(), &*ink()));
    if flags.counters {
        for Trials { books, traces, .. } in all {
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
