//! Scheduled faults in virtual time, against what is computed by hand.

use crate::worlds::{document, measure};
use inflight_lab::{
    experiment::{ArmOutcome, Document},
    record::Ending,
};

/// One arm that calls only B in effect: 10 requests per second, evenly spaced, for 10 s.
fn experiment(service_b: &str) -> Document {
    document(&format!(
        "[workload]\narrivals = {{ constant = {{ rate = \"10/s\" }} }}\nduration = \"10s\"\n\
         [service.a]\nlatency = {{ constant = \"0s\" }}\n[service.b]\nerrors = \"0%\"\n{service_b}\n\
         [[arm]]\nname = \"x\"\ncalls = \"sequential\"\n"
    ))
}

fn run(service_b: &str) -> ArmOutcome {
    measure(&experiment(service_b), 0).0
}

/// The mean in milliseconds, as exact as the books are: three digits.
fn mean_is(outcome: &ArmOutcome, expected: f64) {
    let mean = outcome.completed.mean_ns as f64 / 1e6;
    assert!((mean / expected - 1.0).abs() < 1e-3, "{mean} ms, expected {expected} ms");
}

#[test]
fn a_pause_holds_whoever_is_in_service() {
    // Work of 1 s; a pause of 2 s from 5 s. Those who come in (4 s, 5 s] or in the pause wait for what is left of it:
    // 10 requests at 4.1 … 5.0 s 2 s each (those at 5.0 s too), 19 at 5.1 … 6.9 s 1.9 … 0.1 s, in sum 20 + 19 = 39 s.
    // The one at 4.0 s ends at 5.0 s, as the pause begins.
    for contention in ["\"none\"", "{ pool = { servers = 1000 } }", "{ sharing = { capacity = 1000 } }"] {
        let outcome = run(&format!(
            "latency = {{ constant = \"1s\" }}\ncontention = {contention}\nfaults = [ {{ pause = {{ at = \"5s\", for = \"2s\" }} }} ]"
        ));
        mean_is(&outcome, 1000.0 + 39_000.0 / 100.0);
        assert!(outcome.completed.max_ns.abs_diff(3_000_000_000) < 3_000_000, "{outcome:?}");
    }
}

#[test]
fn a_brown_out_slows_the_work_that_is_under_way() {
    // Half the speed from 5 s to 7 s; work of 100 ms and a request every 100 ms: 19 begin and end inside and take 200 ms,
    // the one at 6.9 s does half its work inside and takes 150 ms; the one at 5.0 s takes 200 ms like the others.
    let outcome = run(
        "latency = { constant = \"100ms\" }\nfaults = [ { brown-out = { at = \"5s\", for = \"2s\", speed = \"50%\" } } ]",
    );
    mean_is(&outcome, (80.0 * 100.0 + 19.0 * 200.0 + 150.0) / 100.0);
}

#[test]
fn a_crash_loses_exactly_those_inside_and_those_who_come_until_it_ends() {
    // Work of 1 s. In service at 5 s: those of 4.1 … 4.9 s; the one of 4.0 s just ends. Then 5.0 … 6.9 s are refused.
    let service = "latency = { constant = \"1s\" }\nfaults = [ { crash = { at = \"5s\", for = \"2s\" } } ]";
    let outcome = run(service);
    assert_eq!(outcome.ended(Ending::Failed), 9 + 20);
    assert_eq!(outcome.ended(Ending::Completed), 71);
    // A line in front of a pool is lost as well: one server, 10 served by 5.5 s, then the line since 1 s is gone.
    let pooled = format!("{service}\ncontention = {{ pool = {{ servers = 1 }} }}");
    assert_eq!(run(&pooled).ended(Ending::Failed), 45 + 20);
}

#[test]
fn an_error_burst_fails_its_share_and_shifts_no_other_draw() {
    let service = |faults: &str| format!("latency = {{ exponential = \"100ms\" }}\n{faults}");
    let outcome = run(&service("faults = [ { errors = { at = \"2s\", for = \"4s\", share = \"100%\" } } ]"));
    assert_eq!(outcome.ended(Ending::Failed), 40);
    let half = run(&service("faults = [ { errors = { at = \"0s\", for = \"10s\", share = \"50%\" } } ]"));
    // The draws are the same as those of a dependency that always fails so often.
    let always = run(&service("").replace("latency", "stragglers = \"1% x 2\"\nlatency"));
    assert_eq!(always.ended(Ending::Failed), 0);
    assert!(half.ended(Ending::Failed).abs_diff(50) < 20, "{half:?}");
}

#[test]
fn the_backlog_of_a_dip_is_that_of_the_fluid() {
    // 10/s of 500 ms on 10 servers; from 2 s to 6 s there are 2, which serve 4/s: 6/s · 4 s = 24 are in line at the end,
    // beside those in service. Ten servers then serve 20/s, and the last of the line
    // are in service for 0.5 s more.
    let outcome = run("latency = { constant = \"500ms\" }\ncontention = { pool = { servers = 10 } }\n\
         faults = [ { dip = { at = \"2s\", for = \"4s\", servers = 2 } } ]");
    let peak = f64::from(outcome.in_flight_peak);
    assert!((peak - 27.0).abs() <= 3.0, "{peak}");
    assert_eq!(outcome.ended(Ending::Completed), 100, "nobody is thrown out");
    let at_9s = outcome.timeline.in_flight[(9_000_000_000 / outcome.timeline.tick_ns) as usize];
    assert!(at_9s <= 5, "the line is gone within 24/(20 − 10) s: {outcome:?}");
}

#[test]
fn faults_run_in_the_wind_tunnel() {
    let service = "latency = { constant = \"1s\" }\nfaults = [ { pause = { at = \"5s\", for = \"2s\" } } ]";
    let slow = run(service);
    let text = format!(
        "time-scale = 0.1\n[workload]\narrivals = {{ constant = {{ rate = \"10/s\" }} }}\nduration = \"10s\"\n\
         [service.a]\nlatency = {{ constant = \"0s\" }}\n[service.b]\nerrors = \"0%\"\n{service}\n\
         [[arm]]\nname = \"x\"\ncalls = \"sequential\"\n"
    );
    mean_is(&measure(&document(&text), 0).0, slow.completed.mean_ns as f64 / 1e7);
}
