//! How fast work progresses when faults slow it down: a plan, known beforehand, so that the end of any work can be
//! computed when it begins.

use inflight_strategies::rt::Instant;
use std::time::Duration;

/// A time in which work progresses at a share of its speed that goes from `from` to `to` in a straight line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) begin: Instant,
    pub(super) end: Instant,
    pub(super) from: f64,
    pub(super) to: f64,
}

impl Span {
    fn slope(&self) -> f64 {
        (self.to - self.from) / (self.end - self.begin).as_nanos().max(1) as f64
    }

    fn speed(&self, at: Instant) -> f64 {
        self.from + self.slope() * (at - self.begin).as_nanos() as f64
    }
}

/// From `from` until the next stretch begins: the speed at its beginning and what it gains per nanosecond.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    from: Instant,
    speed: f64,
    slope: f64,
}

impl Stretch {
    /// Work done in its first `nanos`.
    fn work(&self, nanos: f64) -> f64 {
        nanos * (self.speed + 0.5 * self.slope * nanos)
    }

    /// When so much work is done, if it lasts long enough; it progresses at all.
    fn nanos(&self, work: f64) -> f64 {
        let root = (self.speed * self.speed + 2.0 * self.slope * work).max(0.0);
        2.0 * work / (self.speed + libm::sqrt(root))
    }
}

/// The plan. Where spans overlap their speeds multiply; outside of them the speed is 1.
#[derive(Clone, Debug, Default)]
pub(super) struct Pace {
    stretches: Vec<Stretch>,
}

impl Pace {
    /// At most one of `spans` that overlap may have a slope.
    pub(super) fn new(spans: &[Span]) -> Pace {
        let mut times: Vec<Instant> = spans.iter().flat_map(|s| [s.begin, s.end]).collect();
        times.sort();
        times.dedup();
        let stretch = |&from: &Instant| {
            let inside = || spans.iter().filter(|s| s.begin <= from && from < s.end);
            let product = |of: &dyn Fn(&Span) -> f64| inside().map(of).product::<f64>();
            let flat = product(&|s| if s.slope() == 0.0 { s.from } else { 1.0 });
            let slope = flat * inside().map(Span::slope).sum::<f64>();
            Stretch { from, speed: product(&|s| s.speed(from)), slope }
        };
        Pace { stretches: times.iter().map(stretch).collect() }
    }

    /// The rest of the stretch that contains `at`, and when it ends.
    fn stretch(&self, at: Instant) -> (Stretch, Instant) {
        let next = self.stretches.partition_point(|s| s.from <= at);
        let until = self.stretches.get(next).map_or(Instant::NEVER, |s| s.from);
        let full = Stretch { from: at, speed: 1.0, slope: 0.0 };
        let rest = next.checked_sub(1).map_or(full, |i| {
            let Stretch { from, speed, slope } = self.stretches[i];
            Stretch { from: at, speed: speed + slope * (at - from).as_nanos() as f64, slope }
        });
        (rest, until)
    }

    /// The work, in nanoseconds at full speed, that is done between two times.
    pub(super) fn done(&self, mut from: Instant, to: Instant) -> f64 {
        let mut sum = 0.0;
        while from < to && !self.stretches.is_empty() {
            let (rest, until) = self.stretch(from);
            sum += rest.work((until.min(to) - from).as_nanos() as f64);
            from = until.min(to);
        }
        sum + (to - from).as_nanos() as f64
    }

    /// When `work` is done if it begins at `from`.
    pub(super) fn end_of(&self, work: Duration, from: Instant) -> Instant {
        if self.stretches.is_empty() { from + work } else { self.end(from, work.as_nanos() as f64) }
    }

    /// When `work`, in nanoseconds at full speed, is done if it begins at `from`.
    pub(super) fn end(&self, mut from: Instant, mut work: f64) -> Instant {
        while !self.stretches.is_empty() {
            let (rest, until) = self.stretch(from);
            let most = rest.work((until - from).as_nanos() as f64);
            if work <= 0.0 || until == Instant::NEVER {
                break;
            }
            if work <= most {
                return from + Duration::from_nanos(rest.nanos(work).ceil() as u64);
            }
            work -= most;
            from = until;
        }
        from + Duration::from_nanos(work.max(0.0).ceil() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(ms: u64) -> Instant {
        Instant::from_nanos(ms * 1_000_000)
    }

    fn span(begin: u64, end: u64, from: f64, to: f64) -> Span {
        Span { begin: at(begin), end: at(end), from, to }
    }

    #[test]
    fn work_takes_longer_while_it_is_slowed_down() {
        // 100 ms of work from 0: 50 before, 10 in 40 ms at a quarter, 0 in a pause of 30, the other 40 after.
        let pace = Pace::new(&[span(50, 90, 0.25, 0.25), span(90, 120, 0.0, 0.0)]);
        assert_eq!(pace.end(at(0), 100e6), at(160));
        assert_eq!(pace.done(at(0), at(100)), 60e6);
        // A slow start from nothing to full speed in 100 ms does 50 ms of work, and half of it after 50·√2 ms.
        let pace = Pace::new(&[span(0, 100, 0.0, 1.0)]);
        assert_eq!(pace.end(at(0), 60e6), at(110));
        assert_eq!(pace.end(at(0), 25e6).as_nanos(), 70_710_679);
        assert_eq!(Pace::default().end(at(3), 2e6), at(5));
    }

    proptest! {
        /// The end of some work is when it is done, to a nanosecond.
        #[test]
        fn end_inverts_done(from in 0u64..300, work in 1u64..400, spans in proptest::collection::vec((0u64..300, 1u64..100, 0.0f64..1.0), 0..5)) {
            let spans: Vec<Span> = spans.iter().map(|&(b, n, v)| span(b, b + n, v, v)).collect();
            let pace = Pace::new(&spans);
            let end = pace.end(at(from), work as f64 * 1e6);
            let before = Instant::from_nanos(end.as_nanos() - 1);
            prop_assert!(pace.done(at(from), end) >= work as f64 * 1e6 - 1e-3);
            prop_assert!(pace.done(at(from), before) <= work as f64 * 1e6 + 1e-3);
        }
    }
}
