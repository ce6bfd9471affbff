//! M/M/c: Poisson arrivals, exponential service, `c` servers, one line, first come first served.

use super::{
    erlang::erlang_c,
    not_applicable::{Result, order, positive},
    numeric::falls_to,
};

/// An M/M/c queue in its steady state. Times in seconds, rates per second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mmc {
    servers: f64,
    rate: f64,
    service: f64,
    /// The share that waits.
    waits: f64,
}

impl Mmc {
    /// `servers` of mean service time `service` at the arrival rate `rate`.
    pub fn new(servers: u32, rate: f64, service: f64) -> Result<Mmc> {
        positive(rate, "an arrival rate above zero")?;
        positive(service, "a mean service time above zero")?;
        let waits = erlang_c(servers, rate * service)?;
        Ok(Mmc { servers: f64::from(servers), rate, service, waits })
    }

    /// ρ: arriving work over capacity.
    pub fn utilisation(&self) -> f64 {
        self.rate * self.service / self.servers
    }

    /// P(wait > 0): Erlang C.
    pub fn wait_probability(&self) -> f64 {
        self.waits
    }

    /// cμ − λ: how fast a line gets shorter.
    fn spare(&self) -> f64 {
        (self.servers - self.rate * self.service) / self.service
    }

    /// Wq: the mean wait, of all, also of those that do not wait.
    pub fn mean_wait(&self) -> f64 {
        self.waits / self.spare()
    }

    /// W: wait and service.
    pub fn mean_sojourn(&self) -> f64 {
        self.mean_wait() + self.service
    }

    /// Lq: the mean number waiting.
    pub fn mean_waiting(&self) -> f64 {
        self.rate * self.mean_wait()
    }

    /// L: the mean number inside.
    pub fn mean_inside(&self) -> f64 {
        self.rate * self.mean_sojourn()
    }

    /// P(wait > t).
    pub fn wait_tail(&self, t: f64) -> f64 {
        self.waits * libm::exp(-self.spare() * t)
    }

    /// The wait that a share `p` of requests does not exceed.
    pub fn wait_quantile(&self, p: f64) -> Result<f64> {
        Ok((libm::log(self.waits / (1.0 - order(p)?)) / self.spare()).max(0.0))
    }

    /// P(wait + service > t).
    pub fn sojourn_tail(&self, t: f64) -> f64 {
        // e^{−μt}·[1 + C·(1 − e^{−dμt})/d] with d = c − 1 − a; its limit at d = 0 is e^{−μt}·(1 + C·μt).
        let (d, t) = (self.servers - 1.0 - self.rate * self.service, t / self.service);
        let both = if (d * t).abs() < 1e-9 {
            libm::exp(-t) * t
        } else if d * t > -1.0 {
            libm::exp(-t) * -libm::expm1(-d * t) / d
        } else {
            (libm::exp(-t) - libm::exp(-(d + 1.0) * t)) / d
        };
        libm::exp(-t) + self.waits * both
    }

    /// The sojourn time that a share `p` of requests does not exceed.
    pub fn sojourn_quantile(&self, p: f64) -> Result<f64> {
        Ok(falls_to(1.0 - order(p)?, self.service, |t| self.sojourn_tail(t)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{NotApplicable, testing::all_agree};
    use super::*;

    const S: f64 = 0.1;

    fn at(servers: u32, utilisation: f64) -> Mmc {
        Mmc::new(servers, utilisation * f64::from(servers) / S, S).unwrap()
    }

    fn waits(queue: &Mmc, orders: &[f64]) -> Vec<f64> {
        orders.iter().map(|p| queue.wait_quantile(*p).unwrap() * 1e3).collect()
    }

    fn sojourns(queue: &Mmc, orders: &[f64]) -> Vec<f64> {
        orders.iter().map(|p| queue.sojourn_quantile(*p).unwrap() * 1e3).collect()
    }

    #[test]
    fn one_server_gives_the_published_digits() {
        for (utilisation, means, sojourn, wait) in [
            (0.5, "100.000/200.000/1.00000/0.500000", "138.629/599.146/921.034", "460.517/782.405"),
            (0.8, "400.000/500.000/4.00000/3.20000", "346.574/1497.87/2302.59", "1386.29/2191.01"),
            (0.9, "900.000/1000.00/9.00000/8.10000", "693.147/2995.73/4605.17", "2890.37/4499.81"),
            (0.95, "1900.00/2000.00/19.0000/18.0500", "1386.29/5991.46/9210.34", "5888.88/9107.75"),
            (0.99, "9900.00/10000.0/99.0000/98.0100", "6931.47/29957.3/46051.7", "29856.8/45951.2"),
        ] {
            let q = at(1, utilisation);
            let (wq, w) = (q.mean_wait() * 1e3, q.mean_sojourn() * 1e3);
            all_agree(&[wq, w, q.mean_inside(), q.mean_waiting()], means);
            all_agree(&sojourns(&q, &[0.5, 0.95, 0.99]), sojourn);
            all_agree(&waits(&q, &[0.95, 0.99]), wait);
        }
    }

    /// c, ρ; P(wait), Wq, W, Lq; wait p50, p90, p95, p99, p99.9; sojourn p50, p95, p99. Times in ms.
    const MANY: [(u32, f64, &str, &str, &str); 11] = [
        (
            2,
            0.5,
            "0.333333/33.3333/133.333/0.333333",
            "0/120.397/189.712/350.656/580.914",
            "97.4412/381.646/566.596",
        ),
        (
            2,
            0.9,
            "0.852632/426.316/526.316/7.67368",
            "266.860/1071.58/1418.15/2222.87/3374.16",
            "376.916/1529.72/2334.44",
        ),
        (
            5,
            0.8,
            "0.554113/55.4113/155.411/2.21645",
            "10.2760/171.220/240.534/401.478/631.737",
            "120.439/419.746/607.966",
        ),
        (
            10,
            0.9,
            "0.668732/66.8732/166.873/6.01858",
            "29.0775/190.021/259.336/420.280/650.538",
            "132.909/436.087/624.988",
        ),
        (20, 0.5, "0.00373113/0.0373113/100.037/0.00373113", "0/0/0/0/13.1671", "69.3561/299.615/460.558"),
        (
            20,
            0.7,
            "0.0935612/1.55935/101.559/0.218310",
            "0/0/10.4432/37.2672/75.6436",
            "71.1162/301.427/462.371",
        ),
        (
            20,
            0.8,
            "0.256078/6.40194/106.402/1.02431",
            "0/23.5078/40.8365/81.0724/138.637",
            "76.7154/307.764/468.708",
        ),
        (
            20,
            0.9,
            "0.550769/27.5385/127.538/4.95692",
            "4.83537/85.3073/119.965/200.437/315.566",
            "99.0437/342.283/504.162",
        ),
        (
            20,
            0.95,
            "0.755401/75.5401/175.540/14.3526",
            "41.2641/202.208/271.523/432.466/662.725",
            "142.312/447.243/636.434",
        ),
        (
            20,
            0.99,
            "0.947867/473.933/573.933/93.8388",
            "319.803/1124.52/1471.10/2275.81/3427.11",
            "428.844/1582.67/2387.39",
        ),
        (
            100,
            0.9,
            "0.216940/2.16940/102.169/1.95246",
            "0/7.74453/14.6760/30.7704/53.7962",
            "71.6929/301.955/462.899",
        ),
    ];

    #[test]
    fn many_servers_give_the_published_digits() {
        for (servers, utilisation, means, wait, sojourn) in MANY {
            let q = at(servers, utilisation);
            let (wq, w) = (q.mean_wait() * 1e3, q.mean_sojourn() * 1e3);
            all_agree(&[q.wait_probability(), wq, w, q.mean_waiting()], means);
            all_agree(&waits(&q, &[0.5, 0.9, 0.95, 0.99, 0.999]), wait);
            all_agree(&sojourns(&q, &[0.5, 0.95, 0.99]), sojourn);
        }
    }

    #[test]
    fn the_sojourn_tail_is_smooth_where_its_formula_divides_by_zero() {
        // c − 1 − a = 0 at c = 2, ρ = 0.5, and at both sides of it.
        let [below, there, above] = [0.5 - 1e-7, 0.5, 0.5 + 1e-7].map(|rho| at(2, rho));
        for t in [0.001, 0.1, 1.0, 5.0] {
            let exact = libm::exp(-t / S) * (1.0 + t / S / 3.0);
            assert!((there.sojourn_tail(t) / exact - 1.0).abs() < 1e-12);
            let middle = 0.5 * (below.sojourn_tail(t) + above.sojourn_tail(t));
            assert!((middle / exact - 1.0).abs() < 1e-6, "{t}");
        }
    }

    #[test]
    fn extremes_stay_finite() {
        for (servers, utilisation) in [(1, 0.9999), (10_000, 0.9999), (10_000, 0.01), (1_000_000, 0.5)] {
            let q = at(servers, utilisation);
            for p in [0.5, 0.999_999] {
                let (wait, sojourn) = (q.wait_quantile(p).unwrap(), q.sojourn_quantile(p).unwrap());
                assert!(wait.is_finite() && sojourn.is_finite() && sojourn >= wait, "{q:?} {wait} {sojourn}");
            }
        }
        // Close to saturation the wait is exponential with mean S/(c·(1 − ρ)).
        let q = at(20, 0.999_999);
        assert!((q.mean_wait() / (S / 20.0 / 1e-6) - 1.0).abs() < 1e-4);
        assert!(matches!(Mmc::new(20, 200.0, S), Err(NotApplicable::Unstable { .. })));
        assert!(Mmc::new(0, 1.0, S).is_err());
    }
}
