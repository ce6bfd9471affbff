//! Limits and queues in the lab: what each is for, and when it harms, in virtual time.

use crate::worlds::{Counts, document, measure};
use inflight_lab::{experiment::ArmOutcome, record::Ending};

/// Ten minutes of `rate` per second at B, behind this limit.
fn run(rate: u32, contention: &str, limit: &str, around: &str) -> (ArmOutcome, Counts) {
    let text = format!(
        "[workload]\narrivals = {{ poisson = {{ rate = \"{rate}/s\" }} }}\nduration = \"660s\"\nwarmup = \"60s\"\n\
         [service.b]\ncontention = {contention}\n\
         [[arm]]\nname = \"arm\"\ncalls = \"parallel\"\nb = [ {{ limit = {{ {limit} }} }} ]\n{around}"
    );
    let (outcome, counts, _) = measure(&document(&text), 0);
    (outcome, counts)
}

/// With a B that only sleeps, at 20/s: nothing can degrade, so whoever is rejected is rejected for nothing.
fn rejected_without_need(permits: &str) -> f64 {
    let (outcome, _) = run(20, "\"none\"", &format!("permits = {{ {permits} }}, queue = 0"), "");
    outcome.share(Ending::Rejected)
}

#[test]
fn vegas_fed_call_by_call_takes_the_spread_for_queueing_and_fed_with_windows_does_not() {
    let (single, windowed) =
        (rejected_without_need("vegas = {}"), rejected_without_need("windowed = { of = { vegas = {} } }"));
    assert!(single > 0.3 && windowed < 0.05, "{single} and {windowed}");
}

#[test]
fn envoy_pays_for_its_measurements_with_rejections() {
    // Fifty calls of 0.75 s, three at a time, are 12.5 s of every 72.5 s or so.
    let rejected = rejected_without_need("envoy = { update = \"1s\" }");
    assert!((0.08..0.2).contains(&rejected), "{rejected}");
}

#[test]
fn bbr_without_a_condition_of_load_rejects_from_an_idle_system() {
    assert!(rejected_without_need("bbr = {}") > 0.03);
    assert_eq!(rejected_without_need("bbr = { trigger = 40 }"), 0.0);
}

/// An overloaded pool of 20, at 40/s; it serves 28/s.
fn overloaded(permits: &str) -> (ArmOutcome, Counts) {
    run(40, "{ pool = { servers = 20 } }", &format!("permits = {{ {permits} }}, queue = 0"), "")
}

#[test]
fn gradient2_drifts_to_its_maximum_under_a_lasting_overload() {
    let (outcome, counts) = overloaded("gradient2 = { min = 1 }");
    assert!(counts.b_most == 200 && outcome.completed.p99_ns > 7_000_000_000, "{}", counts.b_most);
}

#[test]
fn aimd_with_the_timeout_of_a_gateway_lets_everybody_wait() {
    let (slow, _) = overloaded("aimd = {}");
    let (fitting, _) = overloaded("aimd = { timeout = \"1.3s\", min = 1 }");
    assert!(slow.completed.p99_ns > 6_000_000_000 && fitting.completed.p99_ns < 3_000_000_000);
}

#[test]
fn vegas_with_windows_finds_the_size_of_the_pool() {
    let (outcome, counts) = overloaded("windowed = { of = { vegas = {} } }");
    assert!(outcome.completed.p99_ns < 1_500_000_000, "{}", outcome.completed.p99_ns);
    assert!(outcome.share(Ending::Completed) * 40.0 > 25.0 && counts.b_most < 40, "{}", counts.b_most);
}

/// Good answers per second of 20 permits at 35/s, when callers go away after 1.5 s; 28/s would be all that is possible.
fn goodput(queue: &str) -> f64 {
    let timeout = "whole = [ { timeout = { after = \"1500ms\" } } ]\n";
    let (outcome, _) = run(35, "\"none\"", &format!("permits = 20, queue = {queue}"), timeout);
    outcome.share(Ending::Completed) * 35.0
}

#[test]
fn a_fifo_queue_under_overload_serves_those_who_are_about_to_leave() {
    let fifo = goodput("\"unbounded\"");
    assert!(fifo < 17.0, "{fifo}");
}

#[test]
fn every_other_queue_keeps_most_of_the_goodput() {
    for queue in [
        "10",
        "{ order = \"lifo\" }",
        "{ order = \"adaptive-lifo\" }",
        "{ order = \"priority\" }",
        "{ codel = { target = \"100ms\", interval = \"1s\" } }",
        "{ deadline = { max-age = \"1500ms\", service = \"1200ms\" } }",
        "{ ramp = { from = 0.5, to = 1 } }",
        "{ bound = { little = { target = \"1s\" } } }",
        "{ pid = {} }",
    ] {
        let goodput = goodput(queue);
        assert!(goodput > 23.0, "{queue}: {goodput}");
    }
}
