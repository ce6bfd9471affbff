//! Admission control.

use crate::script::{Call, Half, check, ms};
use expect_test::expect;
use inflight_strategies::{
    admission::{
        breakwater::{self, BreakwaterLayer, Client},
        dagor::{self, DagorLayer, Level, Rank},
        rate::{self, RateLayer},
        throttle::{self, Rule, ThrottleLayer},
    },
    service::Layer as _,
    units::Rate,
};

#[test]
fn a_rate_limit_refuses_with_the_time_at_which_it_would_not() {
    let config = rate::Config { rate: Rate::per_second(100.0).expect("a rate"), burst: 2, max_wait: None };
    check(
        move |world, worker, timeline| RateLayer::new(config, world, timeline).layer(worker),
        "a@0/1 b@0/1 c@0/1 d@9/1 e@10/1",
        expect![[r#"
            0ms  a Admitted { waited: 0ns }
            0ms  b Admitted { waited: 0ns }
            0ms  c Rejected(RateExceeded)
            0ms  c ← rejected by rate-limit: rate exceeded
            1ms  a worked
            1ms  a ← ok
            1ms  b worked
            1ms  b ← ok
            9ms  d Rejected(RateExceeded)
            9ms  d ← rejected by rate-limit: rate exceeded
            10ms  e Admitted { waited: 0ns }
            11ms  e worked
            11ms  e ← ok
        "#]],
    );
}

#[test]
fn a_rate_limit_lets_wait() {
    let rate = Rate::per_second(100.0).expect("a rate");
    let config = rate::Config { rate, burst: 1, max_wait: Some(ms(15)) };
    check(
        move |world, worker, timeline| RateLayer::new(config, world, timeline).layer(worker),
        "a@0/1 b@1/1~3 c@5/1 d@6/1",
        expect![[r#"
            0ms  a Admitted { waited: 0ns }
            1ms  a worked
            1ms  a ← ok
            4ms  b Withdrawn { waited: 3ms }
            4ms  b went away
            6ms  d Rejected(RateExceeded)
            6ms  d ← rejected by rate-limit: rate exceeded
            20ms  c Admitted { waited: 15ms }
            21ms  c worked
            21ms  c ← ok
        "#]],
    );
}

#[test]
fn a_client_throttles_itself_when_half_of_its_calls_are_not_answered() {
    // K = 1 and dice of one half: refused when (calls − answered)/(calls + 1) is above one half.
    let config = throttle::Config { rule: Rule::Sre { k: 1.0 }, window: ms(300) };
    check(
        move |world, worker, timeline| ThrottleLayer::new(config, world, Half, timeline).layer(worker),
        "a@0/1 b@2/1! c@4/1! d@6/1! e@8/1 f@10/1 g@400/1",
        expect![[r#"
            1ms  a worked
            1ms  a ← ok
            3ms  b worked
            3ms  b ← broken
            5ms  c worked
            5ms  c ← broken
            7ms  d worked
            7ms  d ← broken
            8ms  e Rejected(Throttled)
            8ms  e ← rejected by sre-throttle: throttled
            10ms  f Rejected(Throttled)
            10ms  f ← rejected by sre-throttle: throttled
            401ms  g worked
            401ms  g ← ok
        "#]],
    );
}

/// `v…` is important, the others are not; clients are told apart by their letter.
#[derive(Clone, Copy, Debug)]
struct ByName;

impl Rank<Call> for ByName {
    fn level(&self, call: &Call) -> Level {
        Level { class: 1, user: if call.kind() == "v" { 1 } else { 2 } }
    }
}

impl Client<Call> for ByName {
    fn client(&self, call: &Call) -> u32 {
        u32::from(call.kind() == "v")
    }
}

#[test]
fn dagor_refuses_the_less_important_after_a_window_of_long_waits() {
    let config = dagor::Config { users: 2, window: ms(100), ..dagor::Config::new(1) };
    check(
        move |world, worker, timeline| DagorLayer::new(config, world, ByName, timeline).layer(worker),
        "v1@0/30 u1@0/30 v2@0/30 u2@100/1 v3@100/1 u3@201/1",
        expect![[r#"
            0ms  v1 Admitted { waited: 0ns }
            30ms  v1 worked
            30ms  v1 ← ok
            30ms  u1 Admitted { waited: 30ms }
            60ms  u1 worked
            60ms  u1 ← ok
            60ms  v2 Admitted { waited: 60ms }
            90ms  v2 worked
            90ms  v2 ← ok
            100ms  u2 Rejected(Throttled)
            100ms  u2 ← rejected by dagor: throttled
            100ms  v3 Admitted { waited: 0ns }
            101ms  v3 worked
            101ms  v3 ← ok
            201ms  u3 Admitted { waited: 0ns }
            202ms  u3 worked
            202ms  u3 ← ok
        "#]],
    );
}

#[test]
fn breakwater_refuses_who_has_no_credit() {
    let config =
        breakwater::Config { target: ms(10), rtt: ms(10), grow: 0.5, ..breakwater::Config::new(2, 2) };
    check(
        move |world, worker, timeline| BreakwaterLayer::new(config, world, ByName, timeline).layer(worker),
        "u1@0/25 u2@0/25 u3@1/25 v1@1/25 u4@50/5 u5@50/5 u6@50/5 u7@50/5",
        expect![[r#"
            0ms  u1 Admitted { waited: 0ns }
            0ms  u2 Admitted { waited: 0ns }
            1ms  u3 Rejected(LimitReached)
            1ms  u3 ← rejected by breakwater: limit reached
            25ms  u1 worked
            25ms  u1 ← ok
            25ms  u2 worked
            25ms  u2 ← ok
            25ms  v1 Admitted { waited: 24ms }
            50ms  u4 Admitted { waited: 0ns }
            50ms  v1 worked
            50ms  v1 ← ok
            50ms  u5 Admitted { waited: 0ns }
            55ms  u4 worked
            55ms  u4 ← ok
            55ms  u5 worked
            55ms  u5 ← ok
            55ms  u6 Admitted { waited: 5ms }
            55ms  u7 Admitted { waited: 5ms }
            60ms  u6 worked
            60ms  u6 ← ok
            60ms  u7 worked
            60ms  u7 ← ok
        "#]],
    );
}
