//! From figures of rounds to an interval, and how clear of an edge it is.

use super::{student_t, student_tails};
use serde::{Deserialize, Serialize};

/// An estimate with what its interval is made of.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// The estimate.
    pub value: f64,
    /// Its standard error.
    pub error: f64,
    /// Degrees of freedom of the error, at least 1.
    pub freedom: u32,
}

impl Spread {
    /// The mean of `rounds`, each an independent figure of the same kind. `None` for fewer than two.
    pub fn of_rounds(rounds: &[f64]) -> Option<Spread> {
        let n = rounds.len() as f64;
        let mean = rounds.iter().sum::<f64>() / n;
        Spread::around(mean, rounds)
    }

    /// Sectioning (Asmussen and Glynn 2007, III.5a): `whole` is the figure of a whole run, `sections` the same of its
    /// sections; their spread around the whole tells how far the whole is from the truth. `None` for fewer than two sections.
    pub fn of_sections(whole: f64, sections: &[f64]) -> Option<Spread> {
        Spread::around(whole, sections)
    }

    fn around(value: f64, parts: &[f64]) -> Option<Spread> {
        let n = parts.len();
        let squares: f64 = parts.iter().map(|x| (x - value) * (x - value)).sum();
        let error = libm::sqrt(squares / ((n.max(2) - 1) as f64 * n as f64));
        (n > 1 && error.is_finite()).then(|| Spread { value, error, freedom: n as u32 - 1 })
    }

    /// The interval that holds the truth with probability `confidence`.
    pub fn interval(&self, confidence: f64) -> (f64, f64) {
        let half = if self.error > 0.0 { student_t(self.freedom, confidence) * self.error } else { 0.0 };
        (self.value - half, self.value + half)
    }

    /// The probability that an estimate is as far from `edge` as this one, or farther, if the truth is there.
    pub fn chance(&self, edge: f64) -> f64 {
        let distance = (self.value - edge).abs();
        match self.error {
            0.0 if distance > 0.0 => 0.0,
            0.0 => 1.0,
            error => student_tails(distance / error, self.freedom),
        }
    }

    /// How many rounds, these included, would probably bring the interval clear of `edge`; `None` if more than 10,000.
    pub fn rounds_needed(&self, edge: f64, confidence: f64) -> Option<u32> {
        let (n, distance) = (f64::from(self.freedom + 1), (self.value - edge).abs());
        let deviation = self.error * libm::sqrt(n);
        let is_enough =
            |n: &u32| student_t(n - 1, confidence) * deviation / libm::sqrt(f64::from(*n)) < distance;
        let more =
            [1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0, 32.0, 64.0, 128.0, 256.0, 512.0];
        let counts = more.iter().map(|factor| libm::ceil(n * factor) as u32 + 1);
        counts.take_while(|n| *n <= 10_000).find(is_enough)
    }
}

/// Wilson's interval for a probability of which `yes` of `n` trials said yes (1927).
pub fn wilson(yes: u32, n: u32, confidence: f64) -> (f64, f64) {
    if n == 0 {
        return (0.0, 1.0);
    }
    let (n, share) = (f64::from(n), f64::from(yes) / f64::from(n));
    let z = student_t(u32::MAX, confidence);
    let (middle, root) =
        (share + z * z / (2.0 * n), libm::sqrt(share * (1.0 - share) / n + z * z / (4.0 * n * n)));
    let scale = 1.0 + z * z / n;
    (((middle - z * root) / scale).max(0.0), ((middle + z * root) / scale).min(1.0))
}

/// The probability that fair coins deviate from one half as far as `yes` of `n`, or farther: the exact sign test.
pub fn sign_test(yes: u32, n: u32) -> f64 {
    let few = yes.min(n - yes);
    if 2 * few >= n {
        return 1.0;
    }
    // Binomial coefficients over 2^n, one from the other: no factorial overflows.
    let mut term = libm::exp2(-f64::from(n));
    let mut sum = 0.0;
    for k in 0..=few {
        sum += term;
        term *= f64::from(n - k) / f64::from(k + 1);
    }
    (2.0 * sum).min(1.0)
}

/// Holm's step-down rule (1979): for each of several questions, asked with `chances` of being answered by accident, the
/// confidence at which its interval must be clear, so that all answers together are wrong with probability 1 − `confidence` at
/// most. The clearest question is asked at 1 − (1 − c)/m, the next at 1 − (1 − c)/(m − 1), … until one is not clear: those
/// behind it are asked at its level, and are not clear either.
pub fn holm(chances: &[f64], confidence: f64) -> Vec<f64> {
    let m = chances.len();
    let mut order: Vec<usize> = (0..m).collect();
    order.sort_by(|a, b| chances[*a].total_cmp(&chances[*b]));
    let mut levels = vec![confidence; m];
    let mut stopped = None;
    for (rank, question) in order.into_iter().enumerate() {
        let allowed = stopped.unwrap_or((1.0 - confidence) / (m - rank) as f64);
        levels[question] = 1.0 - allowed;
        if chances[question] >= allowed {
            stopped = Some(allowed);
        }
    }
    levels
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draws::{Stream, normal};

    #[test]
    fn intervals_and_tests_are_those_of_the_books() {
        // Wilson: 0 of 6 is 0 to 39 %, 6 of 6 is 61 to 100 %. Sign test: 0 of 6 is 2/64.
        let close = |a: f64, b: f64| assert!((a - b).abs() < 5e-4, "{a} {b}");
        close(wilson(0, 6, 0.95).1, 0.3903);
        close(wilson(6, 6, 0.95).0, 0.6097);
        close(wilson(5, 10, 0.95).0, 0.2366);
        close(sign_test(0, 6), 0.03125);
        close(sign_test(2, 10), 0.109_375);
        close(sign_test(5, 10), 1.0);
        // t = 2.262 at 9 degrees of freedom leaves 5 % outside.
        let rounds = Spread { value: 2.262_157, error: 1.0, freedom: 9 };
        close(rounds.chance(0.0), 0.05);
        close(rounds.interval(0.95).0, 0.0);
    }

    #[test]
    fn holm_asks_the_clearest_first_and_stops_at_the_first_that_is_not() {
        let levels = holm(&[0.04, 0.001, 0.03], 0.95);
        let rounded: Vec<f64> = levels.iter().map(|l| (l * 1e4).round() / 1e4).collect();
        // 0.001 < 0.05/3; then 0.03 ≥ 0.05/2: the rest stays at that level.
        assert_eq!(rounded, [0.975, 0.9833, 0.975]);
        assert_eq!(holm(&[0.01], 0.95), [0.95]);
    }

    #[test]
    fn as_many_more_rounds_as_are_said_to_be_needed_decide_most_cases() {
        let stream = Stream::new(3, "test");
        let (mut asked, mut decided) = (0, 0);
        for case in 0..400 {
            let round = |i: u64| 0.5 + normal(&mut stream.dice(case * 10_000 + i));
            let few: Vec<f64> = (0..12).map(round).collect();
            let spread = Spread::of_rounds(&few).expect("twelve");
            let Some(n) = spread.rounds_needed(0.0, 0.95).filter(|n| *n > 12) else { continue };
            let many: Vec<f64> = (0..u64::from(n.max(32))).map(round).collect();
            asked += 1;
            decided += u32::from(Spread::of_rounds(&many).expect("more").interval(0.95).0 > 0.0);
        }
        assert!(asked > 100 && f64::from(decided) > 0.6 * f64::from(asked), "{decided} of {asked}");
    }
}
