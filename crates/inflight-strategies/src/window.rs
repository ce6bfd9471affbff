//! Sums over the last so many seconds: a ring of slices, each of which is forgotten as a whole.

use crate::rt::Instant;
use std::{
    ops::{AddAssign, SubAssign},
    time::Duration,
};

/// A sum over a sliding window. What was added `window` ago is forgotten, up to one slice earlier: a window of ten slices
/// remembers between 9/10 of itself and the whole.
#[derive(Clone, Debug)]
pub struct Slices<T> {
    width: u64,
    slots: Vec<T>,
    newest: u64,
    total: T,
}

impl<T: Copy + Default + AddAssign + SubAssign> Slices<T> {
    /// An empty window of `slices` slices.
    ///
    /// # Panics
    /// If there are no slices, or if one of them would be shorter than a nanosecond.
    pub fn new(window: Duration, slices: u32) -> Self {
        let width = u64::try_from(window.as_nanos()).unwrap_or(u64::MAX) / u64::from(slices);
        assert!(width > 0, "a slice lasts a nanosecond or longer");
        Slices { width, slots: vec![T::default(); slices as usize], newest: 0, total: T::default() }
    }

    /// Adds `what` to the slice of `now`.
    pub fn add(&mut self, now: Instant, what: T) {
        self.advance(now);
        let slot = self.slot(self.newest);
        self.slots[slot] += what;
        self.total += what;
    }

    /// The sum over the window that ends at `now`.
    pub fn total(&mut self, now: Instant) -> T {
        self.advance(now);
        self.total
    }

    /// The slices that are over and still in the window that ends at `now`.
    pub fn past(&mut self, now: Instant) -> impl Iterator<Item = T> + '_ {
        self.advance(now);
        let over = (1..self.slots.len() as u64).filter_map(|back| self.newest.checked_sub(back));
        over.map(|index| self.slots[self.slot(index)])
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.slots.fill(T::default());
        self.total = T::default();
    }

    /// A clock that was read before another thread's counts as that one.
    fn advance(&mut self, now: Instant) {
        let index = now.as_nanos() / self.width;
        let steps = index.saturating_sub(self.newest).min(self.slots.len() as u64);
        for step in 0..steps {
            let slot = self.slot(index - step);
            self.total -= std::mem::take(&mut self.slots[slot]);
        }
        self.newest = self.newest.max(index);
    }

    fn slot(&self, index: u64) -> usize {
        (index % self.slots.len() as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Against a list of everything that was ever added: the sum is that over the slices that are still in the window.
        #[test]
        fn the_sum_is_that_of_the_slices_in_the_window(steps in proptest::collection::vec((0u64..400, 1i64..10), 1..80)) {
            let (mut window, mut now, mut all) = (Slices::new(Duration::from_nanos(500), 5), 0u64, Vec::new());
            for (pause, what) in steps {
                now += pause;
                window.add(Instant::from_nanos(now), what);
                all.push((now / 100, what));
                let alive = all.iter().filter(|(slice, _)| slice + 5 > now / 100);
                prop_assert_eq!(window.total(Instant::from_nanos(now)), alive.map(|(_, what)| what).sum::<i64>());
                let over = all.iter().filter(|(slice, _)| slice + 5 > now / 100 && *slice < now / 100);
                let past = window.past(Instant::from_nanos(now)).sum::<i64>();
                prop_assert_eq!(past, over.map(|(_, what)| what).sum::<i64>(), "without the present one");
            }
            prop_assert_eq!(window.total(Instant::from_nanos(now + 500)), 0);
        }
    }

    #[test]
    fn a_clock_that_was_read_earlier_takes_nothing_back() {
        let mut window = Slices::new(Duration::from_secs(1), 10);
        window.add(Instant::from_nanos(5_000_000_000), 1i64);
        window.add(Instant::from_nanos(4_000_000_000), 1i64);
        assert_eq!(window.total(Instant::from_nanos(5_000_000_000)), 2);
    }
}
