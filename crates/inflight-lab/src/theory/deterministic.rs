//! The random walk behind M/D/c: steps Poisson(a) − c, never below zero.
//!
//! Two ways to its mean, each good where the other is not: Spitzer's sum of positive terms, for moderate loads; and the
//! roots of zᶜ = e^{a(z−1)}, for loads close to one. Its distribution is a Fourier inversion without its dominant pole.

use super::complex::Complex;
use std::f64::consts::{PI, TAU};

/// `offered` = a = λD requests arrive, on average, while `servers` = c are served.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Walk {
    pub servers: u32,
    pub offered: f64,
}

impl Walk {
    fn utilisation(self) -> f64 {
        self.offered / f64::from(self.servers)
    }

    /// The share that waits and the mean number waiting by Spitzer's identity: the mean is Σ E(S_l⁺)/l and the share that
    /// does not wait exp(−Σ P(S_l ≥ 0)/l), with S_l the walk after l steps. `None` if that takes too many steps.
    pub(super) fn by_summation(self) -> Option<(f64, f64)> {
        const MAX_STEPS: f64 = 3_000.0;
        let rho = self.utilisation();
        let decay = f64::from(self.servers) * (rho - 1.0 - libm::log(rho));
        let steps = 40.0 / decay;
        if steps > MAX_STEPS {
            return None;
        }
        let (mut not_below, mut above) = (0.0, 0.0);
        for l in 1..=steps.ceil() as u32 {
            let (at, mean) = self.after(f64::from(l));
            not_below += at / f64::from(l);
            above += mean / f64::from(l);
        }
        Some((-libm::expm1(-not_below), above))
    }

    /// P(S_l ≥ 0) and E(S_l⁺), summed upward from P(S_l = 0), which Stirling's series gives without cancellation.
    fn after(self, l: f64) -> (f64, f64) {
        let (n, mean, rho) = (l * f64::from(self.servers), l * self.offered, self.utilisation());
        let correction = if n < 16.0 {
            libm::lgamma(n + 1.0) - (n + 0.5) * libm::log(n) + n - 0.5 * libm::log(TAU)
        } else {
            (1.0 / 12.0 - (1.0 / 360.0 - 1.0 / (1260.0 * n * n)) / (n * n)) / n
        };
        let mut share = libm::exp(-n * (rho - 1.0 - libm::log(rho)) - correction) / (TAU * n).sqrt();
        let (mut not_below, mut above, mut j) = (0.0, 0.0, 0.0);
        while share > 1e-18 * not_below {
            not_below += share;
            above += j * share;
            j += 1.0;
            share *= mean / (n + j);
        }
        (not_below, above)
    }
}

/// The roots of zᶜ = e^{a(z−1)} but 1: those within the unit circle, and the real one outside.
#[derive(Clone, Debug)]
pub(super) struct Roots {
    walk: Walk,
    /// With positive imaginary part; their conjugates are roots as well.
    upper: Vec<Complex>,
    /// The negative one, if c is even.
    negative: Option<f64>,
    outer: f64,
}

impl Roots {
    pub(super) fn of(walk: Walk) -> Roots {
        let rho = walk.utilisation();
        let angle = |k: u32| TAU * f64::from(k) / f64::from(walk.servers);
        let upper = (1..walk.servers.div_ceil(2)).map(|k| inner_root(rho, angle(k))).collect();
        let negative = walk.servers.is_multiple_of(2).then(|| inner_root(rho, PI).re);
        Roots { walk, upper, negative, outer: outer_root(rho) }
    }

    /// ln Π |x − z_k| for a real x ≥ 1.
    fn log_product(&self, x: f64) -> f64 {
        let pairs: f64 = self.upper.iter().map(|z| 2.0 * libm::log((Complex::new(x, 0.0) - *z).norm())).sum();
        pairs + self.negative.map_or(0.0, |z| libm::log(x - z))
    }

    /// The share that waits, 1 − (c − a)/Π(1 − z_k), and the mean number waiting, Σ1/(1 − z_k) − (c(c−1) − a²)/(2(c−a)).
    pub(super) fn wait_probability_and_mean(&self) -> (f64, f64) {
        let (c, a) = (f64::from(self.walk.servers), self.walk.offered);
        let waits = 1.0 - libm::exp(libm::log(c - a) - self.log_product(1.0));
        let pairs: f64 = self.upper.iter().map(|z| 2.0 * (Complex::ONE / (Complex::ONE - *z)).re).sum();
        let sum = pairs + self.negative.map_or(0.0, |z| 1.0 / (1.0 - z));
        (waits, sum - (c * (c - 1.0) - a * a) / (2.0 * (c - a)))
    }

    /// The generating function of the number waiting, (c−a)(z−1)·Π(z−z_k)/(1−z_k) / (zᶜ − e^{a(z−1)}), at e^{2πi·m/of}.
    fn generating(&self, m: usize, of: usize) -> Complex {
        if m == 0 {
            return Complex::ONE;
        }
        let turn = |m: usize| Complex::on_circle(TAU * (m % of) as f64 / of as f64);
        let z = turn(m);
        // The product may pass through magnitudes that a double does not hold.
        let (mut product, mut log_scale) = (Complex::ONE, 0.0);
        for root in &self.upper {
            let one = (Complex::ONE - *root).norm();
            product = product * (z - *root) * (z - Complex::new(root.re, -root.im)) * (1.0 / (one * one));
            let size = product.norm();
            if !(1e-100..1e100).contains(&size) {
                log_scale += libm::log(size);
                product = product * (1.0 / size);
            }
        }
        if let Some(root) = self.negative {
            product = product * (z - Complex::new(root, 0.0)) * (1.0 / (1.0 - root));
        }
        let (c, a) = (self.walk.servers as usize, self.walk.offered);
        let below = turn(m * c) - ((z - Complex::ONE) * a).exp();
        (z - Complex::ONE) * product * ((c as f64 - a) * libm::exp(log_scale)) / below
    }

    /// How long the line is.
    pub(super) fn line(&self) -> Line {
        let (c, a, outer) = (f64::from(self.walk.servers), self.walk.offered, self.outer);
        let log_weight = libm::log(c - a) + libm::log(outer - 1.0) + self.log_product(outer)
            - self.log_product(1.0)
            - a * (outer - 1.0)
            - libm::log(a - c / outer);
        let weight = libm::exp(log_weight);
        let points = (64.0 * (c.sqrt() + 4.0)) as usize;
        let points = points.next_power_of_two();
        let pole = |m: usize| {
            let z = Complex::on_circle(TAU * m as f64 / points as f64);
            Complex::new(weight, 0.0) / (Complex::new(outer, 0.0) - z)
        };
        let rest: Vec<Complex> = (0..=points / 2).map(|m| self.generating(m, points) - pole(m)).collect();
        let mut more_than = coefficients(&rest, points / 2);
        let mut tail = 0.0;
        for share in more_than.iter_mut().rev() {
            (*share, tail) = (tail, tail + *share);
        }
        Line { rest: more_than, weight, outer }
    }
}

/// The first `count` coefficients of a real function of which `values` are those on the upper half of the unit circle.
fn coefficients(values: &[Complex], count: usize) -> Vec<f64> {
    let points = 2 * (values.len() - 1);
    let circle: Vec<Complex> =
        (0..points).map(|m| Complex::on_circle(TAU * m as f64 / points as f64)).collect();
    let at = |n: usize| -> f64 {
        let inner = |m: usize| {
            let turn = circle[m * n % points];
            values[m].re * turn.re + values[m].im * turn.im
        };
        let last = points / 2;
        (2.0 * (1..last).map(inner).sum::<f64>() + inner(0) + inner(last)) / points as f64
    };
    (0..count).map(at).collect()
}

/// How long the line is, seen at any moment: P(waiting > n).
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// P(waiting > n) without the part of the dominant pole; below 10⁻¹⁵ beyond its end.
    rest: Vec<f64>,
    weight: f64,
    outer: f64,
}

impl Line {
    /// P(waiting > n); 1 for negative n.
    pub(super) fn more_than(&self, n: f64) -> f64 {
        if n < 0.0 {
            return 1.0;
        }
        let pole = self.weight / (self.outer - 1.0) * libm::exp(-(n + 1.0) * libm::log(self.outer));
        self.rest.get(n as usize).copied().unwrap_or(0.0) + pole
    }
}

/// The root of z = e^{iθ}·e^{ρ(z−1)} within the unit circle, 0 < θ ≤ π, by Newton's method.
fn inner_root(rho: f64, angle: f64) -> Complex {
    let turn = Complex::on_circle(angle);
    let image = |z: Complex| turn * ((z - Complex::ONE) * rho).exp();
    let mut z = if angle < 0.5 {
        // Close to 1: (1−ρ)w = iθ + w²/2 with w = z − 1.
        let spare = 1.0 - rho;
        Complex::new(1.0 + spare, 0.0) - root_of(Complex::new(spare * spare, -2.0 * angle))
    } else {
        (0..20).fold(Complex::new(0.0, 0.0), |z, _| image(z))
    };
    for _ in 0..60 {
        let step = (z - image(z)) / (Complex::ONE - image(z) * rho);
        z = z - step;
        if step.norm() <= 1e-16 {
            break;
        }
    }
    z
}

/// The square root with positive real part.
fn root_of(z: Complex) -> Complex {
    let size = z.norm();
    let re = (0.5 * (size + z.re)).sqrt();
    Complex::new(re, z.im / (2.0 * re))
}

/// The real root of ln z = ρ(z − 1) above 1, as z = 1 + w by Newton's method from above, where the function is convex.
fn outer_root(rho: f64) -> f64 {
    let mut z = 1.0 + 2.0 * (1.0 - rho) / (rho * rho) + 1.0 / rho;
    for _ in 0..200 {
        let w = z - 1.0;
        let step = (rho * w - libm::log1p(w)) / (rho - 1.0 / z);
        z -= step;
        if step.abs() <= 1e-15 * z {
            break;
        }
    }
    z
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_and_summation_agree() {
        for (servers, utilisation) in [(1, 0.3), (2, 0.8), (3, 0.9), (20, 0.95), (101, 0.97), (1000, 0.99)] {
            let walk = Walk { servers, offered: utilisation * f64::from(servers) };
            let (waits, waiting) = walk.by_summation().expect("few steps");
            let (w, l) = Roots::of(walk).wait_probability_and_mean();
            assert!((w / waits - 1.0).abs() < 1e-8, "{servers} {utilisation}: {w} {waits}");
            assert!((l / waiting - 1.0).abs() < 1e-7, "{servers} {utilisation}: {l} {waiting}");
        }
    }
}
