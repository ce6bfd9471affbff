//! The search: rounds of trials, each planned from what the rounds before it found. Pure: who runs the trials, in which order
//! and on how many threads changes nothing.
//!
//! A coarse grid first (limits apart by a factor, queues in shares of the limit, waits and timeouts in shares of the bound on
//! the percentile), with few seeds; whoever does well for its limit gets more seeds; then smaller and smaller steps around the
//! best; then every limit near the best. The winner and its rivals are then judged anew with seeds that the search has not
//! seen: the best of many is lucky with the seeds that made it the best.

use super::{
    candidate::{Candidate, Knob},
    problem::{Problem, Trial},
    score::{Score, Standing},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Where the seeds begin that the search has not seen.
pub(super) const FRESH: u64 = 1_000_000;
/// Queues of the coarse grid, in shares of the limit.
const QUEUES: [f64; 6] = [0.0, 0.25, 0.5, 1.0, 2.0, 4.0];
/// Waits, in shares of the bound on the percentile.
const WAITS: [f64; 5] = [0.0625, 0.125, 0.25, 0.5, 1.0];
/// Timeouts, likewise.
const TIMEOUTS: [f64; 3] = [0.75, 1.0, 1.5];
/// Candidates whose headroom is within this of the best do equally well; the tightest of them is taken.
pub const EQUAL: f64 = 0.02;

/// So many whose limit is near one, on either side, lend it their other knobs.
const NEAR: usize = 3;

/// Points of the frontier whose percentile differs by less than this share, and whose goodput by less than a quarter of it,
/// are one.
const ALIKE: f64 = 0.01;

/// A round of trials.
#[derive(Clone, Debug, PartialEq)]
pub struct Round {
    /// What it is for, in a word or two.
    pub name: &'static str,
    /// Its trials. Which of them is run first is of no importance.
    pub trials: Arc<[Trial]>,
}

/// What is known, and what is to be tried next.
#[derive(Clone, Debug)]
pub struct Search {
    problem: Arc<Problem>,
    known: BTreeMap<Candidate, BTreeMap<u64, Score>>,
    control: Vec<Score>,
    stage: usize,
    trials: usize,
}

/// What was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The candidate that is recommended, or, if nothing meets the objective, the one that comes nearest.
    pub best: Candidate,
    /// How it did with seeds that the search has not seen.
    pub standing: Standing,
    /// Candidates that no other beats in both figures, by their percentile; with the same seeds.
    pub frontier: Vec<(Candidate, Standing)>,
    /// Without any limit.
    pub unlimited: Option<Standing>,
    /// How many trials were run.
    pub trials: usize,
    /// How many different candidates they were of.
    pub candidates: usize,
}

/// The stages of the search, in their order.
const STAGES: [&str; 6] = ["coarse grid", "survivors", "refinement", "finer", "every limit", "judgement"];

impl Search {
    /// Nothing is known yet.
    pub fn new(problem: Arc<Problem>) -> Search {
        Search { problem, known: BTreeMap::new(), control: Vec::new(), stage: 0, trials: 0 }
    }

    /// What to try next; `None` if the search is over.
    pub fn round(&self) -> Option<Round> {
        let [coarse, few, some, many, fresh] = self.problem.effort.seeds;
        let (candidates, seeds): (BTreeSet<Candidate>, _) = match self.stage {
            0 => (grid(&self.problem), 0..coarse),
            1 => (self.survivors(), 0..few),
            2 => (self.neighbours(1.0), 0..some),
            3 => (self.neighbours(0.5), 0..some),
            4 => (self.every_limit(), 0..many),
            5 => (self.judged(), FRESH..FRESH + fresh),
            _ => return None,
        };
        let missing = |candidate: Candidate| {
            let known = self.known.get(&candidate);
            let is_new = move |seed: &u64| known.is_none_or(|scores| !scores.contains_key(seed));
            let trial = move |replication| Trial { candidate: Some(candidate), percent: 100, replication };
            seeds.clone().filter(is_new).map(trial)
        };
        let mut trials: Vec<Trial> = candidates.into_iter().flat_map(missing).collect();
        if self.stage == STAGES.len() - 1 {
            trials.extend(seeds.map(|replication| Trial { candidate: None, percent: 100, replication }));
        }
        Some(Round { name: STAGES[self.stage], trials: trials.into() })
    }

    /// Takes the scores of the trials of the round that was planned last, in their order.
    ///
    /// # Panics
    /// If there is not one score for each trial.
    pub fn close(&mut self, round: &Round, scores: &[Score]) {
        assert_eq!(round.trials.len(), scores.len(), "one score for each trial");
        for (trial, score) in round.trials.iter().zip(scores) {
            match trial.candidate {
                Some(candidate) => {
                    self.known.entry(candidate).or_default().insert(trial.replication, *score);
                }
                None => self.control.push(*score),
            }
        }
        self.trials += scores.len();
        self.stage += 1;
    }

    /// What was found so far; `None` before the first round is closed.
    pub fn found(&self) -> Option<Found> {
        let is_judged = self.stage == STAGES.len();
        let pool = if is_judged {
            self.standings(FRESH, self.seeds_of_last())
        } else {
            self.standings(0, self.seeds_of_last())
        };
        let (best, standing) = best(&pool)?;
        let unlimited = (!self.control.is_empty()).then(|| self.problem.standing(&self.control));
        Some(Found {
            best,
            standing,
            frontier: frontier(&pool),
            unlimited,
            trials: self.trials,
            candidates: self.known.len(),
        })
    }

    /// With how many seeds the last closed round ran.
    fn seeds_of_last(&self) -> u64 {
        let [coarse, few, some, many, fresh] = self.problem.effort.seeds;
        [0, coarse, few, some, some, many, fresh][self.stage]
    }

    /// Those that were tried with all of `seeds` seeds from `first` on.
    fn standings(&self, first: u64, seeds: u64) -> Vec<(Candidate, Standing)> {
        let standing = |(candidate, scores): (&Candidate, &BTreeMap<u64, Score>)| {
            let scores: Vec<Score> = scores.range(first..first + seeds).map(|(_, score)| *score).collect();
            let is_whole = seeds > 0 && scores.len() as u64 == seeds;
            is_whole.then(|| (*candidate, self.problem.standing(&scores)))
        };
        self.known.iter().filter_map(standing).collect()
    }

    /// The best few of each limit.
    fn survivors(&self) -> BTreeSet<Candidate> {
        let mut left: BTreeMap<u32, usize> = BTreeMap::new();
        let pool = ranked(self.standings(0, self.seeds_of_last())).into_iter();
        pool.filter(|(candidate, _)| {
            let taken = left.entry(candidate.permits).or_default();
            *taken += 1;
            *taken <= self.problem.effort.survivors
        })
        .map(|(candidate, _)| candidate)
        .collect()
    }

    /// The best, and what is one step of `share` of a stride away from them.
    fn neighbours(&self, share: f64) -> BTreeSet<Candidate> {
        let pool = self.standings(0, self.seeds_of_last());
        let centres = centres(pool, self.problem.effort.centres);
        let around = |centre: &Candidate| {
            let centre = *centre;
            let step = move |knob: Knob| {
                let stride = libm::pow(knob.stride(), share);
                [-1, 1].map(|strides| centre.moved(knob, stride, strides))
            };
            Knob::ALL.into_iter().flat_map(step)
        };
        centres.iter().flat_map(around).chain(centres.iter().copied()).collect()
    }

    /// Every limit near the best, with the other knobs of the best few, and with those of the best few next to that limit, on
    /// either side: a tighter limit may want a longer line than any limit that does better.
    fn every_limit(&self) -> BTreeSet<Candidate> {
        let pool = self.standings(0, self.seeds_of_last());
        let centres = centres(pool, 3);
        let Some(first) = centres.first() else { return BTreeSet::new() };
        let (low, high) = (first.permits * 4 / 5, first.permits * 5 / 4 + 1);
        let step = (first.permits / 40).max(1) as usize;
        let [_, few, ..] = self.problem.effort.seeds;
        let tried: Vec<Candidate> = ranked(self.standings(0, few)).into_iter().map(|(c, _)| c).collect();
        let at = |permits: u32| {
            let near = |is_tighter: bool| {
                let is_near = move |other: &&Candidate| {
                    let ratio = f64::from(other.permits) / f64::from(permits);
                    (ratio <= 1.0) == is_tighter && ratio.max(1.0 / ratio) <= self.problem.effort.stride
                };
                tried.iter().filter(is_near).take(NEAR)
            };
            let all = centres.iter().chain(near(true)).chain(near(false));
            all.map(move |knobs| Candidate { permits, ..*knobs }).collect::<Vec<_>>()
        };
        (low.max(1)..=high).step_by(step).flat_map(at).collect()
    }

    /// The best of the last round, the best of each of its limits (with other seeds a tighter one may do as well), and the frontier.
    fn judged(&self) -> BTreeSet<Candidate> {
        let (most, [_, few, ..]) = (self.problem.effort.judged, self.problem.effort.seeds);
        let pool = ranked(self.standings(0, self.seeds_of_last()));
        let mut limits = BTreeSet::new();
        let of_limits: Vec<Candidate> =
            pool.iter().map(|(candidate, _)| *candidate).filter(|c| limits.insert(c.permits)).collect();
        let best = centres(pool, most).into_iter().chain(of_limits);
        let frontier = frontier(&self.standings(0, few));
        let step = frontier.len().div_ceil(most).max(1);
        best.chain(frontier.into_iter().step_by(step).map(|(candidate, _)| candidate)).collect()
    }
}

/// The coarse grid.
fn grid(problem: &Problem) -> BTreeSet<Candidate> {
    let ((low, high), stride) = (limits(problem), problem.effort.stride);
    let strides = (libm::log(high / low) / libm::log(stride)).ceil() as i32;
    let limits: BTreeSet<u32> =
        (0..=strides).map(|i| (low * libm::pow(stride, f64::from(i))).round() as u32).collect();
    limits.into_iter().flat_map(|permits| with_limit(problem, permits)).collect()
}

/// The smallest and the largest limit that is tried: a third of the requests that would be at B if nothing slowed them down,
/// and three times what would be there in a bad moment.
pub fn limits(problem: &Problem) -> (f64, f64) {
    let load = problem.load() * (problem.highest_rate() / problem.rate).max(1.0);
    ((problem.load() / 3.0).max(1.0), 3.0 * (load + 3.0 * load.sqrt()) + 3.0)
}

/// The part of the grid with this limit.
pub fn with_limit(problem: &Problem, permits: u32) -> BTreeSet<Candidate> {
    let bound = problem.objective.latency.as_nanos() as f64;
    let start = Candidate { permits, queue: 0, max_wait_ns: 1, timeout_ns: 1 };
    let mut all = BTreeSet::new();
    for timeout in TIMEOUTS {
        let start = start.with(Knob::Timeout, bound * timeout);
        // Where nobody waits, it does not matter how long.
        all.insert(start.with(Knob::Wait, bound * WAITS[0]));
        for (queue, wait) in QUEUES[1..].iter().flat_map(|queue| WAITS.map(|wait| (queue, wait))) {
            let queued = start.with(Knob::Queue, (f64::from(permits) * queue).max(1.0));
            all.insert(queued.with(Knob::Wait, bound * wait));
        }
    }
    all
}

/// Best first: those that meet the objective with every seed by their headroom, then the others by how many seeds they meet
/// it with; of equals the tightest.
fn ranked(mut pool: Vec<(Candidate, Standing)>) -> Vec<(Candidate, Standing)> {
    pool.sort_by(|(a, x), (b, y)| y.met.cmp(&x.met).then(y.headroom.total_cmp(&x.headroom)).then(a.cmp(b)));
    pool
}

/// The one to recommend: the tightest of those that do as well as the best.
pub fn best(pool: &[(Candidate, Standing)]) -> Option<(Candidate, Standing)> {
    let (_, top) = ranked(pool.to_vec()).into_iter().next()?;
    let is_equal = |one: &Standing| one.met >= top.met && one.headroom >= top.headroom - EQUAL;
    pool.iter().filter(|(_, standing)| is_equal(standing)).min_by_key(|(candidate, _)| *candidate).copied()
}

/// The one to recommend and the `most` best.
fn centres(pool: Vec<(Candidate, Standing)>, most: usize) -> Vec<Candidate> {
    let first = best(&pool).map(|(candidate, _)| candidate);
    let others = ranked(pool).into_iter().map(|(candidate, _)| candidate).filter(|c| Some(*c) != first);
    first.into_iter().chain(others.take(most)).collect()
}

/// Those that no other beats in both figures, the shortest percentile first; of equals the tightest.
fn frontier(pool: &[(Candidate, Standing)]) -> Vec<(Candidate, Standing)> {
    let is_beaten = |one: &Standing| pool.iter().any(|(_, other)| one.is_dominated_by(other));
    let mut front: Vec<_> = pool.iter().filter(|(_, standing)| !is_beaten(standing)).copied().collect();
    let figures = |s: &Standing| (s.latency_ms.map_or(f64::INFINITY, |e| e.value), s.goodput.value);
    front.sort_by(|(a, x), (b, y)| figures(x).0.total_cmp(&figures(y).0).then(a.cmp(b)));
    // What nobody could tell apart is shown once.
    front.dedup_by(|(_, later), (_, first)| {
        let ((p, g), (q, h)) = (figures(later), figures(first));
        p < q * (1.0 + ALIKE) && (g - h).abs() < ALIKE / 4.0
    });
    front
}
