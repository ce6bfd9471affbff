//! A claim in plain words.

use super::{Claim, Kind, Order, Population, Quantity, Shape, Side, Stat, Test, What};
use inflight_strategies::units::format_duration;

impl Claim {
    /// The claim as a sentence.
    pub fn sentence(&self) -> String {
        let left = side(&self.left);
        let said = match &self.test {
            Test::Order { order, right } => format!("{left} is {} {}", words_of(*order), side(right)),
            Test::Equal { right, tolerance, is_share } => {
                let kind = if *is_share { Kind::Share } else { self.left.kind };
                format!("{left} equals {}, up to {}", side(right), amount(*tolerance, kind))
            }
            Test::Inside { low, high } => {
                format!(
                    "{left} is between {} and {}",
                    amount(*low, self.left.kind),
                    amount(*high, self.left.kind)
                )
            }
            Test::Returns { within, phase } => {
                format!("{left} is back at its baseline within {} after {phase}", format_duration(*within))
            }
        };
        let scope = self.scope.as_ref().map_or(String::new(), |scope| {
            format!(" {} {}", if scope.is_after { "after" } else { "during" }, scope.phase)
        });
        let cell: String = self.cell.iter().map(|(factor, level)| format!(" at {factor} {level}")).collect();
        let text = format!("{said}{scope}{cell}");
        let mut chars = text.chars();
        chars.next().map_or(String::new(), |first| first.to_uppercase().chain(chars).collect())
    }

    /// What is compared, such as `/async-limited ÷ /async, p99`.
    pub fn comparison(&self) -> String {
        let right = match &self.test {
            Test::Order { right, .. } | Test::Equal { right, .. } => right.terms.first(),
            Test::Inside { .. } | Test::Returns { .. } => None,
        };
        let left = self.left.terms.first().map(|(_, quantity)| quantity);
        match (left, right) {
            (Some(l), Some((factor, r))) if l.what == r.what => {
                let sign = if self.is_ratio() && *factor != 0.0 { "÷" } else { "−" };
                format!("/{} {sign} /{}, {}", l.arm, r.arm, what(l.what))
            }
            (Some(l), Some((_, r))) if r.what == What::Offered => {
                format!("/{}, {} ÷ offered", l.arm, what(l.what))
            }
            (Some(l), Some((_, r))) => format!("/{} {} − /{} {}", l.arm, what(l.what), r.arm, what(r.what)),
            (Some(l), None) => format!("/{}, {}", l.arm, what(l.what)),
            (None, _) => String::new(),
        }
    }

    /// Whether the effect is a ratio of two quantities rather than a difference.
    pub fn is_ratio(&self) -> bool {
        let is_single = |side: &Side| side.single().is_some();
        match &self.test {
            Test::Order { right, .. } => {
                let factor = right.single().map(|(factor, _)| factor);
                is_single(&self.left) && factor.is_some_and(|factor| factor != 1.0 && factor > 0.0)
            }
            Test::Equal { right, is_share, .. } => *is_share && is_single(&self.left) && is_single(right),
            Test::Inside { .. } | Test::Returns { .. } => false,
        }
    }
}

fn words_of(order: Order) -> &'static str {
    match order {
        Order::Less => "less than",
        Order::AtMost => "at most",
        Order::More => "more than",
        Order::AtLeast => "at least",
    }
}

/// A sum of quantities in words.
fn side(side: &Side) -> String {
    let mut out = String::new();
    for (factor, quantity) in &side.terms {
        let sign = match (out.is_empty(), *factor < 0.0) {
            (true, false) => "",
            (true, true) => "minus ",
            (false, false) => " plus ",
            (false, true) => " minus ",
        };
        let times = match factor.abs() {
            1.0 => String::new(),
            by if quantity.what == What::Offered => format!("{} of ", amount(by, Kind::Share)),
            by => format!("{} times ", figure(by)),
        };
        out += &format!("{sign}{times}{}", name(quantity));
    }
    match (side.constant, out.is_empty()) {
        (c, true) => amount(c, side.kind),
        (0.0, false) => out,
        (c, false) if c < 0.0 => format!("{out} minus {}", amount(-c, side.kind)),
        (c, false) => format!("{out} plus {}", amount(c, side.kind)),
    }
}

/// A quantity in words.
fn name(quantity: &Quantity) -> String {
    match quantity.what {
        What::Offered => "what is offered".into(),
        what_ => format!("{} of /{}", what(what_), quantity.arm),
    }
}

/// What is measured, in words.
pub(crate) fn what(what: What) -> String {
    let stat = |stat: Stat| match stat {
        Stat::Quantile(q) => format!("p{}", figure(q * 100.0)),
        Stat::Mean => "mean".into(),
        Stat::Max => "max".into(),
    };
    let shape = |shape: Shape, of: &str| match shape {
        Shape::Mean => of.to_string(),
        Shape::Peak => format!("peak of {of}"),
        Shape::Slope => format!("growth of {of}"),
    };
    match what {
        What::Latency(Stat::Mean, Population::Completed) => "mean latency".into(),
        What::Latency(s, Population::Completed) => stat(s),
        What::Latency(s, Population::Answered) => format!("{} of all answers", stat(s)),
        What::Wait(s) => format!("{} wait", stat(s)),
        What::Goodput => "goodput".into(),
        What::Throughput => "throughput".into(),
        What::Offered => "offered".into(),
        What::Share(ending) => format!("share {ending}"),
        What::InFlight(s) => shape(s, "inflight"),
        What::Tasks(s) => shape(s, "tasks"),
    }
}

/// An amount with its unit.
pub(crate) fn amount(value: f64, kind: Kind) -> String {
    match kind {
        Kind::Time => format!("{} ms", figure(value)),
        Kind::Rate => format!("{}/s", figure(value)),
        Kind::Share => format!("{} %", figure(value * 100.0)),
        Kind::Number => figure(value),
    }
}

/// A number as short as it is exact enough, for reading.
pub(crate) fn figure(value: f64) -> String {
    let digits = match value.abs() {
        v if v >= 100.0 => 0,
        v if v >= 1.0 => 2,
        _ => 3,
    };
    let text = format!("{value:.digits$}").replace('-', "−");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').into() } else { text }
}
