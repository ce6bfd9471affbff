//! Gunther's Universal Scalability Law: X(N) = γN/(1 + σ(N − 1) + κN(N − 1)), and its fit to measurements.

use super::not_applicable::{NotApplicable, Result, positive};

/// Fewer measurements do not determine three parameters.
pub const MIN_MEASUREMENTS: usize = 6;
/// A prediction further out than this many times the largest measured concurrency is refused: fitted to the first half of
/// a published data set, the law misses the rest by tens of per cent.
pub const MAX_EXTRAPOLATION: f64 = 1.3;

/// A system that follows the law.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Usl {
    /// σ: contention, the serial share.
    pub sigma: f64,
    /// κ: coherence, the cost of agreeing.
    pub kappa: f64,
    /// γ: the throughput of one, per second.
    pub gamma: f64,
}

impl Usl {
    /// X(N): the throughput at the concurrency `n`, per second.
    pub fn throughput(&self, n: f64) -> f64 {
        self.gamma * n / self.slowdown(n)
    }

    fn slowdown(&self, n: f64) -> f64 {
        1.0 + self.sigma * (n - 1.0) + self.kappa * n * (n - 1.0)
    }

    /// The concurrency with the highest throughput, √((1 − σ)/κ).
    pub fn peak(&self) -> Result<f64> {
        if self.kappa <= 0.0 {
            return Err(NotApplicable::OutsideDomain(
                "κ above zero: without it more concurrency never harms",
            ));
        }
        Ok(((1.0 - self.sigma).max(0.0) / self.kappa).sqrt().max(1.0))
    }

    /// The concurrency at which the line of perfect scaling meets the highest throughput that κ = 0 would allow, 1/σ.
    pub fn optimal(&self) -> Result<f64> {
        Ok(1.0 / positive(self.sigma, "σ above zero")?)
    }

    /// Fits the law to (concurrency, throughput) pairs: least squares with 0 ≤ σ, κ ≤ 1 and γ > 0.
    pub fn fit(measured: &[(f64, f64)]) -> Result<Fit> {
        if measured.len() < MIN_MEASUREMENTS {
            return Err(NotApplicable::OutsideDomain("at least six measurements"));
        }
        if !measured.iter().all(|(n, x)| *n >= 1.0 && n.is_finite() && *x > 0.0 && x.is_finite()) {
            return Err(NotApplicable::OutsideDomain("concurrencies from 1 and throughputs above zero"));
        }
        super::usl_fit::fit(measured)
    }
}

/// A fitted law.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fit {
    /// The law.
    pub usl: Usl,
    /// Standard errors of σ, κ, γ, from (JᵀJ)⁻¹ and the residual variance. Zero for a parameter on its bound.
    pub standard_errors: [f64; 3],
    /// Half the width of a 95 % interval over the standard error: Student's t for the degrees of freedom.
    pub t95: f64,
    /// The largest concurrency that was measured.
    pub measured: f64,
    /// Which parameter sits on its bound, so that the data do not determine it.
    pub on_bound: Option<&'static str>,
}

impl Fit {
    /// The 95 % intervals of σ, κ, γ: lowest and highest value.
    pub fn intervals(&self) -> [(f64, f64); 3] {
        let values = [self.usl.sigma, self.usl.kappa, self.usl.gamma];
        std::array::from_fn(|i| {
            let half = self.t95 * self.standard_errors[i];
            (values[i] - half, values[i] + half)
        })
    }

    /// The throughput at the concurrency `n`, if the measurements can carry that.
    pub fn predict(&self, n: f64) -> Result<f64> {
        self.carries(n)?;
        Ok(self.usl.throughput(n))
    }

    /// The concurrency with the highest throughput, if the measurements can carry that.
    pub fn peak(&self) -> Result<f64> {
        let peak = self.usl.peak()?;
        self.carries(peak)?;
        Ok(peak)
    }

    fn carries(&self, n: f64) -> Result<()> {
        positive(n, "a concurrency above zero")?;
        if let Some(parameter) = self.on_bound {
            return Err(NotApplicable::OnBound(parameter));
        }
        if n > MAX_EXTRAPOLATION * self.measured {
            return Err(NotApplicable::Extrapolation { measured: self.measured, asked: n });
        }
        Ok(())
    }
}

/// Throughput by concurrency of a Cisco benchmark, in Schwartz's "Practical Scalability Analysis with the Universal
/// Scalability Law" (2015): the data set that other fits are tested with.
pub const CISCO: [f64; 32] = [
    955.16, 1878.91, 2688.01, 3548.68, 4315.54, 5130.43, 5931.37, 6531.08, 7219.8, 7867.61, 8278.71, 8646.7,
    9047.84, 9426.55, 9645.37, 9897.24, 10097.6, 10240.5, 10532.39, 10798.52, 11151.43, 11518.63, 11806.0,
    12089.37, 12075.41, 12177.29, 12211.41, 12158.93, 12155.27, 12118.04, 12140.4, 12074.39,
];

/// [`CISCO`] as (concurrency, throughput) pairs, the first `count` of them.
pub fn cisco(count: usize) -> Vec<(f64, f64)> {
    CISCO.iter().take(count).zip(1u32..).map(|(x, n)| (f64::from(n), *x)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::agrees;
    use super::*;

    #[test]
    fn the_cisco_data_give_the_published_parameters() {
        let fit = Usl::fit(&cisco(32)).unwrap();
        agrees(fit.usl.sigma, "0.02671595");
        agrees(fit.usl.kappa, "7.690939e-4");
        agrees(fit.usl.gamma, "995.6488");
        agrees(fit.peak().unwrap(), "35.574");
        agrees(fit.usl.throughput(fit.usl.peak().unwrap()), "12342.85");
        for (error, printed) in fit.standard_errors.iter().zip(["0.0045", "8.6e-5", "29"]) {
            agrees(*error, printed);
        }
        assert_eq!(fit.on_bound, None);
    }

    #[test]
    fn too_little_is_refused_and_so_are_predictions_that_it_cannot_carry() {
        let off = |count| {
            let fit = Usl::fit(&cisco(count)).unwrap();
            (fit.predict(32.0), fit.usl.throughput(32.0) / CISCO[31] - 1.0)
        };
        assert!((off(8).1 - 0.33).abs() < 0.005);
        assert_eq!(off(8).0, Err(NotApplicable::Extrapolation { measured: 8.0, asked: 32.0 }));
        assert!((off(12).1 + 0.17).abs() < 0.005);
        assert_eq!(off(12).0, Err(NotApplicable::OnBound("σ")));
        assert!((off(16).1 + 0.18).abs() < 0.005);
        assert!((off(24).1 - 0.038).abs() < 0.0005);
        assert!(Usl::fit(&cisco(5)).is_err() && Usl::fit(&[(4.0, 100.0); 8]).is_err());
    }

    #[test]
    fn an_exact_law_is_found_again_whatever_its_unit() {
        for usl in [
            Usl { sigma: 0.02, kappa: 0.0005, gamma: 40.0 },
            Usl { sigma: 0.3, kappa: 0.01, gamma: 1e6 },
            Usl { sigma: 0.001, kappa: 1e-6, gamma: 3e-3 },
        ] {
            let exact: Vec<(f64, f64)> =
                [1, 2, 4, 8, 16, 32, 64, 128].map(|n| (f64::from(n), usl.throughput(f64::from(n)))).into();
            let fit = Usl::fit(&exact).unwrap().usl;
            assert!((fit.sigma / usl.sigma - 1.0).abs() < 1e-6, "{fit:?}");
            assert!((fit.kappa / usl.kappa - 1.0).abs() < 1e-6, "{fit:?}");
            assert!((fit.gamma / usl.gamma - 1.0).abs() < 1e-9, "{fit:?}");
        }
    }

    #[test]
    fn the_peak_is_where_the_law_is_highest() {
        let usl = Usl { sigma: 0.02, kappa: 0.0005, gamma: 40.0 };
        let peak = usl.peak().unwrap();
        assert!(usl.throughput(peak) > usl.throughput(peak * 1.01));
        assert!(usl.throughput(peak) > usl.throughput(peak * 0.99));
        agrees(usl.optimal().unwrap(), "50.000");
        assert!(Usl { kappa: 0.0, ..usl }.peak().is_err());
    }
}
