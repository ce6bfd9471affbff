//! Levenberg (1944) and Marquardt (1963) with bounds, for the Universal Scalability Law: steps between Gauss–Newton and
//! steepest descent; a parameter on its bound that wants to leave the domain stays where it is.

use super::{
    not_applicable::{NotApplicable, Result},
    usl::{Fit, Usl},
};

type Vector = [f64; 3];
type Matrix = [Vector; 3];

const NAMES: [&str; 3] = ["σ", "κ", "γ"];
const BOUNDS: [(f64, f64); 3] = [(0.0, 1.0), (0.0, 1.0), (1e-9, f64::INFINITY)];
const MAX_STEPS: u32 = 1_000;

/// Fits the law; `measured` was checked.
pub(super) fn fit(measured: &[(f64, f64)]) -> Result<Fit> {
    // In units of the best throughput per concurrency, so that all parameters are of the order one or less.
    let unit = measured.iter().map(|(n, x)| x / n).fold(0.0, f64::max);
    let scaled: Vec<(f64, f64)> = measured.iter().map(|(n, x)| (*n, x / unit)).collect();
    // Starting values of R's package usl.
    let mut at = State::new(&scaled, [0.01, 1e-4, 1.0]);
    let mut damping = 1e-3;
    for _ in 0..MAX_STEPS {
        let next = at.step(damping).map(|parameters| State::new(&scaled, parameters));
        match next {
            Some(next) if next.residual <= at.residual => {
                let moved =
                    at.parameters.iter().zip(next.parameters).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
                at = next;
                damping = (damping * 0.2_f64).max(1e-12);
                if moved <= 1e-15 {
                    break;
                }
            }
            _ if damping > 1e12 => break,
            _ => damping *= 4.0,
        }
    }
    at.into_fit(&scaled, unit)
}

/// Where the fit is.
struct State {
    parameters: Vector,
    /// The sum of squares that is left.
    residual: f64,
    /// JᵀJ and Jᵀr.
    normal: Matrix,
    gradient: Vector,
}

impl State {
    fn new(measured: &[(f64, f64)], parameters: Vector) -> State {
        let mut state = State { parameters, residual: 0.0, normal: [[0.0; 3]; 3], gradient: [0.0; 3] };
        let [sigma, kappa, gamma] = parameters;
        for &(n, x) in measured {
            let slowdown = 1.0 + sigma * (n - 1.0) + kappa * n * (n - 1.0);
            let throughput = gamma * n / slowdown;
            let by_sigma = -throughput * (n - 1.0) / slowdown;
            let slopes = [by_sigma, by_sigma * n, n / slowdown];
            let rest = x - throughput;
            state.residual += rest * rest;
            for i in 0..3 {
                state.gradient[i] += slopes[i] * rest;
                (0..3).for_each(|j| state.normal[i][j] += slopes[i] * slopes[j]);
            }
        }
        state
    }

    /// Whether a parameter sits on its bound and wants to leave.
    fn held(&self, i: usize) -> bool {
        let (low, high) = BOUNDS[i];
        let (value, wants) = (self.parameters[i], self.gradient[i]);
        (value <= low && wants <= 0.0) || (value >= high && wants >= 0.0)
    }

    /// JᵀJ, with the rows and columns of what is held replaced by those of the identity.
    fn free(&self) -> Matrix {
        std::array::from_fn(|i| {
            std::array::from_fn(|j| match (self.held(i) || self.held(j), i == j) {
                (false, _) => self.normal[i][j],
                (true, same) => f64::from(u8::from(same)),
            })
        })
    }

    /// The next parameters, or `None` if they are not determined.
    fn step(&self, damping: f64) -> Option<Vector> {
        let mut matrix = self.free();
        (0..3).for_each(|i| matrix[i][i] *= 1.0 + damping);
        let by: Vector = std::array::from_fn(|i| if self.held(i) { 0.0 } else { self.gradient[i] });
        let step = solve(matrix, by)?;
        Some(std::array::from_fn(|i| (self.parameters[i] + step[i]).clamp(BOUNDS[i].0, BOUNDS[i].1)))
    }

    fn into_fit(self, measured: &[(f64, f64)], unit: f64) -> Result<Fit> {
        let freedom = measured.len() - 3;
        let variance = self.residual / freedom as f64;
        let matrix = self.free();
        let mut standard_errors = [0.0; 3];
        for (i, error) in standard_errors.iter_mut().enumerate() {
            let unit_vector = std::array::from_fn(|j| f64::from(u8::from(i == j)));
            let column = solve(matrix, unit_vector)
                .ok_or(NotApplicable::Inaccurate("the measurements do not tell the parameters apart"))?;
            *error = if self.held(i) { 0.0 } else { (variance * column[i]).sqrt() };
        }
        standard_errors[2] *= unit;
        let [sigma, kappa, gamma] = self.parameters;
        let on_bound = (0..2).find(|&i| self.held(i)).map(|i| NAMES[i]);
        Ok(Fit {
            usl: Usl { sigma, kappa, gamma: gamma * unit },
            standard_errors,
            t95: student_97_5(freedom as f64),
            measured: measured.iter().map(|(n, _)| *n).fold(0.0, f64::max),
            on_bound,
        })
    }
}

/// Solves a symmetric system by elimination with the rows scaled; `None` if it is singular.
fn solve(mut matrix: Matrix, mut by: Vector) -> Option<Vector> {
    let scale: Vector = std::array::from_fn(|i| 1.0 / matrix[i][i].sqrt());
    for i in 0..3 {
        by[i] *= scale[i];
        (0..3).for_each(|j| matrix[i][j] *= scale[i] * scale[j]);
    }
    for k in 0..3 {
        // The diagonal was 1: what is left of it is the share that the others do not explain.
        if matrix[k][k].is_nan() || matrix[k][k] < 1e-14 {
            return None;
        }
        for i in k + 1..3 {
            let factor = matrix[i][k] / matrix[k][k];
            by[i] -= factor * by[k];
            (k..3).for_each(|j| matrix[i][j] -= factor * matrix[k][j]);
        }
    }
    for k in (0..3).rev() {
        let known: f64 = (k + 1..3).map(|j| matrix[k][j] * by[j]).sum();
        by[k] = (by[k] - known) / matrix[k][k];
    }
    Some(std::array::from_fn(|i| by[i] * scale[i]))
}

/// The 97.5th percentile of Student's t with three or more degrees of freedom, to a thousandth: Abramowitz and Stegun 26.7.5.
fn student_97_5(freedom: f64) -> f64 {
    const Z: f64 = 1.959_963_984_540_054;
    let power = |k: i32| (1..=k).fold(1.0, |product, _| product * Z);
    let terms = [
        (power(3) + power(1)) / 4.0,
        (5.0 * power(5) + 16.0 * power(3) + 3.0 * power(1)) / 96.0,
        (3.0 * power(7) + 19.0 * power(5) + 17.0 * power(3) - 15.0 * power(1)) / 384.0,
        (79.0 * power(9) + 776.0 * power(7) + 1482.0 * power(5) - 1920.0 * power(3) - 945.0 * power(1))
            / 92_160.0,
    ];
    terms.iter().rev().fold(0.0, |sum, term| (sum + term) / freedom) + Z
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn students_t_is_that_of_the_tables() {
        for (freedom, printed) in [(3.0, 3.182), (5.0, 2.571), (10.0, 2.228), (29.0, 2.045), (120.0, 1.980)] {
            assert!((student_97_5(freedom) - printed).abs() < 0.005, "{freedom}");
        }
    }
}
