//! Retries and hedging in a file.

use super::reader::{Table, Value, transpose};
use crate::stack::LayerSpec;
use inflight_strategies::{
    attempt::MAX_ATTEMPTS,
    hedge::{self, After},
    retry::{self, Backoff, Bucket, BudgetConfig, On, Pace, Ratio, Steps, Throttling},
};

const BACKOFFS: &[&str] = &["fixed", "exponential", "full-jitter", "equal-jitter", "decorrelated-jitter"];

/// `retry = { attempts = 3, backoff = { full-jitter = { … } }, budget = { … }, on = [ … ], pace = "adaptive" }`
pub(super) fn retry(table: &mut Table<'_, '_>) -> Option<retry::Config> {
    let default = retry::Config::default();
    let attempts = table.optional("attempts").map_or(Some(default.attempts), |v| v.count(2..=MAX_ATTEMPTS));
    let backoff = table.optional("backoff").map_or(Some(default.backoff), |v| backoff(&v));
    let budget = table.optional("budget").map_or(Some(default.budget), |v| budget(&v));
    let on = table.optional("on").map_or(Some(default.on), |v| on(&v));
    let pace = table.optional("pace").map_or(Some("none"), |v| v.word(&["none", "adaptive"]));
    let pace = if pace? == "adaptive" { Pace::Adaptive } else { Pace::Unpaced };
    Some(retry::Config { attempts: attempts?, backoff: backoff?, budget: budget?, on: on?, pace })
}

/// `"none"`, `{ fixed = "1s" }`, `{ full-jitter = { base = "100ms", cap = "2s" } }` and its kin.
fn backoff(value: &Value<'_, '_>) -> Option<Backoff> {
    if value.is_word("none") {
        return Some(Backoff::None);
    }
    let (kind, inner) = value.tagged(BACKOFFS)?;
    if kind == "fixed" {
        return inner.duration().map(Backoff::Fixed);
    }
    let mut table = inner.table(format!("`{kind}`"))?;
    let base = table.required("base").and_then(|v| v.positive_duration());
    let cap = table.required("cap").and_then(|v| v.positive_duration());
    if kind == "decorrelated-jitter" {
        table.finish();
        return Some(Backoff::DecorrelatedJitter { base: base?, cap: cap? });
    }
    let factor = table.optional("factor").map_or(Some(retry::DEFAULT_FACTOR), |v| v.positive_number(10.0));
    table.finish();
    let steps = Steps { base: base?, cap: cap?, factor: factor? };
    Some(match kind {
        "exponential" => Backoff::Exponential(steps),
        "full-jitter" => Backoff::FullJitter(steps),
        _ => Backoff::EqualJitter(steps),
    })
}

/// `"none"`, `{ ratio = "20%", min = "0/s", ttl = "10s" }`, `{ bucket = { … } }` or `{ throttle = { … } }`.
fn budget(value: &Value<'_, '_>) -> Option<BudgetConfig> {
    if value.is_word("none") {
        return Some(BudgetConfig::Unlimited);
    }
    if !value.is_table() {
        value.wrong("\"none\", { ratio = … }, { bucket = … } or { throttle = … }");
        return None;
    }
    let mut table = value.table("`budget`")?;
    let read = match () {
        () if table.has("bucket") => table.required("bucket").and_then(|v| bucket(&v)),
        () if table.has("throttle") => table.required("throttle").and_then(|v| throttle(&v)),
        () => ratio(&mut table),
    };
    table.finish();
    read
}

fn ratio(table: &mut Table<'_, '_>) -> Option<BudgetConfig> {
    let share = table.required("ratio").and_then(|v| v.ratio());
    let min = table.optional("min").map_or(Some(0.0), |v| v.rate_or_zero());
    let ttl = table.optional("ttl").map_or(Some(Ratio::TTL), |v| v.positive_duration());
    Some(BudgetConfig::Ratio(Ratio { ratio: share?.value(), min: min?, ttl: ttl? }))
}

fn bucket(value: &Value<'_, '_>) -> Option<BudgetConfig> {
    let (mut table, default) = (value.table("`bucket`")?, Bucket::default());
    let mut count = |key, default| table.optional(key).map_or(Some(default), |v| v.count(0..=1_000_000));
    let capacity = count("capacity", default.capacity);
    let cost = count("cost", default.cost);
    let timeout_cost = count("timeout-cost", default.timeout_cost);
    table.finish();
    Some(BudgetConfig::Bucket(Bucket { capacity: capacity?, cost: cost?, timeout_cost: timeout_cost? }))
}

fn throttle(value: &Value<'_, '_>) -> Option<BudgetConfig> {
    let mut table = value.table("`throttle`")?;
    let max_tokens = table.required("tokens").and_then(|v| v.positive_number(1_000.0));
    let ratio = table.required("ratio").and_then(|v| v.positive_number(1_000.0));
    table.finish();
    Some(BudgetConfig::Throttle(Throttling { max_tokens: max_tokens?, ratio: ratio? }))
}

fn on(value: &Value<'_, '_>) -> Option<On> {
    let mut on = On { failed: false, timed_out: false, rejected: false };
    for kind in value.list()? {
        match kind.word(&["failed", "timed-out", "rejected"])? {
            "failed" => on.failed = true,
            "timed-out" => on.timed_out = true,
            _ => on.rejected = true,
        }
    }
    Some(on)
}

/// `hedge = { after = "p95", attempts = 2, budget = … }`, or `after = "600ms"`; `budget = "retry"` is that of the retries
/// around it.
pub(super) fn hedge(table: &mut Table<'_, '_>) -> Option<LayerSpec> {
    let after = table.required("after");
    let attempts = table.optional("attempts").map_or(Some(2), |v| v.count(2..=hedge::MAX_HEDGES));
    let budget_value = table.optional("budget");
    let shares = budget_value.as_ref().is_some_and(|v| v.is_word("retry"));
    let own = budget_value.filter(|_| !shares).map(|v| budget(&v));
    let after = after.and_then(|v| delay(&v, table));
    let config = hedge::Config { attempts: attempts?, ..hedge::Config::new(after?) };
    let budget = transpose(own)?.unwrap_or(config.budget);
    Some(LayerSpec::Hedge { config: hedge::Config { budget, ..config }, shares })
}

/// A duration, or a quantile with its own knobs beside it.
fn delay(value: &Value<'_, '_>, table: &mut Table<'_, '_>) -> Option<After> {
    let quantile = value.string()?.trim().strip_prefix('p').map(|q| q.parse::<f64>().unwrap_or(0.0));
    let Some(quantile) = quantile else { return value.duration().map(After::Fixed) };
    if !(quantile > 0.0 && quantile < 100.0) {
        value.wrong("a duration such as \"600ms\", or a quantile such as \"p95\", above p0 and below p100");
        return None;
    }
    let min_samples = table.optional("min-samples").map_or(Some(100), |v| v.count(1..=1_000_000));
    let window = table.optional("window").map(|v| v.positive_duration());
    let floor = table.optional("floor").map(|v| v.duration());
    let After::Quantile { q, window: default_window, floor: default_floor, .. } =
        After::quantile(quantile / 100.0)
    else {
        return None;
    };
    Some(After::Quantile {
        q,
        min_samples: min_samples?,
        window: transpose(window)?.unwrap_or(default_window),
        floor: transpose(floor)?.unwrap_or(default_floor),
    })
}

/// A hedge can only share the budget of a retry that is around it.
pub(super) fn check_shared_budgets(values: &[Value<'_, '_>], layers: &[LayerSpec]) {
    let mut has_retry = false;
    for (value, layer) in values.iter().zip(layers) {
        match layer {
            LayerSpec::Retry(_) => has_retry = true,
            LayerSpec::Hedge { shares: true, .. } if !has_retry => value.problem(
                "`hedge` shares a budget that is not there",
                "put a retry before it in this list, or give it a budget of its own",
            ),
            _ => {}
        }
    }
}
