//! Limits in a file: how many permits, and which queue.

use super::reader::{Table, Value, transpose};
use inflight_strategies::{
    limit::{
        self, MAX_PERMITS, Permits,
        adaptive::{self, Range, aimd, arc, bbr, correlation, envoy, gradient, gradient2, vegas, windowed},
    },
    queue::{self, Bound, Order, codel, deadline, little, pid, ramp},
};
use std::ops::RangeInclusive;

/// The limiters that can stand for a number of permits.
const LIMITERS: &[&str] =
    &["aimd", "vegas", "gradient", "gradient2", "windowed", "envoy", "correlation", "arc", "bbr"];
const ORDERS: &[&str] = &["fifo", "lifo", "adaptive-lifo", "priority"];
const ANY: RangeInclusive<u32> = 0..=MAX_PERMITS;
const SOME: RangeInclusive<u32> = 1..=MAX_PERMITS;

/// Reads the inside of `{ limit = { … } }`.
pub(super) fn limit(table: &mut Table<'_, '_>) -> Option<limit::Config> {
    let permits = table.required("permits").and_then(|v| permits(&v));
    let queue = or(table, "queue", queue::Config::default(), queue);
    let max_wait = table.optional("max-wait").map(|v| v.positive_duration());
    let partitions = or(table, "partitions", vec![], |v| v.list()?.iter().map(Value::ratio).collect());
    Some(limit::Config {
        permits: permits?,
        queue: queue?,
        max_wait: transpose(max_wait)?,
        partitions: partitions?,
    })
}

/// The value of `key`, or `default` if it is not there.
fn or<'p, 'i, T>(
    table: &mut Table<'p, 'i>,
    key: &'static str,
    default: T,
    read: impl FnOnce(&Value<'p, 'i>) -> Option<T>,
) -> Option<T> {
    table.optional(key).map_or(Some(default), |value| read(&value))
}

/// The same for a key whose absence means something of its own.
fn maybe<'p, 'i, T>(
    table: &mut Table<'p, 'i>,
    key: &'static str,
    read: impl FnOnce(&Value<'p, 'i>) -> Option<T>,
) -> Option<Option<T>> {
    transpose(table.optional(key).map(|value| read(&value)))
}

/// Reads the table that `value` is with `read`, which leaves no key unread.
fn inside<'p, 'i, T>(value: &Value<'p, 'i>, read: impl FnOnce(&mut Table<'p, 'i>) -> Option<T>) -> Option<T> {
    let mut table = value.table(format!("`{}`", value.name))?;
    let inside = read(&mut table);
    table.finish();
    inside
}

fn permits(value: &Value<'_, '_>) -> Option<Permits> {
    if value.is_table() {
        return limiter(value).map(Permits::Adaptive);
    }
    value.count(SOME).map(Permits::Fixed)
}

fn queue(value: &Value<'_, '_>) -> Option<queue::Config> {
    if !value.is_table() {
        return plain_bound(value).map(queue::Config::fifo);
    }
    inside(value, |table| {
        let default = queue::Config::default();
        let bound = or(table, "bound", default.bound, bound);
        let order = or(table, "order", default.order, order);
        let ramp = maybe(table, "ramp", |v| inside(v, ramp));
        let pid = maybe(table, "pid", |v| inside(v, pid));
        let codel = maybe(table, "codel", |v| inside(v, codel));
        let deadline = maybe(table, "deadline", |v| inside(v, deadline));
        Some(queue::Config {
            bound: bound?,
            order: order?,
            ramp: ramp?,
            pid: pid?,
            codel: codel?,
            deadline: deadline?,
        })
    })
}

fn plain_bound(value: &Value<'_, '_>) -> Option<Bound> {
    if value.is_string() {
        return value.word(&["unbounded"]).map(|_| Bound::Unbounded);
    }
    value.count(ANY).map(Bound::Bounded)
}

fn bound(value: &Value<'_, '_>) -> Option<Bound> {
    if !value.is_table() {
        return plain_bound(value);
    }
    let (_, inner) = value.tagged(&["little"])?;
    inside(&inner, |table| {
        let target = table.required("target").and_then(|v| v.positive_duration())?;
        Some(Bound::Little(little::Config { target }))
    })
}

fn order(value: &Value<'_, '_>) -> Option<Order> {
    if value.is_table() {
        let (_, inner) = value.tagged(&["adaptive-lifo"])?;
        return inside(&inner, |table| {
            let threshold = maybe(table, "threshold", |v| v.count(SOME))?;
            Some(Order::AdaptiveLifo { threshold })
        });
    }
    Some(match value.word(ORDERS)? {
        "fifo" => Order::Fifo,
        "lifo" => Order::Lifo,
        "priority" => Order::Priority,
        _ => Order::AdaptiveLifo { threshold: None },
    })
}

fn ramp(table: &mut Table<'_, '_>) -> Option<ramp::Config> {
    let default = ramp::Config::default();
    let from = or(table, "from", default.from, |v| v.positive_number(ramp::MAX_FACTOR));
    let to = or(table, "to", default.to, |v| v.positive_number(ramp::MAX_FACTOR));
    Some(ramp::Config { from: from?, to: to? })
}

fn pid(table: &mut Table<'_, '_>) -> Option<pid::Config> {
    let default = pid::Config::default();
    let interval = or(table, "interval", default.interval, Value::positive_duration);
    let kp = or(table, "kp", default.kp, Value::fraction);
    let ki = or(table, "ki", default.ki, Value::fraction);
    let kd = or(table, "kd", default.kd, Value::fraction);
    Some(pid::Config { interval: interval?, kp: kp?, ki: ki?, kd: kd? })
}

fn codel(table: &mut Table<'_, '_>) -> Option<codel::Config> {
    let default = codel::Config::default();
    let target = or(table, "target", default.target, Value::positive_duration);
    let interval = or(table, "interval", default.interval, Value::positive_duration);
    Some(codel::Config { target: target?, interval: interval? })
}

fn deadline(table: &mut Table<'_, '_>) -> Option<deadline::Config> {
    let max_age = maybe(table, "max-age", Value::positive_duration);
    let service = maybe(table, "service", Value::positive_duration);
    Some(deadline::Config { max_age: max_age?, service: service? })
}

fn limiter(value: &Value<'_, '_>) -> Option<adaptive::Config> {
    use adaptive::Config as C;
    let (kind, inner) = value.tagged(LIMITERS)?;
    inside(&inner, |table| match kind {
        "aimd" => aimd(table).map(C::Aimd),
        "vegas" => vegas(table).map(C::Vegas),
        "gradient" => gradient(table).map(C::Gradient),
        "gradient2" => gradient2(table).map(C::Gradient2),
        "windowed" => windowed(table).map(|c| C::Windowed(Box::new(c))),
        "envoy" => envoy(table).map(C::Envoy),
        "correlation" => correlation(table).map(C::Correlation),
        "arc" => arc(table).map(C::Arc),
        _ => bbr(table).map(C::Bbr),
    })
}

fn range(table: &mut Table<'_, '_>, default: Range) -> Option<Range> {
    let initial = or(table, "initial", default.initial, |v| v.count(SOME));
    let min = or(table, "min", default.min, |v| v.count(SOME));
    let max = or(table, "max", default.max, |v| v.count(SOME));
    Some(Range { initial: initial?, min: min?, max: max? })
}

fn aimd(table: &mut Table<'_, '_>) -> Option<aimd::Config> {
    let default = aimd::Config::default();
    let range = range(table, default.range);
    let backoff = or(table, "backoff", default.backoff, Value::fraction);
    let timeout = or(table, "timeout", default.timeout, Value::positive_duration);
    Some(aimd::Config { range: range?, backoff: backoff?, timeout: timeout? })
}

fn vegas(table: &mut Table<'_, '_>) -> Option<vegas::Config> {
    let default = vegas::Config::default();
    let range = range(table, default.range);
    let smoothing = or(table, "smoothing", default.smoothing, Value::fraction);
    let probe = or(table, "probe", default.probe, |v| v.count(SOME));
    let alpha = maybe(table, "alpha", |v| v.count(ANY));
    let beta = maybe(table, "beta", |v| v.count(ANY));
    let threshold = maybe(table, "threshold", |v| v.count(ANY));
    let decrease = maybe(table, "decrease", Value::fraction);
    Some(vegas::Config {
        range: range?,
        smoothing: smoothing?,
        probe: probe?,
        alpha: alpha?,
        beta: beta?,
        threshold: threshold?,
        decrease: decrease?,
    })
}

fn gradient(table: &mut Table<'_, '_>) -> Option<gradient::Config> {
    let default = gradient::Config::default();
    let range = range(table, default.range);
    let smoothing = or(table, "smoothing", default.smoothing, Value::fraction);
    let tolerance = or(table, "tolerance", default.tolerance, |v| v.positive_number(1000.0));
    let probe = or(table, "probe", default.probe, |v| v.count(ANY));
    let backoff = or(table, "backoff", default.backoff, Value::fraction);
    let queue = maybe(table, "queue", |v| v.count(ANY));
    Some(gradient::Config {
        range: range?,
        smoothing: smoothing?,
        tolerance: tolerance?,
        probe: probe?,
        backoff: backoff?,
        queue: queue?,
    })
}

fn gradient2(table: &mut Table<'_, '_>) -> Option<gradient2::Config> {
    let default = gradient2::Config::default();
    let range = range(table, default.range);
    let smoothing = or(table, "smoothing", default.smoothing, Value::fraction);
    let tolerance = or(table, "tolerance", default.tolerance, |v| v.positive_number(1000.0));
    let queue = or(table, "queue", default.queue, |v| v.count(ANY));
    let long_window = or(table, "long-window", default.long_window, |v| v.count(SOME));
    Some(gradient2::Config {
        range: range?,
        smoothing: smoothing?,
        tolerance: tolerance?,
        queue: queue?,
        long_window: long_window?,
    })
}

fn windowed(table: &mut Table<'_, '_>) -> Option<windowed::Config> {
    let of = table.required("of").and_then(|v| limiter(&v));
    // The limiter inside does not matter for the other defaults.
    let default = windowed::Config::new(adaptive::Config::Aimd(aimd::Config::default()));
    let min_window = or(table, "min-window", default.min_window, Value::positive_duration);
    let max_window = or(
        table,
        "max-window",
        min_window.unwrap_or_default().max(default.max_window),
        Value::positive_duration,
    );
    let samples = or(table, "samples", default.samples, |v| v.count(10..=windowed::MAX_SAMPLES));
    let ignore_below = or(table, "ignore-below", default.ignore_below, Value::duration);
    let percentile = maybe(table, "percentile", Value::ratio);
    let keep = or(table, "keep", default.keep, |v| v.count(10..=windowed::MAX_SAMPLES));
    Some(windowed::Config {
        of: of?,
        min_window: min_window?,
        max_window: max_window?,
        samples: samples?,
        ignore_below: ignore_below?,
        percentile: percentile?,
        keep: keep?,
    })
}

fn envoy(table: &mut Table<'_, '_>) -> Option<envoy::Config> {
    let default = envoy::Config::default();
    let update = or(table, "update", default.update, Value::positive_duration);
    let interval = or(table, "interval", default.interval, Value::positive_duration);
    let jitter = or(table, "jitter", default.jitter, Value::ratio);
    let probe_samples = or(table, "probe-samples", default.probe_samples, |v| v.count(SOME));
    let min = or(table, "min", default.min, |v| v.count(SOME));
    let max = or(table, "max", default.max, |v| v.count(SOME));
    let percentile = or(table, "percentile", default.percentile, Value::ratio);
    let buffer = or(table, "buffer", default.buffer, Value::ratio);
    Some(envoy::Config {
        update: update?,
        interval: interval?,
        jitter: jitter?,
        probe_samples: probe_samples?,
        min: min?,
        max: max?,
        percentile: percentile?,
        buffer: buffer?,
    })
}

fn correlation(table: &mut Table<'_, '_>) -> Option<correlation::Config> {
    let default = correlation::Config::default();
    let range = range(table, default.range);
    let max_factor = or(table, "max-factor", default.max_factor, |v| v.positive_number(1000.0));
    let min_window = or(table, "min-window", default.min_window, Value::positive_duration);
    let max_window = or(
        table,
        "max-window",
        min_window.unwrap_or_default().max(default.max_window),
        Value::positive_duration,
    );
    let samples = or(table, "samples", default.samples, |v| v.count(SOME));
    let percentile = or(table, "percentile", default.percentile, Value::ratio);
    let baseline = or(table, "baseline", default.baseline, |v| v.count(SOME));
    let correlation =
        or(table, "correlation", default.correlation, |v| v.count(2..=correlation::MAX_WINDOWS));
    let stabilization = or(table, "stabilization", default.stabilization, Value::duration);
    Some(correlation::Config {
        range: range?,
        max_factor: max_factor?,
        min_window: min_window?,
        max_window: max_window?,
        samples: samples?,
        percentile: percentile?,
        baseline: baseline?,
        correlation: correlation?,
        stabilization: stabilization?,
    })
}

fn arc(table: &mut Table<'_, '_>) -> Option<arc::Config> {
    let default = arc::Config::default();
    let range = range(table, default.range);
    let backoff = or(table, "backoff", default.backoff, Value::fraction);
    let smoothing = or(table, "smoothing", default.smoothing, Value::fraction);
    let deviations = or(table, "deviations", default.deviations, |v| v.positive_number(1000.0));
    Some(arc::Config { range: range?, backoff: backoff?, smoothing: smoothing?, deviations: deviations? })
}

fn bbr(table: &mut Table<'_, '_>) -> Option<bbr::Config> {
    let default = bbr::Config::default();
    let window = or(table, "window", default.window, Value::positive_duration);
    let buckets = or(table, "buckets", default.buckets, |v| v.count(2..=bbr::MAX_BUCKETS));
    let trigger = or(table, "trigger", default.trigger, |v| v.count(ANY));
    Some(bbr::Config { window: window?, buckets: buckets?, trigger: trigger? })
}
