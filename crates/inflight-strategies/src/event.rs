//! The only way in which a strategy speaks: events, told to an [`Observer`].
//!
//! `()` observes nothing and costs nothing: its watch has no size and its methods no body.

use crate::{
    rt::Instant,
    service::{Outcome, Reason},
};
use std::time::Duration;

/// Something that a strategy decided or saw, about one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The call reached the observed place.
    Started,
    /// The call left the observed place.
    Finished {
        /// How it ended.
        outcome: Outcome,
        /// How long it was inside.
        took: Duration,
    },
    /// The strategy let the call through.
    Admitted {
        /// How long it had waited for that.
        waited: Duration,
    },
    /// The strategy refused the call.
    Rejected(Reason),
    /// The call left the queue because its caller went away.
    Withdrawn {
        /// How long it had waited.
        waited: Duration,
    },
    /// The time allowed is over.
    TimedOut {
        /// The time allowed.
        after: Duration,
        /// Whether the work goes on although nobody waits for it.
        detached: bool,
    },
    /// The strategy changed its limit when this call ended.
    LimitChanged {
        /// The limit that was told last, in permits.
        from: u32,
        /// The limit now.
        to: u32,
        /// What moved it.
        why: Cause,
    },
    /// The call is tried again.
    Retried {
        /// As attempt number so, from 0.
        attempt: u32,
        /// After this wait.
        after: Duration,
    },
    /// The call is sent once more although an attempt is still under way.
    Hedged {
        /// As attempt number so, from 0.
        attempt: u32,
    },
    /// Another attempt than the first answered first.
    HedgeWon {
        /// The attempt's number, from 0.
        attempt: u32,
    },
    /// An attempt was dropped before its end: another one answered first, or nobody waits any more.
    HedgeCancelled {
        /// The attempt's number, from 0.
        attempt: u32,
    },
    /// Another attempt would have been made, but nothing pays for it.
    BudgetEmpty,
    /// The circuit breaker changed its state.
    BreakerMoved {
        /// Before.
        from: Circuit,
        /// After.
        to: Circuit,
    },
    /// The call shares the answer of an equal call that is under way.
    Joined,
}

impl Event {
    /// What was decided, and in a word or two why, if there is something to say; `None` if it tells of no decision.
    ///
    /// Both come from short closed lists, so that they can be labels of a metric.
    pub fn decision(&self) -> Option<(&'static str, &'static str)> {
        Some(match self {
            Event::Started | Event::Finished { .. } => return None,
            Event::Admitted { .. } => ("admitted", ""),
            Event::Rejected(why) => ("rejected", why.as_str()),
            Event::Withdrawn { .. } => ("withdrawn", ""),
            Event::TimedOut { detached: false, .. } => ("timed out", "cancelled"),
            Event::TimedOut { detached: true, .. } => ("timed out", "detached"),
            Event::LimitChanged { why, .. } => ("limit changed", why.as_str()),
            Event::Retried { .. } => ("retried", ""),
            Event::Hedged { .. } => ("hedged", ""),
            Event::HedgeWon { .. } => ("hedge won", ""),
            Event::HedgeCancelled { .. } => ("hedge cancelled", ""),
            Event::BudgetEmpty => ("budget empty", ""),
            Event::BreakerMoved { to, .. } => ("breaker moved", to.as_str()),
            Event::Joined => ("joined", ""),
        })
    }
}

/// What moved a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// No sign of queueing at the limit: it may be higher.
    Headroom,
    /// Latency says that calls queue behind the limit.
    Latency,
    /// A call was dropped: timed out, or rejected further in.
    Drop,
    /// Lowered or restored to measure the latency without load.
    Probe,
    /// More in flight brought more latency and no more throughput.
    Correlation,
}

impl Cause {
    /// It in a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Cause::Headroom => "headroom",
            Cause::Latency => "latency",
            Cause::Drop => "drop",
            Cause::Probe => "probe",
            Cause::Correlation => "correlation",
        }
    }
}

/// The state of a circuit breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Circuit {
    /// Calls pass and are judged.
    Closed,
    /// Calls are refused.
    Open,
    /// A few calls pass to see whether the service is well again.
    HalfOpen,
}

impl Circuit {
    /// It in words.
    pub fn as_str(self) -> &'static str {
        match self {
            Circuit::Closed => "closed",
            Circuit::Open => "open",
            Circuit::HalfOpen => "half open",
        }
    }
}

/// Listens to a strategy.
pub trait Observer<Request>: Send + Sync + 'static {
    /// What listens to one call.
    type Watch<'a>: Watch
    where
        Self: 'a;

    /// A call begins; the request can still be seen.
    fn observe<'a>(&'a self, request: &Request) -> Self::Watch<'a>;
}

/// Whether anybody hears `watch`.
pub(crate) fn listens<W: Watch>(_: &W) -> bool {
    W::LISTENS
}

/// Listens to one call.
pub trait Watch: Send {
    /// Whether anybody hears it; if not, nobody need ask the clock.
    const LISTENS: bool = true;

    /// `event` happened at `at`.
    fn on_event(&mut self, at: Instant, event: Event);
}

impl<Request> Observer<Request> for () {
    type Watch<'a> = ();
    fn observe(&self, _: &Request) {}
}

impl Watch for () {
    const LISTENS: bool = false;

    fn on_event(&mut self, _: Instant, _: Event) {}
}
