//! A sweep as a table for a terminal, and as CSV.

use super::{
    figures::{figure, right},
    terminal::{Ink, Tone},
};
use crate::{
    experiment::{Row, SweepOutcome},
    stats::Estimate,
};
use std::fmt::Write as _;

/// One column: heading, width, its text for a row.
type Column = (&'static str, usize, fn(&Row) -> String);

const COLUMNS: [Column; 7] = [
    ("in flight", 14, |row| spread(Some(row.in_flight))),
    ("good/s", 13, |row| spread(Some(row.goodput_per_s))),
    ("p50 ms", 14, |row| spread(row.p50_ms)),
    ("p99 ms", 14, |row| spread(row.p99_ms)),
    ("failed", 7, |row| percent(row.failed)),
    ("timeout", 8, |row| percent(row.timed_out)),
    ("shed", 6, |row| percent(row.rejected)),
];

/// The table of a sweep.
pub fn sweep(outcome: &SweepOutcome, ink: &dyn Ink) -> String {
    let mut out = String::new();
    if let Some(question) = &outcome.question {
        let _ = writeln!(out, "{}", ink.paint(Tone::Heading, question));
    }
    out.push_str(&how(outcome));
    let headings: Vec<&str> = outcome.factors.iter().map(String::as_str).chain(["endpoint"]).collect();
    let widths: Vec<usize> = (0..headings.len())
        .map(|i| outcome.rows.iter().map(|row| names(row)[i].chars().count()).max().unwrap_or(0))
        .zip(&headings)
        .map(|(longest, heading)| longest.max(heading.chars().count()))
        .collect();
    let mut head: String =
        headings.iter().zip(&widths).map(|(text, width)| format!("  {text:width$}")).collect();
    COLUMNS.iter().for_each(|(title, width, _)| head.push_str(&right(title, *width)));
    let _ = writeln!(out, "{}", ink.paint(Tone::Quiet, &head));
    for row in &outcome.rows {
        let mark = if row.doubtful > 0 { "! " } else { "  " };
        let names = names(row);
        let cells: Vec<String> =
            names.iter().zip(&widths).map(|(text, width)| format!("{text:width$}")).collect();
        let _ = write!(out, "{}{}", ink.paint(Tone::Warning, mark), cells.join("  "));
        COLUMNS.iter().for_each(|(_, width, text)| out.push_str(&right(&text(row), *width)));
        out.push('\n');
    }
    out.push_str(&remarks(outcome, ink));
    out
}

/// How the figures came about.
fn how(outcome: &SweepOutcome) -> String {
    let SweepOutcome { seed, replications, time_scale, .. } = outcome;
    let seeds = match replications {
        1 => format!("seed {seed}; one replication, so no intervals"),
        n => format!(
            "seeds {seed} to {}, the same for every row; ± 95 % by Student's t over {n} replications",
            seed.wrapping_add(*n as u64 - 1)
        ),
    };
    let scale = match time_scale {
        Some(1.0) => String::new(),
        Some(scale) => format!("time-scale {scale}: figures are those of the wind tunnel, levels those of the file\n"),
        None => "time-scale differs between rows: figures are those of the wind tunnel, levels those of the file\n".into(),
    };
    format!("in virtual time; {seeds}\n{scale}\n")
}

fn remarks(outcome: &SweepOutcome, ink: &dyn Ink) -> String {
    let mut lines = Vec::new();
    if outcome.rows.iter().any(|row| row.doubtful > 0) {
        lines.push("! no steady state in at least one replication: requests were left without an answer, or Little's law is off");
    }
    if !outcome.complete {
        lines.push("! interrupted: only the rows that were complete are shown");
    }
    let lines: String = lines.iter().map(|line| format!("{}\n", ink.paint(Tone::Warning, line))).collect();
    if lines.is_empty() { lines } else { format!("\n{lines}") }
}

/// What names a row: its levels and its arm.
fn names(row: &Row) -> Vec<String> {
    row.levels.iter().cloned().chain([format!("/{}", row.arm)]).collect()
}

fn spread(estimate: Option<Estimate>) -> String {
    match estimate {
        None => "–".into(),
        Some(Estimate { value, half_width: None }) => figure(value),
        Some(Estimate { value, half_width: Some(half) }) => format!("{} ± {}", figure(value), figure(half)),
    }
}

fn percent(share: Estimate) -> String {
    super::figures::percent(share.value)
}

/// The same with every column and every digit, one line per row, the first names the columns.
pub fn sweep_csv(outcome: &SweepOutcome) -> String {
    let mut out = String::new();
    let figures = ["in_flight", "wait_p99_ms", "goodput_per_s", "p50_ms", "p95_ms", "p99_ms"];
    let shares = ["failed", "timed_out", "rejected", "unfinished"];
    let mut head: Vec<String> = outcome.factors.iter().map(|key| quoted(key)).collect();
    head.extend(["arm", "replications", "doubtful", "offered"].map(String::from));
    head.extend(
        figures.iter().chain(&shares).flat_map(|name| [name.to_string(), format!("{name}_half_width")]),
    );
    let _ = writeln!(out, "{}", head.join(","));
    for row in &outcome.rows {
        let mut line: Vec<String> = row.levels.iter().map(|level| quoted(level)).collect();
        line.extend([
            row.arm.clone(),
            outcome.replications.to_string(),
            row.doubtful.to_string(),
            row.offered.to_string(),
        ]);
        let figures = [
            Some(row.in_flight),
            row.wait_p99_ms,
            Some(row.goodput_per_s),
            row.p50_ms,
            row.p95_ms,
            row.p99_ms,
        ];
        let shares = [row.failed, row.timed_out, row.rejected, row.unfinished].map(Some);
        line.extend(figures.into_iter().chain(shares).flat_map(|estimate| {
            let value = |x: Option<f64>| x.map_or(String::new(), |x| x.to_string());
            [value(estimate.map(|e| e.value)), value(estimate.and_then(|e| e.half_width))]
        }));
        let _ = writeln!(out, "{}", line.join(","));
    }
    out
}

/// A field of CSV (RFC 4180), in quotes if it must be.
fn quoted(field: &str) -> String {
    if field.contains([',', '"']) { format!("\"{}\"", field.replace('"', "\"\"")) } else { field.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Plain;
    use expect_test::expect;

    fn outcome() -> SweepOutcome {
        let about = |value, half| Estimate { value, half_width: Some(half) };
        let row = |rate: &str, arm: &str, doubtful| Row {
            levels: vec![rate.into(), "{ a, b }".into()],
            arm: arm.into(),
            offered: 1234,
            doubtful,
            in_flight: about(12.34, 0.56),
            wait_p99_ms: None,
            goodput_per_s: about(1234.5, 12.0),
            p50_ms: Some(about(75.0, 0.26)),
            p95_ms: Some(about(100.0, 1.0)),
            p99_ms: None,
            failed: about(0.05, 0.01),
            timed_out: about(0.0, 0.0),
            rejected: about(0.0001, 0.0),
            unfinished: about(0.0, 0.0),
            hash: "0".into(),
        };
        SweepOutcome {
            schema: 1,
            version: "0".into(),
            experiment: "x".into(),
            question: Some("Is it so?".into()),
            seed: 3,
            replications: 10,
            time_scale: Some(0.1),
            factors: vec!["rate".into(), "what".into()],
            complete: false,
            rows: vec![row("5/s", "async", 0), row("10/s", "sync", 2)],
        }
    }

    #[test]
    fn a_sweep_is_one_line_per_row() {
        expect![[r#"
            Is it so?
            in virtual time; seeds 3 to 12, the same for every row; ± 95 % by Student's t over 10 replications
            time-scale 0.1: figures are those of the wind tunnel, levels those of the file

              rate  what      endpoint     in flight       good/s        p50 ms        p99 ms failed timeout  shed
              5/s   { a, b }  /async      12.3 ± 0.6 1,235 ± 12.0    75.0 ± 0.3             –   5.0%       – <0.1%
            ! 10/s  { a, b }  /sync       12.3 ± 0.6 1,235 ± 12.0    75.0 ± 0.3             –   5.0%       – <0.1%

            ! no steady state in at least one replication: requests were left without an answer, or Little's law is off
            ! interrupted: only the rows that were complete are shown
        "#]]
        .assert_eq(&sweep(&outcome(), &Plain));
    }

    #[test]
    fn every_line_of_csv_has_the_same_fields() {
        let csv = sweep_csv(&outcome());
        let lines: Vec<&str> = csv.lines().collect();
        assert_eq!(
            lines[1],
            "5/s,\"{ a, b }\",async,10,0,1234,12.34,0.56,,,1234.5,12,75,0.26,100,1,,,0.05,0.01,0,0,0.0001,0,0,0"
        );
        let fields = lines[1].replace("{ a, b }", "").matches(',').count();
        assert_eq!(lines[0].matches(',').count(), fields);
    }
}
