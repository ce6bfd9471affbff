//! How a candidate did: in one trial, and over several.

use super::objective::{Clause, Objective};
use crate::{
    experiment::{ArmOutcome, Latencies},
    record::{Ending, Record},
    stats::Estimate,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The least headroom: a collapse is a collapse.
const WORST: f64 = -1.0;

/// What one trial showed. Shares are of the offered requests.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// The objective's percentile of good answers' latency in seconds; infinite if there were none.
    pub latency: f64,
    /// Good answers. The luck of how often B failed is taken out: its failures count with the share that it is known to fail.
    pub goodput: f64,
    /// Refused.
    pub rejected: f64,
    /// Given up in time.
    pub timed_out: f64,
    /// Without an answer in the end.
    pub unfinished: f64,
    /// The mean number in flight.
    pub in_flight: f64,
}

impl Score {
    /// Of a trial of a service that fails the share `errors` of its calls.
    pub fn of(record: &Record, order: f64, errors: f64) -> Score {
        let micros = record.completed.value_at_quantile(order);
        let latency = if record.completed.is_empty() { f64::INFINITY } else { micros as f64 / 1e6 };
        let endings = (record.offered, &record.endings);
        Score::new(endings, (latency, record.in_flight_mean()), errors)
    }

    /// Of an arm that was measured; of an order that its tail does not have, at the next one.
    pub fn of_arm(arm: &ArmOutcome, order: f64, errors: f64) -> Score {
        let Latencies { count, p99_ns, max_ns, .. } = arm.completed;
        let beyond =
            || arm.tail.iter().find(|point| point.quantile >= order - 1e-9).map_or(max_ns, |point| point.ns);
        let nanos = if order == 0.99 { p99_ns } else { beyond() };
        let latency = if count == 0 { f64::INFINITY } else { nanos as f64 / 1e9 };
        Score::new((arm.offered, &arm.endings), (latency, arm.in_flight_mean), errors)
    }

    fn new(
        (offered, endings): (u64, &BTreeMap<Ending, u64>),
        (latency, in_flight): (f64, f64),
        errors: f64,
    ) -> Score {
        let share = |ending| endings.get(&ending).copied().unwrap_or(0) as f64 / offered.max(1) as f64;
        let rejected = share(Ending::Rejected);
        // Who is refused never gets to B. As every candidate meets the same draws, this changes no comparison of two.
        let luck = share(Ending::Failed) - errors * (1.0 - rejected);
        Score {
            latency,
            goodput: share(Ending::Completed) + luck,
            rejected,
            timed_out: share(Ending::TimedOut),
            unfinished: share(Ending::Unfinished),
            in_flight,
        }
    }

    /// How far from breaking each clause: 1 is as far as can be, 0 is just at its bound, and below it is broken. `ceiling` is
    /// the goodput if nothing is lost.
    pub fn slack(&self, clause: Clause, objective: &Objective, ceiling: f64) -> f64 {
        let least = objective.goodput.value();
        match clause {
            Clause::Latency => 1.0 - self.latency / objective.latency.as_secs_f64(),
            Clause::Goodput => (self.goodput - least) / (ceiling - least),
        }
    }

    /// The smaller slack.
    pub fn headroom(&self, objective: &Objective, ceiling: f64) -> f64 {
        let slack = |clause| self.slack(clause, objective, ceiling);
        slack(Clause::Latency).min(slack(Clause::Goodput)).max(WORST)
    }
}

/// How a candidate did over several seeds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Standing {
    /// How many seeds.
    pub seeds: usize,
    /// In how many of them it met the objective.
    pub met: usize,
    /// How far it is from breaking the objective, averaged over the seeds.
    pub headroom: f64,
    /// The clause that is nearest to breaking, or broken the most.
    pub tightest: Clause,
    /// The percentile in milliseconds; `None` if a seed had no good answer at all.
    pub latency_ms: Option<Estimate>,
    /// The longest of a single seed.
    pub worst_latency_ms: Option<f64>,
    /// The share with good answers.
    pub goodput: Estimate,
    /// The smallest of a single seed.
    pub worst_goodput: f64,
    /// The share that was refused.
    pub rejected: f64,
    /// The share that was given up in time.
    pub timed_out: f64,
    /// The share without an answer.
    pub unfinished: f64,
    /// The mean number in flight.
    pub in_flight: f64,
}

impl Standing {
    /// Of at least one score.
    ///
    /// # Panics
    /// If there is none.
    pub fn of(scores: &[Score], objective: &Objective, ceiling: f64) -> Standing {
        let all = |of: &dyn Fn(&Score) -> f64| scores.iter().map(of).collect::<Vec<f64>>();
        let estimate = |of: &dyn Fn(&Score) -> f64| Estimate::mean(&all(of)).expect("at least one score");
        let mean = |of: &dyn Fn(&Score) -> f64| estimate(of).value;
        let least = |of: &dyn Fn(&Score) -> f64| all(of).into_iter().fold(1.0, f64::min);
        let is_met = |s: &&Score| s.headroom(objective, ceiling) >= 0.0;
        let is_answered = scores.iter().all(|s| s.latency.is_finite());
        Standing {
            seeds: scores.len(),
            met: scores.iter().filter(is_met).count(),
            headroom: mean(&|s| s.headroom(objective, ceiling)),
            tightest: tightest(scores, objective, ceiling),
            latency_ms: is_answered.then(|| estimate(&|s| s.latency * 1e3)),
            worst_latency_ms: is_answered.then(|| all(&|s| s.latency * 1e3).into_iter().fold(0.0, f64::max)),
            goodput: estimate(&|s| s.goodput),
            worst_goodput: least(&|s| s.goodput),
            rejected: mean(&|s| s.rejected),
            timed_out: mean(&|s| s.timed_out),
            unfinished: mean(&|s| s.unfinished),
            in_flight: mean(&|s| s.in_flight),
        }
    }

    /// Whether it met the objective with every seed.
    pub fn is_feasible(&self) -> bool {
        self.met == self.seeds
    }

    /// Whether another one is at least as good in both figures and better in one.
    pub fn is_dominated_by(&self, other: &Standing) -> bool {
        let latency = |s: &Standing| s.latency_ms.map_or(f64::INFINITY, |e| e.value);
        let (ours, theirs) = ((latency(self), self.goodput.value), (latency(other), other.goodput.value));
        theirs.0 <= ours.0 && theirs.1 >= ours.1 && theirs != ours
    }
}

/// The clause that breaks with more seeds; of equals the one with less slack.
fn tightest(scores: &[Score], objective: &Objective, ceiling: f64) -> Clause {
    let of = |clause| {
        let slacks = scores.iter().map(|score| score.slack(clause, objective, ceiling).max(WORST));
        let broken = slacks.clone().filter(|slack| *slack < 0.0).count();
        (broken, slacks.sum::<f64>())
    };
    let ((late, latency), (poor, goodput)) = (of(Clause::Latency), of(Clause::Goodput));
    if late > poor || (late == poor && latency <= goodput) { Clause::Latency } else { Clause::Goodput }
}

#[cfg(test)]
mod tests {
    use super::*;
    use inflight_strategies::units::Ratio;
    use std::time::Duration;

    const CEILING: f64 = 0.95;

    fn objective() -> Objective {
        let goodput = Ratio::new(0.9).expect("a share");
        Objective { order: 0.99, latency: Duration::from_secs(2), goodput }
    }

    fn score(latency: f64, goodput: f64) -> Score {
        Score { latency, goodput, rejected: 0.0, timed_out: 0.0, unfinished: 0.0, in_flight: 1.0 }
    }

    #[test]
    fn headroom_is_one_at_best_and_zero_where_a_clause_breaks() {
        let headroom = |latency, goodput| score(latency, goodput).headroom(&objective(), CEILING);
        assert!((headroom(0.0, 0.95) - 1.0).abs() < 1e-12);
        assert!((headroom(1.0, 0.95) - 0.5).abs() < 1e-12);
        assert!((headroom(1.0, 0.91) - 0.2).abs() < 1e-12);
        assert_eq!((headroom(2.0, 0.95), headroom(0.5, 0.9)), (0.0, 0.0));
        assert_eq!(headroom(f64::INFINITY, 0.0), -1.0);
    }

    #[test]
    fn one_bad_seed_is_enough_to_fail() {
        let standing = |scores: &[(f64, f64)]| {
            let scores: Vec<Score> = scores.iter().map(|(l, g)| score(*l, *g)).collect();
            Standing::of(&scores, &objective(), CEILING)
        };
        assert!(standing(&[(1.0, 0.95), (1.2, 0.94)]).is_feasible());
        let one_bad = standing(&[(1.0, 0.95), (1.0, 0.95), (70.0, 0.5)]);
        assert_eq!((one_bad.met, one_bad.is_feasible()), (2, false));
        assert_eq!(one_bad.worst_goodput, 0.5);
        let poor = standing(&[(1.5, 0.92), (1.5, 0.92), (1.5, 0.89)]);
        assert_eq!(
            (poor.tightest, poor.met),
            (Clause::Goodput, 2),
            "less slack in p99, but it does not break"
        );
        let silent = standing(&[(f64::INFINITY, 0.0), (1.0, 0.95)]);
        assert_eq!((silent.latency_ms, silent.met, silent.headroom), (None, 1, (-1.0 + 0.5) / 2.0));
    }

    #[test]
    fn domination_needs_both_figures() {
        let standing = |latency, goodput| Standing::of(&[score(latency, goodput)], &objective(), CEILING);
        assert!(standing(1.2, 0.93).is_dominated_by(&standing(1.1, 0.93)));
        assert!(!standing(1.2, 0.93).is_dominated_by(&standing(1.1, 0.92)));
        assert!(!standing(1.2, 0.93).is_dominated_by(&standing(1.2, 0.93)));
    }
}
