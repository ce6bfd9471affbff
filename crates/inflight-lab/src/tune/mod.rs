//! Tuning: which limit, queue, wait and timeout meet an objective, found in virtual time.
//!
//! A [`Problem`] is a service under traffic and an [`Objective`]; a [`Search`] plans rounds of trials and learns from their
//! scores; a [`Scan`] finds out how far the winner is from breaking. All of it is pure and bounded: the same profile, objective
//! and seed give the same trials and the same recommendation, whoever runs them on how many threads.

mod candidate;
mod cause;
mod effort;
mod latencies;
mod margins;
mod objective;
mod outcome;
mod problem;
mod score;
mod search;
mod written;

pub use candidate::{Candidate, Knob};
pub use effort::Effort;
pub use latencies::{Latencies, MIN_LATENCIES};
pub use margins::{Axis, Margin, Scan, Step};
pub use objective::{Clause, Objective, TUNED};
pub use outcome::{Asked, Check, TUNE_SCHEMA, TuneOutcome};
pub use problem::{MAX_REQUESTS, Problem, Trial, Unsolvable};
pub use score::{Score, Standing};
pub use search::{EQUAL, Found, Round, Search, best, limits, with_limit};
pub use written::{Times, Written};
