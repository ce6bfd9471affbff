//! What the breaker remembers: the latest calls, by number or by time.

use crate::{rt::Instant, window::Slices};
use std::{
    collections::VecDeque,
    ops::{AddAssign, SubAssign},
    time::Duration,
};

/// A time window has this many slices: with 20 s, a second each, as in resilience4j.
const SLICES: u32 = 20;

/// Calls, and how many of them failed and were slow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All of them.
    pub calls: u32,
    /// Those that failed.
    pub failed: u32,
    /// Those that were slow, failed or not.
    pub slow: u32,
}

impl Counts {
    /// One call.
    pub fn one(failed: bool, slow: bool) -> Counts {
        Counts { calls: 1, failed: u32::from(failed), slow: u32::from(slow) }
    }

    /// Whether `some` of the calls are this share or more. A share is kept to 2⁻⁵³: half of five is three, not two.
    pub fn reaches(&self, some: u32, share: f64) -> bool {
        f64::from(some) >= share * f64::from(self.calls) - 1e-9
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Counts) {
        self.calls += other.calls;
        self.failed += other.failed;
        self.slow += other.slow;
    }
}

impl SubAssign for Counts {
    fn sub_assign(&mut self, other: Counts) {
        self.calls -= other.calls;
        self.failed -= other.failed;
        self.slow -= other.slow;
    }
}

/// Which calls count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// The latest so many.
    Calls(u32),
    /// Those that ended in the latest so long.
    Time(Duration),
}

/// The calls in the window.
#[derive(Clone, Debug)]
pub(super) enum Memory {
    Calls { latest: VecDeque<Counts>, most: usize, total: Counts },
    Time(Slices<Counts>),
}

impl Memory {
    pub(super) fn new(window: Window) -> Memory {
        match window {
            Window::Calls(most) => {
                Memory::Calls { latest: VecDeque::new(), most: most as usize, total: Counts::default() }
            }
            Window::Time(window) => Memory::Time(Slices::new(window, SLICES)),
        }
    }

    /// Adds one call and sums up.
    pub(super) fn add(&mut self, now: Instant, call: Counts) -> Counts {
        match self {
            Memory::Time(slices) => {
                slices.add(now, call);
                slices.total(now)
            }
            Memory::Calls { latest, most, total } => {
                if latest.len() == *most {
                    *total -= latest.pop_front().unwrap_or_default();
                }
                latest.push_back(call);
                *total += call;
                *total
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Instant {
        Instant::from_nanos(ms * 1_000_000)
    }

    #[test]
    fn resilience4j_fixed_size_sliding_window() {
        // FixedSizeSlidingWindowMetricsTest: of five calls two are slow, 40 %; one of those failed.
        let mut memory = Memory::new(Window::Calls(5));
        let calls = [(false, true), (true, true), (false, false), (false, false), (false, false)];
        let counts = calls.map(|(failed, slow)| memory.add(at(0), Counts::one(failed, slow)));
        assert_eq!(counts[4], Counts { calls: 5, failed: 1, slow: 2 });
        assert!(counts[4].reaches(2, 0.4) && !counts[4].reaches(2, 0.41));
        assert_eq!(memory.add(at(0), Counts::one(false, false)), Counts { calls: 5, failed: 1, slow: 1 });
        assert_eq!(memory.add(at(0), Counts::one(false, false)), Counts { calls: 5, failed: 0, slow: 0 });
    }

    #[test]
    fn resilience4j_sliding_time_window() {
        // SlidingTimeWindowMetricsTest: after each call the calls and failures of the latest 5 s.
        let mut memory = Memory::Time(Slices::new(Duration::from_secs(5), 5));
        let steps = [
            (0, true, 1, 1),
            (100, false, 2, 1),
            (200, false, 3, 1),
            (1_200, false, 4, 1),
            (2_200, false, 5, 1),
            (3_200, true, 6, 2),
            (4_200, false, 7, 2),
            (5_200, false, 5, 1),
            (6_200, false, 5, 1),
            (11_200, false, 1, 0),
        ];
        for (now, fails, calls, failed) in steps {
            let counts = memory.add(at(now), Counts::one(fails, false));
            assert_eq!((counts.calls, counts.failed), (calls, failed), "at {now} ms");
        }
    }
}
