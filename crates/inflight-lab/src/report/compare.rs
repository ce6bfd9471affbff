//! Two runs side by side: first what makes them hard to compare, then every figure of every arm with its difference, the interval of
//! that, and what it means.

use super::{
    figures::{figure, left, right, signed},
    mark::marks,
    measured::Quantile,
    terminal::{Ink, Tone, wrapped},
};
use crate::{
    experiment::{ArmOutcome, ExperimentOutcome, RoundFigures, RunOutcome, RunWorld},
    stats::Estimate,
};
use serde::Serialize;
use std::fmt::Write as _;

/// Differences within this share of the first run's value are of no importance.
pub const SAME_WITHIN: f64 = 0.05;

/// Two runs side by side.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// The version of this document.
    pub schema: u32,
    /// The first run's id.
    pub a: String,
    /// The second run's id.
    pub b: String,
    /// What else is different between them, in words: figures that differ may differ because of it.
    pub differing: Vec<String>,
    /// Whether they are of the same experiments, under the same load, in the same world.
    pub comparable: bool,
    /// Every figure of every arm that both have.
    pub rows: Vec<ComparedFigure>,
}

/// One figure of one arm in both runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ComparedFigure {
    /// The experiment.
    pub experiment: String,
    /// The arm.
    pub arm: String,
    /// The figure with its unit, such as `p99_ms`.
    pub figure: &'static str,
    /// In the first run, all rounds together.
    pub a: f64,
    /// In the second one.
    pub b: f64,
    /// b − a; its interval is paired round by round if both runs have the same seeds.
    pub difference: Estimate,
    /// What that means.
    pub judgement: Judgement,
}

/// What a difference means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Judgement {
    /// The whole interval is within [`SAME_WITHIN`].
    Same,
    /// The whole interval is on the good side.
    Better,
    /// The whole interval is on the bad side.
    Worse,
    /// Neither: the interval is too wide, or there is none.
    CannotTell,
}

impl Judgement {
    fn word(self) -> &'static str {
        match self {
            Judgement::Same => "same",
            Judgement::Better => "better",
            Judgement::Worse => "worse",
            Judgement::CannotTell => "cannot tell",
        }
    }
}

/// A figure that is compared: its name with the unit, its title, of a round, of all rounds, and whether less of it is better.
struct Compared {
    name: &'static str,
    title: &'static str,
    round: fn(&RoundFigures) -> f64,
    whole: fn(&ArmOutcome) -> f64,
    less_is_better: bool,
}

const FIGURES: [Compared; 5] = [
    Compared {
        name: "in_flight",
        title: "in flight, mean",
        round: |round| round.in_flight_mean,
        whole: |arm| arm.in_flight_mean,
        less_is_better: true,
    },
    Compared {
        name: "p50_ms",
        title: "p50, ms",
        round: |round| Quantile::P50.of(&round.completed) as f64 / 1e6,
        whole: |arm| Quantile::P50.of(&arm.completed) as f64 / 1e6,
        less_is_better: true,
    },
    Compared {
        name: "p95_ms",
        title: "p95, ms",
        round: |round| Quantile::P95.of(&round.completed) as f64 / 1e6,
        whole: |arm| Quantile::P95.of(&arm.completed) as f64 / 1e6,
        less_is_better: true,
    },
    Compared {
        name: "p99_ms",
        title: "p99, ms",
        round: |round| Quantile::P99.of(&round.completed) as f64 / 1e6,
        whole: |arm| Quantile::P99.of(&arm.completed) as f64 / 1e6,
        less_is_better: true,
    },
    Compared {
        name: "goodput_per_s",
        title: "goodput, /s",
        round: |round| round.goodput_per_s,
        whole: |arm| arm.goodput_per_s,
        less_is_better: false,
    },
];

impl Comparison {
    /// Of two runs.
    pub fn of(a: &RunOutcome, b: &RunOutcome) -> Comparison {
        let (mut differing, mut comparable) = (Vec::new(), true);
        if is_virtual(a) != is_virtual(b) {
            differing.push(format!("world: {} and {}", world(a), world(b)));
            comparable = false;
        }
        let note = |what: &str, a: &str, b: &str| (a != b).then(|| format!("{what}: {a} and {b}"));
        differing.extend(note("version", &a.version, &b.version));
        differing.extend(note("machine", &a.machine, &b.machine));
        for run in [a, b] {
            if !run.complete || !run.validity.problems.is_empty() {
                let state = if run.complete { "invalid" } else { "interrupted" };
                differing.push(format!("run {} is {state}", run.id));
            }
        }
        let mut rows = Vec::new();
        for one in &a.experiments {
            let Some(other) = b.experiments.iter().find(|other| other.name == one.name) else {
                differing.push(format!("{} is in {} only", one.name, a.id));
                continue;
            };
            comparable &= note_experiments(&mut differing, one, other);
            rows.extend(compared(a, one, other));
        }
        let is_new = |other: &&ExperimentOutcome| a.experiments.iter().all(|one| one.name != other.name);
        differing.extend(
            b.experiments.iter().filter(is_new).map(|other| format!("{} is in {} only", other.name, b.id)),
        );
        comparable &= !rows.is_empty();
        Comparison { schema: 1, a: a.id.clone(), b: b.id.clone(), differing, comparable, rows }
    }

    /// Whether something got worse.
    pub fn is_regression(&self) -> bool {
        self.rows.iter().any(|row| row.judgement == Judgement::Worse)
    }
}

fn is_virtual(run: &RunOutcome) -> bool {
    matches!(run.world, RunWorld::Virtual(_))
}

fn world(run: &RunOutcome) -> &'static str {
    if is_virtual(run) { "virtual time" } else { "live" }
}

/// Notes what two runs of an experiment differ in, and tells whether they can be compared all the same.
fn note_experiments(differing: &mut Vec<String>, a: &ExperimentOutcome, b: &ExperimentOutcome) -> bool {
    let mut note = |what: &str, a: String, b: String| {
        let is_other = a != b;
        if is_other {
            differing.push(format!("{what}: {a} and {b}"));
        }
        !is_other
    };
    let name = &a.name;
    note(&format!("{name}, seed"), a.seed.to_string(), b.seed.to_string());
    note(&format!("{name}, rounds"), a.rounds.done.to_string(), b.rounds.done.to_string());
    let phases = |e: &ExperimentOutcome| {
        let one = |phase: &crate::experiment::Phase| {
            format!("{} {} to {} s", phase.name, phase.from_ns as f64 / 1e9, phase.to_ns as f64 / 1e9)
        };
        e.phases.iter().map(one).collect::<Vec<_>>().join(", ")
    };
    let same = [
        note(&format!("{name}, load"), a.workload.clone(), b.workload.clone()),
        note(&format!("{name}, phases"), phases(a), phases(b)),
        note(&format!("{name}, time-scale"), a.time_scale.to_string(), b.time_scale.to_string()),
    ];
    same.into_iter().all(|same| same)
}

/// The figures of the arms that both have.
fn compared(run: &RunOutcome, a: &ExperimentOutcome, b: &ExperimentOutcome) -> Vec<ComparedFigure> {
    let pairs: Vec<(&ArmOutcome, &ArmOutcome)> =
        a.arms.iter().filter_map(|arm| Some((arm, b.arm(&arm.name)?))).collect();
    let row = |of: &Compared, (one, other): &(&ArmOutcome, &ArmOutcome)| {
        let difference = difference(of, one, other);
        let is_certain = is_virtual(run) && difference.value == 0.0;
        ComparedFigure {
            experiment: a.name.clone(),
            arm: one.name.clone(),
            figure: of.name,
            a: (of.whole)(one),
            b: (of.whole)(other),
            difference,
            judgement: if is_certain { Judgement::Same } else { judged(of, (of.whole)(one), difference) },
        }
    };
    FIGURES.iter().flat_map(|of| pairs.iter().map(move |pair| row(of, pair))).collect()
}

/// b − a over the rounds: paired by their seeds if they have the same, because then both saw the same requests.
fn difference(of: &Compared, a: &ArmOutcome, b: &ArmOutcome) -> Estimate {
    let seeds = |arm: &ArmOutcome| arm.rounds.iter().map(|round| round.seed).collect::<Vec<u64>>();
    let values = |arm: &ArmOutcome| arm.rounds.iter().map(of.round).collect::<Vec<f64>>();
    let (one, other) = (values(a), values(b));
    let whole = (of.whole)(b) - (of.whole)(a);
    let half_width = if seeds(a) == seeds(b) {
        let paired: Vec<f64> = one.iter().zip(&other).map(|(a, b)| b - a).collect();
        Estimate::mean(&paired).and_then(|estimate| estimate.half_width)
    } else {
        // Wider than needed, never narrower: both intervals together.
        let half = |values: &[f64]| Estimate::mean(values).and_then(|estimate| estimate.half_width);
        half(&one).zip(half(&other)).map(|(one, other)| libm::hypot(one, other))
    };
    Estimate { value: whole, half_width }
}

fn judged(of: &Compared, a: f64, difference: Estimate) -> Judgement {
    let Some(half) = difference.half_width else { return Judgement::CannotTell };
    let (low, high) = (difference.value - half, difference.value + half);
    let margin = SAME_WITHIN * a.abs();
    match (low, high) {
        (low, high) if low >= -margin && high <= margin => Judgement::Same,
        (low, _) if low > 0.0 => {
            if of.less_is_better {
                Judgement::Worse
            } else {
                Judgement::Better
            }
        }
        (_, high) if high < 0.0 => {
            if of.less_is_better {
                Judgement::Better
            } else {
                Judgement::Worse
            }
        }
        _ => Judgement::CannotTell,
    }
}

/// The comparison as text: what differs first, then a table for each figure with both values on one scale.
pub fn compare(found: &Comparison, width: usize, ink: &dyn Ink) -> String {
    let mut out = String::new();
    let title = format!("a = {}, b = {}", found.a, found.b);
    let _ = writeln!(
        out,
        "{}  ○ a, ● b, ◉ both; the interval is that of b − a",
        ink.paint(Tone::Heading, &title)
    );
    if !found.comparable {
        let _ = writeln!(out, "{}", ink.paint(Tone::Warning, "! THESE RUNS ARE NOT COMPARABLE"));
    }
    for difference in &found.differing {
        let text = wrapped(&format!("! different: {difference}"), width - 2, "  ");
        let _ = writeln!(out, "{}", ink.paint(Tone::Warning, text.trim_start()));
    }
    let mut experiments: Vec<&str> = found.rows.iter().map(|row| row.experiment.as_str()).collect();
    experiments.dedup();
    for name in experiments {
        let _ = writeln!(out, "\n{}", ink.paint(Tone::Heading, name));
        for of in &FIGURES {
            let rows: Vec<&ComparedFigure> =
                found.rows.iter().filter(|row| row.experiment == name && row.figure == of.name).collect();
            out.push_str(&table(of, &rows, width, ink));
        }
    }
    let _ = writeln!(out, "\n{}", summary(found));
    out
}

/// How wide the columns are.
struct Widths {
    name: usize,
    /// The scale with both marks.
    strip: usize,
    value: usize,
    interval: usize,
}

impl Widths {
    fn of(width: usize) -> Widths {
        match width {
            width if width >= 100 => Widths { name: 20, strip: 16, value: 9, interval: 15 },
            _ => Widths { name: 14, strip: 10, value: 7, interval: 13 },
        }
    }
}

fn table(of: &Compared, rows: &[&ComparedFigure], width: usize, ink: &dyn Ink) -> String {
    let names: Vec<&str> = rows.iter().map(|row| row.arm.as_str()).collect();
    let marks = marks(&names);
    let widths = Widths::of(width);
    let head = format!(
        "     {}  {}{}{}{}  interval",
        left(of.title, widths.name),
        " ".repeat(widths.strip),
        right("a", widths.value),
        right("b", widths.value),
        right("b − a", widths.value)
    );
    let mut out = format!("{}\n", ink.paint(Tone::Quiet, &head));
    for (row, mark) in rows.iter().zip(&marks) {
        let interval = row.difference.half_width.map_or("none".into(), |half| {
            format!("{}…{}", signed(row.difference.value - half), signed(row.difference.value + half))
        });
        let tone = match row.judgement {
            Judgement::Better => Tone::Good,
            Judgement::Worse => Tone::Warning,
            Judgement::Same | Judgement::CannotTell => Tone::Quiet,
        };
        let _ = writeln!(
            out,
            " {}  {}  {}{}{}{}  {} {}",
            ink.paint(Tone::Mark(mark.dark), &mark.code),
            left(&format!("/{}", row.arm), widths.name),
            strip(row, rows, widths.strip),
            right(&figure(row.a), widths.value),
            right(&figure(row.b), widths.value),
            right(&signed(row.difference.value), widths.value),
            left(&interval, widths.interval),
            ink.paint(tone, row.judgement.word())
        );
    }
    out
}

/// Both values on the scale of all rows.
fn strip(row: &ComparedFigure, rows: &[&ComparedFigure], width: usize) -> String {
    let all = || rows.iter().flat_map(|row| [row.a, row.b]);
    let (low, high) = (all().fold(f64::MAX, f64::min), all().fold(f64::MIN, f64::max));
    let place = |value: f64| {
        let share = if high > low { (value - low) / (high - low) } else { 0.5 };
        (share * (width - 1) as f64).round() as usize
    };
    let (a, b) = (place(row.a), place(row.b));
    let cell = |i: usize| match i {
        i if i == a && i == b => '◉',
        i if i == a => '○',
        i if i == b => '●',
        _ => '·',
    };
    (0..width).map(cell).collect()
}

fn summary(found: &Comparison) -> String {
    let count = |judgement| found.rows.iter().filter(|row| row.judgement == judgement).count();
    format!(
        "{} better, {} worse, {} the same within {:.0} %, {} nobody can tell",
        count(Judgement::Better),
        count(Judgement::Worse),
        count(Judgement::Same),
        SAME_WITHIN * 100.0,
        count(Judgement::CannotTell)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Plain, testing::sample};
    use expect_test::expect;

    /// A run like the sample, with p99 a tenth higher and another seed if `seed` says so.
    fn slower(seed: u64) -> RunOutcome {
        let mut run = RunOutcome { id: "m4x2".into(), ..sample() };
        run.experiments[0].seed = seed;
        for arm in &mut run.experiments[0].arms {
            arm.completed.p99_ns = arm.completed.p99_ns * 11 / 10;
            for (number, round) in arm.rounds.iter_mut().enumerate() {
                round.completed.p99_ns = round.completed.p99_ns * 11 / 10;
                round.seed = seed + number as u64;
            }
        }
        run
    }

    #[test]
    fn a_run_is_the_same_as_itself() {
        let found = Comparison::of(&sample(), &sample());
        assert!(found.comparable && found.differing.is_empty());
        assert!(found.rows.iter().all(|row| row.judgement == Judgement::Same), "{found:?}");
    }

    #[test]
    fn what_got_slower_is_worse_and_fails_the_gate() {
        let found = Comparison::of(&sample(), &slower(42));
        assert!(found.is_regression());
        let worse: Vec<&str> =
            found.rows.iter().filter(|r| r.judgement == Judgement::Worse).map(|row| row.figure).collect();
        assert_eq!(worse, ["p99_ms"; 3]);
        assert!(!Comparison::of(&slower(42), &sample()).is_regression(), "faster is no regression");
    }

    #[test]
    fn what_makes_runs_hard_to_compare_is_said_first() {
        let mut other = slower(7);
        other.experiments[0].workload = "closed loop".into();
        other.version = "0.2.0".into();
        let found = Comparison::of(&sample(), &other);
        assert!(!found.comparable);
        let text = compare(&found, 80, &Plain);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        expect![[r#"
            a = k3f9, b = m4x2  ○ a, ● b, ◉ both; the interval is that of b − a
            ! THESE RUNS ARE NOT COMPARABLE
            ! different: version: 0.1.0 and 0.2.0
            ! different: burst, seed: 42 and 7
            ! different: burst, load: open loop, Poisson 60/s, 120/s from 6 s to 10 s and
              closed loop

            burst
                 in flight, me…                  a      b  b − a  interval
             As  /async          ·········◉    424    424      0  −0.278…+0.278 same
             Li  /async-limited  ◉·········   20.0   20.0      0  −0.278…+0.278 same
             To  /async-timeout  ◉·········   12.0   12.0      0  −0.278…+0.278 same
                 p50, ms                         a      b  b − a  interval
             As  /async          ·····◉····    310    310      0  0…0           same
             Li  /async-limited  ·····◉····    310    310      0  0…0           same
             To  /async-timeout  ·····◉····    310    310      0  0…0           same
                 p95, ms                         a      b  b − a  interval
             As  /async          ·········◉ 17,370 17,370      0  −482…+482     same
             Li  /async-limited  ◉·········    990    990      0  −27.5…+27.5   same
             To  /async-timeout  ◉·········    648    648      0  −18…+18       same
                 p99, ms                         a      b  b − a  interval
             As  /async          ········○● 34,740 38,214 +3,474  +2,460…+4,488 worse
             Li  /async-limited  ◉·········  1,980  2,178   +198  +140…+256     worse
             To  /async-timeout  ◉·········  1,296  1,426   +130  +91.8…+167    worse
                 goodput, /s                     a      b  b − a  interval
             As  /async          ·········◉   65.0   65.0      0  −0.694…+0.694 same
             Li  /async-limited  ·········◉   65.0   65.0      0  −0.694…+0.694 same
             To  /async-timeout  ◉·········   50.0   50.0      0  −0.694…+0.694 same

            0 better, 3 worse, 12 the same within 5 %, 0 nobody can tell
        "#]]
        .assert_eq(&text);
    }

    #[test]
    fn one_round_without_a_difference_to_zero_cannot_tell() {
        let of = &FIGURES[3];
        let about = |value, half_width| judged(of, 100.0, Estimate { value, half_width });
        assert_eq!(about(50.0, None), Judgement::CannotTell);
        assert_eq!(about(50.0, Some(60.0)), Judgement::CannotTell);
        assert_eq!(about(2.0, Some(1.0)), Judgement::Same);
        assert_eq!(about(-20.0, Some(5.0)), Judgement::Better);
    }
}
