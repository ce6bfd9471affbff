//! Strategies in a file: what may stand in a stack, and the keys of each.

use super::{
    admission, limits,
    reader::{Table, Value},
    retries,
};
use crate::stack::LayerSpec;
use inflight_strategies::timeout;

/// The layers that can stand in a stack.
pub const fn layer_kinds() -> &'static [&'static str] {
    &[
        "limit",
        "timeout",
        "deadline",
        "retry",
        "hedge",
        "breaker",
        "coalesce",
        "sre-throttle",
        "admission-control",
        "rate-limit",
        "dagor",
        "breakwater",
    ]
}

/// Reads `{ limit = { … } }` and its kin.
pub(super) fn layer(value: &Value<'_, '_>) -> Option<LayerSpec> {
    let (kind, inner) = value.tagged(layer_kinds())?;
    let mut table = inner.table(format!("`{kind}`"))?;
    let layer = match kind {
        "limit" => limits::limit(&mut table).map(|limit| LayerSpec::Limit(Box::new(limit))),
        "timeout" => timeout_layer(&mut table).map(LayerSpec::Timeout),
        "deadline" => timeout_layer(&mut table).map(LayerSpec::Deadline),
        "retry" => retries::retry(&mut table).map(LayerSpec::Retry),
        "hedge" => retries::hedge(&mut table),
        kind => admission::layer(kind, &mut table),
    };
    table.finish();
    let valid = layer.as_ref().map_or(Ok(()), LayerSpec::validate);
    valid.map_err(|why| inner.problem(format!("`{kind}` makes no sense"), why)).ok().and(layer)
}

fn timeout_layer(table: &mut Table<'_, '_>) -> Option<timeout::Config> {
    let after = table.required("after").and_then(|v| v.positive_duration());
    let late = table.optional("late").map_or(Some("cancel"), |v| v.word(&["cancel", "detach"]));
    let late = if late? == "detach" { timeout::Late::Detach } else { timeout::Late::Cancel };
    Some(timeout::Config { after: after?, late })
}
