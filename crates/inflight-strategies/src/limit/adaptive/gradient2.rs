//! Gradient2: the limit follows the ratio of a long average of round trips to the present one.
//!
//! **What it does.** 0.8 · limit + 0.2 · (limit · clamp(tolerance · long/present, 0.5, 1) + queue). The long average takes the
//! place of the shortest round trip, so nothing has to be probed; when the present is less than half of it, it decays.
//!
//! **Which failure it answers.** As [`gradient`](super::gradient), without its probes, and more tolerant of spread.
//!
//! **When it harms.** Under a lasting overload the long average drifts to the overloaded round trip, and the limit climbs to
//! its `max`: what is slow has become normal. Drops are ignored.
//!
//! **Knobs.** Written `{ limit = { permits = { gradient2 = { … } } } }`.
//!
//! | knob | unit | default | whose |
//! |---|---|---|---|
//! | `initial` | calls | `20` | Netflix |
//! | `min` | calls | `20` | Netflix |
//! | `max` | calls | `200` | Netflix |
//! | `smoothing` | weight of a new limit, above 0 to 1 | `0.2` | Netflix |
//! | `tolerance` | multiples of the long average, 1 to 1000 | `1.5` | Netflix |
//! | `queue` | calls added | `4` | Netflix |
//! | `long-window` | samples | `600` | Netflix |
//!
//! **Where it comes from.** Netflix' concurrency-limits, `Gradient2Limit`.
//!
//! **Slow services.** 600 samples are 30 s at 20/s but 20 s at 30/s: the window is in calls, and forgets faster under load.
//! The default `min` of 20 is above what a small pool bears; take 1.

use super::{Limiter, Range, Sample, measure::ExpAvg};
use crate::{event::Cause, rt::Rng};

/// Samples of which a plain mean is taken at first: Netflix' constant.
const WARMUP: u32 = 10;

/// Range, tolerance, queue, and memory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Config {
    /// Where it starts and stays.
    pub range: Range,
    /// The weight of a new limit against the old one, 0 to 1.
    pub smoothing: f64,
    /// How many times the long average is still fine.
    pub tolerance: f64,
    /// Calls that may queue.
    pub queue: u32,
    /// How many samples the long average remembers.
    pub long_window: u32,
}

impl Default for Config {
    fn default() -> Self {
        let range = Range { initial: 20, min: 20, max: 200 };
        Config { range, smoothing: 0.2, tolerance: 1.5, queue: 4, long_window: 600 }
    }
}

impl Config {
    pub(super) fn validate(&self) -> Result<(), &'static str> {
        self.range.validate()?;
        let smoothing = self.smoothing > 0.0 && self.smoothing <= 1.0;
        if !smoothing || !(1.0..=1000.0).contains(&self.tolerance) || self.long_window == 0 {
            return Err(
                "`gradient2` needs 0 < `smoothing` <= 1, `tolerance` from 1 to 1000, `long-window` of at least 1",
            );
        }
        Ok(())
    }
}

/// The limiter.
#[derive(Clone, Copy, Debug)]
pub struct Gradient2 {
    config: Config,
    limit: f64,
    long: ExpAvg,
}

impl Gradient2 {
    /// One that has seen nothing.
    pub fn new(config: Config) -> Gradient2 {
        let long = ExpAvg::new(config.long_window, WARMUP);
        Gradient2 { config, limit: f64::from(config.range.initial), long }
    }
}

impl Limiter for Gradient2 {
    fn limit(&self) -> u32 {
        self.limit as u32
    }

    fn on_sample(&mut self, sample: &Sample, _: &mut dyn Rng) -> Cause {
        let Config { range, smoothing, tolerance, queue, .. } = self.config;
        let short = sample.rtt.as_nanos().max(1) as f64;
        let long = self.long.add(short);
        if long / short > 2.0 {
            // For the samples to come; this one is judged by the average as it was.
            self.long.scale(0.95);
        }
        if f64::from(sample.in_flight) < self.limit / 2.0 {
            return Cause::Headroom;
        }
        let gradient = (tolerance * long / short).clamp(0.5, 1.0);
        let aim = self.limit * gradient + f64::from(queue);
        let aim = self.limit * (1.0 - smoothing) + aim * smoothing;
        self.limit = aim.min(f64::from(range.max)).max(f64::from(range.min));
        if gradient < 1.0 { Cause::Latency } else { Cause::Headroom }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::testing::*, *};

    fn near(limiter: &Gradient2, limit: f64) {
        assert!((limiter.limit - limit).abs() < 1e-9, "{}", limiter.limit);
    }

    #[test]
    fn a_steady_round_trip_adds_a_fifth_of_the_queue() {
        let mut limiter = Gradient2::new(Config::default());
        limits(&mut limiter, &[sample(ms(100), 20, false)]);
        near(&limiter, 20.8);
        limits(&mut limiter, &[sample(ms(100), 10, false)]);
        near(&limiter, 20.8);
        limits(&mut limiter, &[sample(ms(100), 11, true)]);
        near(&limiter, 21.6);
    }

    #[test]
    fn a_longer_round_trip_is_judged_by_the_mean_of_the_first_ten() {
        // The mean of 100 and 300 is 200; 1.5 · 200/300 = 1: just fine. Of 100, 300, 800 it is 400: 0.75.
        let mut limiter = Gradient2::new(Config::default());
        limits(&mut limiter, &[sample(ms(100), 20, false), sample(ms(300), 20, false)]);
        near(&limiter, 21.6);
        limits(&mut limiter, &[sample(ms(800), 20, false)]);
        near(&limiter, 20.0_f64.max(21.6 * 0.8 + 0.2 * (21.6 * 0.75 + 4.0)));
    }

    #[test]
    fn after_an_overload_the_long_average_decays_for_the_next_sample() {
        let mut limiter = Gradient2::new(Config::default());
        limits(&mut limiter, &[sample(ms(1000), 1, false); 10]);
        // Eleventh: 1000 · (1 − 2/601) + 100 · 2/601, then times 0.95 because that is more than twice 100.
        limits(&mut limiter, &[sample(ms(100), 1, false)]);
        let factor = 2.0 / 601.0;
        let decayed = (1e9 * (1.0 - factor) + 1e8 * factor) * 0.95;
        let mut long = limiter.long;
        let next = long.add(5e8);
        assert!((next - (decayed * (1.0 - factor) + 5e8 * factor)).abs() < 1e-3);
    }

    #[test]
    fn under_a_lasting_overload_it_drifts_to_its_maximum() {
        // The published weakness: what is slow becomes normal.
        let mut limiter = Gradient2::new(Config::default());
        let slow = sample(ms(8000), 200, false);
        assert_eq!(limits(&mut limiter, &[slow; 2000]).last(), Some(&200));
    }
}
