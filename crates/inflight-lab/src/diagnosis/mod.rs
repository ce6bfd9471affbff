//! Reads a round over time as the original lab reads its graphs: what happened when, and which led, the cause or the effect.
//!
//! Latency shows the effect, inflight shows the cause: whoever sees both on one clock can tell which moved first. The
//! [`events`] of an arm are moments at which one of them left what was usual, or came back to it. The [`findings`] are
//! four rules over them: rising inflight means saturation, a 95th percentile that rises after inflight means queueing, stable
//! inflight under more load means that backpressure works, a fast fall after a spike means that cancellation works.

mod known;
mod series;

use crate::experiment::{Event, EventKind, Finding, Phase, Rule, Slice, Timeline};
use inflight_strategies::units::format_duration;
use series::{Usual, first_run, mean};
use std::time::Duration;

/// So many ticks in a row must say the same before something has happened.
const TICKS_IN_A_ROW: usize = 5;
/// And so many slices.
const SLICES_IN_A_ROW: usize = 2;
/// A slice says nothing about its 95th percentile with fewer answers.
const MIN_ANSWERS: u32 = 10;
/// And nothing about its median with fewer than these.
const FEW_ANSWERS: u32 = 2;
/// The 95th percentile has risen when it is so many times what was usual, if there is no objective.
const RISEN: f64 = 1.5;
/// A wait is visible when its 99th percentile is this share of the usual median latency.
const VISIBLE: f64 = 0.1;
/// In flight is stable as long as it stays below so many times what was usual at the most.
const STABLE: f64 = 1.5;
/// Load has risen when so many times as much is offered as before.
const MORE: f64 = 1.3;
/// In flight rises as long as its last quarter is so many times the quarter before.
const RISING: f64 = 1.1;
/// A fall is fast if it takes no longer than so many usual 95th percentiles: whoever was inside has had time to leave.
const FAST: f64 = 3.0;

/// One round of an arm.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The round over time.
    pub timeline: &'a Timeline,
    /// Named stretches of it; what comes before the first `burst` is what is usual.
    pub phases: &'a [Phase],
    /// How much of the beginning is not looked at, in nanoseconds.
    pub warmup_ns: u64,
    /// When the last request was due, in nanoseconds since the round's start.
    pub end_ns: u64,
    /// What is known about it beforehand.
    pub known: Known,
}

/// What is known about an arm before it is measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// In flight beyond which capacity falls.
    pub knee: Option<u32>,
    /// The permits of the arm's limit, if it is fixed.
    pub limit: Option<u32>,
    /// Which latency is still good, in nanoseconds, if that was said.
    pub objective_ns: Option<u64>,
}

impl Subject<'_> {
    /// When the first and the last burst begin and end.
    fn burst(&self) -> Option<(u64, u64)> {
        let mut bursts = self.phases.iter().filter(|phase| phase.name == "burst");
        let first = bursts.next()?;
        Some((first.from_ns, bursts.next_back().unwrap_or(first).to_ns))
    }

    /// What is usual: before the first burst, or in the first quarter of what is counted.
    fn usual(&self) -> Usual {
        let quarter = self.warmup_ns + self.end_ns.saturating_sub(self.warmup_ns) / 4;
        let until = self.burst().map_or(quarter, |(from, _)| from);
        let ticks = &self.ticks(self.warmup_ns, until);
        let slices = self.slices(self.warmup_ns, until);
        Usual::of(ticks, slices.iter().filter(|slice| slice.count >= MIN_ANSWERS))
    }

    /// In flight in the ticks between two moments.
    fn ticks(&self, from_ns: u64, to_ns: u64) -> &[u32] {
        series::between(&self.timeline.in_flight, self.timeline.tick_ns, from_ns, to_ns)
    }

    /// The slices between two moments.
    fn slices(&self, from_ns: u64, to_ns: u64) -> &[Slice] {
        series::between(&self.timeline.slices, self.timeline.slice_ns, from_ns, to_ns)
    }

    /// The first moment from `from_ns` on at which `TICKS_IN_A_ROW` ticks of in flight are as `is` says.
    fn tick_when(&self, from_ns: u64, is: impl Fn(u32) -> bool) -> Option<u64> {
        let ticks = self.ticks(from_ns, self.end_ns);
        let index = first_run(ticks, TICKS_IN_A_ROW, |value| is(*value))?;
        Some(from_ns + index as u64 * self.timeline.tick_ns)
    }

    /// The first moment after the warm-up at which `SLICES_IN_A_ROW` slices are as `is` says.
    fn slice_when(&self, is: impl Fn(&Slice) -> bool) -> Option<u64> {
        let slices = self.slices(self.warmup_ns, self.end_ns);
        let index = first_run(slices, SLICES_IN_A_ROW, is)?;
        Some(self.warmup_ns + index as u64 * self.timeline.slice_ns)
    }
}

/// What happened to an arm, in order of time.
pub fn events(subject: &Subject<'_>) -> Vec<Event> {
    let usual = subject.usual();
    let mut events: Vec<Event> = [
        in_flight_passed(subject, &usual),
        p95_rose(subject, &usual),
        wait_visible(subject, &usual),
        limit_reached(subject),
        in_flight_fell(subject, &usual),
    ]
    .into_iter()
    .flatten()
    .collect();
    events.sort_by_key(|event| (event.at_ns, event.kind));
    events
}

/// What the events mean.
pub fn findings(subject: &Subject<'_>, events: &[Event]) -> Vec<Finding> {
    let usual = subject.usual();
    [
        saturation(subject, &usual),
        queueing(events),
        backpressure(subject, &usual),
        cancellation(subject, events, &usual),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn in_flight_passed(subject: &Subject<'_>, usual: &Usual) -> Option<Event> {
    let threshold = subject.known.knee.unwrap_or_else(|| usual.unusual_in_flight());
    let at_ns = subject.tick_when(subject.warmup_ns, |n| n > threshold)?;
    let text = format!("inflight passed {threshold} at {}", time(at_ns));
    Some(Event { at_ns, kind: EventKind::InFlightPassed, threshold: f64::from(threshold), text })
}

fn p95_rose(subject: &Subject<'_>, usual: &Usual) -> Option<Event> {
    let threshold = subject.known.objective_ns.map(|ns| ns as f64).or(usual.p95_ns.map(|ns| ns * RISEN))?;
    // Where hardly anything is answered any more, a median above it says as much.
    let telling = |slice: &Slice| if slice.count >= MIN_ANSWERS { slice.p95_ns } else { slice.p50_ns };
    let is_above =
        |slice: &Slice| slice.count >= FEW_ANSWERS && telling(slice).is_some_and(|ns| ns as f64 > threshold);
    let at_ns = subject.slice_when(is_above)?;
    let what = if subject.known.objective_ns.is_some() { "the objective of " } else { "" };
    let text = format!("p95 passed {what}{} at {}", time(threshold as u64), time(at_ns));
    Some(Event { at_ns, kind: EventKind::P95Rose, threshold, text })
}

fn wait_visible(subject: &Subject<'_>, usual: &Usual) -> Option<Event> {
    let threshold = usual.p50_ns? * VISIBLE;
    let at_ns = subject.slice_when(|slice| slice.wait_p99_ns.is_some_and(|wait| wait as f64 > threshold))?;
    let text =
        format!("waits for a permit became visible, above {}, at {}", time(threshold as u64), time(at_ns));
    Some(Event { at_ns, kind: EventKind::WaitVisible, threshold, text })
}

fn limit_reached(subject: &Subject<'_>) -> Option<Event> {
    let limit = subject.known.limit?;
    let at_ns = subject.tick_when(subject.warmup_ns, |n| n >= limit)?;
    let text = format!("the limit of {limit} was reached at {}", time(at_ns));
    Some(Event { at_ns, kind: EventKind::LimitReached, threshold: f64::from(limit), text })
}

/// Only after a burst in which more were in flight than usual.
fn in_flight_fell(subject: &Subject<'_>, usual: &Usual) -> Option<Event> {
    let (from_ns, to_ns) = subject.burst()?;
    let threshold = usual.unusual_in_flight();
    subject.ticks(from_ns, to_ns).iter().any(|n| *n > threshold).then_some(())?;
    let at_ns = subject.tick_when(to_ns, |n| n <= threshold)?;
    let after = time(at_ns - to_ns);
    let text = format!("inflight fell to {threshold} at {}, {after} after the burst", time(at_ns));
    Some(Event { at_ns, kind: EventKind::InFlightFell, threshold: f64::from(threshold), text })
}

/// In flight is well above what was usual, and still rises in the last quarter: it does not stop.
fn saturation(subject: &Subject<'_>, usual: &Usual) -> Option<Finding> {
    let from_ns = subject.burst().map_or(subject.warmup_ns, |(_, end)| end);
    let ticks = subject.ticks(from_ns, subject.end_ns);
    let late = &ticks[ticks.len() / 2..];
    let (third, last) = late.split_at(late.len() / 2);
    let (third, last) = (mean(third)?, mean(last)?);
    let rises = last > RISING * third && last > f64::from(usual.unusual_in_flight());
    rises.then(|| Finding {
        rule: Rule::Saturation,
        text: format!(
            "inflight rose from {:.0} to {last:.0} and had not stopped at the end: saturation",
            usual.in_flight_mean
        ),
    })
}

fn queueing(events: &[Event]) -> Option<Finding> {
    let find = |kind| events.iter().find(|event| event.kind == kind);
    let (cause, effect) = (find(EventKind::InFlightPassed)?, find(EventKind::P95Rose)?);
    (cause.at_ns <= effect.at_ns).then(|| {
        let lead = time(effect.at_ns - cause.at_ns);
        let text = format!("{}, {}: the cause led by {lead}: queueing", cause.text, effect.text);
        Finding { rule: Rule::Queueing, text }
    })
}

/// More was offered, and yet no more were in flight.
fn backpressure(subject: &Subject<'_>, usual: &Usual) -> Option<Finding> {
    let (from_ns, to_ns) = subject.burst()?;
    let Timeline { offered, tick_ns, .. } = subject.timeline;
    let rate = |from, to| mean(series::between(offered, *tick_ns, from, to));
    let (before, during) = (rate(subject.warmup_ns, from_ns)?, rate(from_ns, to_ns)?);
    let peak = *subject.ticks(from_ns, subject.end_ns).iter().max()?;
    let bound = usual.in_flight_most.max(subject.known.limit.unwrap_or(0));
    (during > MORE * before && f64::from(peak) <= STABLE * f64::from(bound)).then(|| Finding {
        rule: Rule::Backpressure,
        text: format!(
            "{:.1} times as much was offered and inflight stayed at {peak} or less: backpressure works",
            during / before
        ),
    })
}

/// In flight fell as fast as those inside could leave.
fn cancellation(subject: &Subject<'_>, events: &[Event], usual: &Usual) -> Option<Finding> {
    let (from_ns, end_ns) = subject.burst()?;
    let fell = events.iter().find(|event| event.kind == EventKind::InFlightFell)?;
    let took = fell.at_ns - end_ns;
    let fast = (FAST * usual.p95_ns?).max(2.0 * subject.timeline.slice_ns as f64);
    let peak = *subject.ticks(from_ns, end_ns).iter().max()?;
    (took as f64 <= fast).then(|| Finding {
        rule: Rule::Cancellation,
        text: format!(
            "inflight fell from {peak} to {} within {} after the burst: the spike left nothing behind",
            fell.threshold,
            time(took)
        ),
    })
}

/// A time with three digits at most.
fn time(ns: u64) -> String {
    let unit = 10_u64.pow(ns.max(1).ilog10().saturating_sub(2).max(5));
    format_duration(Duration::from_nanos((ns + unit / 2) / unit * unit))
}

#[cfg(test)]
mod tests;
