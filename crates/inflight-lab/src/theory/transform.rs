//! The Laplace transform of a service time's tail, in closed form or by a quadrature.

use super::{complex::Complex, service_time::Piece};
use crate::dependency::Stragglers;
use std::f64::consts::TAU;

/// The Laplace transform of a service time's tail.
#[derive(Clone, Debug)]
pub(super) struct Transform {
    pub alone: Kernel,
    pub stragglers: Option<Stragglers>,
}

/// That of the latency alone.
#[derive(Clone, Debug)]
pub(super) enum Kernel {
    Exponential(f64),
    Pieces(Vec<Piece>),
    /// Times and their weights: a quadrature.
    Points(Vec<(f64, f64)>),
}

impl Transform {
    /// (1 − E(e^{−sX}))/s = ∫e^{−sx}·P(X > x)dx, without cancellation where s is small.
    pub(super) fn tail_at(&self, s: Complex) -> Complex {
        let Some(Stragglers { share, factor }) = self.stragglers else { return self.alone.tail_at(s) };
        self.alone.tail_at(s) * (1.0 - share.value())
            + self.alone.tail_at(s * factor) * (share.value() * factor)
    }

    /// How many terms its inversion needs: those with corners need more.
    pub(super) fn terms(&self) -> usize {
        match self.alone {
            Kernel::Exponential(_) | Kernel::Points(_) => 60,
            Kernel::Pieces(_) => 240,
        }
    }
}

impl Kernel {
    /// The trapezoidal rule over nine standard deviations, which is exact to double precision for a normal density.
    pub(super) fn lognormal(median: f64, sigma: f64) -> Kernel {
        const STEP: f64 = 0.02;
        let point = |i: i32| {
            let z = f64::from(i) * STEP;
            (median * libm::exp(sigma * z), STEP / TAU.sqrt() * libm::exp(-0.5 * z * z))
        };
        Kernel::Points((-450..=450).map(point).collect())
    }

    /// X = min·e^{y/shape} with y exponential: Gauss–Legendre with three points in each of many pieces of y.
    pub(super) fn pareto(min: f64, shape: f64) -> Kernel {
        const PIECES: i32 = 800;
        const WIDTH: f64 = 0.05;
        let off = 0.6_f64.sqrt();
        let piece = |i: i32| {
            let middle = (f64::from(i) + 0.5) * WIDTH;
            [(-off, 5.0), (0.0, 8.0), (off, 5.0)].map(|(at, weight)| {
                let y = middle + 0.5 * WIDTH * at;
                (min * libm::exp(y / shape), weight / 18.0 * WIDTH * libm::exp(-y))
            })
        };
        Kernel::Points((0..PIECES).flat_map(piece).collect())
    }

    fn tail_at(&self, s: Complex) -> Complex {
        let zero = Complex::new(0.0, 0.0);
        match self {
            Kernel::Exponential(mean) => Complex::new(*mean, 0.0) / (Complex::ONE + s * *mean),
            Kernel::Pieces(pieces) => pieces.iter().fold(zero, |sum, p| {
                let (width, begin) = (p.high - p.low, s * p.low);
                let within = (-begin).exp() * (s * width).decay_deficit() * width;
                sum + (begin.decay_mean() * p.low + within) * p.share
            }),
            Kernel::Points(points) => {
                points.iter().fold(zero, |sum, (x, weight)| sum + (s * *x).decay_mean() * (x * weight))
            }
        }
    }
}
