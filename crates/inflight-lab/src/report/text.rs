//! An outcome as text for a terminal: cause above effect.

use super::{theory, twin};
use crate::{
    experiment::{ArmOutcome, ExperimentOutcome, Latencies, RunOutcome, RunWorld},
    record::Ending,
};
use inflight_strategies::units::format_duration;
use std::{fmt::Write, time::Duration};

/// How a piece of text is meant; colour never carries the meaning alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// A heading.
    Heading,
    /// Said aside.
    Quiet,
    /// Something that belongs to an arm, in the arm's colour.
    Mark(Colour),
    /// Something that needs a look.
    Warning,
}

/// A colour, 24 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour(pub u8, pub u8, pub u8);

/// Puts tones into text, or does not.
pub trait Ink {
    /// `text` in `tone`.
    fn paint(&self, tone: Tone, text: &str) -> String;
}

/// No tones: for pipes, files and NO_COLOR.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plain;

impl Ink for Plain {
    fn paint(&self, _: Tone, text: &str) -> String {
        text.into()
    }
}

/// Two letters and a colour for each known endpoint, fixed for ever; others get their first two letters.
fn mark(name: &str) -> (String, Colour) {
    const KNOWN: [(&str, &str, Colour); 5] = [
        ("sync", "Sy", Colour(0xf4, 0xbc, 0x33)),
        ("async", "As", Colour(0xe0, 0x69, 0x16)),
        ("async-limited", "Li", Colour(0x40, 0x98, 0xf3)),
        ("async-timeout", "To", Colour(0xa3, 0x4b, 0x11)),
        ("async-timeout-detached", "Td", Colour(0xbe, 0xb3, 0x7d)),
    ];
    if let Some((_, code, colour)) = KNOWN.iter().find(|known| known.0 == name) {
        return ((*code).into(), *colour);
    }
    let mut letters = name.chars().filter(char::is_ascii_alphanumeric);
    let first = letters.next().map_or('/', |c| c.to_ascii_uppercase());
    (format!("{first}{}", letters.next().unwrap_or(' ')), Colour(0x87, 0x94, 0xa3))
}

/// Sets `text` into `width` columns, right-aligned, by characters.
pub(super) fn right(text: &str, width: usize) -> String {
    format!("{}{text}", " ".repeat(width.saturating_sub(text.chars().count())))
}

/// 12345.6 as "12,346"; below 100 with one decimal.
pub(super) fn figure(value: f64) -> String {
    if value < 99.95 {
        return format!("{value:.1}");
    }
    grouped(value.round() as u64)
}

/// 1234567 as "1,234,567".
pub(super) fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

fn ms(ns: u64) -> String {
    figure(ns as f64 / 1e6)
}

pub(super) fn percent(share: f64) -> String {
    match share {
        0.0 => "–".into(),
        s if s < 0.0005 => "<0.1%".into(),
        s => format!("{:.1}%", s * 100.0),
    }
}

/// One column: its heading, its width, its text for an arm.
type Column = (&'static str, usize, fn(&ArmOutcome) -> String);

const CAUSE: [Column; 5] = [
    ("in flight", 11, |a| figure(a.in_flight_mean)),
    ("peak", 7, |a| grouped(u64::from(a.in_flight_peak))),
    ("wait p50", 10, |a| wait(a, |w| w.p50_ns)),
    ("wait p99", 10, |a| wait(a, |w| w.p99_ns)),
    ("Little", 9, |a| format!("{:+.1}%", a.little.error * 100.0)),
];

const EFFECT: [Column; 8] = [
    ("offered", 9, |a| grouped(a.offered)),
    ("good/s", 8, |a| figure(a.goodput_per_s)),
    ("p50 ms", 8, |a| latency(a, |l| l.p50_ns)),
    ("p95 ms", 8, |a| latency(a, |l| l.p95_ns)),
    ("p99 ms", 8, |a| latency(a, |l| l.p99_ns)),
    ("failed", 8, |a| percent(a.share(Ending::Failed))),
    ("timeout", 9, |a| percent(a.share(Ending::TimedOut))),
    ("shed", 6, |a| percent(a.share(Ending::Rejected))),
];

fn wait(arm: &ArmOutcome, pick: fn(&Latencies) -> u64) -> String {
    arm.wait.as_ref().map_or("–".into(), |w| format!("{} ms", ms(pick(w))))
}

fn latency(arm: &ArmOutcome, pick: fn(&Latencies) -> u64) -> String {
    if arm.completed.count == 0 { "–".into() } else { ms(pick(&arm.completed)) }
}

/// How wide the column of names is.
pub(super) fn name_column(run: &ExperimentOutcome) -> usize {
    run.arms.iter().map(|arm| arm.name.len() + 1).max().unwrap_or(0).clamp(14, 24)
}

/// How every row about an arm begins: its mark and its name, in `names` columns.
pub(super) fn label(names: usize, arm: &ArmOutcome, ink: &dyn Ink) -> String {
    let (code, colour) = mark(&arm.name);
    let name: String = format!("/{}", arm.name).chars().take(names).collect();
    format!(" {}  {name:names$}", ink.paint(Tone::Mark(colour), &code))
}

/// The two tables of an experiment, `width` columns wide.
pub fn table(run: &ExperimentOutcome, width: usize, ink: &dyn Ink) -> String {
    let mut out = String::new();
    let names = name_column(run);
    heading(&mut out, ink, "CAUSE", "what is inside the system");
    let spark_width = width.saturating_sub(7 + names + CAUSE.iter().map(|c| c.1).sum::<usize>()).min(40);
    let aside = if spark_width >= 12 { "  in flight over time" } else { "" };
    head(&mut out, names, &CAUSE, aside, ink);
    // One scale for all arms, so that their heights compare.
    let top = run.arms.iter().flat_map(|arm| &arm.timeline.in_flight).copied().max().unwrap_or(0);
    for arm in &run.arms {
        row(&mut out, names, &CAUSE, arm, ink);
        if spark_width >= 12 {
            let line = spark(&arm.timeline.in_flight, spark_width - 2, top);
            let _ = write!(out, "  {}", ink.paint(Tone::Mark(mark(&arm.name).1), &line));
        }
        out.push('\n');
    }
    out.push('\n');
    heading(&mut out, ink, "EFFECT", "what its users see");
    head(&mut out, names, &EFFECT, "", ink);
    for arm in &run.arms {
        row(&mut out, names, &EFFECT, arm, ink);
        out.push('\n');
        other_endings(&mut out, arm, ink);
    }
    out
}

/// The tables with what surrounds them: what was measured, whether it can be trusted.
pub fn result(run: &RunOutcome, width: usize, ink: &dyn Ink) -> String {
    let mut out = String::new();
    for (number, experiment) in run.experiments.iter().enumerate() {
        if number > 0 {
            out.push('\n');
        }
        if run.experiments.len() > 1 {
            heading(&mut out, ink, &experiment.name, "");
        }
        introduction(&mut out, run, experiment, ink);
        out.push_str(&table(experiment, width, ink));
        out.push('\n');
        for block in [theory::table(experiment, ink), twin::table(run, experiment, ink)] {
            if !block.is_empty() {
                out.push_str(&block);
                out.push('\n');
            }
        }
        conclusion(&mut out, run, experiment, ink);
    }
    if !run.complete {
        let _ = writeln!(
            out,
            "{}",
            ink.paint(Tone::Warning, "! interrupted: not every arm was measured to its end")
        );
    }
    out
}

/// What was asked and measured.
fn introduction(out: &mut String, run: &RunOutcome, experiment: &ExperimentOutcome, ink: &dyn Ink) {
    if let Some(question) = &experiment.question {
        heading(out, ink, question, "");
    }
    let counted = format_duration(Duration::from_nanos(experiment.counted_ns));
    let _ = writeln!(out, "{}; {counted} counted per arm; seed {}", experiment.workload, experiment.seed);
    if let RunWorld::Virtual(time) = &run.world {
        let elapsed = format_duration(Duration::from_nanos(time.elapsed_ns));
        let _ = writeln!(
            out,
            "in virtual time: no machine, {elapsed} for all arms together; events {}",
            time.hash
        );
    }
    let scale = experiment.time_scale;
    if scale != 1.0 {
        let _ = writeln!(
            out,
            "time-scale {scale}: every duration is {scale} times as long, every rate {:.0} times as high as in the file",
            1.0 / scale
        );
    }
    out.push('\n');
}

/// Whether it can be trusted.
fn conclusion(out: &mut String, run: &RunOutcome, experiment: &ExperimentOutcome, ink: &dyn Ink) {
    let worst = experiment.arms.iter().map(|arm| arm.lateness.p99_ns).max().unwrap_or(0);
    let little = experiment.arms.iter().map(|arm| arm.little.error.abs()).fold(0.0, f64::max);
    if experiment.validity.problems.is_empty() && run.complete {
        let _ = writeln!(
            out,
            "Controls ✓  driver late {} ms at p99, Little's law within {:.1} %, offered = sum of outcomes",
            ms(worst),
            little * 100.0
        );
    }
    for problem in &experiment.validity.problems {
        let _ = writeln!(out, "{}", ink.paint(Tone::Warning, &format!("! INVALID  {problem}")));
    }
}

fn heading(out: &mut String, ink: &dyn Ink, title: &str, aside: &str) {
    let line = format!("{}  {}", ink.paint(Tone::Heading, title), ink.paint(Tone::Quiet, aside));
    let _ = writeln!(out, "{}", line.trim_end());
}

fn head(out: &mut String, names: usize, columns: &[Column], aside: &str, ink: &dyn Ink) {
    let mut line = format!("     {:names$}", "endpoint");
    columns.iter().for_each(|(title, width, _)| line.push_str(&right(title, *width)));
    line.push_str(aside);
    let _ = writeln!(out, "{}", ink.paint(Tone::Quiet, line.trim_end()));
}

fn row(out: &mut String, names: usize, columns: &[Column], arm: &ArmOutcome, ink: &dyn Ink) {
    out.push_str(&label(names, arm, ink));
    columns.iter().for_each(|(_, width, text)| out.push_str(&right(&text(arm), *width)));
}

/// A line about endings that have no column, if there were any.
fn other_endings(out: &mut String, arm: &ArmOutcome, ink: &dyn Ink) {
    let shown = [Ending::Completed, Ending::Failed, Ending::TimedOut, Ending::Rejected];
    let others: Vec<String> = Ending::ALL
        .iter()
        .filter(|ending| !shown.contains(ending) && arm.ended(**ending) > 0)
        .map(|ending| format!("{} {ending}", grouped(arm.ended(*ending))))
        .collect();
    if !others.is_empty() {
        let _ = writeln!(out, "     {}", ink.paint(Tone::Warning, &format!("! {}", others.join(", "))));
    }
}

/// A line of blocks: the most of `values` in each of `width` stretches of them, `top` being the highest block.
pub fn spark(values: &[u32], width: usize, top: u32) -> String {
    const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    if values.is_empty() || top == 0 {
        return String::new();
    }
    (0..width)
        .map(|i| {
            let from = i * values.len() / width;
            let to = ((i + 1) * values.len() / width).clamp(from + 1, values.len());
            let most = values[from..to].iter().copied().max().unwrap_or(0);
            BLOCKS[(u64::from(most) * 7).div_ceil(u64::from(top)) as usize]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_set_for_people() {
        assert_eq!([figure(3.16), figure(99.96), figure(12_345.6)], ["3.2", "100", "12,346"]);
        assert_eq!([percent(0.0), percent(0.0001), percent(0.683)], ["–", "<0.1%", "68.3%"]);
    }

    #[test]
    fn sparks_share_one_scale() {
        let timeline: Vec<u32> = (0..8).collect();
        assert_eq!(spark(&timeline, 8, 7), "▁▂▃▄▅▆▇█");
        assert_eq!(spark(&timeline, 4, 14), "▂▃▄▅");
        assert_eq!(spark(&timeline, 4, 0), "");
    }
}
