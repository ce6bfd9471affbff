//! ARC: one more while it goes as usual, a tenth less when it is unusually slow.
//!
//! **What it does.** Once per mean round trip it compares the mean of the latest round trips with their moving average and moving
//! deviation. If something was dropped, or the mean is so many deviations above the average, the limit is multiplied by `backoff`.
//! Otherwise, if the limit was reached meanwhile and the mean is no higher than the average, it grows by one.
//!
//! **Which failure it answers.** As [`vegas`](super::vegas), for services whose time varies by itself: what is usual is measured in
//! deviations, not in multiples of the shortest.
//!
//! **When it harms.** Under a lasting overload the average follows, and what was unusual becomes usual. It grows by one per round
//! trip at most, so a slow service waits for its capacity: from 1 to 20 in fifteen seconds and more at 750 ms.
//!
//! **Knobs.** Written `{ limit = { permits = { arc = { … } } } }`.
//!
//! | knob | unit | default | whose |
//! |---|---|---|---|
//! | `initial` | calls | `1` | Vector |
//! | `min` | calls | `1` | Vector |
//! | `max` | calls | `200` | Vector |
//! | `backoff` | factor, above 0 to 1 | `0.9` | Vector |
//! | `smoothing` | weight of the newest mean, above 0 to 1 | `0.4` | Vector |
//! | `deviations` | deviations above the average, 0 to 1000 | `2.5` | Vector |
//!
//! **Where it comes from.** Vector's Adaptive Request Concurrency, `controller.rs`; Chiu and Jain 1989.
//!
//! **Slow services.** Start higher: `initial = 20` for a service of 750 ms, or the first seconds are spent waiting.

use super::{Arrivals, Limiter, Range, Sample};
use crate::{
    event::Cause,
    rt::{Instant, Rng},
};
use std::time::Duration;

/// Range, and what is unusual.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Config {
    /// Where it starts and stays.
    pub range: Range,
    /// What an unusual mean multiplies the limit by.
    pub backoff: f64,
    /// The weight of the newest mean in the moving average, 0 to 1.
    pub smoothing: f64,
    /// How many deviations above the average are unusual.
    pub deviations: f64,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            range: Range { initial: 1, min: 1, max: 200 },
            backoff: 0.9,
            smoothing: 0.4,
            deviations: 2.5,
        }
    }
}

impl Config {
    pub(super) fn validate(&self) -> Result<(), &'static str> {
        self.range.validate()?;
        let is_share = |share: f64| share > 0.0 && share <= 1.0;
        if !is_share(self.backoff) || !is_share(self.smoothing) || !(0.0..=1000.0).contains(&self.deviations)
        {
            return Err(
                "`arc` needs `backoff` and `smoothing` above 0 and at most 1, `deviations` from 0 to 1000",
            );
        }
        Ok(())
    }
}

/// A moving average and variance, in seconds and their square.
#[derive(Clone, Copy, Debug)]
struct Usual {
    mean: f64,
    variance: f64,
}

/// What was seen since the last decision.
#[derive(Clone, Copy, Debug, Default)]
struct Latest {
    mean: f64,
    count: u32,
    dropped: bool,
    reached: bool,
}

/// The limiter.
#[derive(Clone, Copy, Debug)]
pub struct Arc {
    config: Config,
    limit: u32,
    usual: Option<Usual>,
    latest: Latest,
    due: Instant,
}

impl Arc {
    /// One that has seen nothing.
    pub fn new(config: Config) -> Arc {
        let limit = config.range.initial;
        Arc { config, limit, usual: None, latest: Latest::default(), due: Instant::ZERO }
    }

    /// The mean of the latest round trips, if there were any.
    fn latest(&self) -> Option<f64> {
        (self.latest.count > 0).then_some(self.latest.mean)
    }

    /// Takes the latest mean into the average; what is usual then.
    fn learn(&mut self, latest: f64) -> Usual {
        let smoothing = self.config.smoothing;
        let usual = match self.usual {
            None => Usual { mean: latest, variance: 0.0 },
            Some(Usual { mean, variance }) => {
                let difference = latest - mean;
                let step = smoothing * difference;
                // Rounded once, as in the reference.
                Usual { mean: mean + step, variance: (1.0 - smoothing) * difference.mul_add(step, variance) }
            }
        };
        self.usual = Some(usual);
        usual
    }

    fn decide(&mut self, usual: Usual, latest: Option<f64>) -> Cause {
        let Config { range, backoff, deviations, .. } = self.config;
        let unusual = usual.mean + usual.variance.sqrt() * deviations;
        let as_usual = latest.is_some_and(|latest| latest <= usual.mean);
        let Latest { dropped, reached, .. } = self.latest;
        if self.limit < range.max && reached && !dropped && as_usual {
            self.limit += 1;
        } else if self.limit > range.min && (dropped || latest.unwrap_or(0.0) >= unusual) {
            self.limit = ((f64::from(self.limit) * backoff) as u32).max(range.min);
            return if dropped { Cause::Drop } else { Cause::Latency };
        }
        Cause::Headroom
    }
}

impl Limiter for Arc {
    fn limit(&self) -> u32 {
        self.limit
    }

    fn arrivals(&mut self) -> Option<&mut dyn Arrivals> {
        Some(self)
    }

    fn on_sample(&mut self, sample: &Sample, _: &mut dyn Rng) -> Cause {
        let Sample { now, rtt, dropped, .. } = *sample;
        self.latest.dropped |= dropped;
        if !dropped {
            self.latest.count += 1;
            self.latest.mean += (rtt.as_secs_f64() - self.latest.mean) / f64::from(self.latest.count);
        }
        let latest = self.latest();
        let Some(usual) = self.usual else {
            if let Some(latest) = latest {
                self.learn(latest);
                self.due = now + Duration::from_secs_f64(latest);
            }
            return Cause::Headroom;
        };
        if now < self.due {
            return Cause::Headroom;
        }
        let cause = self.decide(usual, latest);
        let usual = latest.map_or(usual, |latest| self.learn(latest));
        self.due = now + Duration::from_secs_f64(usual.mean);
        self.latest = Latest::default();
        cause
    }
}

impl Arrivals for Arc {
    fn on_arrival(&mut self, _: Instant, in_flight: u32) {
        self.latest.reached |= in_flight + 1 >= self.limit;
    }
}

#[cfg(test)]
mod tests {
    use super::{super::testing::*, *};

    fn at(ms: u64, rtt: u64, dropped: bool) -> Sample {
        let now = Instant::from_nanos(ms * 1_000_000);
        Sample { now, rtt: Duration::from_millis(rtt), in_flight: 1, full: true, dropped }
    }

    #[test]
    fn vector_ewma_variance() {
        // lib/vector-common, stats: ewma_variance_update_works.
        let mut arc = Arc::new(Config { smoothing: 0.5, ..Config::default() });
        let seen = [2.0, 2.0, 1.0, 2.0].map(|value| {
            let Usual { mean, variance } = arc.learn(value);
            (mean, variance)
        });
        assert_eq!(seen, [(2.0, 0.0), (2.0, 0.0), (1.5, 0.25), (1.75, 0.1875)]);
    }

    #[test]
    fn it_grows_only_if_the_limit_was_reached_and_once_per_round_trip() {
        let mut arc = Arc::new(Config::default());
        let calls = [at(0, 100, false), at(100, 100, false), at(150, 100, false), at(200, 100, false)];
        assert_eq!(limits(&mut arc, &calls), [1; 4], "nobody came to the limit");
        arc.on_arrival(Instant::ZERO, 0);
        assert_eq!(limits(&mut arc, &[at(250, 100, false), at(300, 100, false)]), [1, 2]);
    }

    #[test]
    fn a_drop_lowers_it() {
        let range = Range { initial: 20, min: 1, max: 200 };
        let mut arc = Arc::new(Config { range, ..Config::default() });
        assert_eq!(
            limits(&mut arc, &[at(0, 100, false), at(50, 0, true), at(100, 100, false)]),
            [20, 20, 18]
        );
    }
}
