//! `faults = [ … ]` of a service in a file.

use super::reader::Value;
use crate::dependency::{ContentionSpec, Effect, MAX_FAULTS, ScheduledFault};
use inflight_strategies::units::Ratio;

const KINDS: &[&str] = &["brown-out", "pause", "slow-start", "dip", "crash", "errors"];

/// Reads the faults of a service with `contention`.
pub(super) fn faults(value: &Value<'_, '_>, contention: &ContentionSpec) -> Option<Vec<ScheduledFault>> {
    let list = value.list()?;
    if list.len() > MAX_FAULTS {
        value.problem(format!("`faults` has {} entries", list.len()), "expected at most 64");
        return None;
    }
    let mut faults: Vec<ScheduledFault> = Vec::new();
    let mut complete = true;
    for value in &list {
        match fault(value, contention) {
            Some(fault) if faults.iter().any(|other| are_two_ramps(other, &fault)) => {
                value.problem(
                    "two slow starts at the same time",
                    "expected one that begins when the other is over",
                );
                complete = false;
            }
            Some(fault) => faults.push(fault),
            None => complete = false,
        }
    }
    complete.then_some(faults)
}

fn are_two_ramps(a: &ScheduledFault, b: &ScheduledFault) -> bool {
    let is_ramp = |f: &ScheduledFault| matches!(f.effect, Effect::SlowStart(_));
    is_ramp(a) && is_ramp(b) && a.at < b.at + b.length && b.at < a.at + a.length
}

fn fault(value: &Value<'_, '_>, contention: &ContentionSpec) -> Option<ScheduledFault> {
    let (kind, inner) = value.tagged(KINDS)?;
    let mut table = inner.table(format!("`{kind}`"))?;
    let at = table.required("at").and_then(|v| v.duration());
    let length = table.required("for").and_then(|v| v.positive_duration());
    let effect = match kind {
        "pause" => Some(Effect::Pause),
        "crash" => Some(Effect::Crash),
        "errors" => table.required("share").and_then(|v| v.ratio()).map(Effect::Errors),
        "dip" => table.required("servers").and_then(|v| dip(&v, contention)),
        "brown-out" => table.required("speed").and_then(|v| speed(&v)).map(Effect::BrownOut),
        _ => table.required("speed").and_then(|v| speed(&v)).map(Effect::SlowStart),
    };
    table.finish();
    Some(ScheduledFault { at: at?, length: length?, effect: effect? })
}

fn speed(value: &Value<'_, '_>) -> Option<Ratio> {
    let speed = value.ratio()?;
    if speed == Ratio::ZERO || speed.value() == 1.0 {
        value.wrong("a share above 0% and below 100%");
        return None;
    }
    Some(speed)
}

fn dip(value: &Value<'_, '_>, contention: &ContentionSpec) -> Option<Effect> {
    let ContentionSpec::Pool { servers } = contention else {
        value.problem(
            "only a pool has servers",
            "expected `contention = { pool = { servers = … } }` beside it",
        );
        return None;
    };
    value.count(0..=servers - 1).map(Effect::Dip)
}
