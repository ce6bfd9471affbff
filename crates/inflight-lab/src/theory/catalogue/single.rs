//! Formulas about requests that do not wait for each other.

use super::Formula;
use crate::{
    dependency::{Latency, Profile},
    stack::Calls,
    theory::{Hedged, ServiceTime, SleepingPair, Value, delay_at, success_within},
};
use Value::{Count, Seconds, Share};
use std::time::Duration;

/// A service that only sleeps.
pub static NO_QUEUE: Formula = Formula {
    name: "no-queue",
    gives: "M/G/infinity: latency, number in flight and the share within a timeout, of a service that only sleeps",
    formula: "latency = service time, at any rate;  in flight = rate * (1 - errors) * S;  within t = (1 - errors) * P(X <= t)",
    domain: "a service without contention and nothing in front of it; any arrivals; errors come at once",
    source: "definition; insensitivity of M/G/infinity: Takacs 1962",
    given: "uniform between 300 and 1200 ms, 5% errors, 30/s, a timeout of 600 ms",
    example: || {
        let (b, errors) = (Profile::service_b(), Profile::service_b().errors.value());
        let time = ServiceTime::from(&b);
        Ok(vec![
            ("latency p99 of good answers", Seconds(time.quantile(0.99)?)),
            ("mean in flight", Count(30.0 * (1.0 - errors) * time.mean()?)),
            ("good within the timeout", Share(success_within(&b, 0.6))),
        ])
    },
};

/// Two calls.
pub static PARALLEL_CALLS: Formula = Formula {
    name: "parallel-calls",
    gives: "latency of an endpoint that calls A and B, one after the other or at the same time",
    formula: "in sequence: A + B;  in parallel: max(A, B), P(max <= t) = P(A <= t) * P(B <= t), E[max] = E[A] + E[B] - E[min]",
    domain: "A and B independent and without contention; latency of good answers",
    source: "elementary probability",
    given: "A uniform between 50 and 150 ms, B between 300 and 1200 ms, 5% of B fail at once",
    example: || {
        let pair = |calls| SleepingPair::new(calls, &Profile::service_a(), &Profile::service_b());
        let (sequence, parallel) = (pair(Calls::Sequential), pair(Calls::Parallel));
        Ok(vec![
            ("mean, in sequence", Seconds(sequence.mean()?)),
            ("p99, in sequence", Seconds(sequence.quantile(0.99)?)),
            ("mean, in parallel", Seconds(parallel.mean()?)),
            ("p99, in parallel", Seconds(parallel.quantile(0.99)?)),
            ("mean time inside, in sequence", Seconds(sequence.mean_inside()?)),
            ("mean time inside, in parallel", Seconds(parallel.mean_inside()?)),
        ])
    },
};

/// A second try.
pub static HEDGING: Formula = Formula {
    name: "hedging",
    gives: "percentiles and mean of a call that is tried a second time after a delay, and what that costs",
    formula: "P(latency > t) = P(X > t) * P(X > t - delay);  extra load = P(X > delay);  helps only if delay + shortest < longest",
    domain: "independent tries; no queueing, so the extra load slows nobody down; the loser is cancelled",
    source: "Dean and Barroso 2013",
    given: "exponential with mean 100 ms, hedged after its p95; then U(300, 1200) ms hedged after 900 ms",
    example: || {
        let time = ServiceTime::from(Latency::Exponential(Duration::from_millis(100)));
        let delay = delay_at(&time, 0.95)?;
        let hedged = Hedged::new(time.clone(), delay)?;
        let late = Hedged::new(ServiceTime::from(&Profile::service_b()), 0.9)?;
        Ok(vec![
            ("hedged after", Seconds(delay)),
            ("p99 without", Seconds(time.quantile(0.99)?)),
            ("p99 with", Seconds(hedged.quantile(0.99)?)),
            ("mean with", Seconds(hedged.mean()?)),
            ("extra load", Share(hedged.extra_load())),
            ("too late: p99 with", Seconds(late.quantile(0.99)?)),
            ("too late: extra load", Share(late.extra_load())),
        ])
    },
};
