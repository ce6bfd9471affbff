//! Scheduled faults: what goes wrong with a dependency, when, and for how long.
//!
//! Times are offsets from the moment at which the dependency was started: the run's clock in a virtual world, the app's in
//! the live one.

use super::pace::{Pace, Span};
use inflight_strategies::{rt::Instant, units::Ratio};
use std::time::Duration;

/// The most faults of one dependency.
pub const MAX_FAULTS: usize = 64;

/// A fault, as configured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScheduledFault {
    /// When it begins.
    pub at: Duration,
    /// How long it lasts.
    pub length: Duration,
    /// What it does.
    pub effect: Effect,
}

/// What a fault does while it lasts. Whoever is in service when it begins or ends feels it from that moment on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Effect {
    /// All work progresses at this share of its speed, which is above zero.
    BrownOut(Ratio),
    /// No work progresses.
    Pause,
    /// All work progresses at this share of its speed at first, and faster in a straight line up to full speed at the end.
    SlowStart(Ratio),
    /// A pool has only so many servers. Nobody in service is thrown out: the number falls as they finish.
    Dip(u32),
    /// Whoever is inside, waiting or in service, fails at its beginning; whoever comes fails at once until it ends.
    Crash,
    /// This share of requests fails at once, beside those that fail anyway.
    Errors(Ratio),
}

impl ScheduledFault {
    /// The same fault with every duration multiplied by `factor`.
    pub fn scaled(&self, factor: f64) -> ScheduledFault {
        ScheduledFault { at: self.at.mul_f64(factor), length: self.length.mul_f64(factor), ..*self }
    }
}

/// The faults of a dependency that was started at a certain time.
#[derive(Clone, Debug)]
pub(super) struct Faults {
    all: Vec<ScheduledFault>,
    start: Instant,
}

/// What a crash does to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Crash {
    /// Nothing.
    None,
    /// It fails at once.
    Now,
    /// It fails at this time, if it is still inside.
    At(Instant),
}

impl Faults {
    pub(super) fn new(all: &[ScheduledFault], start: Instant) -> Faults {
        Faults { all: all.to_vec(), start }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    fn begin(&self, fault: &ScheduledFault) -> Instant {
        self.start + fault.at
    }

    fn end(&self, fault: &ScheduledFault) -> Instant {
        self.begin(fault) + fault.length
    }

    fn active(&self, now: Instant) -> impl Iterator<Item = &ScheduledFault> {
        self.all.iter().filter(move |f| self.begin(f) <= now && now < self.end(f))
    }

    /// What awaits a request that comes at `now`.
    pub(super) fn crash(&self, now: Instant) -> Crash {
        if self.active(now).any(|f| f.effect == Effect::Crash) {
            return Crash::Now;
        }
        let crashes = self.all.iter().filter(|f| f.effect == Effect::Crash);
        let next = crashes.map(|f| self.begin(f)).filter(|at| *at > now).min();
        next.map_or(Crash::None, Crash::At)
    }

    /// The share of requests that fails at `now`, where `base` fails always.
    pub(super) fn errors(&self, base: Ratio, now: Instant) -> Ratio {
        let pass = self.active(now).fold(1.0 - base.value(), |pass, f| match f.effect {
            Effect::Errors(share) => pass * (1.0 - share.value()),
            _ => pass,
        });
        if pass == 1.0 - base.value() { base } else { Ratio::new(1.0 - pass).unwrap_or(base) }
    }

    /// How fast work progresses.
    pub(super) fn pace(&self) -> Pace {
        let span = |f: &ScheduledFault| {
            let from = match f.effect {
                Effect::BrownOut(speed) | Effect::SlowStart(speed) => speed.value(),
                Effect::Pause => 0.0,
                Effect::Dip(_) | Effect::Crash | Effect::Errors(_) => return None,
            };
            let to = if matches!(f.effect, Effect::SlowStart(_)) { 1.0 } else { from };
            Some(Span { begin: self.begin(f), end: self.end(f), from, to })
        };
        let spans: Vec<Span> = self.all.iter().filter_map(span).collect();
        Pace::new(&spans)
    }

    /// How many servers a pool of `servers` has, from when; empty if that never changes.
    pub(super) fn servers(&self, servers: u32) -> Vec<(Instant, u32)> {
        let dips = || self.all.iter().filter(|f| matches!(f.effect, Effect::Dip(_)));
        let mut times: Vec<Instant> = dips().flat_map(|f| [self.begin(f), self.end(f)]).collect();
        times.sort();
        times.dedup();
        let left = |at| {
            let dips = self.active(at).filter_map(|f| match f.effect {
                Effect::Dip(left) => Some(left),
                _ => None,
            });
            dips.fold(servers, u32::min)
        };
        times.into_iter().map(|at| (at, left(at))).collect()
    }
}
