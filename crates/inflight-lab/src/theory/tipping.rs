//! Where requests that share a rate settle, and where they never come back from: the crossings of demand and capacity.
//!
//! n requests do n·r(n)/w per second. At an arrival rate λ below the highest of that there are two crossings if capacity
//! falls beyond its peak: below the lower one the number inside grows, between them it shrinks, and beyond the upper one,
//! the *tipping point*, it grows for ever. A fluid view: it knows no chance, which decides when the tipping point is met.

use super::not_applicable::{NotApplicable, Result, positive};
use crate::dependency::Slowdown;

/// Where the number inside stands still.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Equilibria {
    /// It comes back here from both sides.
    pub stable: f64,
    /// Beyond this it grows for ever; `None` if it always comes back.
    pub tipping: Option<f64>,
}

/// The best that the dependency can do: the concurrency and its throughput per second, for a mean work of `work` seconds.
/// `None` as concurrency: it grows for ever, towards that throughput.
pub fn peak(slowdown: Slowdown, work: f64) -> Result<(Option<f64>, f64)> {
    positive(work, "work above zero")?;
    let at = |n: f64| n / slowdown_of(slowdown, n) / work;
    Ok(match slowdown {
        Slowdown::Sharing { capacity } => (Some(f64::from(capacity)), f64::from(capacity) / work),
        Slowdown::Memory { knee, slope } if slope * f64::from(knee) >= 1.0 => {
            (Some(f64::from(knee)), at(f64::from(knee)))
        }
        Slowdown::Memory { slope, .. } => (None, 1.0 / slope / work),
        Slowdown::Usl { sigma, kappa } if kappa > 0.0 => {
            let n = ((1.0 - sigma).max(0.0) / kappa).sqrt().max(1.0);
            (Some(n), at(n))
        }
        Slowdown::Usl { sigma, .. } => (None, 1.0 / sigma / work),
    })
}

/// Where the number inside stands still at the arrival rate `rate` with a mean work of `work` seconds: n/(w·s(n)) = λ with
/// s = 1/r linear (memory) or quadratic (USL) in n.
pub fn equilibria(slowdown: Slowdown, rate: f64, work: f64) -> Result<Equilibria> {
    // The number that would be inside without any slowdown.
    let x = positive(rate, "an arrival rate above zero")? * positive(work, "work above zero")?;
    let (_, best) = peak(slowdown, work)?;
    if rate >= best {
        return Err(NotApplicable::Unstable { utilisation: rate / best });
    }
    Ok(match slowdown {
        Slowdown::Sharing { .. } => Equilibria { stable: x, tipping: None },
        Slowdown::Memory { knee, slope } => {
            let knee = f64::from(knee);
            // n = x(1 + s(n − m)).
            let beyond = x * (1.0 - slope * knee) / (1.0 - slope * x);
            match x <= knee {
                true => Equilibria { stable: x, tipping: (slope * x > 1.0).then_some(beyond) },
                false => Equilibria { stable: beyond, tipping: None },
            }
        }
        Slowdown::Usl { sigma, kappa } => {
            // xκn² − (1 − xσ + xκ)n + x(1 − σ) = 0; the lower root without subtracting equals.
            let (a, b, c) = (x * kappa, 1.0 - x * sigma + x * kappa, x * (1.0 - sigma));
            let sum = b + (b * b - 4.0 * a * c).max(0.0).sqrt();
            Equilibria { stable: 2.0 * c / sum, tipping: (a > 0.0).then(|| sum / (2.0 * a)) }
        }
    })
}

/// 1/r(n) for a real n.
fn slowdown_of(slowdown: Slowdown, n: f64) -> f64 {
    match slowdown {
        Slowdown::Sharing { capacity } => (n / f64::from(capacity)).max(1.0),
        Slowdown::Memory { knee, slope } => 1.0 + slope * (n - f64::from(knee)).max(0.0),
        Slowdown::Usl { sigma, kappa } => 1.0 + sigma * (n - 1.0) + kappa * n * (n - 1.0),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::agrees;
    use super::*;

    /// Service B: 0.75 s, 5 % of requests fail at once.
    const WORK: f64 = 0.7125;
    const CISCO: Slowdown = Slowdown::Usl { sigma: 0.026_715_91, kappa: 7.690_945e-4 };

    #[test]
    fn the_usl_gives_the_published_points() {
        let usl = |kappa| Slowdown::Usl { sigma: 0.0, kappa };
        for (slowdown, rate, stable, tipping) in [
            (usl(0.002), 14.0, "13.2", "38"),
            (usl(0.002), 15.0, "15.5", "32"),
            (usl(0.001), 18.0, "15.8", "63"),
            (CISCO, 15.0, "18", "70"),
        ] {
            let points = equilibria(slowdown, rate, WORK).unwrap();
            agrees(points.stable, stable);
            agrees(points.tipping.unwrap(), tipping);
        }
        for (slowdown, at, highest) in
            [(CISCO, "35.6", "17.4"), (usl(0.001), "31.6", "22.6"), (usl(0.002), "22.4", "16.05")]
        {
            let (n, throughput) = peak(slowdown, WORK).unwrap();
            agrees(n.unwrap(), at);
            assert!((throughput - highest.parse::<f64>().unwrap()).abs() < 0.06);
        }
        assert!(equilibria(usl(0.002), 16.2, WORK).is_err());
    }

    #[test]
    fn equilibria_are_where_capacity_meets_demand() {
        let memory = Slowdown::Memory { knee: 20, slope: 0.06 };
        for (slowdown, rate) in [(CISCO, 12.0), (memory, 24.0), (memory, 26.0)] {
            let points = equilibria(slowdown, rate, WORK).unwrap();
            for n in [Some(points.stable), points.tipping].into_iter().flatten() {
                agrees(n / slowdown_of(slowdown, n) / WORK / rate, "1.0000000000");
            }
        }
        let between = Slowdown::Memory { knee: 10, slope: 0.05 };
        assert_eq!(peak(between, WORK).unwrap().0, None);
        let points = equilibria(between, 20.0, WORK).unwrap();
        assert_eq!(points.tipping, None);
        agrees(points.stable / slowdown_of(between, points.stable) / WORK, "20.000000000");
    }

    #[test]
    fn a_gentle_cliff_below_its_limit_never_tips() {
        // Capacity falls from 20/w towards 1/(s·w) = 16.7/w and stays above the demand of 15/w.
        let cliff = Slowdown::Memory { knee: 20, slope: 0.06 };
        assert_eq!(equilibria(cliff, 15.0 / WORK, WORK).unwrap().tipping, None);
        assert!(equilibria(cliff, 18.0 / WORK, WORK).unwrap().tipping.is_some_and(|n| n > 20.0));
        assert!(matches!(equilibria(cliff, 20.0 / WORK, WORK), Err(NotApplicable::Unstable { .. })));
    }
}
