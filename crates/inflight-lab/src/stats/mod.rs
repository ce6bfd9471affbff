//! Estimates with their intervals. Pure arithmetic over what was measured.

mod compare;
mod correlation;
mod middle;
mod student;
mod warmup;

pub use compare::{Spread, holm, sign_test, wilson};
pub use correlation::correlation_time;
pub use middle::Middle;
pub use student::{student_t, student_tails};
pub use warmup::mser5;

use serde::{Deserialize, Serialize};

/// How sure an interval is.
pub const CONFIDENCE: f64 = 0.95;

/// A figure that was estimated from independent replications.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Estimate {
    /// The estimate.
    pub value: f64,
    /// Half the width of its interval, which holds the true value with probability [`CONFIDENCE`]; `None` if fewer than two
    /// replications leave it open.
    pub half_width: Option<f64>,
}

impl Estimate {
    /// The mean of `replications`, with Student's interval: t · s/√n, where s² = Σ(x − x̄)²/(n − 1). Independent and nearly
    /// normal is what each replication must be. `None` if there are none.
    pub fn mean(replications: &[f64]) -> Option<Estimate> {
        let n = replications.len();
        let value = replications.iter().sum::<f64>() / n as f64;
        let half_width = (n > 1).then(|| {
            let squares: f64 = replications.iter().map(|x| (x - value) * (x - value)).sum();
            let freedom = (n - 1) as f64;
            student_t(n as u32 - 1, CONFIDENCE) * libm::sqrt(squares / freedom / n as f64)
        });
        (n > 0).then_some(Estimate { value, half_width })
    }

    /// The same interval around a better estimate of the same figure.
    pub fn around(self, value: f64) -> Estimate {
        Estimate { value, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draws::{Stream, normal};

    #[test]
    fn the_interval_of_a_small_sample_is_the_textbooks() {
        // Mean 5, s = √2.5, n = 5, t₀.₉₇₅(4) = 2.776445: 2.776445 · √0.5.
        let estimate = Estimate::mean(&[3.0, 4.0, 5.0, 6.0, 7.0]).expect("five of them");
        assert_eq!(estimate.value, 5.0);
        assert!((estimate.half_width.expect("an interval") - 1.963_243).abs() < 1e-6, "{estimate:?}");
    }

    #[test]
    fn one_replication_has_no_interval_and_none_has_no_mean() {
        assert_eq!(Estimate::mean(&[2.0]), Some(Estimate { value: 2.0, half_width: None }));
        assert_eq!(Estimate::mean(&[]), None);
    }

    #[test]
    fn the_interval_holds_the_mean_in_95_of_100_cases() {
        let stream = Stream::new(5, "test");
        let cases = 4000;
        let held = (0..cases)
            .filter(|case| {
                let sample: Vec<f64> = (0..6).map(|i| normal(&mut stream.dice(case * 6 + i))).collect();
                let estimate = Estimate::mean(&sample).expect("six of them");
                estimate.value.abs() <= estimate.half_width.expect("an interval")
            })
            .count();
        // Standard deviation of the share: √(0.95 · 0.05/4000) = 0.0034.
        assert!((held as f64 / cases as f64 - 0.95).abs() < 4.0 * 0.0034, "{held}");
    }
}
