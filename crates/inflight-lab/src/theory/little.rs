//! Little's law (1961): L = λ·W, whatever the arrivals, the service, the order and what is called "inside".

use super::not_applicable::{NotApplicable, Result};

/// L: the mean number inside, from arrivals per second and mean seconds inside.
pub fn mean_inside(rate: f64, sojourn: f64) -> Result<f64> {
    finite(rate * sojourn)
}

/// W: the mean seconds inside, from the mean number inside and arrivals per second.
pub fn mean_sojourn(inside: f64, rate: f64) -> Result<f64> {
    finite(inside / rate)
}

/// λ: arrivals per second, from the mean number inside and mean seconds inside.
pub fn rate(inside: f64, sojourn: f64) -> Result<f64> {
    finite(inside / sojourn)
}

fn finite(value: f64) -> Result<f64> {
    match value.is_finite() && value >= 0.0 {
        true => Ok(value),
        false => Err(NotApplicable::OutsideDomain("a steady state with a finite mean")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Mmc;
    use super::*;

    #[test]
    fn two_of_the_three_give_the_third() {
        let q = Mmc::new(20, 180.0, 0.1).unwrap();
        assert_eq!(mean_inside(180.0, q.mean_sojourn()).unwrap(), q.mean_inside());
        assert!((mean_sojourn(q.mean_inside(), 180.0).unwrap() - q.mean_sojourn()).abs() < 1e-12);
        assert!((rate(q.mean_inside(), q.mean_sojourn()).unwrap() - 180.0).abs() < 1e-9);
        assert!(mean_sojourn(1.0, 0.0).is_err());
    }
}
