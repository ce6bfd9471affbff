//! Windowed: feeds any limiter with windows of calls instead of single calls.
//!
//! **What it does.** Collects the calls of at least a window; then tells the limiter inside the average (or a percentile) of
//! their round trips, the most that were in flight, and whether any was dropped. Windows with too few calls are thrown
//! away. A window is twice the shortest round trip of the one before, between `min-window` and `max-window`.
//!
//! **Which failure it answers.** Limiters that take the spread of service times for queueing: an average of many varies less.
//!
//! **When it harms.** It learns once per window: an overload of less than a second is over before it is seen. One dropped call
//! drops the whole window.
//!
//! **Knobs.** Written `{ limit = { permits = { windowed = { of = { vegas = {} }, … } } } }`.
//!
//! | knob | unit | default | whose |
//! |---|---|---|---|
//! | `of` | the limiter | required | – |
//! | `min-window` | duration, at least 100 ms | `"1s"` | Netflix |
//! | `max-window` | duration, at least `min-window` | `"1s"` | Netflix |
//! | `samples` | calls, at least 10 | `10` | Netflix |
//! | `ignore-below` | duration of a round trip | `"100us"` | Netflix |
//! | `percentile` | share | none: the average | Netflix |
//! | `keep` | calls of a window whose percentile it is | `100` | ours: Netflix has no default |
//!
//! **Where it comes from.** Netflix' concurrency-limits, `WindowedLimit`.
//!
//! **Slow services.** At 20/s a window of 1 s has 20 calls, and the mean of 20 draws of U(300, 1200) ms still has a standard
//! error of 58 ms. Take windows of several seconds where the limit may move slowly.

use super::{Arrivals, Config as Inner, Limiter, Sample};
use crate::units;
use crate::{
    event::Cause,
    rt::{Instant, Rng},
    units::Ratio,
};
use std::time::Duration;

/// The most calls of a window whose percentile is taken.
pub const MAX_SAMPLES: u32 = 100_000;

/// The limiter inside, and its windows.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The limiter inside.
    pub of: Inner,
    /// The shortest window.
    pub min_window: Duration,
    /// The longest window.
    pub max_window: Duration,
    /// The fewest calls that make a window.
    pub samples: u32,
    /// Shorter round trips are left out.
    pub ignore_below: Duration,
    /// Which percentile of the first `keep` round trips stands for a window; `None`: the average of all.
    pub percentile: Option<Ratio>,
    /// Calls of a window that are kept, if it is a percentile that stands for it.
    pub keep: u32,
}

impl Config {
    /// Netflix' windows around `of`.
    pub fn new(of: Inner) -> Config {
        let second = Duration::from_secs(1);
        Config {
            of,
            min_window: second,
            max_window: second,
            samples: 10,
            ignore_below: Duration::from_micros(100),
            percentile: None,
            keep: 100,
        }
    }

    pub(super) fn validate(&self) -> Result<(), &'static str> {
        if matches!(self.of, Inner::Windowed(_)) {
            return Err("`windowed` cannot be inside `windowed`");
        }
        if self.min_window.is_zero()
            || self.max_window < self.min_window
            || !(10..=MAX_SAMPLES).contains(&self.samples)
        {
            return Err("`windowed` needs 0s < `min-window` <= `max-window` and `samples` from 10 to 100000");
        }
        if self.percentile.is_some_and(|p| p.value() <= 0.0 || p.value() >= 1.0) {
            return Err("`percentile` must be above 0% and below 100%");
        }
        if self.percentile.is_some() && !(self.samples..=MAX_SAMPLES).contains(&self.keep) {
            return Err("`keep` must be at least `samples` and at most 100000");
        }
        self.of.validate()
    }

    pub(super) fn scaled(&self, factor: f64) -> Config {
        Config {
            of: self.of.scaled(factor),
            min_window: units::scaled(self.min_window, factor),
            max_window: units::scaled(self.max_window, factor),
            ignore_below: units::scaled(self.ignore_below, factor),
            ..self.clone()
        }
    }
}

/// The calls of one window.
#[derive(Clone, Debug, Default)]
struct Window {
    shortest: Option<u64>,
    sum: u128,
    count: u32,
    most_in_flight: u32,
    dropped: bool,
    /// Only with a percentile.
    rtts: Vec<u64>,
}

impl Window {
    fn add(&mut self, rtt: u64, in_flight: u32, dropped: bool) {
        self.shortest = Some(self.shortest.map_or(rtt, |shortest| shortest.min(rtt)));
        self.sum += u128::from(rtt);
        self.count += 1;
        self.most_in_flight = self.most_in_flight.max(in_flight);
        self.dropped |= dropped;
    }

    fn average(&self) -> u64 {
        (self.sum / u128::from(self.count.max(1))) as u64
    }

    fn percentile(&mut self, p: f64) -> u64 {
        self.rtts.sort_unstable();
        // Counted from 1 and rounded half up, as in the reference.
        let rank = (self.rtts.len() as f64 * p + 0.5) as usize;
        self.rtts.get(rank.saturating_sub(1)).copied().unwrap_or(0)
    }
}

/// The limiter.
#[derive(Debug)]
pub struct Windowed {
    config: Config,
    inner: Box<dyn Limiter>,
    window: Window,
    ends: Instant,
}

impl Windowed {
    /// One that has seen nothing.
    pub fn new(config: &Config) -> Windowed {
        let inner = config.of.build();
        Windowed { config: config.clone(), inner, window: Window::default(), ends: Instant::ZERO }
    }

    /// Whether a call still fits: a window with a percentile keeps only the first ones.
    fn takes(&self) -> bool {
        self.config.percentile.is_none() || self.window.count < self.config.keep
    }
}

impl Limiter for Windowed {
    fn limit(&self) -> u32 {
        self.inner.limit()
    }

    fn on_sample(&mut self, sample: &Sample, dice: &mut dyn Rng) -> Cause {
        let Config { min_window, max_window, samples, ignore_below, percentile, .. } = self.config;
        if sample.rtt < ignore_below {
            return Cause::Headroom;
        }
        if self.takes() {
            let rtt = u64::try_from(sample.rtt.as_nanos()).unwrap_or(u64::MAX);
            self.window.add(rtt, sample.in_flight, sample.dropped);
            if percentile.is_some() {
                self.window.rtts.push(rtt);
            }
        }
        if sample.now <= self.ends {
            return Cause::Headroom;
        }
        let mut window = std::mem::take(&mut self.window);
        let shortest = Duration::from_nanos(window.shortest.unwrap_or(0));
        self.ends = sample.now + (shortest * 2).max(min_window).min(max_window);
        if window.count < samples {
            return Cause::Headroom;
        }
        let rtt = percentile.map_or(window.average(), |p| window.percentile(p.value()));
        let (in_flight, dropped) = (window.most_in_flight, window.dropped);
        let whole = Sample { rtt: Duration::from_nanos(rtt), in_flight, dropped, ..*sample };
        self.inner.on_sample(&whole, dice)
    }

    fn arrivals(&mut self) -> Option<&mut dyn Arrivals> {
        self.inner.arrivals()
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{aimd, testing::*},
        *,
    };

    fn window(rtts: &[u64]) -> Window {
        let mut window = Window::default();
        for rtt in rtts {
            window.add(*rtt, 1, false);
            window.rtts.push(*rtt);
        }
        window
    }

    #[test]
    fn netflix_immutable_average_sample_window() {
        // window/ImmutableAverageSampleWindowTest: 5000, 500, 10 (a sum of longs, divided as longs).
        let mut window = window(&[5000, 500, 10]);
        assert_eq!((window.average(), window.dropped), (5510 / 3, false));
        window.add(5000, 1, true);
        assert_eq!((window.average(), window.dropped), (10_510 / 4, true));
    }

    #[test]
    fn netflix_immutable_percentile_sample_window() {
        // window/ImmutablePercentileSampleWindowTest.
        assert_eq!(window(&[5000, 500, 10]).percentile(0.5), 500);
        assert_eq!(window(&[5000, 500, 10]).percentile(0.999), 5000);
    }

    /// Samples every 100 ms, each of 50 ms.
    fn every_100_ms(n: u64) -> Vec<Sample> {
        let at = |i: u64| Instant::from_nanos(i * 100_000_000);
        (1..=n)
            .map(|i| Sample { now: at(i), rtt: ms(50), in_flight: 20, full: false, dropped: i == 15 })
            .collect()
    }

    #[test]
    fn the_limiter_inside_hears_once_per_window_and_of_any_drop() {
        let mut limiter = Windowed::new(&Config::new(Inner::Aimd(aimd::Config {
            range: super::super::Range { initial: 20, min: 1, max: 200 },
            ..Default::default()
        })));
        let limits = limits(&mut limiter, &every_100_ms(40));
        // The first call ends a window that is too small; the next ends after 1.1 s with eleven calls, call 15 drops it,
        // and every 1.1 s from then on.
        let moves: Vec<(usize, u32)> =
            (1..limits.len()).filter(|i| limits[*i] != limits[i - 1]).map(|i| (i + 1, limits[i])).collect();
        assert_eq!(moves, [(12, 21), (23, 18), (34, 19)]);
    }

    #[test]
    fn windows_with_few_calls_are_thrown_away() {
        let mut limiter = Windowed::new(&Config::new(Inner::Aimd(aimd::Config::default())));
        let second = |i: u64| Sample { now: Instant::from_nanos(i * 500_000_000), ..every_100_ms(1)[0] };
        assert_eq!(limits(&mut limiter, &(1..50).map(second).collect::<Vec<_>>()), [20; 49]);
    }
}
