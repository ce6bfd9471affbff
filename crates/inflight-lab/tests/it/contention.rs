//! The contention models in virtual time, against formulas.

use crate::worlds::{document, measure};
use inflight_lab::experiment::ArmOutcome;

/// One arm that calls only B in effect: A takes no time.
fn b_alone(service_b: &str, rate: &str, duration: &str) -> ArmOutcome {
    let text = format!(
        "[workload]\narrivals = {{ poisson = {{ rate = \"{rate}\" }} }}\nduration = \"{duration}\"\nwarmup = \"100s\"\n\
         [service.a]\nlatency = {{ constant = \"0s\" }}\n[service.b]\nerrors = \"0%\"\n{service_b}\n\
         [[arm]]\nname = \"x\"\ncalls = \"sequential\"\n"
    );
    measure(&document(&text), 0).0
}

/// Mean sojourn in milliseconds within `tolerance` of `expected`.
fn mean_is(outcome: &ArmOutcome, expected: f64, tolerance: f64) {
    let mean = outcome.completed.mean_ns as f64 / 1e6;
    assert!((mean / expected - 1.0).abs() < tolerance, "mean {mean} ms, expected {expected} ms");
}

#[test]
fn a_pool_of_one_is_m_m_1() {
    // W = S / (1 − ρ) = 100 / (1 − 0.5).
    let service = "latency = { exponential = \"100ms\" }\ncontention = { pool = { servers = 1 } }";
    mean_is(&b_alone(service, "5/s", "20000s"), 200.0, 0.03);
}

#[test]
fn a_pool_of_one_with_constant_work_is_m_d_1() {
    // Pollaczek–Khinchine: W = S + ρS / (2(1 − ρ)) = 100 + 0.5 · 100 / 1.
    let service = "latency = { constant = \"100ms\" }\ncontention = { pool = { servers = 1 } }";
    mean_is(&b_alone(service, "5/s", "20000s"), 150.0, 0.015);
}

#[test]
fn a_mutex_is_a_pool_of_one_for_as_long_as_it_is_held() {
    // M/D/1 with hold 100 ms at ρ = 0.5, then the rest of the work (100 ms) outside.
    let service = "latency = { constant = \"200ms\" }\ncontention = { mutex = { hold = \"100ms\" } }";
    mean_is(&b_alone(service, "5/s", "20000s"), 250.0, 0.015);
}

#[test]
fn processor_sharing_does_not_care_for_the_distribution() {
    // M/G/1-PS: W = S / (1 − ρ) whatever the distribution.
    for latency in
        ["{ exponential = \"100ms\" }", "{ constant = \"100ms\" }", "{ uniform = [\"10ms\", \"190ms\"] }"]
    {
        let service = format!("latency = {latency}\ncontention = {{ sharing = {{ capacity = 1 }} }}");
        mean_is(&b_alone(&service, "5/s", "20000s"), 200.0, 0.03);
    }
}

#[test]
fn below_the_knee_a_memory_cliff_is_not_there() {
    let service =
        "latency = { constant = \"100ms\" }\ncontention = { memory = { knee = 1000, slope = 1.0 } }";
    mean_is(&b_alone(service, "50/s", "500s"), 100.0, 1e-6);
}

#[test]
fn stragglers_take_a_multiple() {
    // 10 % × 5 on a constant: 0.9 · 100 + 0.1 · 500.
    let service = "latency = { constant = \"100ms\" }\nstragglers = \"10% × 5\"";
    mean_is(&b_alone(service, "50/s", "2000s"), 140.0, 0.02);
}

#[test]
fn a_limit_before_a_memory_cliff_keeps_the_tail_short() {
    // Knee 20, slope 0.06: without a limit the load of 24/s tips the system over; with 20 permits it does not.
    let text = include_str!("../../../../experiments/memory-cliff.toml").replace("0.1\n", "1\n");
    let document = document(&text.replace("220s", "2200s"));
    let (unlimited, limited) = (measure(&document, 0).0, measure(&document, 1).0);
    assert!(limited.completed.p99_ns * 2 < unlimited.completed.p99_ns, "{limited:?} {unlimited:?}");
}
