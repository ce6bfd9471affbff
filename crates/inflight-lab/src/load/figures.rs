//! What a driver found, in figures that say how far they can be trusted: no percentile without enough requests beyond it,
//! and a bound where requests had not ended.

use crate::record::{Ending, Record};
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The quantiles of a [`Spread`], with their names.
pub const QUANTILES: [(f64, &str); 7] = [
    (0.5, "p50"),
    (0.75, "p75"),
    (0.9, "p90"),
    (0.95, "p95"),
    (0.99, "p99"),
    (0.999, "p99.9"),
    (0.9999, "p99.99"),
];

/// How many requests must lie beyond a quantile before it is told.
pub const BEYOND: u64 = 10;

/// A distribution of durations in a few numbers. A quantile is absent while fewer than [`BEYOND`] lie beyond it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spread {
    /// How many ended.
    pub count: u64,
    /// How many had not ended when they were given up: each took at least `bound_ns`.
    pub censored: u64,
    /// What each of those took at least, in nanoseconds.
    pub bound_ns: u64,
    /// Mean of those that ended, in nanoseconds; absent if none did.
    pub mean_ns: Option<u64>,
    /// Median in nanoseconds, like all that follows.
    pub p50_ns: Option<u64>,
    /// 75th percentile.
    pub p75_ns: Option<u64>,
    /// 90th percentile.
    pub p90_ns: Option<u64>,
    /// 95th percentile.
    pub p95_ns: Option<u64>,
    /// 99th percentile.
    pub p99_ns: Option<u64>,
    /// 99.9th percentile.
    pub p999_ns: Option<u64>,
    /// 99.99th percentile.
    pub p9999_ns: Option<u64>,
    /// Largest of those that ended; absent if none did.
    pub max_ns: Option<u64>,
    /// Quantiles above this one are not values but lower bounds: requests that had not ended may have taken longer. Absent if
    /// all had ended.
    pub exact_up_to: Option<f64>,
}

impl Spread {
    /// Of a histogram of microseconds, and of `censored` requests that took at least `bound` each.
    pub fn of(histogram: &Histogram<u64>, censored: u64, bound: Duration) -> Spread {
        let (count, bound_us) = (histogram.len(), bound.as_micros() as u64);
        let all = count + censored;
        // Nobody knows whether those who took longer than the bound took longer than the censored ones as well.
        let known = match censored {
            0 => count,
            _ => histogram
                .iter_recorded()
                .filter(|v| v.value_iterated_to() <= bound_us)
                .map(|v| v.count_at_value())
                .sum(),
        };
        let at = |quantile: f64| {
            let rank = (quantile * all as f64).ceil().max(1.0);
            match rank as u64 <= known {
                true if count > 0 => histogram.value_at_quantile((rank - 0.5).max(0.0) / count as f64) * 1000,
                _ => bound_us * 1000,
            }
        };
        let told = QUANTILES.map(|(quantile, _)| supports(all, quantile).then(|| at(quantile)));
        let [p50_ns, p75_ns, p90_ns, p95_ns, p99_ns, p999_ns, p9999_ns] = told;
        Spread {
            count,
            censored,
            bound_ns: if censored > 0 { bound_us * 1000 } else { 0 },
            mean_ns: (count > 0).then(|| (histogram.mean() * 1e3) as u64),
            p50_ns,
            p75_ns,
            p90_ns,
            p95_ns,
            p99_ns,
            p999_ns,
            p9999_ns,
            max_ns: (count > 0).then(|| histogram.max() * 1000),
            exact_up_to: (censored > 0).then(|| known as f64 / all as f64),
        }
    }

    /// The quantiles in the order of [`QUANTILES`].
    pub fn told(&self) -> [Option<u64>; 7] {
        [self.p50_ns, self.p75_ns, self.p90_ns, self.p95_ns, self.p99_ns, self.p999_ns, self.p9999_ns]
    }

    /// Whether this quantile is only a lower bound.
    pub fn is_bound(&self, quantile: f64) -> bool {
        self.exact_up_to.is_some_and(|exact| quantile > exact)
    }
}

/// Whether so many requests are enough to speak of their quantile `quantile`: [`BEYOND`] of them lie beyond it.
pub fn supports(count: u64, quantile: f64) -> bool {
    // Ten of 10,000 lie beyond 0.999, whatever 1 − 0.999 is in binary.
    count as f64 * (1.0 - quantile) >= BEYOND as f64 * (1.0 - 1e-9)
}

/// What a driver found at one target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoadFigures {
    /// The target's name.
    pub name: String,
    /// Latency of every answer from the intended start: what users feel.
    pub intended: Spread,
    /// How late requests were begun.
    pub lateness: Spread,
}

impl LoadFigures {
    /// Of a closed record; `bound` is how long requests were waited for before they were given up.
    pub fn of(name: &str, record: &Record, bound: Duration) -> LoadFigures {
        let unanswered = record.endings.get(&Ending::Unfinished).copied().unwrap_or(0);
        LoadFigures {
            name: name.into(),
            intended: Spread::of(&record.answered, unanswered, bound),
            lateness: Spread::of(&record.lateness, 0, Duration::ZERO),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::histogram;
    use proptest::prelude::*;

    fn of(values_ms: impl IntoIterator<Item = u64>, censored: u64, bound_ms: u64) -> Spread {
        let mut all = histogram();
        values_ms.into_iter().for_each(|ms| all.record(ms * 1000).expect("in bounds"));
        Spread::of(&all, censored, Duration::from_millis(bound_ms))
    }

    #[test]
    fn a_percentile_needs_ten_beyond_it() {
        let told = |n: u64| of(1..=n, 0, 0).told().map(|ns| ns.is_some());
        assert_eq!(told(19), [false; 7]);
        assert_eq!(told(200), [true, true, true, true, false, false, false]);
        assert_eq!(told(999), [true, true, true, true, false, false, false]);
        assert_eq!(told(1000), [true, true, true, true, true, false, false]);
        assert_eq!(told(10_000)[5], true);
    }

    #[test]
    fn who_has_not_ended_counts_as_longer_than_the_bound() {
        let spread = of(std::iter::repeat_n(100, 900), 100, 5000);
        assert_eq!((spread.count, spread.censored, spread.exact_up_to), (900, 100, Some(0.9)));
        let ms = |ns: Option<u64>| ns.map(|ns| ns / 1_000_000);
        assert_eq!(
            [ms(spread.p50_ns), ms(spread.p90_ns), ms(spread.p95_ns)],
            [Some(100), Some(100), Some(5000)]
        );
        assert_eq!([0.5, 0.9, 0.95].map(|q| spread.is_bound(q)), [false, false, true]);
    }

    #[test]
    fn nothing_measured_is_nothing_told() {
        let spread = of([], 0, 0);
        assert_eq!((spread.told(), spread.mean_ns, spread.max_ns), ([None; 7], None, None));
        let nobody = of([], 50, 5000);
        assert_eq!((nobody.p50_ns, nobody.is_bound(0.5)), (Some(5_000_000_000), true));
    }

    proptest! {
        /// With values above and below the bound, a told quantile is never above what any completion of the censored would give.
        #[test]
        fn a_censored_quantile_is_a_lower_bound(values in proptest::collection::vec(1u64..10_000, 20..300), censored in 0u64..100) {
            let bound = 2000;
            let spread = of(values.iter().copied(), censored, bound);
            // The least that the truth can be: each censored request ended just at the bound.
            let mut least = values.clone();
            least.extend(std::iter::repeat_n(bound, censored as usize));
            least.sort_unstable();
            for ((q, name), told) in QUANTILES.iter().zip(spread.told()) {
                let Some(told) = told else { continue };
                let rank = ((q * least.len() as f64).ceil() as usize).max(1);
                let truth = least[rank - 1] as f64;
                let told = told as f64 / 1e6;
                prop_assert!(told <= truth * 1.002 + 0.002, "{name}: told {told}, least {truth}");
                if censored == 0 {
                    prop_assert!(told >= truth * 0.998 - 0.002, "{name}: told {told}, truth {truth}");
                }
            }
        }
    }
}
