//! M/M/c/K: Poisson arrivals, exponential service, `c` servers and room for K requests in all; who comes then is lost.
//! A concurrency limit with a bounded queue. K = c is Erlang's loss system.

use super::{
    erlang::erlang_b,
    not_applicable::{NotApplicable, Result, order, positive},
    numeric::falls_to,
};

/// More waiting places than this are not computed.
pub const MAX_PLACES: u32 = 1_000_000;

/// An M/M/c/K queue in its steady state, which it has at any load. Times in seconds, rates per second.
#[derive(Clone, Debug, PartialEq)]
pub struct Mmck {
    servers: f64,
    rate: f64,
    service: f64,
    /// P(all servers busy and j waiting), j = 0 … K − c.
    full: Vec<f64>,
}

impl Mmck {
    /// `servers` of mean service time `service` and `places` to wait at the arrival rate `rate`: K = servers + places.
    pub fn new(servers: u32, places: u32, rate: f64, service: f64) -> Result<Mmck> {
        positive(rate, "an arrival rate above zero")?;
        positive(service, "a mean service time above zero")?;
        if servers == 0 || places > MAX_PLACES {
            return Err(NotApplicable::OutsideDomain("at least one server and at most 1,000,000 places"));
        }
        let offered = rate * service;
        let rho = offered / f64::from(servers);
        let blocked = erlang_b(servers, offered)?;
        // Weights relative to the largest of ρ^j, so that none overflows: it is the first, or the last if ρ > 1.
        let log_largest = if rho > 1.0 { f64::from(places) * libm::log(rho) } else { 0.0 };
        let weight = |j: u32| libm::exp(f64::from(j) * libm::log(rho) - log_largest);
        let mut full: Vec<f64> = (0..=places).map(weight).collect();
        // Σ of all states up to "all busy, nobody waiting" is 1/B times the weight of that state.
        let below = if blocked > 0.0 { full[0] * (1.0 - blocked) / blocked } else { f64::INFINITY };
        let total = below + full.iter().sum::<f64>();
        full.iter_mut().for_each(|w| *w /= total);
        Ok(Mmck { servers: f64::from(servers), rate, service, full })
    }

    /// The share of arrivals that is lost.
    pub fn loss_probability(&self) -> f64 {
        self.full.last().copied().unwrap_or(0.0)
    }

    /// Requests served per second.
    pub fn throughput(&self) -> f64 {
        self.rate * (1.0 - self.loss_probability())
    }

    /// Lq: the mean number waiting.
    pub fn mean_waiting(&self) -> f64 {
        self.full.iter().zip(0u32..).map(|(p, j)| p * f64::from(j)).sum()
    }

    /// Wq: the mean wait of those that are let in.
    pub fn mean_wait(&self) -> f64 {
        self.mean_waiting() / self.throughput()
    }

    /// W: the mean sojourn time of those that are let in.
    pub fn mean_sojourn(&self) -> f64 {
        self.mean_wait() + self.service
    }

    /// L: the mean number inside.
    pub fn mean_inside(&self) -> f64 {
        self.throughput() * self.mean_sojourn()
    }

    /// P(wait > t) of those that are let in: with j ahead in the line, at most j leave within t.
    pub fn wait_tail(&self, t: f64) -> f64 {
        let leaving = self.servers * t / self.service;
        let (mut leave, mut at_most, mut tail) = (-leaving, 0.0, 0.0);
        for (share, j) in self.full[..self.full.len() - 1].iter().zip(1u32..) {
            at_most += libm::exp(leave);
            tail += share * at_most;
            leave += libm::log(leaving / f64::from(j));
        }
        tail / (1.0 - self.loss_probability())
    }

    /// The wait that a share `p` of those that are let in does not exceed.
    pub fn wait_quantile(&self, p: f64) -> Result<f64> {
        Ok(falls_to(1.0 - order(p)?, self.service / self.servers, |t| self.wait_tail(t)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Mmc, testing::agrees, testing::all_agree};
    use super::*;

    const S: f64 = 0.1;

    #[test]
    fn gives_the_published_digits() {
        for (servers, room, offered, printed) in [
            (1, 10, 0.9, "0.0508137/364.660/464.660/8.54268"),
            (20, 20, 18.0, "0.109213/0/100.000/160.342"),
            (20, 40, 18.0, "0.00712548/18.7499/118.750/178.717"),
            (20, 40, 20.0, "0.0380321/41.5125/141.513/192.394"),
            (20, 40, 24.0, "0.168210/76.4942/176.494/199.630"),
        ] {
            let q = Mmck::new(servers, room - servers, offered / S, S).unwrap();
            let (wq, w) = (q.mean_wait() * 1e3, q.mean_sojourn() * 1e3);
            all_agree(&[q.loss_probability(), wq, w, q.throughput()], printed);
        }
    }

    #[test]
    fn without_places_it_is_erlang_b_and_with_many_erlang_c() {
        for offered in [3.0, 18.0, 40.0] {
            let q = Mmck::new(20, 0, offered / S, S).unwrap();
            agrees(q.loss_probability() / erlang_b(20, offered).unwrap(), "1.00000000000");
        }
        let (bounded, unbounded) = (Mmck::new(20, 5_000, 180.0, S).unwrap(), Mmc::new(20, 180.0, S).unwrap());
        agrees(bounded.mean_wait() / unbounded.mean_wait(), "1.0000000000");
        for t in [0.0, 0.01, 0.2] {
            agrees(bounded.wait_tail(t) / unbounded.wait_tail(t), "1.0000000000");
        }
        let p99 = bounded.wait_quantile(0.99).unwrap();
        agrees(p99 / unbounded.wait_quantile(0.99).unwrap(), "1.0000000000");
    }

    #[test]
    fn extremes_stay_finite() {
        // Far over capacity, what is served is the capacity and the line is full.
        let q = Mmck::new(10_000, 10_000, 2e5, S).unwrap();
        assert!((q.throughput() - 1e5).abs() < 1e-6, "{}", q.throughput());
        assert!((q.mean_waiting() - 9_999.0).abs() < 1e-6, "{}", q.mean_waiting());
        let idle = Mmck::new(10_000, 10, 1.0, S).unwrap();
        assert_eq!((idle.loss_probability(), idle.mean_wait()), (0.0, 0.0));
    }
}
