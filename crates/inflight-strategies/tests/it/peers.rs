//! What widely used code does, and what is done here, side by side. Each of these is known to their authors or easy to see in
//! the code; they are kept as tests so that nobody has to believe it. `docs/strategies/defects.md` is written from them.

use expect_test::expect_file;
use inflight_lab::draws::Stream;
use inflight_strategies::{
    attempt::Attempt,
    breaker::{self, Breaker},
    hedge::{self, After, HedgeLayer},
    limit::{
        Config, LimitLayer, Permits, Queue,
        adaptive::{self, Limiter, Range, Sample, aimd, gradient2, vegas},
    },
    retry::{Backoff, BudgetConfig, Delays, Ratio, RatioBudget, Steps},
    rt::{Instant, Rng},
    service::{Failure, Layer as _, Outcome, Service as _},
    timeout::{self, Late, TimeoutLayer},
    tokio::World,
    tower::TowerLayer,
};
use std::{
    cell::Cell,
    convert::Infallible,
    fmt::{Display, Write as _},
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};
use tower::{
    Layer as _, Service, ServiceBuilder, ServiceExt as _,
    retry::{
        backoff::{Backoff as _, ExponentialBackoffMaker, MakeBackoff as _},
        budget::{Budget as _, TpsBudget},
    },
    util::BoxCloneSyncService,
};
use tower_resilience_adaptive::{Aimd, ConcurrencyAlgorithm as _, Vegas};
use tower_resilience_retry::{RetryBudget as _, TokenBucketBudget};

/// Runs on tokio's paused clock.
fn paused<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(future)
}

fn at(ms: u64) -> Instant {
    Instant::from_nanos(ms * 1_000_000)
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn ratio(ratio: f64) -> RatioBudget {
    RatioBudget::new(Ratio { ratio, min: 0.0, ttl: Duration::from_secs(10) })
}

/// Retries that are let through of 10,000 requests, each of which asks for one: tower's budget and ours.
fn allowed(share: f64) -> (usize, usize) {
    let theirs = paused(async {
        let budget = TpsBudget::new(Duration::from_secs(10), 0, share as f32);
        (0..10_000).filter(|_| (budget.deposit(), budget.withdraw()).1).count()
    });
    let mut budget = ratio(share);
    let ours = (0..10_000).filter(|_| (budget.deposit(at(0)), budget.withdraw(at(0))).1).count();
    (theirs, ours)
}

/// Whether a deposit of the beginning still counts at `second`, in milliseconds. At a ratio of one half a retry needs two; until the
/// second comes somebody asks in vain every 51 ms.
fn deposit_counts(second: u64) -> (bool, bool) {
    let theirs = paused(async move {
        let budget = TpsBudget::new(Duration::from_secs(10), 0, 0.5);
        budget.deposit();
        for _ in 0..second / 51 {
            tokio::time::advance(ms(51)).await;
            assert!(!budget.withdraw(), "one deposit is half a retry");
        }
        budget.deposit();
        budget.withdraw()
    });
    let mut budget = ratio(0.5);
    budget.deposit(at(0));
    (0..second / 51).for_each(|i| assert!(!budget.withdraw(at((i + 1) * 51))));
    budget.deposit(at(second));
    (theirs, budget.withdraw(at(second)))
}

/// Of twenty first waits with a base of 1 s and jitter, how many are whole seconds.
fn whole_seconds() -> (usize, usize) {
    let base = Duration::from_secs(1);
    let is_whole = |wait: &Duration| wait.subsec_nanos() < 2_000_000;
    let theirs = paused(async {
        let first = || {
            let rng = tower::util::rng::HasherRng::new();
            let maker = ExponentialBackoffMaker::new(base, base * 60, 0.99, rng);
            let wait = maker.expect("it is valid").make_backoff().next_backoff();
            wait.deadline() - tokio::time::Instant::now()
        };
        [(); 20].map(|()| first())
    });
    let stream = Stream::new(1, "jitter");
    let ours = (0..20).map(|id| {
        let backoff = Backoff::EqualJitter(Steps::doubling(base, base * 60));
        Delays::new(backoff).next(&mut stream.dice(id))
    });
    (theirs.iter().filter(|wait| is_whole(wait)).count(), ours.filter(is_whole).count())
}

/// Retries that 10,000 good answers pay for: a bucket into which each puts a token, and ours at 20 %.
fn paid_by_success() -> (usize, usize) {
    let budget = TokenBucketBudget::new(0.0, 100_000, 0).expect("it is valid");
    (0..10_000).for_each(|_| budget.deposit());
    let theirs = (0..20_000).filter(|_| budget.try_withdraw()).count();
    let mut budget = ratio(0.2);
    (0..10_000).for_each(|_| budget.deposit(at(0)));
    (theirs, (0..20_000).filter(|_| budget.withdraw(at(0))).count())
}

/// Calls of fifty that a half-open breaker lets through at once, if it wants to see ten.
fn probes() -> (usize, usize) {
    let recloser =
        recloser::Recloser::custom().closed_len(1).half_open_len(10).open_wait(Duration::ZERO).build();
    (0..2).for_each(|_| _ = recloser.call(|| Err::<(), ()>(())));
    let passed = Cell::new(0);
    // Each calls the next before it ends: all of them are under way at once.
    fn nest(recloser: &recloser::Recloser, passed: &Cell<usize>, left: usize) {
        let _ = recloser.call(|| {
            passed.set(passed.get() + 1);
            if left > 1 {
                nest(recloser, passed, left - 1);
            }
            Ok::<(), ()>(())
        });
    }
    nest(&recloser, &passed, 50);
    let config = breaker::Config { in_a_row: Some(1), probes: 10, ..Default::default() };
    let mut breaker = Breaker::new(config);
    let pass = breaker.admit(at(0)).0.expect("it is closed");
    breaker.on_end(at(0), pass, Outcome::Failed, ms(1));
    let ours = (0..50).filter(|_| breaker.admit(at(60_000)).0.is_ok()).count();
    (passed.get(), ours)
}

struct Middle;
impl Rng for Middle {
    fn next_u64(&mut self) -> u64 {
        1 << 63
    }
}

/// The limit when a dependency has taken 50 ms for 10,000 calls, after one that took 10 ms: nothing queues.
fn limit_after_a_shift() -> (usize, u32) {
    let theirs =
        Vegas::builder().initial_limit(20).min_limit(1).max_limit(1_000).build().expect("it is valid");
    theirs.record_success(ms(10));
    (0..10_000).for_each(|_| theirs.record_success(ms(50)));
    let mut ours = adaptive::Config::Vegas(vegas::Config::default()).build();
    let sample = |limiter: &mut Box<dyn Limiter>, i: u64, rtt| {
        let in_flight = limiter.limit();
        let sample = Sample { now: at(i * 50), rtt: ms(rtt), in_flight, full: true, dropped: false };
        limiter.on_sample(&sample, &mut Middle);
    };
    sample(&mut ours, 0, 10);
    (1..=10_000).for_each(|i| sample(&mut ours, i, 50));
    (theirs.limit(), ours.limit())
}

/// The limit of an algorithm of tower-acc and of ours after `calls`: round trips in ms, how many were in flight, whether they were lost.
fn limits_after(
    mut theirs: impl tower_acc::Algorithm,
    ours: adaptive::Config,
    calls: &[(u64, u32, bool)],
) -> (usize, u32) {
    let mut ours = ours.build();
    for (i, &(rtt, in_flight, dropped)) in (0..).zip(calls) {
        theirs.update(ms(rtt), in_flight as usize, dropped, false);
        let sample = Sample { now: at(i * rtt), rtt: ms(rtt), in_flight, full: false, dropped };
        ours.on_sample(&sample, &mut Middle);
    }
    (theirs.max_concurrency(), ours.limit())
}

/// A limit of 100 with 10 calls in flight, ten of which are lost one after another.
fn losses_while_not_full() -> (usize, u32) {
    let range = Range { initial: 100, min: 1, max: 1_000 };
    let theirs = tower_acc::Vegas::builder().initial_limit(100).max_limit(1_000).build();
    let ours = adaptive::Config::Vegas(vegas::Config { range, ..Default::default() });
    let lost = [(100, 10, true); 10];
    limits_after(theirs, ours, &[&[(100, 10, false)], &lost[..]].concat())
}

/// A limit of 20 that is full for ten calls of one length.
fn gradient2_when_full() -> (usize, u32) {
    let theirs = tower_acc::Gradient2::builder().build();
    let ours = adaptive::Config::Gradient2(gradient2::Config::default());
    limits_after(theirs, ours, &[(100, 30, false); 10])
}

/// Takes 1 ms, and fails every so many requests.
struct Fails {
    every: u64,
}

impl inflight_strategies::service::Service<u64> for Fails {
    type Response = ();
    type Error = Failure<()>;

    async fn call(&self, id: u64) -> Result<(), Failure<()>> {
        tokio::time::sleep(ms(1)).await;
        if id.is_multiple_of(self.every) { Err(Failure::Failed(())) } else { Ok(()) }
    }
}

/// An AIMD limit that began at 20 and may go to 1,000, after 10,000 calls of which one of `every` fails by itself; `at_once`: all
/// of them, or one after another. Both halve when they think that they have to.
fn aimd_limit(every: u64, at_once: bool) -> (usize, u32) {
    let theirs = Aimd::builder().initial_limit(20).min_limit(1).max_limit(1_000).decrease_factor(0.5);
    let theirs = theirs.build().expect("it is valid");
    for id in 1..=10_000_u64 {
        let in_flight = if at_once { theirs.limit() } else { 1 };
        match id.is_multiple_of(every) {
            true => theirs.record_failure(),
            false => theirs.record_success_with_load(ms(1), in_flight),
        }
    }
    let ours = paused(async {
        let range = Range { initial: 20, min: 1, max: 1_000 };
        let aimd = aimd::Config { range, backoff: 0.5, ..Default::default() };
        let permits = Permits::Adaptive(adaptive::Config::Aimd(aimd));
        let config = Config { permits, ..Config::fixed(1, Queue::Unbounded) };
        let limit = Arc::new(LimitLayer::new(config, World::new(), ()).layer(Fails { every }));
        let mut calls = tokio::task::JoinSet::new();
        for id in 1..=10_000 {
            let limit = limit.clone();
            calls.spawn(async move { limit.call(id).await });
            if !at_once {
                calls.join_next().await;
            }
        }
        calls.join_all().await;
        limit.semaphore().limit()
    });
    (theirs.limit(), ours)
}

/// How long a caller of 40 ms waits in all, in ms, behind another one: one permit, and a timeout of 50 ms.
fn waits_under_a_timeout() -> (u128, u128) {
    async fn second<S>(service: S) -> u128
    where
        S: Service<(), Future: Send> + Clone + Send + 'static,
        S::Response: Send,
        S::Error: Send,
    {
        let mut first = service.clone();
        let call = first.ready().await.unwrap_or_else(|_| panic!("it is ready")).call(());
        tokio::spawn(call);
        tokio::task::yield_now().await;
        let start = tokio::time::Instant::now();
        let _ = service.oneshot(()).await;
        start.elapsed().as_millis()
    }
    // The first call may take its time: only the second one is watched.
    let slow = || {
        tower::service_fn(|()| async {
            tokio::time::sleep(ms(40)).await;
            Ok::<(), Infallible>(())
        })
    };
    let theirs = paused(async {
        second(ServiceBuilder::new().timeout(ms(50)).concurrency_limit(1).service(slow())).await
    });
    let ours = paused(async {
        let world = World::new();
        let timeout = TimeoutLayer::new(timeout::Config { after: ms(50), late: Late::Cancel }, world, ());
        let limit = LimitLayer::new(Config::fixed(1, Queue::Unbounded), world, ());
        second(ServiceBuilder::new().layer(TowerLayer::new((timeout, limit))).service(slow())).await
    });
    (theirs, ours)
}

/// Calls of 1,000 in one task that are shed while a queue has room for 10,000: `LoadShed`, and a limit that makes nobody wait.
fn shed_with_room() -> (usize, usize) {
    async fn shed<S: Service<(), Error: std::fmt::Debug>>(mut service: S) -> usize {
        let mut calls = Vec::new();
        for _ in 0..1_000 {
            calls.push(service.ready().await.expect("it is always ready").call(()));
        }
        let mut shed = 0;
        for call in calls {
            shed += usize::from(call.await.is_err());
        }
        shed
    }
    let answers = || tower::service_fn(|()| async { Ok::<(), Infallible>(()) });
    let theirs =
        paused(async { shed(ServiceBuilder::new().load_shed().buffer(10_000).service(answers())).await });
    let ours = paused(async {
        let limit = LimitLayer::new(Config::fixed(10_000, Queue::Bounded(0)), World::new(), ());
        let limited = ServiceBuilder::new().layer(TowerLayer::new(limit)).buffer(10_000).service(answers());
        shed(limited).await
    });
    (theirs, ours)
}

/// A request that may be asked twice.
#[derive(Clone)]
struct Ask;

impl Attempt for Ask {
    fn attempt(&self, _: u32) -> Ask {
        Ask
    }
}

/// Hedges whatever it may.
#[derive(Clone)]
struct Always;

impl tower::hedge::Policy<Ask> for Always {
    fn clone_request(&self, ask: &Ask) -> Option<Ask> {
        Some(ask.clone())
    }

    fn can_retry(&self, _: &Ask) -> bool {
        true
    }
}

/// Hedges of 10,000 calls one after another, sent when a call takes longer than 95 % of them: nine of ten take 10 to 20 ms, one takes
/// 500 to 1,500 ms. Whoever remembers only the calls that won takes the slow ones for ever rarer than they are.
fn hedges_of_a_twentieth() -> (usize, usize) {
    async fn hedges<S: Service<Ask, Error: std::fmt::Debug>>(
        layer: impl FnOnce(BoxCloneSyncService<Ask, (), Infallible>) -> S,
    ) -> usize {
        let sent = Arc::new(AtomicUsize::new(0));
        let counted = sent.clone();
        let mut service = layer(BoxCloneSyncService::new(tower::service_fn(move |_: Ask| {
            let mut dice = Stream::new(1, "stragglers").dice(counted.fetch_add(1, Relaxed) as u64);
            let (is_slow, share) = (dice.unit() < 0.1, dice.unit());
            let took = if is_slow { 500.0 + share * 1_000.0 } else { 10.0 + share * 10.0 };
            async move {
                tokio::time::sleep(Duration::from_secs_f64(took / 1e3)).await;
                Ok(())
            }
        })));
        for _ in 0..10_000 {
            service.ready().await.expect("it is always ready").call(Ask).await.expect("none fails");
        }
        sent.load(Relaxed) - 10_000
    }
    let window = Duration::from_secs(30);
    let theirs = paused(hedges(|service| tower::hedge::Hedge::new(service, Always, 100, 0.95, window)));
    let after = After::Quantile { q: 0.95, min_samples: 100, window, floor: ms(1) };
    let config = hedge::Config { after, attempts: 2, budget: BudgetConfig::Unlimited };
    let ours =
        paused(hedges(|service| TowerLayer::new(HedgeLayer::new(config, World::new(), ())).layer(service)));
    (theirs, ours)
}

#[test]
fn a_ratio_caps_retries_here_and_not_in_tower() {
    for (share, theirs) in [(0.3, 3_333), (0.4, 5_000), (0.6, 10_000), (0.75, 10_000), (0.99, 10_000)] {
        assert_eq!(allowed(share), (theirs, (10_000.0 * share).round() as usize), "at {share}");
    }
}

#[test]
fn a_deposit_lasts_its_time_here_and_six_tenths_of_it_in_tower() {
    assert_eq!([5_500, 6_500, 8_900].map(deposit_counts), [(true, true), (false, true), (false, true)]);
    assert!(!deposit_counts(10_000).1);
}

#[test]
fn waits_of_a_second_are_jittered_here_and_not_in_tower() {
    assert_eq!(whole_seconds(), (20, 0));
}

#[test]
fn success_pays_for_a_share_of_retries_here_and_for_one_each_in_tower_resilience() {
    assert_eq!(paid_by_success(), (10_000, 2_000));
}

#[test]
fn a_half_open_breaker_lets_its_probes_through_here_and_everybody_in_recloser() {
    assert_eq!(probes(), (50, 10));
}

#[test]
fn a_baseline_that_moved_is_found_here_and_never_in_tower_resilience() {
    let (theirs, ours) = limit_after_a_shift();
    assert!(theirs <= 10 && ours > 100, "{theirs}, {ours}");
}

#[test]
fn a_limit_that_nobody_fills_stays_here_and_climbs_in_tower_resilience() {
    assert_eq!(aimd_limit(u64::MAX, false), (1_000, 20));
}

#[test]
fn calls_that_fail_by_themselves_leave_a_limit_here_and_halve_it_in_tower_resilience() {
    let (theirs, ours) = aimd_limit(20, true);
    assert!(theirs < 40 && ours == 1_000, "{theirs}, {ours}");
}

#[test]
fn a_timeout_covers_the_wait_for_a_permit_here_and_not_in_tower() {
    assert_eq!(waits_under_a_timeout(), (80, 50));
}

#[test]
fn a_quantile_of_all_attempts_is_hedged_here_and_one_of_the_winners_in_tower() {
    let (theirs, ours) = hedges_of_a_twentieth();
    assert!((400..=600).contains(&ours) && (900..=1_100).contains(&theirs), "{theirs}, {ours}");
}

#[test]
fn a_task_with_many_calls_is_served_here_and_shed_in_tower() {
    let (theirs, ours) = shed_with_room();
    assert!(theirs > 500 && ours == 0, "{theirs}, {ours}");
}

/// The table of defects, in Markdown.
struct Page(String);

impl Page {
    fn row(&mut self, who: &str, what: &str, (theirs, ours): (impl Display, impl Display)) {
        writeln!(self.0, "| {who} | {what} | {theirs} | {ours} |").expect("a string");
    }
}

/// The page is what the tests above see. `UPDATE_EXPECT=1 cargo test -p inflight-strategies peers` writes it.
#[test]
fn the_page_of_defects_is_what_was_measured() {
    let mut page = Page(String::from(
        "# What others do, and what is done here\n\n\
         Written by `crates/inflight-strategies/tests/it/peers.rs`, which runs both sides.\n\n\
         | crate | what | there | here |\n|---|---|---|---|\n",
    ));
    let gone = |counts: bool| if counts { "counts" } else { "is forgotten" };

    let tower = "tower 0.5.3";
    page.row(tower, "`TpsBudget`: retries of 10,000 requests at a ratio of 0.6", allowed(0.6));
    let (theirs, ours) = deposit_counts(6_500);
    page.row(tower, "`TpsBudget`: a deposit with a ttl of 10 s, after 6.5 s", (gone(theirs), gone(ours)));
    page.row(tower, "`ExponentialBackoff`: of 20 jittered waits from 1 s, whole seconds", whole_seconds());
    let (theirs, ours) = waits_under_a_timeout();
    page.row(
        tower,
        "`Timeout` of 50 ms: how long a caller waits behind a call of 40 ms and one permit",
        (format!("{theirs} ms"), format!("{ours} ms")),
    );
    page.row(
        tower,
        "`LoadShed` over a `Buffer` of 10,000: calls shed of 1,000 from one task (ours: a limit of 10,000)",
        shed_with_room(),
    );
    page.row(
        tower,
        "`Hedge` at p95: hedges of 10,000 calls, of which 10 % are slow",
        hedges_of_a_twentieth(),
    );

    let resilience = "tower-resilience 0.14";
    page.row(
        resilience,
        "retry budget: retries that 10,000 good answers pay for (ours at 20 %)",
        paid_by_success(),
    );
    page.row(
        resilience,
        "Vegas: limit after the base latency moved from 10 to 50 ms for good",
        limit_after_a_shift(),
    );
    page.row(
        resilience,
        "AIMD: limit of 20 (at most 1,000) after 10,000 calls one after another",
        aimd_limit(u64::MAX, false),
    );
    page.row(
        resilience,
        "AIMD: the same after 10,000 calls at once, of which 5 % fail by themselves",
        aimd_limit(20, true),
    );

    let acc = "tower-acc 0.1.1";
    page.row(
        acc,
        "Vegas: limit of 100 after 10 lost calls, with 10 in flight (Netflix: losses always count)",
        losses_while_not_full(),
    );
    page.row(
        acc,
        "Gradient2: limit of 20 after 10 calls at the limit that take equally long (Netflix: 28)",
        gradient2_when_full(),
    );

    page.row("recloser 1.4", "half open for 10 probes: of 50 calls at once, those let through", probes());
    expect_file!["../../../../docs/strategies/defects.md"].assert_eq(&page.0);
}
