//! Queues in front of a limit: who is next, and who is dropped.

use crate::script::{check, ms};
use expect_test::{Expect, expect};
use inflight_strategies::{
    limit::{ByStanding, Config, LimitLayer, Permits, adaptive},
    queue::{self, Bound, Order, codel, deadline, ramp},
    service::Layer as _,
    units::Ratio,
};

/// One permit and this queue.
fn check_queue(queue: queue::Config, script: &str, expected: Expect) {
    check_limit(Config { queue, ..Config::fixed(1, queue.bound) }, script, expected);
}

fn check_limit(config: Config, script: &str, expected: Expect) {
    check(
        move |world, worker, told| LimitLayer::new(config, world, told).tickets(ByStanding).layer(worker),
        script,
        expected,
    );
}

fn queue() -> queue::Config {
    queue::Config::default()
}

#[test]
fn lifo_serves_whoever_came_last() {
    check_queue(
        queue::Config { order: Order::Lifo, ..queue() },
        "a@0/10 b@1/10 c@2/10",
        expect![[r#"
        0ms  a Admitted { waited: 0ns }
        10ms  a worked
        10ms  a ← ok
        10ms  c Admitted { waited: 8ms }
        20ms  c worked
        20ms  c ← ok
        20ms  b Admitted { waited: 19ms }
        30ms  b worked
        30ms  b ← ok
    "#]],
    );
}

#[test]
fn adaptive_lifo_is_fifo_until_a_queue_has_formed() {
    let order = Order::AdaptiveLifo { threshold: Some(2) };
    check_queue(
        queue::Config { order, ..queue() },
        "a@0/10 b@1/10 c@2/10 d@3/10 e@35/1 f@36/1",
        expect![[r#"
            0ms  a Admitted { waited: 0ns }
            10ms  a worked
            10ms  a ← ok
            10ms  d Admitted { waited: 7ms }
            20ms  d worked
            20ms  d ← ok
            20ms  c Admitted { waited: 18ms }
            30ms  c worked
            30ms  c ← ok
            30ms  b Admitted { waited: 29ms }
            40ms  b worked
            40ms  b ← ok
            40ms  f Admitted { waited: 4ms }
            41ms  f worked
            41ms  f ← ok
            41ms  e Admitted { waited: 6ms }
            42ms  e worked
            42ms  e ← ok
        "#]],
    );
}

#[test]
fn the_least_important_gives_way_when_the_queue_is_full() {
    let queue = queue::Config { order: Order::Priority, bound: Bound::Bounded(2), ..queue() };
    check_queue(
        queue,
        "a@0/10 low@1/1^0 mid@2/1^2 high@3/1^4 mid2@4/1^2 low2@5/1^0",
        expect![[r#"
        0ms  a Admitted { waited: 0ns }
        3ms  low Rejected(Outranked)
        3ms  low ← rejected by limit: outranked
        4ms  mid2 Rejected(QueueFull)
        4ms  mid2 ← rejected by limit: queue full
        5ms  low2 Rejected(QueueFull)
        5ms  low2 ← rejected by limit: queue full
        10ms  a worked
        10ms  a ← ok
        10ms  high Admitted { waited: 7ms }
        11ms  high worked
        11ms  high ← ok
        11ms  mid Admitted { waited: 9ms }
        12ms  mid worked
        12ms  mid ← ok
    "#]],
    );
}

#[test]
fn codel_drops_whoever_waited_twice_the_target_while_the_queue_stands() {
    let codel = Some(codel::Config { target: ms(5), interval: ms(10) });
    // Overloaded from the interval that begins at 50 ms; its first call, d, is never dropped.
    check_queue(
        queue::Config { codel, ..queue() },
        "a@0/30 b@1/10 c@2/10 d@3/10 e@4/10 f@59/1",
        expect![[r#"
            0ms  a Admitted { waited: 0ns }
            30ms  a worked
            30ms  a ← ok
            30ms  b Admitted { waited: 29ms }
            40ms  b worked
            40ms  b ← ok
            40ms  c Admitted { waited: 38ms }
            50ms  c worked
            50ms  c ← ok
            50ms  d Admitted { waited: 47ms }
            60ms  d worked
            60ms  d ← ok
            60ms  e Rejected(Overloaded)
            60ms  e ← rejected by limit: overloaded
            60ms  f Admitted { waited: 1ms }
            61ms  f worked
            61ms  f ← ok
        "#]],
    );
}

#[test]
fn whoever_would_be_too_late_is_not_served() {
    let deadline = Some(deadline::Config { max_age: Some(ms(25)), service: Some(ms(10)) });
    // b is in time; c at 20 ms is not; d's own deadline is sooner; nor is f, which leaves when its time has come.
    check_queue(
        queue::Config { deadline, ..queue() },
        "a@0/10 b@1/10 c@2/10 d@3/10<22 e@12/30 f@22/10",
        expect![[r#"
            0ms  a Admitted { waited: 0ns }
            10ms  a worked
            10ms  a ← ok
            10ms  b Admitted { waited: 9ms }
            20ms  b worked
            20ms  b ← ok
            20ms  c Rejected(TooLate)
            20ms  c ← rejected by limit: too late
            20ms  d Rejected(TooLate)
            20ms  d ← rejected by limit: too late
            20ms  e Admitted { waited: 8ms }
            47ms  f Rejected(TooLate)
            47ms  f ← rejected by limit: too late
            50ms  e worked
            50ms  e ← ok
        "#]],
    );
}

#[test]
fn a_ramp_turns_away_before_the_queue_is_full() {
    // Without dice the middle decides: from half of the ramp on.
    let ramp = Some(ramp::Config { from: 1.0, to: 3.0 });
    check_queue(
        queue::Config { ramp, ..queue() },
        "a@0/10 b@1/1 c@2/1 d@3/1 e@4/1",
        expect![[r#"
        0ms  a Admitted { waited: 0ns }
        4ms  e Rejected(Overloaded)
        4ms  e ← rejected by limit: overloaded
        10ms  a worked
        10ms  a ← ok
        10ms  b Admitted { waited: 9ms }
        11ms  b worked
        11ms  b ← ok
        11ms  c Admitted { waited: 9ms }
        12ms  c worked
        12ms  c ← ok
        12ms  d Admitted { waited: 9ms }
        13ms  d worked
        13ms  d ← ok
    "#]],
    );
}

#[test]
fn a_heavy_call_waits_for_all_its_permits_and_nobody_overtakes_it() {
    let config = Config::fixed(3, Bound::Unbounded);
    check_limit(
        config,
        "a@0/10*2 b@1/20 c@2/5*3 d@3/1 e@40/1*7",
        expect![[r#"
        0ms  a Admitted { waited: 0ns }
        1ms  b Admitted { waited: 0ns }
        10ms  a worked
        10ms  a ← ok
        21ms  b worked
        21ms  b ← ok
        21ms  c Admitted { waited: 19ms }
        26ms  c worked
        26ms  c ← ok
        26ms  d Admitted { waited: 23ms }
        27ms  d worked
        27ms  d ← ok
        40ms  e Admitted { waited: 0ns }
        41ms  e worked
        41ms  e ← ok
    "#]],
    );
}

#[test]
fn a_class_within_its_share_goes_in_although_the_limit_is_reached() {
    let partitions = [0.5, 0.5].map(|share| Ratio::new(share).expect("a share")).to_vec();
    let config = Config { partitions, ..Config::fixed(2, Bound::Unbounded) };
    check_limit(
        config,
        "a@0/10#0 b@0/10#0 c@1/10#0 d@2/5#1 e@3/5#1",
        expect![[r#"
        0ms  a Admitted { waited: 0ns }
        0ms  b Admitted { waited: 0ns }
        2ms  d Admitted { waited: 0ns }
        7ms  d worked
        7ms  d ← ok
        7ms  e Admitted { waited: 4ms }
        10ms  a worked
        10ms  a ← ok
        10ms  b worked
        10ms  b ← ok
        10ms  c Admitted { waited: 9ms }
        12ms  e worked
        12ms  e ← ok
        20ms  c worked
        20ms  c ← ok
    "#]],
    );
}

#[test]
fn a_limit_that_grows_lets_more_in_and_says_why() {
    let range = adaptive::Range { initial: 1, min: 1, max: 2 };
    let permits =
        Permits::Adaptive(adaptive::Config::Aimd(adaptive::aimd::Config { range, ..Default::default() }));
    check_limit(
        Config { permits, ..Config::fixed(1, Bound::Unbounded) },
        "a@0/10 b@1/10 c@2/10 d@3/10",
        expect![[r#"
            0ms  a Admitted { waited: 0ns }
            10ms  a worked
            10ms  a LimitChanged { from: 1, to: 2, why: Headroom }
            10ms  a ← ok
            10ms  b Admitted { waited: 9ms }
            10ms  c Admitted { waited: 8ms }
            20ms  b worked
            20ms  b ← ok
            20ms  c worked
            20ms  c ← ok
            20ms  d Admitted { waited: 17ms }
            30ms  d worked
            30ms  d ← ok
        "#]],
    );
}

/// `limiter/LifoBlockingLimiterTest`: four permits, a backlog of ten, a wait of at most a second.
fn netflix_lifo() -> Config {
    let queue = queue::Config { order: Order::Lifo, bound: Bound::Bounded(10), ..queue() };
    Config { queue, max_wait: Some(ms(1000)), ..Config::fixed(4, queue.bound) }
}

#[test]
fn netflix_lifo_blocks_when_full_and_times_out_or_is_let_in() {
    check_limit(
        netflix_lifo(),
        "a@0/9000 b@0/9000 c@0/9000 d@0/1250 e@0/1 f@1000/1",
        expect![[r#"
        0ms  a Admitted { waited: 0ns }
        0ms  b Admitted { waited: 0ns }
        0ms  c Admitted { waited: 0ns }
        0ms  d Admitted { waited: 0ns }
        1000ms  e Rejected(WaitedTooLong)
        1000ms  e ← rejected by limit: waited too long
        1250ms  d worked
        1250ms  d ← ok
        1250ms  f Admitted { waited: 250ms }
        1251ms  f worked
        1251ms  f ← ok
        9000ms  a worked
        9000ms  a ← ok
        9000ms  b worked
        9000ms  b ← ok
        9000ms  c worked
        9000ms  c ← ok
    "#]],
    );
}

#[test]
fn netflix_lifo_rejects_when_the_backlog_is_reached() {
    let full: String = (0..14).map(|i| format!("x{i}@0/5000~250 ")).collect();
    check_limit(
        netflix_lifo(),
        &format!("{full} late@100/1"),
        expect![[r#"
        0ms  x0 Admitted { waited: 0ns }
        0ms  x1 Admitted { waited: 0ns }
        0ms  x2 Admitted { waited: 0ns }
        0ms  x3 Admitted { waited: 0ns }
        100ms  late Rejected(QueueFull)
        100ms  late ← rejected by limit: queue full
        250ms  x0 went away
        250ms  x1 went away
        250ms  x2 went away
        250ms  x3 went away
        250ms  x4 Withdrawn { waited: 250ms }
        250ms  x4 went away
        250ms  x5 Withdrawn { waited: 250ms }
        250ms  x5 went away
        250ms  x6 Withdrawn { waited: 250ms }
        250ms  x6 went away
        250ms  x7 Withdrawn { waited: 250ms }
        250ms  x7 went away
        250ms  x8 Withdrawn { waited: 250ms }
        250ms  x8 went away
        250ms  x9 Withdrawn { waited: 250ms }
        250ms  x9 went away
        250ms  x10 Admitted { waited: 250ms }
        250ms  x10 went away
        250ms  x11 Admitted { waited: 250ms }
        250ms  x11 went away
        250ms  x12 Admitted { waited: 250ms }
        250ms  x12 went away
        250ms  x13 Admitted { waited: 250ms }
        250ms  x13 went away
    "#]],
    );
}

#[test]
fn netflix_lifo_serves_in_reverse_order() {
    let first = "a@0/350 b@0/450 c@0/550 d@0/650";
    check_limit(
        netflix_lifo(),
        &format!("{first} v0@50/0 v1@100/0 v2@150/0 v3@200/0 v4@250/0"),
        expect![[r#"
            0ms  a Admitted { waited: 0ns }
            0ms  b Admitted { waited: 0ns }
            0ms  c Admitted { waited: 0ns }
            0ms  d Admitted { waited: 0ns }
            350ms  a worked
            350ms  a ← ok
            350ms  v4 Admitted { waited: 100ms }
            350ms  v4 worked
            350ms  v4 ← ok
            350ms  v3 Admitted { waited: 150ms }
            350ms  v3 worked
            350ms  v3 ← ok
            350ms  v2 Admitted { waited: 200ms }
            350ms  v2 worked
            350ms  v2 ← ok
            350ms  v1 Admitted { waited: 250ms }
            350ms  v1 worked
            350ms  v1 ← ok
            350ms  v0 Admitted { waited: 300ms }
            350ms  v0 worked
            350ms  v0 ← ok
            450ms  b worked
            450ms  b ← ok
            550ms  c worked
            550ms  c ← ok
            650ms  d worked
            650ms  d ← ok
        "#]],
    );
}
