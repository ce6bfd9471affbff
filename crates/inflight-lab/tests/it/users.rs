//! Closed loops and retrying users in virtual time, against closed forms.

use crate::worlds::{document, measure};
use inflight_lab::{experiment::ArmOutcome, record::Ending};

fn run(seed: u64, workload: &str, service_b: &str) -> ArmOutcome {
    let text = format!(
        "seed = {seed}\n[workload]\n{workload}\n[service.a]\nlatency = {{ constant = \"0s\" }}\n[service.b]\n{service_b}\n\
         [[arm]]\nname = \"x\"\ncalls = \"sequential\"\n"
    );
    measure(&document(&text), 0).0
}

/// Mean and half the width of its 99.9 % interval, from eight values: Student's t with 7 degrees of freedom is 5.41.
fn interval(values: &[f64; 8]) -> (f64, f64) {
    let mean = values.iter().sum::<f64>() / 8.0;
    let variance = values.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / 7.0;
    (mean, 5.41 * libm::sqrt(variance / 8.0))
}

#[test]
fn a_closed_loop_is_the_machine_repairman() {
    // N users, think 1 s, S = 100 ms, both exponential, c servers: throughput per second and response in ms from the exact
    // birth–death equations.
    for (servers, users, throughput, response) in [(1, 20, 9.98131, 1003.75), (4, 50, 38.8498, 287.007)] {
        let workload = format!(
            "users = {{ count = {users}, think = {{ exponential = \"1s\" }} }}\nduration = \"1020s\"\nwarmup = \"20s\""
        );
        let service = format!(
            "errors = \"0%\"\nlatency = {{ exponential = \"100ms\" }}\ncontention = {{ pool = {{ servers = {servers} }} }}"
        );
        let runs: [ArmOutcome; 8] = std::array::from_fn(|i| run(i as u64 + 1, &workload, &service));
        for (of, expected) in [
            (runs.each_ref().map(|r| r.goodput_per_s), throughput),
            (runs.each_ref().map(|r| r.completed.mean_ns as f64 / 1e6), response),
        ] {
            let (mean, half) = interval(&of);
            assert!(
                (mean - expected).abs() < half && half < 0.1 * expected,
                "{mean} ± {half}, expected {expected}"
            );
        }
        assert_eq!(runs[0].lateness.count, 0, "users have no schedule to be late for");
    }
}

#[test]
fn a_closed_loop_never_has_more_requests_than_users() {
    let workload = "users = { count = 7, think = { constant = \"10ms\" } }\nduration = \"20s\"";
    let outcome = run(1, workload, "errors = \"0%\"\nlatency = { constant = \"90ms\" }");
    assert_eq!(outcome.in_flight_peak, 7);
    // Each user asks at 10, 110, 210 … ms: 200 times.
    assert_eq!((outcome.offered, outcome.ended(Ending::Completed)), (1400, 1400));
}

#[test]
fn users_retry_until_they_are_served_or_give_up() {
    // Half of all attempts fail at once. Three attempts: 1/8 give up; 1 + 1/2 + 1/4 attempts each.
    let workload = "arrivals = { constant = { rate = \"100/s\" } }\nduration = \"200s\"\n\
                    retry = { most = 2, pause = { fixed = \"10ms\" } }";
    let outcome = run(1, workload, "errors = \"50%\"\nlatency = { constant = \"20ms\" }");
    let users = outcome.users.expect("they retry");
    let all = (users.served.count + users.gave_up) as f64;
    // Standard deviations: 47 of those who give up, 0.0059 of the mean number of attempts.
    assert!((all - 20_000.0).abs() <= 2.0, "{all}");
    assert!((users.gave_up as f64 - 2500.0).abs() < 4.0 * 47.0, "{users:?}");
    assert!((outcome.offered as f64 / all - 1.75).abs() < 4.0 * 0.0059, "{}", outcome.offered);
    // Served at the first, second or third attempt: 20, 30 or 40 ms with weights 4, 2, 1.
    let mean = users.served.mean_ns as f64 / 1e6;
    assert!((mean - 180.0 / 7.0).abs() < 0.25, "{mean}");
    assert_eq!(outcome.endings.values().sum::<u64>(), outcome.offered);
}

#[test]
fn backoff_spreads_retries_over_the_longest_pause() {
    // Everything fails: full jitter of 100 and 200 ms on average 50 + 100 ms before users give up.
    let workload = "arrivals = { constant = { rate = \"100/s\" } }\nduration = \"100s\"\n\
                    retry = { most = 2, pause = { backoff = { first = \"100ms\", cap = \"1s\" } } }";
    let outcome = run(1, workload, "errors = \"100%\"");
    let users = outcome.users.expect("they retry");
    assert_eq!((users.served.count, outcome.ended(Ending::Completed)), (0, 0));
    // Those of the last 300 ms may not have finished.
    assert!(users.gave_up >= 9970 && outcome.offered >= 29_940, "{outcome:?}");
}
