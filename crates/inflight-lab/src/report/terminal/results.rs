//! What came out, one row per arm: the cause left (in flight), the effect right (latency, good answers, outcomes).

use super::{
    Ink, Names, Tone,
    columns::{self, Column, fitting},
};
use crate::{
    experiment::{ArmOutcome, ExperimentOutcome},
    record::Ending,
    report::{
        figures::{figure, grouped, right, whole_percent},
        measured::{Measured, Quantile},
        recovery::{Recovery, recovery},
    },
};
use std::fmt::Write as _;

/// An arm, and when it was as before.
struct Row<'a> {
    arm: &'a ArmOutcome,
    recovery: Option<Recovery>,
}

fn cause<'a>() -> [Column<Row<'a>>; 3] {
    [
        Column { title: "in flight", width: 11, rank: 6, text: |row| Some(figure(row.arm.in_flight_mean)) },
        Column {
            title: "peak",
            width: 7,
            rank: 9,
            text: |row| Some(grouped(u64::from(row.arm.in_flight_peak))),
        },
        Column {
            title: "wait p99",
            width: 10,
            rank: 3,
            text: |row| {
                Measured::wait(row.arm, Quantile::P99).map(|wait| format!("{} ms", figure(wait.value)))
            },
        },
    ]
}

fn effect<'a>() -> [Column<Row<'a>>; 9] {
    [
        Column { title: "p50 ms", width: 8, rank: 5, text: |row| latency(row, Quantile::P50) },
        Column { title: "p95 ms", width: 8, rank: 2, text: |row| latency(row, Quantile::P95) },
        Column { title: "p99 ms", width: 8, rank: 10, text: |row| latency(row, Quantile::P99) },
        Column {
            title: "",
            width: 7,
            rank: 8,
            text: |row| spread(Measured::latency(row.arm, Quantile::P99)?),
        },
        Column { title: "good/s", width: 8, rank: 10, text: |row| Some(Measured::goodput(row.arm).value()) },
        Column { title: "", width: 7, rank: 7, text: |row| spread(Measured::goodput(row.arm)) },
        Column { title: "shed", width: 5, rank: 6, text: |row| share(row, &[Ending::Rejected]) },
        Column {
            title: "late",
            width: 5,
            rank: 6,
            text: |row| share(row, &[Ending::TimedOut, Ending::Abandoned]),
        },
        Column {
            title: "recovers",
            width: 9,
            rank: 7,
            text: |row| row.recovery.map(|recovery| recovery.to_string()),
        },
    ]
}

/// At the right end, if there is room: what failed is seldom what differs.
fn failed<'a>() -> [Column<Row<'a>>; 1] {
    [Column { title: "fail", width: 5, rank: 4, text: |row| share(row, &[Ending::Failed]) }]
}

fn latency(row: &Row<'_>, quantile: Quantile) -> Option<String> {
    Measured::latency(row.arm, quantile).map(|measured| measured.value())
}

fn spread(measured: Measured) -> Option<String> {
    Some(measured.interval()).filter(|interval| !interval.is_empty())
}

fn share(row: &Row<'_>, endings: &[Ending]) -> Option<String> {
    let share: f64 = endings.iter().map(|ending| row.arm.share(*ending)).sum();
    (share > 0.0).then(|| whole_percent(share))
}

/// The narrowest and the widest line of blocks.
const SPARK: (usize, usize) = (10, 30);

/// The table, `width` columns wide.
pub(super) fn table(experiment: &ExperimentOutcome, width: usize, ink: &dyn Ink) -> String {
    let names = Names::of(experiment);
    let rows: Vec<Row<'_>> =
        experiment.arms.iter().map(|arm| Row { arm, recovery: recovery(experiment, arm) }).collect();
    let all: Vec<&Row<'_>> = rows.iter().collect();
    let (cause_columns, effect_columns, failed_columns) = (cause(), effect(), failed());
    // Half of the room that is left after names and blocks is for the cause; what it does not need is the effect's.
    let room = width - names.head().chars().count() - 2 - SPARK.0;
    let cause_room = if width >= 120 {
        28
    } else if width >= 100 {
        18
    } else {
        7
    };
    let cause = fitting(&cause_columns, &all, cause_room);
    let effect_room = room - columns::width(&cause);
    let mut effect = fitting(&effect_columns, &all, effect_room);
    effect.extend(fitting(&failed_columns, &all, effect_room - columns::width(&effect)));
    let spark_width = (room + SPARK.0 - columns::width(&cause) - columns::width(&effect)).min(SPARK.1);
    let top = experiment.arms.iter().flat_map(|arm| &arm.timeline.in_flight).copied().max().unwrap_or(0);
    let mut out = String::new();
    let title = if top > LOG_ABOVE { "time, log" } else { "over time" };
    let head =
        format!("{}{}  {title:spark_width$}{}", names.head(), columns::head(&cause), columns::head(&effect));
    let sides = format!(
        "{}{}{}",
        " ".repeat(names.head().chars().count()),
        right("CAUSE", columns::width(&cause)),
        right("EFFECT", 2 + spark_width + effect.first().map_or(0, |column| column.width))
    );
    let _ = writeln!(out, "{}", ink.paint(Tone::Heading, &sides));
    let _ = writeln!(out, "{}", ink.paint(Tone::Quiet, head.trim_end()));
    for (number, row) in rows.iter().enumerate() {
        let line = spark(&row.arm.timeline.in_flight, spark_width, top);
        let line = format!("{line:spark_width$}");
        let colour = names.marks[number].dark;
        let start = names.label(number, row.arm, ink);
        let text = format!(
            "{}  {}{}",
            columns::row(&cause, row),
            ink.paint(Tone::Mark(colour), &line),
            columns::row(&effect, row)
        );
        let _ = writeln!(out, "{start}{}", text.trim_end());
        other_endings(&mut out, row.arm, ink);
    }
    out
}

/// A line about endings that have no column, if there were any.
fn other_endings(out: &mut String, arm: &ArmOutcome, ink: &dyn Ink) {
    let shown = [Ending::Completed, Ending::Failed, Ending::TimedOut, Ending::Abandoned, Ending::Rejected];
    let others: Vec<String> = Ending::ALL
        .iter()
        .filter(|ending| !shown.contains(ending) && arm.ended(**ending) > 0)
        .map(|ending| format!("{} {ending}", grouped(arm.ended(*ending))))
        .collect();
    if !others.is_empty() {
        let _ = writeln!(out, "     {}", ink.paint(Tone::Warning, &format!("! {}", others.join(", "))));
    }
}

/// From this peak on heights are logarithmic: what is small would not be seen.
const LOG_ABOVE: u32 = 200;

/// Blocks of growing height.
pub(in crate::report) const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// A line of blocks: the most of `values` in each of `width` stretches of them, `top` being the highest block.
pub fn spark(values: &[u32], width: usize, top: u32) -> String {
    if values.is_empty() || top == 0 {
        return String::new();
    }
    let height = |most: u32| match top {
        top if top > LOG_ABOVE => {
            (libm::log(f64::from(most.max(1))) / libm::log(f64::from(top)) * 7.0).ceil() as usize
        }
        top => (u64::from(most) * 7).div_ceil(u64::from(top)) as usize,
    };
    (0..width)
        .map(|i| {
            let from = i * values.len() / width;
            let to = ((i + 1) * values.len() / width).clamp(from + 1, values.len());
            let most = values[from..to].iter().copied().max().unwrap_or(0);
            BLOCKS[height(most).min(7)]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sparks_share_one_scale() {
        let timeline: Vec<u32> = (0..8).collect();
        assert_eq!(spark(&timeline, 8, 7), "▁▂▃▄▅▆▇█");
        assert_eq!(spark(&timeline, 4, 14), "▂▃▄▅");
        assert_eq!(spark(&timeline, 4, 0), "");
        assert_eq!(spark(&[1, 10, 100, 1000, 10_000], 5, 10_000), "▁▃▅▇█");
    }
}
