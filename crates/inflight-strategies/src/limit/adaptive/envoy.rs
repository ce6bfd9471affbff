//! Envoy's gradient controller: the limit follows the ratio to a round trip that was measured without load.
//!
//! **What it does.** Now and then it lowers the limit to `min`, takes `probe-samples` calls, and calls their median the
//! round trip without load; then the limit is as before. Otherwise every `update`: gradient = clamp(without load · (1 +
//! buffer)/present, 0.5, 2), limit · gradient + √(limit · gradient). Five updates in a row at the minimum are a
//! reason to measure at once: what was measured must have been wrong.
//!
//! **Which failure it answers.** As the other gradients; but the round trip without load is measured, not hoped for.
//!
//! **When it harms.** While it measures, everything above `min` calls is rejected or waits. 50 calls of 0.75 s, three at a
//! time, are 12.5 s of every minute.
//!
//! **Knobs.** Written `{ limit = { permits = { envoy = { … } } } }`.
//!
//! | knob | unit | default | whose |
//! |---|---|---|---|
//! | `update` | duration | `"100ms"` | ours: Envoy requires one |
//! | `interval` | duration between measurements | `"60s"` | ours: Envoy requires one |
//! | `jitter` | share of the interval | `"15%"` | Envoy |
//! | `probe-samples` | calls | `50` | Envoy |
//! | `min` | calls | `3` | Envoy |
//! | `max` | calls | `1000` | Envoy |
//! | `percentile` | share | `"50%"` | Envoy |
//! | `buffer` | share of the round trip without load | `"25%"` | Envoy |
//!
//! **Where it comes from.** Envoy's filter `adaptive_concurrency`, `gradient_controller.cc`. Its limit can be passed by as
//! many calls as there are threads; here it cannot. It is held to the cases of Envoy's own test, and to the functions of its
//! code over its histogram, limit by limit.
//!
//! **Slow services.** `probe-samples` · service / `min` is the time that a measurement takes. At 750 ms take 15 samples at a
//! minimum of 6, and update once per second: an update of 100 ms sees two or three calls at 20/s.

use super::{Arrivals, Limiter, Range, Sample, histogram::Histogram};
use crate::units;
use crate::{
    event::Cause,
    rt::{Instant, Rng},
    units::Ratio,
};
use std::time::Duration;

/// Updates at the minimum, in a row, after which the round trip without load is measured again: Envoy's constant.
const UPDATES_AT_MIN: u32 = 5;

/// Timetable, range, and what stands for a window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Config {
    /// How often the limit is computed.
    pub update: Duration,
    /// How long after a measurement the next one begins.
    pub interval: Duration,
    /// By how much of itself the interval is lengthened at random, at most.
    pub jitter: Ratio,
    /// Calls that make a measurement.
    pub probe_samples: u32,
    /// The smallest limit, which is also that of measurements.
    pub min: u32,
    /// The largest limit.
    pub max: u32,
    /// Which percentile of the round trips stands for a window.
    pub percentile: Ratio,
    /// What is added to the round trip without load.
    pub buffer: Ratio,
}

impl Default for Config {
    fn default() -> Self {
        let share = |value| Ratio::new(value).expect("a share");
        Config {
            update: Duration::from_millis(100),
            interval: Duration::from_secs(60),
            jitter: share(0.15),
            probe_samples: 50,
            min: 3,
            max: 1000,
            percentile: share(0.5),
            buffer: share(0.25),
        }
    }
}

impl Config {
    pub(super) fn validate(&self) -> Result<(), &'static str> {
        Range { initial: self.min, min: self.min, max: self.max }.validate()?;
        if self.update.is_zero() || self.interval.is_zero() || self.probe_samples == 0 {
            return Err(
                "`envoy` needs `update` and `interval` above zero and at least one of `probe-samples`",
            );
        }
        Ok(())
    }

    pub(super) fn scaled(self, factor: f64) -> Config {
        Config {
            update: units::scaled(self.update, factor),
            interval: units::scaled(self.interval, factor),
            ..self
        }
    }
}

/// The limiter.
#[derive(Clone, Debug)]
pub struct Envoy {
    config: Config,
    limit: u32,
    rtts: Histogram,
    /// Whole microseconds, as in the reference.
    without_load: u64,
    /// The limit before the measurement that is going on.
    before: Option<u32>,
    /// When that, or the last one, began: calls that began earlier say nothing.
    epoch: Instant,
    next_probe: Instant,
    next_update: Instant,
    at_min: u32,
}

impl Envoy {
    /// One that begins with a measurement.
    pub fn new(config: Config) -> Envoy {
        Envoy {
            config,
            limit: config.min,
            rtts: Histogram::default(),
            without_load: 0,
            before: Some(config.min),
            epoch: Instant::ZERO,
            next_probe: Instant::NEVER,
            next_update: Instant::ZERO + config.update,
            at_min: 0,
        }
    }

    /// Whether the round trip without load is being measured.
    pub fn probes(&self) -> bool {
        self.before.is_some()
    }

    /// The round trip without load; zero before the first measurement.
    pub fn without_load(&self) -> Duration {
        Duration::from_micros(self.without_load)
    }

    /// Does what the timetable says up to `now`.
    fn catch_up(&mut self, now: Instant) {
        loop {
            let due = self.next_probe.min(self.next_update);
            if due > now {
                return;
            }
            if self.next_probe <= self.next_update {
                self.next_probe = Instant::NEVER;
                self.begin_probe(due);
            } else if self.probes() || self.rtts.count() == 0 {
                // Nothing to compute, now or at any later time before the next call ends.
                self.next_update = self.update_after(now.min(self.next_probe));
            } else {
                self.next_update = due + self.config.update;
                self.update(due);
            }
        }
    }

    /// The first time after `now` at which the timetable computes a limit.
    fn update_after(&self, now: Instant) -> Instant {
        let step = self.config.update.as_nanos().max(1);
        let passed = (now - self.next_update).as_nanos() / step + 1;
        self.next_update + Duration::from_nanos(u64::try_from(passed * step).unwrap_or(u64::MAX))
    }

    fn begin_probe(&mut self, now: Instant) {
        if self.probes() {
            return;
        }
        self.before = Some(self.limit);
        self.set(self.config.min, now);
        self.rtts = Histogram::default();
        self.epoch = now;
    }

    fn end_probe(&mut self, now: Instant, dice: &mut dyn Rng) {
        self.without_load = self.take_quantile();
        let before = self.before.unwrap_or(self.config.min);
        // In the reference the limit is set while the measurement still counts as going on.
        self.set(before, now);
        self.before = None;
        self.next_probe = now + self.jittered(dice);
        self.next_update = now + self.config.update;
    }

    /// The interval, lengthened at random in whole milliseconds, as in the reference.
    fn jittered(&self, dice: &mut dyn Rng) -> Duration {
        let range = (self.config.interval.as_millis() as f64 * self.config.jitter.value()).ceil() as u64;
        let extra = if range == 0 { 0 } else { dice.next_u64() % range };
        self.config.interval + Duration::from_millis(extra)
    }

    fn update(&mut self, now: Instant) {
        let present = self.take_quantile().max(1) as f64;
        let without_load = self.without_load as f64;
        let buffered = without_load + without_load * self.config.buffer.value();
        let gradient = (buffered / present).clamp(0.5, 2.0);
        let limit = f64::from(self.limit) * gradient;
        let aim = (limit + limit.sqrt()) as u32;
        self.set(aim.min(self.config.max).max(self.config.min), now);
    }

    fn take_quantile(&mut self) -> u64 {
        std::mem::take(&mut self.rtts).quantile(self.config.percentile.value()) as u64
    }

    fn set(&mut self, limit: u32, now: Instant) {
        let old = std::mem::replace(&mut self.limit, limit);
        let stays_at_min = !self.probes() && old == self.config.min && limit == self.config.min;
        self.at_min = if stays_at_min { self.at_min + 1 } else { 0 };
        if self.at_min >= UPDATES_AT_MIN {
            self.next_probe = now;
        }
    }
}

impl Limiter for Envoy {
    fn limit(&self) -> u32 {
        self.limit
    }

    fn on_sample(&mut self, sample: &Sample, dice: &mut dyn Rng) -> Cause {
        let was = self.limit;
        self.catch_up(sample.now);
        // What was dropped has no latency; and what began before the measurement says nothing of it.
        let began =
            sample.now.as_nanos().saturating_sub(u64::try_from(sample.rtt.as_nanos()).unwrap_or(u64::MAX));
        if !sample.dropped && Instant::from_nanos(began) >= self.epoch {
            self.rtts.insert(u64::try_from(sample.rtt.as_micros()).unwrap_or(u64::MAX));
            if self.probes() && self.rtts.count() >= self.config.probe_samples {
                self.end_probe(sample.now, dice);
                return Cause::Probe;
            }
        }
        match self.limit {
            _ if self.probes() => Cause::Probe,
            now if now < was => Cause::Latency,
            _ => Cause::Headroom,
        }
    }

    fn arrivals(&mut self) -> Option<&mut dyn Arrivals> {
        Some(self)
    }
}

impl Arrivals for Envoy {
    fn on_arrival(&mut self, now: Instant, _: u32) {
        self.catch_up(now);
    }
}

#[cfg(test)]
mod tests {
    use super::{super::testing::*, *};

    /// A controller at a time that is late enough for any latency.
    struct World {
        envoy: Envoy,
        now: Instant,
        dice: u64,
    }

    impl World {
        fn new(config: Config) -> World {
            let mut world = World { envoy: Envoy::new(config), now: Instant::ZERO, dice: 0 };
            world.advance(Duration::from_secs(42 * 3600));
            world
        }

        fn advance(&mut self, time: Duration) {
            self.now = self.now + time;
            self.envoy.on_arrival(self.now, 0);
        }

        fn sample(&mut self, rtt: Duration, times: u32) {
            for _ in 0..times {
                let sample = Sample { now: self.now, rtt, in_flight: 1, full: false, dropped: false };
                self.envoy.on_sample(&sample, &mut Shows(self.dice));
            }
        }

        /// Five calls, then a little more than an update.
        fn window(&mut self, rtt: u64) -> u32 {
            self.sample(ms(rtt), 5);
            self.advance(ms(101));
            self.envoy.limit()
        }
    }

    fn config(interval: u64, probe_samples: u32, min: u32, buffer: f64) -> Config {
        Config {
            update: ms(100),
            interval: Duration::from_secs(interval),
            jitter: Ratio::ZERO,
            probe_samples,
            min,
            buffer: Ratio::new(buffer).expect("a share"),
            ..Config::default()
        }
    }

    #[test]
    fn envoy_default_values() {
        let c = Config::default();
        let shares = [c.jitter, c.percentile, c.buffer].map(Ratio::value);
        assert_eq!((c.max, c.probe_samples, c.min, shares), (1000, 50, 3, [0.15, 0.5, 0.25]));
    }

    #[test]
    fn envoy_min_rtt_logic() {
        let mut world = World::new(config(30, 50, 7, 0.25));
        assert!(world.envoy.probes());
        world.advance(ms(13));
        for _ in 0..50 {
            assert_eq!(world.envoy.limit(), 7);
            world.sample(ms(13), 1);
        }
        assert!(!world.envoy.probes());
        assert_eq!(world.envoy.without_load().as_millis(), 13);
    }

    #[test]
    fn envoy_sample_percentile() {
        let mut world = World::new(config(30, 5, 3, 0.25));
        (1..=5).for_each(|i| world.sample(ms(i), 1));
        assert_eq!(world.envoy.without_load().as_millis(), 3);
    }

    #[test]
    fn envoy_min_rtt_buffer() {
        let mut world = World::new(config(30, 5, 3, 0.5));
        world.sample(ms(5), 6);
        assert_eq!(world.envoy.without_load().as_millis(), 5);
        let mut last = world.envoy.limit();
        for _ in 0..10 {
            let limit = world.window(6);
            assert!(limit > last, "{limit} after {last}");
            last = limit;
        }
    }

    #[test]
    fn envoy_concurrency_limit_behavior_basic() {
        let mut world = World::new(config(30, 5, 7, 0.1));
        world.sample(ms(5), 6);
        world.advance(ms(101));
        let first = world.envoy.limit();
        assert!((7..=14).contains(&first), "{first}");
        let mut last = first;
        for _ in 0..10 {
            let limit = world.window(4);
            assert!(limit >= last && f64::from(last) / f64::from(limit) >= 0.5, "{limit} after {last}");
            last = limit;
        }
        for _ in 0..10 {
            let limit = world.window(6);
            assert!(limit < last && limit >= 7, "{limit} after {last}");
            last = limit;
        }
    }

    #[test]
    fn envoy_min_rtt_return_to_previous_limit_and_no_update_while_measuring() {
        let mut world = World::new(config(30, 5, 3, 0.25));
        world.sample(ms(5), 6);
        world.advance(Duration::from_secs(1));
        let mut last = world.envoy.limit();
        for _ in 0..5 {
            let limit = world.window(4);
            assert!(limit > last);
            last = limit;
        }
        world.advance(Duration::from_secs(31));
        assert_eq!(world.envoy.limit(), 3);
        world.advance(ms(101));
        assert_eq!(world.envoy.limit(), 3);
        world.advance(Duration::from_secs(1));
        for _ in 0..5 {
            assert_eq!(world.envoy.limit(), 3);
            world.sample(ms(13), 1);
        }
        assert_eq!(world.envoy.limit(), last);
    }

    #[test]
    fn envoy_no_samples() {
        let mut world = World::new(config(30, 5, 3, 0.25));
        world.sample(ms(5), 6);
        let last = (0..5).map(|_| world.window(4)).last();
        for _ in 0..5 {
            world.advance(ms(101));
            assert_eq!(Some(world.envoy.limit()), last);
        }
    }

    #[test]
    fn envoy_timer_accuracy() {
        // A tenth of 100 s, and dice that show 15,000: 5000 ms of the 10,000.
        let jitter = Ratio::new(0.1).expect("a share");
        for (jitter, interval, expected) in [(jitter, 100, 105_000), (Ratio::ZERO, 45, 45_000)] {
            let mut world = World::new(Config { jitter, ..config(interval, 5, 3, 0.25) });
            world.dice = 15_000;
            world.sample(ms(5), 5);
            assert_eq!(world.envoy.next_probe - world.now, ms(expected));
        }
    }

    #[test]
    fn envoy_consecutive_min_concurrency_reset() {
        let mut world = World::new(config(3600, 5, 7, 0.0));
        world.sample(ms(5), 6);
        world.advance(ms(101));
        assert!((7..=14).contains(&world.envoy.limit()));
        for _ in 0..5 {
            world.window(10);
        }
        let mut last = world.envoy.limit();
        for _ in 0..10 {
            let limit = world.window(10);
            assert!(limit >= last, "{limit} after {last}");
            last = limit;
        }
        assert!(last > 7, "the slower round trip has become the one without load");
    }

    #[test]
    fn envoy_min_rtt_epoch() {
        let mut world = World::new(config(30, 25, 2, 0.0));
        world.sample(ms(1350), 26);
        assert_eq!(world.envoy.without_load().as_millis(), 1350);
        let mut last = world.envoy.limit();
        for _ in 0..29 {
            world.advance(Duration::from_secs(1));
            world.sample(ms(1350), 1);
            world.advance(ms(0));
            assert!(world.envoy.limit() >= last);
            last = world.envoy.limit();
        }
        assert!(last > 25);
        world.advance(Duration::from_secs(5));
        assert!(world.envoy.probes() && world.envoy.limit() == 2);
        world.sample(Duration::from_secs(300), last);
        assert!(world.envoy.probes(), "they began before the measurement");
    }
}
