//! Breakers, coalescing and admission control in a file.

use super::reader::{Table, Value, transpose};
use crate::stack::LayerSpec;
use inflight_strategies::{
    admission::{breakwater, dagor, rate, throttle},
    breaker::{self, Window},
    limit::MAX_PERMITS,
};
use std::time::Duration;

/// Reads the layer `kind`, one of those that no other file knows.
pub(super) fn layer(kind: &str, table: &mut Table<'_, '_>) -> Option<LayerSpec> {
    match kind {
        "breaker" => breaker(table).map(LayerSpec::Breaker),
        "coalesce" => {
            let keys = table.required("keys").and_then(|v| v.count(1..=1_000_000));
            Some(LayerSpec::Coalesce { keys: keys? })
        }
        "sre-throttle" => sre(table).map(LayerSpec::Throttle),
        "admission-control" => envoy(table).map(LayerSpec::Throttle),
        "rate-limit" => rate_limit(table).map(LayerSpec::Rate),
        "dagor" => dagor(table).map(LayerSpec::Dagor),
        _ => breakwater(table).map(LayerSpec::Breakwater),
    }
}

fn share(table: &mut Table<'_, '_>, key: &'static str, default: f64) -> Option<f64> {
    table.optional(key).map_or(Some(default), |v| v.ratio().map(|ratio| ratio.value()))
}

fn time(table: &mut Table<'_, '_>, key: &'static str, default: Duration) -> Option<Duration> {
    table.optional(key).map_or(Some(default), |v| v.positive_duration())
}

fn count(table: &mut Table<'_, '_>, key: &'static str, default: u32) -> Option<u32> {
    table.optional(key).map_or(Some(default), |v| v.count(1..=1_000_000))
}

fn number(table: &mut Table<'_, '_>, key: &'static str, default: f64) -> Option<f64> {
    table.optional(key).map_or(Some(default), |v| v.positive_number(100.0))
}

fn breaker(table: &mut Table<'_, '_>) -> Option<breaker::Config> {
    let default = breaker::Config::default();
    let failures = share(table, "failures", default.failures);
    let slow = table.optional("slow").map_or(Some((default.slow_after, default.slow)), |v| slow(&v));
    let in_a_row = table.optional("in-a-row").map(|v| v.count(1..=breaker::MAX_CALLS));
    let window = table.optional("window").map_or(Some(default.window), |v| window(&v));
    let min_calls = count(table, "min-calls", default.min_calls);
    let open_for = time(table, "open-for", default.open_for);
    let probes = count(table, "probes", default.probes);
    let (slow_after, slow) = slow?;
    Some(breaker::Config {
        failures: failures?,
        slow_after,
        slow,
        in_a_row: transpose(in_a_row)?,
        window: window?,
        min_calls: min_calls?,
        open_for: open_for?,
        probes: probes?,
    })
}

fn slow(value: &Value<'_, '_>) -> Option<(Duration, f64)> {
    let mut table = value.table("`slow`")?;
    let after = table.required("after").and_then(|v| v.positive_duration());
    let share = share(&mut table, "share", 1.0);
    table.finish();
    Some((after?, share?))
}

/// A number of calls, or a time.
fn window(value: &Value<'_, '_>) -> Option<Window> {
    if value.is_string() {
        return value.positive_duration().map(Window::Time);
    }
    value.count(1..=breaker::MAX_CALLS).map(Window::Calls)
}

fn sre(table: &mut Table<'_, '_>) -> Option<throttle::Config> {
    let k = number(table, "k", 2.0);
    let window = time(table, "window", throttle::Config::SRE.window);
    Some(throttle::Config { rule: throttle::Rule::Sre { k: k? }, window: window? })
}

fn envoy(table: &mut Table<'_, '_>) -> Option<throttle::Config> {
    let success = share(table, "success", 0.95);
    let aggression = number(table, "aggression", 1.0);
    let most = share(table, "most", 0.8);
    let min_rate = table.optional("min-rate").map_or(Some(0.0), |v| v.rate_or_zero());
    let window = time(table, "window", throttle::Config::ENVOY.window);
    let rule = throttle::Rule::Envoy {
        success: success?,
        aggression: aggression?,
        most: most?,
        min_rate: min_rate?,
    };
    Some(throttle::Config { rule, window: window? })
}

fn rate_limit(table: &mut Table<'_, '_>) -> Option<rate::Config> {
    let rate = table.required("rate").and_then(|v| v.quantity());
    let burst = count(table, "burst", 1);
    let max_wait = table.optional("max-wait").map(|v| v.positive_duration());
    Some(rate::Config { rate: rate?, burst: burst?, max_wait: transpose(max_wait)? })
}

fn dagor(table: &mut Table<'_, '_>) -> Option<dagor::Config> {
    let permits = table.required("permits").and_then(|v| v.count(1..=MAX_PERMITS));
    let default = dagor::Config::new(1);
    let threshold = time(table, "threshold", default.threshold);
    let window = time(table, "window", default.window);
    let calls = count(table, "calls", default.calls);
    let classes = count(table, "classes", default.classes);
    let users = count(table, "users", default.users);
    let (down, up) = (share(table, "down", default.down), share(table, "up", default.up));
    Some(dagor::Config {
        permits: permits?,
        threshold: threshold?,
        window: window?,
        calls: calls?,
        classes: classes?,
        users: users?,
        down: down?,
        up: up?,
    })
}

fn breakwater(table: &mut Table<'_, '_>) -> Option<breakwater::Config> {
    let permits = table.required("permits").and_then(|v| v.count(1..=MAX_PERMITS));
    let default = breakwater::Config::new(1, 1);
    let clients = table.optional("clients").map_or(Some(1), |v| v.count(1..=breakwater::MAX_CLIENTS));
    let target = time(table, "target", default.target);
    let rtt = time(table, "rtt", default.rtt);
    let (grow, shrink) = (number(table, "grow", default.grow), number(table, "shrink", default.shrink));
    Some(breakwater::Config {
        permits: permits?,
        clients: clients?,
        target: target?,
        rtt: rtt?,
        grow: grow?,
        shrink: shrink?,
    })
}
