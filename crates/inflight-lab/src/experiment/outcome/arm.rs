//! One arm of an experiment: all its rounds together, and each in a few figures.

use super::Phase;
use super::shape::{Event, Finding, Heat, TailPoint, Timeline, supports, tail};
use crate::{
    audit::Audit,
    course::Stretch,
    record::{Ending, Record},
    theory::Beside,
    twin::Twin,
};
use hdrhistogram::Histogram;
use inflight_strategies::rt::Instant;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, time::Duration};

/// A run whose requests were sent later than this at the 99th percentile measured its driver, not its target.
pub const MAX_LATENESS_P99: Duration = Duration::from_millis(10);

/// Little's law may be off by this share before a run is called inconsistent: requests in flight at the edges of the
/// counted time are in one side of the equation only.
pub const MAX_LITTLE_ERROR: f64 = 0.05;

/// One arm: all its rounds together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ArmOutcome {
    /// Its name.
    pub name: String,
    /// What it is made of, in a few words, in the run's own scale.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack: Option<String>,
    /// Requests that should have started in the counted time.
    pub offered: u64,
    /// What became of them; sums to `offered`.
    pub endings: BTreeMap<Ending, u64>,
    /// Good answers per second; with an objective, those that met it.
    pub goodput_per_s: f64,
    /// Latency of good answers from the intended start. Percentiles are those of all rounds' requests together.
    pub completed: Latencies,
    /// Latency of every answer, good or not.
    pub answered: Latencies,
    /// How late requests were sent.
    pub lateness: Latencies,
    /// Waits for a permit inside the target, where there is one.
    pub wait: Option<Latencies>,
    /// What users went through who retry, over all their attempts; absent if they don't.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub users: Option<UsersOutcome>,
    /// Requests in flight, averaged over time.
    pub in_flight_mean: f64,
    /// The most requests in flight.
    pub in_flight_peak: u32,
    /// Little's law, checked.
    pub little: Little,
    /// The same in each round.
    pub rounds: Vec<RoundFigures>,
    /// Latency of good answers at a grid of quantiles, as far as their number supports it.
    pub tail: Vec<TailPoint>,
    /// The first round over time.
    pub timeline: Timeline,
    /// Latency of good answers over time, in the first round.
    pub heat: Heat,
    /// What happened in the first round, in order of time.
    pub events: Vec<Event>,
    /// What that means.
    pub findings: Vec<Finding>,
    /// What its driver says about itself: its connections in the first round, its worker and the machine in the worst; absent in
    /// virtual time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver: Option<Audit>,
    /// What formulas say about it.
    pub theory: Option<Beside>,
    /// The same requests in virtual time: those of the first round.
    pub twin: Option<Twin>,
}

/// One round of an arm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RoundFigures {
    /// Decided everything random in this round.
    pub seed: u64,
    /// As in [`ArmOutcome`], like all that follows.
    pub offered: u64,
    /// What became of them.
    pub endings: BTreeMap<Ending, u64>,
    /// Good answers per second.
    pub goodput_per_s: f64,
    /// Latency of good answers.
    pub completed: Latencies,
    /// Latency of every answer.
    pub answered: Latencies,
    /// How late requests were sent.
    pub lateness: Latencies,
    /// Waits for a permit.
    pub wait: Option<Latencies>,
    /// Requests in flight, averaged over time.
    pub in_flight_mean: f64,
    /// The most requests in flight.
    pub in_flight_peak: u32,
    /// Little's law, checked.
    pub little: Little,
    /// The phases in which claims were made.
    pub phases: Vec<PhaseFigures>,
}

/// One phase of one round: requests that should have started in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PhaseFigures {
    /// The phase's name.
    pub name: String,
    /// Requests that should have started in it.
    pub offered: u64,
    /// Good answers to them, per second of the phase.
    pub goodput_per_s: f64,
    /// Median latency of these answers in nanoseconds.
    pub p50_ns: u64,
    /// 95th percentile.
    pub p95_ns: u64,
    /// 99th percentile.
    pub p99_ns: u64,
    /// Requests in flight, averaged over the phase.
    pub in_flight_mean: f64,
}

/// A distribution of durations in a few numbers; all zero if there were none.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Latencies {
    /// How many.
    pub count: u64,
    /// Mean in nanoseconds.
    pub mean_ns: u64,
    /// Median in nanoseconds.
    pub p50_ns: u64,
    /// 95th percentile in nanoseconds.
    pub p95_ns: u64,
    /// 99th percentile in nanoseconds.
    pub p99_ns: u64,
    /// 99.9th percentile in nanoseconds, if there are enough of them: ten lie beyond it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p999_ns: Option<u64>,
    /// Largest in nanoseconds.
    pub max_ns: u64,
    /// What lies above this quantile is a lower bound: so many requests timed out, or had no answer when the driver stopped
    /// waiting, that nobody knows how long they would have taken. Absent if there were none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lower_bound_above: Option<f64>,
}

impl Latencies {
    /// Reads them off a histogram of microseconds.
    pub fn of(histogram: &Histogram<u64>) -> Latencies {
        let at = |q| histogram.value_at_quantile(q) * 1000;
        Latencies {
            count: histogram.len(),
            mean_ns: (histogram.mean() * 1e3) as u64,
            p50_ns: at(0.5),
            p95_ns: at(0.95),
            p99_ns: at(0.99),
            p999_ns: supports(histogram.len(), 0.999).then(|| at(0.999)),
            max_ns: histogram.max() * 1000,
            lower_bound_above: None,
        }
    }

    /// The same where `missing` more would have been in it, had they not been cut short.
    pub fn without(self, missing: u64) -> Latencies {
        let share = self.count as f64 / (self.count + missing).max(1) as f64;
        Latencies { lower_bound_above: (missing > 0).then_some(share), ..self }
    }

    /// Whether the quantile `quantile` is a lower bound only.
    pub fn is_lower_bound(&self, quantile: f64) -> bool {
        self.lower_bound_above.is_some_and(|share| quantile > share)
    }
}

/// What users went through who retry. Those who were still trying at the end are not in it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct UsersOutcome {
    /// From the intended start of the first attempt to the good answer.
    pub served: Latencies,
    /// How many got no good answer from any of their attempts.
    pub gave_up: u64,
}

/// L = λ·W, both sides measured on their own.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Little {
    /// L: the time average of a gauge.
    pub in_flight: f64,
    /// λ·W: from the log of requests.
    pub lambda_w: f64,
    /// (λ·W − L)/L.
    pub error: f64,
}

impl Little {
    /// Of a record.
    pub fn of(record: &Record) -> Little {
        let (in_flight, lambda_w) = (record.in_flight_mean(), record.lambda_w());
        let error = if in_flight > 0.0 { lambda_w / in_flight - 1.0 } else { 0.0 };
        Little { in_flight, lambda_w, error }
    }
}

impl RoundFigures {
    /// Sums a round's record up; of those of `phases` whose books were kept, too.
    pub fn of(seed: u64, record: &Record, phases: &[Phase]) -> RoundFigures {
        let arm = ArmOutcome::figures(record);
        RoundFigures {
            seed,
            offered: arm.offered,
            endings: arm.endings,
            goodput_per_s: arm.goodput_per_s,
            completed: arm.completed,
            answered: arm.answered,
            lateness: arm.lateness,
            wait: arm.wait,
            in_flight_mean: arm.in_flight_mean,
            in_flight_peak: arm.in_flight_peak,
            little: arm.little,
            phases: phases.iter().filter_map(|phase| PhaseFigures::of(phase, record)).collect(),
        }
    }
}

impl PhaseFigures {
    /// `None` if no books were kept of this phase.
    fn of(phase: &Phase, record: &Record) -> Option<PhaseFigures> {
        let ns = |at: Instant| (at - record.start()).as_nanos() as u64;
        let is_it = |s: &&Stretch| (ns(s.from), ns(s.to)) == (phase.from_ns, phase.to_ns);
        let stretch = record.course.stretches.iter().find(is_it)?;
        let seconds = stretch.length().as_secs_f64();
        let quantile = |q| (stretch.completed.quantile_us(q).unwrap_or(0.0) * 1e3) as u64;
        Some(PhaseFigures {
            name: phase.name.clone(),
            offered: stretch.offered,
            goodput_per_s: stretch.in_time as f64 / seconds,
            p50_ns: quantile(0.5),
            p95_ns: quantile(0.95),
            p99_ns: quantile(0.99),
            in_flight_mean: stretch.in_flight_ns as f64 / (seconds * 1e9),
        })
    }
}

impl ArmOutcome {
    /// Sums a record up; it may be one of several rounds, put together. Rounds, events, theory and twin are left open.
    pub fn of(name: &str, record: &Record) -> ArmOutcome {
        ArmOutcome {
            name: name.into(),
            tail: tail(&record.completed),
            timeline: Timeline::of(record),
            heat: Heat::of(record),
            ..ArmOutcome::figures(record)
        }
    }

    /// The same without a name and without its course over time.
    pub(in crate::experiment) fn figures(record: &Record) -> ArmOutcome {
        let ended = |ending| record.endings.get(&ending).copied().unwrap_or(0);
        let unfinished = ended(Ending::Unfinished);
        ArmOutcome {
            name: String::new(),
            offered: record.offered,
            endings: record.endings.clone(),
            goodput_per_s: record.in_time as f64 / record.counted().as_secs_f64().max(1e-9),
            completed: Latencies::of(&record.completed)
                .without(ended(Ending::TimedOut) + ended(Ending::Abandoned) + unfinished),
            answered: Latencies::of(&record.answered).without(ended(Ending::Abandoned) + unfinished),
            lateness: Latencies::of(&record.lateness),
            wait: (!record.wait.is_empty()).then(|| Latencies::of(&record.wait)),
            users: record
                .users
                .as_ref()
                .map(|u| UsersOutcome { served: Latencies::of(&u.served), gave_up: u.gave_up }),
            in_flight_mean: record.in_flight_mean(),
            in_flight_peak: record.in_flight_peak(),
            little: Little::of(record),
            rounds: Vec::new(),
            tail: Vec::new(),
            timeline: Timeline::default(),
            heat: Heat::default(),
            events: Vec::new(),
            findings: Vec::new(),
            driver: record.effort.and_then(|effort| Audit::of(record, effort)),
            stack: None,
            theory: None,
            twin: None,
        }
    }

    /// How many requests ended so.
    pub fn ended(&self, ending: Ending) -> u64 {
        self.endings.get(&ending).copied().unwrap_or(0)
    }

    /// The share of the offered requests that ended so.
    pub fn share(&self, ending: Ending) -> f64 {
        self.ended(ending) as f64 / self.offered.max(1) as f64
    }

    /// Why this arm's figures cannot be trusted, if they cannot; [`Validity::of`](super::Validity::of) says whose they are.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.offered == 0 {
            problems.push("nothing was offered in the counted time".into());
        }
        let answered: u64 = self.endings.iter().filter(|(e, _)| e.is_answer()).map(|(_, n)| n).sum();
        if self.offered > 0 && answered == 0 {
            problems.push(format!("not one of {} requests was answered", self.offered));
        }
        let sum: u64 = self.endings.values().sum();
        if sum != self.offered {
            problems.push(format!("offered {} but the outcomes sum to {sum}", self.offered));
        }
        if u128::from(self.lateness.p99_ns) > MAX_LATENESS_P99.as_nanos() {
            let late = self.lateness.p99_ns as f64 / 1e6;
            problems.push(format!(
                "the driver was late, {late:.1} ms at p99 (at most {} ms): the machine was too busy",
                MAX_LATENESS_P99.as_millis()
            ));
        }
        problems.extend(self.driver.iter().filter_map(Audit::problem));
        if self.ended(Ending::Exhausted) > 0 {
            let n = self.ended(Ending::Exhausted);
            problems.push(format!("the driver ran out of ports or file descriptors {n} times"));
        }
        if self.ended(Ending::Unfinished) == 0 && self.little.error.abs() > MAX_LITTLE_ERROR {
            problems.push(format!(
                "Little's law is off by {:.1} %: in flight {:.2}, λ·W {:.2}",
                self.little.error * 100.0,
                self.little.in_flight,
                self.little.lambda_w
            ));
        }
        problems
    }
}
