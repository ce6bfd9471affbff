//! Live arms beside their twins, as text.

use super::text::{Ink, Tone, label, name_column, right};
use crate::{
    experiment::{ExperimentOutcome, RunOutcome},
    twin::{Comparison, Part, TimerError, Twin},
};
use std::fmt::Write as _;

const COLUMNS: [(&str, usize); 7] =
    [("compared", 10), ("median ms", 11), ("p99 ms", 8), ("max ms", 8), ("p50", 8), ("p95", 8), ("p99", 8)];

/// What is left between the live requests and their twins; empty if no arm has one.
pub(super) fn table(run: &RunOutcome, experiment: &ExperimentOutcome, ink: &dyn Ink) -> String {
    let mut out = String::new();
    if experiment.arms.iter().all(|arm| arm.twin.is_none()) {
        return out;
    }
    let aside = "live − twin: the same requests in virtual time";
    let _ = writeln!(out, "{}  {}", ink.paint(Tone::Heading, "TWIN"), ink.paint(Tone::Quiet, aside));
    let names = name_column(experiment);
    let head: String = COLUMNS.iter().map(|(title, width)| right(title, *width)).collect();
    let _ = writeln!(out, "{}", ink.paint(Tone::Quiet, &format!("     {:names$}{head}", "endpoint")));
    for arm in &experiment.arms {
        let start = label(names, arm, ink);
        match &arm.twin {
            Some(Twin::Compared { exact, calibrated }) => {
                let _ = writeln!(out, "{start}{}", cells(exact));
                if let Some(calibrated) = calibrated {
                    let _ = writeln!(out, "     {:names$}{}", "calibrated", cells(calibrated));
                }
                let _ = writeln!(out, "     {}", ink.paint(Tone::Quiet, &made_of(exact)));
                let _ =
                    otherwise(exact).map(|line| writeln!(out, "     {}", ink.paint(Tone::Warning, &line)));
            }
            Some(Twin::Refused(why)) => {
                let _ = writeln!(out, "{start}  {}", ink.paint(Tone::Warning, &format!("! no twin: {why}")));
            }
            None => {}
        }
    }
    if let Some(timers) = &run.timers {
        let _ = writeln!(out, "{}", ink.paint(Tone::Quiet, &calibration(timers)));
    }
    out
}

/// Signed nanoseconds as milliseconds.
fn ms(ns: i64) -> String {
    format!("{:+.2}", ns as f64 / 1e6)
}

fn size(ns: u64) -> String {
    format!("{:.2}", ns as f64 / 1e6)
}

fn cells(found: &Comparison) -> String {
    let residual = &found.residual;
    let share = |share: f64| format!("{:+.2}%", share * 100.0);
    let [p50, p95, p99] = found.relative().map(share);
    let texts = [
        found.compared.to_string(),
        ms(residual.median_ns),
        size(residual.p99_ns),
        size(residual.max_ns),
        p50,
        p95,
        p99,
    ];
    COLUMNS.iter().zip(&texts).map(|((_, width), text)| right(text, *width)).collect()
}

fn made_of(found: &Comparison) -> String {
    let parts = &found.parts;
    let part = |name: &str, part: &Part| format!("{name} {}", ms(part.mean_ns));
    format!(
        "mean {} = {}, {}, {}, {}, {}",
        ms(found.residual.mean_ns),
        part("late", &parts.late),
        part("HTTP", &parts.http),
        part("timers", &parts.timers),
        part("waits", &parts.waits),
        part("rest", &parts.rest),
    )
}

/// Requests that ended otherwise, if there are any.
fn otherwise(found: &Comparison) -> Option<String> {
    let mut kinds: Vec<String> = found
        .differing
        .iter()
        .map(|d| format!("{} {} and {} in the twin", d.count, d.live, d.twin))
        .collect();
    if found.missing > 0 {
        kinds.push(format!("{} that ended in one world only", found.missing));
    }
    (!kinds.is_empty()).then(|| format!("! {}", kinds.join(", ")))
}

fn calibration(timers: &TimerError) -> String {
    format!(
        "calibrated: the twin's timers are late by {} ms, as {} of this machine were on average (p99 {} ms)",
        size(timers.mean_ns),
        timers.timers,
        size(timers.p99_ns)
    )
}
