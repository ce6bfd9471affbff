//! A limiter at work: what it found, and what was told of it. Pure.

use super::adaptive::{Limiter, Sample};
use super::gate::Change;
use crate::rt::{Instant, Rng};

/// Dice that are handed in.
pub(super) struct Dice(pub(super) Box<dyn Rng + Send>);

impl std::fmt::Debug for Dice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Dice")
    }
}

/// A limiter, and the limit that was told last.
#[derive(Debug)]
pub(super) struct Learner {
    limiter: Box<dyn Limiter>,
    told: u32,
    latest: Instant,
}

impl Learner {
    pub(super) fn new(limiter: Box<dyn Limiter>) -> Learner {
        Learner { told: limiter.limit(), limiter, latest: Instant::ZERO }
    }

    /// The limit now.
    pub(super) fn limit(&self) -> u32 {
        self.limiter.limit()
    }

    /// Whether it hears of arrivals.
    pub(super) fn hears_arrivals(&mut self) -> bool {
        self.limiter.arrivals().is_some()
    }

    /// A call comes and finds `in_flight` permits out.
    pub(super) fn on_arrival(&mut self, now: Instant, in_flight: u32) {
        if let Some(arrivals) = self.limiter.arrivals() {
            arrivals.on_arrival(now, in_flight);
        }
    }

    /// Somebody else set the limit.
    pub(super) fn overrule(&mut self, limit: u32) {
        self.told = limit;
    }

    /// A call ended; the limit may have moved. A clock that was read before another thread's counts as that one.
    #[inline]
    pub(super) fn learn(&mut self, mut sample: Sample, dice: &mut dyn Rng) -> Option<Change> {
        sample.now = sample.now.max(self.latest);
        self.latest = sample.now;
        let why = self.limiter.on_sample(&sample, dice);
        let to = self.limiter.limit();
        let from = std::mem::replace(&mut self.told, to);
        (from != to).then_some(Change { from, to, why })
    }
}
