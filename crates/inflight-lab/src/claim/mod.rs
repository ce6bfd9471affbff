//! Claims: what a hypothesis says, as a small typed language.
//!
//! `p99(async-limited) < 0.8 * p99(async) within overload`. A claim compares quantities of arms with each other or with
//! numbers that carry a unit; only what is of one kind can be compared. The grammar is in docs/files.md.
//!
//! [`Claim::read`] knows all that is wrong with a text, each with its place. What a claim's quantities were in a round, and
//! what follows, is [`judge`](crate::judge)'s business.

mod lexer;
mod parse;
#[cfg(test)]
mod tests;
mod words;

pub(crate) use words::{amount, figure};

pub use lexer::{Amount, Kind, Mistake, Placed, Token, tokens};

use crate::record::Ending;
use std::time::Duration;

/// The longest claim, in bytes.
pub const MAX_CLAIM: usize = 500;

/// The names that a claim can use.
#[derive(Clone, Copy, Debug)]
pub struct Names<'a> {
    /// The arms. If there is one only, it need not be named.
    pub arms: &'a [&'a str],
    /// The phases of the workload; `None` if they are not known, for the workload has problems of its own.
    pub phases: Option<&'a [&'a str]>,
}

/// What a hypothesis says.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    /// What it speaks of.
    pub left: Side,
    /// What it says of it.
    pub test: Test,
    /// Of which part of the run; `None`: all that is counted.
    pub scope: Option<Scope>,
    /// In which cell of a sweep: factors and their levels.
    pub cell: Vec<(String, String)>,
}

/// What a claim says.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// One side is less or more than the other.
    Order {
        /// How.
        order: Order,
        /// Than what.
        right: Side,
    },
    /// Both are the same, up to a tolerance.
    Equal {
        /// To what.
        right: Side,
        /// A share of the right side if `is_share`, else an amount of its kind.
        tolerance: f64,
        /// What the tolerance is.
        is_share: bool,
    },
    /// It lies between two amounts.
    Inside {
        /// Not below.
        low: f64,
        /// Not above.
        high: f64,
    },
    /// In more than half of the rounds it is back at what was usual before a phase so soon after it.
    Returns {
        /// How soon.
        within: Duration,
        /// After which phase.
        phase: String,
    },
}

/// How two sides are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    More,
    /// `>=`
    AtLeast,
}

/// A sum of quantities and an amount, all of one kind.
#[derive(Clone, Debug, PartialEq)]
pub struct Side {
    /// Quantities, each with its factor.
    pub terms: Vec<(f64, Quantity)>,
    /// An amount in the unit of its kind: milliseconds, per second, a share from 0 to 1, a number.
    pub constant: f64,
    /// Of which kind all of it is.
    pub kind: Kind,
}

impl Side {
    /// Its quantity, if it is one with a factor and nothing else.
    pub fn single(&self) -> Option<(f64, &Quantity)> {
        match &self.terms[..] {
            [(factor, quantity)] if self.constant == 0.0 => Some((*factor, quantity)),
            _ => None,
        }
    }
}

/// Something that was measured of an arm.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantity {
    /// What.
    pub what: What,
    /// Of which arm.
    pub arm: String,
}

impl Quantity {
    /// Reads a quantity alone, such as `p99(async)`.
    pub fn read(text: &str, names: Names<'_>) -> Result<Quantity, Vec<Mistake>> {
        parse::quantity(text, names)
    }
}

/// A quantity that was measured, and whether it is a lower bound only.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Measured {
    /// In the unit of its kind: milliseconds, per second, a share or a number.
    pub(crate) value: f64,
    /// Whether what is true is this or more.
    pub(crate) is_lower_bound: bool,
}

impl Measured {
    /// No bound, but the figure itself.
    pub(crate) fn exactly(value: f64) -> Measured {
        Measured { value, is_lower_bound: false }
    }
}

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum What {
    /// Latency of good answers, or of all.
    Latency(Stat, Population),
    /// Waits for a permit.
    Wait(Stat),
    /// Good answers per second.
    Goodput,
    /// Answers per second, good or not.
    Throughput,
    /// Requests per second that should have started.
    Offered,
    /// The share of the offered requests that ended so.
    Share(Ending),
    /// Requests in flight.
    InFlight(Shape),
    /// Calls of services that are under way inside the target, whether anybody waits for them or not.
    Tasks(Shape),
}

/// A figure of a distribution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Stat {
    /// A quantile, above 0 and below 1.
    Quantile(f64),
    /// The mean.
    Mean,
    /// The largest.
    Max,
}

/// Whose latency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Population {
    /// Good answers. Requests that timed out make their high quantiles lower bounds.
    Completed,
    /// Every answer, timeouts at the time they took.
    Answered,
}

/// A figure of something that goes up and down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Its average over time.
    Mean,
    /// The most.
    Peak,
    /// How much it grows per second: the slope of the straight line with the least squares.
    Slope,
}

/// A part of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Whether it is the phase itself or what comes after it.
    pub is_after: bool,
    /// The phase.
    pub phase: String,
}

impl What {
    /// Of which kind it is.
    pub fn kind(self) -> Kind {
        match self {
            What::Latency(..) | What::Wait(_) => Kind::Time,
            What::Goodput | What::Throughput | What::Offered => Kind::Rate,
            What::Share(_) => Kind::Share,
            // Requests per second that there are more: written `/s`, like other rates.
            What::InFlight(Shape::Slope) | What::Tasks(Shape::Slope) => Kind::Rate,
            What::InFlight(_) | What::Tasks(_) => Kind::Number,
        }
    }
}

impl Claim {
    /// Reads `text`. All names that are unknown are told at once; a mistake of grammar ends the reading.
    pub fn read(text: &str, names: Names<'_>) -> Result<Claim, Vec<Mistake>> {
        if text.len() > MAX_CLAIM {
            return Err(vec![Mistake::new(0..text.len(), "a claim of more than 500 bytes", "too long")]);
        }
        parse::claim(text, names)
    }

    /// The claim in a wind tunnel: times multiplied by `factor`, rates divided by it.
    pub fn scaled(&self, factor: f64) -> Claim {
        let by = |kind: Kind| match kind {
            Kind::Time => factor,
            Kind::Rate => 1.0 / factor,
            Kind::Share | Kind::Number => 1.0,
        };
        let own = by(self.left.kind);
        let side = |side: &Side| Side { constant: side.constant * own, ..side.clone() };
        let test = match &self.test {
            Test::Order { order, right } => Test::Order { order: *order, right: side(right) },
            Test::Equal { right, tolerance, is_share } => Test::Equal {
                right: side(right),
                tolerance: if *is_share { *tolerance } else { tolerance * own },
                is_share: *is_share,
            },
            Test::Inside { low, high } => Test::Inside { low: low * own, high: high * own },
            Test::Returns { within, phase } => {
                Test::Returns { within: within.mul_f64(factor), phase: phase.clone() }
            }
        };
        Claim { left: side(&self.left), test, ..self.clone() }
    }

    /// The quantities that it speaks of.
    pub fn quantities(&self) -> impl Iterator<Item = &Quantity> {
        let right = match &self.test {
            Test::Order { right, .. } | Test::Equal { right, .. } => &right.terms[..],
            Test::Inside { .. } | Test::Returns { .. } => &[],
        };
        self.left.terms.iter().chain(right).map(|(_, quantity)| quantity)
    }
}
