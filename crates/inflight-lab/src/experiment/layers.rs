//! Strategies in a file: what may stand in a stack, and the keys of each.

use super::{
    limits,
    reader::{Table, Value},
};
use crate::stack::LayerSpec;
use inflight_strategies::timeout;

/// The layers that can stand in a stack.
pub const fn layer_kinds() -> &'static [&'static str] {
    &["limit", "timeout"]
}

/// Reads `{ limit = { … } }` and its kin.
pub(super) fn layer(value: &Value<'_, '_>) -> Option<LayerSpec> {
    let (kind, inner) = value.tagged(layer_kinds())?;
    let mut table = inner.table(format!("`{kind}`"))?;
    let layer = match kind {
        "limit" => limits::limit(&mut table).map(|limit| LayerSpec::Limit(Box::new(limit))),
        _ => timeout_layer(&mut table).map(LayerSpec::Timeout),
    };
    table.finish();
    let valid = match &layer {
        Some(LayerSpec::Limit(c)) => c.validate(),
        Some(LayerSpec::Timeout(c)) => c.validate(),
        None => Ok(()),
    };
    valid.map_err(|why| inner.problem(format!("`{kind}` makes no sense"), why)).ok().and(layer)
}

fn timeout_layer(table: &mut Table<'_, '_>) -> Option<timeout::Config> {
    let after = table.required("after").and_then(|v| v.positive_duration());
    let late = table.optional("late").map_or(Some("cancel"), |v| v.word(&["cancel", "detach"]));
    let late = if late? == "detach" { timeout::Late::Detach } else { timeout::Late::Cancel };
    Some(timeout::Config { after: after?, late })
}
