//! A small histogram of microseconds: so many bins per octave, each as wide as the others of its octave.

use std::time::Duration;

/// Counts of durations, exact to 1/2^`BITS` of their size. As large as its largest sample needs, up to 32 · 2^`BITS` bins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bins<const BITS: u32 = 4> {
    counts: Vec<u32>,
    count: u64,
}

/// Whole microseconds.
#[inline]
pub(crate) fn micros(duration: Duration) -> u64 {
    duration.as_secs().saturating_mul(1_000_000).saturating_add(duration.subsec_micros().into())
}

/// The bin of `us`. The first 2^`bits` are one microsecond wide.
fn bin(bits: u32, us: u64) -> usize {
    let us = us.min(u64::from(u32::MAX));
    let octave = (us | 1).ilog2().saturating_sub(bits);
    ((u64::from(octave) << bits) + (us >> octave)) as usize
}

/// Where bin `i` begins, in microseconds.
fn begin(bits: u32, i: usize) -> f64 {
    let octave = (i as u64 >> bits).saturating_sub(1);
    ((i as u64 - (octave << bits)) << octave) as f64
}

/// Where bin `i` of a [`Heat`](crate::experiment::Heat) begins, in microseconds; it ends where the next one begins.
pub fn edge_us(i: u32) -> f64 {
    libm::exp2(f64::from(i / 4)) * (1.0 + f64::from(i % 4) / 4.0)
}

impl<const BITS: u32> Bins<BITS> {
    /// Takes a sample in microseconds.
    pub fn note(&mut self, us: u64) {
        let bin = bin(BITS, us);
        if bin >= self.counts.len() {
            self.counts.resize(bin + 1, 0);
        }
        self.counts[bin] = self.counts[bin].saturating_add(1);
        self.count += 1;
    }

    /// Takes the samples of `other`.
    pub fn add(&mut self, other: &Bins<BITS>) {
        if other.counts.len() > self.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        self.counts.iter_mut().zip(&other.counts).for_each(|(own, more)| *own = own.saturating_add(*more));
        self.count += other.count;
    }

    /// How many samples there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The quantile `q` in microseconds, in proportion within its bin; `None` if there are no samples.
    pub fn quantile_us(&self, q: f64) -> Option<f64> {
        let rank = libm::ceil(q * self.count as f64).max(1.0);
        let mut before = 0.0;
        for (i, &count) in self.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let count = f64::from(count);
            if before + count >= rank {
                // The samples of a bin stand in the middle of equal parts of it.
                let part = (rank - before - 0.5) / count;
                return Some(begin(BITS, i) + part * (begin(BITS, i + 1) - begin(BITS, i)));
            }
            before += count;
        }
        None
    }

    /// Their mean in microseconds; `None` if there are no samples.
    pub fn mean_us(&self) -> Option<f64> {
        let middle = |i: usize| (begin(BITS, i) + begin(BITS, i + 1)) / 2.0;
        let sum: f64 = self.counts.iter().enumerate().map(|(i, count)| f64::from(*count) * middle(i)).sum();
        (self.count > 0).then(|| sum / self.count as f64)
    }

    /// The counts in bins four times as wide: number i begins at [`edge_us`] of i. What is below 1 µs is in the first.
    pub fn per_quarter_octave(&self) -> Vec<u32> {
        let mut rows = Vec::new();
        for (i, &count) in self.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let us = (begin(BITS, i) as u64).max(1);
            // The two bits after the first: with zeros after them where there are none.
            let wide = (us.ilog2() * 4) as usize + (((us << 2) >> us.ilog2()) & 3) as usize;
            if wide >= rows.len() {
                rows.resize(wide + 1, 0);
            }
            rows[wide] += count;
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bins_follow_one_another_without_gaps() {
        let edges: Vec<u64> = (0..464).map(|i| begin(4, i) as u64).collect();
        assert!(edges.is_sorted_by(|a, b| a < b));
        for (i, edge) in edges.iter().enumerate() {
            assert_eq!((bin(4, *edge), bin(4, edge.saturating_sub(1))), (i, i.saturating_sub(1)));
        }
        assert_eq!(bin(4, u64::MAX), 463);
    }

    proptest! {
        /// A quantile is off by less than the width of a bin.
        #[test]
        fn quantiles_are_exact_to_a_bin(samples in proptest::collection::vec(20u64..10_000_000, 1..300), q in 0.01f64..1.0) {
            let mut bins: Bins = Bins::default();
            samples.iter().for_each(|us| bins.note(*us));
            let mut sorted = samples.clone();
            sorted.sort_unstable();
            let rank = ((q * samples.len() as f64).ceil() as usize).max(1);
            let (exact, found) = (sorted[rank - 1] as f64, bins.quantile_us(q).expect("there are samples"));
            prop_assert!((found / exact - 1.0).abs() <= 1.0 / 16.0 + 1e-9, "{} {}", exact, found);
        }

        /// Every sample is in the wide bin whose edges it lies between.
        #[test]
        fn wide_bins_are_a_quarter_of_an_octave(us in 1u64..4_000_000_000) {
            let mut bins: Bins = Bins::default();
            bins.note(us);
            let wide = bins.per_quarter_octave();
            let i = wide.iter().position(|count| *count > 0).expect("one sample") as u32;
            prop_assert!(edge_us(i) <= us as f64 && (us as f64) < edge_us(i + 1));
        }
    }
}
