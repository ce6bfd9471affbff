//! M/G/1: Poisson arrivals, any service time, one server, first come first served. Pollaczek (1930) and Khinchine (1932).

use super::{
    complex::Complex,
    inversion::{checked_at, function_at},
    not_applicable::{NotApplicable, Result, order, positive},
    numeric::falls_to,
    service_time::ServiceTime,
    transform::Transform,
};

/// An M/G/1 queue in its steady state. Times in seconds, rates per second.
#[derive(Clone, Debug)]
pub struct Mg1 {
    rate: f64,
    service: ServiceTime,
    mean: f64,
    transform: Transform,
}

impl Mg1 {
    /// One server with these service times at the arrival rate `rate`.
    pub fn new(rate: f64, service: ServiceTime) -> Result<Mg1> {
        let (rate, mean) = (positive(rate, "an arrival rate above zero")?, service.mean()?);
        if rate * mean >= 1.0 {
            return Err(NotApplicable::Unstable { utilisation: rate * mean });
        }
        let transform = service.transform();
        Ok(Mg1 { rate, service, mean, transform })
    }

    /// ρ: the share of time that the server is busy, and of requests that wait.
    pub fn utilisation(&self) -> f64 {
        self.rate * self.mean
    }

    /// Wq: the mean wait, λE(X²)/(2(1 − ρ)).
    pub fn mean_wait(&self) -> Result<f64> {
        Ok(self.rate * self.service.moment(2)? / (2.0 * (1.0 - self.utilisation())))
    }

    /// W: wait and service.
    pub fn mean_sojourn(&self) -> Result<f64> {
        Ok(self.mean_wait()? + self.mean)
    }

    /// Lq: the mean number waiting.
    pub fn mean_waiting(&self) -> Result<f64> {
        Ok(self.rate * self.mean_wait()?)
    }

    /// The standard deviation of the wait: E(Wq²) = 2·Wq² + λE(X³)/(3(1 − ρ)).
    pub fn wait_deviation(&self) -> Result<f64> {
        let mean = self.mean_wait()?;
        Ok((mean * mean + self.rate * self.service.moment(3)? / (3.0 * (1.0 - self.utilisation()))).sqrt())
    }

    /// The transforms of the tails of wait and sojourn. With B the transform of the service time's tail, that of the wait's
    /// is (ρ/s − λB/s)/(1 − λB), and one minus a product of two is the sum of what each lacks.
    fn tails_at(&self, s: Complex) -> (Complex, Complex) {
        let service = self.transform.tail_at(s);
        let idle = Complex::ONE - service * self.rate;
        let wait = (Complex::new(self.utilisation(), 0.0) - service * self.rate) / (idle * s);
        let sojourn = wait + service * (1.0 - self.utilisation()) / idle;
        (wait, sojourn)
    }

    /// P(wait > t), by inversion of its transform; an error below 10⁻⁶ for service times without jumps.
    pub fn wait_tail(&self, t: f64) -> Result<f64> {
        if t <= 0.0 {
            return Ok(self.utilisation());
        }
        checked_at(t, self.transform.terms(), |s| self.tails_at(s).0)
    }

    /// The wait that a share `p` of requests does not exceed.
    pub fn wait_quantile(&self, p: f64) -> Result<f64> {
        if 1.0 - order(p)? >= self.utilisation() {
            return Ok(0.0);
        }
        self.quantile(p, |s| self.tails_at(s).0)
    }

    /// The sojourn time that a share `p` of requests does not exceed.
    pub fn sojourn_quantile(&self, p: f64) -> Result<f64> {
        self.quantile(order(p)?, |s| self.tails_at(s).1)
    }

    fn quantile(&self, p: f64, transform: impl Fn(Complex) -> Complex) -> Result<f64> {
        let terms = self.transform.terms();
        let tail = |t: f64| if t > 0.0 { function_at(t, terms, &transform) } else { 1.0 };
        let t = falls_to(1.0 - p, self.mean, tail);
        checked_at(t, terms, &transform).map(|_| t)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::all_agree;
    use super::super::{Mdc, Mmc};
    use super::*;
    use crate::dependency::Latency;
    use std::time::Duration;

    fn uniform() -> ServiceTime {
        Latency::Uniform(Duration::from_millis(300), Duration::from_millis(1200)).into()
    }

    #[test]
    fn gives_the_published_digits() {
        for (utilisation, printed, percentiles) in [
            (0.5, "420.000/1170.00/656.810/0.280000", "1279.48/1764.63/2877.86"),
            (0.7, "980.000/1730.00/1247.16/0.914667", "2609.79/3488.24/5528.07"),
            (0.8, "1680.00/2430.00/1960.20/1.79200", "4236.93/5604.82/8780.97"),
            (0.9, "3780.00/4530.00/4072.27/4.53600", "9086.35/11913.6/18478.1"),
        ] {
            let q = Mg1::new(utilisation / 0.75, uniform()).unwrap();
            let means = [q.mean_wait(), q.mean_sojourn(), q.wait_deviation()].map(|x| x.unwrap() * 1e3);
            all_agree(&[means[0], means[1], means[2], q.mean_waiting().unwrap()], printed);
            all_agree(&[0.9, 0.95, 0.99].map(|p| q.wait_quantile(p).unwrap() * 1e3), percentiles);
        }
    }

    #[test]
    fn exponential_service_is_m_m_1() {
        let service = ServiceTime::from(Latency::Exponential(Duration::from_millis(100)));
        for rho in [0.3, 0.9, 0.9999] {
            let (q, exact) =
                (Mg1::new(rho * 10.0, service.clone()).unwrap(), Mmc::new(1, rho * 10.0, 0.1).unwrap());
            assert!((q.mean_wait().unwrap() / exact.mean_wait() - 1.0).abs() < 1e-12);
            for p in [0.9, 0.99, 0.999] {
                let (wait, sojourn) = (q.wait_quantile(p).unwrap(), q.sojourn_quantile(p).unwrap());
                assert!((wait / exact.wait_quantile(p).unwrap() - 1.0).abs() < 1e-5, "{rho} {p}");
                assert!((sojourn / exact.sojourn_quantile(p).unwrap() - 1.0).abs() < 1e-5, "{rho} {p}");
            }
        }
    }

    #[test]
    fn almost_constant_service_is_almost_m_d_1() {
        let almost = Latency::Uniform(Duration::from_micros(99_900), Duration::from_micros(100_100));
        let (q, exact) = (Mg1::new(9.0, almost.into()).unwrap(), Mdc::new(1, 9.0, 0.1).unwrap());
        let (near, there) = (q.wait_quantile(0.99).unwrap(), exact.wait_quantile(0.99).unwrap());
        assert!((near / there - 1.0).abs() < 1e-4, "{near} {there}");
    }

    #[test]
    fn the_tail_of_any_service_time_has_the_mean_of_the_formula() {
        let ms = Duration::from_millis;
        for latency in [
            Latency::Lognormal { median: ms(50), p99: ms(200) },
            Latency::Pareto { min: ms(20), shape: 4.5 },
            Latency::Empirical(vec![(0.0, ms(10)), (0.5, ms(20)), (0.9, ms(40)), (1.0, ms(100))]),
        ] {
            let service = ServiceTime::from(latency);
            let q = Mg1::new(0.8 / service.mean().unwrap(), service).unwrap();
            // In ln t, midpoints, from e⁻⁷ to e⁴ seconds; before that the tail is almost straight.
            let step = 0.25;
            let middle = |i: i32| libm::exp(-7.0 + (f64::from(i) + 0.5) * step);
            let late: f64 = (0..44).map(middle).map(|t| step * t * q.wait_tail(t).unwrap()).sum();
            let first = libm::exp(-7.0);
            let area = late + 0.5 * first * (q.utilisation() + q.wait_tail(first).unwrap());
            let mean = q.mean_wait().unwrap();
            assert!((area / mean - 1.0).abs() < 1e-3, "{:?}: {area} {mean}", q.service);
        }
    }

    #[test]
    fn what_does_not_exist_is_not_computed() {
        let heavy = |shape| ServiceTime::from(Latency::Pareto { min: Duration::from_millis(10), shape });
        let q = Mg1::new(10.0, heavy(1.9)).unwrap();
        assert_eq!(q.mean_wait(), Err(NotApplicable::InfiniteMoment { order: 2 }));
        assert!(q.wait_quantile(0.99).unwrap() > 0.0, "percentiles exist where the mean does not");
        assert!(Mg1::new(10.0, heavy(0.9)).is_err());
        assert!(matches!(Mg1::new(1.5, uniform()), Err(NotApplicable::Unstable { .. })));
    }
}
