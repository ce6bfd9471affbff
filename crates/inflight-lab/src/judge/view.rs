//! What a claim's quantities were in one round of an arm, as a whole or in a part of it.

use crate::{
    bins::Bins,
    claim::{Measured, Population, Quantity, Scope, Shape, Stat, Test, What},
    course::Stretch,
    experiment::{Document, Phase},
    record::{Ending, Record},
};
use hdrhistogram::Histogram;
use std::{collections::BTreeMap, ops::Range, time::Duration};

/// A distribution of microseconds.
#[derive(Clone, Copy)]
enum Distribution<'a> {
    Whole(&'a Histogram<u64>),
    Part(&'a Bins<7>),
}

impl Distribution<'_> {
    fn count(self) -> u64 {
        match self {
            Distribution::Whole(histogram) => histogram.len(),
            Distribution::Part(bins) => bins.count(),
        }
    }

    /// In milliseconds; `None` if there is nothing in it.
    fn figure(self, stat: Stat) -> Option<f64> {
        let us = match (self, stat) {
            (Distribution::Whole(all), Stat::Quantile(q)) => all.value_at_quantile(q) as f64,
            (Distribution::Whole(all), Stat::Mean) => all.mean(),
            (Distribution::Whole(all), Stat::Max) => all.max() as f64,
            (Distribution::Part(part), Stat::Quantile(q)) => part.quantile_us(q)?,
            (Distribution::Part(part), Stat::Mean) => part.mean_us()?,
            (Distribution::Part(part), Stat::Max) => part.quantile_us(1.0)?,
        };
        (self.count() > 0).then_some(us / 1e3)
    }
}

/// One round of an arm, or a part of it.
pub(super) struct View<'a> {
    completed: Distribution<'a>,
    answered: Distribution<'a>,
    wait: Distribution<'a>,
    offered: u64,
    in_time: u64,
    endings: &'a BTreeMap<Ending, u64>,
    seconds: f64,
    in_flight_mean: f64,
    /// What was in flight, tick by tick, and how long a tick is in seconds.
    in_flight: Vec<u32>,
    tasks: Option<Vec<u32>>,
    tick: f64,
}

impl<'a> View<'a> {
    /// All that is counted.
    pub(super) fn whole(record: &'a Record) -> View<'a> {
        let from = record.from - record.start();
        let (in_flight, tasks, tick) = ticks(record, from, from + (record.to - record.from));
        View {
            completed: Distribution::Whole(&record.completed),
            answered: Distribution::Whole(&record.answered),
            wait: Distribution::Whole(&record.wait),
            offered: record.offered,
            in_time: record.in_time,
            endings: &record.endings,
            seconds: record.counted().as_secs_f64(),
            in_flight_mean: record.in_flight_mean(),
            in_flight,
            tasks,
            tick,
        }
    }

    /// A stretch of it.
    pub(super) fn part(record: &'a Record, stretch: &'a Stretch) -> View<'a> {
        let from = stretch.from - record.start();
        let (in_flight, tasks, tick) = ticks(record, from, from + stretch.length());
        let seconds = stretch.length().as_secs_f64();
        View {
            completed: Distribution::Part(&stretch.completed),
            answered: Distribution::Part(&stretch.answered),
            wait: Distribution::Part(&stretch.wait),
            offered: stretch.offered,
            in_time: stretch.in_time,
            endings: &stretch.endings,
            seconds,
            in_flight_mean: stretch.in_flight_ns as f64 / (seconds * 1e9),
            in_flight,
            tasks,
            tick,
        }
    }

    fn ended(&self, ending: Ending) -> u64 {
        self.endings.get(&ending).copied().unwrap_or(0)
    }

    /// What `what` was; `None` if there was nothing to measure it by.
    pub(super) fn measure(&self, what: What) -> Option<Measured> {
        let exactly = |value| Some(Measured::exactly(value));
        match what {
            What::Latency(stat, population) => self.latency(stat, population),
            What::Wait(stat) => exactly(self.wait.figure(stat).unwrap_or(0.0)),
            What::Goodput => exactly(self.in_time as f64 / self.seconds),
            What::Throughput => {
                let answers: u64 = self.endings.iter().filter(|(e, _)| e.is_answer()).map(|(_, n)| n).sum();
                exactly(answers as f64 / self.seconds)
            }
            What::Offered => exactly(self.offered as f64 / self.seconds),
            What::Share(ending) if self.offered > 0 => {
                exactly(self.ended(ending) as f64 / self.offered as f64)
            }
            What::Share(_) => None,
            What::InFlight(Shape::Mean) => exactly(self.in_flight_mean),
            What::InFlight(shape) => exactly(figure_of(&self.in_flight, shape, self.tick)),
            What::Tasks(shape) => exactly(figure_of(self.tasks.as_ref()?, shape, self.tick)),
        }
    }

    fn latency(&self, stat: Stat, population: Population) -> Option<Measured> {
        let cut = self.ended(Ending::Unfinished) + self.ended(Ending::Abandoned);
        let (distribution, cut) = match population {
            Population::Completed => (self.completed, cut + self.ended(Ending::TimedOut)),
            Population::Answered => (self.answered, cut),
        };
        let known = distribution.count() as f64 / (distribution.count() + cut).max(1) as f64;
        let reach = if let Stat::Quantile(q) = stat { q } else { 1.0 };
        // One request beyond it in each round is ten in ten of them.
        if reach < 1.0 && distribution.count() as f64 * (1.0 - reach) < 1.0 - 1e-9 {
            return None;
        }
        Some(Measured { value: distribution.figure(stat)?, is_lower_bound: cut > 0 && reach > known })
    }
}

/// What was in flight and alive between two moments since the start, by ticks, and the length of a tick in seconds.
fn ticks(record: &Record, from: Duration, to: Duration) -> (Vec<u32>, Option<Vec<u32>>, f64) {
    let range = tick_range(record, from, to);
    let in_flight = record.timeline[range.clone()].iter().map(|tick| tick.in_flight).collect();
    let tasks = record.tasks.as_ref().map(|all| {
        let range = range.start.min(all.len())..range.end.min(all.len());
        all[range].to_vec()
    });
    (in_flight, tasks, record.tick_length().as_secs_f64())
}

fn tick_range(record: &Record, from: Duration, to: Duration) -> Range<usize> {
    let index = |at: Duration| (at.as_nanos() / record.tick_length().as_nanos()) as usize;
    let most = record.timeline.len();
    index(from).min(most)..index(to).min(most)
}

fn figure_of(values: &[u32], shape: Shape, tick: f64) -> f64 {
    match shape {
        Shape::Mean => mean(values),
        Shape::Peak => f64::from(values.iter().copied().max().unwrap_or(0)),
        Shape::Slope => slope(values) / tick,
    }
}

fn mean(values: &[u32]) -> f64 {
    values.iter().map(|value| f64::from(*value)).sum::<f64>() / values.len().max(1) as f64
}

/// How much values grow from one to the next: the straight line with the least squares.
fn slope(values: &[u32]) -> f64 {
    let (n, middle) = (values.len() as f64, (values.len() as f64 - 1.0) / 2.0);
    let average = mean(values);
    let moment = |(i, value): (usize, &u32)| (i as f64 - middle) * (f64::from(*value) - average);
    let moments: f64 = values.iter().enumerate().map(moment).sum();
    let squares = n * (n * n - 1.0) / 12.0;
    if squares > 0.0 { moments / squares } else { 0.0 }
}

/// Ticks in a row that must be back before something has returned.
const BACK: usize = 10;
/// Goodput is back when it is this share of what it was before.
const GOOD_AGAIN: f64 = 0.9;
/// For so much of a round: 30 s of 300 s.
const LASTS: usize = 10;

/// Whether `quantity` was back at what was usual before the first `phase` within `within` after its last. In flight and tasks
/// are back when they are no more than three standard deviations above their mean for ten ticks. Goodput is back when it is
/// nine tenths of what it was for a tenth of the round, and in flight is back as well: answers that come late, from a line
/// that is still long, are no recovery. `None` if there was nothing before it.
pub(super) fn returned(record: &Record, quantity: &Quantity, phases: &[Phase], test: &Test) -> Option<bool> {
    let Test::Returns { within, phase } = test else { return None };
    let of_phase = || phases.iter().filter(|p| p.name == *phase);
    let begin = Duration::from_nanos(of_phase().next()?.from_ns);
    let end = Duration::from_nanos(of_phase().next_back()?.to_ns);
    let (from, to) = (record.from - record.start(), record.to - record.start());
    let before = tick_range(record, from, begin);
    // When no more requests come, whatever is in flight falls: that is no recovery.
    let after = tick_range(record, end, to);
    let latest = tick_range(record, end, (end + *within).min(to)).len();
    if before.len() < BACK {
        return None;
    }
    let in_flight = || record.timeline.iter().map(|tick| tick.in_flight).collect();
    let series: Vec<u32> = match quantity.what {
        What::Tasks(_) => record.tasks.clone()?,
        _ => in_flight(),
    };
    let clip = |range: &Range<usize>| range.start.min(series.len())..range.end.min(series.len());
    let (usual, since) = (&series[clip(&before)], &series[clip(&after)]);
    let most = mean(usual) + 3.0 * deviation(usual).max(libm::sqrt(mean(usual)));
    let is_calm = |at: usize| mean(&since[at..(at + BACK).min(since.len())]) <= most;
    let moments = 0..latest.min(since.len());
    if quantity.what != What::Goodput {
        return Some(moments.clone().any(|at| at + BACK <= since.len() && is_calm(at)));
    }
    let good: Vec<u32> = record.timeline.iter().map(|tick| tick.completed).collect();
    let (usual, since) = (mean(&good[before]), &good[after]);
    let lasts = (tick_range(record, Duration::ZERO, to).len() / LASTS).max(BACK);
    let is_good = |at: usize| since.get(at..at + lasts).is_some_and(|w| mean(w) >= GOOD_AGAIN * usual);
    Some(moments.clone().any(|at| is_good(at) && is_calm(at)))
}

fn deviation(values: &[u32]) -> f64 {
    let average = mean(values);
    let squares: f64 = values.iter().map(|x| (f64::from(*x) - average).powi(2)).sum();
    libm::sqrt(squares / values.len().max(1) as f64)
}

/// The stretches that a claim with `scope` speaks of, since the beginning of a round.
pub(super) fn stretches(document: &Document, scope: &Scope) -> Vec<(Duration, Duration)> {
    let phases = document.phases();
    let end = document.workload.as_ref().map_or(Duration::ZERO, |workload| workload.duration);
    let all: Vec<(Duration, Duration)> = phases
        .iter()
        .filter(|phase| phase.name == scope.phase)
        .map(|phase| (Duration::from_nanos(phase.from_ns), Duration::from_nanos(phase.to_ns)))
        .collect();
    if !scope.is_after {
        return all;
    }
    let next = |i: usize| all.get(i + 1).map_or(end, |(from, _)| *from);
    all.iter().enumerate().map(|(i, (_, to))| (*to, next(i))).filter(|(from, to)| from < to).collect()
}
