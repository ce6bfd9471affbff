//! A log-linear histogram with two decimal digits: how Envoy summarises latencies.
//!
//! Bins are 10, 11, …, 99 times a power of ten; within a bin values are taken for evenly spread. So a quantile of equal
//! samples lies in the middle of their bin: fifty samples of 13 ms have the median 13.5 ms. Trajectories are only
//! the reference's if this is kept. After libcircllhist (Theo Schlossnagle), of which Envoy uses this much.

use std::collections::BTreeMap;

/// Counts per bin.
#[derive(Clone, Debug, Default)]
pub(super) struct Histogram {
    /// (power of ten of the bin's width, first two digits) → count. Zero has a bin without width.
    bins: BTreeMap<(i8, u8), u32>,
    count: u32,
}

impl Histogram {
    /// Samples so far.
    pub(super) fn count(&self) -> u32 {
        self.count
    }

    /// Takes a value in.
    pub(super) fn insert(&mut self, value: u64) {
        let bin = match value {
            0 => (i8::MIN, 0),
            1..=9 => (-1, (value * 10) as u8),
            _ => {
                let exponent = value.ilog10() - 1;
                (exponent as i8, (value / 10u64.pow(exponent)) as u8)
            }
        };
        *self.bins.entry(bin).or_default() += 1;
        self.count += 1;
    }

    /// The quantile `q`, 0 to 1; zero without samples.
    pub(super) fn quantile(&self, q: f64) -> f64 {
        let rank = f64::from(self.count) * q;
        let mut below = 0.0;
        let mut answer = 0.0;
        for (bin, count) in &self.bins {
            let (left, width) = edges(*bin);
            let count = f64::from(*count);
            answer = left + (rank - below) / count * width;
            below += count;
            if below >= rank {
                return answer;
            }
        }
        answer
    }
}

/// The left edge of a bin and its width.
fn edges((exponent, digits): (i8, u8)) -> (f64, f64) {
    match exponent {
        i8::MIN => (0.0, 0.0),
        -1 => (f64::from(digits) / 10.0, 0.1),
        _ => {
            let width = 10u64.pow(u32::from(exponent.unsigned_abs())) as f64;
            (f64::from(digits) * width, width)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quantile(values: &[u64], q: f64) -> f64 {
        let mut histogram = Histogram::default();
        values.iter().for_each(|value| histogram.insert(*value));
        histogram.quantile(q)
    }

    #[test]
    fn equal_values_lie_in_the_middle_of_their_bin() {
        assert_eq!(quantile(&[13_000; 50], 0.5), 13_500.0);
        assert_eq!(quantile(&[5_000; 6], 0.5), 5_050.0);
        assert_eq!(quantile(&[0; 4], 0.5), 0.0);
        assert!((quantile(&[7; 2], 0.5) - 7.05).abs() < 1e-12);
    }

    #[test]
    fn the_ends_are_the_edges() {
        assert_eq!(quantile(&[1_000, 2_000, 99_999], 0.0), 1_000.0);
        assert_eq!(quantile(&[1_000, 2_000, 99_999], 1.0), 100_000.0);
    }

    #[test]
    fn the_rank_walks_through_the_bins() {
        // 2.5 of 5 samples: the middle of the third bin.
        assert_eq!(quantile(&[1_000, 2_000, 3_000, 4_000, 5_000], 0.5), 3_050.0);
    }
}
