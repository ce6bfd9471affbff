//! Limits that find their own value.
//!
//! **What it does.** A [`Limiter`] is told how long calls took, how many were out, and which were dropped, and says how many
//! may be out at once. Everything else (the line, its order, who is dropped) is as with a fixed limit.
//!
//! | limiter | signal | source |
//! |---|---|---|
//! | [`aimd`] | drops and timeouts | Netflix |
//! | [`vegas`] | queue estimated from the shortest round trip | Netflix |
//! | [`gradient`] | ratio to the shortest round trip | Netflix |
//! | [`gradient2`] | ratio to a long average | Netflix |
//! | [`windowed`] | any of them, fed with windows instead of calls | Netflix |
//! | [`envoy`] | ratio to a round trip that is measured at low concurrency | Envoy |
//! | [`correlation`] | latency, and how throughput and latency follow concurrency | failsafe-go |
//! | [`arc`] | latency against its own average and deviation | Vector |
//! | [`bbr`] | most passes × shortest round trip | aegis, Sentinel |
//!
//! Their trajectories are the references', limit by limit, over tens of thousands of random samples.
//!
//! **What counts.** Completed calls, by their time inside; calls that timed out or were rejected further in, as dropped.
//! Failures, lost tasks and callers who went away say nothing about latency and are ignored, as in Netflix' library. So a
//! timeout must stand *inside* the limit to be seen: outside of it, it is a caller who went away.
//!
//! **When it harms.** All but AIMD take the spread of the service time for queueing. A service of U(300, 1200) ms without any
//! contention looks to a Vegas that is fed call by call like one that queues; feed it windows.

pub mod aimd;
pub mod arc;
pub mod bbr;
pub mod correlation;
pub mod envoy;
pub mod gradient;
pub mod gradient2;
mod histogram;
mod measure;
mod recent;
#[cfg(test)]
mod trajectories;
pub mod vegas;
pub mod windowed;

use super::MAX_PERMITS;
use crate::{
    event::Cause,
    rt::{Instant, Rng},
};
use std::{fmt, time::Duration};

/// What a limiter learns from a call that ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// When it ended.
    pub now: Instant,
    /// How long it was inside, the wait for the permit excluded.
    pub rtt: Duration,
    /// Permits that were out when it began, its own included.
    pub in_flight: u32,
    /// Whether all permits were out when it ended.
    pub full: bool,
    /// Whether it was dropped: timed out, or rejected further in.
    pub dropped: bool,
}

impl Sample {
    /// The round trip in nanoseconds: at least one, at most 584 years.
    #[inline]
    fn nanos(&self) -> u64 {
        let nanos = self.rtt.as_secs().checked_mul(1_000_000_000);
        nanos.map_or(u64::MAX, |nanos| nanos.saturating_add(u64::from(self.rtt.subsec_nanos()))).max(1)
    }
}

/// Finds a limit. Pure: it is told the time, samples and dice.
pub trait Limiter: fmt::Debug + Send {
    /// The limit now; at least 1.
    fn limit(&self) -> u32;

    /// A call ended; what moved the limit, if it moved.
    fn on_sample(&mut self, sample: &Sample, dice: &mut dyn Rng) -> Cause;

    /// The part of it that hears of arrivals, if it has one. What has none costs arrivals nothing.
    fn arrivals(&mut self) -> Option<&mut dyn Arrivals> {
        None
    }
}

/// The part of a limiter that hears of arrivals: it has a timetable, or looks at what they find.
pub trait Arrivals {
    /// A call comes at `now` and finds `in_flight` permits out.
    fn on_arrival(&mut self, now: Instant, in_flight: u32);
}

/// Where a limit starts and between what it stays, in permits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first limit.
    pub initial: u32,
    /// The smallest.
    pub min: u32,
    /// The largest.
    pub max: u32,
}

impl Range {
    fn validate(self) -> Result<(), &'static str> {
        if self.min == 0 || self.min > self.max || self.max > MAX_PERMITS {
            return Err("a limiter needs 1 <= `min` <= `max` <= 1000000");
        }
        if self.initial == 0 || self.initial > MAX_PERMITS {
            return Err("`initial` must be between 1 and 1000000");
        }
        Ok(())
    }
}

/// A limiter and its knobs.
#[derive(Clone, Debug, PartialEq)]
pub enum Config {
    /// See [`aimd`].
    Aimd(aimd::Config),
    /// See [`vegas`].
    Vegas(vegas::Config),
    /// See [`gradient`].
    Gradient(gradient::Config),
    /// See [`gradient2`].
    Gradient2(gradient2::Config),
    /// See [`windowed`].
    Windowed(Box<windowed::Config>),
    /// See [`envoy`].
    Envoy(envoy::Config),
    /// See [`correlation`].
    Correlation(correlation::Config),
    /// See [`arc`].
    Arc(arc::Config),
    /// See [`bbr`].
    Bbr(bbr::Config),
}

impl Config {
    /// A limiter that has seen nothing.
    pub fn build(&self) -> Box<dyn Limiter> {
        match self {
            Config::Aimd(c) => Box::new(aimd::Aimd::new(*c)),
            Config::Vegas(c) => Box::new(vegas::Vegas::new(*c)),
            Config::Gradient(c) => Box::new(gradient::Gradient::new(*c)),
            Config::Gradient2(c) => Box::new(gradient2::Gradient2::new(*c)),
            Config::Windowed(c) => Box::new(windowed::Windowed::new(c)),
            Config::Envoy(c) => Box::new(envoy::Envoy::new(*c)),
            Config::Correlation(c) => Box::new(correlation::Correlation::new(*c)),
            Config::Arc(c) => Box::new(arc::Arc::new(*c)),
            Config::Bbr(c) => Box::new(bbr::Bbr::new(*c)),
        }
    }

    /// Whether the numbers make sense; the message says what would.
    pub fn validate(&self) -> Result<(), &'static str> {
        match self {
            Config::Aimd(c) => c.validate(),
            Config::Vegas(c) => c.validate(),
            Config::Gradient(c) => c.validate(),
            Config::Gradient2(c) => c.validate(),
            Config::Windowed(c) => c.validate(),
            Config::Envoy(c) => c.validate(),
            Config::Correlation(c) => c.validate(),
            Config::Arc(c) => c.validate(),
            Config::Bbr(c) => c.validate(),
        }
    }

    /// The same limiter with every duration multiplied by `factor`.
    pub fn scaled(&self, factor: f64) -> Config {
        match self {
            Config::Aimd(c) => Config::Aimd(c.scaled(factor)),
            Config::Windowed(c) => Config::Windowed(Box::new(c.scaled(factor))),
            Config::Envoy(c) => Config::Envoy(c.scaled(factor)),
            Config::Correlation(c) => Config::Correlation(c.scaled(factor)),
            Config::Bbr(c) => Config::Bbr(c.scaled(factor)),
            // These count calls and round trips, not time.
            Config::Vegas(_) | Config::Gradient(_) | Config::Gradient2(_) | Config::Arc(_) => self.clone(),
        }
    }
}

/// The decimal logarithm of a limit in whole steps, at least 1: 1 below 100, 2 below 1000, …
fn log10_steps(limit: u32) -> u32 {
    limit.max(10).ilog10()
}

#[cfg(test)]
mod testing {
    //! Samples and dice for the tests of the limiters.

    use super::*;

    /// A sample that ends at its own round trip.
    pub(super) fn sample(rtt: Duration, in_flight: u32, dropped: bool) -> Sample {
        Sample { now: Instant::ZERO + rtt, rtt, in_flight, full: false, dropped }
    }

    pub(super) fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// Dice that always show the same number.
    pub(super) struct Shows(pub(super) u64);

    impl Rng for Shows {
        fn next_u64(&mut self) -> u64 {
            self.0
        }
    }

    /// The limits after each sample.
    pub(super) fn limits(limiter: &mut dyn Limiter, samples: &[Sample]) -> Vec<u32> {
        let mut after = |sample| {
            limiter.on_sample(sample, &mut Shows(1 << 63));
            limiter.limit()
        };
        samples.iter().map(&mut after).collect()
    }

    #[test]
    fn netflix_log10_root_function() {
        // functions/Log10RootFunctionTest: 0 → 1, 100 → 2, 10,000 → 4; and the edges between.
        let steps = [0, 1, 9, 10, 99, 100, 999, 1000, 10_000].map(log10_steps);
        assert_eq!(steps, [1, 1, 1, 1, 1, 2, 2, 3, 4]);
    }
}
