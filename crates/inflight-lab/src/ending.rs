//! How requests end.

use serde::{Deserialize, Serialize};
use std::fmt;

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
