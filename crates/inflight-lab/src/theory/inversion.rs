//! From a Laplace transform back to its function: the Euler algorithm of Abate and Whitt (1992).

use super::{
    complex::Complex,
    not_applicable::{NotApplicable, Result},
};
use std::f64::consts::PI;

/// The discretization error is e^{−A}; errors of the transform are multiplied by about e^{A/2}.
const A: f64 = 20.0;
/// How many of the partial sums are averaged.
const AVERAGED: usize = 12;

/// The function at `t` > 0 of which `transform` is the Laplace transform, from so many terms: more for rough ones.
pub(super) fn function_at(t: f64, terms: usize, transform: impl Fn(Complex) -> Complex) -> f64 {
    averaged(&partial_sums(t, terms, transform), terms)
}

/// The same, unless half as many terms give another value: then the function is too rough there.
pub(super) fn checked_at(t: f64, terms: usize, transform: impl Fn(Complex) -> Complex) -> Result<f64> {
    let sums = partial_sums(t, terms, transform);
    let (value, rough) = (averaged(&sums, terms), averaged(&sums, terms / 2));
    if (value - rough).abs() <= 1e-5 * value.abs() + 1e-8 {
        Ok(value)
    } else {
        Err(NotApplicable::Inaccurate("the distribution is too rough for a transform's inversion"))
    }
}

/// The Fourier series of the damped function, summed up to each term.
fn partial_sums(t: f64, terms: usize, transform: impl Fn(Complex) -> Complex) -> Vec<f64> {
    let scale = libm::exp(0.5 * A) / t;
    let term = |k: usize| transform(Complex::new(0.5 * A / t, PI * k as f64 / t)).re * scale;
    let mut sum = 0.5 * term(0);
    let mut sums = vec![sum];
    for k in 1..=terms + AVERAGED {
        sum += if k % 2 == 0 { term(k) } else { -term(k) };
        sums.push(sum);
    }
    sums
}

/// Euler's summation: the binomial average of the partial sums from `from` on.
fn averaged(sums: &[f64], from: usize) -> f64 {
    let mut binomial = libm::pow(0.5, AVERAGED as f64);
    let mut average = 0.0;
    for j in 0..=AVERAGED {
        average += binomial * sums[from + j];
        binomial *= (AVERAGED - j) as f64 / (j + 1) as f64;
    }
    average
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exponential_comes_back_and_a_step_is_told() {
        let exponential = |s: Complex| Complex::ONE / (s + Complex::ONE);
        for t in [0.1, 1.0, 10.0] {
            assert!((checked_at(t, 60, exponential).unwrap() - libm::exp(-t)).abs() < 1e-8);
        }
        let step = |s: Complex| (-s).exp() / s;
        assert!(checked_at(1.01, 240, step).is_err());
    }
}
