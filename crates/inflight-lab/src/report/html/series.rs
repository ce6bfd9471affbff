//! What an arm's charts draw, from its outcome: few points, peaks kept, gaps where nothing was answered.

use crate::experiment::{ArmOutcome, ExperimentOutcome, Heat, Slice, Timeline};
use crate::report::chart::Span;

/// A line over time: seconds, value.
pub(super) type Line = Vec<(f64, Option<f64>)>;

/// The most points of a line: more are not seen in a small chart.
const POINTS: usize = 120;

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

/// One of the figures of the slices, in milliseconds; a gap where it is not known.
pub(super) fn slices(timeline: &Timeline, of: fn(&Slice) -> Option<u64>) -> Line {
    let slice = timeline.slice_ns as f64 / 1e9;
    let all = timeline.slices.iter().enumerate();
    all.map(|(i, one)| ((i as f64 + 0.5) * slice, of(one).map(|ns| ns as f64 / 1e6))).collect()
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

/// The columns of a heatmap from bin `first` on, with all that are empty: sparse, and few enough to be seen.
pub(super) fn columns(heat: &Heat, first: u32, columns: usize) -> Vec<Vec<(u16, u32)>> {
    let shift = heat.first_bin.saturating_sub(first) as u16;
    let sparse = |counts: &Vec<u32>| {
        let all = counts.iter().enumerate().filter(|(_, count)| **count > 0);
        all.map(|(i, count)| (i as u16 + shift, *count)).collect::<Vec<_>>()
    };
    let mut all: Vec<Vec<(u16, u32)>> = heat.counts.iter().take(columns).map(sparse).collect();
    all.resize(columns, Vec::new());
    all
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

/// Requests per second that were offered in phase number `phase`: the same for all arms under an open loop.
pub(super) fn offered_in(experiment: &ExperimentOutcome, phase: usize) -> f64 {
    let phase = &experiment.phases[phase];
    let Some(arm) = experiment.arms.first().filter(|arm| arm.timeline.tick_ns > 0) else { return 0.0 };
    let tick = arm.timeline.tick_ns;
    let (from, to) = ((phase.from_ns / tick) as usize, phase.to_ns.div_ceil(tick) as usize);
    let ticks = arm.timeline.offered.iter().skip(from).take(to.saturating_sub(from));
    let length = (phase.to_ns.saturating_sub(phase.from_ns) as f64 / 1e9).max(1e-9);
    ticks.map(|n| f64::from(*n)).sum::<f64>() / length
}
