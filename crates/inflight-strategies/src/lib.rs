//! Concurrency and overload strategies, written once for real and for virtual time.
//!
//! | strategy | file | answers | harms when | source |
//! |---|---|---|---|---|
//! | concurrency limit | [`limit`] | a dependency whose capacity falls with concurrency | capacity does not fall: it only moves the queue | Dijkstra's semaphore; FIFO hand-off |
//! | timeout | [`timeout`] | work that nobody waits for any more | shorter than the healthy service time: it fails what would have succeeded | deadline over the whole call |
//!
//! # The rooms
//!
//! * [`rt`]: what a world is: a clock, dice and an executor. Contracts only; this crate has none of its own.
//! * [`service`]: `call(&self, request)`, layers, and the closed list of ways in which a call can fail.
//! * [`event`]: the only way in which a strategy speaks; costs nothing when nobody listens.
//! * [`units`]: rates, ratios and durations that carry their unit in text.
//!
//! ```
//! use inflight_strategies::{limit, service::Failure, timeout, units::parse_duration};
//!
//! let limit = limit::Config { permits: 20, queue: limit::Queue::Bounded(100), max_wait: None };
//! let deadline = timeout::Config { after: parse_duration("600ms").unwrap(), late: timeout::Late::Cancel };
//! assert!(limit.validate().is_ok() && deadline.validate().is_ok());
//! # let _: Option<Failure<()>> = None;
//! ```

pub mod admission;
pub mod attempt;
pub mod breaker;
pub mod coalesce;
pub mod deadline;
pub mod event;
pub mod hedge;
pub mod limit;
pub mod observe;
pub mod retry;
pub mod rt;
pub mod service;
pub mod timeout;
pub mod units;
pub mod window;
