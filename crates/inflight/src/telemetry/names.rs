//! Every name that leaves this program as a metric or a label. A test holds dashboards, scripts and rules to this list.
//!
//! Units stand in the names, and the instruments' own unit stays empty: then the names arrive in Prometheus as they are
//! here, whatever suffixes a collector is told to add.

/// Requests that ended, by `endpoint` and `status`.
pub const HTTP_REQUESTS: &str = "http_requests_total";
/// How long requests were inside, by `endpoint` and `status`.
pub const HTTP_REQUEST_DURATION: &str = "http_request_duration_ms";
/// Requests inside now, by `endpoint`.
pub const HTTP_INFLIGHT: &str = "http_inflight";
/// Open connections.
pub const HTTP_CONNECTIONS: &str = "http_connections";
/// Connections that could not be accepted, by `error`.
pub const HTTP_ACCEPT_ERRORS: &str = "http_accept_errors_total";
/// How long Service A and B took, by `service`.
pub const SERVICE_DURATION: &str = "service_duration_ms";
/// Calls of Service A and B that failed, by `service`.
pub const SERVICE_ERRORS: &str = "service_errors_total";
/// Calls inside Service A and B now, by `service`: stays up when work is left running that nobody waits for.
pub const SERVICE_INFLIGHT: &str = "service_inflight";
/// How long calls of B waited for a permit, by `endpoint`.
pub const SEMAPHORE_WAIT: &str = "serviceB_semaphore_wait_ms";

/// What layers decided, by `endpoint`, `around`, `strategy`, `decision` and, where there is something to say, `why`.
pub const STRATEGY_DECISIONS: &str = "strategy_decisions_total";
/// How long admitted calls had waited in a layer, by `endpoint`, `around` and `strategy`.
pub const STRATEGY_WAIT: &str = "strategy_wait_ms";
/// Permits that a limit has now, by `endpoint`, `around` and `strategy`.
pub const STRATEGY_LIMIT: &str = "strategy_limit";

/// tokio's worker threads.
pub const TOKIO_WORKERS: &str = "tokio_workers";
/// tokio's tasks: what goroutines are in Go.
pub const TOKIO_ALIVE_TASKS: &str = "tokio_alive_tasks";
/// Tasks in tokio's global queue, ready to run. Workers' own queues are not in it.
pub const TOKIO_GLOBAL_QUEUE_DEPTH: &str = "tokio_global_queue_depth";
/// The share of time that a worker was busy since the last look, by `worker`.
pub const TOKIO_WORKER_BUSY_RATIO: &str = "tokio_worker_busy_ratio";
/// The time that a worker was busy, by `worker`.
pub const TOKIO_WORKER_BUSY_SECONDS: &str = "tokio_worker_busy_seconds_total";

/// Memory in use, as the system sees it.
pub const PROCESS_RESIDENT_MEMORY: &str = "process_resident_memory_bytes";
/// Address space in use.
pub const PROCESS_VIRTUAL_MEMORY: &str = "process_virtual_memory_bytes";
/// Processor time used, user and system.
pub const PROCESS_CPU_SECONDS: &str = "process_cpu_seconds_total";
/// Threads.
pub const PROCESS_THREADS: &str = "process_threads";
/// Open file descriptors.
pub const PROCESS_OPEN_FDS: &str = "process_open_fds";
/// Memory in use, as the program asked for it.
pub const ALLOCATOR_ALLOCATED: &str = "allocator_allocated_bytes";

/// What became of the requests of `inflight load`, by `target` and `ending`.
pub const LOAD_REQUESTS: &str = "load_requests_total";
/// Quantiles of the latency that it saw, by `target`, `from` (`intended` or `sent`) and `quantile`.
pub const LOAD_LATENCY: &str = "load_latency_seconds";
/// Quantiles of how late it began requests, by `target` and `quantile`.
pub const LOAD_LATENESS: &str = "load_lateness_seconds";
/// How long requests took, by `target` and `from` (`intended` or `sent`), as a histogram: what it exports while it goes on.
pub const LOAD_REQUEST_DURATION: &str = "load_request_duration_ms";
/// How late it began requests, by `target`, as a histogram.
pub const LOAD_BEGUN_LATE: &str = "load_begun_late_ms";
/// Requests in flight now, by `target`.
pub const LOAD_IN_FLIGHT: &str = "load_in_flight";
/// The most requests in flight, by `target`.
pub const LOAD_IN_FLIGHT_PEAK: &str = "load_in_flight_peak";
/// Whether its figures can be trusted, 1 or 0, by `target`.
pub const LOAD_TRUSTWORTHY: &str = "load_trustworthy";

/// 1 for the phase of a run that was heard of last, by `phase`.
pub const LAB_PHASE: &str = "lab_phase_info";

/// The label of an endpoint: its path.
pub const ENDPOINT: &str = "endpoint";
/// The label of an HTTP status.
pub const STATUS: &str = "status";
/// The label of a service: `A` or `B`.
pub const SERVICE: &str = "service";
/// The label of what a layer guards: `A`, `B` or `whole`.
pub const AROUND: &str = "around";
/// The label of a strategy: its name in files.
pub const STRATEGY: &str = "strategy";
/// The label of what a strategy decided.
pub const DECISION: &str = "decision";
/// The label of why it did.
pub const WHY: &str = "why";
/// The label of a worker thread.
pub const WORKER: &str = "worker";
/// The label of a kind of error.
pub const ERROR: &str = "error";
/// The label of what a load was put on.
pub const TARGET: &str = "target";
/// The label of how a request ended.
pub const ENDING: &str = "ending";
/// The label of where a latency is counted from.
pub const FROM: &str = "from";
/// The label of a quantile.
pub const QUANTILE: &str = "quantile";
/// The label of a phase.
pub const PHASE: &str = "phase";

/// What stands for the endpoint of a request to no endpoint: one series, however many paths are tried.
pub const UNMATCHED: &str = "unmatched";
