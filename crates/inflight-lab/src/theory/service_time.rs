//! A service time as theory sees it: moments, tail and transform of a configured latency, stragglers included.

use super::{
    not_applicable::{NotApplicable, Result, order, positive},
    numeric::falls_to,
    transform::{Kernel, Transform},
};
use crate::dependency::{Latency, Profile, Stragglers, Z99};
use std::f64::consts::SQRT_2;

/// The distribution of the work of those requests that do not fail at once. In seconds.
#[derive(Clone, Debug, PartialEq)]
pub struct ServiceTime {
    latency: Latency,
    stragglers: Option<Stragglers>,
}

impl From<&Profile> for ServiceTime {
    fn from(profile: &Profile) -> ServiceTime {
        ServiceTime { latency: profile.latency.clone(), stragglers: profile.stragglers }
    }
}

impl From<Latency> for ServiceTime {
    fn from(latency: Latency) -> ServiceTime {
        ServiceTime { latency, stragglers: None }
    }
}

impl ServiceTime {
    /// E(X^order) in seconds^order, for order 1 to 3, if it is finite.
    pub fn moment(&self, order: u32) -> Result<f64> {
        let k = f64::from(order);
        let average = |a: f64, b: f64| {
            (0..=order).map(|i| libm::pow(a, f64::from(i)) * libm::pow(b, k - f64::from(i))).sum::<f64>()
                / (k + 1.0)
        };
        let alone = match &self.latency {
            Latency::Constant(d) => libm::pow(d.as_secs_f64(), k),
            Latency::Uniform(low, high) => average(low.as_secs_f64(), high.as_secs_f64()),
            Latency::Exponential(mean) => libm::tgamma(k + 1.0) * libm::pow(mean.as_secs_f64(), k),
            Latency::Lognormal { median, p99 } => {
                let sigma = sigma(median.as_secs_f64(), p99.as_secs_f64());
                libm::pow(median.as_secs_f64(), k) * libm::exp(0.5 * k * k * sigma * sigma)
            }
            Latency::Pareto { shape, .. } if *shape <= k => {
                return Err(NotApplicable::InfiniteMoment { order });
            }
            Latency::Pareto { min, shape } => libm::pow(min.as_secs_f64(), k) * shape / (shape - k),
            Latency::Empirical(_) => {
                self.pieces().map(|piece| piece.share * average(piece.low, piece.high)).sum()
            }
        };
        positive(alone, "a service time above zero")?;
        Ok(self
            .stragglers
            .map_or(alone, |s| alone * (1.0 + s.share.value() * (libm::pow(s.factor, k) - 1.0))))
    }

    /// The mean in seconds.
    pub fn mean(&self) -> Result<f64> {
        self.moment(1)
    }

    /// The squared coefficient of variation: variance over squared mean. 0 for a constant, 1 for the exponential.
    pub fn scv(&self) -> Result<f64> {
        let (mean, square) = (self.moment(1)?, self.moment(2)?);
        Ok((square / (mean * mean) - 1.0).max(0.0))
    }

    /// Whether it is exponential, and so forgets.
    pub fn is_exponential(&self) -> bool {
        matches!(self.latency, Latency::Exponential(_)) && self.stragglers.is_none()
    }

    /// Whether it is always the same.
    pub fn is_constant(&self) -> bool {
        matches!(self.latency, Latency::Constant(_)) && self.stragglers.is_none()
    }

    /// P(X > x).
    pub fn tail(&self, x: f64) -> f64 {
        let alone = |x: f64| self.tail_alone(x);
        self.stragglers.map_or_else(
            || alone(x),
            |s| (1.0 - s.share.value()) * alone(x) + s.share.value() * alone(x / s.factor),
        )
    }

    fn tail_alone(&self, x: f64) -> f64 {
        let below = |at: f64| if x < at { 1.0 } else { 0.0 };
        match &self.latency {
            Latency::Constant(d) => below(d.as_secs_f64()),
            Latency::Uniform(low, high) => Piece::new(1.0, low.as_secs_f64(), high.as_secs_f64()).tail(x),
            Latency::Exponential(mean) => libm::exp(-x.max(0.0) / mean.as_secs_f64()),
            Latency::Lognormal { median, p99 } if x > 0.0 => {
                let sigma = sigma(median.as_secs_f64(), p99.as_secs_f64());
                if sigma == 0.0 {
                    return below(median.as_secs_f64());
                }
                0.5 * libm::erfc(libm::log(x / median.as_secs_f64()) / (sigma * SQRT_2))
            }
            Latency::Lognormal { .. } => 1.0,
            Latency::Pareto { min, shape } => libm::pow(min.as_secs_f64() / x.max(min.as_secs_f64()), *shape),
            Latency::Empirical(_) => self.pieces().map(|piece| piece.tail(x)).sum(),
        }
    }

    /// The time that a share `p` does not exceed.
    pub fn quantile(&self, p: f64) -> Result<f64> {
        Ok(falls_to(1.0 - order(p)?, self.scale(), |x| self.tail(x)))
    }

    /// The shortest time there is.
    pub fn shortest(&self) -> f64 {
        match &self.latency {
            Latency::Constant(d) | Latency::Uniform(d, _) | Latency::Pareto { min: d, .. } => d.as_secs_f64(),
            Latency::Exponential(_) | Latency::Lognormal { .. } => 0.0,
            Latency::Empirical(quantiles) => quantiles.first().map_or(0.0, |(_, d)| d.as_secs_f64()),
        }
    }

    /// A typical time, which exists also where the mean does not.
    fn scale(&self) -> f64 {
        match &self.latency {
            Latency::Constant(d) | Latency::Uniform(_, d) | Latency::Exponential(d) => d.as_secs_f64(),
            Latency::Lognormal { median: d, .. } | Latency::Pareto { min: d, .. } => d.as_secs_f64(),
            Latency::Empirical(quantiles) => quantiles.last().map_or(1.0, |(_, d)| d.as_secs_f64()),
        }
    }

    /// The straight pieces between measured quantiles.
    fn pieces(&self) -> impl Iterator<Item = Piece> {
        let quantiles =
            if let Latency::Empirical(quantiles) = &self.latency { quantiles.as_slice() } else { &[] };
        quantiles.windows(2).map(|w| Piece::new(w[1].0 - w[0].0, w[0].1.as_secs_f64(), w[1].1.as_secs_f64()))
    }

    /// The Laplace transform of the tail, ready to be asked for many s.
    pub(super) fn transform(&self) -> Transform {
        let seconds = |d: &std::time::Duration| d.as_secs_f64();
        let alone = match &self.latency {
            Latency::Constant(d) => Kernel::Pieces(vec![Piece::new(1.0, seconds(d), seconds(d))]),
            Latency::Uniform(low, high) => Kernel::Pieces(vec![Piece::new(1.0, seconds(low), seconds(high))]),
            Latency::Empirical(_) => Kernel::Pieces(self.pieces().collect()),
            Latency::Exponential(mean) => Kernel::Exponential(seconds(mean)),
            Latency::Lognormal { median, p99 } => {
                Kernel::lognormal(seconds(median), sigma(seconds(median), seconds(p99)))
            }
            Latency::Pareto { min, shape } => Kernel::pareto(seconds(min), *shape),
        };
        Transform { alone, stragglers: self.stragglers }
    }
}

fn sigma(median: f64, p99: f64) -> f64 {
    libm::log(p99 / median) / Z99
}

/// A share of the probability, spread evenly between two times.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    pub share: f64,
    pub low: f64,
    pub high: f64,
}

impl Piece {
    fn new(share: f64, low: f64, high: f64) -> Piece {
        Piece { share, low, high }
    }

    fn tail(self, x: f64) -> f64 {
        if x < self.low {
            self.share
        } else if x >= self.high {
            0.0
        } else {
            self.share * (self.high - x) / (self.high - self.low)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{complex::Complex, testing::agrees};
    use super::*;
    use inflight_strategies::units::Ratio;
    use std::time::Duration;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn all() -> Vec<ServiceTime> {
        let empirical = vec![(0.0, ms(10)), (0.5, ms(20)), (0.9, ms(40)), (1.0, ms(100))];
        let straggling = Stragglers { share: Ratio::new(0.03).unwrap(), factor: 5.0 };
        [
            Latency::Uniform(ms(300), ms(1200)),
            Latency::Exponential(ms(100)),
            Latency::Lognormal { median: ms(50), p99: ms(400) },
            Latency::Pareto { min: ms(10), shape: 3.5 },
            Latency::Empirical(empirical),
        ]
        .into_iter()
        .flat_map(|latency| {
            [None, Some(straggling)].map(|stragglers| ServiceTime { latency: latency.clone(), stragglers })
        })
        .collect()
    }

    #[test]
    fn the_uniform_service_b_has_the_published_moments() {
        let b = ServiceTime::from(Latency::Uniform(ms(300), ms(1200)));
        agrees(b.mean().unwrap(), "0.7500000");
        agrees(b.moment(2).unwrap(), "0.6300000");
        agrees(b.scv().unwrap(), "0.1200000");
        agrees(b.quantile(0.99).unwrap(), "1.1910000");
    }

    #[test]
    fn moments_are_those_of_the_tail_and_of_the_transform() {
        for time in all() {
            let mean = time.mean().unwrap();
            // In ln x, so that a long tail is no trouble.
            let area = |k: f64| {
                let in_log = |y: f64| k * libm::exp(k * y) * time.tail(libm::exp(y));
                super::super::numeric::integral(-25.0, 12.0, 1e-10, &in_log)
            };
            assert!((area(1.0) / mean - 1.0).abs() < 1e-5, "{time:?}");
            assert!((area(2.0) / time.moment(2).unwrap() - 1.0).abs() < 1e-4, "{time:?}");
            let s = 1e-4 / mean;
            let slope = time.transform().tail_at(Complex::new(s, 0.0)).re;
            let expected = mean - 0.5 * s * time.moment(2).unwrap();
            assert!((slope / expected - 1.0).abs() < 1e-6, "{time:?}: {slope} {mean}");
        }
    }

    #[test]
    fn a_heavy_tail_has_no_moments_but_quantiles() {
        let pareto = ServiceTime::from(Latency::Pareto { min: ms(10), shape: 1.5 });
        assert_eq!(pareto.scv(), Err(NotApplicable::InfiniteMoment { order: 2 }));
        assert!((pareto.quantile(0.99).unwrap() - 0.215_443_469).abs() < 1e-8);
    }
}
