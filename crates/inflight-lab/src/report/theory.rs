//! What formulas say beside the arms, in the columns of the other tables.

use super::text::{Ink, Tone, figure, label, name_column, percent, right};
use crate::{
    experiment::{ArmOutcome, ExperimentOutcome},
    record::Ending,
    theory::Beside,
};
use std::fmt::Write as _;

/// A column: its heading, its width, what theory says and what the run found.
type Column = (&'static str, usize, fn(&Beside, &ArmOutcome) -> Option<(String, f64, f64)>);

const COLUMNS: [Column; 8] = [
    ("in flight", 11, |t, a| Some((figure(t.in_flight?), t.in_flight?, a.in_flight_mean))),
    ("good/s", 8, |t, a| Some((figure(t.goodput_per_s?), t.goodput_per_s?, a.goodput_per_s))),
    ("p50 ms", 8, |t, a| ms(t.p50_ns, a.completed.p50_ns)),
    ("p95 ms", 8, |t, a| ms(t.p95_ns, a.completed.p95_ns)),
    ("p99 ms", 8, |t, a| ms(t.p99_ns, a.completed.p99_ns)),
    ("timeout", 9, |t, a| Some((percent(t.timed_out?), t.timed_out?, a.share(Ending::TimedOut)))),
    ("wait p50", 10, |t, a| ms(t.wait_p50_ns, a.wait.as_ref()?.p50_ns)),
    ("wait p99", 10, |t, a| ms(t.wait_p99_ns, a.wait.as_ref()?.p99_ns)),
];

fn ms(theory: Option<u64>, run: u64) -> Option<(String, f64, f64)> {
    let (theory, run) = (theory? as f64 / 1e6, run as f64 / 1e6);
    Some((figure(theory), theory, run))
}

/// The same figures from formulas, where there are any; under them how far the run is from them.
pub(super) fn table(run: &ExperimentOutcome, ink: &dyn Ink) -> String {
    let mut out = String::new();
    if run.arms.iter().all(|arm| arm.theory.is_none()) {
        return out;
    }
    let aside = "the same figures from formulas, and how far the run is from them";
    let _ = writeln!(out, "{}  {}", ink.paint(Tone::Heading, "THEORY"), ink.paint(Tone::Quiet, aside));
    let names = name_column(run);
    let head: String = COLUMNS.iter().map(|(title, width, _)| right(title, *width)).collect();
    let _ = writeln!(out, "{}", ink.paint(Tone::Quiet, &format!("     {:names$}{head}", "endpoint")));
    for arm in &run.arms {
        if let Some(theory) = &arm.theory {
            arm_rows(&mut out, names, theory, arm, ink);
        }
    }
    out
}

fn arm_rows(out: &mut String, names: usize, theory: &Beside, arm: &ArmOutcome, ink: &dyn Ink) {
    let (mut says, mut off) = (String::new(), String::new());
    for (_, width, of) in COLUMNS {
        let (text, distance) = match of(theory, arm) {
            Some((text, theory, run)) if theory > 0.0 => {
                (text, format!("{:+.1}%", (run / theory - 1.0) * 100.0))
            }
            Some((text, ..)) => (text, String::new()),
            None => ("–".into(), String::new()),
        };
        says.push_str(&right(&text, width));
        off.push_str(&right(&distance, width));
    }
    let _ = writeln!(out, "{}{says}", label(names, arm, ink));
    if !off.trim().is_empty() {
        let _ = writeln!(out, "{}", ink.paint(Tone::Quiet, format!("     {:names$}{off}", "").trim_end()));
    }
    if let Some(because) = &theory.because {
        let _ = writeln!(out, "     {}", ink.paint(Tone::Quiet, &format!("– because {because}")));
    }
}
