//! `answer` in a file: a sentence with figures in braces, filled in with what was measured.
//!
//! It is written before the measurement and says what follows if every hypothesis comes out as its file expects. If one does
//! not, the sentence would claim too much: then it is said instead which one it was.

use super::{
    Hypothesis,
    outcome::{ArmOutcome, ExperimentOutcome, Latencies, VerdictKind},
    reader::Value,
};
use crate::claim::{Kind, Measured, Mistake, Names, Population, Quantity, Shape, Stat, What, amount};

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
    let (mut parts, mut at, mut is_good) = (Vec::new(), 0, true);
    while let Some(brace) = text[at..].find('{').map(|offset| at + offset) {
        parts.push(Part::Text(text[at..brace].into()));
        let from = brace + 1;
        let Some(length) = text[from..].find('}') else {
            value.mistake(
                text,
                Mistake::new(brace..from, "a brace that is not closed", "expected `{p99(ARM)}`"),
            );
            return None;
        };
        at = from + length + 1;
        match kept(&text[from..from + length], names) {
            Ok(quantity) => parts.push(Part::Figure(quantity)),
            Err(mistakes) => {
                is_good = false;
                mistakes.into_iter().for_each(|mistake| value.mistake(text, mistake.moved(from)));
            }
        }
    }
    parts.push(Part::Text(text[at..].into()));
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
                .map_or("–".into(), |figure| written(figure, quantity.what.kind())),
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

/// Reads a quantity of which an outcome keeps a figure for all rounds together.
fn kept(text: &str, names: Names<'_>) -> Result<Quantity, Vec<Mistake>> {
    let quantity = Quantity::read(text, names)?;
    let is_kept = match quantity.what {
        What::Latency(Stat::Quantile(q), _) | What::Wait(Stat::Quantile(q)) => {
            [0.5, 0.95, 0.99, 0.999].contains(&q)
        }
        What::InFlight(Shape::Slope) | What::Tasks(_) => false,
        _ => true,
    };
    let none = || {
        let expected = "expected p50, p95, p99, p99.9, mean or max; no slope, no tasks";
        vec![Mistake::new(0..text.len(), "an answer has no figure for it", expected)]
    };
    is_kept.then_some(quantity).ok_or_else(none)
}

/// A figure as it stands in a sentence.
fn written(figure: Measured, kind: Kind) -> String {
    let bound = if figure.is_lower_bound { "at least " } else { "" };
    format!("{bound}{}", amount(figure.value, kind))
}

/// The figure of all rounds together.
fn figure(arm: &ArmOutcome, what: What, counted_ns: u64) -> Option<Measured> {
    let seconds = counted_ns as f64 / 1e9 * arm.rounds.len().max(1) as f64;
    let exactly = |value| Some(Measured::exactly(value));
    match what {
        What::Latency(stat, Population::Completed) => of(&arm.completed, stat),
        What::Latency(stat, Population::Answered) => of(&arm.answered, stat),
        What::Wait(stat) => of(arm.wait.as_ref()?, stat),
        What::Goodput => exactly(arm.goodput_per_s),
        What::Throughput => exactly(arm.answered.count as f64 / seconds),
        What::Offered => exactly(arm.offered as f64 / seconds),
        What::Share(ending) => exactly(arm.share(ending)),
        What::InFlight(Shape::Mean) => exactly(arm.in_flight_mean),
        What::InFlight(Shape::Peak) => exactly(f64::from(arm.in_flight_peak)),
        What::InFlight(Shape::Slope) | What::Tasks(_) => None,
    }
}

/// Milliseconds. Without those that were cut short, which all took longer, a mean and a maximum are lower bounds as well.
fn of(latencies: &Latencies, stat: Stat) -> Option<Measured> {
    let (ns, quantile) = match stat {
        _ if latencies.count == 0 => return None,
        Stat::Mean => (latencies.mean_ns, 1.0),
        Stat::Max => (latencies.max_ns, 1.0),
        Stat::Quantile(0.5) => (latencies.p50_ns, 0.5),
        Stat::Quantile(0.95) => (latencies.p95_ns, 0.95),
        Stat::Quantile(0.99) => (latencies.p99_ns, 0.99),
        Stat::Quantile(0.999) => (latencies.p999_ns?, 0.999),
        Stat::Quantile(_) => return None,
    };
    Some(Measured { value: ns as f64 / 1e6, is_lower_bound: latencies.is_lower_bound(quantile) })
}
