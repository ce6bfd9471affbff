//! The whole tail: latency by percentile, on an axis that gives the last hundredth as much room as the first ninety.

use super::{
    arms::{Arms, header},
    table::{Cell, Table},
};
use crate::{
    experiment::{ArmOutcome, ExperimentOutcome},
    report::{
        chart::{Curve, Curves, Reference, Scale, Unit, escape},
        figures::{millis, whole_percent},
    },
};
use std::fmt::Write as _;

/// The section; empty if nothing was answered well.
pub(super) fn html(experiment: &ExperimentOutcome, arms: &Arms<'_>) -> String {
    let points = || experiment.arms.iter().flat_map(|arm| &arm.tail);
    if points().next().is_none() {
        return String::new();
    }
    let highest = points().map(|point| point.quantile).fold(0.9, f64::max);
    let curves: Vec<Curve<'_>> = arms
        .all
        .iter()
        .map(|(arm, mark)| Curve {
            mark,
            name: &arm.name,
            points: arm.tail.iter().map(|point| (point.quantile, Some(point.ns as f64 / 1e6))).collect(),
            half_widths: Vec::new(),
        })
        .collect();
    let chart = Curves {
        size: (1160.0, 380.0),
        x: Scale::tail(-libm::log10(1.0 - highest) * 1.001),
        x_unit: Unit::Percent,
        x_title: "percentile: each step to the right is ten times rarer",
        y: Scale::log_around(
            points().map(|point| point.ns).chain(experiment.objective_ns).map(|ns| ns as f64 / 1e6),
        ),
        y_unit: Unit::Millis,
        curves,
        references: objective(experiment),
    };
    let summary = summary(experiment);
    let about = "Latency of good answers by percentile, all rounds together, as far as ten answers lie beyond it. The axis gives the last \
                 1 % as much room as the first 90 %. Milliseconds, log scale.";
    format!(
        "{}<figure><div class=\"wide\">{}</div><figcaption>{}</figcaption></figure>{}</section>\n",
        arms.section("tail", "The whole tail", about),
        chart.svg(&summary),
        escape(&summary),
        table(experiment, arms).folded()
    )
}

/// The objective as a line, if there is one.
pub(super) fn objective(experiment: &ExperimentOutcome) -> Vec<Reference> {
    let line = |ns: u64| Reference::Level(ns as f64 / 1e6, format!("objective {}", millis(ns as f64 / 1e6)));
    experiment.objective_ns.map(line).into_iter().collect()
}

/// The shortest and the longest tail in a sentence, and whose tail is not the whole story.
fn summary(experiment: &ExperimentOutcome) -> String {
    let p99 = |arm: &&ArmOutcome| arm.completed.p99_ns;
    let answered = || experiment.arms.iter().filter(|arm| arm.completed.count > 0);
    let mut out = String::new();
    if let (Some(short), Some(long)) = (answered().min_by_key(p99), answered().max_by_key(p99)) {
        let told =
            |arm: &ArmOutcome| format!("{} for /{}", millis(arm.completed.p99_ns as f64 / 1e6), arm.name);
        let _ = if short.name == long.name {
            write!(out, "One of 100 good answers took longer than {}.", told(short))
        } else {
            write!(
                out,
                "One of 100 good answers took longer than {}, and longer than {}.",
                told(short),
                told(long)
            )
        };
    }
    for arm in answered() {
        if let Some(share) = arm.completed.lower_bound_above.filter(|share| *share < 0.99) {
            let cut = whole_percent(1.0 - share);
            let _ = write!(
                out,
                " /{}: {cut} of those who could have been answered were cut short and are not in its curve.",
                arm.name
            );
        }
    }
    out
}

fn table(experiment: &ExperimentOutcome, arms: &Arms<'_>) -> Table {
    const SHOWN: [f64; 8] = [0.1, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999];
    let head = SHOWN.iter().map(|q| format!("p{}", crate::report::figures::number(q * 100.0)));
    let row = |arm: &ArmOutcome| {
        let at = |quantile: &f64| arm.tail.iter().find(|point| (point.quantile - quantile).abs() < 1e-9);
        let text = |quantile: &f64| {
            let bound = if arm.completed.is_lower_bound(*quantile) { "≥ " } else { "" };
            at(quantile).map_or("–".into(), |point| format!("{bound}{}", millis(point.ns as f64 / 1e6)))
        };
        SHOWN.iter().map(|quantile| Cell::from(text(quantile))).collect()
    };
    Table {
        caption: format!("{}: latency of good answers by percentile.", experiment.name),
        head: ["Strategy".to_string()].into_iter().chain(head).collect(),
        rows: arms.all.iter().map(|(arm, mark)| (header(arm, mark), row(arm))).collect(),
    }
}
