//! Deadlines that are handed on.

use crate::script::{Half, check, ms};
use expect_test::expect;
use inflight_strategies::{
    deadline::DeadlineLayer,
    limit::{self, LimitLayer},
    retry::{Backoff, BudgetConfig, Config, On, Pace, RetryLayer},
    service::Layer as _,
    timeout::{self, Late},
};
use std::sync::Arc;

fn after(after: u64) -> timeout::Config {
    timeout::Config { after: ms(after), late: Late::Cancel }
}

#[test]
fn a_deadline_covers_the_wait_for_a_permit_and_between_attempts() {
    let one = limit::Config::fixed(1, limit::Queue::Bounded(10));
    let backoff = Backoff::Fixed(ms(10));
    let retry = Config {
        attempts: 9,
        backoff,
        budget: BudgetConfig::Unlimited,
        on: On::default(),
        pace: Pace::Unpaced,
    };
    check(
        move |world, worker, timeline| {
            let limited = LimitLayer::new(one, world.clone(), ()).layer(worker);
            let retried = Arc::new(RetryLayer::new(retry, world.clone(), Half, ()).layer(limited));
            DeadlineLayer::new(after(30), world, timeline).layer(retried)
        },
        "a@0/12 b@1/25 c@100/5!",
        expect![[r#"
            12ms  a worked
            12ms  a ← ok
            31ms  b TimedOut { after: 30ms, detached: false }
            31ms  b ← no answer within 30ms
            105ms  c worked
            120ms  c#1 worked
            130ms  c TimedOut { after: 30ms, detached: false }
            130ms  c ← no answer within 30ms
        "#]],
    );
}

#[test]
fn the_earlier_of_two_deadlines_holds_and_an_expired_call_is_refused() {
    // The outer deadline is over while the call waits for the rate limit's place; the inner layer sees it expired.
    check(
        move |world, worker, timeline| {
            let inner =
                DeadlineLayer::new(after(50), world.clone(), timeline.clone()).layer(Arc::new(worker));
            let late = timeout::Config { late: Late::Detach, ..after(10) };
            let rate = inflight_strategies::admission::rate::Config {
                rate: inflight_strategies::units::Rate::per_second(50.0).expect("a rate"),
                burst: 1,
                max_wait: Some(ms(100)),
            };
            let waits = inflight_strategies::admission::rate::RateLayer::new(rate, world.clone(), ());
            DeadlineLayer::new(late, world, timeline).layer(Arc::new(waits.layer(inner)))
        },
        "a@0/5 b@1/5 c@100/30",
        expect![[r#"
            5ms  a worked
            5ms  a ← ok
            11ms  b TimedOut { after: 10ms, detached: true }
            11ms  b ← no answer within 10ms
            20ms  b Rejected(TooLate)
            110ms  c TimedOut { after: 10ms, detached: false }
            110ms  c ← no answer within 10ms
        "#]],
    );
}
