//! Processor sharing: all inside progress at once, so the mean depends on the service time's mean only (Sakata, Noguchi
//! and Oizumi 1969; insensitivity: Kelly 1979).

use super::{
    mmc::Mmc,
    not_applicable::{Result, positive},
};

/// M/G/c-PS in its steady state: each of n requests progresses at the rate min(1, c/n). Times in seconds.
///
/// As a symmetric queue it has the distribution of M/M/c's number inside, whatever the service times.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sharing {
    queue: Mmc,
    service: f64,
}

impl Sharing {
    /// `processors` and mean work `service` at the arrival rate `rate`.
    pub fn new(processors: u32, rate: f64, service: f64) -> Result<Sharing> {
        Ok(Sharing { queue: Mmc::new(processors, rate, service)?, service })
    }

    /// W: the mean sojourn time; S/(1 − ρ) for one processor.
    pub fn mean_sojourn(&self) -> f64 {
        self.queue.mean_sojourn()
    }

    /// L: the mean number inside.
    pub fn mean_inside(&self) -> f64 {
        self.queue.mean_inside()
    }

    /// The mean sojourn time over the mean service time.
    pub fn mean_slowdown(&self) -> f64 {
        self.mean_sojourn() / self.service
    }
}

/// M/G/1-PS: the mean sojourn time of a request with work `work`, x/(1 − ρ): a fair share for everybody.
pub fn conditional_sojourn(work: f64, rate: f64, service: f64) -> Result<f64> {
    Ok(positive(work, "work above zero")? * Sharing::new(1, rate, service)?.mean_slowdown())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{agrees, all_agree};
    use super::*;

    #[test]
    fn gives_the_published_digits() {
        let mean = |processors: u32, rho: f64, s: f64| {
            Sharing::new(processors, rho * f64::from(processors) / s, s).unwrap().mean_sojourn() * 1e3
        };
        all_agree(&[0.5, 0.8, 0.9].map(|rho| mean(1, rho, 0.1)), "200.000, 500.000, 1000.00");
        all_agree(&[0.5, 0.8, 0.9].map(|rho| mean(1, rho, 0.75)), "1500.00, 3750.00, 7500.00");
        all_agree(&[mean(20, 0.9, 0.1), mean(20, 0.9, 0.75)], "127.538, 956.538");
        agrees(conditional_sojourn(0.3, 0.8 / 0.75, 0.75).unwrap() * 1e3, "1500.00");
        agrees(conditional_sojourn(1.2, 0.8 / 0.75, 0.75).unwrap() * 1e3, "6000.00");
    }

    #[test]
    fn without_a_steady_state_there_is_no_mean() {
        assert!(Sharing::new(2, 3.0, 1.0).is_err());
    }
}
