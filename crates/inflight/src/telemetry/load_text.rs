//! What `inflight load` found, as Prometheus text: for node_exporter's textfile collector, or whoever reads such files.

use super::names::{
    ENDING, FROM, LOAD_IN_FLIGHT_PEAK, LOAD_LATENCY, LOAD_LATENESS, LOAD_REQUESTS, LOAD_TRUSTWORTHY,
    QUANTILE, TARGET,
};
use inflight_lab::{
    audit::Verdict,
    load::figures::{LoadFigures, QUANTILES, Spread},
};
use std::fmt::Write;

/// The text. A quantile that there are too few requests for is left out, and so is one that is only a lower bound.
pub fn exposition(targets: &[LoadFigures]) -> String {
    let mut out = String::new();
    let kind = |out: &mut String, name: &str, kind: &str| {
        let _ = writeln!(out, "# TYPE {name} {kind}");
    };
    kind(&mut out, LOAD_REQUESTS, "counter");
    for target in targets {
        for (ending, n) in &target.endings {
            let _ = writeln!(out, "{LOAD_REQUESTS}{{{TARGET}={:?},{ENDING}=\"{ending}\"}} {n}", target.name);
        }
    }
    kind(&mut out, LOAD_LATENCY, "gauge");
    for target in targets {
        quantiles(
            &mut out,
            LOAD_LATENCY,
            &format!("{TARGET}={:?},{FROM}=\"intended\"", target.name),
            &target.intended,
        );
        if let Some(wire) = &target.wire {
            quantiles(
                &mut out,
                LOAD_LATENCY,
                &format!("{TARGET}={:?},{FROM}=\"sent\"", target.name),
                &wire.sent,
            );
        }
    }
    kind(&mut out, LOAD_LATENESS, "gauge");
    for target in targets {
        quantiles(&mut out, LOAD_LATENESS, &format!("{TARGET}={:?}", target.name), &target.lateness);
    }
    kind(&mut out, LOAD_IN_FLIGHT_PEAK, "gauge");
    for target in targets {
        let _ =
            writeln!(out, "{LOAD_IN_FLIGHT_PEAK}{{{TARGET}={:?}}} {}", target.name, target.in_flight_peak);
    }
    kind(&mut out, LOAD_TRUSTWORTHY, "gauge");
    for (target, audit) in targets.iter().filter_map(|target| Some((target, target.audit.as_ref()?))) {
        let is_trustworthy = u8::from(audit.verdict == Verdict::Trustworthy);
        let _ = writeln!(out, "{LOAD_TRUSTWORTHY}{{{TARGET}={:?}}} {is_trustworthy}", target.name);
    }
    out
}

fn quantiles(out: &mut String, name: &str, labels: &str, spread: &Spread) {
    for ((quantile, _), told) in QUANTILES.iter().zip(spread.told()) {
        let Some(ns) = told.filter(|_| !spread.is_bound(*quantile)) else { continue };
        let _ = writeln!(out, "{name}{{{labels},{QUANTILE}=\"{quantile}\"}} {}", ns as f64 / 1e9);
    }
}
