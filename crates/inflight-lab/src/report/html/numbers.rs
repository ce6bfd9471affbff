//! The numbers: every figure of every arm with its interval, and the same by phase.

use super::{
    arms::{Arms, header},
    table::{Cell, Table},
};
use crate::{
    experiment::{ArmOutcome, ExperimentOutcome, PhaseFigures},
    record::Ending,
    report::{
        chart::escape,
        figures::{figure, grouped, ms, percent},
        mark::Mark,
        measured::{Measured, Quantile},
        recovery::offered_in,
    },
    stats::Estimate,
};
use std::fmt::Write as _;

/// The section.
pub(super) fn html(experiment: &ExperimentOutcome, arms: &Arms<'_>) -> String {
    let several = experiment.rounds.done > 1;
    let how = if several {
        format!(
            "All {} rounds together, with half the width of the 95 % interval over the rounds.",
            experiment.rounds.done
        )
    } else {
        "One round, so no intervals over rounds.".into()
    };
    let about = format!(
        "{how} Latency is that of good answers, from the moment a request was due. ▸ marks the best where its interval touches no other; \
         ≥ marks a lower bound: so many were cut short that the truth lies above."
    );
    let mut out = arms.section("numbers", "Numbers", &about);
    out.push_str(&overall(experiment, arms).html());
    if let Some(table) = by_phase(experiment, arms) {
        out.push_str(&table.html());
    }
    let users = experiment.arms.iter().filter_map(|arm| Some((arm, arm.users.as_ref()?)));
    for (arm, users) in users {
        let _ = writeln!(
            out,
            "<p class=\"about\">Users of /{}: {} were served in the end, at p99 after {} ms over all their attempts; {} gave up.</p>",
            escape(&arm.name),
            grouped(users.served.count),
            ms(users.served.p99_ns),
            grouped(users.gave_up)
        );
    }
    out.push_str("</section>\n");
    out
}

/// A column: its title, its figure for an arm, and whether more of it is better, if one can say so.
type Column = (&'static str, fn(&ArmOutcome) -> Option<Measured>, Option<bool>);

const COLUMNS: [Column; 6] = [
    ("in flight, mean", |arm| Some(Measured::in_flight(arm)), None),
    ("wait p99, ms", |arm| Measured::wait(arm, Quantile::P99), None),
    ("p50, ms", |arm| Measured::latency(arm, Quantile::P50), Some(false)),
    ("p95, ms", |arm| Measured::latency(arm, Quantile::P95), Some(false)),
    ("p99, ms", |arm| Measured::latency(arm, Quantile::P99), Some(false)),
    ("goodput, /s", |arm| Some(Measured::goodput(arm)), Some(true)),
];

fn overall(experiment: &ExperimentOutcome, arms: &Arms<'_>) -> Table {
    let best: Vec<Option<usize>> = COLUMNS.iter().map(|column| best(column, experiment)).collect();
    let row = |number: usize, arm: &ArmOutcome| {
        let mut cells: Vec<Cell> = vec![grouped(arm.offered).into()];
        for (column, best) in COLUMNS.iter().zip(&best) {
            cells.push(cell((column.1)(arm), *best == Some(number)));
        }
        cells.insert(2, grouped(u64::from(arm.in_flight_peak)).into());
        cells.extend(
            [Ending::Failed, Ending::TimedOut, Ending::Rejected, Ending::Unfinished]
                .map(|ending| Cell::from(percent(arm.share(ending)))),
        );
        cells
    };
    let mut head: Vec<String> = ["Strategy", "offered"].map(String::from).into();
    head.extend(COLUMNS.iter().map(|column| column.0.to_string()));
    head.insert(3, "peak".into());
    head.extend(["failed", "timed out", "shed", "no answer"].map(String::from));
    Table {
        caption: format!("{}: the figures of every strategy over the counted time.", experiment.name),
        head,
        rows: arms.all.iter().enumerate().map(|(i, (arm, mark))| (header(arm, mark), row(i, arm))).collect(),
    }
}

fn cell(measured: Option<Measured>, is_best: bool) -> Cell {
    match measured {
        Some(measured) => {
            Cell { text: measured.value(), aside: measured.interval(), is_best, ..Cell::default() }
        }
        None => Cell::from("–".to_string()),
    }
}

/// The arm whose interval does not touch that of any other, if there is one.
fn best(column: &Column, experiment: &ExperimentOutcome) -> Option<usize> {
    let more = column.2?;
    let all: Vec<Option<Measured>> = experiment.arms.iter().map(column.1).collect();
    let ends = |m: &Measured| m.half_width.map(|half| (m.value - half, m.value + half));
    let is_better = |one: &Measured, other: &Measured| match (ends(one), ends(other)) {
        (Some(one), Some(other)) if more => one.0 > other.1,
        (Some(one), Some(other)) => one.1 < other.0,
        _ => false,
    };
    (0..all.len()).find(|&i| {
        let Some(one) = all[i].filter(|one| !one.is_lower_bound) else { return false };
        let others = all.iter().enumerate().filter(|(j, _)| *j != i);
        all.len() > 1
            && others.clone().count() > 0
            && others.into_iter().all(|(_, other)| other.is_some_and(|other| is_better(&one, &other)))
    })
}

/// The phases in which claims were made; `None` if there are none.
fn by_phase(experiment: &ExperimentOutcome, arms: &Arms<'_>) -> Option<Table> {
    let mut names: Vec<&str> = Vec::new();
    for phase in experiment.arms.iter().flat_map(|arm| &arm.rounds).flat_map(|round| &round.phases) {
        if !names.contains(&phase.name.as_str()) {
            names.push(&phase.name);
        }
    }
    let rows =
        names.iter().flat_map(|name| arms.all.iter().map(move |(arm, mark)| phase_row(name, arm, mark)));
    let rates = names.iter().filter_map(|name| {
        let number = experiment.phases.iter().position(|phase| phase.name == **name)?;
        Some(format!("{name} {}/s", figure(offered_in(experiment, number))))
    });
    let table = Table {
        caption: format!("{}: by phase. Offered: {}.", experiment.name, rates.collect::<Vec<_>>().join(", ")),
        head: ["Strategy", "phase", "in flight, mean", "p50, ms", "p95, ms", "p99, ms", "goodput, /s"]
            .map(String::from)
            .into(),
        rows: rows.collect(),
    };
    (!names.is_empty()).then_some(table)
}

fn phase_row(name: &str, arm: &ArmOutcome, mark: &Mark) -> (String, Vec<Cell>) {
    let of = |pick: fn(&PhaseFigures) -> f64| {
        let phases =
            arm.rounds.iter().filter_map(|round| round.phases.iter().find(|phase| phase.name == name));
        let values: Vec<f64> = phases.map(pick).collect();
        Estimate::mean(&values).map(|e| Measured {
            value: e.value,
            half_width: e.half_width,
            is_lower_bound: false,
        })
    };
    let picks: [fn(&PhaseFigures) -> f64; 5] = [
        |phase| phase.in_flight_mean,
        |phase| phase.p50_ns as f64 / 1e6,
        |phase| phase.p95_ns as f64 / 1e6,
        |phase| phase.p99_ns as f64 / 1e6,
        |phase| phase.goodput_per_s,
    ];
    let cells = [Cell::from(name.to_string())].into_iter().chain(picks.map(|pick| cell(of(pick), false)));
    (header(arm, mark), cells.collect())
}
