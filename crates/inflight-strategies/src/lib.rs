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
//! | deadline | [`deadline`] | work for callers who gave up long ago, in every service of a chain | as a timeout; FIFO serves calls with hardly any time left | gRPC; Finagle |
//! | retry | [`retry`] | failures that are short and independent | calls fail because of load: it feeds what it flees from | Brooker 2015; Finagle, AWS, gRPC A6 |
//! | hedge | [`hedge`] | a straggler that is slow by chance | calls are slow because of load; there is no tail | Dean and Barroso 2013 |
//! | tied requests | [`hedge::tied`] | queues of replicas that differ in length | one queue behind all copies | Dean and Barroso 2013 |
//! | circuit breaker | [`breaker`] | a dependency that is down | failures of its own keep it open for ever | Nygard 2007; resilience4j |
//! | coalescing | [`coalesce`] | a stampede of equal calls | answers must differ; one failure is everybody's | Go's singleflight |
//! | throttling | [`admission::throttle`] | a server that spends itself on refusing | calls fail for reasons of their own | SRE book; Envoy |
//! | rate limit | [`admission::rate`] | a quota; an unfair caller | as a protection against overload | GCRA, ITU-T I.371 |
//! | DAGOR | [`admission::dagor`] | tasks of many calls under overload | few levels, few calls | Zhou et al. 2018 |
//! | Breakwater | [`admission::breakwater`] | many clients, little work each | one client; varying work | Cho et al. 2020 |
//!
//! # The rooms
//!
//! * [`rt`]: what a world is: a clock, dice and an executor. Contracts only; this crate has none of its own.
//! * [`service`]: `call(&self, request)`, layers, and the closed list of ways in which a call can fail.
//! * [`event`]: the only way in which a strategy speaks; costs nothing when nobody listens.
//! * [`attempt`]: a request that can be tried again, and where dice come from; [`window`]: sums over the latest seconds.
//! * [`units`]: rates, ratios and durations that carry their unit in text.
//! * `tower` and `tokio` (features): any layer, or a tuple of layers, as tower's, with the order in which to stack them; and a world.
//!
//! # Dependencies
//!
//! None by default; `tower-layer` and `tower-service` with feature `tower`; tokio (`rt`, `time`) and its `pin-project-lite` with `tokio`.
//!
//! ```
//! use inflight_strategies::{limit, service::Failure, timeout, units::parse_duration};
//!
//! let limit = limit::Config::fixed(20, limit::Queue::Bounded(100));
//! let deadline = timeout::Config { after: parse_duration("600ms").unwrap(), late: timeout::Late::Cancel };
//! assert!(limit.validate().is_ok() && deadline.validate().is_ok());
//! # let _: Option<Failure<()>> = None;
//! ```

pub mod admission;
pub mod attempt;
pub mod breaker;
pub mod coalesce;
pub mod deadline;
mod detach;
pub mod event;
pub mod hedge;
pub mod limit;
pub mod observe;
pub mod queue;
pub mod retry;
pub mod rt;
pub mod service;
mod sync;
pub mod timeout;
#[cfg(feature = "tokio")]
pub mod tokio;
#[cfg(feature = "tower")]
pub mod tower;
pub mod units;
pub mod window;
