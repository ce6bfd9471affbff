//! How long a series remembers.

/// The share of a correlation below which it counts as gone.
const GONE: f64 = 0.05;

/// The integrated autocorrelation time of `series` in steps: values that are many times as far apart are nearly independent.
/// Infinite if the correlation is not gone after a tenth of the series: then it is too short to say.
pub fn correlation_time(series: &[f64]) -> f64 {
    let n = series.len();
    let mean = series.iter().sum::<f64>() / n.max(1) as f64;
    let product = |lag: usize| -> f64 {
        series.iter().zip(&series[lag..]).map(|(a, b)| (a - mean) * (b - mean)).sum::<f64>() / n as f64
    };
    if n < 20 {
        return f64::INFINITY;
    }
    let variance = product(0);
    if variance <= 0.0 {
        return 0.0;
    }
    let mut time = 0.5;
    for lag in 1..n / 10 {
        let correlation = product(lag) / variance;
        if correlation < GONE {
            return time;
        }
        time += correlation;
    }
    f64::INFINITY
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draws::{Stream, normal};

    #[test]
    fn the_memory_of_an_autoregression_is_that_of_the_books() {
        // x = a·x' + noise: ½ + a/(1 − a), and the part below 5 % is left out.
        let stream = Stream::new(4, "test");
        for (a, time) in [(0.0, 0.5), (0.5, 1.5), (0.9, 9.5)] {
            let mut x = 0.0;
            let series: Vec<f64> = (0..20_000)
                .map(|i| {
                    x = a * x + normal(&mut stream.dice(i));
                    x
                })
                .collect();
            let found = correlation_time(&series);
            assert!((found - time).abs() < 0.15 * time + 0.1, "{a}: {found}, not {time}");
        }
    }

    #[test]
    fn a_series_that_only_rises_is_too_short() {
        let rising: Vec<f64> = (0..1000).map(f64::from).collect();
        assert_eq!(correlation_time(&rising), f64::INFINITY);
    }
}
