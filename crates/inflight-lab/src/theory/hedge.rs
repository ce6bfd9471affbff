//! Hedging without queueing: a second try after a delay, the first answer wins, the loser is cancelled. Dean and Barroso
//! (2013), "The Tail at Scale". Both tries are independent draws from the same service time, and nobody waits.

use super::{
    not_applicable::{NotApplicable, Result, order, positive},
    numeric::{falls_to, integral},
    service_time::ServiceTime,
};

/// A hedged call. Times in seconds.
#[derive(Clone, Debug)]
pub struct Hedged {
    service: ServiceTime,
    delay: f64,
}

impl Hedged {
    /// A second try `delay` after the first, unless there is an answer by then.
    pub fn new(service: ServiceTime, delay: f64) -> Result<Hedged> {
        if !(delay >= 0.0 && delay.is_finite()) {
            return Err(NotApplicable::OutsideDomain("a delay of zero or more"));
        }
        Ok(Hedged { service, delay })
    }

    /// P(latency > t): neither try has answered.
    pub fn tail(&self, t: f64) -> f64 {
        let second = if t < self.delay { 1.0 } else { self.service.tail(t - self.delay) };
        self.service.tail(t) * second
    }

    /// The latency that a share `p` of requests does not exceed.
    pub fn quantile(&self, p: f64) -> Result<f64> {
        let scale = self.service.quantile(order(p)?)?;
        Ok(falls_to(1.0 - p, scale, |t| self.tail(t)))
    }

    /// The share of requests that is sent a second time: the extra load.
    pub fn extra_load(&self) -> f64 {
        self.service.tail(self.delay)
    }

    /// The mean latency: the service time's, less ∫ P(first > t)·P(second ≤ t − delay) dt.
    pub fn mean(&self) -> Result<f64> {
        let mean = self.service.mean()?;
        let end = self.service.quantile(1.0 - 1e-12)?.min(1e9 * mean);
        let begin = self.gains_from().min(end);
        let gain = |t: f64| self.service.tail(t) * (1.0 - self.service.tail(t - self.delay));
        // From decade to decade, because tails are long and their bulk is short.
        let (mut low, mut width, mut sum) = (begin, mean, 0.0);
        while low < end {
            let high = (low + width).min(end);
            sum += integral(low, high, 1e-10 * mean, &gain);
            (low, width) = (high, 4.0 * width);
        }
        Ok(mean - sum)
    }

    /// The first moment at which a second try can answer: a delay later than the longest service time less the shortest
    /// cannot help at all.
    pub fn gains_from(&self) -> f64 {
        self.delay + self.service.shortest()
    }

    /// Whether the second try can ever be first.
    pub fn can_help(&self) -> bool {
        self.service.tail(self.gains_from()) > 0.0
    }
}

/// The hedged share after which a delay is called: the delay by which a share `p` of requests has answered.
pub fn delay_at(service: &ServiceTime, p: f64) -> Result<f64> {
    positive(service.quantile(p)?, "a service time above zero")
}

#[cfg(test)]
mod tests {
    use super::super::testing::{agrees, all_agree};
    use super::*;
    use crate::dependency::Latency;
    use std::time::Duration;

    fn exponential() -> ServiceTime {
        Latency::Exponential(Duration::from_millis(100)).into()
    }

    fn uniform() -> ServiceTime {
        Latency::Uniform(Duration::from_millis(300), Duration::from_millis(1200)).into()
    }

    #[test]
    fn gives_the_published_digits() {
        let delay = delay_at(&exponential(), 0.95).unwrap();
        agrees(delay * 1e3, "299.573");
        let hedged = Hedged::new(exponential(), delay).unwrap();
        let percentiles = [0.99, 0.999].map(|p| hedged.quantile(p).unwrap() * 1e3);
        all_agree(&percentiles, "380.045, 495.174");
        let alone = [0.99, 0.999].map(|p| exponential().quantile(p).unwrap() * 1e3);
        all_agree(&alone, "460.517, 690.776");
        agrees(hedged.mean().unwrap() * 1e3, "97.5000");
        agrees(hedged.extra_load() * 100.0, "5.0000");
    }

    #[test]
    fn a_hedge_of_service_b_later_than_900_ms_cannot_help() {
        let alone = uniform();
        for delay in [0.9, 1.0, 1.1] {
            let hedged = Hedged::new(uniform(), delay).unwrap();
            assert!(!hedged.can_help());
            assert!(hedged.extra_load() > 0.0, "but it costs");
            assert!((hedged.mean().unwrap() - 0.75).abs() < 1e-12);
            for p in [0.5, 0.95, 0.99, 0.999] {
                assert!((hedged.quantile(p).unwrap() - alone.quantile(p).unwrap()).abs() < 1e-9);
            }
        }
        let earlier = Hedged::new(uniform(), 0.8).unwrap();
        assert!(earlier.can_help() && earlier.quantile(0.999).unwrap() < alone.quantile(0.999).unwrap());
    }

    #[test]
    fn a_hedge_at_once_takes_the_faster_of_two() {
        let hedged = Hedged::new(exponential(), 0.0).unwrap();
        agrees(hedged.mean().unwrap() * 1e3, "50.0000000");
        // E[min] of two U(300, 1200): 300 + 900/3.
        agrees(Hedged::new(uniform(), 0.0).unwrap().mean().unwrap() * 1e3, "600.000000");
        assert_eq!(hedged.extra_load(), 1.0);
    }
}
