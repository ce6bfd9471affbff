//! How long a request takes when nothing else is going on.

use crate::draws::{exponential, normal, rounded};
use inflight_strategies::{
    rt::{Instant, Rng},
    units::Ratio,
};
use std::{borrow::Cow, time::Duration};

/// No draw is longer than this, however heavy the tail.
pub const MAX_LATENCY: Duration = Duration::from_secs(3600);

/// The 99th percentile of the standard normal distribution.
pub(crate) const Z99: f64 = 2.326_347_874_040_841;

/// A distribution of latencies.
#[derive(Clone, Debug, PartialEq)]
pub enum Latency {
    /// Always the same.
    Constant(Duration),
    /// Uniform between two bounds.
    Uniform(Duration, Duration),
    /// Exponential with this mean: memoryless.
    Exponential(Duration),
    /// Lognormal, given by what one reads off a dashboard.
    Lognormal {
        /// The 50th percentile.
        median: Duration,
        /// The 99th percentile.
        p99: Duration,
    },
    /// Pareto: P(X > x) = (min/x)^shape. No mean for shape ≤ 1, no variance for shape ≤ 2.
    Pareto {
        /// The smallest latency.
        min: Duration,
        /// The tail's exponent; smaller is heavier.
        shape: f64,
    },
    /// Measured quantiles (share, latency), increasing in both, first share 0, last 1; straight lines between them.
    Empirical(Vec<(f64, Duration)>),
}

impl Latency {
    /// Draws one.
    pub fn draw(&self, rng: &mut impl Rng) -> Duration {
        self.sampler().draw(rng)
    }

    /// Draws many.
    pub(super) fn sampler(&self) -> Sampler<'_> {
        let seconds = Duration::as_secs_f64;
        match self {
            Latency::Constant(d) => Sampler::Constant(*d),
            Latency::Uniform(low, high) => {
                Sampler::Uniform { low: seconds(low), span: seconds(high) - seconds(low) }
            }
            Latency::Exponential(mean) => Sampler::Exponential { mean: seconds(mean) },
            Latency::Lognormal { median, p99 } => {
                let sigma = libm::log(seconds(p99) / seconds(median)) / Z99;
                Sampler::Lognormal { median: seconds(median), sigma }
            }
            Latency::Pareto { min, shape } => Sampler::Pareto { min: seconds(min), shape: *shape },
            Latency::Empirical(quantiles) => Sampler::Empirical(Cow::Borrowed(quantiles)),
        }
    }

    /// The same shape, `factor` times as long.
    pub fn scaled(&self, factor: f64) -> Latency {
        let by = |d: &Duration| d.mul_f64(factor);
        match self {
            Latency::Constant(d) => Latency::Constant(by(d)),
            Latency::Uniform(low, high) => Latency::Uniform(by(low), by(high)),
            Latency::Exponential(mean) => Latency::Exponential(by(mean)),
            Latency::Lognormal { median, p99 } => Latency::Lognormal { median: by(median), p99: by(p99) },
            Latency::Pareto { min, shape } => Latency::Pareto { min: by(min), shape: *shape },
            Latency::Empirical(q) => Latency::Empirical(q.iter().map(|(p, d)| (*p, by(d))).collect()),
        }
    }
}

/// A distribution in the numbers that its draws are made of, in seconds.
#[derive(Clone, Debug)]
pub(super) enum Sampler<'a> {
    Constant(Duration),
    Uniform { low: f64, span: f64 },
    Exponential { mean: f64 },
    Lognormal { median: f64, sigma: f64 },
    Pareto { min: f64, shape: f64 },
    Empirical(Cow<'a, [(f64, Duration)]>),
}

impl Sampler<'_> {
    #[inline(always)]
    pub(super) fn draw(&self, rng: &mut impl Rng) -> Duration {
        let seconds = match self {
            Sampler::Constant(d) => return *d,
            Sampler::Uniform { low, span } => low + span * rng.unit(),
            Sampler::Exponential { mean } => mean * exponential(rng),
            Sampler::Lognormal { median, sigma } => median * libm::exp(sigma * normal(rng)),
            Sampler::Pareto { min, shape } => min * libm::exp(exponential(rng) / shape),
            Sampler::Empirical(quantiles) => at_share(quantiles, rng.unit()),
        };
        // In whole nanoseconds, so that a sum of draws is exact.
        let nanos = rounded(seconds.min(MAX_LATENCY.as_secs() as f64) * 1e9);
        Instant::from_nanos(nanos).since(Instant::ZERO)
    }

    pub(super) fn into_owned(self) -> Sampler<'static> {
        match self {
            Sampler::Empirical(quantiles) => Sampler::Empirical(Cow::Owned(quantiles.into_owned())),
            Sampler::Constant(d) => Sampler::Constant(d),
            Sampler::Uniform { low, span } => Sampler::Uniform { low, span },
            Sampler::Exponential { mean } => Sampler::Exponential { mean },
            Sampler::Lognormal { median, sigma } => Sampler::Lognormal { median, sigma },
            Sampler::Pareto { min, shape } => Sampler::Pareto { min, shape },
        }
    }
}

/// The point `share` of the way from `low` to `high`, in seconds.
fn lerp(low: Duration, high: Duration, share: f64) -> f64 {
    low.as_secs_f64() + (high.as_secs_f64() - low.as_secs_f64()) * share
}

fn at_share(quantiles: &[(f64, Duration)], share: f64) -> f64 {
    let above = quantiles.partition_point(|(q, _)| *q <= share).clamp(1, quantiles.len() - 1);
    let ((q0, d0), (q1, d1)) = (quantiles[above - 1], quantiles[above]);
    lerp(d0, d1, (share - q0) / (q1 - q0))
}

/// A share of requests that takes a multiple of its time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stragglers {
    /// Which share.
    pub share: Ratio,
    /// How many times as long; above 1, at most 1,000.
    pub factor: f64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draws::Stream;

    fn sorted(latency: &Latency) -> Vec<f64> {
        let stream = Stream::new(5, "test");
        let mut drawn: Vec<f64> =
            (0..100_000).map(|i| latency.draw(&mut stream.dice(i)).as_secs_f64() * 1e3).collect();
        drawn.sort_by(f64::total_cmp);
        drawn
    }

    #[test]
    fn quantiles_are_those_of_the_distribution() {
        let ms = Duration::from_millis;
        let empirical = Latency::Empirical(vec![(0.0, ms(10)), (0.5, ms(20)), (0.9, ms(40)), (1.0, ms(100))]);
        for (latency, p50, p99) in [
            (Latency::Constant(ms(7)), 7.0, 7.0),
            (Latency::Uniform(ms(300), ms(1200)), 750.0, 1191.0),
            (Latency::Exponential(ms(100)), 69.315, 460.517),
            (Latency::Lognormal { median: ms(2), p99: ms(20) }, 2.0, 20.0),
            (Latency::Pareto { min: ms(10), shape: 1.5 }, 15.874, 215.443),
            (empirical, 20.0, 94.0),
        ] {
            let drawn = sorted(&latency);
            let (m50, m99) = (drawn[50_000], drawn[99_000]);
            assert!((m50 / p50 - 1.0).abs() < 0.02, "{latency:?} p50 {m50}");
            assert!((m99 / p99 - 1.0).abs() < 0.06, "{latency:?} p99 {m99}");
        }
    }
}
