//! The course of a run and the shape of its latencies, in data whose size does not grow with the number of requests.

pub(super) use crate::load::figures::supports;

use crate::{
    bins,
    record::{Record, Tick},
};
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// An arm's first round over time, warm-up included. The lists have one entry per tick, from the round's start.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Timeline {
    /// The length of a tick in nanoseconds: 100 ms or less, more in long runs.
    pub tick_ns: u64,
    /// Requests that should have started in each tick.
    pub offered: Vec<u32>,
    /// Good answers.
    pub completed: Vec<u32>,
    /// Other endings.
    pub other: Vec<u32>,
    /// The most that were in flight at once.
    pub in_flight: Vec<u32>,
    /// The length of a slice in nanoseconds, a multiple of a tick's: a second, less in shorter runs and more in longer ones.
    pub slice_ns: u64,
    /// Latencies by slice.
    pub slices: Vec<Slice>,
}

/// What ended in one slice of a round. Percentiles are exact to about 3 %.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Slice {
    /// Good answers in the slice.
    pub count: u32,
    /// Median of their latencies in nanoseconds, if there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p50_ns: Option<u64>,
    /// Their 95th percentile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p95_ns: Option<u64>,
    /// Their 99th percentile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p99_ns: Option<u64>,
    /// Median wait for a permit of what ended in the slice, in nanoseconds, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait_p50_ns: Option<u64>,
    /// 99th percentile of these waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait_p99_ns: Option<u64>,
    /// The most tasks that were alive inside the target, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tasks: Option<u32>,
}

/// How many good answers of the first round fell into each slice of time and each bin of latency.
///
/// There are 4 bins per octave: bin i begins at `2^(i/4) · (1 + (i mod 4)/4)` µs, whole numbers meant; `bins::edge_us` says it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Heat {
    /// The length of a slice in nanoseconds.
    pub slice_ns: u64,
    /// The number of the bin in which every row's list begins.
    pub first_bin: u32,
    /// For each slice the counts of the bins from `first_bin` on; what is empty at the end is left out.
    pub counts: Vec<Vec<u32>>,
}

/// One point of the tail: so much of the good answers took at most so long.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TailPoint {
    /// The share, from 0 to 1.
    pub quantile: f64,
    /// The latency in nanoseconds.
    pub ns: u64,
}

/// Something that happened to an arm in its first round.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// When, in nanoseconds since the round's start.
    pub at_ns: u64,
    /// What.
    pub kind: EventKind,
    /// The value that was passed: requests for [`EventKind::InFlightPassed`], [`EventKind::LimitReached`] and
    /// [`EventKind::InFlightFell`], nanoseconds for the others.
    pub threshold: f64,
    /// The same in words, such as `inflight passed 31 at 28.2 s`.
    pub text: String,
}

/// What can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum EventKind {
    /// More were in flight than the knee, or than was usual before.
    InFlightPassed,
    /// The 95th percentile passed the objective, or what was usual before.
    P95Rose,
    /// Waits for a permit became visible.
    WaitVisible,
    /// The limit was reached.
    LimitReached,
    /// In flight came back to what was usual after a burst.
    InFlightFell,
}

/// What the events of an arm mean: one of the four rules of the original lab.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// Which.
    pub rule: Rule,
    /// Why, with times.
    pub text: String,
}

/// The four rules by which the original lab reads its graphs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// In flight rises and does not stop: saturation.
    Saturation,
    /// The 95th percentile rises after in flight has risen: queueing.
    Queueing,
    /// In flight is stable although more was offered: backpressure works.
    Backpressure,
    /// In flight falls fast after a spike: cancellation works.
    Cancellation,
}

/// The quantiles of a [`tail`]: fine where the tail is.
pub const TAIL_GRID: [f64; 28] = [
    0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.925, 0.95, 0.965, 0.975, 0.98,
    0.985, 0.99, 0.9925, 0.995, 0.9975, 0.999, 0.9995, 0.9999, 0.99995, 0.99999,
];

/// The tail of a histogram of microseconds at [`TAIL_GRID`], as far as the number of samples supports it: ten of them lie
/// beyond the last point.
pub fn tail(histogram: &Histogram<u64>) -> Vec<TailPoint> {
    let supported = TAIL_GRID.iter().filter(|quantile| supports(histogram.len(), **quantile));
    supported
        .map(|&quantile| TailPoint { quantile, ns: histogram.value_at_quantile(quantile) * 1000 })
        .collect()
}

/// The most ticks of a [`Timeline`].
const MOST_TICKS: usize = 10_000;

impl Timeline {
    /// Of the round in `record`.
    pub(super) fn of(record: &Record) -> Timeline {
        // What is read by others has a bound, however fine the books are.
        let joined = record.timeline.len().div_ceil(MOST_TICKS).max(1);
        let ticks: Vec<Tick> = record.timeline.chunks(joined).map(Tick::sum).collect();
        let in_slice = (record.course.slice.as_nanos() / record.tick_length().as_nanos()).max(1) as usize;
        let tasks = |i: usize| {
            let all = record.tasks.as_ref()?;
            let ticks = all.get(i * in_slice..((i + 1) * in_slice).min(all.len()))?;
            ticks.iter().copied().max()
        };
        let slices = record.course.slices.iter().enumerate().map(|(i, slice)| {
            let ns = |bins: &bins::Bins, q| bins.quantile_us(q).map(|us| (us * 1e3) as u64);
            Slice {
                count: u32::try_from(slice.completed.count()).unwrap_or(u32::MAX),
                p50_ns: ns(&slice.completed, 0.5),
                p95_ns: ns(&slice.completed, 0.95),
                p99_ns: ns(&slice.completed, 0.99),
                wait_p50_ns: ns(&slice.wait, 0.5),
                wait_p99_ns: ns(&slice.wait, 0.99),
                tasks: tasks(i),
            }
        });
        Timeline {
            tick_ns: record.tick_length().as_nanos() as u64 * joined as u64,
            offered: ticks.iter().map(|tick| tick.offered).collect(),
            completed: ticks.iter().map(|tick| tick.completed).collect(),
            other: ticks.iter().map(|tick| tick.other).collect(),
            in_flight: ticks.iter().map(|tick| tick.in_flight).collect(),
            slice_ns: record.course.slice.as_nanos() as u64,
            slices: slices.collect(),
        }
    }
}

impl Heat {
    /// Of the round in `record`.
    pub(super) fn of(record: &Record) -> Heat {
        let rows: Vec<Vec<u32>> =
            record.course.slices.iter().map(|slice| slice.completed.per_quarter_octave()).collect();
        let begin = |row: &Vec<u32>| row.iter().position(|count| *count > 0);
        let first = rows.iter().filter_map(begin).min().unwrap_or(0);
        let trimmed = |row: Vec<u32>| {
            let end = row.iter().rposition(|count| *count > 0).map_or(first, |last| last + 1);
            row[first.min(row.len())..end.min(row.len()).max(first.min(row.len()))].to_vec()
        };
        Heat {
            slice_ns: record.course.slice.as_nanos() as u64,
            first_bin: first as u32,
            counts: rows.into_iter().map(trimmed).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_told_when_ten_samples_lie_beyond_it() {
        let mut histogram = crate::record::histogram();
        (1..=9_999).for_each(|us| histogram.record(us).expect("in bounds"));
        let last = |h: &Histogram<u64>| tail(h).last().map(|point| point.quantile);
        assert_eq!(last(&histogram), Some(0.9975));
        histogram.record(10_000).expect("in bounds");
        assert_eq!(last(&histogram), Some(0.999));
    }
}
