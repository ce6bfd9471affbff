//! Formulas about whole systems: Little's law, closed loops, scalability.

use super::Formula;
use crate::{
    dependency::Slowdown,
    theory::{Usl, Value, asymptotic_bounds, cisco, equilibria, little, mean_value_analysis, repairman},
};
use Value::{Count, PerSecond, Seconds};

/// Little's law.
pub static LITTLE: Formula = Formula {
    name: "little",
    gives: "the mean number in flight from arrival rate and mean sojourn time, or any of the three from the others",
    formula: "L = rate * W",
    domain: "any system with a steady state, whatever is called \"inside\"",
    source: "Little 1961",
    given: "24/s that stay for 750 ms on average",
    example: || {
        let inside = little::mean_inside(24.0, 0.75)?;
        Ok(vec![
            ("mean in flight", Count(inside)),
            ("and back: mean sojourn time", Seconds(little::mean_sojourn(inside, 24.0)?)),
        ])
    },
};

/// The closed loop, exactly.
pub static REPAIRMAN: Formula = Formula {
    name: "repairman",
    gives: "M/M/c//N: throughput and response time of N users who think, ask and wait",
    formula: "birth-death: from n to n+1 at (N - n)/Z, back at min(n, c)/S;  X <= min(N/(Z + S), c/S);  R = N/X - Z",
    domain: "exponential think times with mean Z and service times with mean S; c servers",
    source: "Palm 1947; Feller; bounds: Muntz and Wong 1974",
    given: "220 users who think for 1 s, 20 servers, mean service time 100 ms",
    example: || {
        let (exact, best) = (repairman(220, 1.0, 20, 0.1)?, asymptotic_bounds(220, 1.0, 20, 0.1)?);
        Ok(vec![
            ("throughput", PerSecond(exact.throughput)),
            ("at most", PerSecond(best.throughput)),
            ("response time", Seconds(exact.response)),
            ("at least", Seconds(best.response)),
        ])
    },
};

/// Mean value analysis.
pub static MEAN_VALUE_ANALYSIS: Formula = Formula {
    name: "mean-value-analysis",
    gives: "throughput and response time of N users who pass several single servers",
    formula: "R_k(n) = D_k * (1 + L_k(n-1));  X(n) = n / (Z + sum of R_k(n));  L_k(n) = X(n)*R_k(n)",
    domain: "each station one server with exponential service, or processor sharing with any; any think time with mean Z",
    source: "Reiser and Lavenberg 1980",
    given: "10 users who think for 1 s; stations with 100 ms and 50 ms of work",
    example: || {
        let all = mean_value_analysis(10, 1.0, &[0.1, 0.05])?;
        Ok(vec![("throughput", PerSecond(all.throughput)), ("response time", Seconds(all.response))])
    },
};

/// The law.
pub static USL: Formula = Formula {
    name: "usl",
    gives: "the Universal Scalability Law: throughput by concurrency, and where it peaks",
    formula: "X(N) = gamma*N / (1 + sigma*(N - 1) + kappa*N*(N - 1));  peak at sqrt((1 - sigma)/kappa);  N_opt = 1/sigma",
    domain: "throughput at a steady concurrency N; sigma, kappa >= 0",
    source: "Gunther 1993, 2007",
    given: "sigma 2%, kappa 0.05%, 40/s alone",
    example: || {
        let usl = Usl { sigma: 0.02, kappa: 0.0005, gamma: 40.0 };
        Ok(vec![
            ("at 20", PerSecond(usl.throughput(20.0))),
            ("peak at", Count(usl.peak()?)),
            ("with", PerSecond(usl.throughput(usl.peak()?))),
            ("N_opt", Count(usl.optimal()?)),
        ])
    },
};

/// Its fit.
pub static USL_FIT: Formula = Formula {
    name: "usl-fit",
    gives: "sigma, kappa and gamma from measurements, with 95% intervals",
    formula: "least squares by Levenberg-Marquardt, 0 <= sigma, kappa <= 1; standard errors from inv(J'J) * RSS/(n - 3)",
    domain: "six or more measurements; no prediction beyond 1.3 times the measured concurrency, nor with a parameter on its bound",
    source: "Levenberg 1944, Marquardt 1963; data: Cisco benchmark in Schwartz 2015",
    given: "32 measurements at a concurrency of 1 to 32",
    example: || {
        let fit = Usl::fit(&cisco(32))?;
        let [sigma, kappa, gamma] = fit.intervals();
        Ok(vec![
            ("sigma", Count(fit.usl.sigma)),
            ("  from", Count(sigma.0)),
            ("  to", Count(sigma.1)),
            ("kappa", Count(fit.usl.kappa)),
            ("  from", Count(kappa.0)),
            ("  to", Count(kappa.1)),
            ("gamma", PerSecond(fit.usl.gamma)),
            ("  from", PerSecond(gamma.0)),
            ("  to", PerSecond(gamma.1)),
            ("peak at", Count(fit.peak()?)),
        ])
    },
};

/// The tipping point.
pub static TIPPING_POINT: Formula = Formula {
    name: "tipping-point",
    gives: "where the number in flight settles, and beyond which number it grows for ever",
    formula: "both solve n*r(n) = rate * S; memory: r = 1/(1 + slope*(n - knee)); USL: r = 1/(1 + sigma*(n-1) + kappa*n*(n-1))",
    domain: "a shared rate, nothing in front of it; a fluid view: chance decides when the tipping point is met",
    source: "equilibria of the fluid limit; the models: Gunther 2007 (USL), this laboratory (memory cliff)",
    given: "mean work 712.5 ms; USL with sigma 0, kappa 0.2% at 14/s; memory cliff with knee 20, slope 6% at 24/s",
    example: || {
        let usl = equilibria(Slowdown::Usl { sigma: 0.0, kappa: 0.002 }, 14.0, 0.7125)?;
        let memory = equilibria(Slowdown::Memory { knee: 20, slope: 0.06 }, 24.0, 0.7125)?;
        let mut figures = vec![("USL: settles at", Count(usl.stable))];
        figures.extend(usl.tipping.map(|n| ("USL: tips at", Count(n))));
        figures.push(("memory cliff: settles at", Count(memory.stable)));
        figures.extend(memory.tipping.map(|n| ("memory cliff: tips at", Count(n))));
        Ok(figures)
    },
};
