//! The highest rate that meets an objective, by bisection with repeats. Pure: it is told what every probe found.
//!
//! A probe is a short run at one rate; it met the objective or did not. First the rate grows by a factor until a probe misses
//! (or shrinks until one meets), then the bracket is halved on a logarithmic scale. A rate near the edge is met sometimes and
//! missed sometimes, so every rate is probed up to `repeats` times and the majority decides; it is probed no more once the
//! majority is clear. What is told in the end is an interval: from the highest rate that was met by its majority, with none
//! below it missed, to the lowest that was missed.

use inflight_strategies::units::Rate;
use serde::{Deserialize, Serialize};

/// How much faster the next probe is while every one meets.
const STEP: f64 = 2.0;
/// The most rates that are tried in one search.
const MOST_RATES: usize = 40;

/// How to search.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Search {
    /// Where to begin.
    pub first: Rate,
    /// The highest rate that is tried.
    pub most: Rate,
    /// Probes per rate at most; odd, so that there is a majority.
    pub repeats: u32,
    /// The search ends when the interval is narrower than this share of its lower end.
    pub precision: f64,
}

/// What the probes at one rate found.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tried {
    /// The rate in requests per second.
    pub per_s: f64,
    /// Probes that met the objective.
    pub met: u32,
    /// Probes that did not.
    pub missed: u32,
}

impl Tried {
    fn verdict(&self, repeats: u32) -> Option<bool> {
        let majority = repeats / 2 + 1;
        if self.met >= majority { Some(true) } else { (self.missed >= majority).then_some(false) }
    }
}

/// What a search found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Capacity {
    /// The highest rate that met the objective, per second; absent if none did.
    pub met_per_s: Option<f64>,
    /// The lowest rate that did not; absent if none was found up to the highest that may be tried.
    pub missed_per_s: Option<f64>,
    /// Every rate that was tried, in order of time.
    pub tried: Vec<Tried>,
}

/// A search under way.
#[derive(Clone, Debug)]
pub struct Searching {
    search: Search,
    tried: Vec<Tried>,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Probe this rate and tell.
    Probe(Rate),
    /// It is over.
    Done(Capacity),
}

impl Search {
    /// Begins.
    pub fn begin(self) -> Searching {
        assert!(self.repeats % 2 == 1 && self.precision > 0.0 && self.first <= self.most);
        Searching { search: self, tried: Vec::new() }
    }
}

impl Searching {
    /// What to do next.
    pub fn step(&self) -> Step {
        let repeats = self.search.repeats;
        if let Some(open) = self.tried.last().filter(|tried| tried.verdict(repeats).is_none()) {
            return Step::Probe(rate(open.per_s));
        }
        let (met, missed) = (self.met(), self.missed());
        let next = match (met, missed) {
            (None, None) => self.search.first.as_per_second(),
            (Some(met), None) => (met * STEP).min(self.search.most.as_per_second()),
            (None, Some(missed)) => missed / STEP,
            (Some(met), Some(missed)) => (met * missed).sqrt(),
        };
        let is_narrow =
            met.zip(missed).is_some_and(|(met, missed)| missed / met < 1.0 + self.search.precision);
        let is_known = self.tried.iter().any(|tried| tried.per_s == next);
        if is_narrow || is_known || self.tried.len() == MOST_RATES || Rate::per_second(next).is_none() {
            return Step::Done(self.so_far());
        }
        Step::Probe(rate(next))
    }

    /// What is known so far.
    pub fn so_far(&self) -> Capacity {
        Capacity { met_per_s: self.met(), missed_per_s: self.missed(), tried: self.tried.clone() }
    }

    /// A probe at the rate that was asked for met the objective, or did not.
    pub fn on_probe(&mut self, probed: Rate, is_met: bool) {
        let per_s = probed.as_per_second();
        let repeats = self.search.repeats;
        let open =
            self.tried.last_mut().filter(|tried| tried.per_s == per_s && tried.verdict(repeats).is_none());
        let (met, missed) = (u32::from(is_met), u32::from(!is_met));
        match open {
            Some(tried) => (tried.met, tried.missed) = (tried.met + met, tried.missed + missed),
            None => self.tried.push(Tried { per_s, met, missed }),
        }
    }

    fn rates(&self, is_met: bool) -> impl Iterator<Item = f64> {
        let repeats = self.search.repeats;
        self.tried.iter().filter(move |tried| tried.verdict(repeats) == Some(is_met)).map(|tried| tried.per_s)
    }

    fn missed(&self) -> Option<f64> {
        self.rates(false).min_by(f64::total_cmp)
    }

    fn met(&self) -> Option<f64> {
        // A rate that was met above one that was missed was luck.
        let below = self.missed().unwrap_or(f64::INFINITY);
        self.rates(true).filter(|per_s| *per_s < below).max_by(f64::total_cmp)
    }
}

fn rate(per_s: f64) -> Rate {
    Rate::per_second(per_s).expect("between rates that were tried")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{dependency::Latency, draws::Stream, load::truth::SingleServer, workload::Arrivals};
    use inflight_strategies::rt::Rng as _;
    use proptest::prelude::*;
    use std::time::Duration;

    fn search(first: f64, precision: f64) -> Search {
        let rate = |per_s| Rate::per_second(per_s).expect("a rate");
        Search { first: rate(first), most: rate(1e6), repeats: 3, precision }
    }

    fn run(search: Search, mut is_met: impl FnMut(f64) -> bool) -> Capacity {
        let mut searching = search.begin();
        loop {
            match searching.step() {
                Step::Done(capacity) => return capacity,
                Step::Probe(rate) => {
                    let met = is_met(rate.as_per_second());
                    searching.on_probe(rate, met);
                }
            }
        }
    }

    proptest! {
        /// A target that meets up to a rate and misses above it: the interval holds that rate and is as narrow as was asked.
        #[test]
        fn a_sharp_edge_lies_in_the_interval(edge in 1.0f64..500_000.0, first in 1.0f64..10_000.0) {
            let capacity = run(search(first, 0.02), |per_s| per_s <= edge);
            let (met, missed) = (capacity.met_per_s.expect("met"), capacity.missed_per_s.expect("missed"));
            prop_assert!(met <= edge && edge < missed, "{capacity:?}");
            prop_assert!(missed / met < 1.02);
            prop_assert!(capacity.tried.iter().all(|tried| tried.met + tried.missed == 2), "the majority was clear after two");
        }
    }

    #[test]
    fn the_interval_of_a_blurred_edge_lies_where_it_is_met_half_of_the_time() {
        let mut ends = Vec::new();
        for seed in 0..200 {
            let mut probe = 0;
            let capacity = run(search(100.0, 0.02), |per_s| {
                probe += 1;
                // Met by chance: surely 10 % below 1000/s, surely not 10 % above.
                let chance = ((1100.0 - per_s) / 200.0).clamp(0.0, 1.0);
                Stream::new(seed, "blur").dice(probe).unit() < chance
            });
            ends.push(capacity.met_per_s.expect("met"));
        }
        let mean = ends.iter().sum::<f64>() / ends.len() as f64;
        assert!((950.0..1050.0).contains(&mean), "{mean}");
    }

    #[test]
    fn what_is_never_met_and_what_is_never_missed_end_too() {
        let never = run(search(100.0, 0.02), |_| false);
        assert_eq!((never.met_per_s, never.tried.len()), (None, MOST_RATES));
        let always = run(search(100.0, 0.02), |_| true);
        assert_eq!((always.met_per_s, always.missed_per_s), (Some(1e6), None));
    }

    /// M/M/1 with work of 10 ms: p99 of the latency is ln(100)/(μ − λ), so 200 ms are met up to λ = 100 − ln(100)/0.2 s =
    /// 76.97/s. The probes are runs of the virtual server.
    #[test]
    fn the_capacity_of_a_queue_is_what_theory_says() {
        let truth = 100.0 - libm::log(100.0) / 0.2;
        let mut seed = 0;
        let capacity = run(search(10.0, 0.02), |per_s| {
            seed += 1;
            let mut server = SingleServer::new(Latency::Exponential(Duration::from_millis(10)), seed);
            let arrivals = Arrivals::Poisson(rate(per_s));
            let schedule = arrivals.schedule(seed, Duration::from_secs(2000));
            let mut all: Vec<Duration> = schedule.map(|(_, at)| server.take(at).1 - at).collect();
            all.sort_unstable();
            all[all.len() * 99 / 100] <= Duration::from_millis(200)
        });
        let (met, missed) = (capacity.met_per_s.expect("met"), capacity.missed_per_s.expect("missed"));
        assert!(met > truth * 0.95 && missed < truth * 1.05, "{met} to {missed}, theory {truth}");
    }
}
