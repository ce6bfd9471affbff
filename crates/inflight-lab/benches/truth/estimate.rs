//! A mean over independent replications, its interval and its score.

/// The 97.5th percentile of Student's t with 19 degrees of freedom (any table).
const T19: f64 = 2.093_024;
/// The same of the normal distribution.
const Z975: f64 = 1.959_964;

/// A mean over replications.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Estimate {
    /// The mean.
    pub(crate) mean: f64,
    /// Its standard error.
    error: f64,
    /// Degrees of freedom.
    freedom: f64,
}

impl Estimate {
    /// Of these values, one per replication.
    pub(crate) fn of(values: &[f64]) -> Estimate {
        assert_eq!(values.len(), 20, "T19 belongs to 20 replications");
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / (n - 1.0);
        Estimate { mean, error: (variance / n).sqrt(), freedom: n - 1.0 }
    }

    /// Half the width of its 95 % interval.
    pub(crate) fn half_width(&self) -> f64 {
        T19 * self.error
    }

    /// How far it is from `theory`, which is itself known up to `half_width` (95 %), as a normal score.
    pub(crate) fn z(&self, theory: f64, half_width: f64) -> f64 {
        let error = libm::hypot(self.error, half_width / Z975);
        // No spread at all: only equality will do.
        let t = if self.mean == theory { 0.0 } else { (self.mean - theory) / error };
        let n = self.freedom;
        let size = (8.0 * n + 1.0) / (8.0 * n + 3.0) * (n * libm::log1p(t * t / n)).sqrt();
        size.copysign(t)
    }
}

/// The normal distribution's quantile, to four digits: Abramowitz and Stegun 26.2.23, for shares above one half.
pub(crate) fn normal_quantile(share: f64) -> f64 {
    let t = (-2.0 * libm::log(1.0 - share)).sqrt();
    let above = 2.515_517 + t * (0.802_853 + t * 0.010_328);
    t - above / (1.0 + t * (1.432_788 + t * (0.189_269 + t * 0.001_308)))
}
