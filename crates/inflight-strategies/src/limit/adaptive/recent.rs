//! The round trips of a recent window, and what failsafe-go's limiter makes of them.

use crate::rt::Rng;
use std::collections::VecDeque;

/// The most round trips that are kept; beyond that a uniform sample of the window stands for it.
const MOST: usize = 1 << 16;

/// Round trips since the last update.
#[derive(Clone, Debug, Default)]
pub(super) struct Recent {
    rtts: Vec<u64>,
    pub(super) count: u64,
    pub(super) shortest: u64,
    pub(super) most_in_flight: u32,
}

impl Recent {
    pub(super) fn add(&mut self, rtt: u64, in_flight: u32, dice: &mut dyn Rng) {
        self.shortest = if self.count == 0 { rtt } else { self.shortest.min(rtt) };
        self.most_in_flight = self.most_in_flight.max(in_flight);
        self.count += 1;
        if self.rtts.len() < MOST {
            self.rtts.push(rtt);
        } else if let Some(slot) = self.rtts.get_mut((dice.unit() * self.count as f64) as usize) {
            // Vitter's reservoir: the i-th replaces one of the first n with probability n/i.
            *slot = rtt;
        }
    }

    /// The quantile `q`, as a t-digest gives it whose centroids are single samples: sample i stands at rank i + ½, and
    /// between two of them it is linear. The reference's digest merges centroids only beyond a hundred samples or so.
    pub(super) fn quantile(&mut self, q: f64) -> f64 {
        self.rtts.sort_unstable();
        let at = |i: usize| self.rtts[i.min(self.rtts.len() - 1)] as f64;
        let rank = (q * self.rtts.len() as f64 - 0.5).max(0.0);
        let (i, part) = (rank as usize, rank.fract());
        at(i) * (1.0 - part) + at(i + 1) * part
    }
}

/// The median of the last few values; while they are few, the last one.
#[derive(Clone, Debug)]
pub(super) struct MovingMedian {
    size: usize,
    values: VecDeque<f64>,
}

impl MovingMedian {
    pub(super) fn new(size: usize) -> MovingMedian {
        MovingMedian { size, values: VecDeque::new() }
    }

    pub(super) fn add(&mut self, value: f64) -> f64 {
        if self.values.len() == self.size {
            self.values.pop_front();
        }
        self.values.push_back(value);
        if self.values.len() < self.size {
            return value;
        }
        let mut sorted: Vec<f64> = self.values.iter().copied().collect();
        sorted.sort_by(f64::total_cmp);
        sorted[self.size / 2]
    }
}

/// The largest of the values of a stretch of time.
#[derive(Clone, Debug)]
pub(super) struct MovingMax {
    nanos: u64,
    /// (when, value), values falling.
    values: VecDeque<(u64, u32)>,
}

impl MovingMax {
    pub(super) fn new(nanos: u64) -> MovingMax {
        MovingMax { nanos, values: VecDeque::new() }
    }

    pub(super) fn add(&mut self, now: u64, value: u32) -> u32 {
        while self.values.front().is_some_and(|(at, _)| at.saturating_add(self.nanos) <= now) {
            self.values.pop_front();
        }
        while self.values.back().is_some_and(|(_, last)| *last <= value) {
            self.values.pop_back();
        }
        self.values.push_back((now, value));
        self.values[0].1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failsafe_go_moving_median() {
        // internal/util/median_test.go.
        let medians = |size, values: &[f64]| {
            let mut median = MovingMedian::new(size);
            values.iter().map(|value| median.add(*value)).collect::<Vec<_>>()
        };
        assert_eq!(medians(3, &[1.0, 2.0, 3.0, 4.0]), [1.0, 2.0, 2.0, 3.0]);
        assert_eq!(medians(5, &[5.0, 2.0, 8.0, 1.0, 9.0])[4], 5.0);
    }

    #[test]
    fn a_quantile_lies_between_the_ranks() {
        let mut recent = Recent::default();
        let mut dice = super::super::testing::Shows(0);
        (1..=50).for_each(|i| recent.add(51 - i, 1, &mut dice));
        // Rank 45 of 50 is half-way between the 45th and the 46th.
        assert_eq!(recent.quantile(0.9), 45.5);
        assert_eq!((recent.quantile(0.0), recent.quantile(1.0)), (1.0, 50.0));
        assert_eq!((recent.count, recent.shortest), (50, 1));
    }

    #[test]
    fn the_largest_of_a_stretch_is_forgotten_after_it() {
        let mut max = MovingMax::new(10);
        assert_eq!(
            [(0, 20), (2, 5), (9, 7), (10, 1), (30, 3)].map(|(at, v)| max.add(at, v)),
            [20, 20, 20, 7, 3]
        );
    }
}
