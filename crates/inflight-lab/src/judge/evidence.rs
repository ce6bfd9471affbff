//! What intervals of effects are made of.

use crate::stats::{Middle, Spread, student_tails, wilson};

/// What an effect's interval is made of.
#[derive(Clone, Debug)]
pub(super) enum Evidence {
    /// The mean of the rounds, or a whole run among its sections.
    Mean(Spread),
    /// The middle of the rounds.
    Middle(Middle),
    /// It was so in `yes` of `n` rounds.
    Share {
        /// Rounds that say yes.
        yes: u32,
        /// All of them.
        n: u32,
    },
}

impl Evidence {
    /// The interval that holds the truth with probability `level`; `None` if there are too few rounds for one.
    pub(super) fn interval(&self, level: f64) -> Option<(f64, f64)> {
        match self {
            Evidence::Mean(spread) => Some(spread.interval(level)),
            Evidence::Middle(middle) => middle.interval(level),
            Evidence::Share { yes, n } => Some(wilson(*yes, *n, level)),
        }
    }

    /// The probability that the interval is as clear of `edge` by accident.
    pub(super) fn chance(&self, edge: f64) -> f64 {
        match self {
            Evidence::Mean(spread) => spread.chance(edge),
            Evidence::Middle(middle) => middle.chance(edge),
            Evidence::Share { yes, n } => {
                // Wilson's interval is that of the score test: the normal distribution at (p − e)/√(e(1 − e)/n).
                let n = f64::from(*n);
                let z = (f64::from(*yes) / n - edge).abs() / libm::sqrt(edge * (1.0 - edge) / n);
                student_tails(z, u32::MAX)
            }
        }
    }

    /// How many rounds, these included, would probably bring the interval clear of `edge`.
    pub(super) fn rounds_needed(&self, edge: f64, level: f64) -> Option<u32> {
        match self {
            Evidence::Mean(spread) => spread.rounds_needed(edge, level),
            Evidence::Middle(middle) => middle.rounds_needed(edge, level),
            Evidence::Share { n, .. } => Some((2 * n).max(4)),
        }
    }
}
