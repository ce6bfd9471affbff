//! M/M/c with impatience: who has waited too long leaves the line. A concurrency limit with a bounded wait, or a timeout
//! around it. Zeltyn and Mandelbaum (2005), M/M/c+G, for constant and for exponential patience.

use super::{
    erlang::erlang_b,
    not_applicable::{NotApplicable, Result, order, positive},
    numeric::falls_to,
};

/// How long requests are willing to wait.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Patience {
    /// All of them so long, in seconds.
    Constant(f64),
    /// Exponential with this mean, in seconds: Palm's Erlang A (1957).
    Exponential(f64),
}

/// An M/M/c+G queue in its steady state, which it has at any load. Times in seconds, rates per second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Impatient {
    rate: f64,
    abandon: f64,
    /// The mean time in line, of all.
    wait: f64,
    patience: Patience,
    /// cμ − λ, negative if more arrives than can be done.
    spare: f64,
}

impl Impatient {
    /// `servers` of mean service time `service` at the arrival rate `rate`.
    pub fn new(servers: u32, rate: f64, service: f64, patience: Patience) -> Result<Impatient> {
        positive(rate, "an arrival rate above zero")?;
        positive(service, "a mean service time above zero")?;
        let (Patience::Constant(time) | Patience::Exponential(time)) = patience;
        positive(time, "a patience above zero")?;
        if servers == 0 {
            return Err(NotApplicable::OutsideDomain("at least one server"));
        }
        let capacity = f64::from(servers) / service;
        let queue = Impatient { rate, abandon: 0.0, wait: 0.0, patience, spare: capacity - rate };
        match patience {
            Patience::Constant(time) => {
                let others_busy = erlang_b(servers - 1, rate * service)?;
                Ok(queue.constant(time, capacity, others_busy))
            }
            Patience::Exponential(mean) => {
                let all_busy = erlang_b(servers, rate * service)?;
                queue.exponential(mean, capacity, all_busy)
            }
        }
    }

    /// By the integrals J = ∫e^{λH(x) − cμx}dx and J_H = ∫H(x)·e^{λH(x) − cμx}dx, H(x) = min(x, D), all divided by
    /// e^{(λ−cμ)D} if that is large. `busy` is B(c − 1, a).
    fn constant(self, time: f64, capacity: f64, busy: f64) -> Impatient {
        let growth = -self.spare * time;
        let scale = libm::exp(-growth.max(0.0));
        let at_end = libm::exp(growth.min(0.0));
        let up_to_end = time * mean_exp(-growth.abs());
        let j = up_to_end + at_end / capacity;
        let j_h = time * (time * mean_weighted_exp(growth) + at_end / capacity);
        let total = scale + self.rate * j * busy;
        let abandon = self.rate / capacity * at_end * busy / total;
        Impatient { abandon, wait: self.rate * j_h * busy / total, ..self }
    }

    /// As a birth–death process: with j in line, they leave at the rate cμ + j/mean. `busy` is B(c, a).
    fn exponential(self, mean: f64, capacity: f64, busy: f64) -> Result<Impatient> {
        const MAX_STATES: u32 = 20_000_000;
        if busy == 0.0 {
            return Ok(self);
        }
        let (mut weight, mut total, mut waiting) = (1.0, 1.0 / busy, 0.0);
        for j in 1..MAX_STATES {
            let j = f64::from(j);
            weight *= self.rate / (capacity + j / mean);
            total += weight;
            waiting += j * weight;
            if weight > 1e200 {
                (weight, total, waiting) = (weight * 1e-200, total * 1e-200, waiting * 1e-200);
            }
            if self.rate < capacity + j / mean && j * weight < 1e-18 * waiting {
                let waiting = waiting / total;
                return Ok(Impatient {
                    abandon: waiting / mean / self.rate,
                    wait: waiting / self.rate,
                    ..self
                });
            }
        }
        Err(NotApplicable::Inaccurate("the line is longer than 20,000,000"))
    }

    /// The share of arrivals that gives up.
    pub fn timeout_probability(&self) -> f64 {
        self.abandon
    }

    /// The mean time in line, of all, also of those that give up.
    pub fn mean_wait(&self) -> f64 {
        self.wait
    }

    /// The mean number in line.
    pub fn mean_waiting(&self) -> f64 {
        self.rate * self.wait
    }

    /// Requests served per second.
    pub fn goodput(&self) -> f64 {
        self.rate * (1.0 - self.abandon)
    }

    /// P(wait > t) of those that are served, for constant patience.
    pub fn served_wait_tail(&self, t: f64) -> Result<f64> {
        let Patience::Constant(time) = self.patience else {
            return Err(NotApplicable::NoFormula("only constant patience has one here"));
        };
        if t >= time {
            return Ok(0.0);
        }
        // The density of the wait at x is f·e^{−(cμ−λ)x}, and the share that gives up is what remains beyond: f·e^{…}/cμ.
        let capacity = self.spare + self.rate;
        let left = time - t;
        let growth = self.spare * left;
        let area =
            if growth > 0.0 { left * mean_exp(-growth) * libm::exp(growth) } else { left * mean_exp(growth) };
        Ok(self.abandon * capacity * area / (1.0 - self.abandon))
    }

    /// The wait that a share `p` of those that are served does not exceed, for constant patience.
    pub fn served_wait_quantile(&self, p: f64) -> Result<f64> {
        let rest = 1.0 - order(p)?;
        self.served_wait_tail(0.0)?;
        Ok(falls_to(rest, 1.0 / (self.spare + self.rate), |t| self.served_wait_tail(t).unwrap_or(0.0)))
    }
}

/// ∫₀¹ e^{yx} dx.
fn mean_exp(y: f64) -> f64 {
    if y == 0.0 { 1.0 } else { libm::expm1(y) / y }
}

/// ∫₀¹ x·e^{yx} dx, divided by e^y if y > 0.
fn mean_weighted_exp(y: f64) -> f64 {
    if y.abs() < 1.0 {
        // Σ y^k/(k!·(k + 2)).
        let (mut term, mut sum) = (1.0, 0.5);
        for k in 1..20 {
            let k = f64::from(k);
            term *= y / k;
            sum += term / (k + 2.0);
        }
        return sum * libm::exp(-y.max(0.0));
    }
    let end = (y - 1.0) * libm::exp(y.min(0.0));
    (end + libm::exp(-y.max(0.0))) / (y * y)
}

#[cfg(test)]
mod tests {
    use super::super::{Mmc, Mmck, testing::agrees, testing::all_agree};
    use super::*;

    const S: f64 = 0.1;

    #[test]
    fn gives_the_published_digits() {
        use Patience::{Constant, Exponential};
        for (rate, patience, printed) in [
            (160.0, Constant(0.05), "0.00712892, 4.26760, 158.859"),
            (160.0, Constant(0.1), "0.000941579, 5.93173, 159.849"),
            (160.0, Constant(0.5), "1.05563e-10, 6.40194, 160.000"),
            (160.0, Exponential(0.1), "0.0229615, 2.29615, 156.326"),
            (180.0, Constant(0.05), "0.0247805, 10.1387, 175.540"),
            (180.0, Constant(0.1), "0.00798984, 18.3329, 178.562"),
            (180.0, Constant(0.5), "2.50054e-6, 27.5266, 180.000"),
            (180.0, Exponential(0.1), "0.0498840, 4.98840, 171.021"),
            (240.0, Constant(0.05), "0.174996, 33.5847, 198.001"),
            (240.0, Constant(0.1), "0.167747, 80.0640, 199.741"),
            (240.0, Constant(0.5), "0.166667, 479.167, 200.000"),
            (240.0, Exponential(0.1), "0.188605, 18.8605, 194.735"),
            (300.0, Constant(0.05), "0.333610, 43.4142, 199.917"),
            (300.0, Constant(0.1), "0.333335, 93.3342, 199.999"),
            (300.0, Constant(0.5), "0.333333, 493.333, 200.000"),
            (300.0, Exponential(0.1), "0.334983, 33.4983, 199.505"),
        ] {
            let q = Impatient::new(20, rate, S, patience).unwrap();
            all_agree(&[q.timeout_probability(), q.mean_wait() * 1e3, q.goodput()], printed);
        }
    }

    #[test]
    fn endless_patience_is_erlang_c_and_none_is_erlang_b() {
        let c = Mmc::new(20, 180.0, S).unwrap();
        for patience in [Patience::Constant(20.0), Patience::Exponential(1e9)] {
            let q = Impatient::new(20, 180.0, S, patience).unwrap();
            assert!((q.mean_wait() / c.mean_wait() - 1.0).abs() < 1e-6, "{patience:?}");
        }
        for patience in [Patience::Constant(1e-12), Patience::Exponential(1e-12)] {
            let q = Impatient::new(20, 180.0, S, patience).unwrap();
            assert!(
                (q.timeout_probability() / Mmck::new(20, 0, 180.0, S).unwrap().loss_probability() - 1.0)
                    .abs()
                    < 1e-6
            );
        }
    }

    #[test]
    fn arrivals_at_capacity_and_their_neighbours_agree() {
        let q = |rate| Impatient::new(20, rate, S, Patience::Constant(0.1)).unwrap();
        let [below, there, above] = [200.0 - 1e-5, 200.0, 200.0 + 1e-5].map(q);
        for f in [Impatient::timeout_probability, Impatient::mean_wait] {
            assert!(((f(&below) + f(&above)) / 2.0 / f(&there) - 1.0).abs() < 1e-9);
        }
    }

    #[test]
    fn those_who_are_served_and_those_who_are_not_make_up_the_mean() {
        for rate in [150.0, 200.0, 260.0] {
            let q = Impatient::new(20, rate, S, Patience::Constant(0.1)).unwrap();
            let n = 20_000;
            let step = 0.1 / f64::from(n);
            let area: f64 =
                (0..n).map(|i| q.served_wait_tail((f64::from(i) + 0.5) * step).unwrap() * step).sum();
            let all = area * (1.0 - q.timeout_probability()) + 0.1 * q.timeout_probability();
            agrees(all / q.mean_wait(), "1.00000000");
            assert!(q.served_wait_quantile(0.999).unwrap() < 0.1);
        }
    }

    #[test]
    fn extremes_stay_finite() {
        for (servers, rate, patience) in [
            (10_000, 2e5, Patience::Constant(10.0)),
            (10_000, 2e5, Patience::Exponential(10.0)),
            (10_000, 10.0, Patience::Constant(1.0)),
            (1, 100.0, Patience::Constant(1000.0)),
        ] {
            let q = Impatient::new(servers, rate, S, patience).unwrap();
            assert!(q.mean_wait().is_finite() && (0.0..1.0).contains(&q.timeout_probability()), "{q:?}");
        }
    }
}
