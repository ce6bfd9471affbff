//! What an arm's charts draw, from its outcome: few points, peaks kept, gaps where nothing was answered.

use crate::experiment::{ArmOutcome, ExperimentOutcome, Heat, Slice, Timeline};
use crate::{
    bins::edge_us,
    report::{chart::Span, recovery::offered_in},
};

/// A line over time: seconds, value.
pub(super) type Line = Vec<(f64, Option<f64>)>;

/// The most points of a line: more are not seen in a small chart.
const POINTS: usize = 120;
/// The most columns of a heatmap.
const COLUMNS: usize = 64;

/// How long the timelines of an experiment are, in seconds.
pub(super) fn seconds(experiment: &ExperimentOutcome) -> f64 {
    let planned = (experiment.warmup_ns + experiment.counted_ns) as f64 / 1e9;
    let of = |arm: &ArmOutcome| arm.timeline.in_flight.len() as f64 * arm.timeline.tick_ns as f64 / 1e9;
    // What is answered after the last request was due is shown as long as it tells something: at most a fifth more.
    let longest = experiment.arms.iter().map(of).fold(0.0, f64::max);
    if planned > 0.0 { longest.clamp(planned, planned * 1.2) } else { longest.max(1e-9) }
}

/// The most in flight in each of at most [`POINTS`] stretches.
pub(super) fn in_flight(timeline: &Timeline) -> Line {
    let each = timeline.in_flight.len().div_ceil(POINTS).max(1);
    let tick = timeline.tick_ns as f64 / 1e9;
    let chunks = timeline.in_flight.chunks(each).enumerate();
    chunks
        .map(|(i, chunk)| ((i * each) as f64 * tick, chunk.iter().max().map(|most| f64::from(*most))))
        .collect()
}

/// When the most were in flight, and how many: seconds, requests.
pub(super) fn peak(timeline: &Timeline) -> Option<(f64, u32)> {
    let most = timeline.in_flight.iter().copied().max()?;
    let at = timeline.in_flight.iter().position(|n| *n == most)?;
    Some((at as f64 * timeline.tick_ns as f64 / 1e9, most))
}

/// Requests per second of one of the counts of a timeline, in at most half of [`POINTS`] stretches.
pub(super) fn rate(timeline: &Timeline, counts: &[u32]) -> Line {
    let slice = (timeline.slice_ns / timeline.tick_ns.max(1)).max(1) as usize;
    let each = slice.max(counts.len().div_ceil(POINTS / 2));
    let length = each as f64 * timeline.tick_ns as f64 / 1e9;
    let whole = counts.chunks(each).enumerate().filter(|(_, chunk)| chunk.len() == each);
    let per_second = |chunk: &[u32]| chunk.iter().map(|n| f64::from(*n)).sum::<f64>() / length;
    whole.map(|(i, chunk)| ((i as f64 + 0.5) * length, Some(per_second(chunk)))).collect()
}

/// How slices are put together for charts: few enough columns to be seen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Columns {
    /// How many there are.
    pub count: usize,
    /// So many slices are in each.
    pub each: usize,
    /// How long each is, in seconds.
    pub length: f64,
    /// The first bin of latency.
    pub first: u32,
}

impl Columns {
    /// Enough for `seconds` of slices that are `slice_ns` long.
    pub(super) fn of(seconds: f64, slice_ns: u64, first: u32) -> Columns {
        let slice = (slice_ns as f64 / 1e9).max(1e-3);
        let slices = libm::ceil(seconds / slice - 1e-6).max(1.0) as usize;
        let each = slices.div_ceil(COLUMNS);
        Columns { count: slices.div_ceil(each), each, length: slice * each as f64, first }
    }

    /// The counts of a heatmap: bins that are not empty, for each column.
    pub(super) fn heat(&self, heat: &Heat) -> Vec<Vec<(u16, u32)>> {
        let shift = heat.first_bin.saturating_sub(self.first) as usize;
        let column = |slices: &[Vec<u32>]| {
            let bins = slices.iter().map(Vec::len).max().unwrap_or(0);
            let count = |bin: usize| slices.iter().filter_map(|slice| slice.get(bin)).sum::<u32>();
            let all = (0..bins).map(|bin| ((bin + shift) as u16, count(bin)));
            all.filter(|(_, count)| *count > 0).collect::<Vec<_>>()
        };
        let mut all: Vec<Vec<(u16, u32)>> =
            heat.counts.chunks(self.each).take(self.count).map(column).collect();
        all.resize(self.count, Vec::new());
        all
    }

    /// A quantile of latency in milliseconds. As it was saved, if every column is a slice; else from the counts of the slices
    /// together: percentiles are never averaged.
    pub(super) fn latency(&self, arm: &ArmOutcome, quantile: f64, saved: fn(&Slice) -> Option<u64>) -> Line {
        if self.each == 1 {
            return self.line(&arm.timeline, saved);
        }
        let columns = self.heat(&arm.heat);
        let all = columns.iter().enumerate();
        all.map(|(i, column)| ((i as f64 + 0.5) * self.length, self.quantile(column, quantile))).collect()
    }

    /// In proportion within its bin.
    fn quantile(&self, column: &[(u16, u32)], quantile: f64) -> Option<f64> {
        let total: u32 = column.iter().map(|(_, count)| count).sum();
        let rank = (quantile * f64::from(total)).max(1.0);
        let mut before = 0.0;
        for (bin, count) in column {
            let count = f64::from(*count);
            if before + count >= rank {
                let (from, to) =
                    (edge_us(self.first + u32::from(*bin)), edge_us(self.first + u32::from(*bin) + 1));
                return Some((from + (rank - before - 0.5) / count * (to - from)) / 1e3);
            }
            before += count;
        }
        None
    }

    /// The largest of a figure of the slices of each column, in milliseconds; a gap where it is not known.
    pub(super) fn line(&self, timeline: &Timeline, of: fn(&Slice) -> Option<u64>) -> Line {
        let chunks = timeline.slices.chunks(self.each).take(self.count).enumerate();
        let most = |slices: &[Slice]| slices.iter().filter_map(of).max().map(|ns| ns as f64 / 1e6);
        chunks.map(|(i, slices)| ((i as f64 + 0.5) * self.length, most(slices))).collect()
    }
}

/// Stretches in which requests were in flight and nothing was answered well: nobody knows their latency.
pub(super) fn unknown(timeline: &Timeline, until: f64) -> Vec<(f64, f64)> {
    let slice = timeline.slice_ns as f64 / 1e9;
    let ticks = (timeline.slice_ns / timeline.tick_ns.max(1)).max(1) as usize;
    let slices = timeline.in_flight.len().div_ceil(ticks);
    let mut out: Vec<(f64, f64)> = Vec::new();
    for i in 0..slices {
        let is_busy = timeline.in_flight[i * ticks..].iter().take(ticks).any(|n| *n > 0);
        let is_known = timeline.slices.get(i).is_some_and(|slice| slice.count > 0);
        if is_known || !is_busy {
            continue;
        }
        let (from, to) = (i as f64 * slice, ((i + 1) as f64 * slice).min(until));
        match out.last_mut() {
            Some(last) if last.1 >= from - 1e-9 => last.1 = to,
            _ if from < until => out.push((from, to)),
            _ => {}
        }
    }
    out
}

/// The phases of an experiment as shades: that with the most offered stands out, the others alternate.
pub(super) fn spans(experiment: &ExperimentOutcome) -> Vec<Span> {
    let rates: Vec<f64> = (0..experiment.phases.len()).map(|i| offered_in(experiment, i)).collect();
    let most = rates.iter().copied().fold(0.0, f64::max);
    let least = rates.iter().copied().fold(f64::MAX, f64::min);
    let of = |i: usize| {
        let phase = &experiment.phases[i];
        // A tenth is less than what chance does to a phase.
        let class = match rates[i] {
            rate if rate > 0.9 * most && most > 1.25 * least => "ov",
            _ if i % 2 == 1 => "bd",
            _ => return None,
        };
        Some(Span { from: phase.from_ns as f64 / 1e9, to: phase.to_ns as f64 / 1e9, class })
    };
    let warmup = experiment.warmup_ns as f64 / 1e9;
    let warmup = (warmup > 0.0).then_some(Span { from: 0.0, to: warmup, class: "bd" });
    warmup.into_iter().chain((0..rates.len()).filter_map(of)).collect()
}
