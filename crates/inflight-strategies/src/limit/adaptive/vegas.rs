//! Vegas: keeps the queue that it infers from latency between two bounds.
//!
//! **What it does.** The shortest round trip seen is taken for the one without load; from it and the present one follows how
//! many of the calls in flight are queueing: limit · (1 − shortest/present). Few: the limit grows, by a leap if there are
//! hardly any. Many: it shrinks. The shortest round trip is forgotten after about `probe` · limit calls.
//!
//! **Which failure it answers.** A queue in front of or inside the dependency, found before anything times out.
//!
//! **When it harms.** It takes the spread of service times for queueing: with U(300, 1200) ms the shortest is about 300, the
//! mean 750, and 60 % of the calls seem to queue on an idle system. Fed call by call it settles near 10; feed it
//! [`windows`](super::windowed).
//!
//! **Knobs.** lg is the decimal logarithm of the limit, at least 1. Written `{ limit = { permits = { vegas = { … } } } }`.
//!
//! | knob | unit | default | whose |
//! |---|---|---|---|
//! | `initial` | calls | `20` | Netflix |
//! | `min` | calls | `1` | Netflix |
//! | `max` | calls | `1000` | Netflix |
//! | `smoothing` | weight of a new limit, above 0 to 1 | `1` | Netflix |
//! | `probe` | calls, in multiples of the limit | `30` | Netflix |
//! | `alpha` | queued calls below which it grows | none: 3·lg | Netflix |
//! | `beta` | queued calls above which it shrinks | none: 6·lg | Netflix |
//! | `threshold` | queued calls up to which it leaps by `beta` | none: lg | Netflix |
//! | `decrease` | factor, 0 to 1 | none: minus lg | Netflix |
//!
//! **Where it comes from.** Brakmo and Peterson 1995, TCP Vegas; Netflix' concurrency-limits, `VegasLimit`.

use super::{Limiter, Range, Sample, log10_steps};
use crate::{event::Cause, rt::Rng};

/// Range, smoothing, probing, and bounds of the queue; `None` is the logarithmic default.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Config {
    /// Where it starts and stays.
    pub range: Range,
    /// The weight of a new limit against the old one, 0 to 1.
    pub smoothing: f64,
    /// After so many times the limit, the shortest round trip is measured anew.
    pub probe: u32,
    /// The queue below which the limit grows.
    pub alpha: Option<u32>,
    /// The queue above which the limit shrinks.
    pub beta: Option<u32>,
    /// The queue up to which the limit leaps.
    pub threshold: Option<u32>,
    /// What a decrease multiplies the limit by.
    pub decrease: Option<f64>,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            range: Range { initial: 20, min: 1, max: 1000 },
            smoothing: 1.0,
            probe: 30,
            alpha: None,
            beta: None,
            threshold: None,
            decrease: None,
        }
    }
}

impl Config {
    pub(super) fn validate(&self) -> Result<(), &'static str> {
        self.range.validate()?;
        let good = |x: f64| x > 0.0 && x <= 1.0;
        if !good(self.smoothing) || !self.decrease.is_none_or(good) || self.probe == 0 {
            return Err(
                "`vegas` needs `smoothing` and `decrease` above 0 and at most 1, and a `probe` of at least 1",
            );
        }
        Ok(())
    }
}

/// The limiter.
#[derive(Clone, Copy, Debug)]
pub struct Vegas {
    config: Config,
    limit: f64,
    shortest: u64,
    calls: u32,
    /// Where between half and all of the probe interval the next probe is; drawn with the first sample.
    jitter: Option<f64>,
}

impl Vegas {
    /// One that has seen nothing.
    pub fn new(config: Config) -> Vegas {
        Vegas { config, limit: f64::from(config.range.initial), shortest: 0, calls: 0, jitter: None }
    }

    /// What the limit becomes, and why, after a call that took `rtt`, in nanoseconds; `None`: it stays.
    fn aim(&self, rtt: u64, sample: &Sample) -> Option<(f64, Cause)> {
        let Config { alpha, beta, threshold, decrease, .. } = self.config;
        if !sample.dropped && f64::from(sample.in_flight) * 2.0 < self.limit {
            return None;
        }
        let steps = log10_steps(self.limit as u32);
        let less = || decrease.map_or(self.limit - f64::from(steps), |factor| self.limit * factor);
        if sample.dropped {
            return Some((less(), Cause::Drop));
        }
        let queue = (self.limit * (1.0 - self.shortest as f64 / rtt as f64)).ceil() as i64;
        let bound = |fixed: Option<u32>, times: u32| fixed.unwrap_or(times * steps);
        if queue <= i64::from(bound(threshold, 1)) {
            Some((self.limit + f64::from(bound(beta, 6)), Cause::Headroom))
        } else if queue < i64::from(bound(alpha, 3)) {
            Some((self.limit + f64::from(steps), Cause::Headroom))
        } else if queue > i64::from(bound(beta, 6)) {
            Some((less(), Cause::Latency))
        } else {
            None
        }
    }
}

impl Limiter for Vegas {
    fn limit(&self) -> u32 {
        self.limit as u32
    }

    fn on_sample(&mut self, sample: &Sample, dice: &mut dyn Rng) -> Cause {
        let Config { range, smoothing, probe, .. } = self.config;
        let rtt = sample.nanos();
        self.calls += 1;
        let jitter = *self.jitter.get_or_insert_with(|| 0.5 + dice.unit() / 2.0);
        if jitter * f64::from(probe) * self.limit <= f64::from(self.calls) {
            self.jitter = Some(0.5 + dice.unit() / 2.0);
            (self.calls, self.shortest) = (0, rtt);
            return Cause::Probe;
        }
        if self.shortest == 0 || rtt < self.shortest {
            // A new shortest says nothing about a queue yet.
            self.shortest = rtt;
            return Cause::Headroom;
        }
        let Some((aim, why)) = self.aim(rtt, sample) else { return Cause::Headroom };
        let aim = aim.min(f64::from(range.max)).max(f64::from(range.min));
        self.limit = (1.0 - smoothing) * self.limit + smoothing * aim;
        why
    }
}

#[cfg(test)]
mod tests {
    use super::{super::testing::*, *};
    use std::time::Duration;

    /// `VegasLimitTest.create()`.
    fn create() -> Vegas {
        let range = Range { initial: 10, min: 1, max: 20 };
        Vegas::new(Config { range, alpha: Some(3), beta: Some(6), ..Config::default() })
    }

    fn halving(smoothing: f64) -> Vegas {
        let range = Range { initial: 100, min: 1, max: 200 };
        Vegas::new(Config { range, decrease: Some(0.5), smoothing, ..Config::default() })
    }

    #[test]
    fn netflix_vegas_large_limit_increase() {
        let range = Range { initial: 10_000, min: 1, max: 20_000 };
        let mut vegas = Vegas::new(Config { range, ..Config::default() });
        let ten = Duration::from_secs(10);
        assert_eq!(
            limits(&mut vegas, &[sample(ten, 5000, false), sample(ten, 6000, false)]),
            [10_000, 10_024]
        );
    }

    #[test]
    fn netflix_vegas_increase() {
        assert_eq!(limits(&mut create(), &[sample(ms(10), 10, false), sample(ms(10), 11, false)]), [10, 16]);
    }

    #[test]
    fn netflix_vegas_decrease() {
        assert_eq!(limits(&mut create(), &[sample(ms(10), 10, false), sample(ms(50), 11, false)]), [10, 9]);
    }

    #[test]
    fn netflix_vegas_no_change_within_thresholds() {
        assert_eq!(limits(&mut create(), &[sample(ms(10), 10, false), sample(ms(14), 14, false)]), [10, 10]);
    }

    #[test]
    fn netflix_vegas_decrease_smoothing() {
        let samples = [10, 20, 20].map(|rtt| sample(ms(rtt), 100, false));
        assert_eq!(limits(&mut halving(0.5), &samples), [100, 75, 56]);
        assert_eq!(limits(&mut halving(1.0), &samples), [100, 50, 25]);
    }

    #[test]
    fn a_drop_lowers_it_and_a_limit_that_is_not_used_stays() {
        let mut vegas = create();
        let samples = [sample(ms(10), 10, false), sample(ms(10), 1, true), sample(ms(10), 4, false)];
        assert_eq!(limits(&mut vegas, &samples), [10, 9, 9]);
    }

    #[test]
    fn the_shortest_round_trip_is_forgotten_after_the_probe_interval() {
        // Dice in the middle: 0.75 · 30 · 10 = 225 calls.
        let mut vegas = create();
        limits(&mut vegas, &[sample(ms(10), 1, false); 224]);
        assert_eq!(vegas.shortest, 10_000_000);
        limits(&mut vegas, &[sample(ms(30), 1, false)]);
        assert_eq!((vegas.shortest, vegas.calls), (30_000_000, 0));
    }
}
