//! `answer` in a file: a sentence with figures in braces, filled in with what was measured.
//!
//! It is written before the measurement and says what follows if every hypothesis comes out as its file expects. If one does
//! not, the sentence would claim too much: then it is said instead which one it was.

use super::{
    Hypothesis,
    outcome::{ArmOutcome, ExperimentOutcome, Latencies, VerdictKind},
    reader::Value,
};
use crate::claim::{Names, Population, Quantity, Shape, Stat, What, amount};

/// An answer, as written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Text(String),
    Figure(Quantity),
}

/// Reads `answer`; its quantities are of `arms`.
pub(super) fn answer(value: &Value<'_, '_>, arms: &[&str]) -> Option<Answer> {
    let text = value.string()?;
    let names = Names { arms, phases: None };
    let (mut parts, mut rest, mut is_good) = (Vec::new(), text, true);
    while let Some((before, after)) = rest.split_once('{') {
        parts.push(Part::Text(before.into()));
        let Some((figure, behind)) = after.split_once('}') else {
            value.problem("a brace that is not closed", "expected `{p99(ARM)}`");
            return None;
        };
        match Quantity::read(figure, names) {
            Ok(quantity) => parts.push(Part::Figure(quantity)),
            Err(mistakes) => {
                is_good = false;
                for mistake in mistakes {
                    value.problem(format!("`{{{figure}}}`: {}", mistake.message), &mistake.label);
                }
            }
        }
        rest = behind;
    }
    parts.push(Part::Text(rest.into()));
    is_good.then_some(Answer { parts })
}

impl Answer {
    /// What it says of `outcome`, whose hypotheses were these.
    pub fn of(&self, outcome: &ExperimentOutcome, hypotheses: &[Hypothesis]) -> String {
        let otherwise: Vec<String> = outcome
            .verdicts
            .iter()
            .filter_map(|verdict| {
                let expected = hypotheses.iter().find(|h| h.name == verdict.name)?.expected;
                (verdict.verdict != expected).then(|| format!("{} {}", verdict.name, is(verdict.verdict)))
            })
            .collect();
        if !otherwise.is_empty() {
            return format!("Not as expected: {}.", otherwise.join(", "));
        }
        let text = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Figure(quantity) => outcome
                .arm(&quantity.arm)
                .and_then(|arm| figure(arm, quantity.what, outcome.counted_ns))
                .map_or("–".into(), |value| amount(value, quantity.what.kind())),
        };
        self.parts.iter().map(text).collect()
    }
}

fn is(verdict: VerdictKind) -> &'static str {
    match verdict {
        VerdictKind::Holds => "holds",
        VerdictKind::Refuted => "is refuted",
        VerdictKind::Undecided => "is undecided",
    }
}

/// The figure of all rounds together, in the unit of its kind.
fn figure(arm: &ArmOutcome, what: What, counted_ns: u64) -> Option<f64> {
    let seconds = counted_ns as f64 / 1e9 * arm.rounds.len().max(1) as f64;
    match what {
        What::Latency(stat, Population::Completed) => of(&arm.completed, stat),
        What::Latency(stat, Population::Answered) => of(&arm.answered, stat),
        What::Wait(stat) => of(arm.wait.as_ref()?, stat),
        What::Goodput => Some(arm.goodput_per_s),
        What::Throughput => Some(arm.answered.count as f64 / seconds),
        What::Offered => Some(arm.offered as f64 / seconds),
        What::Share(ending) => Some(arm.share(ending)),
        What::InFlight(Shape::Mean) => Some(arm.in_flight_mean),
        What::InFlight(Shape::Peak) => Some(f64::from(arm.in_flight_peak)),
        What::InFlight(Shape::Slope) | What::Tasks(_) => None,
    }
}

/// Milliseconds.
fn of(latencies: &Latencies, stat: Stat) -> Option<f64> {
    let ns = match stat {
        _ if latencies.count == 0 => return None,
        Stat::Mean => latencies.mean_ns,
        Stat::Max => latencies.max_ns,
        Stat::Quantile(0.5) => latencies.p50_ns,
        Stat::Quantile(0.95) => latencies.p95_ns,
        Stat::Quantile(0.99) => latencies.p99_ns,
        Stat::Quantile(_) => return None,
    };
    Some(ns as f64 / 1e6)
}
