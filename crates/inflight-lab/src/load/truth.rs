//! What a driver must find: latencies that follow from a schedule alone, for targets whose behaviour is known exactly.
//!
//! `inflight target` behaves like this, and `inflight load --selftest` holds the driver to it. Time counts from the first
//! request's arrival, so that nothing depends on when either of the two programs was started.

use crate::{dependency::Latency, draws::Stream};
use std::time::Duration;

/// A target that stops altogether now and then: nothing is read or answered meanwhile.
#[derive(Clone, Debug, PartialEq)]
pub struct Stalls {
    /// When the first begins, after the first request's arrival.
    pub first: Duration,
    /// From the beginning of one to the beginning of the next.
    pub every: Duration,
    /// How long each lasts; never longer than nine tenths of `every`.
    pub length: Latency,
    /// Decides lengths that are random.
    pub seed: u64,
}

impl Stalls {
    /// When stall number `k` begins and ends.
    pub fn nth(&self, k: u64) -> (Duration, Duration) {
        let start = self.first + self.every.mul_f64(k as f64);
        let drawn = self.length.draw(&mut Stream::new(self.seed, "target.stall").dice(k));
        (start, start + drawn.min(self.every.mul_f64(0.9)))
    }

    /// How long a request that arrives at `at` waits for the end of a stall.
    pub fn wait(&self, at: Duration) -> Duration {
        let Some(since) = at.checked_sub(self.first) else { return Duration::ZERO };
        let (_, end) = self.nth((since.as_nanos() / self.every.as_nanos().max(1)) as u64);
        end.saturating_sub(at)
    }
}

/// A single server, first come, first served.
#[derive(Clone, Debug, PartialEq)]
pub struct SingleServer {
    /// How long it works for each request.
    pub work: Latency,
    /// Decides work that is random.
    pub seed: u64,
    served: u64,
    free_at: Duration,
}

impl SingleServer {
    /// An idle one.
    pub fn new(work: Latency, seed: u64) -> SingleServer {
        SingleServer { work, seed, served: 0, free_at: Duration::ZERO }
    }

    /// Takes the next request, which arrives at `at`, and returns how long it waits and when it is done. Arrivals are in
    /// order. (Lindley's recursion: D. V. Lindley, "The theory of queues with a single server", 1952.)
    pub fn take(&mut self, at: Duration) -> (Duration, Duration) {
        let begin = self.free_at.max(at);
        self.free_at = begin + self.work.draw(&mut Stream::new(self.seed, "target.work").dice(self.served));
        self.served += 1;
        (begin - at, self.free_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::Arrivals;
    use inflight_strategies::units::Rate;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn who_arrives_in_a_stall_waits_for_its_end() {
        let stalls = Stalls { first: ms(2500), every: ms(5000), length: Latency::Constant(ms(500)), seed: 1 };
        let waits = [0, 2499, 2500, 2800, 3000, 7400, 7600].map(|at| stalls.wait(ms(at)).as_millis());
        assert_eq!(waits, [0, 0, 500, 200, 0, 0, 400]);
    }

    #[test]
    fn a_stall_never_reaches_the_next() {
        let stalls = Stalls { first: ms(0), every: ms(100), length: Latency::Exponential(ms(90)), seed: 3 };
        for k in 0..1000 {
            assert!(stalls.nth(k).1 < stalls.nth(k + 1).0, "{k}");
        }
    }

    #[test]
    fn random_lengths_differ_and_repeat() {
        let with = |seed| {
            let length = Latency::Uniform(ms(100), ms(900));
            let stalls = Stalls { first: ms(0), every: ms(5000), length, seed };
            (0..5).map(|k| stalls.nth(k).1).collect::<Vec<_>>()
        };
        assert_eq!(with(1), with(1));
        assert_ne!(with(1), with(2));
    }

    #[test]
    fn a_single_server_waits_as_pollaczek_and_khinchine_say() {
        for work in [Latency::Constant(ms(1)), Latency::Exponential(ms(1))] {
            let mut server = SingleServer::new(work.clone(), 7);
            let arrivals = Arrivals::Poisson(Rate::per_second(700.0).expect("a rate"));
            let (mut sum, mut n) = (0.0, 0.0);
            for (_, at) in arrivals.schedule(7, Duration::from_secs(2000)) {
                sum += server.take(at).0.as_secs_f64();
                n += 1.0;
            }
            // ρ(1 + c²)/(2(1 − ρ)) in units of the work.
            let c2 = if matches!(work, Latency::Constant(_)) { 0.0 } else { 1.0 };
            let mean = 0.7 * (1.0 + c2) / (2.0 * 0.3) * 1e-3;
            assert!((sum / n / mean - 1.0).abs() < 0.02, "{work:?}: {} s, {mean} s", sum / n);
        }
    }
}
