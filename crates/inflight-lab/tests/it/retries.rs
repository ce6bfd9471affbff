//! Strategies that call again or not at all, from a file, in the virtual world.

use crate::worlds::{Ledger, document};
use inflight_lab::{
    call::{Call, Which},
    dependency::{Fates, Profile},
    draws::Stream,
    sim,
    trial::endpoint,
};
use inflight_strategies::{
    attempt::Attempt as _,
    rt::{Clock as _, Executor as _, Instant, Rng as _, Task as _, race},
    service::Service as _,
};
use std::sync::Arc;

fn at(ms: u64) -> Instant {
    Instant::from_nanos(ms * 1_000_000)
}

/// Layers with knobs that make them act within a second.
const LAYERS: &[&str] = &[
    "{ limit = { permits = 3, queue = 5, max-wait = \"50ms\" } }",
    "{ timeout = { after = \"80ms\", late = \"detach\" } }",
    "{ deadline = { after = \"120ms\" } }",
    "{ retry = { attempts = 4, backoff = { full-jitter = { base = \"5ms\", cap = \"40ms\" } }, budget = { ratio = \"50%\", min = \"5/s\" } } }",
    "{ retry = { backoff = { decorrelated-jitter = { base = \"2ms\", cap = \"40ms\" } }, budget = { throttle = { tokens = 10, ratio = 0.1 } }, on = [\"failed\", \"timed-out\", \"rejected\"], pace = \"adaptive\" } }",
    "{ hedge = { after = \"30ms\", attempts = 3, budget = \"none\" } }",
    "{ hedge = { after = \"p70\", min-samples = 5, window = \"200ms\", budget = { bucket = { capacity = 50 } } } }",
    "{ breaker = { window = 10, min-calls = 5, in-a-row = 3, open-for = \"50ms\", probes = 2 } }",
    "{ breaker = { window = \"200ms\", min-calls = 5, slow = { after = \"60ms\", share = \"50%\" }, open-for = \"50ms\" } }",
    "{ coalesce = { keys = 5 } }",
    "{ sre-throttle = { k = 1.5, window = \"1s\" } }",
    "{ admission-control = { aggression = 2, window = \"1s\" } }",
    "{ rate-limit = { rate = \"100/s\", burst = 3, max-wait = \"30ms\" } }",
    "{ dagor = { permits = 3, users = 4, window = \"100ms\", threshold = \"5ms\" } }",
    "{ breakwater = { permits = 3, clients = 4, target = \"10ms\", rtt = \"10ms\", grow = 0.1 } }",
];

/// Forty clients who may leave at any time, and one request when all is over: what was started and finished at the
/// endpoint, what is left in B, and whether the last one was refused.
fn any_three(seed: u64) -> (u64, u64, i64, Option<String>) {
    let mut dice = Stream::new(seed, "stack").dice(0);
    let stack = [0; 3].map(|_| LAYERS[(dice.unit() * LAYERS.len() as f64) as usize]).join(", ");
    let place = ["whole", "b"][(dice.unit() * 2.0) as usize];
    let text = format!(
        "seed = {seed}\n[service.a]\nlatency = {{ constant = \"5ms\" }}\n[service.b]\nlatency = {{ exponential = \"40ms\" }}\n\
         errors = \"20%\"\n[[endpoint]]\nname = \"x\"\ncalls = \"parallel\"\n{place} = [ {stack} ]\n"
    );
    let document = document(&text);
    let (fates, profile) = (Fates::new(seed, Which::B), document.service_b.clone());
    let run = sim::run(move |world| async move {
        let ledger = Arc::new(Ledger::default());
        let stack = endpoint(&document, 0, &world, ledger.clone());
        for id in 0..40 {
            let (stack, clock) = (stack.clone(), world.clone());
            let (starts, stays) = ((dice.unit() * 500.0) as u64, (dice.unit() * 300.0) as u64);
            let client = world.spawn("client", async move {
                clock.sleep_until(at(starts)).await;
                race(stack.call(Call::new(id)), clock.sleep_until(at(starts + stays))).await
            });
            client.detach();
        }
        world.sleep_until(at(3_600_000)).await;
        let counts = ledger.counts();
        // A request that B answers soon: whoever refuses it has no reason.
        let quick = |id: &u64| fates.of(&profile, *id).is_some_and(|work| work.as_millis() < 20);
        let last = (1_000..).find(quick).expect("one of them");
        let last = stack.call(Call::new(last)).await.map_err(|failure| format!("{failure:?}"));
        (counts.started, counts.finished, counts.b, last.err().filter(|why| why.contains("Rejected")))
    });
    let (started, finished, left, refused) =
        run.unwrap_or_else(|stuck| panic!("seed {seed}: {stuck}\n{text}")).0;
    (started, finished, left, refused.map(|why| format!("{why}\n{text}")))
}

#[test]
fn a_stack_of_any_three_from_a_file_keeps_the_contract_under_1000_seeds() {
    for seed in 0..1_000 {
        assert_eq!(any_three(seed), (40, 40, 0, None), "seed {seed}: any_three({seed}) repeats it");
    }
}

#[test]
fn a_wind_tunnel_of_any_size_has_layers_that_work() {
    for scale in ["0.001", "0.000001", "0.000000001"] {
        for layer in LAYERS {
            let text = format!(
                "time-scale = {scale}\n[service.b]\nerrors = \"0%\"\n[[endpoint]]\nname = \"x\"\ncalls = \"sequential\"\na = [ {layer} ]\n"
            );
            let document = document(&text);
            let answer = sim::run(move |world| async move {
                endpoint(&document, 0, &world, Arc::new(()))
                    .call(Call::new(1))
                    .await
                    .map_err(|why| why.to_string())
            });
            let _too_late_or_not = answer.unwrap_or_else(|stuck| panic!("{layer} at {scale}: {stuck}"));
        }
    }
}

#[test]
fn every_attempt_has_draws_of_its_own_and_the_first_has_those_of_the_request() {
    let (fates, profile) = (Fates::new(9, Which::B), Profile::service_b());
    let call = Call::new(3);
    let drawn = |call: &Call| fates.of_attempt(&profile, call.id, call.attempt);
    assert_eq!(drawn(&call.attempt(0).attempt(0)), fates.of(&profile, 3));
    // A retry of a hedge is not the hedge of a retry.
    let attempts: Vec<u32> = (0..3)
        .flat_map(|n| (0..3).map(move |m| (n, m)))
        .map(|(n, m)| call.attempt(n).attempt(m).attempt)
        .collect();
    let distinct: std::collections::BTreeSet<u32> = attempts.iter().copied().collect();
    assert_eq!(distinct.len(), 9);
    // Five in a hundred fail, whichever attempt it is.
    let failed = (0..20_000).filter(|id| drawn(&Call::new(*id).attempt(2)).is_none()).count();
    assert!((900..1_100).contains(&failed), "{failed}");
}

/// How many of `n` requests, one every 100 ms, B answers, and how many calls of B it took.
fn answered(layers: &str, n: u64) -> (u64, u64) {
    let text = format!("[[endpoint]]\nname = \"x\"\ncalls = \"parallel\"\nb = [ {layers} ]\n");
    let document = document(&text);
    let run = sim::run(move |world| async move {
        let ledger = Arc::new(Ledger::default());
        let stack = endpoint(&document, 0, &world, ledger.clone());
        let calls: Vec<_> = (0..n)
            .map(|id| {
                let (stack, clock) = (stack.clone(), world.clone());
                world.spawn("client", async move {
                    clock.sleep_until(at(id * 100)).await;
                    stack.call(Call::new(id)).await.is_ok()
                })
            })
            .collect();
        let mut good = 0;
        for call in calls {
            good += u64::from(call.await.expect("no panic"));
        }
        (good, ledger.counts().b_started)
    });
    run.expect("it ends").0
}

#[test]
fn two_attempts_leave_a_quarter_of_a_percent_of_five_percent_that_fail() {
    // 1 − 0.05² = 99.75 % are answered; with n = 4000 three standard deviations are 0.24 points. One call in twenty is made twice.
    let (good, calls) =
        answered("{ retry = { attempts = 2, budget = \"none\", backoff = \"none\" } }", 4_000);
    assert!((good as f64 / 4_000.0 - 0.9975).abs() < 0.0024, "{good}");
    assert!((calls as f64 / 4_000.0 - 1.05).abs() < 0.0105, "{calls}");
}

#[test]
fn a_budget_caps_the_load_that_retries_add() {
    // Nobody answers within 300 ms: everything is retried, and 10 % may be.
    let timeout = "{ timeout = { after = \"200ms\" } }";
    let retry = "{ retry = { attempts = 4, backoff = \"none\", budget = { ratio = \"10%\" } } }";
    let (good, calls) = answered(&format!("{retry}, {timeout}"), 2_000);
    assert_eq!(good, 0);
    assert!((2_150..=2_200).contains(&calls), "{calls}");
}

#[test]
fn the_files_page_shows_backoffs_budgets_and_a_stack_that_are_read() {
    let page = include_str!("../../../../docs/files.md");
    let example = page.split("```").find(|block| block.contains("async-resilient")).expect("an example");
    assert_eq!(document(example.trim_start_matches("toml")).endpoints[0].b.len(), 4);
    let (_, rest) = page.split_once("Backoff of a retry:").expect("a paragraph");
    let (backoffs, rest) = rest.split_once("Budget of a retry or hedge:").expect("another");
    let (budgets, _) = rest.split_once("```").expect("its end");
    for (key, forms, n) in [("backoff", backoffs, 4), ("budget", budgets, 4)] {
        let written = forms.split('`').skip(1).step_by(2).filter(|form| form.starts_with(['{', '"']));
        let read = written.map(|form| {
            document(&format!("[[endpoint]]\nname = \"x\"\ncalls = \"parallel\"\nb = [ {{ retry = {{ {key} = {form} }} }} ]\n"))
        });
        assert_eq!(read.count(), n, "{key}");
    }
}
