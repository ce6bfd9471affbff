//! Sweeps, done: every arm in every cell with every seed, on all threads.

use super::{library::Source, workers::Workers};
use crate::terminal::StatusLine;
use anyhow::Context as _;
use inflight_lab::{
    experiment::{Job, Replications, Row, SWEEP_SCHEMA, Sweep, SweepOutcome},
    sim::Settings,
    trial,
};
use std::{collections::BTreeMap, sync::Arc};

/// What became of a sweep of `source`, and how many nanoseconds of virtual time that took.
pub(super) fn outcome(
    source: &Source,
    sweep: Sweep,
    workers: &Workers,
) -> anyhow::Result<(SweepOutcome, u64)> {
    let sweep = Arc::new(sweep);
    let swept = all(&sweep, workers)?;
    let outcome = SweepOutcome {
        schema: SWEEP_SCHEMA,
        version: env!("CARGO_PKG_VERSION").into(),
        experiment: source.name.clone(),
        question: source.document.question.clone(),
        seed: source.document.seed,
        replications: sweep.replications,
        time_scale: sweep.time_scale(),
        factors: sweep.factors.iter().map(|factor| factor.key.clone()).collect(),
        complete: swept.complete,
        rows: swept.rows,
    };
    Ok((outcome, swept.virtual_ns))
}

/// The knee curve of `source` with the arms `only`, or all, if its file wants one.
pub(super) fn knee(
    source: &Source,
    only: &[String],
    workers: &Workers,
) -> anyhow::Result<Option<SweepOutcome>> {
    let Some(sweep) = source.knee(only)? else { return Ok(None) };
    Ok(Some(outcome(source, sweep, workers)?.0))
}

/// What the workers brought.
struct Swept {
    rows: Vec<Row>,
    virtual_ns: u64,
    complete: bool,
}

/// Does every job. A row is summed up when its last replication is in.
fn all(sweep: &Arc<Sweep>, workers: &Workers) -> anyhow::Result<Swept> {
    let (jobs, plan) = (sweep.jobs(), sweep.clone());
    let job = move |number: usize| {
        let (document, arm) = plan.task(plan.job(number));
        trial::run(&document, arm, Settings::default(), Arc::new(()))
    };
    let (status, mut done, mut virtual_ns) = (StatusLine::new(), 0, 0);
    let (mut open, mut rows, mut stuck) = (BTreeMap::new(), BTreeMap::new(), Ok(()));
    let complete = workers.run(jobs, job, |number, result| {
        let Job { cell, arm, replication } = sweep.job(number);
        let endpoint = &sweep.cells[cell].document.endpoints[sweep.arms[arm]];
        match result {
            Ok((record, trace)) => {
                virtual_ns += trace.ended.as_nanos();
                let row = open.entry((cell, arm)).or_insert_with(|| Replications::new(sweep.replications));
                if row.take(replication, &record, &trace) {
                    let books = open.remove(&(cell, arm)).expect("it was just there");
                    let row = books.row(sweep.cells[cell].levels.clone(), &endpoint.name);
                    rows.extend(row.map(|row| ((cell, arm), row)));
                }
            }
            Err(error) if stuck.is_ok() => stuck = Err(error).with_context(|| format!("/{}", endpoint.name)),
            Err(_) => {}
        }
        done += 1;
        status.show(&format!("▸ {done} of {jobs}, {:.0} s of virtual time", virtual_ns as f64 / 1e9));
    });
    status.clear();
    stuck?;
    Ok(Swept { rows: rows.into_values().collect(), virtual_ns, complete })
}
