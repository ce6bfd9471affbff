//! The concurrency limit.

use crate::script::{check, ms};
use expect_test::expect;
use inflight_strategies::{
    limit::{Config, LimitLayer, Permits, Queue},
    service::Layer as _,
};

#[test]
fn the_longest_waiter_gets_the_permit() {
    let config = Config::fixed(2, Queue::Unbounded);
    check(
        move |world, worker, timeline| LimitLayer::new(config, world, timeline).layer(worker),
        "a@0/10 b@0/4 c@1/5 d@2/5",
        expect![[r#"
            0ms  a Admitted { waited: 0ns }
            0ms  b Admitted { waited: 0ns }
            4ms  b worked
            4ms  b ← ok
            4ms  c Admitted { waited: 3ms }
            9ms  c worked
            9ms  c ← ok
            9ms  d Admitted { waited: 7ms }
            10ms  a worked
            10ms  a ← ok
            14ms  d worked
            14ms  d ← ok
        "#]],
    );
}

#[test]
fn a_full_line_rejects_and_a_limit_without_a_line_says_so() {
    for (queue, expected) in [
        (
            1,
            expect![[r#"
                0ms  a Admitted { waited: 0ns }
                2ms  c Rejected(QueueFull)
                2ms  c ← rejected by limit: queue full
                10ms  a worked
                10ms  a ← ok
                10ms  b Admitted { waited: 9ms }
                20ms  b worked
                20ms  b ← ok
            "#]],
        ),
        (
            0,
            expect![[r#"
                0ms  a Admitted { waited: 0ns }
                1ms  b Rejected(LimitReached)
                1ms  b ← rejected by limit: limit reached
                2ms  c Rejected(LimitReached)
                2ms  c ← rejected by limit: limit reached
                10ms  a worked
                10ms  a ← ok
            "#]],
        ),
    ] {
        let config = Config::fixed(1, Queue::Bounded(queue));
        check(
            move |world, worker, timeline| LimitLayer::new(config, world, timeline).layer(worker),
            "a@0/10 b@1/10 c@2/10",
            expected,
        );
    }
}

#[test]
fn a_wait_has_an_end() {
    let config = Config { max_wait: Some(ms(3)), ..Config::fixed(1, Queue::Bounded(10)) };
    check(
        move |world, worker, timeline| LimitLayer::new(config, world, timeline).layer(worker),
        "a@0/10 b@1/10 c@8/10",
        expect![[r#"
            0ms  a Admitted { waited: 0ns }
            4ms  b Rejected(WaitedTooLong)
            4ms  b ← rejected by limit: waited too long
            10ms  a worked
            10ms  a ← ok
            10ms  c Admitted { waited: 2ms }
            20ms  c worked
            20ms  c ← ok
        "#]],
    );
}

#[test]
fn a_waiter_who_leaves_is_passed_over() {
    let config = Config::fixed(1, Queue::Bounded(10));
    check(
        move |world, worker, timeline| LimitLayer::new(config, world, timeline).layer(worker),
        "a@0/10 b@1/10~3 c@2/10",
        expect![[r#"
            0ms  a Admitted { waited: 0ns }
            4ms  b Withdrawn { waited: 3ms }
            4ms  b went away
            10ms  a worked
            10ms  a ← ok
            10ms  c Admitted { waited: 8ms }
            20ms  c worked
            20ms  c ← ok
        "#]],
    );
}

#[test]
fn a_permit_comes_back_from_a_failure_and_from_a_caller_who_leaves() {
    let config = Config::fixed(1, Queue::Bounded(10));
    check(
        move |world, worker, timeline| LimitLayer::new(config, world, timeline).layer(worker),
        "a@0/5! b@1/10~7 c@2/1",
        expect![[r#"
            0ms  a Admitted { waited: 0ns }
            5ms  a worked
            5ms  a ← broken
            5ms  b Admitted { waited: 4ms }
            8ms  b went away
            8ms  c Admitted { waited: 6ms }
            9ms  c worked
            9ms  c ← ok
        "#]],
    );
}

#[test]
fn nonsense_is_refused() {
    let good = || Config::fixed(1, Queue::Unbounded);
    assert!(good().validate().is_ok());
    assert!(Config { permits: Permits::Fixed(0), ..good() }.validate().is_err());
    assert!(Config { permits: Permits::Fixed(1_000_001), ..good() }.validate().is_err());
    assert!(Config { max_wait: Some(ms(0)), ..good() }.validate().is_err());
    assert!(Config { max_wait: Some(ms(3_600_001)), ..good() }.validate().is_err());
}
