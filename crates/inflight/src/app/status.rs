//! From how a call ended to an HTTP status: one function, used for answers and for metric labels alike.

use http::StatusCode;
use inflight_strategies::service::{Outcome, Reason};

/// What nginx calls "client closed request": nobody is there to get it, but it is counted.
pub const CLIENT_CLOSED_REQUEST: u16 = 499;

/// Every outcome that has a status of its own.
pub const STATUSES: [u16; 6] = [200, 503, 408, 429, 500, CLIENT_CLOSED_REQUEST];

/// The status of a call that ended so.
pub fn code(outcome: Outcome) -> u16 {
    match outcome {
        Outcome::Completed => 200,
        Outcome::Rejected(Reason::RateExceeded) => 429,
        Outcome::Failed | Outcome::Rejected(_) => 503,
        Outcome::TimedOut => 408,
        Outcome::Lost => 500,
        Outcome::Cancelled => CLIENT_CLOSED_REQUEST,
    }
}

/// The same, for a response.
pub fn status(outcome: Outcome) -> StatusCode {
    StatusCode::from_u16(code(outcome)).expect("every code above is legal")
}
