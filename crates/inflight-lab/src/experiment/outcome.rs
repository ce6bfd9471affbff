//! What a run found, as plain data: what is saved, shown and compared.

use super::Document;
use crate::{
    audit::Audit,
    record::{Ending, Record, Tick},
    sim::Trace,
    theory::Beside,
    twin::{TimerError, Twin},
};
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, time::Duration};

/// The version of `run.json`. Older ones are read as well: 1 knew no world but the live one, and no twins.
pub const SCHEMA: u32 = 2;

/// A run whose requests were sent later than this at the 99th percentile measured its driver, not its target.
pub const MAX_LATENESS_P99: Duration = Duration::from_millis(10);

/// Little's law may be off by this share before a run is called inconsistent: requests in flight at the edges of the
/// counted time are in one side of the equation only.
pub const MAX_LITTLE_ERROR: f64 = 0.05;

/// A whole run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunOutcome {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Names the run and its directory.
    pub id: String,
    /// The version of Inflight that made it.
    pub version: String,
    /// The experiment's name.
    pub experiment: String,
    /// What it asked.
    pub question: Option<String>,
    /// When it started, seconds since 1970 (UTC).
    pub started_unix_s: u64,
    /// Where it took place.
    #[serde(default)]
    pub world: RunWorld,
    /// The machine: processors, system.
    pub machine: String,
    /// Decided everything random.
    pub seed: u64,
    /// Durations were multiplied by this, rates divided.
    pub time_scale: f64,
    /// How late this machine's timers were just before the run.
    #[serde(default)]
    pub timers: Option<TimerError>,
    /// What was offered, in words.
    pub workload: String,
    /// Length of the counted part in nanoseconds.
    pub counted_ns: u64,
    /// Whether every planned arm was measured to its end.
    pub complete: bool,
    /// Whether its figures can be trusted.
    pub validity: Validity,
    /// The arms, in their file's order.
    pub arms: Vec<ArmOutcome>,
}

/// The world in which a run took place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunWorld {
    /// Real requests to a real server, in real time.
    #[default]
    Live,
    /// Virtual time: the same code, no machine.
    Virtual(VirtualTime),
}

/// What a run in virtual time was like. Equal runs are equal in this, too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VirtualTime {
    /// How long it lasted in virtual nanoseconds, all arms together.
    pub elapsed_ns: u64,
    /// A hash of all events of all arms, in hexadecimal.
    pub hash: String,
}

impl VirtualTime {
    /// Of the worlds of a run's arms.
    pub fn of(arms: &[Trace]) -> VirtualTime {
        let (elapsed_ns, hash) = arms.iter().fold((0, 0_u64), |(elapsed, hash), trace| {
            (elapsed + trace.ended.as_nanos(), hash.rotate_left(5) ^ trace.hash)
        });
        VirtualTime { elapsed_ns, hash: format!("{hash:016x}") }
    }
}

/// Whether a run's figures can be trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Validity {
    /// Why not; empty if they can.
    pub problems: Vec<String>,
}

/// One arm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArmOutcome {
    /// Its name.
    pub name: String,
    /// Requests that should have started in the counted time.
    pub offered: u64,
    /// What became of them; sums to `offered`.
    pub endings: BTreeMap<Ending, u64>,
    /// Good answers per second; with an objective, those that met it.
    pub goodput_per_s: f64,
    /// Latency of good answers from the intended start.
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
    /// The run in tenths of a second.
    pub timeline: Vec<Tick>,
    /// What its driver says about itself; absent in virtual time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver: Option<Audit>,
    /// What formulas say about it.
    #[serde(default)]
    pub theory: Option<Beside>,
    /// The same requests in virtual time.
    #[serde(default)]
    pub twin: Option<Twin>,
}

/// A distribution of durations in a few numbers; all zero if there were none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Largest in nanoseconds.
    pub max_ns: u64,
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
            max_ns: histogram.max() * 1000,
        }
    }
}

/// What users went through who retry. Those who were still trying at the end are not in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UsersOutcome {
    /// From the intended start of the first attempt to the good answer.
    pub served: Latencies,
    /// How many got no good answer from any of their attempts.
    pub gave_up: u64,
}

/// L = λ·W, both sides measured on their own.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Little {
    /// L: the time average of a gauge.
    pub in_flight: f64,
    /// λ·W: from the log of requests.
    pub lambda_w: f64,
    /// (λ·W − L)/L.
    pub error: f64,
}

impl ArmOutcome {
    /// Sums a record up.
    pub fn of(name: &str, record: &Record) -> ArmOutcome {
        let (in_flight, lambda_w) = (record.in_flight_mean(), record.lambda_w());
        let error = if in_flight > 0.0 { lambda_w / in_flight - 1.0 } else { 0.0 };
        ArmOutcome {
            name: name.into(),
            offered: record.offered,
            endings: record.endings.clone(),
            goodput_per_s: record.in_time as f64 / record.counted().as_secs_f64().max(1e-9),
            completed: Latencies::of(&record.completed),
            answered: Latencies::of(&record.answered),
            lateness: Latencies::of(&record.lateness),
            wait: (!record.wait.is_empty()).then(|| Latencies::of(&record.wait)),
            users: record
                .users
                .as_ref()
                .map(|u| UsersOutcome { served: Latencies::of(&u.served), gave_up: u.gave_up }),
            in_flight_mean: in_flight,
            in_flight_peak: record.in_flight_peak(),
            little: Little { in_flight, lambda_w, error },
            timeline: record.timeline.clone(),
            driver: None,
            theory: None,
            twin: None,
        }
    }

    /// Sets theory beside every arm of a run of the experiment `document`.
    pub fn set_theory(arms: &mut [ArmOutcome], document: &Document) {
        for arm in arms {
            arm.theory = document.number_of(&arm.name).map(|number| Beside::of(document, number));
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

    /// Why this arm's figures cannot be trusted, if they cannot.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.offered == 0 {
            problems.push(format!("{}: nothing was offered in the counted time", self.name));
        }
        let answered: u64 = self.endings.iter().filter(|(e, _)| e.is_answer()).map(|(_, n)| n).sum();
        if self.offered > 0 && answered == 0 {
            problems.push(format!("{}: not one of {} requests was answered", self.name, self.offered));
        }
        let sum: u64 = self.endings.values().sum();
        if sum != self.offered {
            problems.push(format!("{}: offered {} but the outcomes sum to {sum}", self.name, self.offered));
        }
        if u128::from(self.lateness.p99_ns) > MAX_LATENESS_P99.as_nanos() {
            let late = self.lateness.p99_ns as f64 / 1e6;
            problems.push(format!(
                "{}: the driver was late, {late:.1} ms at p99 (at most {} ms): the machine was too busy",
                self.name,
                MAX_LATENESS_P99.as_millis()
            ));
        }
        problems.extend(
            self.driver.iter().filter_map(Audit::problem).map(|problem| format!("{}: {problem}", self.name)),
        );
        if self.ended(Ending::Exhausted) > 0 {
            let n = self.ended(Ending::Exhausted);
            problems
                .push(format!("{}: the driver ran out of ports or file descriptors {n} times", self.name));
        }
        if self.ended(Ending::Unfinished) == 0 && self.little.error.abs() > MAX_LITTLE_ERROR {
            problems.push(format!(
                "{}: Little's law is off by {:.1} %: in flight {:.2}, λ·W {:.2}",
                self.name,
                self.little.error * 100.0,
                self.little.in_flight,
                self.little.lambda_w
            ));
        }
        problems
    }
}
