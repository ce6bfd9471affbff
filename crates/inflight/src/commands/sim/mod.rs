//! `inflight sim`: experiments in virtual time. What is printed to stdout depends on the experiment and its seed alone; how
//! long it took is said on stderr.

mod sweep;
mod watch;

use super::{
    Exit,
    library::Source,
    measured::{Subject, outcome},
    run::save,
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
    experiment::{ArmOutcome, RunOutcome, RunWorld, VirtualTime},
    record::Record,
    report,
    sim::{Settings, Stuck, Trace},
    trial,
};
use inflight_strategies::rt::Clock as _;
use std::{sync::Arc, time::Duration};

pub(super) fn run(flags: &cli::Sim) -> anyhow::Result<Exit> {
    let read = |name: &String| Source::chosen(name, flags.seed, &flags.only)?.set(&flags.set);
    let sources: Vec<Source> = flags.experiments.iter().map(read).collect::<anyhow::Result<_>>()?;
    let workers = Workers::new(flags.threads)?;
    let clock = live::World::new(workers.runtime().handle().clone());
    let is_sweep = !flags.sweep.is_empty() || flags.seeds.is_some() || flags.csv;
    let mut exit = Exit::Done;
    for source in &sources {
        let start = clock.now();
        let real_time = || clock.now() - start;
        let ended = if is_sweep {
            sweep::run(source, flags, &workers, &real_time)?
        } else {
            trials(source, flags, &workers, &real_time)?
        };
        exit = if ended == Exit::Done { exit } else { ended };
        if exit == Exit::Interrupted {
            break;
        }
    }
    Ok(exit)
}

/// What became of one arm.
type Ended = Result<(Record, Trace), Stuck>;

/// Every arm once.
fn trials(
    source: &Source,
    flags: &cli::Sim,
    workers: &Workers,
    real_time: &dyn Fn() -> Duration,
) -> anyhow::Result<Exit> {
    let arms = source.arms(&flags.only);
    let watched = watch::each(flags, arms.len());
    let (document, chosen, sinks) = (source.document.clone(), arms.clone(), watched.clone());
    let job = move |number: usize| {
        let sink: Arc<dyn Sink> = match sinks.get(number) {
            Some(watched) => watched.clone(),
            None => Arc::new(()),
        };
        trial::run(&document, chosen[number], Settings::default(), sink)
    };
    let mut ended: Vec<Option<Ended>> = arms.iter().map(|_| None).collect();
    let complete = workers.run(arms.len(), job, |number, result| ended[number] = Some(result));
    let took = real_time();
    let (mut records, mut traces) = (Vec::new(), Vec::new());
    for (number, result) in ended.into_iter().enumerate() {
        let name = source.document.endpoints[arms[number]].name.as_str();
        if let Some(result) = result {
            let (record, trace) = result.with_context(|| format!("{}: /{name}", source.file))?;
            records.push((name, record));
            traces.push(trace);
        }
    }
    let dir = if flags.save { Some(RunDir::create(&flags.runs.dir)?) } else { None };
    let outcome = summed_up(source, dir.as_ref(), &records, &traces, complete);
    if let Some(dir) = &dir {
        dir.write("experiment.toml", source.text.as_bytes())?;
        source.files.iter().try_for_each(|(name, text)| dir.write(name, text.as_bytes()))?;
        save(dir, &outcome, &records)?;
        say(&format!("kept in {}", dir.path.display()));
    }
    if complete {
        watch::show(source, flags, &arms, &watched)?;
    }
    if flags.trace.is_none() {
        show(flags, &outcome, &records, &traces)?;
    }
    say_speed(traces.iter().map(|trace| trace.ended.as_nanos()).sum(), took, workers.threads);
    Ok(match outcome {
        _ if !outcome.complete => Exit::Interrupted,
        _ if !outcome.validity.problems.is_empty() => Exit::Invalid,
        _ => Exit::Done,
    })
}

/// The outcome of a run that took no time: unless it is kept, nothing in it tells when it was.
fn summed_up(
    source: &Source,
    dir: Option<&RunDir>,
    records: &[(&str, Record)],
    traces: &[Trace],
    complete: bool,
) -> RunOutcome {
    let document = &source.document;
    let subject = Subject {
        id: dir.map_or("sim".into(), |dir| dir.id.clone()),
        experiment: source.name.clone(),
        question: document.question.clone(),
        started_unix_s: dir.map_or(0, |dir| dir.started_unix_s),
        world: RunWorld::Virtual(VirtualTime::of(traces)),
        seed: document.seed,
        time_scale: document.time_scale,
    };
    let workload = document.workload.as_ref().expect("only experiments get here");
    let mut outcome = outcome(subject, workload, records, complete);
    ArmOutcome::set_theory(&mut outcome.arms, document);
    outcome
}

fn show(
    flags: &cli::Sim,
    outcome: &RunOutcome,
    records: &[(&str, Record)],
    traces: &[Trace],
) -> anyhow::Result<()> {
    if flags.json {
        print(&format!("{}\n", serde_json::to_string_pretty(outcome)?));
        return Ok(());
    }
    print(&report::result(outcome, width(), &*ink()));
    if flags.counters {
        let worlds: Vec<(&str, u64, &Trace)> =
            records.iter().zip(traces).map(|((name, record), trace)| (*name, sent(record), trace)).collect();
        print(&format!("\n{}", report::counters(&worlds, &*ink())));
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
