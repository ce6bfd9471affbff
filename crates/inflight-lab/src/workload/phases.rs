//! Named stretches of a workload: what bursts make, and what its file names.

use super::{Arrivals, Bursts, Traffic, When, Workload};
use std::time::Duration;

/// A named stretch, times since the beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedStretch {
    /// Its name.
    pub name: String,
    /// When it begins.
    pub from: Duration,
    /// When it ends.
    pub to: Duration,
}

impl NamedStretch {
    /// The stretch `name`.
    pub fn new(name: &str, from: Duration, to: Duration) -> NamedStretch {
        NamedStretch { name: name.into(), from, to }
    }
}

/// The most bursts that become phases.
const MAX_BURSTS: usize = 100;

impl Workload {
    /// The phases: those that its file names, and of bursts `base`, each `burst` and the `recovery` after it.
    pub fn phases(&self) -> Vec<NamedStretch> {
        let mut phases = self.named.clone();
        if let Traffic::Open(Arrivals::Bursts(bursts)) = &self.traffic {
            phases.extend(bursts.phases(self.duration));
        }
        phases.sort_by_key(|phase| (phase.from, phase.to));
        phases
    }
}

impl Bursts {
    fn phases(&self, end: Duration) -> Vec<NamedStretch> {
        let starts: Vec<Duration> = match &self.when {
            When::Every(every) => {
                (1..=MAX_BURSTS as u32).map(|n| *every * n).take_while(|at| *at < end).collect()
            }
            When::At(times) => times.iter().copied().filter(|at| *at < end).take(MAX_BURSTS).collect(),
        };
        let first = starts.first().copied().unwrap_or(end);
        let mut phases = vec![NamedStretch::new("base", Duration::ZERO, first)];
        for (i, start) in starts.iter().enumerate() {
            // With jitter a burst begins up to so much later: it is over when the latest would be.
            let over = (*start + self.length + self.jitter).min(end);
            let next = starts.get(i + 1).copied().unwrap_or(end);
            phases.push(NamedStretch::new("burst", *start, over));
            phases.push(NamedStretch::new("recovery", over, next));
        }
        phases.retain(|phase| phase.from < phase.to);
        phases
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use inflight_strategies::units::Rate;

    #[test]
    fn bursts_have_a_base_and_recoveries() {
        let s = Duration::from_secs;
        let rate = |r| Rate::per_second(r).expect("a rate");
        let bursts = Bursts {
            base: rate(20.0),
            burst: rate(60.0),
            length: s(5),
            when: When::At(vec![s(10), s(30)]),
            jitter: s(1),
        };
        let workload = Workload::open(Arrivals::Bursts(bursts), s(34), s(0));
        let phases: Vec<String> = workload
            .phases()
            .iter()
            .map(|p| format!("{} {}..{}", p.name, p.from.as_secs(), p.to.as_secs()))
            .collect();
        assert_eq!(phases, ["base 0..10", "burst 10..16", "recovery 16..30", "burst 30..34"]);
    }
}
