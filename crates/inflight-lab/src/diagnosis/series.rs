//! Small questions to a series of values over time.

use crate::experiment::Slice;

/// What was usual before anything happened.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Usual {
    /// In flight on average.
    pub(super) in_flight_mean: f64,
    /// The standard deviation of that over time.
    pub(super) in_flight_deviation: f64,
    /// The most in flight.
    pub(super) in_flight_most: u32,
    /// The median over the slices of the median latency, in nanoseconds.
    pub(super) p50_ns: Option<f64>,
    /// The median over the slices of the 95th percentile.
    pub(super) p95_ns: Option<f64>,
}

impl Usual {
    pub(super) fn of<'a>(in_flight: &[u32], slices: impl Iterator<Item = &'a Slice> + Clone) -> Usual {
        let average = mean(in_flight).unwrap_or(0.0);
        let squares: f64 =
            in_flight.iter().map(|n| (f64::from(*n) - average) * (f64::from(*n) - average)).sum();
        let median_of = |of: fn(&Slice) -> Option<u64>| median(slices.clone().filter_map(of).collect());
        Usual {
            in_flight_mean: average,
            in_flight_deviation: libm::sqrt(squares / in_flight.len().max(1) as f64),
            in_flight_most: in_flight.iter().copied().max().unwrap_or(0),
            p50_ns: median_of(|slice| slice.p50_ns),
            p95_ns: median_of(|slice| slice.p95_ns),
        }
    }

    /// More in flight than this is not usual: three standard deviations above the mean, and above what was seen.
    pub(super) fn unusual_in_flight(&self) -> u32 {
        let high = libm::ceil(self.in_flight_mean + 3.0 * self.in_flight_deviation) as u32;
        high.max(self.in_flight_most)
    }
}

/// The mean; `None` of nothing.
pub(super) fn mean(values: &[u32]) -> Option<f64> {
    let sum: f64 = values.iter().map(|n| f64::from(*n)).sum();
    (!values.is_empty()).then(|| sum / values.len() as f64)
}

fn median(mut values: Vec<u64>) -> Option<f64> {
    values.sort_unstable();
    values.get(values.len() / 2).map(|ns| *ns as f64)
}

/// The entries of `series`, each `step` nanoseconds long, that begin in `from..to`.
pub(super) fn between<T>(series: &[T], step: u64, from: u64, to: u64) -> &[T] {
    let index = |ns: u64| (ns.div_ceil(step.max(1)) as usize).min(series.len());
    &series[index(from)..index(to).max(index(from))]
}

/// Where the first `length` entries in a row begin that are as `is` says.
pub(super) fn first_run<T>(series: &[T], length: usize, is: impl Fn(&T) -> bool) -> Option<usize> {
    let mut run = 0;
    for (index, entry) in series.iter().enumerate() {
        run = if is(entry) { run + 1 } else { 0 };
        if run == length {
            return Some(index + 1 - length);
        }
    }
    None
}
