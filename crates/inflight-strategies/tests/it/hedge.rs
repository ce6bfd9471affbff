//! Hedging.

use crate::script::{Half, Timeline, Worker, check, ms};
use expect_test::{Expect, expect};
use inflight_lab::sim;
use inflight_strategies::{
    hedge::{
        After, Config, HedgeLayer,
        tied::{Begin, TiedCalls},
    },
    limit::{self, LimitLayer},
    retry::{self, Backoff, BudgetConfig, On, Pace, Ratio, RetryLayer, SharedBudget},
    service::Layer as _,
};

fn config(attempts: u32) -> Config {
    Config { after: After::Fixed(ms(10)), attempts, budget: BudgetConfig::Unlimited }
}

fn run(config: Config, script: &str, expected: Expect) {
    let build = move |world: sim::World, worker: Worker, timeline: Timeline| {
        HedgeLayer::new(config, world, timeline).layer(worker)
    };
    check(build, script, expected);
}

#[test]
fn tower_hedge_orig_completes_first_and_hedge_completes_first() {
    // The one that loses is cancelled: it never finishes its work.
    run(
        config(2),
        "a@0/9 b@100/15,20 c@200/30,5",
        expect![[r#"
            9ms  a worked
            9ms  a ← ok
            110ms  b Hedged { attempt: 1 }
            115ms  b worked
            115ms  b HedgeCancelled { attempt: 1 }
            115ms  b ← ok
            210ms  c Hedged { attempt: 1 }
            215ms  c#1 worked
            215ms  c HedgeWon { attempt: 1 }
            215ms  c HedgeCancelled { attempt: 0 }
            215ms  c ← ok
        "#]],
    );
}

#[test]
fn up_to_the_number_of_attempts_are_sent() {
    run(
        config(4),
        "a@0/100,100,100,7",
        expect![[r#"
            10ms  a Hedged { attempt: 1 }
            20ms  a Hedged { attempt: 2 }
            30ms  a Hedged { attempt: 3 }
            37ms  a#3 worked
            37ms  a HedgeWon { attempt: 3 }
            37ms  a HedgeCancelled { attempt: 0 }
            37ms  a HedgeCancelled { attempt: 1 }
            37ms  a HedgeCancelled { attempt: 2 }
            37ms  a ← ok
        "#]],
    );
}

#[test]
fn a_failure_sends_the_next_at_once_and_the_last_is_the_answer() {
    run(
        config(3),
        "a@0/3!,4 b@100/3!,4!,5! c@200/12!,30",
        expect![[r#"
            3ms  a worked
            3ms  a Hedged { attempt: 1 }
            7ms  a#1 worked
            7ms  a HedgeWon { attempt: 1 }
            7ms  a ← ok
            103ms  b worked
            103ms  b Hedged { attempt: 1 }
            107ms  b#1 worked
            107ms  b Hedged { attempt: 2 }
            112ms  b#2 worked
            112ms  b ← broken
            210ms  c Hedged { attempt: 1 }
            212ms  c worked
            212ms  c Hedged { attempt: 2 }
            240ms  c#1 worked
            240ms  c HedgeWon { attempt: 1 }
            240ms  c HedgeCancelled { attempt: 2 }
            240ms  c ← ok
        "#]],
    );
}

#[test]
fn a_rejection_ends_the_sending() {
    let one = limit::Config::fixed(1, limit::Queue::Bounded(0));
    check(
        move |world, worker, timeline| {
            let limited = LimitLayer::new(one, world.clone(), ()).layer(worker);
            HedgeLayer::new(config(3), world, timeline).layer(limited)
        },
        "a@0/50 b@5/1",
        expect![[r#"
            5ms  b ← rejected by limit: limit reached
            10ms  a Hedged { attempt: 1 }
            50ms  a worked
            50ms  a ← ok
        "#]],
    );
}

#[test]
fn a_budget_ends_the_sending() {
    let budget = BudgetConfig::Ratio(Ratio { ratio: 0.5, min: 0.0, ttl: ms(1_000) });
    run(
        Config { budget, ..config(2) },
        "a@0/20,1 b@30/20,1 c@100/20,1",
        expect![[r#"
            10ms  a BudgetEmpty
            20ms  a worked
            20ms  a ← ok
            40ms  b Hedged { attempt: 1 }
            41ms  b#1 worked
            41ms  b HedgeWon { attempt: 1 }
            41ms  b HedgeCancelled { attempt: 0 }
            41ms  b ← ok
            110ms  c BudgetEmpty
            120ms  c worked
            120ms  c ← ok
        "#]],
    );
}

#[test]
fn a_caller_who_leaves_cancels_all_attempts() {
    run(
        config(3),
        "a@0/100~25 b@30/100~5",
        expect![[r#"
            10ms  a Hedged { attempt: 1 }
            20ms  a Hedged { attempt: 2 }
            25ms  a HedgeCancelled { attempt: 0 }
            25ms  a HedgeCancelled { attempt: 1 }
            25ms  a HedgeCancelled { attempt: 2 }
            25ms  a went away
            35ms  b HedgeCancelled { attempt: 0 }
            35ms  b went away
        "#]],
    );
}

#[test]
fn a_quantile_is_learned_from_all_attempts() {
    let after = After::Quantile { q: 0.5, min_samples: 3, window: ms(10_000), floor: ms(2) };
    run(
        Config { after, ..config(2) },
        "a@0/8 b@10/8 c@20/30 d@2000/30,1 e@4000/30,1",
        expect![[r#"
            8ms  a worked
            8ms  a ← ok
            18ms  b worked
            18ms  b ← ok
            50ms  c worked
            50ms  c ← ok
            2008.063ms  d Hedged { attempt: 1 }
            2009.063ms  d#1 worked
            2009.063ms  d HedgeWon { attempt: 1 }
            2009.063ms  d HedgeCancelled { attempt: 0 }
            2009.063ms  d ← ok
            4008.063ms  e Hedged { attempt: 1 }
            4009.063ms  e#1 worked
            4009.063ms  e HedgeWon { attempt: 1 }
            4009.063ms  e HedgeCancelled { attempt: 0 }
            4009.063ms  e ← ok
        "#]],
    );
}

#[test]
fn retries_and_hedges_share_one_budget() {
    // One request earns one second attempt: the hedge takes it, and nothing is left for the retry.
    let ratio = BudgetConfig::Ratio(Ratio { ratio: 1.0, min: 0.0, ttl: ms(1_000) });
    check(
        move |world, worker, timeline| {
            let budget = SharedBudget::new(ratio);
            let hedge = HedgeLayer::sharing(config(2), budget.clone(), world.clone(), timeline.clone());
            let retry = retry::Config {
                attempts: 3,
                backoff: Backoff::None,
                budget: ratio,
                on: On::default(),
                pace: Pace::Unpaced,
            };
            RetryLayer::with_budget(retry, budget, world, Half, timeline).layer(hedge.layer(worker))
        },
        "a@0/15!,20!",
        expect![[r#"
            10ms  a Hedged { attempt: 1 }
            15ms  a worked
            30ms  a#1 worked
            30ms  a BudgetEmpty
            30ms  a ← broken
        "#]],
    );
}

#[test]
fn tail_at_scale_tied_requests_are_served_where_their_turn_comes_first() {
    // Two replicas with one permit each. `a` begins at the first and leaves the second's line, which is idle; `b` begins there, `c`
    // waits at both, and is served where a turn comes first.
    let one = limit::Config::fixed(1, limit::Queue::Bounded(10));
    check(
        move |world, worker, timeline| {
            let replica = |_| {
                let begin = Begin::new(world.clone(), timeline.clone()).layer(worker.clone());
                LimitLayer::new(one.clone(), world.clone(), ()).layer(begin)
            };
            TiedCalls::new((0..2).map(replica).collect())
        },
        "a@0/10 b@1/4 c@2/3 d@3/3!",
        expect![[r#"
            5ms  b worked
            5ms  b ← ok
            8ms  c worked
            8ms  c ← ok
            10ms  a worked
            10ms  a ← ok
            11ms  d worked
            11ms  d ← broken
        "#]],
    );
}

#[test]
fn nonsense_is_refused() {
    let good = Config::new(After::quantile(0.95));
    assert!(good.validate().is_ok());
    assert!(Config { attempts: 1, ..good }.validate().is_err());
    assert!(Config { attempts: 9, ..good }.validate().is_err());
    assert!(Config { after: After::quantile(1.0), ..good }.validate().is_err());
    assert!(Config { after: After::Fixed(ms(3_600_001)), ..good }.validate().is_err());
}
