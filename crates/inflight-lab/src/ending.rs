//! How requests end, and what is known of one that did.

use crate::wire::Wire;
use hdrhistogram::Histogram;
use inflight_strategies::rt::Instant;
use serde::{Deserialize, Serialize};
use std::{fmt, time::Duration};

/// How a request ended, as its driver saw it. With [`Ending::Unfinished`] these sum to what was offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// A good answer.
    Completed,
    /// The target said that it failed.
    Failed,
    /// The target refused it.
    Rejected,
    /// The target gave up on it in time (408, 504).
    TimedOut,
    /// The target refused the connection.
    Refused,
    /// No connection came about: no way to the target, or it did not react.
    Unreachable,
    /// No secure connection came about: the handshake failed, such as for a certificate that nobody vouches for.
    Tls,
    /// The connection broke before the answer was whole.
    Reset,
    /// What came back was not an answer.
    Protocol,
    /// No whole answer within the time that a request may take; its latency is at least that.
    Abandoned,
    /// The driver itself ran out of something (file descriptors, ports): never the target's fault.
    Exhausted,
    /// No answer yet when the driver stopped waiting: its latency is at least what was waited.
    Unfinished,
    /// The driver was so late that it never began it: never the target's fault.
    Unsent,
}

impl Ending {
    /// Every ending, in the order in which they are shown.
    pub const ALL: [Ending; 13] = [
        Ending::Completed,
        Ending::Failed,
        Ending::Rejected,
        Ending::TimedOut,
        Ending::Refused,
        Ending::Unreachable,
        Ending::Tls,
        Ending::Reset,
        Ending::Protocol,
        Ending::Abandoned,
        Ending::Exhausted,
        Ending::Unfinished,
        Ending::Unsent,
    ];

    /// Whether the target answered at all.
    pub fn is_answer(self) -> bool {
        matches!(self, Ending::Completed | Ending::Failed | Ending::Rejected | Ending::TimedOut)
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Ending::Completed => "completed",
            Ending::Failed => "failed",
            Ending::Rejected => "rejected",
            Ending::TimedOut => "timed out",
            Ending::Refused => "refused",
            Ending::Unreachable => "unreachable",
            Ending::Tls => "TLS error",
            Ending::Reset => "reset",
            Ending::Protocol => "protocol error",
            Ending::Abandoned => "abandoned",
            Ending::Exhausted => "driver exhausted",
            Ending::Unfinished => "unfinished",
            Ending::Unsent => "unsent",
        })
    }
}

/// What a target says about one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply {
    /// How it ended.
    pub ending: Ending,
    /// How long it waited for a permit inside the target, if the target tells.
    pub wait: Option<Duration>,
    /// How long Service A took, likewise.
    pub a: Option<Duration>,
    /// How long Service B took, likewise.
    pub b: Option<Duration>,
    /// How long it was inside the target, likewise.
    pub inside: Option<Duration>,
    /// What the driver saw of it on its connection, if it had one.
    pub wire: Option<Wire>,
}

impl Reply {
    /// An ending about which the target says no more.
    pub fn new(ending: Ending) -> Reply {
        Reply { ending, wait: None, a: None, b: None, inside: None, wire: None }
    }
}

/// One request, over.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Its number in the schedule.
    pub id: u64,
    /// When it should have started.
    pub intended: Instant,
    /// When it did; [`Wire::sent`] is later if it had to wait for a connection.
    pub sent: Instant,
    /// When it was over.
    pub done: Instant,
    /// What came back.
    pub reply: Reply,
}

/// What users went through, over all the attempts of each. Those who were still trying at the end are not in it.
#[derive(Clone, Debug)]
pub struct Experience {
    /// From the intended start of the first attempt to the good answer.
    pub served: Histogram<u64>,
    /// How many got no good answer from any of their attempts.
    pub gave_up: u64,
}
