//! The four rules of the original lab, on runs in virtual time.

use crate::worlds::{document, measure};
use inflight_lab::{
    diagnosis::{Known, Subject, events, findings},
    experiment::{ArmOutcome, EventKind, Phase, Rule},
};

/// A burst from 15 s to 20 s meets a B that slows by a tenth for each request beyond 20.
const BURST: &str = r#"
[workload]
arrivals  = { bursts = { base = "20/s", burst = "60/s", length = "5s", at = ["15s"] } }
duration  = "45s"
warmup    = "5s"
objective = "2s"
[service.b]
latency    = { uniform = ["300ms", "1200ms"] }
contention = { memory = { knee = 20, slope = 0.10 } }
[[arm]]
name  = "async"
calls = "parallel"
[[arm]]
name  = "async-shed"
calls = "parallel"
b     = [ { limit = { permits = 20, queue = 0 } } ]
[[arm]]
name  = "async-timeout"
calls = "parallel"
whole = [ { timeout = { after = "1500ms" } } ]
"#;

/// The kinds of events and the rules that were found in arm number `arm`.
fn found(arm: usize) -> (Vec<EventKind>, Vec<Rule>) {
    let document = document(BURST);
    let (outcome, _, _) = measure(&document, arm);
    let ArmOutcome { timeline, .. } = &outcome;
    let phase = |name: &str, from: u64, to: u64| Phase {
        name: name.into(),
        from_ns: from * 1_000_000_000,
        to_ns: to * 1_000_000_000,
    };
    let phases = [phase("base", 0, 15), phase("burst", 15, 20), phase("recovery", 20, 45)];
    let known = Known::of(&document, arm);
    let subject =
        Subject { timeline, phases: &phases, warmup_ns: 5_000_000_000, end_ns: 45_000_000_000, known };
    let events = events(&subject);
    let findings = findings(&subject, &events);
    assert!(events.is_sorted_by_key(|event| event.at_ns));
    (events.iter().map(|e| e.kind).collect(), findings.iter().map(|f| f.rule).collect())
}

#[test]
fn without_a_limit_in_flight_rises_first_then_latency_and_neither_stops() {
    let (events, rules) = found(0);
    assert_eq!(events, [EventKind::InFlightPassed, EventKind::P95Rose]);
    assert_eq!(rules, [Rule::Saturation, Rule::Queueing]);
}

#[test]
fn a_limit_that_says_no_keeps_in_flight_stable() {
    let (events, rules) = found(1);
    assert!(events.contains(&EventKind::LimitReached) && !events.contains(&EventKind::P95Rose), "{events:?}");
    assert!(rules.contains(&Rule::Backpressure) && !rules.contains(&Rule::Saturation), "{rules:?}");
}

#[test]
fn a_deadline_that_cancels_lets_in_flight_fall_fast() {
    let (events, rules) = found(2);
    assert!(events.contains(&EventKind::InFlightFell), "{events:?}");
    assert_eq!(rules, [Rule::Cancellation]);
}
