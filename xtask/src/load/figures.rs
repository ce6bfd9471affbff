//! Percentiles of lists, and how evenly a list of arrivals is spaced. Pure.

/// The value that a share `q` of the sorted `values` do not exceed; NaN if there are none.
pub(super) fn quantile(values: &[f64], q: f64) -> f64 {
    let rank = ((q * values.len() as f64).ceil() as usize).clamp(1, values.len().max(1));
    values.get(rank - 1).copied().unwrap_or(f64::NAN)
}

/// The same values in order.
pub(super) fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    values
}

/// The middle of three or more runs.
pub(super) fn median(values: Vec<f64>) -> f64 {
    quantile(&sorted(values), 0.5)
}

/// How evenly requests arrived.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pacing {
    pub per_s: f64,
    /// How much later than an even grid, in µs: median, p99, p99.9.
    pub late_us: [f64; 3],
    /// Standard deviation of the gaps over their mean: 0 is perfect, 1 as random as Poisson.
    pub gap_cv: f64,
}

impl Pacing {
    /// Of arrivals in nanoseconds, between `from` and `to` seconds after the first. The grid is the one that fits them best by
    /// least squares; it lies so that one arrival in a thousand is earlier.
    pub(super) fn of(arrivals: &[u64], from: f64, to: f64) -> Option<Pacing> {
        let at: Vec<f64> =
            arrivals.iter().map(|&ns| ns as f64 / 1e9).filter(|t| (from..to).contains(t)).collect();
        let n = at.len().checked_sub(1).filter(|n| *n >= 10)?;
        let (middle, mean) = (n as f64 / 2.0, at.iter().sum::<f64>() / at.len() as f64);
        let moments: f64 = at.iter().enumerate().map(|(k, t)| (k as f64 - middle) * (t - mean)).sum();
        let squares: f64 = (0..=n).map(|k| (k as f64 - middle).powi(2)).sum();
        let gap = moments / squares;
        let late = sorted(at.iter().enumerate().map(|(k, t)| t - k as f64 * gap).collect());
        let grid = quantile(&late, 0.001);
        let late_us = [0.5, 0.99, 0.999].map(|q| (quantile(&late, q) - grid) * 1e6);
        let variance = at.windows(2).map(|w| (w[1] - w[0] - gap).powi(2)).sum::<f64>() / n as f64;
        Some(Pacing { per_s: 1.0 / gap, late_us, gap_cv: variance.sqrt() / gap })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_of_the_list() {
        let values = sorted(vec![3.0, 1.0, 2.0, 4.0]);
        assert_eq!([0.0, 0.25, 0.5, 0.51, 1.0].map(|q| quantile(&values, q)), [1.0, 1.0, 2.0, 3.0, 4.0]);
        assert!(quantile(&[], 0.5).is_nan());
    }

    #[test]
    fn an_even_grid_is_never_late_and_bursts_are() {
        let even: Vec<u64> = (0..10_000).map(|k| k * 500_000).collect();
        let pacing = Pacing::of(&even, 0.0, 10.0).unwrap();
        assert!((pacing.per_s - 2000.0).abs() < 1e-6 && pacing.gap_cv < 1e-6, "{pacing:?}");
        assert!(pacing.late_us[2] < 1e-3, "{pacing:?}");
        // 50 at once, each 25 ms: what hey does.
        let bursts: Vec<u64> = (0..10_000).map(|k| k / 50 * 25_000_000).collect();
        let pacing = Pacing::of(&bursts, 0.0, 10.0).unwrap();
        assert!((6.5..7.5).contains(&pacing.gap_cv), "{pacing:?}");
        assert!((11_000.0..14_000.0).contains(&pacing.late_us[0]), "{pacing:?}");
    }
}
