//! What theory says, to be put beside what was measured: closed formulas and their numbers.
//!
//! Every result is a value or [`NotApplicable`], because …. Inside of this module times are seconds, rates are per second,
//! shares and percentiles' orders are between 0 and 1.

mod complex;
mod deterministic;
mod erlang;
mod mdc;
mod mmc;
mod not_applicable;
mod numeric;
#[cfg(test)]
mod testing;

pub use erlang::{MAX_SERVERS, erlang_b, erlang_c};
pub use mdc::{DeterministicWait, MAX_DETERMINISTIC_SERVERS, Mdc};
pub use mmc::Mmc;
pub use not_applicable::{NotApplicable, Result};
