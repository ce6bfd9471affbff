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
              3 ms  c worked
              3 ms  c ← broken
             10 ms  a worked
             10 ms  a ← ok
             10 ms  b TimedOut { after: 10ms, detached: false }
             10 ms  b ← no answer within 10ms
        "#]],
    );
}

#[test]
fn cancelled_work_stops_and_detached_work_does_not() {
    for (late, expected) in [
        (
            Late::Cancel,
            expect![[r#"
              7 ms  b went away
             10 ms  a TimedOut { after: 10ms, detached: false }
             10 ms  a ← no answer within 10ms
        "#]],
        ),
        (
            Late::Detach,
            expect![[r#"
              7 ms  b went away
             10 ms  a TimedOut { after: 10ms, detached: true }
             10 ms  a ← no answer within 10ms
             30 ms  a worked
             35 ms  b worked
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
    let one = limit::Config { permits: 1, queue: Queue::Bounded(10), max_wait: None };
    for (late, expected) in [
        (
            Late::Cancel,
            expect![[r#"
             10 ms  a TimedOut { after: 10ms, detached: false }
             10 ms  a ← no answer within 10ms
             17 ms  b worked
             17 ms  b ← ok
        "#]],
        ),
        (
            Late::Detach,
            expect![[r#"
             10 ms  a TimedOut { after: 10ms, detached: true }
             10 ms  a ← no answer within 10ms
             22 ms  b TimedOut { after: 10ms, detached: true }
             22 ms  b ← no answer within 10ms
             30 ms  a worked
             35 ms  b worked
        "#]],
        ),
    ] {
        let config = Config { after: ms(10), late };
        check(
            move |world, worker, timeline| {
                let limited = std::sync::Arc::new(LimitLayer::new(one, world.clone(), ()).layer(worker));
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
