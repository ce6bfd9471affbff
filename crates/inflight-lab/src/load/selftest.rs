//! The driver held to targets whose behaviour is known: what each must give, request by request, and how far off was found.
//!
//! Arrivals, stalls and work are drawn from the seed on both sides, so that chance does not enter: what is left between the
//! driver and the truth is the driver's, and the wire's.

use super::{
    figures::{LoadFigures, QUANTILES, Spread},
    truth::{SingleServer, Stalls},
};
use crate::{
    dependency::Latency,
    record::{Ending, histogram},
    workload::{Arrivals, Workload},
};
use inflight_strategies::units::Rate;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// One of the tests.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// What it is called.
    pub name: &'static str,
    /// The path of `inflight target` that behaves like this.
    pub path: String,
    /// Stalls of that target.
    pub stalls: Option<Stalls>,
    /// What is offered.
    pub workload: Workload,
    /// Decides arrivals and work.
    pub seed: u64,
    behaviour: Behaviour,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Behaviour {
    After(Duration),
    Stalling,
    Single { is_constant: bool },
}

/// The work of the single servers.
const WORK: Duration = Duration::from_millis(10);
/// How busy they are.
const RHO: f64 = 0.7;
/// A fixed latency and the wait for a stall's end may be off by this much: the median, then everything above it.
const NEAR: [Duration; 2] = [Duration::from_millis(1), Duration::from_millis(5)];
/// A queue's latencies may be off by this share of the wait.
const SHARE: f64 = 0.03;

/// One figure of a test.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    /// Which: a quantile or the mean.
    pub figure: String,
    /// What must be found, in nanoseconds.
    pub truth_ns: u64,
    /// What was found; absent if the driver told nothing.
    pub found_ns: Option<u64>,
    /// How far apart the two may be.
    pub allowed_ns: u64,
}

impl Comparison {
    /// Whether the driver is right.
    pub fn is_right(&self) -> bool {
        self.found_ns.is_some_and(|found| found.abs_diff(self.truth_ns) <= self.allowed_ns)
    }
}

/// The tests, each `duration` long.
pub fn trials(seed: u64, duration: Duration) -> Vec<Trial> {
    let rate = |per_s| Rate::per_second(per_s).expect("a rate");
    let trial = |name, path: &str, arrivals, behaviour| Trial {
        name,
        path: path.into(),
        stalls: None,
        workload: Workload::open(arrivals, duration, Duration::ZERO),
        seed,
        behaviour,
    };
    let poisson = Arrivals::Poisson(rate(RHO / WORK.as_secs_f64()));
    let every = duration / 2;
    let stalls = Stalls { first: every / 5, every, length: Latency::Constant(every / 5), seed };
    let after = Duration::from_millis(20);
    vec![
        trial("constant 20 ms", "/after/20ms", Arrivals::Constant(rate(500.0)), Behaviour::After(after)),
        Trial {
            stalls: Some(stalls),
            ..trial("stalls", "/", Arrivals::Constant(rate(500.0)), Behaviour::Stalling)
        },
        trial(
            "M/D/1, ρ 0.7",
            "/single/constant/10ms",
            poisson.clone(),
            Behaviour::Single { is_constant: true },
        ),
        trial("M/M/1, ρ 0.7", "/single/exponential/10ms", poisson, Behaviour::Single { is_constant: false }),
    ]
}

impl Trial {
    /// What an exact driver finds, and the mean wait in a queue, in nanoseconds.
    fn truth(&self) -> (Spread, f64) {
        let work = match self.behaviour {
            Behaviour::Single { is_constant: false } => Latency::Exponential(WORK),
            _ => Latency::Constant(WORK),
        };
        let mut server = SingleServer::new(work, self.seed);
        let (mut all, mut waits, mut n) = (histogram(), 0.0, 0.0);
        let crate::workload::Traffic::Open(arrivals) = &self.workload.traffic else {
            unreachable!("all of them are open loops")
        };
        for (_, at) in arrivals.schedule(self.seed, self.workload.duration) {
            let latency = match self.behaviour {
                Behaviour::After(pause) => pause,
                Behaviour::Stalling => self.stalls.as_ref().map_or(Duration::ZERO, |stalls| stalls.wait(at)),
                Behaviour::Single { .. } => {
                    let (wait, done) = server.take(at);
                    waits += wait.as_nanos() as f64;
                    done - at
                }
            };
            n += 1.0;
            all.saturating_record(latency.as_micros() as u64);
        }
        (Spread::of(&all, 0, Duration::ZERO), waits / f64::max(n, 1.0))
    }

    /// Sets what was found beside the truth: the mean, and every quantile that there are requests enough for.
    pub fn compare(&self, found: &LoadFigures) -> Vec<Comparison> {
        let (truth, wait) = self.truth();
        let is_queue = matches!(self.behaviour, Behaviour::Single { .. });
        let allowed = |i: usize, truth_ns: u64| match is_queue {
            true => (truth_ns as f64 * SHARE) as u64,
            false => NEAR[usize::from(i > 0)].as_nanos() as u64,
        };
        let mut all = Vec::new();
        if let Some(mean) = truth.mean_ns {
            let allowed_ns = if is_queue { (wait * SHARE) as u64 } else { NEAR[0].as_nanos() as u64 };
            all.push(Comparison {
                figure: "mean".into(),
                truth_ns: mean,
                found_ns: found.intended.mean_ns,
                allowed_ns,
            });
        }
        for (i, ((_, name), (truth, found))) in
            QUANTILES.iter().zip(truth.told().into_iter().zip(found.intended.told())).enumerate()
        {
            let Some(truth_ns) = truth else { continue };
            let figure = (*name).to_string();
            all.push(Comparison { figure, truth_ns, found_ns: found, allowed_ns: allowed(i, truth_ns) });
        }
        all
    }

    /// Whether everything was offered and answered.
    pub fn is_whole(&self, found: &LoadFigures) -> bool {
        let crate::workload::Traffic::Open(arrivals) = &self.workload.traffic else { return false };
        let offered = arrivals.schedule(self.seed, self.workload.duration).count() as u64;
        found.offered == offered && found.ended(Ending::Completed) == offered
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;
    use std::{collections::BTreeMap, fmt::Write as _};

    fn found(spread: Spread, offered: u64) -> LoadFigures {
        LoadFigures {
            name: "x".into(),
            offered,
            endings: BTreeMap::from([(Ending::Completed, offered)]),
            counted_ns: 1,
            in_flight_peak: 1,
            intended: spread,
            lateness: Spread::default(),
            wire: None,
            audit: None,
            tick_ns: 100_000_000,
            timeline: Vec::new(),
        }
    }

    #[test]
    fn the_truth_is_right_and_what_a_blind_driver_says_is_not() {
        let mut out = String::new();
        for trial in trials(1, Duration::from_secs(10)) {
            let (truth, _) = trial.truth();
            let all = trial.compare(&found(truth.clone(), truth.count));
            assert!(all.iter().all(Comparison::is_right), "{all:?}");
            // Who sends nothing while it waits sees almost nobody wait.
            let blind = Spread { p99_ns: truth.p50_ns, p95_ns: truth.p50_ns, ..truth.clone() };
            let all = trial.compare(&found(blind, truth.count));
            let wrong: Vec<&str> = all.iter().filter(|c| !c.is_right()).map(|c| c.figure.as_str()).collect();
            let ms = |ns: Option<u64>| ns.map_or("–".into(), |ns| format!("{:.1}", ns as f64 / 1e6));
            let _ = writeln!(
                out,
                "{}: n {} mean {} p50 {} p95 {} p99 {}; blind: {}",
                trial.name,
                truth.count,
                ms(truth.mean_ns),
                ms(truth.p50_ns),
                ms(truth.p95_ns),
                ms(truth.p99_ns),
                wrong.join(" ")
            );
        }
        expect![[r#"
            constant 20 ms: n 5000 mean 20.0 p50 20.0 p95 20.0 p99 20.0; blind: 
            stalls: n 5000 mean 100.2 p50 0.0 p95 750.1 p99 950.3; blind: p95 p99
            M/D/1, ρ 0.7: n 682 mean 22.2 p50 18.3 p95 50.8 p99 –; blind: p95
            M/M/1, ρ 0.7: n 682 mean 32.5 p50 23.6 p95 88.9 p99 –; blind: p95
        "#]]
        .assert_eq(&out);
    }

    #[test]
    fn who_loses_a_request_is_not_whole() {
        let trial = &trials(1, Duration::from_secs(1))[0];
        let (truth, _) = trial.truth();
        assert!(trial.is_whole(&found(truth.clone(), 500)));
        assert!(!trial.is_whole(&found(truth, 499)));
    }
}
