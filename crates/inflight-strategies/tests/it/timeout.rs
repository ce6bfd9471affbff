//! The timeout.

use crate::script::{check, ms};
use expect_test::expect;
use inflight_strategies::{
    limit::{self, LimitLayer, Queue},
    service::Layer as _,
    timeout::{Config, Late, TimeoutLayer},
};

#[test]
fn an_answer_at_the_deadline_is_an_answer() {
    let config = Config { after: ms(10), late: Late::Cancel };
    check(
        move |world, worker, timeline| TimeoutLayer::new(config, world, timeline).layer(worker),
        "a@0/10 b@0/11 c@0/3!",
        expect![[r#"
            3ms  c worked
            3ms  c ← broken
            10ms  a worked
            10ms  a ← ok
            10ms  b TimedOut { after: 10ms, detached: false }
            10ms  b ← no answer within 10ms
        "#]],
    );
}

#[test]
fn cancelled_work_stops_and_detached_work_does_not() {
    for (late, expected) in [
        (
            Late::Cancel,
            expect![[r#"
                7ms  b went away
                10ms  a TimedOut { after: 10ms, detached: false }
                10ms  a ← no answer within 10ms
            "#]],
        ),
        (
            Late::Detach,
            expect![[r#"
                7ms  b went away
                10ms  a TimedOut { after: 10ms, detached: true }
                10ms  a ← no answer within 10ms
                30ms  a worked
                35ms  b worked
            "#]],
        ),
    ] {
        let config = Config { after: ms(10), late };
        check(
            move |world, worker, timeline| TimeoutLayer::new(config, world, timeline).layer(worker),
            "a@0/30 b@5/30~2",
            expected,
        );
    }
}

#[test]
fn detached_work_keeps_its_permit() {
    let one = || limit::Config::fixed(1, Queue::Bounded(10));
    for (late, expected) in [
        (
            Late::Cancel,
            expect![[r#"
                10ms  a TimedOut { after: 10ms, detached: false }
                10ms  a ← no answer within 10ms
                17ms  b worked
                17ms  b ← ok
            "#]],
        ),
        (
            Late::Detach,
            expect![[r#"
                10ms  a TimedOut { after: 10ms, detached: true }
                10ms  a ← no answer within 10ms
                22ms  b TimedOut { after: 10ms, detached: true }
                22ms  b ← no answer within 10ms
                30ms  a worked
                35ms  b worked
            "#]],
        ),
    ] {
        let config = Config { after: ms(10), late };
        check(
            move |world, worker, timeline| {
                let limited = std::sync::Arc::new(LimitLayer::new(one(), world.clone(), ()).layer(worker));
                TimeoutLayer::new(config, world, timeline).layer(limited)
            },
            "a@0/30 b@12/5",
            expected,
        );
    }
}

#[test]
fn nonsense_is_refused() {
    assert!(Config { after: ms(0), late: Late::Cancel }.validate().is_err());
    assert!(Config { after: ms(3_600_001), late: Late::Cancel }.validate().is_err());
    assert!(Config { after: ms(3_600_000), late: Late::Cancel }.validate().is_ok());
}
