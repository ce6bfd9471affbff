//! What a sweep found, as plain data: one row per cell and arm.

use super::{ArmOutcome, Latencies};
use crate::{
    record::{Ending, Record, histogram},
    sim::Trace,
    stats::Estimate,
};
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// The version of a sweep's JSON.
pub const SWEEP_SCHEMA: u32 = 1;

/// A whole sweep.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SweepOutcome {
    /// [`SWEEP_SCHEMA`].
    pub schema: u32,
    /// The version of Inflight that made it.
    pub version: String,
    /// The experiment's name.
    pub experiment: String,
    /// What it asked.
    pub question: Option<String>,
    /// The first replication's seed; the others count up from it.
    pub seed: u64,
    /// How often every row was replicated, each time with another seed.
    pub replications: usize,
    /// Durations were multiplied by this, rates divided; `None` if it was not the same in every cell.
    pub time_scale: Option<f64>,
    /// The factors' keys.
    pub factors: Vec<String>,
    /// Whether every job was run.
    pub complete: bool,
    /// The rows that are complete: cells in order of their levels, and in each the arms in their file's order.
    pub rows: Vec<Row>,
}

/// One arm in one cell. Percentiles are those of all replications' requests together; every interval is from the spread
/// between the replications.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// The level of each factor.
    pub levels: Vec<String>,
    /// The arm.
    pub arm: String,
    /// Requests that should have started, all replications together.
    pub offered: u64,
    /// Replications whose figures contradict themselves or have requests without an answer: no steady state was reached.
    pub doubtful: usize,
    /// Requests in flight, averaged over time.
    pub in_flight: Estimate,
    /// 99th percentile of the waits for a permit in milliseconds, where there are any.
    pub wait_p99_ms: Option<Estimate>,
    /// Good answers per second.
    pub goodput_per_s: Estimate,
    /// Median latency of good answers in milliseconds.
    pub p50_ms: Option<Estimate>,
    /// 95th percentile of the same.
    pub p95_ms: Option<Estimate>,
    /// 99th percentile of the same.
    pub p99_ms: Option<Estimate>,
    /// Share of the offered requests that failed.
    pub failed: Estimate,
    /// Share that timed out.
    pub timed_out: Estimate,
    /// Share that a strategy refused.
    pub rejected: Estimate,
    /// Share that had no answer in the end.
    pub unfinished: Estimate,
    /// A hash of all events of all replications.
    pub hash: String,
}

/// The books of the replications of one row, as they come in. Their order is of no importance.
#[derive(Debug)]
pub struct Replications {
    all: Vec<Option<(ArmOutcome, u64)>>,
    completed: Histogram<u64>,
    wait: Histogram<u64>,
}

impl Replications {
    /// Room for `number` of them.
    pub fn new(number: usize) -> Replications {
        Replications { all: vec![None; number], completed: histogram(), wait: histogram() }
    }

    /// Takes the books of replication `number`, and tells whether that was the last one missing.
    pub fn take(&mut self, number: usize, record: &Record, trace: &Trace) -> bool {
        self.completed.add(&record.completed).expect("the bounds are the same");
        self.wait.add(&record.wait).expect("the bounds are the same");
        let outcome = ArmOutcome::figures(record);
        self.all[number] = Some((outcome, trace.hash));
        self.all.iter().all(Option::is_some)
    }

    /// Sums them up. `None` if one is missing.
    pub fn row(self, levels: Vec<String>, arm: &str) -> Option<Row> {
        let all: Vec<(ArmOutcome, u64)> = self.all.into_iter().collect::<Option<_>>()?;
        let hash = all.iter().fold(0, |hash: u64, (_, one)| hash.rotate_left(5) ^ one);
        let arms: Vec<ArmOutcome> = all.into_iter().map(|(arm, _)| arm).collect();
        let estimate =
            |of: &dyn Fn(&ArmOutcome) -> f64| Estimate::mean(&arms.iter().map(of).collect::<Vec<_>>());
        let share = |ending| estimate(&|arm| arm.share(ending));
        let together = Latencies::of(&self.completed);
        let latency =
            |pick: fn(&Latencies) -> u64| percentile(&arms, &together, pick, |arm| Some(arm.completed));
        let waits = Latencies::of(&self.wait);
        Some(Row {
            levels,
            arm: arm.into(),
            offered: arms.iter().map(|arm| arm.offered).sum(),
            doubtful: arms.iter().filter(|arm| is_doubtful(arm)).count(),
            in_flight: estimate(&|arm| arm.in_flight_mean)?,
            wait_p99_ms: percentile(&arms, &waits, |wait| wait.p99_ns, |arm| arm.wait),
            goodput_per_s: estimate(&|arm| arm.goodput_per_s)?,
            p50_ms: latency(|l| l.p50_ns),
            p95_ms: latency(|l| l.p95_ns),
            p99_ms: latency(|l| l.p99_ns),
            failed: share(Ending::Failed)?,
            timed_out: share(Ending::TimedOut)?,
            rejected: share(Ending::Rejected)?,
            unfinished: share(Ending::Unfinished)?,
            hash: format!("{hash:016x}"),
        })
    }
}

/// A percentile in milliseconds: of all requests `together`, with the interval of the single replications' percentiles.
fn percentile(
    arms: &[ArmOutcome],
    together: &Latencies,
    pick: fn(&Latencies) -> u64,
    of: impl Fn(&ArmOutcome) -> Option<Latencies>,
) -> Option<Estimate> {
    let ms = |l: &Latencies| pick(l) as f64 / 1e6;
    let each: Vec<f64> = arms.iter().filter_map(of).filter(|l| l.count > 0).map(|l| ms(&l)).collect();
    Some(Estimate::mean(&each)?.around(ms(together)))
}

fn is_doubtful(arm: &ArmOutcome) -> bool {
    arm.ended(Ending::Unfinished) > 0 || !arm.problems().is_empty()
}
