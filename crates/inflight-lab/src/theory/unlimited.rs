//! Services that only sleep: M/G/∞. Nothing queues, so latency is the work alone and everything else follows from it.
//! Two of them in sequence or in parallel are an endpoint of the lab.

use super::{
    not_applicable::{Result, order},
    numeric::{falls_to, integral},
    service_time::ServiceTime,
};
use crate::{dependency::Profile, stack::Calls};

/// The share of requests to a sleeping service that succeeds within `limit` seconds: P(no error)·P(X ≤ limit).
pub fn success_within(profile: &Profile, limit: f64) -> f64 {
    (1.0 - profile.errors.value()) * (1.0 - ServiceTime::from(profile).tail(limit))
}

/// An endpoint that calls two sleeping services. Times in seconds.
#[derive(Clone, Debug)]
pub struct SleepingPair {
    calls: Calls,
    a: ServiceTime,
    b: ServiceTime,
    /// The shares of calls that fail at once.
    errors: [f64; 2],
}

impl SleepingPair {
    /// Calls `a` and `b` in this manner; the first failure is the answer.
    pub fn new(calls: Calls, a: &Profile, b: &Profile) -> SleepingPair {
        SleepingPair { calls, a: a.into(), b: b.into(), errors: [a.errors.value(), b.errors.value()] }
    }

    /// The share that neither service fails.
    pub fn success(&self) -> f64 {
        (1.0 - self.errors[0]) * (1.0 - self.errors[1])
    }

    /// The share that succeeds within `limit` seconds.
    pub fn success_within(&self, limit: f64) -> f64 {
        self.success() * (1.0 - self.tail(limit))
    }

    /// P(latency > t) of those that succeed.
    pub fn tail(&self, t: f64) -> f64 {
        match self.calls {
            Calls::Parallel | Calls::Joined => 1.0 - (1.0 - self.a.tail(t)) * (1.0 - self.b.tail(t)),
            Calls::Sequential => self.sum_tail(t),
        }
    }

    /// P(A + B > t) = P(A > t) + ∫ P(B > t − x) dP(A ≤ x), over A's percentiles.
    fn sum_tail(&self, t: f64) -> f64 {
        const POINTS: u32 = 400;
        let at = |i: u32| {
            let p = (f64::from(i) + 0.5) / f64::from(POINTS);
            self.a.quantile(p).unwrap_or(0.0)
        };
        (0..POINTS).map(|i| self.b.tail(t - at(i))).sum::<f64>() / f64::from(POINTS)
    }

    /// The latency that a share `p` of those that succeed does not exceed.
    pub fn quantile(&self, p: f64) -> Result<f64> {
        Ok(falls_to(1.0 - order(p)?, self.a.quantile(p)? + self.b.quantile(p)?, |t| self.tail(t)))
    }

    /// The mean latency of those that succeed: the larger of two, or the sum.
    pub fn mean(&self) -> Result<f64> {
        let (a, b) = (self.a.mean()?, self.b.mean()?);
        Ok(match self.calls {
            Calls::Sequential => a + b,
            // E[max] = E[A] + E[B] − E[min].
            Calls::Parallel | Calls::Joined => a + b - self.mean_of_faster()?,
        })
    }

    fn mean_of_faster(&self) -> Result<f64> {
        let end = self.a.quantile(1.0 - 1e-12)?.min(self.b.quantile(1.0 - 1e-12)?);
        Ok(integral(0.0, end, 1e-10 * end, &|t| self.a.tail(t) * self.b.tail(t)))
    }

    /// The mean time that a request is inside, failures included, which leave at once or, in sequence, after A.
    pub fn mean_inside(&self) -> Result<f64> {
        let [_, b] = self.errors;
        let survives_a = 1.0 - self.errors[0];
        Ok(match self.calls {
            Calls::Sequential => survives_a * (self.a.mean()? + (1.0 - b) * self.b.mean()?),
            Calls::Parallel | Calls::Joined => self.success() * self.mean()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::agrees;
    use super::*;

    fn pair(calls: Calls) -> SleepingPair {
        SleepingPair::new(calls, &Profile::service_a(), &Profile::service_b())
    }

    #[test]
    fn service_b_answers_within_600_ms_for_a_third_of_95_percent() {
        agrees(success_within(&Profile::service_b(), 0.6), "0.31666667");
        agrees(pair(Calls::Parallel).success_within(0.6), "0.31666667");
    }

    #[test]
    fn the_original_endpoints_have_the_latency_of_their_sum_and_of_their_larger_call() {
        let (sync, parallel) = (pair(Calls::Sequential), pair(Calls::Parallel));
        agrees(sync.mean().unwrap(), "0.8500000");
        agrees(parallel.mean().unwrap(), "0.7500000");
        agrees(parallel.quantile(0.99).unwrap(), "1.1910000");
        agrees(sync.quantile(0.5).unwrap(), "0.850000");
        // Over the last 100 ms of A + B its tail is (1350 − t)²/(2·100·900): p99 at 1350 − √1800.
        let p99 = 1.35 - 1e-3 * 1800.0_f64.sqrt();
        assert!((sync.quantile(0.99).unwrap() - p99).abs() < 1e-5, "{}", sync.quantile(0.99).unwrap());
        agrees(sync.mean_inside().unwrap(), "0.8125000");
        agrees(parallel.mean_inside().unwrap(), "0.7125000");
    }
}
