//! An outcome as text for a terminal: 80, 100 or 120 columns wide, cause left of effect.

mod beside;
mod columns;
mod hypotheses;
mod knee;
mod results;

use super::{
    figures::{counted, ms, number},
    mark::{Colour, Mark, marks},
    tally,
};
use crate::experiment::{ArmOutcome, ExperimentOutcome, RunOutcome, RunWorld, Verdict};
use inflight_strategies::units::format_duration;
use std::{fmt::Write, time::Duration};

pub(super) use results::BLOCKS;
pub use results::spark;

/// How a piece of text is meant; colour never carries the meaning alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// A heading.
    Heading,
    /// Said aside.
    Quiet,
    /// Something that belongs to an arm, in the arm's colour.
    Mark(Colour),
    /// Something that is as it should be, or a claim that holds.
    Good,
    /// Something that needs a look, or a claim that is refuted.
    Warning,
}

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

/// A run, `width` columns wide: the answers if there are several, then every experiment with its results, its hypotheses, its knee,
/// what twin and theory say, and whether it can be trusted.
pub fn result(run: &RunOutcome, width: usize, ink: &dyn Ink) -> String {
    let mut out = String::new();
    if run.experiments.len() > 1 {
        out.push_str(&answers(&run.experiments, width, ink));
    }
    for (number, experiment) in run.experiments.iter().enumerate() {
        if number > 0 {
            out.push('\n');
        }
        introduction(&mut out, run, experiment, width, ink);
        let blocks = [
            results::table(experiment, width, ink),
            hypotheses::block(&experiment.verdicts, width, ink),
            knee::block(experiment, width, ink),
            beside::table(experiment, width, ink),
        ];
        for block in blocks.iter().filter(|block| !block.is_empty()) {
            out.push('\n');
            out.push_str(block);
        }
        out.push('\n');
        conclusion(&mut out, run, experiment, width, ink);
    }
    interrupted(&mut out, run, ink);
    out
}

/// A run in short: of several experiments the answers, and whether they can be trusted; of a single one all of it.
pub fn summary(run: &RunOutcome, width: usize, ink: &dyn Ink) -> String {
    if run.experiments.len() < 2 {
        return result(run, width, ink);
    }
    let mut out = answers(&run.experiments, width, ink);
    let arms = || run.experiments.iter().flat_map(|experiment| &experiment.arms);
    let late = arms().map(|arm| arm.lateness.p99_ns).max().unwrap_or(0);
    if run.validity.problems.is_empty() && run.complete {
        let text = format!("offered = sum of outcomes, driver late {} ms at p99 at the most", ms(late));
        let _ = writeln!(out, "Controls {} {text}", ink.paint(Tone::Good, "✓"));
    }
    for problem in &run.validity.problems {
        let _ = writeln!(out, "{}", ink.paint(Tone::Warning, &format!("! INVALID  {problem}")));
    }
    interrupted(&mut out, run, ink);
    out
}

/// Says so if it was.
fn interrupted(out: &mut String, run: &RunOutcome, ink: &dyn Ink) {
    if !run.complete {
        let what = "! interrupted: not everything that was planned was measured";
        let _ = writeln!(out, "{}", ink.paint(Tone::Warning, what));
    }
}

/// The questions of several experiments with their answers and verdicts; empty if none was answered.
pub fn answers(all: &[ExperimentOutcome], width: usize, ink: &dyn Ink) -> String {
    let mut out = String::new();
    for (number, experiment) in all.iter().enumerate() {
        let Some(answer) = &experiment.answer else { continue };
        let question = experiment.question.as_deref().unwrap_or(&experiment.name);
        let heading = wrapped(question, width - 4, "    ");
        let _ = writeln!(out, "{:>2}  {}", number + 1, ink.paint(Tone::Heading, heading.trim_start()));
        let _ = writeln!(out, "{}", wrapped(answer, width - 4, "    "));
        let verdicts: Vec<String> = experiment
            .verdicts
            .iter()
            .map(|verdict| format!("{} {}", tally::sign(verdict.verdict), verdict.name))
            .collect();
        if !verdicts.is_empty() {
            let tally = format!("{}: {}", tally::short(&experiment.verdicts), verdicts.join("  "));
            let _ = writeln!(out, "{}", ink.paint(Tone::Quiet, &wrapped(&tally, width - 4, "    ")));
        }
        out.push('\n');
    }
    out
}

/// A heading, with something said aside.
pub(super) fn heading(out: &mut String, ink: &dyn Ink, title: &str, aside: &str) {
    let line = format!("{}  {}", ink.paint(Tone::Heading, title), ink.paint(Tone::Quiet, aside));
    let _ = writeln!(out, "{}", line.trim_end());
}

/// `text` in lines of at most `width` columns, each after `indent`.
pub(super) fn wrapped(text: &str, width: usize, indent: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("there is always one");
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_string());
        }
    }
    lines.iter().map(|line| format!("{indent}{line}")).collect::<Vec<_>>().join("\n")
}

/// What was asked, answered and measured.
fn introduction(
    out: &mut String,
    run: &RunOutcome,
    experiment: &ExperimentOutcome,
    width: usize,
    ink: &dyn Ink,
) {
    if let Some(question) = &experiment.question {
        let _ = writeln!(out, "{}", ink.paint(Tone::Heading, &wrapped(question, width, "")));
    }
    if let Some(answer) = experiment.answer.as_ref().filter(|_| run.experiments.len() == 1) {
        let _ = writeln!(out, "{}", wrapped(answer, width, ""));
    }
    let counted_time = format_duration(Duration::from_nanos(experiment.counted_ns));
    let rounds = match experiment.rounds.done {
        0 | 1 => String::new(),
        n => format!("{} of ", counted(n as usize, "round")),
    };
    let mut how =
        format!("{}; {rounds}{counted_time} counted per arm; seed {}", experiment.workload, experiment.seed);
    if let RunWorld::Virtual(time) = &run.world {
        let _ = write!(how, "; virtual time, events {}", time.hash);
    }
    let scale = experiment.time_scale;
    if scale != 1.0 {
        let _ = write!(how, "; time-scale {scale}: durations ×{scale}, rates ×{}", number(1.0 / scale));
    }
    let _ = writeln!(out, "{}", ink.paint(Tone::Quiet, &wrapped(&how, width, "")));
}

/// Whether it can be trusted.
fn conclusion(
    out: &mut String,
    run: &RunOutcome,
    experiment: &ExperimentOutcome,
    width: usize,
    ink: &dyn Ink,
) {
    if !experiment.verdicts.is_empty() {
        let all: Vec<&Verdict> = experiment.verdicts.iter().collect();
        let _ = writeln!(out, "{}.", tally::sentence(&all));
    }
    let worst = experiment.arms.iter().map(|arm| arm.lateness.p99_ns).max().unwrap_or(0);
    let little = experiment.arms.iter().map(|arm| arm.little.error.abs()).fold(0.0, f64::max);
    let mut held = vec![format!(
        "driver late {} ms at p99, Little's law within {:.1} %, offered = sum of outcomes",
        ms(worst),
        little * 100.0
    )];
    held.extend(experiment.controls.iter().filter(|c| c.ok).map(|c| format!("{}: {}", c.name, c.text)));
    if experiment.validity.problems.is_empty() && run.complete {
        let text = wrapped(&held.join("; "), width - 11, "           ");
        let _ = writeln!(out, "Controls {} {}", ink.paint(Tone::Good, "✓"), text.trim_start());
    }
    for control in experiment.controls.iter().filter(|control| !control.ok) {
        let text = wrapped(&format!("{}: {}", control.name, control.text), width - 2, "  ");
        let _ = writeln!(out, "{}", ink.paint(Tone::Warning, &format!("! {}", text.trim_start())));
    }
    for problem in &experiment.validity.problems {
        let _ = writeln!(out, "{}", ink.paint(Tone::Warning, &format!("! INVALID  {problem}")));
    }
}

/// Arms with their marks, and how wide the column of their names is.
struct Names {
    marks: Vec<Mark>,
    width: usize,
}

impl Names {
    fn of(experiment: &ExperimentOutcome) -> Names {
        let names: Vec<&str> = experiment.arms.iter().map(|arm| arm.name.as_str()).collect();
        let longest = names.iter().map(|name| name.chars().count() + 1).max().unwrap_or(0);
        Names { marks: marks(&names), width: longest.clamp(14, 24) }
    }

    /// How the line above rows about arms begins.
    fn head(&self) -> String {
        format!("     {:width$}", "strategy", width = self.width)
    }

    /// How every row about arm number `number` begins: its mark and its name.
    fn label(&self, number: usize, arm: &ArmOutcome, ink: &dyn Ink) -> String {
        let Mark { code, dark, .. } = &self.marks[number];
        let name: String = format!("/{}", arm.name).chars().take(self.width).collect();
        format!(" {}  {name:width$}", ink.paint(Tone::Mark(*dark), code), width = self.width)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::testing::sample;
    use expect_test::expect_file;

    #[test]
    fn a_run_fits_80_100_and_120_columns() {
        let run = sample();
        for width in [80, 100, 120] {
            let text = result(&run, width, &Plain);
            for line in text.lines() {
                assert!(line.chars().count() <= width, "{width}: {line}");
            }
            let file = format!("{}/src/report/terminal/golden/{width}.txt", env!("CARGO_MANIFEST_DIR"));
            expect_file![file].assert_eq(&text);
        }
    }

    #[test]
    fn long_sentences_are_wrapped_between_words() {
        assert_eq!(wrapped("one two three", 7, " "), " one two\n three");
    }
}
