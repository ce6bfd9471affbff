//! A quantile of how long attempts take, although the slow ones are cut short.
//!
//! A hedge that wins cancels the attempt that was slower; if only winners were counted, the quantile would shrink with every
//! hedge that it causes (survivor bias: tower 0.5.3 counts so). But an attempt that was cancelled after 40 ms is known to take
//! *more* than 40 ms. The product-limit estimator (Kaplan and Meier 1958) uses exactly this.

use crate::rt::Instant;
use std::time::Duration;

/// Buckets per octave: a value is known to 1/32, upwards.
const PER_OCTAVE: u64 = 32;
/// Microseconds up to 2³²: 71 minutes.
const BUCKETS: usize = (PER_OCTAVE * 28) as usize;
/// The estimate is made anew ten times per period; Finagle's backup filter: every 3 s of 30 s.
const REFRESHES: u32 = 10;

/// How many attempts ended, and were cut short, after how long.
#[derive(Clone, Debug)]
struct Histogram {
    ended: Vec<u32>,
    cut: Vec<u32>,
    total: u64,
}

impl Histogram {
    fn new() -> Self {
        Histogram { ended: vec![0; BUCKETS], cut: vec![0; BUCKETS], total: 0 }
    }

    fn clear(&mut self) {
        self.ended.fill(0);
        self.cut.fill(0);
        self.total = 0;
    }
}

fn bucket(took: Duration) -> usize {
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    if micros < PER_OCTAVE {
        return micros as usize;
    }
    let octave = u64::from(micros.ilog2()) - u64::from(PER_OCTAVE.ilog2());
    let within = (micros >> octave) - PER_OCTAVE;
    ((octave + 1) * PER_OCTAVE + within).min(BUCKETS as u64 - 1) as usize
}

/// The longest time that falls into a bucket.
fn upper(bucket: usize) -> Duration {
    let (octave, within) = (bucket as u64 / PER_OCTAVE, bucket as u64 % PER_OCTAVE);
    let above = match octave {
        0 => within + 1,
        _ => (PER_OCTAVE + within + 1) << (octave - 1),
    };
    Duration::from_micros(above - 1)
}

/// The estimator: samples of this period and of the one before.
#[derive(Clone, Debug)]
pub struct Quantile {
    q: f64,
    period: Duration,
    min_samples: u64,
    now: Histogram,
    before: Histogram,
    turned: Instant,
    estimated: Option<(Instant, Duration)>,
}

impl Quantile {
    /// The `q`-quantile (above 0, below 1) over the latest one to two `period`s, once there are `min_samples`.
    pub fn new(q: f64, period: Duration, min_samples: u32) -> Self {
        assert!(q > 0.0 && q < 1.0 && !period.is_zero());
        Quantile {
            q,
            period,
            min_samples: u64::from(min_samples.max(1)),
            now: Histogram::new(),
            before: Histogram::new(),
            turned: Instant::ZERO,
            estimated: None,
        }
    }

    /// An attempt ended after `took`, well or not.
    pub fn on_end(&mut self, now: Instant, took: Duration) {
        self.turn(now);
        self.now.ended[bucket(took)] += 1;
        self.now.total += 1;
    }

    /// An attempt was cut short after `took`: it would have taken longer.
    pub fn on_cut(&mut self, now: Instant, took: Duration) {
        self.turn(now);
        self.now.cut[bucket(took)] += 1;
        self.now.total += 1;
    }

    /// The estimate, at most a tenth of a period old; `None` while there are too few samples.
    pub fn estimate(&mut self, now: Instant) -> Option<Duration> {
        self.turn(now);
        let fresh = self.estimated.filter(|(at, _)| now - *at < self.period / REFRESHES);
        if let Some((_, estimate)) = fresh {
            return Some(estimate);
        }
        if self.now.total + self.before.total < self.min_samples {
            return None;
        }
        let estimate = self.product_limit();
        self.estimated = Some((now, estimate));
        Some(estimate)
    }

    /// The first time by which the share that is still under way is at most 1 − q. If so many were cut short that it never
    /// is, the longest time seen.
    fn product_limit(&self) -> Duration {
        let mut at_risk = self.now.total + self.before.total;
        let (mut surviving, mut last) = (1.0, 0);
        for i in 0..BUCKETS {
            let ended = u64::from(self.now.ended[i]) + u64::from(self.before.ended[i]);
            let cut = u64::from(self.now.cut[i]) + u64::from(self.before.cut[i]);
            if ended + cut > 0 {
                surviving *= 1.0 - ended as f64 / at_risk as f64;
                at_risk -= ended + cut;
                last = i;
                if surviving <= 1.0 - self.q + 1e-9 {
                    break;
                }
            }
        }
        upper(last)
    }

    fn turn(&mut self, now: Instant) {
        let age = now - self.turned;
        if age >= self.period {
            std::mem::swap(&mut self.now, &mut self.before);
            self.now.clear();
            if age >= self.period * 2 {
                self.before.clear();
            }
            self.turned = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn at(ms: u64) -> Instant {
        Instant::from_nanos(ms * 1_000_000)
    }

    #[test]
    fn tower_hedge_after_p90_of_the_mock_latencies() {
        // tower's tests: [1 × 8, 10, 10] at p90 hedges within 11 ms, and not within 10.
        let mut quantile = Quantile::new(0.9, ms(60_000), 10);
        for took in [1, 1, 1, 1, 1, 1, 1, 1, 10] {
            quantile.on_end(at(0), ms(took));
        }
        assert_eq!(quantile.estimate(at(0)), None, "nine are too few");
        quantile.on_end(at(0), ms(10));
        let estimate = quantile.estimate(at(0)).expect("ten are enough");
        assert!(estimate >= ms(10) && estimate < ms(11), "{estimate:?}");
    }

    #[test]
    fn kaplan_and_meier_with_some_cut_short() {
        // Ends at 1, 2, 3 and 4 ms, cut short at 2.5 ms twice: S = 5/6, 4/6, then 1/2 of that, then 0.
        let mut quantile = Quantile::new(0.6, ms(1_000), 1);
        (1..5).for_each(|took| quantile.on_end(at(0), ms(took)));
        (0..2).for_each(|_| quantile.on_cut(at(0), Duration::from_micros(2_500)));
        let near = |found: Duration, ms: f64| (found.as_secs_f64() * 1e3 / ms - 1.0).abs() < 0.04;
        let p60 = quantile.product_limit();
        assert!(near(p60, 3.0), "{p60:?}: counted as ends, the two would have made it 2.5 ms");
        let p70 = Quantile { q: 0.7, ..quantile.clone() }.product_limit();
        assert!(near(p70, 4.0), "{p70:?}");
    }

    #[test]
    fn hedging_at_the_quantile_does_not_shrink_it() {
        // U(0, 100) ms, hedged at the estimate: whoever is slower is cut short there when the hedge wins soon after.
        let mut quantile = Quantile::new(0.95, ms(1_000_000), 50);
        let (mut state, mut now) = (1u64, at(0));
        let mut draw = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ms((state >> 33) % 100)
        };
        for _ in 0..20_000 {
            now = now + ms(500);
            let (first, hedge) = (draw(), draw());
            let delay = quantile.estimate(now).unwrap_or(ms(1_000));
            let wins = delay + hedge < first;
            if wins {
                quantile.on_cut(now, delay + hedge);
                quantile.on_end(now, hedge);
            } else {
                quantile.on_end(now, first);
            }
        }
        let estimate = quantile.estimate(now).expect("enough");
        assert!(estimate > ms(90) && estimate < ms(100), "{estimate:?}");
    }

    #[test]
    fn samples_are_forgotten_after_two_periods() {
        let mut quantile = Quantile::new(0.5, ms(100), 1);
        quantile.on_end(at(0), ms(9));
        assert!(quantile.estimate(at(150)).is_some());
        assert_eq!(quantile.estimate(at(400)), None);
    }

    proptest! {
        /// Without anything cut short it is the order statistic, to 1/32 and never below it.
        #[test]
        fn without_cuts_it_is_the_empirical_quantile(mut micros in proptest::collection::vec(0u64..5_000_000, 1..200), percent in 1u32..100) {
            let q = f64::from(percent) / 100.0;
            let mut quantile = Quantile::new(q, ms(1_000), 1);
            micros.iter().for_each(|us| quantile.on_end(at(0), Duration::from_micros(*us)));
            micros.sort_unstable();
            let rank = (micros.len() as u32 * percent).div_ceil(100) as usize;
            let exact = micros[rank - 1];
            let found = quantile.product_limit().as_micros() as u64;
            prop_assert!(found >= exact && found <= exact + exact / 32 + 1, "{found}, not {exact}");
        }
    }
}
