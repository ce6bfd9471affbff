//! How a pacing world waits for its next deadline: the rule, without the waiting.
//!
//! A system wakes a sleeper some tens of microseconds late. So the world sleeps until shortly before a deadline and then looks
//! again and again until it is there; but only where deadlines are far enough apart that this costs a fraction of the time. It
//! never looks for longer: a thread that spins all the time loses its turn to others when it matters.

use inflight_strategies::rt::Instant;
use std::time::Duration;

/// How long before a deadline the world is awake: what a sleeper is usually late by, and some more.
const AWAKE: Duration = Duration::from_micros(60);
/// Deadlines closer together than this are slept for to the end.
const APART: Duration = Duration::from_micros(200);

/// How to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// Not at all: only look what has happened.
    Look,
    /// Until something happens, at most so long.
    For(Duration),
    /// Until something happens.
    Forever,
}

/// What the rule has to remember.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// Whether this world may stay awake at all.
    wakeful: bool,
    /// The deadline that came last.
    fired: Instant,
}

impl Pace {
    /// With one processor only, whoever stays awake keeps others from working.
    pub(super) fn new(processors: usize) -> Pace {
        Pace { wakeful: processors > 1, fired: Instant::ZERO }
    }

    /// A timer with this deadline fires.
    pub(super) fn on_fired(&mut self, deadline: Instant) {
        self.fired = self.fired.max(deadline);
    }

    /// How to wait at `now` for the deadline `next`.
    pub(super) fn wait(&self, now: Instant, next: Option<Instant>) -> Wait {
        let Some(next) = next else { return Wait::Forever };
        let left = next - now;
        let awake = if self.wakeful && next - self.fired > APART { AWAKE } else { Duration::ZERO };
        match left.saturating_sub(awake) {
            Duration::ZERO => Wait::Look,
            sleep => Wait::For(sleep),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn us(micros: u64) -> Instant {
        Instant::from_nanos(micros * 1000)
    }

    const fn sleep(micros: u64) -> Wait {
        Wait::For(Duration::from_micros(micros))
    }

    #[test]
    fn it_is_awake_before_deadlines_that_are_far_apart() {
        let mut pace = Pace::new(2);
        pace.on_fired(us(1000));
        assert_eq!(pace.wait(us(1000), Some(us(1500))), sleep(440));
        assert_eq!(pace.wait(us(1440), Some(us(1500))), Wait::Look);
        assert_eq!(pace.wait(us(1501), Some(us(1500))), Wait::Look);
    }

    #[test]
    fn it_sleeps_until_deadlines_that_are_close_together() {
        let mut pace = Pace::new(2);
        pace.on_fired(us(1000));
        assert_eq!(pace.wait(us(1000), Some(us(1050))), sleep(50));
        assert_eq!(pace.wait(us(1049), Some(us(1050))), sleep(1));
    }

    #[test]
    fn it_never_stays_awake_on_a_single_processor() {
        assert_eq!(Pace::new(1).wait(us(0), Some(us(1_000_000))), sleep(1_000_000));
    }

    #[test]
    fn without_a_deadline_it_waits_for_whatever_happens() {
        assert_eq!(Pace::new(2).wait(us(0), None), Wait::Forever);
    }
}
