//! Coalescing.

use crate::script::{Call, Timeline, Worker, check};
use expect_test::{Expect, expect};
use inflight_lab::sim;
use inflight_strategies::{
    coalesce::{CoalesceLayer, Key},
    service::Layer as _,
};

/// `a1` and `a2` are equal.
#[derive(Clone, Copy, Debug)]
struct ByLetter;

impl Key<Call> for ByLetter {
    type Key = String;
    fn key(&self, call: &Call) -> Option<String> {
        Some(call.kind().to_string()).filter(|kind| kind != "x")
    }
}

fn run(script: &str, expected: Expect) {
    let build = |world: sim::World, worker: Worker, timeline: Timeline| {
        CoalesceLayer::new(world, ByLetter, timeline).layer(worker)
    };
    check(build, script, expected);
}

#[test]
fn equal_calls_under_way_are_one_and_later_ones_begin_anew() {
    run(
        "a1@0/10 a2@3/99 b1@4/2! b2@5/99 a3@10/5 a4@12/99 x1@20/1 x2@20/1",
        expect![[r#"
        3ms  a2 Joined
        5ms  b2 Joined
        6ms  b1 worked
        6ms  b1 ← broken
        6ms  b2 ← broken
        10ms  a1 worked
        10ms  a1 ← ok
        10ms  a2 ← ok
        12ms  a4 Joined
        15ms  a3 worked
        15ms  a3 ← ok
        15ms  a4 ← ok
        21ms  x1 worked
        21ms  x1 ← ok
        21ms  x2 worked
        21ms  x2 ← ok
    "#]],
    );
}

#[test]
fn the_work_goes_on_as_long_as_anybody_waits_for_it() {
    run(
        "a1@0/10~4 a2@3/99 b1@0/20~5 b2@2/99~8 b3@30/1",
        expect![[r#"
        2ms  b2 Joined
        3ms  a2 Joined
        4ms  a1 went away
        5ms  b1 went away
        10ms  a1 worked
        10ms  a2 ← ok
        10ms  b2 went away
        31ms  b3 worked
        31ms  b3 ← ok
    "#]],
    );
}
