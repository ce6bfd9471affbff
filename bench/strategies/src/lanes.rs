//! Who runs in which row.

use crate::call::{Alike, Call, Nothing, native, now, tower};
use governor::{Quota, RateLimiter};
use inflight_strategies::{
    admission::{
        breakwater::{self, BreakwaterLayer},
        dagor::{self, DagorLayer},
        rate::{self, RateLayer},
        throttle::{self, ThrottleLayer},
    },
    breaker::{self, BreakerLayer},
    coalesce::CoalesceLayer,
    deadline::DeadlineLayer,
    hedge::{self, HedgeLayer},
    limit::{Config, LimitLayer, Permits, Queue, Semaphore, adaptive},
    observe::Observe,
    retry::{self, RetryLayer},
    service::Layer,
    timeout::{self, Late, TimeoutLayer},
    tokio::{Luck, World},
    tower::{Alone, DirectService, Failures, TowerLayer},
    units::Rate,
};
use rustix::thread::{CpuSet, sched_setaffinity};
use std::{
    hint::black_box,
    num::NonZeroU32,
    sync::{Arc, Barrier},
    thread,
    time::Duration,
};
use tower::{Layer as _, ServiceBuilder, limit::ConcurrencyLimit, load_shed::LoadShed, timeout::Timeout};
use tower_resilience_bulkhead::BulkheadLayer;
use tower_resilience_circuitbreaker::CircuitBreakerLayer;
use tower_resilience_ratelimiter::RateLimiterLayer;
use tower_resilience_timelimiter::TimeLimiterLayer;

/// Whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Ours, called as what it is.
    Native,
    /// Ours behind the tower adapter.
    Tower,
    /// Somebody else's.
    Peer,
    /// What the others are compared with in thought: a bare call, or something that does less.
    Bare,
}

/// A contestant in a row.
pub struct Lane {
    /// What is compared.
    pub row: &'static str,
    /// Who does it.
    pub name: &'static str,
    /// Whose it is.
    pub whose: Whose,
    /// Makes so many calls.
    pub run: fn(u64),
}

const PERMITS: u32 = 100;
const LONG: Duration = Duration::from_secs(10);
/// Calls per second that nobody reaches.
const MANY: u32 = 2_000_000_000;

fn limit() -> LimitLayer<World> {
    LimitLayer::new(Config::fixed(PERMITS, Queue::Bounded(1_000)), World::new(), ())
}

fn shed() -> LimitLayer<World> {
    LimitLayer::new(Config::fixed(PERMITS, Queue::Bounded(0)), World::new(), ())
}

fn vegas() -> LimitLayer<World> {
    let permits = Permits::Adaptive(adaptive::Config::Vegas(adaptive::vegas::Config::default()));
    LimitLayer::new(Config { permits, ..Config::fixed(1, Queue::Bounded(1_000)) }, World::new(), ())
}

fn timeout() -> TimeoutLayer<World> {
    TimeoutLayer::new(timeout::Config { after: LONG, late: Late::Cancel }, World::new(), ())
}

fn deadline() -> DeadlineLayer<World> {
    DeadlineLayer::new(timeout::Config { after: LONG, late: Late::Cancel }, World::new(), ())
}

fn rate() -> RateLayer<World> {
    let rate = Rate::per_second(1e6).expect("a rate");
    RateLayer::new(rate::Config { rate, burst: 1_000_000, max_wait: Some(LONG) }, World::new(), ())
}

fn breaker() -> BreakerLayer<World> {
    BreakerLayer::new(breaker::Config::default(), World::new(), ())
}

fn again() -> RetryLayer<World, Luck> {
    RetryLayer::new(retry::Config::default(), World::new(), Luck::new(), ())
}

fn hedge() -> HedgeLayer<World> {
    let after = hedge::After::Fixed(LONG);
    let config = hedge::Config { after, attempts: 2, budget: retry::BudgetConfig::Unlimited };
    HedgeLayer::new(config, World::new(), ())
}

fn throttle() -> ThrottleLayer<World, Luck> {
    ThrottleLayer::new(throttle::Config::SRE, World::new(), Luck::new(), ())
}

type Six = (
    DeadlineLayer<World>,
    RateLayer<World>,
    RetryLayer<World, Luck>,
    BreakerLayer<World>,
    LimitLayer<World>,
    TimeoutLayer<World>,
);

fn six() -> Six {
    (deadline(), rate(), again(), breaker(), limit(), timeout())
}

fn ours<L>(layer: L) -> inflight_strategies::tower::TowerService<Nothing, L> {
    TowerLayer::new(layer).layer(Nothing)
}

fn direct<L: Alone>(layer: L) -> DirectService<Nothing, L> {
    TowerLayer::new(layer).direct().layer(Nothing)
}

fn bulkhead() -> BulkheadLayer {
    BulkheadLayer::builder().max_concurrent_calls(PERMITS as usize).build().expect("a bulkhead")
}

fn time_limiter() -> TimeLimiterLayer<tower_resilience_timelimiter::FixedTimeout> {
    TimeLimiterLayer::builder().timeout_duration(LONG).build()
}

fn rate_limiter() -> RateLimiterLayer {
    let period = Duration::from_secs(1);
    RateLimiterLayer::builder()
        .limit_for_period(MANY as usize)
        .refresh_period(period)
        .build()
        .expect("a limiter")
}

fn circuit_breaker() -> CircuitBreakerLayer {
    CircuitBreakerLayer::builder()
        .failure_rate_threshold(0.5)
        .sliding_window_size(100)
        .build()
        .expect("a breaker")
}

fn retries<E: Clone + Send + 'static>() -> tower_resilience_retry::RetryLayer<Call, u32, E> {
    tower_resilience_retry::RetryLayer::builder()
        .max_attempts(3)
        .exponential_backoff(Duration::from_secs(1))
        .build()
}

/// tower's retry with the least policy: none of its calls fails.
#[derive(Clone, Copy)]
struct Never;

impl<T, E> tower::retry::Policy<Call, T, E> for Never {
    type Future = std::future::Ready<()>;
    fn retry(&mut self, _: &mut Call, _: &mut Result<T, E>) -> Option<Self::Future> {
        None
    }
    fn clone_request(&mut self, call: &Call) -> Option<Call> {
        Some(*call)
    }
}

/// `run` on two threads that begin together on two processors, each of which makes half of the calls. On one processor they would take
/// turns, and nobody would find a permit in somebody else's hands.
fn twice(calls: u64, run: impl Fn(u64) + Sync) {
    let (runtime, together) = (tokio::runtime::Handle::current(), Barrier::new(2));
    let (runtime, together, run) = (&runtime, &together, &run);
    thread::scope(|scope| {
        for processor in 0..2 {
            scope.spawn(move || {
                let _inside = runtime.enter();
                let mut here = CpuSet::new();
                here.set(processor);
                sched_setaffinity(None, &here).expect("two processors, numbers 0 and 1");
                together.wait();
                run(calls / 2);
            });
        }
    });
}

impl Lane {
    /// How many calls make a round: many short rounds, of which some are not disturbed. Two threads need so many that they work at
    /// the same time, and that starting them costs next to nothing.
    pub fn calls(&self) -> u64 {
        if self.row == TWO_THREADS { 1_000_000 } else { 10_000 }
    }
}

const TWO_THREADS: &str = "two threads on one limit";

macro_rules! lanes {
    ($($row:tt { $($whose:ident $name:literal $run:expr;)+ })+) => {
        &[$($(Lane { row: $row, name: $name, whose: Whose::$whose, run: $run }),+),+]
    };
}

/// All of them.
pub const LANES: &[Lane] = lanes! {
    "nothing" {
        Bare "a native call" |n| native(Nothing, n);
        Bare "a tower call" |n| tower(Nothing, n);
    }
    "acquire + release" {
        Native "Semaphore::try_acquire" |n| {
            let semaphore = Semaphore::new(PERMITS, None);
            (0..n).for_each(|_| drop(black_box(semaphore.try_acquire().expect("free"))));
        };
        Native "Semaphore::acquire" |n| {
            let semaphore = Semaphore::new(PERMITS, None);
            (0..n).for_each(|_| drop(black_box(now(semaphore.acquire()).expect("free"))));
        };
        Peer "tokio try_acquire" |n| {
            let semaphore = tokio::sync::Semaphore::new(PERMITS as usize);
            (0..n).for_each(|_| drop(black_box(semaphore.try_acquire().expect("free"))));
        };
        Peer "tokio acquire" |n| {
            let semaphore = tokio::sync::Semaphore::new(PERMITS as usize);
            (0..n).for_each(|_| drop(black_box(now(semaphore.acquire()).expect("free"))));
        };
    }
    "limit" {
        Native "limit" |n| native(limit().layer(Nothing), n);
        Tower "limit, tower" |n| tower(ours(limit()), n);
        Tower "limit, tower, direct" |n| tower(direct(limit()), n);
        Peer "tower ConcurrencyLimit" |n| tower(ConcurrencyLimit::new(Nothing, PERMITS as usize), n);
        Peer "tower-resilience bulkhead" |n| tower(bulkhead().layer(Nothing), n);
    }
    "limit that sheds" {
        Native "limit, queue 0" |n| native(shed().layer(Nothing), n);
        Tower "limit, queue 0, tower" |n| tower(ours(shed()), n);
        Tower "limit, queue 0, tower, direct" |n| tower(direct(shed()), n);
        Peer "tower LoadShed over ConcurrencyLimit" |n| {
            tower(LoadShed::new(ConcurrencyLimit::new(Nothing, PERMITS as usize)), n)
        };
        Peer "tower-resilience bulkhead, rejecting" |n| {
            let layer = BulkheadLayer::builder().max_concurrent_calls(PERMITS as usize).reject_when_full().build();
            tower(layer.expect("a bulkhead").layer(Nothing), n)
        };
    }
    "adaptive limit (Vegas)" {
        Native "vegas" |n| native(vegas().layer(Nothing), n);
        Tower "vegas, tower" |n| tower(ours(vegas()), n);
        Tower "vegas, tower, direct" |n| tower(direct(vegas()), n);
        Peer "tower-acc Vegas" |n| {
            tower(tower_acc::ConcurrencyLimit::new(Nothing, tower_acc::Vegas::builder().build()), n)
        };
    }
    "timeout" {
        Native "timeout" |n| native(timeout().layer(Nothing), n);
        Tower "timeout, tower" |n| tower(ours(timeout()), n);
        Tower "timeout, tower, direct" |n| tower(direct(timeout()), n);
        Peer "tower Timeout" |n| tower(Timeout::new(Nothing, LONG), n);
        Peer "tower-resilience time limiter" |n| tower(time_limiter().layer(Nothing), n);
    }
    "rate limit" {
        Native "rate-limit" |n| native(rate().layer(Nothing), n);
        Tower "rate-limit, tower" |n| tower(ours(rate()), n);
        Bare "governor, no service" |n| {
            let quota = Quota::per_second(NonZeroU32::new(MANY).expect("many"));
            let limiter = RateLimiter::direct(quota);
            (0..n).for_each(|_| assert!(black_box(limiter.check()).is_ok()));
        };
        // A fixed window (twice the rate at its edge) in the service itself: its clones are not limited together.
        Bare "tower RateLimit, not shared" |n| {
            tower(tower::limit::RateLimit::new(Nothing, tower::limit::rate::Rate::new(u64::from(MANY), LONG)), n)
        };
        Peer "tower-resilience rate limiter" |n| tower(rate_limiter().layer(Nothing), n);
    }
    "breaker" {
        Native "breaker" |n| native(breaker().layer(Nothing), n);
        Tower "breaker, tower" |n| tower(ours(breaker()), n);
        Bare "failsafe, no service" |n| {
            use failsafe::CircuitBreaker as _;
            let breaker = failsafe::Config::new().build();
            (0..n).for_each(|i| assert!(black_box(breaker.call(|| Ok::<u64, ()>(black_box(i)))).is_ok()));
        };
        Peer "tower-resilience circuit breaker" |n| tower(circuit_breaker().layer(Nothing), n);
    }
    "retry" {
        Native "retry" |n| native(again().layer(Nothing), n);
        Tower "retry, tower" |n| tower(ours(again()), n);
        // Without a budget, and its policy is compiled away.
        Bare "tower Retry, no budget" |n| tower(tower::retry::Retry::new(Never, Nothing), n);
        Peer "tower-resilience retry" |n| tower(retries().layer(Nothing), n);
    }
    "the others" {
        Native "deadline" |n| native(deadline().layer(Nothing), n);
        Native "hedge" |n| native(hedge().layer(Nothing), n);
        Native "coalesce" |n| native(CoalesceLayer::new(World::new(), Alike, ()).layer(Nothing), n);
        Native "sre-throttle" |n| native(throttle().layer(Nothing), n);
        Native "dagor" |n| native(DagorLayer::new(dagor::Config::new(PERMITS), World::new(), Alike, ()).layer(Nothing), n);
        Native "breakwater" |n| {
            let config = breakwater::Config::new(PERMITS, 1);
            native(BreakwaterLayer::new(config, World::new(), Alike, ()).layer(Nothing), n)
        };
        Native "observe" |n| native(Observe::new(World::new(), ()).layer(Nothing), n);
    }
    "a stack of six" {
        Native "a tuple of six" |n| native(six().layer(Nothing), n);
        Tower "a tuple of six, tower" |n| tower(ours(six()), n);
        Bare "six tower layers" |n| {
            let (a, b, c, d, e, f) = six();
            let service = ServiceBuilder::new()
                .layer(TowerLayer::new(a).judging(Failures))
                .layer(TowerLayer::new(b).judging(Failures))
                .layer(TowerLayer::new(c).judging(Failures))
                .layer(TowerLayer::new(d).judging(Failures))
                .layer(TowerLayer::new(e).judging(Failures))
                .layer(TowerLayer::new(f))
                .service(Nothing);
            tower(service, n)
        };
        Peer "tower-resilience, the same six" |n| {
            let service = ServiceBuilder::new()
                .map_err(|_| Lost)
                .layer(time_limiter())
                .map_err(|_| Lost)
                .layer(rate_limiter())
                .map_err(|_| Lost)
                .layer(retries::<Lost>())
                .map_err(|_| Lost)
                .layer(circuit_breaker())
                .map_err(|_| Lost)
                .layer(bulkhead())
                .map_err(|_| Lost)
                .layer(time_limiter())
                .service(Nothing);
            tower(service, n)
        };
    }
    TWO_THREADS {
        Native "limit" |n| {
            let service = Arc::new(limit().layer(Nothing));
            twice(n, |n| native(service.clone(), n));
        };
        Tower "limit, tower" |n| {
            let service = ours(limit());
            twice(n, |n| tower(service.clone(), n));
        };
        Tower "limit, tower, direct" |n| {
            let service = direct(limit());
            twice(n, |n| tower(service.clone(), n));
        };
        Peer "tower ConcurrencyLimit" |n| {
            let permits = Arc::new(tokio::sync::Semaphore::new(PERMITS as usize));
            twice(n, |n| tower(ConcurrencyLimit::with_semaphore(Nothing, permits.clone()), n));
        };
        Peer "tower-resilience bulkhead" |n| {
            let layer = bulkhead();
            let service = layer.layer(Nothing);
            twice(n, |n| tower(service.clone(), n));
        };
    }
};

/// An error that retries can be made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Lost;

impl std::fmt::Display for Lost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("lost")
    }
}

impl std::error::Error for Lost {}
