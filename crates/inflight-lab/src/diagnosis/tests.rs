//! The rules on timelines made by hand.

use super::*;
use expect_test::{Expect, expect};

const S: u64 = 1_000_000_000;

/// What is said of 40 s: 10 offered per tick of 100 ms, 30 in a burst from 10 s to 15 s; `in_flight` and `p95_ms` in each second.
fn told(
    in_flight: impl Fn(u64) -> u32,
    p95_ms: impl Fn(u64) -> u64,
    known: Known,
    phases: &[Phase],
) -> String {
    let slice = |second| Slice {
        count: 100,
        p50_ns: Some(750_000_000),
        p95_ns: Some(p95_ms(second) * 1_000_000),
        ..Slice::default()
    };
    let timeline = Timeline {
        tick_ns: S / 10,
        slice_ns: S,
        offered: (0..400).map(|tick| if (100..150).contains(&tick) { 30 } else { 10 }).collect(),
        // Somebody always comes or goes.
        in_flight: (0..400).map(|tick| in_flight(tick / 10) + u32::from(tick % 3 == 0)).collect(),
        slices: (0..40).map(slice).collect(),
        ..Timeline::default()
    };
    let subject = Subject { timeline: &timeline, phases, warmup_ns: 2 * S, end_ns: 40 * S, known };
    let events = events(&subject);
    let events_told = events.iter().map(|event| event.text.clone());
    let found = findings(&subject, &events);
    let found_told = found.iter().map(|finding| format!("{:?}: {}", finding.rule, finding.text));
    events_told.chain(found_told).collect::<Vec<_>>().join("\n")
}

fn check(in_flight: impl Fn(u64) -> u32, p95_ms: impl Fn(u64) -> u64, known: Known, expected: Expect) {
    let phase = |name: &str, from, to| Phase { name: name.into(), from_ns: from * S, to_ns: to * S };
    let phases = [phase("base", 0, 10), phase("burst", 10, 15), phase("recovery", 15, 40)];
    expected.assert_eq(&told(in_flight, p95_ms, known, &phases));
}

#[test]
fn in_flight_that_rises_and_does_not_stop_is_saturation_and_leads_latency() {
    let rising = |second: u64| if second < 11 { 15 } else { 15 + 20 * (second - 10) as u32 };
    let late = |second: u64| if second < 14 { 1150 } else { 1150 + 500 * (second - 13) };
    let known = Known { knee: Some(20), limit: None, objective_ns: Some(2 * S) };
    check(
        rising,
        late,
        known,
        expect![[r#"
        inflight passed 20 at 11s
        p95 passed the objective of 2s at 15s
        Saturation: inflight rose from 15 to 542 and had not stopped at the end: saturation
        Queueing: inflight passed 20 at 11s, p95 passed the objective of 2s at 15s: the cause led by 4s: queueing"#]],
    );
}

#[test]
fn latency_that_rises_first_is_not_queueing() {
    let late_rise = |second: u64| if second < 20 { 15 } else { 60 };
    let early = |second: u64| if second < 12 { 1150 } else { 3000 };
    check(
        late_rise,
        early,
        Known::default(),
        expect![[r#"
            p95 passed 1.73s at 12s
            inflight passed 17 at 20s"#]],
    );
}

#[test]
fn stable_in_flight_under_more_load_is_backpressure() {
    check(
        |_| 18,
        |_| 1200,
        Known { limit: Some(18), ..Known::default() },
        expect![[r#"
        the limit of 18 was reached at 2s
        Backpressure: 3.0 times as much was offered and inflight stayed at 19 or less: backpressure works"#]],
    );
}

#[test]
fn a_fast_fall_after_a_burst_is_cancellation() {
    let spike = |second: u64| if (10..16).contains(&second) { 45 } else { 15 };
    check(
        spike,
        |_| 1150,
        Known::default(),
        expect![[r#"
        inflight passed 17 at 10s
        inflight fell to 17 at 16s, 1s after the burst
        Cancellation: inflight fell from 46 to 17 within 1s after the burst: the spike left nothing behind"#]],
    );
}

#[test]
fn a_slow_fall_is_not() {
    let spike = |second: u64| match second {
        0..10 => 15,
        10..30 => 45,
        _ => 15,
    };
    check(
        spike,
        |_| 1150,
        Known::default(),
        expect![[r#"
        inflight passed 17 at 10s
        inflight fell to 17 at 30s, 15s after the burst"#]],
    );
}

#[test]
fn nothing_is_said_of_a_quiet_round_without_a_burst() {
    assert_eq!(told(|_| 15, |_| 1150, Known::default(), &[]), "");
}
