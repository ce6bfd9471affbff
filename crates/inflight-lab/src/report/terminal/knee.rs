//! Where each strategy breaks: a row per strategy, a column per level of the knee curve, as many levels as there is room for.

use super::{Ink, Names, Tone, heading};
use crate::{
    experiment::{ArmOutcome, ExperimentOutcome, Row, SweepOutcome},
    report::figures::{figure, right},
};
use std::fmt::Write as _;

/// The least width of a column.
const COLUMN: usize = 9;

/// A figure of a row, and what it is called.
type Figure = (&'static str, fn(&Row) -> Option<f64>);

const FIGURES: [Figure; 3] = [
    ("in flight", |row| Some(row.in_flight.value)),
    ("p99 ms", |row| row.p99_ms.map(|p99| p99.value)),
    ("good/s", |row| Some(row.goodput_per_s.value)),
];

/// The block; empty if there was no sweep.
pub(super) fn block(experiment: &ExperimentOutcome, width: usize, ink: &dyn Ink) -> String {
    let mut out = String::new();
    let Some(sweep) = experiment.sweep.as_ref().filter(|sweep| !sweep.rows.is_empty()) else { return out };
    let names = Names::of(experiment);
    let levels = levels(sweep);
    let column = levels.iter().map(|level| level.chars().count() + 2).max().unwrap_or(0).max(COLUMN);
    let shown = chosen(levels.len(), (width - names.head().chars().count()) / column);
    let aside = format!(
        "over {}, in virtual time, {} seeds per point, ! no steady state",
        sweep.factors.join(" and "),
        sweep.replications
    );
    heading(&mut out, ink, "KNEE", &aside);
    for (title, of) in FIGURES {
        let head: String = shown.iter().map(|i| right(&levels[*i], column)).collect();
        let start = format!("     {title:width$}", width = names.head().chars().count() - 5);
        let _ = writeln!(out, "{}", ink.paint(Tone::Quiet, &format!("{start}{head}")));
        for (number, arm) in experiment.arms.iter().enumerate() {
            let cells: String =
                shown.iter().map(|i| right(&cell(sweep, arm, &levels[*i], of), column)).collect();
            let _ = writeln!(out, "{}{cells}", names.label(number, arm, ink));
        }
    }
    out
}

/// The levels of all factors, in order.
fn levels(sweep: &SweepOutcome) -> Vec<String> {
    let mut levels: Vec<String> = sweep.rows.iter().map(|row| row.levels.join(" ")).collect();
    levels.dedup();
    levels
}

/// As many of `all` as there is room for, the first and the last among them, and the others evenly between.
fn chosen(all: usize, room: usize) -> Vec<usize> {
    let count = all.min(room).max(2);
    (0..count).map(|i| i * (all - 1) / (count - 1)).collect()
}

/// A strategy's figure at a level, marked if it is none of a steady state.
fn cell(sweep: &SweepOutcome, arm: &ArmOutcome, level: &str, of: fn(&Row) -> Option<f64>) -> String {
    let row = sweep.rows.iter().find(|row| row.arm == arm.name && row.levels.join(" ") == level);
    let Some(row) = row else { return "–".into() };
    let mark = if row.doubtful > 0 { "!" } else { " " };
    of(row).map_or("–".into(), figure) + mark
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_stay_and_the_rest_is_spread_evenly() {
        assert_eq!(chosen(3, 9), [0, 1, 2]);
        assert_eq!(chosen(11, 4), [0, 3, 6, 10]);
        assert_eq!(chosen(11, 0), [0, 10]);
    }
}
