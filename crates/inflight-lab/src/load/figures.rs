//! What a driver found, in figures that say how far they can be trusted: no percentile without enough requests beyond it,
//! and a bound where requests had not ended.

use crate::{
    audit::Audit,
    record::{Ending, Record, Tick},
    wire::{Coarse, Wires, add_counts},
};
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, time::Duration};

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
    /// Requests that should have started in the counted time.
    pub offered: u64,
    /// What became of them; sums to `offered`.
    pub endings: BTreeMap<Ending, u64>,
    /// How long was counted, in nanoseconds.
    pub counted_ns: u64,
    /// The most requests in flight.
    pub in_flight_peak: u32,
    /// Latency of every answer from the intended start: what users feel.
    pub intended: Spread,
    /// How late requests were begun. The target has no part in it.
    pub lateness: Spread,
    /// What connections tell; absent if the target has none.
    pub wire: Option<WireFigures>,
    /// What the driver says about itself; absent without connections.
    pub audit: Option<Audit>,
    /// The length of a tick of the timeline, in nanoseconds.
    pub tick_ns: u64,
    /// The run in ticks, the warm-up included.
    pub timeline: Vec<Tick>,
}

/// What a driver saw of requests on their connections.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WireFigures {
    /// Latency of every answer from when its request was really sent: what the target did, without the line in front of it.
    pub sent: Spread,
    /// From sending to the answer's first byte.
    pub first_byte: Spread,
    /// How long connections took to open.
    pub connect: Spread,
    /// Waits for a connection of those who had to wait for one.
    pub connection_wait: Spread,
    /// Answers by status.
    pub statuses: BTreeMap<u16, u64>,
    /// Bytes received.
    pub received: u64,
    /// Every class of a mix, in its order; one without a mix.
    pub classes: Vec<ClassFigures>,
    /// Second by second, by when requests were due; the warm-up is included.
    pub seconds: Vec<SecondFigures>,
}

/// The requests of one class of a mix.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassFigures {
    /// What it asks for; empty without a mix.
    pub name: String,
    /// What became of them.
    pub endings: BTreeMap<Ending, u64>,
    /// Latency of every answer from the intended start.
    pub intended: Spread,
}

/// The answered requests that were due in one second.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecondFigures {
    /// How many.
    pub answered: u64,
    /// Median, 99th percentile and largest latency from the intended start, in microseconds.
    pub intended_us: [u64; 3],
    /// The same from sending.
    pub sent_us: [u64; 3],
}

impl LoadFigures {
    /// Of a closed record; `bound` is how long requests were waited for before they were given up.
    pub fn of(name: &str, record: &Record, bound: Duration) -> LoadFigures {
        LoadFigures {
            name: name.into(),
            offered: record.offered,
            endings: record.endings.clone(),
            counted_ns: record.counted().as_nanos() as u64,
            in_flight_peak: record.in_flight_peak(),
            intended: Spread::of(&record.answered, unanswered(&record.endings), bound),
            lateness: Spread::of(&record.lateness, 0, Duration::ZERO),
            wire: record.wires.as_deref().map(|wires| WireFigures::of(wires, bound)),
            audit: record.effort.and_then(|effort| Audit::of(record, effort)),
            tick_ns: record.tick_length().as_nanos() as u64,
            timeline: record.timeline.clone(),
        }
    }

    /// Names the classes of a mix, in its order.
    pub fn name_classes(&mut self, names: &[String]) {
        let classes = self.wire.iter_mut().flat_map(|wire| &mut wire.classes);
        classes.zip(names).for_each(|(class, name)| class.name.clone_from(name));
    }

    /// How many requests ended so.
    pub fn ended(&self, ending: Ending) -> u64 {
        self.endings.get(&ending).copied().unwrap_or(0)
    }
}

/// Requests that were given up without an answer, and would have taken longer.
fn unanswered(endings: &BTreeMap<Ending, u64>) -> u64 {
    [Ending::Unfinished, Ending::Abandoned].iter().filter_map(|ending| endings.get(ending)).sum()
}

impl WireFigures {
    fn of(wires: &Wires, bound: Duration) -> WireFigures {
        let all = |histogram| Spread::of(histogram, 0, Duration::ZERO);
        let three = |coarse: &Coarse| [coarse.quantile(0.5), coarse.quantile(0.99), coarse.max()];
        let mut endings = BTreeMap::new();
        wires.classes.iter().for_each(|class| add_counts(&mut endings, &class.endings));
        WireFigures {
            sent: Spread::of(&wires.from_sent, unanswered(&endings), bound),
            first_byte: all(&wires.first_byte),
            connect: all(&wires.connect),
            connection_wait: all(&wires.connection_wait),
            statuses: wires.statuses.clone(),
            received: wires.received,
            classes: wires
                .classes
                .iter()
                .map(|class| ClassFigures {
                    name: String::new(),
                    endings: class.endings.clone(),
                    intended: Spread::of(&class.answered, unanswered(&class.endings), bound),
                })
                .collect(),
            seconds: wires
                .seconds
                .iter()
                .map(|second| SecondFigures {
                    answered: second.intended.len(),
                    intended_us: three(&second.intended),
                    sent_us: three(&second.sent),
                })
                .collect(),
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
        assert!(told(10_000)[5]);
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
