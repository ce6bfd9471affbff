//! The circuit breaker.

use crate::script::check;
use crate::script::ms;
use expect_test::expect;
use inflight_strategies::{
    breaker::{BreakerLayer, Config, Window},
    service::Layer as _,
};

#[test]
fn it_opens_refuses_probes_and_closes() {
    let config =
        Config { window: Window::Calls(4), min_calls: 2, open_for: ms(50), probes: 1, ..Config::default() };
    check(
        move |world, worker, timeline| BreakerLayer::new(config, world, timeline).layer(worker),
        "a@0/1! b@2/1! c@10/1 d@52/5! e@54/1 f@60/1 g@110/5~2 h@113/5 i@114/1 j@120/1",
        expect![[r#"
            1ms  a worked
            1ms  a ← broken
            3ms  b worked
            3ms  b BreakerMoved { from: Closed, to: Open }
            3ms  b ← broken
            10ms  c Rejected(BreakerOpen)
            10ms  c ← rejected by breaker: circuit breaker open
            52ms  d Rejected(BreakerOpen)
            52ms  d ← rejected by breaker: circuit breaker open
            54ms  e BreakerMoved { from: Open, to: HalfOpen }
            55ms  e worked
            55ms  e BreakerMoved { from: HalfOpen, to: Closed }
            55ms  e ← ok
            61ms  f worked
            61ms  f ← ok
            112ms  g went away
            115ms  i worked
            115ms  i ← ok
            118ms  h worked
            118ms  h ← ok
            121ms  j worked
            121ms  j ← ok
        "#]],
    );
}
