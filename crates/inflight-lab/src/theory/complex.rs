//! As much of complex numbers as transforms and roots need.

use std::ops::{Add, Div, Mul, Neg, Sub};

/// A complex number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Complex {
    pub re: f64,
    pub im: f64,
}

impl Complex {
    pub(super) const ONE: Complex = Complex::new(1.0, 0.0);

    pub(super) const fn new(re: f64, im: f64) -> Complex {
        Complex { re, im }
    }

    /// e^{i·angle}.
    pub(super) fn on_circle(angle: f64) -> Complex {
        Complex::new(libm::cos(angle), libm::sin(angle))
    }

    pub(super) fn exp(self) -> Complex {
        Complex::on_circle(self.im) * libm::exp(self.re)
    }

    pub(super) fn norm(self) -> f64 {
        libm::hypot(self.re, self.im)
    }

    /// (1 − e^{−z})/z, also where z is small: the mean of e^{−zx} over 0 ≤ x ≤ 1.
    pub(super) fn decay_mean(self) -> Complex {
        if self.norm() > 0.1 {
            return (Complex::ONE - (-self).exp()) / self;
        }
        self.series(1)
    }

    /// (1 − (1 − e^{−z})/z)/z, also where z is small.
    pub(super) fn decay_deficit(self) -> Complex {
        if self.norm() > 0.1 {
            return (Complex::ONE - self.decay_mean()) / self;
        }
        self.series(2)
    }

    /// Σ (−z)^k/(k + from)!: the tenth term is below 10⁻¹⁷ for |z| ≤ 0.1.
    fn series(self, from: u32) -> Complex {
        let mut term = Complex::ONE * (1.0 / f64::from(from));
        let mut sum = term;
        for k in from + 1..from + 11 {
            term = term * -self * (1.0 / f64::from(k));
            sum = sum + term;
        }
        sum
    }
}

impl Add for Complex {
    type Output = Complex;
    fn add(self, other: Complex) -> Complex {
        Complex::new(self.re + other.re, self.im + other.im)
    }
}

impl Sub for Complex {
    type Output = Complex;
    fn sub(self, other: Complex) -> Complex {
        Complex::new(self.re - other.re, self.im - other.im)
    }
}

impl Neg for Complex {
    type Output = Complex;
    fn neg(self) -> Complex {
        Complex::new(-self.re, -self.im)
    }
}

impl Mul for Complex {
    type Output = Complex;
    fn mul(self, other: Complex) -> Complex {
        Complex::new(self.re * other.re - self.im * other.im, self.re * other.im + self.im * other.re)
    }
}

impl Mul<f64> for Complex {
    type Output = Complex;
    fn mul(self, by: f64) -> Complex {
        Complex::new(self.re * by, self.im * by)
    }
}

impl Div for Complex {
    type Output = Complex;
    fn div(self, other: Complex) -> Complex {
        let square = other.re * other.re + other.im * other.im;
        Complex::new(
            (self.re * other.re + self.im * other.im) / square,
            (self.im * other.re - self.re * other.im) / square,
        )
    }
}
