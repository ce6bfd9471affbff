//! An outcome made by hand, with one of everything a report can show: for the tests of all of its forms.

use super::tally::testing::verdict;
use crate::{
    experiment::{
        ArmOutcome, Censored, Control, Effect, Event, EventKind, ExperimentOutcome, Finding, Heat, Latencies,
        Little, Margin, Phase, PhaseFigures, RoundFigures, Rounds, Row, Rule, RunOutcome, RunWorld, SCHEMA,
        SWEEP_SCHEMA, Slice, SweepOutcome, TailPoint, Timeline, Unit, Validity, Verdict, VerdictKind,
    },
    record::Ending,
    stats::Estimate,
    theory::Beside,
};
use std::collections::BTreeMap;

/// Three arms under a burst: one that never recovers, one that does, one that cuts short.
pub(crate) fn sample() -> RunOutcome {
    RunOutcome {
        schema: SCHEMA,
        id: "k3f9".into(),
        version: "0.1.0".into(),
        started_unix_s: 1_795_645_871,
        world: RunWorld::Live,
        machine: "2 processors, Linux 6.1".into(),
        timers: None,
        rerun: None,
        complete: true,
        validity: Validity::default(),
        experiments: vec![experiment()],
    }
}

fn experiment() -> ExperimentOutcome {
    let phase =
        |name: &str, from: u64, to: u64| Phase { name: name.into(), from_ns: from * S, to_ns: to * S };
    ExperimentOutcome {
        name: "burst".into(),
        question: Some("What does a burst leave behind?".into()),
        source: Some("Four seconds of twice what B can bear".into()),
        seed: 42,
        time_scale: 1.0,
        workload: "open loop, Poisson 60/s, 120/s from 6 s to 10 s".into(),
        objective_ns: Some(1_500_000_000),
        phases: vec![phase("base", 0, 6), phase("burst", 6, 10), phase("recovery", 10, 20)],
        warmup_ns: 0,
        counted_ns: 20 * S,
        rounds: Rounds { planned: 6, done: 6 },
        validity: Validity::default(),
        arms: vec![
            arm("async", |s| if s < 60 { 20 } else { 20 + 9 * (s - 60) }, None),
            arm("async-limited", |s| if (60..115).contains(&s) { 20 + (40 - (s as i32 - 90).abs()).max(0) as u32 } else { 20 }, Some(30)),
            arm("async-timeout", |s| if (60..100).contains(&s) { 36 } else { 18 }, None),
        ],
        verdicts: verdicts(),
        controls: vec![
            control("A/A", true, "+0.6 ms, 95 % interval −2.1 to +3.3"),
            control("driver lateness", true, "0.6 ms at p99"),
            control("Little's law", true, "within 1.4 %"),
            control("steal", false, "2.1 % of the time was taken by others"),
        ],
        sweep: Some(sweep()),
        answer: Some("A limit keeps what is in flight at 60 instead of 1,271, and the tail at 0.67 of what it is without.".into()),
    }
}

const S: u64 = 1_000_000_000;

fn control(name: &str, ok: bool, text: &str) -> Control {
    Control { name: name.into(), ok, text: text.into(), figures: BTreeMap::new() }
}

/// An arm with so many in flight in each tenth of a second.
fn arm(name: &str, in_flight: fn(u32) -> u32, limit: Option<u32>) -> ArmOutcome {
    let in_flight: Vec<u32> = (0..200).map(in_flight).collect();
    let peak = in_flight.iter().copied().max().unwrap_or(0);
    let offered: Vec<u32> = (0..200).map(|tick| if (60..100).contains(&tick) { 12 } else { 6 }).collect();
    let is_cut = name == "async-timeout";
    let slices: Vec<Slice> = (0..20).map(|second| slice(in_flight[second * 10 + 5], limit)).collect();
    let heat = slices.iter().map(heat_row).collect();
    let p99 = slices.iter().filter_map(|slice| slice.p99_ns).max().unwrap_or(0);
    let completed = Latencies {
        count: 1000,
        mean_ns: 400_000_000,
        p50_ns: 310_000_000,
        p95_ns: p99 / 2,
        p99_ns: p99,
        p999_ns: None,
        max_ns: p99 * 2,
        lower_bound_above: is_cut.then_some(0.7),
    };
    let ticks = |n: u32| offered.iter().map(|o| o * n / 6).collect::<Vec<u32>>();
    let endings = if is_cut {
        BTreeMap::from([(Ending::Completed, 1000), (Ending::Failed, 80), (Ending::TimedOut, 360)])
    } else {
        BTreeMap::from([
            (Ending::Completed, 1300),
            (Ending::Failed, 80),
            (Ending::Rejected, 50),
            (Ending::Reset, 10),
        ])
    };
    let round = |number: u64| round(number, &endings, completed, limit, peak);
    ArmOutcome {
        name: name.into(),
        stack: Some(format!(
            "A and B as tasks{}",
            limit.map_or(String::new(), |n| format!(", limit {n} around B"))
        )),
        offered: 1440 * 6,
        endings: endings.iter().map(|(ending, n)| (*ending, n * 6)).collect(),
        goodput_per_s: endings[&Ending::Completed] as f64 / 20.0,
        completed,
        answered: completed,
        lateness: Latencies { p99_ns: 600_000, ..completed },
        wait: limit.map(|_| Latencies { p99_ns: 88_000_000, p50_ns: 1_000_000, ..completed }),
        users: None,
        in_flight_mean: f64::from(peak) / 3.0,
        in_flight_peak: peak,
        little: Little { in_flight: 20.0, lambda_w: 20.2, error: 0.01 },
        rounds: (0..6).map(round).collect(),
        tail: tail(p99),
        timeline: Timeline {
            tick_ns: S / 10,
            completed: ticks(4),
            other: ticks(1),
            offered,
            in_flight,
            slice_ns: S,
            slices,
        },
        heat: Heat { slice_ns: S, first_bin: 68, counts: heat },
        events: events(name),
        findings: findings(name),
        driver: None,
        theory: Some(Beside {
            p50_ns: Some(300_000_000),
            p99_ns: Some(1_150_000_000),
            because: limit
                .map(|_| "there is no formula: something is in front of one of the services".into()),
            ..Beside::default()
        }),
        twin: None,
    }
}

fn slice(in_flight: u32, limit: Option<u32>) -> Slice {
    // With nearly nothing answered there are no percentiles: a gap.
    if in_flight > 1000 {
        return Slice::default();
    }
    let p50 = u64::from(in_flight) * 12_000_000;
    let wait = limit.map(|limit| u64::from(in_flight.saturating_sub(limit)) * 3_000_000);
    Slice {
        count: 40,
        p50_ns: Some(p50),
        p95_ns: Some(p50 * 2),
        p99_ns: Some(p50 * 3),
        wait_p50_ns: wait.map(|wait| wait / 4),
        wait_p99_ns: wait,
        tasks: None,
    }
}

/// Counts around the median, in quarters of an octave from bin 68 (131 ms) on.
fn heat_row(slice: &Slice) -> Vec<u32> {
    let Some(p50) = slice.p50_ns else { return Vec::new() };
    let middle = (libm::log2(p50 as f64 / 1e3) * 4.0) as i64 - 68;
    (0..=middle + 4)
        .map(|bin| [12, 9, 5, 2, 1].get((bin - middle).unsigned_abs() as usize).copied().unwrap_or(0))
        .collect()
}

fn round(
    number: u64,
    endings: &BTreeMap<Ending, u64>,
    completed: Latencies,
    limit: Option<u32>,
    peak: u32,
) -> RoundFigures {
    let spread = |value: u64| value + value / 100 * number;
    let phase = |name: &str, p99_ns| PhaseFigures {
        name: name.into(),
        offered: 480,
        goodput_per_s: 55.0 + number as f64,
        p50_ns: 300_000_000,
        p95_ns: p99_ns / 2,
        p99_ns,
        in_flight_mean: 20.0 + number as f64,
    };
    RoundFigures {
        seed: 42 + number,
        offered: 1440,
        endings: endings.clone(),
        goodput_per_s: endings[&Ending::Completed] as f64 / 20.0 + number as f64 / 4.0,
        completed: Latencies {
            p99_ns: spread(completed.p99_ns),
            p95_ns: spread(completed.p95_ns),
            ..completed
        },
        answered: completed,
        lateness: completed,
        wait: limit.map(|_| completed),
        in_flight_mean: f64::from(peak) / 3.0 + number as f64 / 10.0,
        in_flight_peak: peak,
        little: Little { in_flight: 20.0, lambda_w: 20.2, error: 0.01 },
        phases: vec![phase("burst", spread(completed.p99_ns)), phase("recovery", completed.p99_ns / 3)],
    }
}

fn tail(p99: u64) -> Vec<TailPoint> {
    let point = |(quantile, share): (f64, f64)| TailPoint { quantile, ns: (p99 as f64 * share) as u64 };
    [(0.1, 0.1), (0.5, 0.2), (0.75, 0.3), (0.9, 0.45), (0.95, 0.6), (0.99, 1.0), (0.999, 1.4)]
        .map(point)
        .into()
}

fn events(name: &str) -> Vec<Event> {
    let event = |ms: u64, kind, threshold, text: &str| Event {
        at_ns: ms * S / 1000,
        kind,
        threshold,
        text: text.into(),
    };
    let passed = event(6_800, EventKind::InFlightPassed, 31.0, "inflight passed 31 at 6.8 s");
    let rose = event(8_100, EventKind::P95Rose, 1.2e9, "p95 passed 1.2 s at 8.1 s: the cause led by 1.3 s");
    let fell = event(11_500, EventKind::InFlightFell, 22.0, "inflight was back at 22 at 11.5 s");
    match name {
        "async" => vec![passed, rose],
        "async-limited" => vec![passed, fell],
        _ => Vec::new(),
    }
}

fn findings(name: &str) -> Vec<Finding> {
    let (rule, text) = match name {
        "async" => (Rule::Saturation, "Saturation: inflight rose from 20 to 1,271 and did not stop."),
        "async-limited" => (
            Rule::Backpressure,
            "Backpressure works: inflight stayed below 60 while twice as much was offered.",
        ),
        _ => return Vec::new(),
    };
    vec![Finding { rule, text: text.into() }]
}

fn verdicts() -> Vec<Verdict> {
    let effect = |value: f64, unit, low: Option<f64>, high: Option<f64>, censored| {
        Some(Effect { value, unit, low, high, confidence: 0.95, censored })
    };
    let h1 = verdict("H1", VerdictKind::Holds);
    let h2 = Verdict {
        title: "/async recovers by itself within 20 s".into(),
        claim: "recovers(async) within 20s".into(),
        effect: effect(0.0, Unit::Rounds, Some(0.0), Some(0.39), None),
        margin: Some(Margin { low: Some(1.0), high: None }),
        rounds: vec![0.0; 6],
        comparison: "rounds in which /async recovered".into(),
        why: "it recovered in 0 of 6 rounds".into(),
        ..verdict("H2", VerdictKind::Refuted)
    };
    let h3 = Verdict {
        title: "A timeout costs no goodput".into(),
        claim: "goodput(async-timeout) - goodput(async) in -2/s..2/s".into(),
        effect: effect(-1.6, Unit::PerSecond, Some(-3.2), Some(0.1), None),
        margin: Some(Margin { low: Some(-2.0), high: Some(2.0) }),
        rounds: vec![-3.1, -0.4, -2.2, -1.1, 0.3, -2.9],
        comparison: "/async-timeout − /async, goodput".into(),
        why: "the interval reaches beyond −2".into(),
        needs_more: Some(9),
        ..verdict("H3", VerdictKind::Undecided)
    };
    let h4 = Verdict {
        title: "Without a limit p99 passes 1.5 s".into(),
        claim: "p99(async) > 1500ms".into(),
        effect: effect(1816.0, Unit::Ms, Some(1806.0), None, Some(Censored::Below)),
        margin: Some(Margin { low: Some(1500.0), high: None }),
        rounds: vec![1806.0, 1816.0, 1822.0],
        comparison: "/async, p99".into(),
        why: "even the lower bound is above 1,500".into(),
        ..verdict("H4", VerdictKind::Holds)
    };
    vec![
        h1,
        h2,
        h3,
        h4,
        Verdict { effect: None, margin: None, rounds: Vec::new(), ..verdict("H5", VerdictKind::Undecided) },
    ]
}

fn sweep() -> SweepOutcome {
    let about = |value: f64| Estimate { value, half_width: Some(value / 20.0) };
    let row = |(rate, arm): (f64, &str)| {
        let capacity: f64 = if arm == "async" { 90.0 - (rate - 90.0).max(0.0) } else { 90.0 };
        Row {
            levels: vec![format!("{rate}/s")],
            arm: arm.into(),
            offered: 1000,
            doubtful: usize::from(rate > 100.0),
            in_flight: about(rate / 3.0),
            wait_p99_ms: None,
            goodput_per_s: about(rate.min(capacity).max(4.0)),
            p50_ms: Some(about(300.0)),
            p95_ms: Some(about(700.0)),
            p99_ms: (rate < 119.0)
                .then(|| about(900.0 + (rate - 80.0).max(0.0) * if arm == "async" { 60.0 } else { 4.0 })),
            failed: about(0.05),
            timed_out: about(0.0),
            rejected: about(0.0),
            unfinished: about(0.0),
            hash: "0".into(),
        }
    };
    let points = [20.0, 40.0, 60.0, 80.0, 100.0, 120.0];
    let all = points
        .into_iter()
        .flat_map(|rate| ["async", "async-limited", "async-timeout"].map(|arm| (rate, arm)));
    SweepOutcome {
        schema: SWEEP_SCHEMA,
        version: "0.1.0".into(),
        experiment: "burst".into(),
        question: None,
        seed: 42,
        replications: 10,
        time_scale: Some(1.0),
        factors: vec!["workload.rate".into()],
        complete: true,
        rows: all.map(row).collect(),
    }
}
