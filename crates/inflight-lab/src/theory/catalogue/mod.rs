//! Every formula that is known here: what it gives, where it holds, who found it, and an example that is computed.

mod loops;
mod queues;
mod single;
mod text;

pub use loops::{LITTLE, MEAN_VALUE_ANALYSIS, REPAIRMAN, TIPPING_POINT, USL, USL_FIT};
pub use queues::{
    ERLANG_B, ERLANG_C, IMPATIENCE, M_D_C, M_M_C_K, MEAN_OF_M_G_C, POLLACZEK_KHINCHINE, PROCESSOR_SHARING,
};
pub use single::{HEDGING, NO_QUEUE, PARALLEL_CALLS};
pub use text::explain;

use super::{not_applicable::Result, value::Value};

/// A formula, as it is explained.
#[derive(Debug)]
pub struct Formula {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it gives.
    pub gives: &'static str,
    /// It, in plain text.
    pub formula: &'static str,
    /// What must hold.
    pub domain: &'static str,
    /// Who found it.
    pub source: &'static str,
    /// What the example is about.
    pub given: &'static str,
    /// The example's figures: name and value.
    pub example: fn() -> Result<Figures>,
}

/// Named values.
pub type Figures = Vec<(&'static str, Value)>;

/// All formulas, the simplest first.
pub static FORMULAS: [&Formula; 17] = [
    &LITTLE,
    &ERLANG_B,
    &ERLANG_C,
    &M_M_C_K,
    &M_D_C,
    &POLLACZEK_KHINCHINE,
    &MEAN_OF_M_G_C,
    &IMPATIENCE,
    &PROCESSOR_SHARING,
    &NO_QUEUE,
    &PARALLEL_CALLS,
    &HEDGING,
    &REPAIRMAN,
    &MEAN_VALUE_ANALYSIS,
    &USL,
    &USL_FIT,
    &TIPPING_POINT,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_can_be_computed_and_every_name_is_one_word() {
        for formula in FORMULAS {
            let figures = (formula.example)().expect(formula.name);
            assert!(!figures.is_empty() && figures.iter().all(|(_, value)| value.number().is_finite()));
            assert!(formula.name.chars().all(|c| c.is_ascii_lowercase() || c == '-' || c.is_ascii_digit()));
        }
        let mut names = FORMULAS.map(|formula| formula.name);
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
