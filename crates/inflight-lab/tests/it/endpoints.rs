//! The four endpoints in virtual time: what each does, and that nothing is lost or left behind.

use crate::worlds::{Ledger, document, measure};
use inflight_lab::{call::Call, experiment::Document, record::Ending, sim, trial::endpoint};
use inflight_strategies::{
    rt::{Clock as _, First, Instant, race},
    service::Service as _,
};
use proptest::prelude::*;
use std::{sync::Arc, time::Duration};

const ARMS: &str = r#"
[[arm]]
name  = "sync"
calls = "sequential"

[[arm]]
name  = "async"
calls = "parallel"

[[arm]]
name  = "async-limited"
calls = "parallel"
b     = [ { limit = { permits = 20, queue = "unbounded" } } ]

[[arm]]
name  = "async-timeout"
calls = "parallel"
whole = [ { timeout = { after = "600ms" } } ]

[[arm]]
name  = "async-timeout-detached"
calls = "parallel"
whole = [ { timeout = { after = "600ms", late = "detach" } } ]
"#;

fn four_endpoints(rate: &str, duration: &str) -> Document {
    let head = format!(
        "[workload]\narrivals = {{ poisson = {{ rate = \"{rate}\" }} }}\nduration = \"{duration}\"\n"
    );
    document(&(head + "warmup = \"60s\"\n" + ARMS))
}

fn at(ms: u64) -> Instant {
    Instant::from_nanos(ms * 1_000_000)
}

#[test]
fn latencies_are_those_of_sums_and_maxima() {
    // A + B is symmetric about 850 ms and its upper tail is (1350 − x)²/(2 · 100 · 900); max(A, B) is B, nearly always.
    let document = four_endpoints("10/s", "10000s");
    for (arm, p50, p99) in [(0, 850.0, 1307.6), (1, 750.0, 1191.0), (2, 750.0, 1191.0)] {
        let (outcome, ..) = measure(&document, arm);
        let (m50, m99) = (outcome.completed.p50_ns as f64 / 1e6, outcome.completed.p99_ns as f64 / 1e6);
        assert!((m50 - p50).abs() < 5.0 && (m99 - p99).abs() < 2.5, "{}: {m50} {m99}", outcome.name);
        assert!(outcome.problems().is_empty(), "{:?}", outcome.problems());
    }
}

#[test]
fn a_timeout_of_600_ms_lets_31_7_percent_through() {
    let document = four_endpoints("10/s", "10000s");
    for arm in [3, 4] {
        let (outcome, ..) = measure(&document, arm);
        let share = outcome.share(Ending::Completed);
        assert!((share - 0.95 / 3.0).abs() < 0.005, "{}: {share}", outcome.name);
        assert_eq!(outcome.completed.max_ns / 1_000_000, 600);
    }
}

#[test]
fn sync_has_more_in_flight_than_async_in_an_open_loop() {
    // Little: λ·E(A + B) against λ·E(max(A, B)); 5 % of the requests fail after A, or at once.
    let document = four_endpoints("20/s", "5000s");
    let (sync, async_) = (measure(&document, 0).0, measure(&document, 1).0);
    assert!((sync.in_flight_mean - 20.0 * (0.1 + 0.95 * 0.75)).abs() < 0.2, "{}", sync.in_flight_mean);
    assert!((async_.in_flight_mean - 20.0 * 0.95 * 0.75).abs() < 0.2, "{}", async_.in_flight_mean);
    assert_eq!(sync.offered, async_.offered, "the same arrivals");
}

#[test]
fn twenty_permits_cannot_serve_thirty_per_second() {
    // 20 / (0.95 · 0.75 s) = 28.07/s: at 30/s the line grows by about 2/s, for ever.
    let document = four_endpoints("30/s", "2000s");
    let (limited, counts, _) = measure(&document, 2);
    assert_eq!(counts.b_most, 20);
    assert!(limited.in_flight_peak > 2_000, "{}", limited.in_flight_peak);
    let (unlimited, counts, _) = measure(&document, 1);
    assert!(unlimited.in_flight_peak < 60 && counts.b_most > 20, "{}", unlimited.in_flight_peak);
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let document = four_endpoints("30/s", "200s");
    for arm in 0..5 {
        assert_eq!(measure(&document, arm), measure(&document, arm));
    }
}

#[test]
fn a_detached_timeout_leaves_the_work_running() {
    for (arm, b_after_the_answer) in [(3, 0), (4, 1)] {
        let text = format!("[service.b]\nlatency = {{ constant = \"5s\" }}\nerrors = \"0%\"\n{}", ARMS);
        let document = document(&text.replace("[[arm]]", "[[endpoint]]"));
        sim::run(move |world| async move {
            let ledger = Arc::new(Ledger::default());
            let stack = endpoint(&document, arm, &world, ledger.clone());
            assert!(stack.call(Call::new(1)).await.is_err());
            assert_eq!((world.now(), ledger.counts().b), (at(600), b_after_the_answer));
            world.sleep_until(at(6_000)).await;
            assert_eq!(ledger.counts().b, 0, "it ends in the end");
        })
        .expect("it ends");
    }
}

#[test]
fn a_world_ends_with_callers_whose_work_would_outlive_them() {
    let text = format!("[service.b]\nlatency = {{ constant = \"5s\" }}\nerrors = \"0%\"\n{ARMS}");
    let document = document(&text.replace("[[arm]]", "[[endpoint]]"));
    let ledger = Arc::new(Ledger::default());
    let inside = ledger.clone();
    sim::run(move |world| async move {
        let stack = endpoint(&document, 4, &world, inside);
        assert!(stack.call(Call::new(1)).await.is_err());
        // The first call's work has come and gone as a task; the second's still has its caller when everything ends.
        world.sleep_until(at(6_000)).await;
        let second = async move { stack.call(Call::new(2)).await };
        inflight_strategies::rt::Task::detach(inflight_strategies::rt::Executor::spawn(
            &world, "client", second,
        ));
        world.sleep_until(at(6_100)).await;
    })
    .expect("it ends");
    assert_eq!((ledger.counts().endpoint, ledger.counts().b), (0, 0), "whoever was inside has left");
}

#[test]
fn a_failing_b_answers_at_once_and_cancels_a() {
    let text = ARMS.replace("[[arm]]", "[[endpoint]]");
    let document = document(&format!("[service.b]\nerrors = \"100%\"\n{text}"));
    sim::run(move |world| async move {
        let ledger = Arc::new(Ledger::default());
        let parallel = endpoint(&document, 1, &world, ledger.clone());
        assert!(parallel.call(Call::new(1)).await.is_err());
        assert_eq!(world.now(), Instant::ZERO);
        let sequential = endpoint(&document, 0, &world, ledger.clone());
        assert!(sequential.call(Call::new(1)).await.is_err());
        assert!(world.now() >= at(50), "after A");
        assert_eq!(ledger.counts().endpoint, 0);
    })
    .expect("it ends");
}

const QUEUES: &[&str] = &[
    "order = \"lifo\", bound = 5",
    "order = \"adaptive-lifo\"",
    "order = { adaptive-lifo = { threshold = 2 } }, codel = { target = \"20ms\", interval = \"100ms\" }",
    "order = \"priority\", bound = 3",
    "codel = {}",
    "deadline = { max-age = \"150ms\" }",
    "deadline = { max-age = \"1s\", service = \"200ms\" }, order = \"priority\"",
    "ramp = { from = 0.5, to = 2 }",
    "bound = { little = { target = \"300ms\" } }",
    "pid = { interval = \"50ms\" }, bound = \"unbounded\"",
    "ramp = {}, pid = {}, codel = {}, deadline = {}, order = \"lifo\", bound = 0",
];
const LIMITERS: &[&str] = &[
    "aimd = { initial = 2, min = 1, timeout = \"200ms\" }",
    "vegas = { initial = 2 }",
    "gradient = { initial = 3, probe = 5 }",
    "gradient2 = { initial = 2, min = 1 }",
    "windowed = { of = { vegas = { initial = 4 } }, min-window = \"100ms\", percentile = \"50%\" }",
    "envoy = { probe-samples = 3, interval = \"300ms\", min = 1 }",
    "correlation = { initial = 3, min-window = \"50ms\", samples = 3 }",
    "arc = {}",
    "bbr = { window = \"1s\", buckets = 5 }",
];

/// A stack written in TOML, from numbers.
fn layers(kinds: &[(u8, u8)]) -> String {
    let one = |&(kind, n): &(u8, u8)| match kind % 8 {
        0 => format!("{{ limit = {{ permits = {} }} }}", n % 5 + 1),
        1 => format!("{{ limit = {{ permits = {}, queue = {} }} }}", n % 5 + 1, n % 3),
        2 => {
            format!("{{ limit = {{ permits = {}, max-wait = \"{}ms\" }} }}", n % 4 + 1, u32::from(n) * 3 + 1)
        }
        3 | 4 => {
            let queue = QUEUES[usize::from(n) % QUEUES.len()];
            format!("{{ limit = {{ permits = {}, queue = {{ {queue} }} }} }}", n % 4 + 1)
        }
        5 => format!(
            "{{ limit = {{ permits = {{ {} }}, queue = 20 }} }}",
            LIMITERS[usize::from(n) % LIMITERS.len()]
        ),
        6 => {
            let (queue, limiter) =
                (QUEUES[usize::from(n) % QUEUES.len()], LIMITERS[usize::from(n / 8) % LIMITERS.len()]);
            let partitions = if n % 2 == 0 { "" } else { ", partitions = [\"20%\", \"50%\"]" };
            format!("{{ limit = {{ permits = {{ {limiter} }}, queue = {{ {queue} }}{partitions} }} }}")
        }
        _ => {
            let late = if n % 2 == 0 { "cancel" } else { "detach" };
            format!("{{ timeout = {{ after = \"{}ms\", late = \"{late}\" }} }}", u32::from(n) * 5 + 1)
        }
    };
    format!("[ {} ]", kinds.iter().map(one).collect::<Vec<_>>().join(", "))
}

fn any_layers() -> impl Strategy<Value = Vec<(u8, u8)>> {
    proptest::collection::vec(any::<(u8, u8)>(), 0..4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// Any stack of layers in any place, with clients that go away at any time: every offered request has exactly one
    /// outcome, nothing is left inside, and all permits are back.
    #[test]
    fn offered_equals_sum_of_outcomes(
        whole in any_layers(), a in any_layers(), b in any_layers(),
        sequential in any::<bool>(), seed in 0u64..1000,
        clients in proptest::collection::vec((0u64..500, 0u64..800), 1..40),
    ) {
        let calls = if sequential { "sequential" } else { "parallel" };
        let text = format!(
            "seed = {seed}\n[service.b]\nlatency = {{ exponential = \"100ms\" }}\nerrors = \"10%\"\n\
             contention = {{ memory = {{ knee = 3, slope = 0.5 }} }}\n\
             [[endpoint]]\nname = \"x\"\ncalls = \"{calls}\"\nwhole = {}\na = {}\nb = {}\n",
            layers(&whole), layers(&a), layers(&b)
        );
        let document = document(&text);
        let n = clients.len() as u64;
        let (counts, again) = sim::run(move |world| async move {
            let ledger = Arc::new(Ledger::default());
            let stack = endpoint(&document, 0, &world, ledger.clone());
            for (id, (starts, patience)) in (0..).zip(clients) {
                let (stack, clock) = (stack.clone(), world.clone());
                inflight_strategies::rt::Task::detach(inflight_strategies::rt::Executor::spawn(&world, "client", async move {
                    clock.sleep_until(at(starts)).await;
                    let gives_up = clock.sleep_until(at(starts + patience));
                    let _: First<_, ()> = race(stack.call(Call::new(id)), gives_up).await;
                }));
            }
            world.sleep_until(at(3_600_000)).await;
            let counts = ledger.counts();
            // If a permit were lost, or one held by nobody, some later request could not pass.
            let before = world.now();
            let again = stack.call(Call::new(7)).await.map_err(|failure| format!("{failure:?}"));
            (counts, (again, world.now() - before))
        }).expect("it ends").0;
        prop_assert_eq!((counts.endpoint, counts.b), (0, 0), "nothing is left inside");
        prop_assert_eq!((counts.started, counts.finished), (n, n));
        let blocked = matches!(&again.0, Err(why) if why.contains("Rejected"));
        prop_assert!(!blocked, "an idle system refuses nobody: {:?}", again);
        prop_assert!(again.1 < Duration::from_secs(60));
    }
}
