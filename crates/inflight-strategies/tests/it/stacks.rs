//! What every strategy must keep, alone and in any stack of three: offered = sum of outcomes, nothing is left inside, and an
//! idle system answers, whatever mix of answers, failures, panics and callers who leave came before.

use inflight_lab::{draws::Stream, sim};
use inflight_strategies::{
    admission::{breakwater, dagor, rate, throttle},
    attempt::{Attempt, Chance},
    breaker, coalesce,
    deadline::{DeadlineLayer, WithDeadline},
    event::{Event, Observer, Watch},
    hedge, limit,
    observe::Observe,
    retry,
    rt::{Clock as _, Executor as _, First, Instant, Rng as _, race},
    service::{BoxService, Deadline, Failure, Layer as _, Service},
    timeout,
    units::Rate,
};
use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[derive(Clone, Copy, Debug)]
struct Call {
    id: u64,
    attempt: u32,
    deadline: Option<Instant>,
}

impl Attempt for Call {
    fn attempt(&self, n: u32) -> Call {
        Call { attempt: self.attempt * 64 + n, ..*self }
    }
}

impl Deadline for Call {
    fn deadline(&self) -> Option<Instant> {
        self.deadline
    }
}

impl WithDeadline for Call {
    fn with_deadline(self, at: Instant) -> Call {
        Call { deadline: Some(at), ..self }
    }
}

/// Dice, keys, levels and clients, all by the call's number.
#[derive(Clone, Copy, Debug)]
struct ById(Stream);

impl Chance<Call> for ById {
    type Dice = inflight_lab::draws::Dice;
    fn dice(&self, call: &Call) -> Self::Dice {
        self.0.attempt(call.id, call.attempt)
    }
}

impl coalesce::Key<Call> for ById {
    type Key = u64;
    fn key(&self, call: &Call) -> Option<u64> {
        Some(call.id % 5)
    }
}

impl dagor::Rank<Call> for ById {
    fn level(&self, call: &Call) -> dagor::Level {
        dagor::Level { class: 1, user: call.id as u32 % 4 + 1 }
    }
}

impl breakwater::Client<Call> for ById {
    fn client(&self, call: &Call) -> u32 {
        call.id as u32 % 3
    }
}

/// Calls inside and calls that ended, as events tell it.
#[derive(Clone, Debug, Default)]
struct Ledger(Arc<Mutex<(u64, u64)>>);

impl Observer<Call> for Ledger {
    type Watch<'a> = Ledger;
    fn observe(&self, _: &Call) -> Ledger {
        self.clone()
    }
}

impl Watch for Ledger {
    fn on_event(&mut self, _: Instant, event: Event) {
        let mut counts = self.0.lock().expect("no panic under the lock");
        match event {
            Event::Started => counts.0 += 1,
            Event::Finished { .. } => counts.1 += 1,
            _ => {}
        }
    }
}

/// Answers, fails or panics after a while, by what is drawn for the attempt.
#[derive(Clone, Debug)]
struct Moody {
    world: sim::World,
    stream: Stream,
}

impl Service<Call> for Moody {
    type Response = u64;
    type Error = Failure<&'static str>;

    async fn call(&self, call: Call) -> Result<u64, Failure<&'static str>> {
        if call.id == IDLE {
            return Ok(call.id);
        }
        let mut dice = self.stream.attempt(call.id, call.attempt);
        let work = ms((dice.unit() * 40.0) as u64);
        self.world.sleep_until(self.world.now() + work).await;
        match dice.next_u64() % 16 {
            0 => panic!("on purpose"),
            1..=4 => Err(Failure::Failed("broken")),
            _ => Ok(call.id),
        }
    }
}

/// The call that is made when all is over.
const IDLE: u64 = u64::MAX;

type Stack = BoxService<Call, u64, Failure<&'static str>>;

const KINDS: [&str; 12] = [
    "limit",
    "timeout",
    "deadline",
    "retry",
    "hedge",
    "breaker",
    "coalesce",
    "sre-throttle",
    "admission-control",
    "rate-limit",
    "dagor",
    "breakwater",
];

/// Puts the strategy `kind` around `inner`, with knobs that make it act.
fn wrap(kind: &str, world: &sim::World, inner: Stack, by: ById) -> Stack {
    let w = world.clone();
    let timeout = |late| timeout::Config { after: ms(25), late };
    match kind {
        "limit" => {
            let c =
                limit::Config { max_wait: Some(ms(30)), ..limit::Config::fixed(3, limit::Queue::Bounded(4)) };
            BoxService::new(limit::LimitLayer::new(c, w, ()).layer(inner))
        }
        "timeout" => {
            let c = timeout(timeout::Late::Detach);
            BoxService::new(timeout::TimeoutLayer::new(c, w, ()).layer(inner))
        }
        "deadline" => BoxService::new(DeadlineLayer::new(timeout(timeout::Late::Cancel), w, ()).layer(inner)),
        "retry" => {
            let backoff = retry::Backoff::DecorrelatedJitter { base: ms(3), cap: ms(50) };
            let on = retry::On { failed: true, timed_out: true, rejected: true };
            let budget = retry::BudgetConfig::Bucket(retry::Bucket { capacity: 60, ..Default::default() });
            let c = retry::Config { attempts: 4, backoff, budget, on, pace: retry::Pace::Adaptive };
            BoxService::new(retry::RetryLayer::new(c, w, by, ()).layer(inner))
        }
        "hedge" => {
            let after = hedge::After::Quantile { q: 0.7, min_samples: 5, window: ms(500), floor: ms(1) };
            let budget = retry::BudgetConfig::Throttle(retry::Throttling { max_tokens: 10.0, ratio: 0.5 });
            let c = hedge::Config { after, attempts: 3, budget };
            BoxService::new(hedge::HedgeLayer::new(c, w, ()).layer(inner))
        }
        "breaker" => {
            let c = breaker::Config {
                window: breaker::Window::Time(ms(200)),
                min_calls: 4,
                in_a_row: Some(3),
                open_for: ms(60),
                probes: 2,
                ..Default::default()
            };
            BoxService::new(breaker::BreakerLayer::new(c, w, ()).layer(inner))
        }
        "coalesce" => BoxService::new(coalesce::CoalesceLayer::new(w, by, ()).layer(inner)),
        "sre-throttle" => {
            BoxService::new(throttle::ThrottleLayer::new(throttle::Config::SRE, w, by, ()).layer(inner))
        }
        "admission-control" => {
            BoxService::new(throttle::ThrottleLayer::new(throttle::Config::ENVOY, w, by, ()).layer(inner))
        }
        "rate-limit" => {
            let rate = Rate::per_second(150.0).expect("a rate");
            let c = rate::Config { rate, burst: 3, max_wait: Some(ms(20)) };
            BoxService::new(rate::RateLayer::new(c, w, ()).layer(inner))
        }
        "dagor" => {
            let c = dagor::Config { users: 4, window: ms(50), threshold: ms(2), ..dagor::Config::new(2) };
            BoxService::new(dagor::DagorLayer::new(c, w, by, ()).layer(inner))
        }
        "breakwater" => {
            let (target, rtt) = (ms(10), ms(10));
            let c = breakwater::Config { target, rtt, grow: 0.2, ..breakwater::Config::new(2, 3) };
            BoxService::new(breakwater::BreakwaterLayer::new(c, w, by, ()).layer(inner))
        }
        other => panic!("no such strategy: {other}"),
    }
}

/// When a caller goes away.
#[derive(Clone, Copy, Debug)]
enum Leaves {
    /// At a time that is drawn.
    Sometime,
    /// Where its call has to wait for the so manieth time.
    AtWait(u32),
}

/// A call that is dropped where it waits for the `left`th time; `None` then.
struct Cut<F> {
    call: Pin<Box<F>>,
    left: u32,
}

impl<F: Future> Future for Cut<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<F::Output>> {
        if let Poll::Ready(answer) = self.call.as_mut().poll(cx) {
            return Poll::Ready(Some(answer));
        }
        self.left -= 1;
        if self.left == 0 { Poll::Ready(None) } else { Poll::Pending }
    }
}

/// Runs sixty calls through a stack, and one when all is over. How many of the sixty were dropped.
fn keeps_the_contract(kinds: &[&'static str], seed: u64, leaving: Leaves) -> u32 {
    let (kinds, what) = (kinds.to_vec(), format!("{kinds:?} with seed {seed}, {leaving:?}"));
    let ((outside, inside, idle, dropped), _) = sim::run(move |world| async move {
        let stream = |name| Stream::new(seed, name);
        let (outside, inside) = (Ledger::default(), Ledger::default());
        let moody = Moody { world: world.clone(), stream: stream("moods") };
        let seen = Observe::new(world.clone(), inside.clone()).layer(moody);
        let stack = kinds.iter().rev().zip(0..).fold(BoxService::new(seen), |inner, (kind, i)| {
            wrap(kind, &world, inner, ById(stream(["outer", "middle", "inner"][i % 3])))
        });
        let stack = Arc::new(Observe::new(world.clone(), outside.clone()).layer(stack));
        let callers = stream("callers");
        let all: Vec<_> = (0..60)
            .map(|id| {
                let (world, stack, mut dice) = (world.clone(), stack.clone(), callers.dice(id));
                let arrives = Instant::ZERO + ms((dice.unit() * 300.0) as u64);
                let leaves = arrives + ms((dice.unit() * 120.0) as u64);
                world.clone().spawn("caller", async move {
                    world.sleep_until(arrives).await;
                    let call = stack.call(Call { id, attempt: 0, deadline: None });
                    match leaving {
                        Leaves::Sometime => {
                            matches!(race(call, world.sleep_until(leaves)).await, First::Right(()))
                        }
                        Leaves::AtWait(left) => Cut { call: Box::pin(call), left }.await.is_none(),
                    }
                })
            })
            .collect();
        let mut dropped = 0;
        for caller in all {
            // It may have panicked: on purpose.
            dropped += u32::from(caller.await.unwrap_or(false));
        }
        world.sleep_until(world.now() + Duration::from_secs(3_600)).await;
        let idle = stack.call(Call { id: IDLE, attempt: 0, deadline: None }).await;
        let counts = |ledger: &Ledger| *ledger.0.lock().expect("no panic under the lock");
        (counts(&outside), counts(&inside), idle, dropped)
    })
    .unwrap_or_else(|stuck| panic!("{what}: {stuck}"));
    assert_eq!(outside, (61, 61), "{what}: offered is not the sum of outcomes");
    assert_eq!(inside.0, inside.1, "{what}: something is left inside");
    assert_eq!(idle, Ok(IDLE), "{what}: an idle system answers");
    dropped
}

#[test]
fn every_strategy_keeps_the_contract() {
    for kind in KINDS {
        (0..30).for_each(|seed| _ = keeps_the_contract(&[kind], seed, Leaves::Sometime));
    }
}

/// Every wait of every call: until none has so many.
fn keeps_the_contract_wherever_its_callers_leave(kinds: &[&'static str], seed: u64) -> u32 {
    (1..10_000).take_while(|wait| keeps_the_contract(kinds, seed, Leaves::AtWait(*wait)) > 0).count() as u32
}

#[test]
fn every_strategy_keeps_the_contract_wherever_its_callers_leave() {
    for kind in KINDS {
        let waits = (0..5).map(|seed| keeps_the_contract_wherever_its_callers_leave(&[kind], seed)).max();
        assert!(waits >= Some(1), "{kind}: its calls wait somewhere");
    }
    for kinds in [
        ["deadline", "retry", "limit"],
        ["hedge", "coalesce", "timeout"],
        ["retry", "breakwater", "rate-limit"],
    ] {
        assert!(
            keeps_the_contract_wherever_its_callers_leave(&kinds, 1) > 2,
            "{kinds:?} wait more than once"
        );
    }
}

#[test]
fn any_three_strategies_keep_the_contract() {
    let picks = Stream::new(7, "stacks");
    println!(
        "1,000 stacks of three of {KINDS:?}, drawn with seed 7, each with a seed of its own from 0 to 999"
    );
    for seed in 0..1_000 {
        let mut dice = picks.dice(seed);
        let kinds = [0; 3].map(|_| KINDS[(dice.unit() * KINDS.len() as f64) as usize]);
        keeps_the_contract(&kinds, seed, Leaves::Sometime);
    }
}
