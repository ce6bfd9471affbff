//! What is tuned: four numbers, and the layers that they become.

use crate::stack::{Calls, EndpointSpec, LayerSpec};
use inflight_strategies::{
    limit::{self, MAX_PERMITS, MAX_WAIT},
    queue::Bound,
    timeout,
    units::format_duration,
};
use serde::{Deserialize, Serialize};
use std::{fmt, time::Duration};

/// A limit around Service B with its queue and the longest wait in it, and a time limit around the whole. The order is that
/// of tightness: of two that do equally well the smaller one protects more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Candidate {
    /// How many at once.
    pub permits: u32,
    /// How many may wait.
    pub queue: u32,
    /// How long, in nanoseconds.
    pub max_wait_ns: u64,
    /// When a request is given up, in nanoseconds.
    pub timeout_ns: u64,
}

/// One of a candidate's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Knob {
    /// How many at once.
    Limit,
    /// How many may wait.
    Queue,
    /// How long.
    Wait,
    /// When a request is given up.
    Timeout,
}

impl Knob {
    /// Every knob, in the order in which they are shown.
    pub const ALL: [Knob; 4] = [Knob::Limit, Knob::Queue, Knob::Wait, Knob::Timeout];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Knob::Limit => "limit",
            Knob::Queue => "queue",
            Knob::Wait => "max-wait",
            Knob::Timeout => "timeout",
        }
    }

    /// `value` of this knob as text, with its unit.
    pub fn text(self, value: u64) -> String {
        match self {
            Knob::Limit | Knob::Queue => value.to_string(),
            Knob::Wait | Knob::Timeout => format_duration(Duration::from_nanos(value)),
        }
    }

    /// By which factor a first step from one value to the next goes.
    pub(super) fn stride(self) -> f64 {
        match self {
            Knob::Limit => 1.12,
            Knob::Queue => 1.5,
            Knob::Wait => 1.4,
            Knob::Timeout => 1.2,
        }
    }
}

impl Candidate {
    /// The value of `knob`.
    pub fn get(&self, knob: Knob) -> u64 {
        match knob {
            Knob::Limit => self.permits.into(),
            Knob::Queue => self.queue.into(),
            Knob::Wait => self.max_wait_ns,
            Knob::Timeout => self.timeout_ns,
        }
    }

    /// The same with `knob` at `value`, or at the nearest value that it can have.
    pub fn with(mut self, knob: Knob, value: f64) -> Candidate {
        let count = |least: f64| value.round().clamp(least, f64::from(MAX_PERMITS)) as u32;
        let time = |most: Duration| neat(value.clamp(1e3, most.as_nanos() as f64)) as u64;
        match knob {
            Knob::Limit => self.permits = count(1.0),
            Knob::Queue => self.queue = count(0.0),
            Knob::Wait => self.max_wait_ns = time(MAX_WAIT),
            Knob::Timeout => self.timeout_ns = time(MAX_WAIT),
        }
        self
    }

    /// The same with `knob` so many strides of `stride` looser, or tighter if `strides` is negative; at least one apart.
    pub(super) fn moved(self, knob: Knob, stride: f64, strides: i32) -> Candidate {
        let from = self.get(knob) as f64;
        let to = from * libm::pow(stride, f64::from(strides));
        match knob {
            Knob::Limit | Knob::Queue if (to - from).abs() < f64::from(strides.abs()) => {
                self.with(knob, from + f64::from(strides))
            }
            _ => self.with(knob, to),
        }
    }

    /// The layers around B and around the whole, outermost first.
    pub fn endpoint(&self) -> EndpointSpec {
        let limit = limit::Config {
            max_wait: Some(Duration::from_nanos(self.max_wait_ns)),
            ..limit::Config::fixed(self.permits, Bound::Bounded(self.queue))
        };
        let after = Duration::from_nanos(self.timeout_ns);
        let timeout = timeout::Config { after, late: timeout::Late::Cancel };
        EndpointSpec {
            whole: vec![LayerSpec::Timeout(timeout)],
            b: vec![LayerSpec::Limit(Box::new(limit))],
            ..unlimited("tuned")
        }
    }
}

/// An endpoint that limits nothing.
pub(super) fn unlimited(name: &str) -> EndpointSpec {
    EndpointSpec { name: name.into(), calls: Calls::Parallel, whole: vec![], a: vec![], b: vec![] }
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told: Vec<String> =
            Knob::ALL.iter().map(|knob| format!("{} {}", knob.name(), knob.text(self.get(*knob)))).collect();
        f.write_str(&told.join(", "))
    }
}

/// A number of nanoseconds with two digits that count: who reads 316 ms should not think that the 6 matters.
fn neat(nanos: f64) -> f64 {
    let unit = libm::pow(10.0, libm::floor(libm::log10(nanos)) - 1.0);
    (nanos / unit).round() * unit
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Candidate =
        Candidate { permits: 20, queue: 4, max_wait_ns: 250_000_000, timeout_ns: 2_000_000_000 };

    #[test]
    fn a_move_changes_one_knob_and_always_changes_it() {
        for knob in Knob::ALL {
            for strides in [-3, -2, -1, 1, 2, 3] {
                let moved = ONE.moved(knob, knob.stride(), strides);
                assert_eq!(moved > ONE, strides > 0, "{knob:?} by {strides}: {moved}");
                let others = Knob::ALL.iter().filter(|other| **other != knob);
                assert!(others.into_iter().all(|other| moved.get(*other) == ONE.get(*other)));
            }
        }
        let none = ONE.with(Knob::Queue, 0.0);
        assert_eq!(none.moved(Knob::Queue, 1.5, 2).queue, 2);
        assert_eq!(none.moved(Knob::Queue, 1.5, -2), none);
    }

    #[test]
    fn times_are_neat() {
        let wait = |ns: f64| Knob::Wait.text(ONE.with(Knob::Wait, ns).max_wait_ns);
        assert_eq!([wait(316_227_766.0), wait(1e3), wait(9.96e8)], ["320ms", "1us", "1s"]);
        assert_eq!(ONE.to_string(), "limit 20, queue 4, max-wait 250ms, timeout 2s");
    }
}
