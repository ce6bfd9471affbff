//! The middle of rounds of which nothing is known but that they are independent.

use super::sign_test;

/// As many rounds as an experiment can have.
const MOST: u32 = 1000;

/// The median of rounds. Its interval lies between two of them (order statistics), so it holds the truth as often as it says
/// whatever the rounds are like. That of a mean does not where a few rounds are far worse than all others: whoever has not met
/// one of these knows nothing of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Middle {
    /// The rounds' figures, in order.
    sorted: Vec<f64>,
}

impl Middle {
    /// Of `rounds`, each an independent figure of the same kind. `None` for none.
    pub fn of_rounds(rounds: &[f64]) -> Option<Middle> {
        let mut sorted = rounds.to_vec();
        sorted.sort_by(f64::total_cmp);
        (!sorted.is_empty()).then_some(Middle { sorted })
    }

    /// The median.
    pub fn value(&self) -> f64 {
        let n = self.sorted.len();
        0.5 * (self.sorted[(n - 1) / 2] + self.sorted[n / 2])
    }

    /// The interval that holds the truth with probability `confidence`. `None` if even the smallest and the largest round do so
    /// less often: 95 % needs six rounds.
    ///
    /// The k-th smallest and the k-th largest of n rounds hold the median with a probability that depends on k and n alone;
    /// between two such pairs the interval's ends lie where Hettmansperger and Sheather (1986) have shown that they are right
    /// for almost all distributions.
    pub fn interval(&self, confidence: f64) -> Option<(f64, f64)> {
        let n = self.sorted.len();
        let k = (1..=n / 2).take_while(|k| self.outside(*k) <= 1.0 - confidence).last()?;
        let share = self.place(k, 1.0 - confidence);
        Some((self.between(k, share), -self.mirrored().between(k, share)))
    }

    /// The probability that rounds are as clear of `edge` as these by accident, if the median is there.
    pub fn chance(&self, edge: f64) -> f64 {
        if edge > self.value() {
            return self.mirrored().chance(-edge);
        }
        let below = self.sorted.iter().filter(|round| **round < edge).count();
        match below {
            _ if edge >= self.value() => 1.0,
            0 => self.outside(1),
            k => {
                let (low, high) = (self.sorted[k - 1], self.order(k + 1));
                let share = (edge - low) / (high - low);
                let (n, at) = (self.sorted.len() as f64, k as f64);
                let part = share * at / ((n - at) - share * (n - 2.0 * at));
                self.outside(k) + part * (self.outside(k + 1) - self.outside(k))
            }
        }
    }

    /// How many rounds, these included, would probably bring the interval clear of `edge`; `None` if more than there can be.
    pub fn rounds_needed(&self, edge: f64, confidence: f64) -> Option<u32> {
        let n = self.sorted.len() as u32;
        let below = self.sorted.iter().filter(|round| **round < edge).count() as u32;
        let share = f64::from(below.min(n - below)) / f64::from(n);
        (n + 1..=MOST).find(|n| sign_test((share * f64::from(*n)).ceil() as u32, *n) < 1.0 - confidence)
    }

    /// How often the median is not between the `k`-th smallest and the `k`-th largest round; for k past the middle always.
    fn outside(&self, k: usize) -> f64 {
        let n = self.sorted.len();
        if 2 * k > n { 1.0 } else { sign_test(k as u32 - 1, n as u32) }
    }

    /// Which share of the way from the `k`-th round inwards an interval reaches that misses the median with probability `miss`.
    fn place(&self, k: usize, miss: f64) -> f64 {
        let (n, at) = (self.sorted.len() as f64, k as f64);
        let part = (miss - self.outside(k)) / (self.outside(k + 1) - self.outside(k));
        (n - at) * part / (at + (n - 2.0 * at) * part)
    }

    /// So far on the way from the `k`-th round to the next one inwards, which in the end is the median.
    fn between(&self, k: usize, share: f64) -> f64 {
        let (from, to) = (self.sorted[k - 1], self.order(k + 1));
        from + share * (to - from)
    }

    /// The `k`-th smallest round, or the median if that is smaller.
    fn order(&self, k: usize) -> f64 {
        if 2 * k > self.sorted.len() { self.value() } else { self.sorted[k - 1] }
    }

    /// The same the other way round.
    fn mirrored(&self) -> Middle {
        Middle { sorted: self.sorted.iter().rev().map(|round| -round).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draws::{Stream, normal};

    fn middle(rounds: &[f64]) -> Middle {
        Middle::of_rounds(rounds).expect("there are some")
    }

    #[test]
    fn the_interval_lies_where_the_tables_say() {
        // Of ten rounds the second ones from both ends hold the median in 97.85 % of all cases (1 − 2·11/1024).
        let ten = middle(&[9.0, 1.0, 8.0, 2.0, 7.0, 3.0, 6.0, 4.0, 5.0, 10.0]);
        let (low, high) = ten.interval(1.0 - 22.0 / 1024.0).expect("ten are enough");
        assert!((low - 2.0).abs() < 1e-12 && (high - 9.0).abs() < 1e-12, "{low} {high}");
        assert_eq!(ten.value(), 5.5);
        // Six rounds hold it with 96.875 %, five with 93.75 %.
        assert_eq!(middle(&[1.0, 2.0, 3.0, 4.0, 5.0]).interval(0.95), None);
        let six = middle(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        assert_eq!((six.interval(0.96875), six.interval(0.97)), (Some((1.0, 6.0)), None));
    }

    #[test]
    fn the_chance_is_that_of_the_interval_whose_end_is_at_the_edge() {
        let rounds = middle(&[0.3, 0.5, 1.1, 1.3, 2.9, 4.0, 7.5, 30.0, 31.0]);
        for confidence in [0.93, 0.95, 0.98, 0.99] {
            let (low, high) = rounds.interval(confidence).expect("nine are enough");
            for edge in [low, high] {
                assert!((rounds.chance(edge) - (1.0 - confidence)).abs() < 1e-9, "{edge}: {confidence}");
            }
        }
        // Beyond all rounds it is that of nine coins that agree.
        assert_eq!((rounds.chance(-5.0), rounds.chance(32.0)), (2.0 / 512.0, 2.0 / 512.0));
        assert_eq!(rounds.chance(2.9), 1.0);
    }

    #[test]
    fn it_holds_the_median_in_95_of_100_cases_whatever_the_rounds_are_like() {
        let stream = Stream::new(6, "test");
        let cases = 4000;
        // Symmetric, skewed, and with a few rounds that are far worse than the others.
        let shapes: [fn(f64) -> f64; 3] =
            [|z| z, |z| libm::exp(2.0 * z), |z| if z > 1.3 { 1e3 * z } else { 0.01 * z }];
        for (n, shape) in [6, 8, 10, 25].into_iter().flat_map(|n| shapes.map(|shape| (n, shape))) {
            let held = (0..cases).filter(|case| {
                let rounds: Vec<f64> =
                    (0..n).map(|i| shape(normal(&mut stream.dice(case * 100 + i)))).collect();
                let (low, high) = middle(&rounds).interval(0.95).expect("enough");
                low <= shape(0.0) && shape(0.0) <= high
            });
            // Three standard deviations of the share are 0.0103; what is interpolated is right up to a half of that.
            let share = held.count() as f64 / cases as f64;
            assert!((share - 0.95).abs() < 0.016, "{n} rounds: {share}");
        }
    }

    #[test]
    fn rounds_that_agree_need_six_at_95_percent() {
        assert_eq!(middle(&[1.0, 2.0]).rounds_needed(3.0, 0.95), Some(6));
        assert_eq!(middle(&[1.0, 2.0]).rounds_needed(3.0, 0.99), Some(8));
        assert_eq!(middle(&[1.0, 4.0]).rounds_needed(3.0, 0.95), None);
    }
}
