//! M/D/c: Poisson arrivals, constant service times. Crommelin (1932) for the means, Franx (2001) for the distribution.
//!
//! Whoever is served now is gone one service time D later, and nobody who comes in between is. So the number waiting,
//! seen every D, is a random walk with steps Poisson(a) − c that does not fall below zero, and all follows from that.

use super::{
    deterministic::{Roots, Walk},
    not_applicable::{NotApplicable, Result, order, positive},
    numeric::falls_to,
};

/// More servers than this are not computed.
pub const MAX_DETERMINISTIC_SERVERS: u32 = 10_000;

/// An M/D/c queue in its steady state. Times in seconds, rates per second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mdc {
    rate: f64,
    service: f64,
    waits: f64,
    waiting: f64,
    walk: Walk,
}

impl Mdc {
    /// `servers` of the constant service time `service` at the arrival rate `rate`.
    pub fn new(servers: u32, rate: f64, service: f64) -> Result<Mdc> {
        positive(rate, "an arrival rate above zero")?;
        positive(service, "a service time above zero")?;
        if servers == 0 || servers > MAX_DETERMINISTIC_SERVERS {
            return Err(NotApplicable::OutsideDomain("1 to 10,000 servers"));
        }
        let walk = Walk { servers, offered: rate * service };
        let utilisation = walk.offered / f64::from(servers);
        if utilisation >= 1.0 {
            return Err(NotApplicable::Unstable { utilisation });
        }
        let (waits, waiting) = match walk.by_summation() {
            Some(both) => both,
            None => Roots::of(walk).wait_probability_and_mean(),
        };
        Ok(Mdc { rate, service, waits, waiting, walk })
    }

    /// P(wait > 0).
    pub fn wait_probability(&self) -> f64 {
        self.waits
    }

    /// Wq: the mean wait.
    pub fn mean_wait(&self) -> f64 {
        self.waiting / self.rate
    }

    /// Lq: the mean number waiting.
    pub fn mean_waiting(&self) -> f64 {
        self.waiting
    }

    /// The distribution of the wait; worth keeping if more than one percentile is wanted.
    pub fn waits(&self) -> DeterministicWait {
        let line = Roots::of(self.walk).line();
        DeterministicWait { service: self.service, walk: self.walk, waits: self.waits, line }
    }

    /// The wait that a share `p` of requests does not exceed.
    pub fn wait_quantile(&self, p: f64) -> Result<f64> {
        self.waits().quantile(p)
    }
}

/// How long requests wait in an M/D/c queue.
#[derive(Clone, Debug)]
pub struct DeterministicWait {
    service: f64,
    walk: Walk,
    waits: f64,
    line: super::deterministic::Line,
}

impl DeterministicWait {
    /// P(wait > t), by Franx: whoever arrives now has begun by t = kD − u if, u earlier, the line and the arrivals since
    /// then were fewer than kc. All terms are positive: nothing cancels, as it does in Erlang's alternating series.
    pub fn tail(&self, t: f64) -> f64 {
        if t < 0.0 {
            return 1.0;
        }
        let k = (t / self.service).floor() + 1.0;
        let before = k - t / self.service;
        let mean = self.walk.offered * before;
        let places = k * f64::from(self.walk.servers) - 1.0;
        // Arrivals within ten standard deviations of their mean: what is left out is below 10⁻²⁰.
        let spread = 10.0 * mean.sqrt() + 30.0;
        let (first, last) = ((mean - spread).floor().max(0.0), (mean + spread).ceil());
        let mut share = libm::exp(first * libm::log(mean) - mean - libm::lgamma(first + 1.0));
        let (mut tail, mut arrived) = (0.0, first);
        while arrived <= last {
            tail += share * self.line.more_than(places - arrived);
            arrived += 1.0;
            share *= mean / arrived;
        }
        tail.clamp(0.0, 1.0)
    }

    /// The wait that a share `p` of requests does not exceed.
    pub fn quantile(&self, p: f64) -> Result<f64> {
        let rest = 1.0 - order(p)?;
        if rest >= self.waits {
            return Ok(0.0);
        }
        Ok(falls_to(rest, self.service / f64::from(self.walk.servers), |t| self.tail(t)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{agrees, all_agree};
    use super::*;

    const D: f64 = 0.1;

    fn at(servers: u32, utilisation: f64) -> Mdc {
        Mdc::new(servers, utilisation * f64::from(servers) / D, D).unwrap()
    }

    #[test]
    fn one_server_gives_the_published_digits() {
        for (utilisation, mean, percentiles) in [
            (0.5, "50.0000", "0/205.064/333.626"),
            (0.8, "200.000", "127.594/662.032/1035.59"),
            (0.9, "450.000", "301.305/1412.87/2189.82"),
            (0.95, "950.000", "648.067/2911.62/4493.78"),
        ] {
            let q = at(1, utilisation);
            agrees(q.mean_wait() * 1e3, mean);
            let waits = [0.5, 0.95, 0.99].map(|p| q.wait_quantile(p).unwrap() * 1e3);
            all_agree(&waits, percentiles);
        }
    }

    #[test]
    fn many_servers_give_the_published_digits() {
        for (servers, utilisation, mean, waits) in [
            (2, 0.9, "214.692", "0.847108"),
            (5, 0.8, "28.9060", "0.533615"),
            (20, 0.7, "0.954448", "0.0844300"),
            (20, 0.8, "3.58741", "0.234555"),
            (20, 0.9, "14.4286", "0.523265"),
            (20, 0.95, "38.5731", "0.735328"),
            (100, 0.9, "1.23335", "0.195343"),
        ] {
            let q = at(servers, utilisation);
            agrees(q.mean_wait() * 1e3, mean);
            agrees(q.wait_probability(), waits);
        }
    }

    #[test]
    fn the_distribution_has_the_mean_and_the_share_that_waits() {
        for (servers, utilisation) in
            [(1, 0.5), (1, 0.99), (3, 0.9), (20, 0.7), (20, 0.95), (100, 0.97), (1000, 0.99)]
        {
            let q = at(servers, utilisation);
            let waits = q.waits();
            agrees(waits.tail(0.0) / q.wait_probability(), "1.0000000");
            // Midpoint sum: the tail is smooth between multiples of D.
            let step = D / 500.0;
            let area: f64 =
                (0..).map(|i| waits.tail((f64::from(i) + 0.5) * step)).take_while(|t| *t > 1e-9).sum();
            assert!((area * step / q.mean_wait() - 1.0).abs() < 1e-4, "{servers} {utilisation}");
        }
    }

    #[test]
    fn one_server_follows_erlangs_series_where_that_does_not_cancel() {
        let (q, rho) = (at(1, 0.6), 0.6);
        let waits = q.waits();
        for t in [0.3, 1.0, 1.7, 2.5, 4.2] {
            let mut factorial = 1.0;
            let mut sum = 0.0;
            for k in 0..=t as i32 {
                factorial *= f64::from(k.max(1));
                let x = rho * (t - f64::from(k));
                sum += libm::exp(x) * libm::pow(-x, f64::from(k)) / factorial;
            }
            let exact = 1.0 - (1.0 - rho) * sum;
            assert!((waits.tail(t * D) - exact).abs() < 1e-11, "{t}");
        }
    }

    #[test]
    fn extremes_stay_finite_and_saturation_halves_the_exponential_wait() {
        let q = at(20, 0.9999);
        assert!((q.mean_wait() / (D / 20.0 / 1e-4 / 2.0) - 1.0).abs() < 0.01, "{}", q.mean_wait());
        for (servers, utilisation) in [(1, 0.9999), (10_000, 0.9999), (10_000, 0.3), (7, 0.001)] {
            let q = at(servers, utilisation);
            let waits = q.waits();
            for p in [0.5, 0.999_999] {
                let wait = waits.quantile(p).unwrap();
                assert!(wait.is_finite() && wait >= 0.0, "{q:?} {wait}");
            }
        }
        assert!(matches!(Mdc::new(20, 200.0, D), Err(NotApplicable::Unstable { .. })));
    }
}
