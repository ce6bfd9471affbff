//! Student's t distribution for whole degrees of freedom.

use std::f64::consts::{FRAC_2_PI, FRAC_PI_2};

/// Where the series for many degrees of freedom would be longer than it is worth: t is then normal to five digits.
const MANY: u32 = 100_000;

/// The t that |T| stays below with probability `confidence`, for `freedom` ≥ 1 degrees of freedom: 12.706 for one and 95 %,
/// 1.960 for very many.
///
/// # Panics
/// If `freedom` is 0 or `confidence` is not between 0 and 1.
pub fn student_t(freedom: u32, confidence: f64) -> f64 {
    assert!(freedom > 0, "one degree of freedom at least");
    assert!(0.0 < confidence && confidence < 1.0, "a probability between 0 and 1, not {confidence}");
    let freedom = freedom.min(MANY);
    // In θ = arctan(t/√ν) the probability rises from 0 at 0 to 1 at π/2: halve until the bits are used up.
    let (mut low, mut high) = (0.0, FRAC_PI_2);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if within(middle, freedom) < confidence { low = middle } else { high = middle }
    }
    libm::tan(0.5 * (low + high)) * libm::sqrt(f64::from(freedom))
}

/// P(|T| > `t`): what an estimate that is `t` standard errors away from the truth happens with.
///
/// # Panics
/// If `freedom` is 0.
pub fn student_tails(t: f64, freedom: u32) -> f64 {
    assert!(freedom > 0, "one degree of freedom at least");
    let freedom = freedom.min(MANY);
    (1.0 - within(libm::atan(t / libm::sqrt(f64::from(freedom))), freedom)).max(0.0)
}

/// P(|T| ≤ √ν·tan θ) for ν degrees of freedom: the finite series 26.7.3 and 26.7.4 of Abramowitz and Stegun, 1964.
fn within(theta: f64, freedom: u32) -> f64 {
    let (sin, cos) = (libm::sin(theta), libm::cos(theta));
    let is_odd = freedom % 2 == 1;
    let (mut term, mut sum) = if is_odd { (cos, 0.0) } else { (1.0, 0.0) };
    // Terms of cos^k, each (k − 1)/k, or k/(k + 1), of the one before: k runs over 1, 3, … or 0, 2, … up to ν − 2.
    let mut k = u32::from(is_odd);
    while k + 2 <= freedom {
        sum += term;
        term *= cos * cos * f64::from(k + 1) / f64::from(k + 2);
        k += 2;
    }
    if is_odd { FRAC_2_PI * (theta + sin * sum) } else { sin * sum }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_tables() {
        // Two-sided 95 %, 90 % and 99 %: Abramowitz and Stegun, table 26.10; NIST Handbook 1.3.6.7.2.
        for (freedom, confidence, t) in [
            (1, 0.95, 12.706),
            (2, 0.95, 4.303),
            (3, 0.95, 3.182),
            (4, 0.95, 2.776),
            (9, 0.95, 2.262),
            (29, 0.95, 2.045),
            (30, 0.95, 2.042),
            (100, 0.95, 1.984),
            (1, 0.90, 6.314),
            (10, 0.90, 1.812),
            (1, 0.99, 63.657),
            (20, 0.99, 2.845),
            (1_000_000, 0.95, 1.960),
        ] {
            let found = student_t(freedom, confidence);
            assert!((found - t).abs() <= 0.0005 + 1e-9, "{freedom} at {confidence}: {found}, not {t}");
        }
    }
}
