//! Why a formula has nothing to say.

use std::fmt;

/// A formula does not apply, because …
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum NotApplicable {
    /// More work arrives than can be done: there is no steady state.
    Unstable {
        /// Arriving work over capacity, 1 or more.
        utilisation: f64,
    },
    /// The arrivals are not Poisson.
    NotPoisson,
    /// The service times are not exponential.
    NotExponential,
    /// A moment of the service time is infinite.
    InfiniteMoment {
        /// 1: the mean; 2: the variance; 3: the skewness.
        order: u32,
    },
    /// An input is outside of the formula's domain; this is what would be inside.
    OutsideDomain(&'static str),
    /// The numerical method cannot vouch for its digits here.
    Inaccurate(&'static str),
    /// Nobody has a formula for such a system; this is what stands in the way.
    NoFormula(&'static str),
    /// A prediction too far beyond what was measured.
    Extrapolation {
        /// The largest concurrency that was measured.
        measured: f64,
        /// The concurrency that was asked for.
        asked: f64,
    },
    /// A fitted parameter sits on its bound: the data do not determine it.
    OnBound(&'static str),
}

impl fmt::Display for NotApplicable {
    /// In words that can stand after "because".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use NotApplicable as N;
        match self {
            N::Unstable { utilisation } => {
                write!(f, "more work arrives than can be done: utilisation {:.1}%", utilisation * 100.0)
            }
            N::NotPoisson => f.write_str("arrivals are not Poisson"),
            N::NotExponential => f.write_str("service times are not exponential"),
            N::InfiniteMoment { order } => {
                let name = ["mean", "variance", "third moment"][(*order as usize).clamp(1, 3) - 1];
                write!(f, "the {name} of the service time is infinite")
            }
            N::OutsideDomain(expected) => write!(f, "it needs {expected}"),
            N::Inaccurate(why) => write!(f, "its numbers cannot be vouched for: {why}"),
            N::NoFormula(why) => write!(f, "there is no formula: {why}"),
            N::Extrapolation { measured, asked } => {
                write!(f, "{asked} is more than 1.3 times the {measured} that were measured")
            }
            N::OnBound(parameter) => write!(f, "the fit left {parameter} on its bound"),
        }
    }
}

impl std::error::Error for NotApplicable {}

/// A value, or why there is none.
pub type Result<T> = std::result::Result<T, NotApplicable>;

/// `value`, if it is finite and above zero; otherwise `expected` says what would be inside of the domain.
pub(super) fn positive(value: f64, expected: &'static str) -> Result<f64> {
    if value > 0.0 && value.is_finite() { Ok(value) } else { Err(NotApplicable::OutsideDomain(expected)) }
}

/// `share`, if it is strictly between 0 and 1: the order of a percentile.
pub(super) fn order(share: f64) -> Result<f64> {
    if share > 0.0 && share < 1.0 {
        Ok(share)
    } else {
        Err(NotApplicable::OutsideDomain("a percentile between 0 and 100, both excluded"))
    }
}
