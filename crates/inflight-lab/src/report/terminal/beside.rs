//! How far what was found is from its twin and from theory, one row per arm. The figures themselves are in the report.

use super::{
    Ink, Names, Tone,
    columns::{self, Column, fitting},
    wrapped,
};
use crate::{
    experiment::{ArmOutcome, ExperimentOutcome},
    record::Ending,
    report::figures::right,
    theory::Beside,
    twin::{Comparison, Twin},
};
use std::fmt::Write as _;

const TWIN: [Column<ArmOutcome>; 4] = [
    Column {
        title: "median",
        width: 12,
        rank: 4,
        text: |arm| Some(format!("{:+.2} ms", compared(arm)?.residual.median_ns as f64 / 1e6)),
    },
    Column { title: "p50", width: 8, rank: 2, text: |arm| Some(percent(compared(arm)?.relative()[0])) },
    Column { title: "p95", width: 8, rank: 1, text: |arm| Some(percent(compared(arm)?.relative()[1])) },
    Column { title: "p99", width: 8, rank: 3, text: |arm| Some(percent(compared(arm)?.relative()[2])) },
];

const THEORY: [Column<ArmOutcome>; 7] = [
    Column {
        title: "in flight",
        width: 11,
        rank: 6,
        text: |arm| off(arm, |t| t.in_flight, |a| Some(a.in_flight_mean)),
    },
    Column {
        title: "good/s",
        width: 8,
        rank: 5,
        text: |arm| off(arm, |t| t.goodput_per_s, |a| Some(a.goodput_per_s)),
    },
    Column {
        title: "p50",
        width: 8,
        rank: 4,
        text: |arm| off(arm, |t| ms(t.p50_ns), |a| ms(Some(a.completed.p50_ns))),
    },
    Column {
        title: "p95",
        width: 8,
        rank: 3,
        text: |arm| off(arm, |t| ms(t.p95_ns), |a| ms(Some(a.completed.p95_ns))),
    },
    Column {
        title: "p99",
        width: 8,
        rank: 7,
        text: |arm| off(arm, |t| ms(t.p99_ns), |a| ms(Some(a.completed.p99_ns))),
    },
    Column {
        title: "late",
        width: 8,
        rank: 2,
        text: |arm| off(arm, |t| t.timed_out, |a| Some(a.share(Ending::TimedOut))),
    },
    Column {
        title: "wait p99",
        width: 10,
        rank: 1,
        text: |arm| off(arm, |t| ms(t.wait_p99_ns), |a| ms(Some(a.wait.as_ref()?.p99_ns))),
    },
];

fn compared(arm: &ArmOutcome) -> Option<&Comparison> {
    match arm.twin.as_ref()? {
        Twin::Compared { exact, .. } => Some(exact),
        Twin::Refused(_) => None,
    }
}

fn ms(ns: Option<u64>) -> Option<f64> {
    Some(ns? as f64 / 1e6)
}

/// A difference in percent, or how many times as much it is.
fn percent(share: f64) -> String {
    if share > 9.0 { format!("×{:.0}", share + 1.0) } else { format!("{:+.1}%", share * 100.0) }
}

/// How far the run is from theory.
fn off(
    arm: &ArmOutcome,
    theory: fn(&Beside) -> Option<f64>,
    run: fn(&ArmOutcome) -> Option<f64>,
) -> Option<String> {
    let (theory, run) = (theory(arm.theory.as_ref()?)?, run(arm)?);
    (theory > 0.0).then(|| percent(run / theory - 1.0))
}

/// The table; empty if there is neither.
pub(super) fn table(experiment: &ExperimentOutcome, width: usize, ink: &dyn Ink) -> String {
    let mut out = String::new();
    if experiment.arms.iter().all(|arm| arm.twin.is_none() && arm.theory.is_none()) {
        return out;
    }
    let (names, arms) = (Names::of(experiment), experiment.arms.iter().collect::<Vec<_>>());
    let room = width - names.head().chars().count();
    let twin = fitting(&TWIN, &arms, room / 2);
    let theory = fitting(&THEORY, &arms, room - columns::width(&twin));
    if columns::width(&twin) + columns::width(&theory) > 0 {
        let start = " ".repeat(names.head().chars().count());
        let side = |title: &str, columns: &[&Column<ArmOutcome>]| {
            let first = columns.first().map_or(0, |column| column.width);
            let text = if columns.is_empty() { String::new() } else { right(title, first.max(8)) };
            format!("{text:width$}", width = columns::width(columns))
        };
        let sides = format!("{start}{}{}", side("− TWIN", &twin), side("− THEORY", &theory));
        let _ = writeln!(out, "{}", ink.paint(Tone::Heading, sides.trim_end()));
        let head = format!("{}{}{}", names.head(), columns::head(&twin), columns::head(&theory));
        let _ = writeln!(out, "{}", ink.paint(Tone::Quiet, &head));
        for (number, arm) in experiment.arms.iter().enumerate() {
            let start = names.label(number, arm, ink);
            let _ = writeln!(out, "{start}{}{}", columns::row(&twin, arm), columns::row(&theory, arm));
        }
    }
    out.push_str(&remarks(experiment, width, ink));
    out
}

/// Why there is no twin or no theory, and what ended otherwise. The same reason of several arms is given once.
fn remarks(experiment: &ExperimentOutcome, width: usize, ink: &dyn Ink) -> String {
    let mut reasons: Vec<(String, Vec<String>)> = Vec::new();
    let mut add = |arm: &ArmOutcome, reason: String| {
        let name = format!("/{}", arm.name);
        match reasons.iter_mut().find(|known| known.0 == reason) {
            Some(known) => known.1.push(name),
            None => reasons.push((reason, vec![name])),
        }
    };
    for arm in &experiment.arms {
        if let Some(because) = arm.theory.as_ref().and_then(|theory| theory.because.as_ref()) {
            add(arm, format!("no more theory: {because}"));
        }
        if let Some(Twin::Refused(why)) = &arm.twin {
            add(arm, format!("no twin: {why}"));
        }
        let otherwise =
            compared(arm).map_or(0, |c| c.missing + c.differing.iter().map(|d| d.count).sum::<u64>());
        if otherwise > 0 {
            add(arm, format!("{otherwise} requests ended otherwise in the twin"));
        }
    }
    let line = |(reason, names): &(String, Vec<String>)| {
        let text = wrapped(&format!("{}: {reason}", names.join(", ")), width - 5, "     ");
        format!("{}\n", ink.paint(Tone::Quiet, &text))
    };
    reasons.iter().map(line).collect()
}
