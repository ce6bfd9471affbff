//! Correlation: latency against its own past, and whether more in flight still brings more throughput.
//!
//! **What it does.** Every window: a high percentile of the round trips, filtered by a median of five and smoothed, is compared
//! with its own long average; from the two follows the queue, as in [`vegas`](super::vegas). A long queue lowers the limit. So
//! does, at the limit, a falling throughput with rising concurrency; or latency that rises with concurrency while
//! throughput does not. A short queue raises it. It never rises above `max-factor` times what is in flight.
//!
//! **Which failure it answers.** The drift of long averages: under a lasting overload the overloaded latency becomes the
//! baseline, and gradient limiters climb. The correlations still see that more concurrency brings nothing.
//!
//! **When it harms.** It is slow: a window has 50 calls, the filters span ten windows, the correlations fifty. An overload of a
//! few seconds is over before it reacts.
//!
//! **Knobs.** Written `{ limit = { permits = { correlation = { … } } } }`.
//!
//! | knob | unit | default | whose |
//! |---|---|---|---|
//! | `initial` | calls | `20` | failsafe-go |
//! | `min` | calls | `1` | failsafe-go |
//! | `max` | calls | `200` | failsafe-go |
//! | `max-factor` | multiples of what is in flight | `5` | failsafe-go |
//! | `min-window` | duration | `"1s"` | failsafe-go |
//! | `max-window` | duration | `"30s"` | failsafe-go |
//! | `samples` | calls | `50` | failsafe-go |
//! | `percentile` | share | `"90%"` | failsafe-go |
//! | `baseline` | windows remembered | `10` | failsafe-go |
//! | `correlation` | windows compared | `50` | failsafe-go |
//! | `stabilization` | duration over which the most in flight counts | `"0s"` | failsafe-go |
//!
//! **Where it comes from.** failsafe-go's adaptive limiter. Its percentile is that of a t-digest; ours is exact, which is the
//! same below a hundred calls per window.
//!
//! **Slow services.** At 20/s fifty calls are 2.5 s, the baseline 25 s and the correlations two minutes: let an experiment
//! run for several of those.

use super::{
    Limiter, Range, Sample, log10_steps,
    measure::ExpAvg,
    recent::{MovingMax, MovingMedian, Recent},
};
use crate::units;
use crate::{
    event::Cause,
    rt::{Instant, Rng},
    units::Ratio,
};
use std::{collections::VecDeque, time::Duration};

/// Samples before averages decay and correlations count; values of which the median and the smoothing are: failsafe-go's.
const WARMUP: u32 = 10;
const SMOOTHED: u32 = 5;
/// Below this variation a correlation says nothing: failsafe-go's.
const MIN_VARIATION: f64 = 0.01;
/// The most windows that can be compared.
pub const MAX_WINDOWS: u32 = 10_000;

/// Range, windows and memory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Config {
    /// Where it starts and stays.
    pub range: Range,
    /// The limit is at most so many times the most in flight.
    pub max_factor: f64,
    /// The shortest window.
    pub min_window: Duration,
    /// The longest window, once it has enough calls.
    pub max_window: Duration,
    /// The fewest calls that make a window.
    pub samples: u32,
    /// Which percentile of a window's round trips counts.
    pub percentile: Ratio,
    /// How many windows the baseline remembers.
    pub baseline: u32,
    /// How many windows are compared.
    pub correlation: u32,
    /// For how long the most in flight counts; zero: only that of the last window.
    pub stabilization: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            range: Range { initial: 20, min: 1, max: 200 },
            max_factor: 5.0,
            min_window: Duration::from_secs(1),
            max_window: Duration::from_secs(30),
            samples: 50,
            percentile: Ratio::new(0.9).expect("a share"),
            baseline: 10,
            correlation: 50,
            stabilization: Duration::ZERO,
        }
    }
}

impl Config {
    pub(super) fn validate(&self) -> Result<(), &'static str> {
        self.range.validate()?;
        if self.range.initial < self.range.min || self.range.initial > self.range.max {
            return Err("`correlation` needs `min` <= `initial` <= `max`");
        }
        if self.min_window.is_zero() || self.max_window < self.min_window || self.samples == 0 {
            return Err(
                "`correlation` needs 0s < `min-window` <= `max-window` and at least one of `samples`",
            );
        }
        let percentile = self.percentile.value();
        if percentile <= 0.0 || percentile >= 1.0 || !(1.0..=1000.0).contains(&self.max_factor) {
            return Err(
                "`correlation` needs a `percentile` between 0% and 100% and a `max-factor` from 1 to 1000",
            );
        }
        if self.baseline == 0 || !(2..=MAX_WINDOWS).contains(&self.correlation) {
            return Err("`baseline` must be at least 1 and `correlation` from 2 to 10000 windows");
        }
        Ok(())
    }

    pub(super) fn scaled(self, factor: f64) -> Config {
        Config {
            min_window: units::scaled(self.min_window, factor),
            max_window: units::scaled(self.max_window, factor),
            stabilization: units::scaled(self.stabilization, factor),
            ..self
        }
    }
}

/// How two series of numbers go together, over their last values.
#[derive(Clone, Debug)]
struct Pairs {
    size: usize,
    values: VecDeque<(f64, f64)>,
}

/// A correlation coefficient, and how much the second series varies in relation to its mean.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Together {
    correlation: f64,
    variation: f64,
}

impl Pairs {
    fn new(size: u32) -> Pairs {
        Pairs { size: size as usize, values: VecDeque::new() }
    }

    /// Takes a pair in; nothing is said while there are few.
    fn add(&mut self, x: f64, y: f64) -> Together {
        if !x.is_finite() || !y.is_finite() {
            return Together::default();
        }
        if self.values.len() == self.size {
            self.values.pop_front();
        }
        self.values.push_back((x, y));
        if self.values.len() < WARMUP.max(2) as usize {
            return Together::default();
        }
        let n = self.values.len() as f64;
        let mean = |f: &dyn Fn(&(f64, f64)) -> f64| self.values.iter().map(f).sum::<f64>() / n;
        let (mx, my) = (mean(&|p| p.0), mean(&|p| p.1));
        let (vx, vy) = (mean(&|p| (p.0 - mx) * (p.0 - mx)), mean(&|p| (p.1 - my) * (p.1 - my)));
        if mx == 0.0 || my == 0.0 {
            return Together::default();
        }
        let (cx, cy) = (vx.sqrt() / mx, vy.sqrt() / my);
        if cx < MIN_VARIATION || cy < MIN_VARIATION {
            return Together { correlation: 0.0, variation: cy };
        }
        let covariance = mean(&|p| (p.0 - mx) * (p.1 - my));
        Together { correlation: covariance / (vx.sqrt() * vy.sqrt()), variation: cy }
    }
}

/// The limiter.
#[derive(Clone, Debug)]
pub struct Correlation {
    config: Config,
    limit: f64,
    recent: Recent,
    median: MovingMedian,
    smoothed: ExpAvg,
    baseline: ExpAvg,
    throughput: Pairs,
    rtt: Pairs,
    most: Option<MovingMax>,
    ends: Instant,
}

impl Correlation {
    /// One that has seen nothing.
    pub fn new(config: Config) -> Correlation {
        let nanos = u64::try_from(config.stabilization.as_nanos()).unwrap_or(u64::MAX);
        Correlation {
            config,
            limit: f64::from(config.range.initial),
            recent: Recent::default(),
            median: MovingMedian::new(SMOOTHED as usize),
            smoothed: ExpAvg::new(SMOOTHED, WARMUP),
            baseline: ExpAvg::new(config.baseline, WARMUP),
            throughput: Pairs::new(config.correlation),
            rtt: Pairs::new(config.correlation),
            most: (nanos > 0).then(|| MovingMax::new(nanos)),
            ends: Instant::ZERO,
        }
    }

    /// A window is over: moves the limit.
    fn update(&mut self, rtt: f64, in_flight: u32, full: bool, now: Instant) -> Cause {
        let baseline = self.baseline.add(rtt);
        let queue = (self.limit * (1.0 - baseline / rtt)).ceil() as i64;
        let n = f64::from(in_flight);
        let throughput = self.throughput.add(n, n / (rtt / 1e9));
        let latency = self.rtt.add(n, rtt);
        let steps = log10_steps(self.limit as u32);
        let less = self.limit - f64::from(steps);
        let (mut aim, mut why) = match signal(queue, i64::from(steps), full, throughput, latency.correlation)
        {
            Signal::Less(why) => (less, why),
            Signal::More => (self.limit + f64::from(steps), Cause::Headroom),
            Signal::Hold => (self.limit, Cause::Headroom),
        };
        let most = self.most.as_mut().map_or(in_flight, |most| most.add(now.as_nanos(), in_flight));
        let highest = f64::from(most) * self.config.max_factor;
        if aim > highest {
            // Step by step, so that a dip of what is in flight does not throw the limit down.
            aim = if self.limit > highest { less } else { highest };
            why = Cause::Headroom;
        }
        let Range { min, max, .. } = self.config.range;
        self.limit = aim.min(f64::from(max)).max(f64::from(min));
        why
    }
}

enum Signal {
    Less(Cause),
    More,
    Hold,
}

/// What a window says; `steps` is the decimal logarithm of the limit.
fn signal(queue: i64, steps: i64, full: bool, throughput: Together, latency: f64) -> Signal {
    let flat = throughput.correlation < 0.3 || throughput.variation < 0.2;
    if queue > 6 * steps {
        Signal::Less(Cause::Latency)
    } else if full && (throughput.correlation < 0.0 || flat && latency > 0.5) {
        Signal::Less(Cause::Correlation)
    } else if queue < 3 * steps {
        Signal::More
    } else {
        Signal::Hold
    }
}

impl Limiter for Correlation {
    fn limit(&self) -> u32 {
        self.limit as u32
    }

    fn on_sample(&mut self, sample: &Sample, dice: &mut dyn Rng) -> Cause {
        if !sample.dropped {
            self.recent.add(sample.nanos(), sample.in_flight, dice);
        }
        if sample.now <= self.ends || self.recent.count < u64::from(self.config.samples) {
            return Cause::Headroom;
        }
        let mut recent = std::mem::take(&mut self.recent);
        let quantile = recent.quantile(self.config.percentile.value());
        let rtt = self.smoothed.add(self.median.add(quantile));
        let why = self.update(rtt, recent.most_in_flight, sample.full, sample.now);
        let window = Duration::from_nanos(recent.shortest) * 2;
        self.ends = sample.now + window.max(self.config.min_window).min(self.config.max_window);
        why
    }
}

#[cfg(test)]
mod tests {
    use super::{super::testing::*, *};

    /// The reference's test limiter: windows of one call, a baseline of ten seconds' worth of 1 s.
    fn limiter(config: Config) -> Correlation {
        let second = Duration::from_secs(1);
        let mut limiter =
            Correlation::new(Config { min_window: second, max_window: second, samples: 1, ..config });
        for _ in 0..WARMUP {
            limiter.baseline.add(1e9);
        }
        limiter
    }

    /// (seconds until it is recorded, round trip in ms, in flight): the limits.
    fn record(limiter: &mut Correlation, samples: &[(u64, u64, u32)]) -> Vec<u32> {
        let mut now = Instant::ZERO;
        let mut samples = samples.iter().map(|&(after, rtt, in_flight)| {
            now = now + Duration::from_secs(after);
            Sample { now, rtt: ms(rtt), in_flight, full: false, dropped: false }
        });
        samples.by_ref().flat_map(|sample| limits(limiter, &[sample])).collect()
    }

    #[test]
    fn failsafe_go_smooths_and_filters() {
        let mut it = limiter(Config::default());
        record(&mut it, &[(2, 100, 10), (2, 300, 10), (2, 200, 10), (2, 200, 10), (2, 250, 10)]);
        // Median 200 at last; the mean of 100, 300, 200, 200 and that is 200.
        let mut smoothed = it.smoothed;
        assert!((smoothed.add(2e8) - 2e8).abs() < 1e-3);
    }

    #[test]
    fn failsafe_go_increase() {
        assert_eq!(record(&mut limiter(Config::default()), &[(2, 1000, 5), (2, 500, 5)]), [21, 22]);
    }

    #[test]
    fn failsafe_go_decrease() {
        assert_eq!(record(&mut limiter(Config::default()), &[(2, 2000, 10), (2, 2000, 10)]), [19, 18]);
    }

    #[test]
    fn failsafe_go_hold() {
        assert_eq!(record(&mut limiter(Config::default()), &[(2, 1300, 10), (2, 1300, 10)]), [20, 20]);
    }

    #[test]
    fn failsafe_go_max_limit_stabilization_window() {
        let stable = |seconds| {
            let stabilization = Duration::from_secs(seconds);
            limiter(Config { max_factor: 1.5, stabilization, ..Config::default() })
        };
        assert_eq!(record(&mut stable(300), &[(2, 1000, 20), (2, 1000, 5)]), [21, 22]);
        assert_eq!(record(&mut stable(0), &[(2, 1000, 20), (2, 1000, 5)]), [21, 20]);
        assert_eq!(record(&mut stable(10), &[(2, 1000, 20), (12, 1000, 5)]), [21, 20]);
    }

    #[test]
    fn at_the_limit_more_in_flight_without_more_throughput_lowers_it() {
        let throughput = |correlation, variation| Together { correlation, variation };
        let lowers = |t, latency| matches!(signal(0, 1, true, t, latency), Signal::Less(Cause::Correlation));
        assert!(lowers(throughput(-0.1, 1.0), 0.0));
        assert!(lowers(throughput(0.2, 1.0), 0.6) && !lowers(throughput(0.2, 1.0), 0.4));
        assert!(lowers(throughput(0.9, 0.1), 0.6) && !lowers(throughput(0.9, 0.3), 0.6));
        assert!(matches!(signal(0, 1, false, throughput(-1.0, 1.0), 1.0), Signal::More), "only at the limit");
    }

    #[test]
    fn series_that_rise_together_correlate() {
        let mut pairs = Pairs::new(50);
        let last = (1..=20).map(|i| pairs.add(f64::from(i), 3.0 * f64::from(i) + 1.0)).last().expect("some");
        assert!((last.correlation - 1.0).abs() < 1e-9);
        let mut flat = Pairs::new(50);
        let last = (1..=20).map(|i| flat.add(f64::from(i), 5.0)).last().expect("some");
        assert_eq!(last, Together::default());
    }
}
