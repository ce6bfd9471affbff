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
//! | ARC | [`limit::adaptive::arc`] | queueing behind a service that varies by itself | lasting overload; slow to grow | Vector |
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
//! # Which one?
//!
//! Look at what is in flight and at how long calls wait, before and after: a strategy that moves neither does nothing for you.
//!
//! | you see | try | measure | beware |
//! |---|---|---|---|
//! | latency and calls in flight rise together, throughput falls | a [`limit`] at the knee | throughput at 1, 2, 4, … permits | a limit below the knee *is* the overload |
//! | the same, and the knee moves | a limit that [finds its value](limit::adaptive), fed with windows | its limit over time | spread that looks like queueing |
//! | everybody is answered, everybody too late | a bounded wait, [`queue::codel`], lifo | answers within the time that callers wait | dropping only what has expired |
//! | goodput stays at nothing after a short dip | a retry budget without a minimum, a [`breaker`] | attempts per request, before and after | jitter alone cures nothing |
//! | one call in twenty fails at once, the others are well | [`retry`] with a budget | attempts per request | retries in several layers |
//! | p99 far above p95, at any load | [`hedge`] after p95 | calls sent per request | hedging what is slow because of load |
//! | calls go on that nobody waits for | [`deadline`]; [`timeout`] that cancels | calls inside the dependency | a timeout below the healthy time |
//! | one dependency takes all callers with it | a limit around each, queue 0 (bulkhead) | rejections per dependency | limits that add up to more than there is |
//! | one tenant takes everything | [`limit::partitions`], [`admission::rate`] | permits per class | shares on top of what others hold |
//! | the server spends itself on refusing | [`admission::throttle`], [`admission::breakwater`] | refusals at the server | calls that fail for reasons of their own |
//! | some calls matter more | [`queue::Order`] by priority, [`admission::dagor`] | goodput per class | few levels, few calls |
//! | a thousand equal calls at once | [`coalesce`] | calls of the dependency per request | one failure is everybody's |
//! | nothing of this | nothing | – | a limit in front of a service that does not suffer only adds a queue |
//!
//! Order matters: what stands outside sees what stands inside as one call. Deadline, retry, hedge, breaker, limit, timeout, from
//! outside inwards, lets every attempt be judged, counted and bounded on its own, and the deadline bound them all.
//!
//! # The rooms
//!
//! * [`rt`]: what a world is: a clock, dice and an executor. Contracts only; this crate has none of its own.
//! * [`service`]: `call(&self, request)`, layers, and the closed list of ways in which a call can fail.
//! * [`event`]: the only way in which a strategy speaks; costs nothing when nobody listens.
//! * [`attempt`]: a request that can be tried again, and where dice come from; [`window`]: sums over the latest seconds.
//! * [`units`]: rates, ratios and durations that carry their unit in text.
//! * [`manual`]: what the modules say about their strategies, for programs that explain them ([`MANUAL`]).
//! * `tower` and `tokio` (features): any layer, or a tuple of layers, as tower's, with the order in which to stack them; and a world.
//!
//! # Dependencies
//!
//! None by default; `tower-layer`, `tower-service` and `pin-project-lite` with feature `tower`, none of which brings another; tokio (`rt`,
//! `time`) and its `pin-project-lite` with `tokio`.
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
pub mod manual;
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

/// Every strategy, by family, as it is documented.
pub static MANUAL: &[manual::Family] = &[
    manual::Family {
        name: "limits",
        pages: &[
            manual::Page::new("limit", include_str!("limit/mod.rs")),
            manual::Page::new("partitions", include_str!("limit/partitions.rs")),
        ],
    },
    manual::Family {
        name: "queues",
        pages: &[
            manual::Page::new("queue", include_str!("queue/mod.rs")),
            manual::Page::new("order", include_str!("queue/order.rs")),
            manual::Page::new("codel", include_str!("queue/codel.rs")),
            manual::Page::new("deadline-drop", include_str!("queue/deadline.rs")),
            manual::Page::new("little", include_str!("queue/little.rs")),
            manual::Page::new("ramp", include_str!("queue/ramp.rs")),
            manual::Page::new("pid", include_str!("queue/pid.rs")),
        ],
    },
    manual::Family {
        name: "limits that find their own value",
        pages: &[
            manual::Page::new("aimd", include_str!("limit/adaptive/aimd.rs")),
            manual::Page::new("vegas", include_str!("limit/adaptive/vegas.rs")),
            manual::Page::new("gradient", include_str!("limit/adaptive/gradient.rs")),
            manual::Page::new("gradient2", include_str!("limit/adaptive/gradient2.rs")),
            manual::Page::new("windowed", include_str!("limit/adaptive/windowed.rs")),
            manual::Page::new("envoy", include_str!("limit/adaptive/envoy.rs")),
            manual::Page::new("correlation", include_str!("limit/adaptive/correlation.rs")),
            manual::Page::new("arc", include_str!("limit/adaptive/arc.rs")),
            manual::Page::new("bbr", include_str!("limit/adaptive/bbr.rs")),
        ],
    },
    manual::Family {
        name: "admission",
        pages: &[
            manual::Page::new("sre-throttle", include_str!("admission/throttle.rs")),
            manual::Page::new("admission-control", include_str!("admission/throttle.rs")),
            manual::Page::new("rate-limit", include_str!("admission/rate.rs")),
            manual::Page::new("dagor", include_str!("admission/dagor.rs")),
            manual::Page::new("breakwater", include_str!("admission/breakwater.rs")),
        ],
    },
    manual::Family {
        name: "time",
        pages: &[
            manual::Page::new("timeout", include_str!("timeout.rs")),
            manual::Page::new("deadline", include_str!("deadline.rs")),
        ],
    },
    manual::Family {
        name: "retries",
        pages: &[
            manual::Page::new("retry", include_str!("retry/mod.rs")),
            manual::Page::new("backoff", include_str!("retry/backoff.rs")),
            manual::Page::new("retry-budget", include_str!("retry/ratio.rs")),
            manual::Page::new("retry-bucket", include_str!("retry/bucket.rs")),
            manual::Page::new("retry-throttle", include_str!("retry/throttle.rs")),
            manual::Page::new("adaptive-pace", include_str!("retry/adaptive.rs")),
        ],
    },
    manual::Family {
        name: "hedging",
        pages: &[
            manual::Page::new("hedge", include_str!("hedge/mod.rs")),
            manual::Page::new("tied", include_str!("hedge/tied.rs")),
        ],
    },
    manual::Family {
        name: "breakers and sharing",
        pages: &[
            manual::Page::new("breaker", include_str!("breaker/mod.rs")),
            manual::Page::new("coalesce", include_str!("coalesce.rs")),
        ],
    },
];
