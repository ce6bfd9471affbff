//! Gradient: the limit follows the ratio of the shortest round trip to the present one.
//!
//! **What it does.** limit · clamp(tolerance · shortest/present, 0.5, 1) + √limit; decreases are smoothed, a drop takes a
//! tenth. After 1000 to 2000 calls the limit falls to √limit for a moment, and the shortest round trip is measured anew.
//!
//! **Which failure it answers.** As [`vegas`](super::vegas), with a tolerance for spread and larger steps.
//!
//! **When it harms.** Each probe rejects or delays everything above √limit. Between probes the shortest round trip only falls,
//! so a dependency that has become slower for good stays throttled until the next probe.
//!
//! **Knobs.** Written `{ limit = { permits = { gradient = { … } } } }`.
//!
//! | knob | unit | default | whose |
//! |---|---|---|---|
//! | `initial` | calls | `50` | Netflix |
//! | `min` | calls | `1` | Netflix |
//! | `max` | calls | `1000` | Netflix |
//! | `smoothing` | weight of a lower limit, above 0 to 1 | `0.2` | Netflix |
//! | `tolerance` | multiples of the shortest round trip, 1 to 1000 | `2` | Netflix |
//! | `probe` | calls; 0: never | `1000` | Netflix |
//! | `backoff` | factor, 0.5 to 1 | `0.9` | Netflix |
//! | `queue` | calls added | none: max(4, √limit) | Netflix |
//!
//! **Where it comes from.** Netflix' concurrency-limits, `GradientLimit`.

use super::{Limiter, Range, Sample};
use crate::{event::Cause, rt::Rng};

/// Range, tolerance and probing; `queue: None` is the default, max(4, √limit).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Config {
    /// Where it starts and stays.
    pub range: Range,
    /// The weight of a lower limit against the old one, 0 to 1.
    pub smoothing: f64,
    /// How many times the shortest round trip is still fine.
    pub tolerance: f64,
    /// Calls between probes, at least; up to twice as many. 0: never.
    pub probe: u32,
    /// What a drop multiplies the limit by.
    pub backoff: f64,
    /// Calls that may queue.
    pub queue: Option<u32>,
}

impl Default for Config {
    fn default() -> Self {
        let range = Range { initial: 50, min: 1, max: 1000 };
        Config { range, smoothing: 0.2, tolerance: 2.0, probe: 1000, backoff: 0.9, queue: None }
    }
}

impl Config {
    pub(super) fn validate(&self) -> Result<(), &'static str> {
        self.range.validate()?;
        let smoothing = self.smoothing > 0.0 && self.smoothing <= 1.0;
        if !smoothing || !(1.0..=1000.0).contains(&self.tolerance) || !(0.5..=1.0).contains(&self.backoff) {
            return Err(
                "`gradient` needs 0 < `smoothing` <= 1, `tolerance` from 1 to 1000, `backoff` from 0.5 to 1",
            );
        }
        Ok(())
    }
}

/// The limiter.
#[derive(Clone, Copy, Debug)]
pub struct Gradient {
    config: Config,
    limit: f64,
    shortest: f64,
    /// Calls until the next probe; drawn with the first sample.
    countdown: Option<i64>,
}

impl Gradient {
    /// One that has seen nothing.
    pub fn new(config: Config) -> Gradient {
        Gradient { config, limit: f64::from(config.range.initial), shortest: 0.0, countdown: None }
    }

    /// Whether it is time to probe.
    fn probes(&mut self, dice: &mut dyn Rng) -> bool {
        let interval = i64::from(self.config.probe);
        if interval == 0 {
            return false;
        }
        let mut draw = || interval + (dice.unit() * interval as f64) as i64;
        let left = *self.countdown.get_or_insert_with(&mut draw);
        let now = left <= 0;
        self.countdown = Some(if now { draw() } else { left - 1 });
        now
    }

    fn queue(&self) -> f64 {
        // The whole part of the root, of the whole part of the limit.
        let root = f64::from(self.limit as u32).sqrt().trunc().max(4.0);
        self.config.queue.map_or(root, f64::from)
    }
}

impl Limiter for Gradient {
    fn limit(&self) -> u32 {
        self.limit as u32
    }

    fn on_sample(&mut self, sample: &Sample, dice: &mut dyn Rng) -> Cause {
        let Config { range, smoothing, tolerance, backoff, .. } = self.config;
        let (min, max) = (f64::from(range.min), f64::from(range.max));
        let rtt = sample.rtt.as_nanos().max(1) as f64;
        let queue = self.queue();
        if self.probes(dice) {
            self.limit = min.max(queue);
            self.shortest = 0.0;
            return Cause::Probe;
        }
        if self.shortest == 0.0 || rtt < self.shortest {
            self.shortest = rtt;
        }
        let gradient = (tolerance * self.shortest / rtt).clamp(0.5, 1.0);
        let (mut aim, why) = if sample.dropped {
            (self.limit * backoff, Cause::Drop)
        } else if f64::from(sample.in_flight) < self.limit / 2.0 {
            return Cause::Headroom;
        } else {
            let why = if gradient < 1.0 { Cause::Latency } else { Cause::Headroom };
            (self.limit * gradient + queue, why)
        };
        if aim < self.limit {
            aim = min.max(self.limit * (1.0 - smoothing) + smoothing * aim);
        }
        self.limit = queue.max(max.min(aim));
        why
    }
}

#[cfg(test)]
mod tests {
    use super::{super::testing::*, *};

    #[test]
    fn it_grows_by_the_root_and_falls_smoothed() {
        // By hand from the rules: 50 + 7; 57 + 7; then a tenfold round trip halves, smoothed: 64 · 0.8 + 0.2 · (32 + 8);
        // then a drop: 59.2 · 0.8 + 0.2 · 53.28.
        let mut gradient = Gradient::new(Config::default());
        let (fast, slow) = (sample(ms(10), 60, false), sample(ms(100), 60, false));
        assert_eq!(limits(&mut gradient, &[fast, fast, slow]), [57, 64, 59]);
        assert!((gradient.limit - 59.2).abs() < 1e-9);
        assert_eq!(limits(&mut gradient, &[sample(ms(10), 1, true)]), [58]);
        assert!((gradient.limit - 58.016).abs() < 1e-9);
        assert_eq!(limits(&mut gradient, &[sample(ms(10), 29, false)]), [58], "not half of it is used");
    }

    #[test]
    fn a_probe_falls_to_the_queue_and_forgets() {
        // Dice in the middle: 10 + 5 calls, and the probe is the one after them.
        let range = Range { initial: 100, min: 1, max: 1000 };
        let mut gradient = Gradient::new(Config { range, probe: 10, ..Config::default() });
        let idle = sample(ms(10), 1, false);
        assert_eq!(limits(&mut gradient, &[idle; 15]), [100; 15]);
        assert_eq!(limits(&mut gradient, &[idle]), [10]);
        assert_eq!(gradient.shortest, 0.0);
    }

    #[test]
    fn within_the_tolerance_it_only_grows() {
        let mut gradient = Gradient::new(Config::default());
        let limits = limits(&mut gradient, &[sample(ms(10), 900, false), sample(ms(20), 900, false)]);
        assert_eq!(limits, [57, 64]);
    }
}
