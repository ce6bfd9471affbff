//! What was measured beside the twin, which was fed the same draws in virtual time, and beside what formulas say.

use super::{
    arms::{Arms, header},
    table::{Cell, Table},
};
use crate::{
    experiment::{ArmOutcome, ExperimentOutcome, RunOutcome, RunWorld},
    record::Ending,
    report::{
        chart::{Dots, Opinion, Row, Unit, escape},
        figures::{figure, number, percent, signed},
        measured::Quantile,
    },
    theory::Beside,
    twin::{Comparison, Twin},
};
use std::fmt::Write as _;

/// Whether there is any.
pub(super) fn are_there(experiment: &ExperimentOutcome) -> bool {
    experiment.arms.iter().any(|arm| arm.twin.is_some() || arm.theory.is_some())
}

/// The section; empty if there is neither twin nor theory.
pub(super) fn html(run: &RunOutcome, experiment: &ExperimentOutcome, arms: &Arms<'_>) -> String {
    if !are_there(experiment) {
        return String::new();
    }
    let is_live = run.world == RunWorld::Live;
    let (name, what) =
        if is_live { ("measured", "Live, twin, theory") } else { ("simulated", "Simulation and theory") };
    let mut legend = vec![(Opinion::Measured, name)];
    if experiment.arms.iter().any(|arm| comparison(arm).is_some()) {
        legend.push((Opinion::Twin, "twin: the same requests in virtual time"));
    }
    if experiment.arms.iter().any(|arm| arm.theory.as_ref().is_some_and(|theory| theory.p50_ns.is_some())) {
        legend.push((Opinion::Theory, "theory"));
    }
    let rows =
        arms.all.iter().map(|(arm, mark)| Row { mark, name: &arm.name, figures: quantiles(arm) }).collect();
    let dots = Dots { unit: Unit::Millis, rows, legend };
    let about = if is_live {
        "Three opinions about the same system: what was measured, what its virtual twin did with the same arrivals and draws, and what formulas \
         give where their assumptions hold. Where they agree, the marks lie on each other. Milliseconds, log scale."
    } else {
        "Two opinions about the same system: what was simulated, and what formulas give where their assumptions hold. Where they agree, the \
         marks lie on each other. Milliseconds, log scale."
    };
    let mut out = arms.section("opinions", what, about);
    if dots.legend.len() > 1 {
        let summary = summary(experiment);
        let _ = writeln!(
            out,
            "<figure><div class=\"wide\">{}</div><figcaption>{}</figcaption></figure>",
            dots.svg(&summary),
            escape(&summary)
        );
    }
    let says = |arm: &ArmOutcome| {
        COLUMNS.iter().any(|(_, of, _)| arm.theory.as_ref().and_then(|t| of(t, arm)).is_some())
    };
    if experiment.arms.iter().any(says) {
        out.push_str(&theory_table(experiment, arms, name).html());
    }
    if experiment.arms.iter().any(|arm| arm.twin.is_some()) {
        out.push_str(&twin_table(experiment, arms).html());
    }
    out.push_str(&remarks(run, experiment));
    out.push_str("</section>\n");
    out
}

fn comparison(arm: &ArmOutcome) -> Option<&Comparison> {
    match arm.twin.as_ref()? {
        Twin::Compared { exact, .. } => Some(exact),
        Twin::Refused(_) => None,
    }
}

fn quantiles(arm: &ArmOutcome) -> Vec<(&'static str, Vec<(Opinion, f64)>)> {
    let twin = comparison(arm).map(|found| found.twin.all());
    let live = comparison(arm).map(|found| found.live.all());
    let of_theory = |theory: &Beside| [theory.p50_ns, theory.p95_ns, theory.p99_ns];
    let theory = arm.theory.as_ref().map_or([None; 3], of_theory);
    let figure = |(i, quantile): (usize, Quantile)| {
        let measured = live.map_or(quantile.of(&arm.completed), |live| live[i]);
        let all = [
            (arm.completed.count > 0).then_some((Opinion::Measured, measured)),
            twin.map(|twin| (Opinion::Twin, twin[i])),
            theory[i].map(|ns| (Opinion::Theory, ns)),
        ];
        (quantile.name(), all.into_iter().flatten().map(|(opinion, ns)| (opinion, ns as f64 / 1e6)).collect())
    };
    Quantile::ALL.into_iter().enumerate().map(figure).collect()
}

/// How far they are apart, in a sentence.
fn summary(experiment: &ExperimentOutcome) -> String {
    let mut out = String::new();
    let residuals = experiment.arms.iter().filter_map(|arm| Some((arm, comparison(arm)?)));
    if let Some((arm, found)) = residuals.max_by_key(|(_, found)| found.residual.median_ns.abs()) {
        let _ = write!(
            out,
            "Request by request, the real system took {} ms more than its twin in the median, at most (/{}). ",
            signed(found.residual.median_ns as f64 / 1e6),
            arm.name
        );
    }
    let off =
        |arm: &ArmOutcome| Some(arm.completed.p99_ns as f64 / arm.theory.as_ref()?.p99_ns? as f64 - 1.0);
    let offs = experiment.arms.iter().filter_map(|arm| Some((arm, off(arm)?)));
    match offs.max_by(|a, b| a.1.abs().total_cmp(&b.1.abs())) {
        Some((arm, off)) => {
            let _ =
                write!(out, "From theory's p99 it is {} % off at most (/{}).", signed(off * 100.0), arm.name);
        }
        None => out.push_str("No formula gives a p99 for any of these strategies."),
    }
    out
}

/// A column: its title, what theory says and what the run found.
type Column = (&'static str, fn(&Beside, &ArmOutcome) -> Option<(f64, f64)>, fn(f64) -> String);

const COLUMNS: [Column; 8] = [
    ("in flight", |t, a| Some((t.in_flight?, a.in_flight_mean)), figure),
    ("goodput, /s", |t, a| Some((t.goodput_per_s?, a.goodput_per_s)), figure),
    ("p50, ms", |t, a| ms(t.p50_ns, a.completed.p50_ns), figure),
    ("p95, ms", |t, a| ms(t.p95_ns, a.completed.p95_ns), figure),
    ("p99, ms", |t, a| ms(t.p99_ns, a.completed.p99_ns), figure),
    ("timed out", |t, a| Some((t.timed_out?, a.share(Ending::TimedOut))), percent),
    ("wait p50, ms", |t, a| ms(t.wait_p50_ns, a.wait.as_ref()?.p50_ns), figure),
    ("wait p99, ms", |t, a| ms(t.wait_p99_ns, a.wait.as_ref()?.p99_ns), figure),
];

fn ms(theory: Option<u64>, run: u64) -> Option<(f64, f64)> {
    Some((theory? as f64 / 1e6, run as f64 / 1e6))
}

fn theory_table(experiment: &ExperimentOutcome, arms: &Arms<'_>, name: &str) -> Table {
    let row = |arm: &ArmOutcome| {
        let one = |(_, of, write): &Column| match arm.theory.as_ref().and_then(|theory| of(theory, arm)) {
            Some((theory, run)) => {
                let off = if theory > 0.0 {
                    format!(" ({} %)", signed((run / theory - 1.0) * 100.0))
                } else {
                    String::new()
                };
                Cell { text: write(theory), below: format!("{name} {}{off}", write(run)), ..Cell::default() }
            }
            None => Cell::from("–".to_string()),
        };
        COLUMNS.iter().map(one).collect()
    };
    Table {
        caption: format!(
            "{}: what formulas say, and below each figure what was {name} and how far it is from theory.",
            experiment.name
        ),
        head: ["Theory"].into_iter().chain(COLUMNS.iter().map(|column| column.0)).map(String::from).collect(),
        rows: arms.all.iter().map(|(arm, mark)| (header(arm, mark), row(arm))).collect(),
    }
}

fn twin_table(experiment: &ExperimentOutcome, arms: &Arms<'_>) -> Table {
    let ns = |ns: i64| signed(ns as f64 / 1e6);
    let row = |found: &Comparison| {
        let parts = &found.parts;
        let differing: u64 = found.differing.iter().map(|differing| differing.count).sum();
        let mut cells = vec![
            found.compared.to_string(),
            ns(found.residual.median_ns),
            number(found.residual.p99_ns as f64 / 1e6),
        ];
        cells.extend(found.relative().map(|share| format!("{} %", signed(share * 100.0))));
        cells.extend(
            [&parts.late, &parts.http, &parts.timers, &parts.waits, &parts.rest].map(|part| ns(part.mean_ns)),
        );
        cells.push((differing + found.missing).to_string());
        cells.into_iter().map(Cell::from).collect()
    };
    let rows = arms.all.iter().filter_map(|(arm, mark)| Some((header(arm, mark), row(comparison(arm)?))));
    Table {
        caption: format!(
            "{}: live − twin, request by request, in milliseconds, in the first round; percentiles as differences; what the mean is made \
             of: sent late, HTTP, timers, waits for permits, the rest; requests that ended otherwise.",
            experiment.name
        ),
        head: [
            "Live − twin",
            "requests",
            "median",
            "p99",
            "p50",
            "p95",
            "p99",
            "late",
            "HTTP",
            "timers",
            "waits",
            "rest",
            "otherwise",
        ]
        .map(String::from)
        .into(),
        rows: rows.collect(),
    }
}

/// Why there is no theory or no twin, and what the twin was calibrated with.
fn remarks(run: &RunOutcome, experiment: &ExperimentOutcome) -> String {
    let mut lines: Vec<String> = Vec::new();
    for arm in &experiment.arms {
        if let Some(because) = arm.theory.as_ref().and_then(|theory| theory.because.as_ref()) {
            lines.push(format!("/{}: no more theory, because {because}", arm.name));
        }
        if let Some(Twin::Refused(why)) = &arm.twin {
            lines.push(format!("/{}: no twin: {why}", arm.name));
        }
    }
    if let Some(timers) = run.timers.as_ref().filter(|_| experiment.arms.iter().any(|arm| arm.twin.is_some()))
    {
        lines.push(format!(
            "Just before the run, {} timers of this machine were late by {} ms on average, {} ms at p99",
            timers.timers,
            number(timers.mean_ns as f64 / 1e6),
            number(timers.p99_ns as f64 / 1e6)
        ));
    }
    let lines: String =
        lines.iter().map(|line| format!("<p class=\"about\">{}.</p>\n", escape(line))).collect();
    lines
}
