//! M/G/c: Poisson arrivals, any service time, `c` servers, first come first served. No formula is exact; these three mix
//! M/M/c and M/D/c by the squared coefficient of variation (SCV) of the service time, and are exact for one server.

use super::{
    mdc::{DeterministicWait, Mdc},
    mmc::Mmc,
    not_applicable::{NotApplicable, Result, order},
    numeric::falls_to,
    service_time::ServiceTime,
};

/// An M/G/c queue in its steady state, approximately. Times in seconds, rates per second.
#[derive(Clone, Copy, Debug)]
pub struct Mgc {
    exponential: Mmc,
    constant: Result<Mdc>,
    scv: f64,
    service: f64,
    rate: f64,
}

impl Mgc {
    /// `servers` with service times of mean `service` and squared coefficient of variation `scv`.
    pub fn new(servers: u32, rate: f64, service: f64, scv: f64) -> Result<Mgc> {
        if !(scv >= 0.0 && scv.is_finite()) {
            return Err(NotApplicable::InfiniteMoment { order: 2 });
        }
        let exponential = Mmc::new(servers, rate, service)?;
        Ok(Mgc { exponential, constant: Mdc::new(servers, rate, service), scv, service, rate })
    }

    /// ρ: arriving work over capacity.
    pub fn utilisation(&self) -> f64 {
        self.exponential.utilisation()
    }

    /// Allen and Cunneen (also Lee and Longton 1959): Wq ≈ (1 + SCV)/2 · Wq(M/M/c).
    pub fn allen_cunneen(&self) -> f64 {
        0.5 * (1.0 + self.scv) * self.exponential.mean_wait()
    }

    /// Björklund and Elldin (1964): Wq ≈ SCV·Wq(M/M/c) + (1 − SCV)·Wq(M/D/c), for SCV ≤ 1.
    pub fn bjorklund_elldin(&self) -> Result<f64> {
        let (exponential, constant) = self.between()?;
        Ok(self.scv * exponential + (1.0 - self.scv) * constant)
    }

    /// Kimura (1986): Wq ≈ (1 + SCV)/(2·SCV/Wq(M/M/c) + (1 − SCV)/Wq(M/D/c)), for SCV ≤ 1. The best of the three.
    pub fn kimura(&self) -> Result<f64> {
        let (exponential, constant) = self.between()?;
        if constant == 0.0 {
            return Ok(0.0);
        }
        Ok((1.0 + self.scv) / (2.0 * self.scv / exponential + (1.0 - self.scv) / constant))
    }

    /// The mean waits between which an SCV of at most 1 lies.
    fn between(&self) -> Result<(f64, f64)> {
        Ok((self.exponential.mean_wait(), self.steady()?.mean_wait()))
    }

    fn steady(&self) -> Result<Mdc> {
        if self.scv > 1.0 {
            return Err(NotApplicable::OutsideDomain(
                "a service time that varies no more than the exponential",
            ));
        }
        self.constant
    }

    /// Wq, the mean wait, by the best of the three that applies: Kimura's, or Allen and Cunneen's for SCV > 1.
    pub fn mean_wait(&self) -> f64 {
        self.kimura().unwrap_or_else(|_| self.allen_cunneen())
    }

    /// W: wait and service.
    pub fn mean_sojourn(&self) -> f64 {
        self.mean_wait() + self.service
    }

    /// L: the mean number inside.
    pub fn mean_inside(&self) -> f64 {
        self.rate * self.mean_sojourn()
    }

    /// The share that waits, for SCV ≤ 1: between those of M/D/c and M/M/c, which are close to each other.
    pub fn wait_probability(&self) -> Result<f64> {
        let constant = self.steady()?.wait_probability();
        Ok(constant + self.scv * (self.exponential.wait_probability() - constant))
    }

    /// The wait that a share `p` of requests does not exceed, for SCV ≤ 1: Tijms' interpolation (1994) between the
    /// percentiles that M/D/c and M/M/c have among those who wait.
    pub fn wait_quantile(&self, p: f64) -> Result<f64> {
        let rest = 1.0 - order(p)?;
        let waits = self.wait_probability()?;
        if rest >= waits {
            return Ok(0.0);
        }
        self.exceeded(rest / waits, &self.steady()?.waits())
    }

    /// The wait that a share `among` of those who wait exceeds: between the waits that the same share exceeds in M/D/c,
    /// whose distribution is `constant`, and in M/M/c.
    fn exceeded(&self, among: f64, constant: &DeterministicWait) -> Result<f64> {
        let exponential = &self.exponential;
        let longer = exponential.wait_quantile(1.0 - among * exponential.wait_probability())?;
        let shorter = constant.quantile(1.0 - among * constant.tail(0.0))?;
        Ok(self.scv * longer + (1.0 - self.scv) * shorter)
    }

    /// The sojourn times that shares `orders` of requests with these service times do not exceed, for SCV ≤ 1: the wait by
    /// interpolation, as above, and the service time, which is independent of it.
    pub fn sojourn_quantiles<const N: usize>(
        &self,
        service: &ServiceTime,
        orders: [f64; N],
    ) -> Result<[f64; N]> {
        const POINTS: u32 = 200;
        let (waiting, constant) = (self.wait_probability()?, self.steady()?.waits());
        let among = |i: u32| (f64::from(i) + 0.5) / f64::from(POINTS);
        let waits: Vec<f64> =
            (0..POINTS).map(|i| self.exceeded(among(i), &constant)).collect::<Result<_>>()?;
        let tail = |t: f64| {
            let delayed = waits.iter().map(|wait| service.tail(t - wait)).sum::<f64>() / f64::from(POINTS);
            (1.0 - waiting) * service.tail(t) + waiting * delayed
        };
        let mut sojourns = [0.0; N];
        for (sojourn, p) in sojourns.iter_mut().zip(orders) {
            *sojourn = falls_to(1.0 - order(p)?, self.service, tail);
        }
        Ok(sojourns)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::all_agree;
    use super::*;
    use crate::dependency::Profile;

    /// c, ρ; M/M/c, M/D/c, Allen–Cunneen, Björklund–Elldin, Kimura; then simulated: Wq, P(wait), p95 and p99 of wait and
    /// sojourn time.
    const PUBLISHED: [(u32, f64, &str, [f64; 6]); 7] = [
        (
            2,
            0.9,
            "3197.37/1610.19/1790.53/1800.65/1801.86",
            [1806.1, 0.84887, 5873.0, 9162.0, 6640.0, 9929.0],
        ),
        (
            5,
            0.8,
            "415.584/216.795/232.727/240.650/241.555",
            [242.93, 0.53976, 1006.4, 1642.9, 1838.5, 2475.4],
        ),
        (20, 0.7, "11.6952/7.15836/6.54929/7.70277/7.80735", [7.825, 0.08701, 56.38, 186.8, 1162.8, 1204.7]),
        (20, 0.8, "48.0146/26.9056/26.8882/29.4387/29.7039", [29.939, 0.24070, 194.8, 355.6, 1184.9, 1335.6]),
        (20, 0.9, "206.538/108.215/115.661/120.013/120.508", [121.47, 0.53116, 513.3, 842.4, 1408.5, 1737.0]),
        (
            20,
            0.95,
            "566.551/289.298/317.269/322.568/323.189",
            [325.3, 0.74122, 1145.7, 1820.0, 1974.5, 2647.6],
        ),
        (
            100,
            0.9,
            "16.2705/9.25011/9.11150/10.0926/10.1925",
            [10.281, 0.20159, 72.38, 140.6, 1165.3, 1207.6],
        ),
    ];

    /// U(300, 1200) ms.
    fn service_b(servers: u32, utilisation: f64) -> Mgc {
        Mgc::new(servers, utilisation * f64::from(servers) / 0.75, 0.75, 0.12).unwrap()
    }

    #[test]
    fn gives_the_published_digits() {
        for (servers, utilisation, printed, _) in PUBLISHED {
            let q = service_b(servers, utilisation);
            let (exponential, constant) = q.between().unwrap();
            let all = [
                exponential,
                constant,
                q.allen_cunneen(),
                q.bjorklund_elldin().unwrap(),
                q.kimura().unwrap(),
            ];
            all_agree(&all.map(|wait| wait * 1e3), printed);
        }
    }

    #[test]
    fn the_error_bands_hold_against_simulation() {
        for (servers, utilisation, _, [wait, waits, p95, p99, all95, all99]) in PUBLISHED {
            let q = service_b(servers, utilisation);
            let off = |value: f64, simulated: f64| value / simulated - 1.0;
            assert!(off(q.kimura().unwrap() * 1e3, wait).abs() < 0.01, "{servers} {utilisation}");
            assert!(off(q.allen_cunneen() * 1e3, wait).abs() < 0.17, "{servers} {utilisation}");
            assert!(off(q.wait_probability().unwrap(), waits).abs() < 0.02, "{servers} {utilisation}");
            let b = ServiceTime::from(&Profile::service_b());
            let [sojourn95, sojourn99] = q.sojourn_quantiles(&b, [0.95, 0.99]).unwrap();
            assert!(off(sojourn95 * 1e3, all95).abs() < 0.006, "{servers} {utilisation}");
            assert!(off(sojourn99 * 1e3, all99).abs() < 0.006, "{servers} {utilisation}");
            for (p, simulated) in [(0.95, p95), (0.99, p99)] {
                let approximate = q.wait_quantile(p).unwrap() * 1e3;
                assert!(off(approximate, simulated).abs() < 0.04, "{servers} {utilisation} {p}");
            }
        }
    }

    #[test]
    fn one_server_is_exact_by_all_three() {
        let (rho, scv) = (0.8, 0.4);
        let q = Mgc::new(1, rho, 1.0, scv).unwrap();
        let exact = 0.5 * (1.0 + scv) * rho / (1.0 - rho);
        for wait in [q.allen_cunneen(), q.bjorklund_elldin().unwrap(), q.kimura().unwrap()] {
            assert!((wait / exact - 1.0).abs() < 1e-10);
        }
    }

    #[test]
    fn the_ends_of_the_domain_are_m_d_c_and_m_m_c() {
        let (m, d) = (Mmc::new(20, 18.0, 1.0).unwrap(), Mdc::new(20, 18.0, 1.0).unwrap());
        for (scv, wait, p99) in [
            (0.0, d.mean_wait(), d.wait_quantile(0.99).unwrap()),
            (1.0, m.mean_wait(), m.wait_quantile(0.99).unwrap()),
        ] {
            let q = Mgc::new(20, 18.0, 1.0, scv).unwrap();
            assert!((q.kimura().unwrap() / wait - 1.0).abs() < 1e-12);
            assert!((q.wait_quantile(0.99).unwrap() / p99 - 1.0).abs() < 1e-9);
        }
        let wild = Mgc::new(20, 18.0, 1.0, 4.0).unwrap();
        assert!(wild.kimura().is_err() && wild.wait_quantile(0.99).is_err());
        assert_eq!(wild.mean_wait(), 2.5 * m.mean_wait());
    }
}
