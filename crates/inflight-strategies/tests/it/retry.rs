//! Retries.

use crate::script::{Half, Timeline, Worker, check, ms};
use expect_test::{Expect, expect};
use inflight_lab::sim;
use inflight_strategies::{
    limit::{self, LimitLayer},
    retry::{Backoff, Bucket, BudgetConfig, Config, On, Pace, Ratio, RetryLayer, Steps},
    service::Layer as _,
    timeout::{self, Late, TimeoutLayer},
};

fn config(attempts: u32, budget: BudgetConfig) -> Config {
    let backoff = Backoff::FullJitter(Steps::doubling(ms(10), ms(1_000)));
    Config { attempts, backoff, budget, on: On::default(), pace: Pace::Unpaced }
}

fn run(config: Config, script: &str, expected: Expect) {
    let build = move |world: sim::World, worker: Worker, timeline: Timeline| {
        RetryLayer::new(config, world, Half, timeline).layer(worker)
    };
    check(build, script, expected);
}

#[test]
fn what_fails_is_tried_again_after_its_wait() {
    run(
        config(3, BudgetConfig::Unlimited),
        "a@0/3!,3!,3 b@100/3! c@200/3",
        expect![[r#"
        3ms  a worked
        3ms  a Retried { attempt: 1, after: 5ms }
        11ms  a#1 worked
        11ms  a Retried { attempt: 2, after: 10ms }
        24ms  a#2 worked
        24ms  a ← ok
        103ms  b worked
        103ms  b Retried { attempt: 1, after: 5ms }
        111ms  b#1 worked
        111ms  b Retried { attempt: 2, after: 10ms }
        124ms  b#2 worked
        124ms  b ← broken
        203ms  c worked
        203ms  c ← ok
    "#]],
    );
}

#[test]
fn an_empty_budget_hands_the_failure_on() {
    let ratio = Ratio { ratio: 0.5, min: 0.0, ttl: ms(1_000) };
    run(
        config(2, BudgetConfig::Ratio(ratio)),
        "a@0/1! b@5/1!,1 c@50/1!",
        expect![[r#"
        1ms  a worked
        1ms  a BudgetEmpty
        1ms  a ← broken
        6ms  b worked
        6ms  b Retried { attempt: 1, after: 5ms }
        12ms  b#1 worked
        12ms  b ← ok
        51ms  c worked
        51ms  c BudgetEmpty
        51ms  c ← broken
    "#]],
    );
}

#[test]
fn a_caller_who_leaves_takes_the_attempt_and_the_wait_along() {
    run(
        config(3, BudgetConfig::Unlimited),
        "a@0/10~5 b@0/10!~12 c@0/10!,10~20",
        expect![[r#"
        5ms  a went away
        10ms  b worked
        10ms  b Retried { attempt: 1, after: 5ms }
        10ms  c worked
        10ms  c Retried { attempt: 1, after: 5ms }
        12ms  b went away
        20ms  c went away
    "#]],
    );
}

#[test]
fn a_timeout_inside_is_retried_and_charged_twice() {
    let bucket = BudgetConfig::Bucket(Bucket { capacity: 15, cost: 5, timeout_cost: 10 });
    let config = config(4, bucket);
    check(
        move |world, worker, timeline| {
            let limit = timeout::Config { after: ms(5), late: Late::Cancel };
            let timely = TimeoutLayer::new(limit, world.clone(), ()).layer(std::sync::Arc::new(worker));
            RetryLayer::new(config, world, Half, timeline).layer(timely)
        },
        "a@0/9,9,9 b@100/1",
        expect![[r#"
            5ms  a Retried { attempt: 1, after: 5ms }
            15ms  a BudgetEmpty
            15ms  a ← no answer within 5ms
            101ms  b worked
            101ms  b ← ok
        "#]],
    );
}

#[test]
fn a_rejection_is_retried_only_if_asked_for() {
    for (rejected, expected) in [
        (
            false,
            expect![[r#"
        1ms  b ← rejected by limit: limit reached
        7ms  a worked
        7ms  a ← ok
    "#]],
        ),
        (
            true,
            expect![[r#"
        1ms  b Retried { attempt: 1, after: 5ms }
        6ms  b Retried { attempt: 2, after: 10ms }
        7ms  a worked
        7ms  a ← ok
        21ms  b#2 worked
        21ms  b ← ok
    "#]],
        ),
    ] {
        let mut config = config(3, BudgetConfig::Unlimited);
        config.on.rejected = rejected;
        let one = limit::Config::fixed(1, limit::Queue::Bounded(0));
        check(
            move |world, worker, timeline| {
                let limited = LimitLayer::new(one, world.clone(), ()).layer(worker);
                RetryLayer::new(config, world, Half, timeline).layer(limited)
            },
            "a@0/7 b@1/5",
            expected,
        );
    }
}

#[test]
fn adaptive_pace_holds_back_once_something_was_rejected() {
    let config = Config { pace: Pace::Adaptive, ..config(2, BudgetConfig::Unlimited) };
    let one = limit::Config::fixed(1, limit::Queue::Bounded(0));
    check(
        move |world, worker, timeline| {
            let limited = LimitLayer::new(one, world.clone(), ()).layer(worker);
            RetryLayer::new(config, world, Half, timeline).layer(limited)
        },
        "a@0/7 b@1/5 c@10/1 d@11/1",
        expect![[r#"
            1ms  b ← rejected by limit: limit reached
            7ms  a worked
            7ms  a ← ok
            2002ms  c worked
            2002ms  c ← ok
            4002ms  d worked
            4002ms  d ← ok
        "#]],
    );
}

#[test]
fn nonsense_is_refused() {
    let good = config(2, BudgetConfig::Unlimited);
    assert!(good.validate().is_ok() && Config::default().validate().is_ok());
    assert!(Config { attempts: 1, ..good }.validate().is_err());
    assert!(Config { attempts: 65, ..good }.validate().is_err());
}
