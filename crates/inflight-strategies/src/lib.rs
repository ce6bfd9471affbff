//! Concurrency and overload strategies, written once for real and for virtual time.
//!
//! | strategy | file | answers | harms when | source |
//! |---|---|---|---|---|
//! | concurrency limit | [`limit`] | a dependency whose capacity falls with concurrency | capacity does not fall: it only moves the queue | Dijkstra's semaphore; FIFO hand-off |
//! | queue: order and bound | [`queue`] | calls that wait too long, and nobody who says no | a bound sheds bursts; lifo starves the oldest | Facebook, failsafe-go, Little |
//! | CoDel | [`queue::codel`] | a standing queue | target near the service's own spread | folly |
//! | deadline-aware drop | [`queue::deadline`] | turns given to calls that are about to time out | an expectation that is too high | ours |
//! | reject ramp, PID rejector | [`queue::ramp`], [`queue::pid`] | a full queue that says no to all at once | few calls per interval | failsafe-go; after Uber's Cinnamon |
//! | partitions | [`limit::partitions`] | one tenant's flood | the limit can be exceeded by the shares | Netflix |
//! | AIMD | [`limit::adaptive::aimd`] | a dependency that says when it is overloaded | nothing is ever dropped | Netflix |
//! | Vegas, Gradient, Gradient2 | [`limit::adaptive`] | queueing seen in latency | spread taken for queueing; drift | Netflix |
//! | Envoy's gradient | [`limit::adaptive::envoy`] | a baseline that drifts | slow services: probing takes long | Envoy |
//! | correlation | [`limit::adaptive::correlation`] | drift under lasting overload | short overloads | failsafe-go |
//! | BBR | [`limit::adaptive::bbr`] | overload of what is measured | few calls per bucket | aegis, Sentinel |
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
//! let limit = limit::Config::fixed(20, limit::Queue::Bounded(100));
//! let deadline = timeout::Config { after: parse_duration("600ms").unwrap(), late: timeout::Late::Cancel };
//! assert!(limit.validate().is_ok() && deadline.validate().is_ok());
//! # let _: Option<Failure<()>> = None;
//! ```

mod detach;
pub mod event;
pub mod limit;
pub mod observe;
pub mod queue;
pub mod rt;
pub mod service;
pub mod timeout;
pub mod units;
