//! What widely used code does, and what is done here, side by side. Each of these is known to their authors or easy to see in
//! the code; they are kept as tests so that nobody has to believe it.

use inflight_lab::draws::Stream;
use inflight_strategies::{
    retry::{Backoff, Delays, Ratio, RatioBudget, Steps},
    rt::Instant,
};
use std::{future::Future, time::Duration};
use tower::retry::{
    backoff::{Backoff as _, ExponentialBackoffMaker, MakeBackoff as _},
    budget::{Budget as _, TpsBudget},
};

/// Runs on tokio's paused clock.
fn paused<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(future)
}

fn ours(ratio: f64) -> RatioBudget {
    RatioBudget::new(Ratio { ratio, min: 0.0, ttl: Duration::from_secs(10) })
}

#[test]
fn a_ratio_caps_retries_here_and_not_in_tower() {
    for (ratio, theirs) in [(0.3, 3_333), (0.4, 5_000), (0.6, 10_000), (0.75, 10_000), (0.99, 10_000)] {
        let allowed = paused(async {
            let budget = TpsBudget::new(Duration::from_secs(10), 0, ratio as f32);
            (0..10_000).filter(|_| (budget.deposit(), budget.withdraw()).1).count()
        });
        assert_eq!(allowed, theirs, "tower at {ratio}");
        let mut budget = ours(ratio);
        let now = Instant::ZERO;
        let allowed = (0..10_000).filter(|_| (budget.deposit(now), budget.withdraw(now)).1).count();
        assert_eq!(allowed, (10_000.0 * ratio).round() as usize, "here at {ratio}");
    }
}

#[test]
fn a_deposit_lasts_its_time_here_and_six_tenths_of_it_in_tower() {
    // At a ratio of one half a retry needs two deposits. Until the second comes somebody asks in vain every 51 ms.
    let theirs = |second: u64| {
        paused(async move {
            let budget = TpsBudget::new(Duration::from_secs(10), 0, 0.5);
            budget.deposit();
            for _ in 0..second / 51 {
                tokio::time::advance(Duration::from_millis(51)).await;
                assert!(!budget.withdraw(), "one deposit is half a retry");
            }
            budget.deposit();
            budget.withdraw()
        })
    };
    let here = |second: u64| {
        let (mut budget, at) = (ours(0.5), |ms: u64| Instant::from_nanos(ms * 1_000_000));
        budget.deposit(at(0));
        (0..second / 51).for_each(|i| assert!(!budget.withdraw(at((i + 1) * 51))));
        budget.deposit(at(second));
        budget.withdraw(at(second))
    };
    assert_eq!([5_500, 6_500, 8_900].map(theirs), [true, false, false], "tower");
    assert_eq!([5_500, 6_500, 8_900].map(here), [true, true, true], "here");
    assert!(!here(10_000));
}

#[test]
fn waits_of_a_second_are_jittered_here_and_not_in_tower() {
    let base = Duration::from_secs(1);
    let theirs = paused(async {
        let first = || {
            let rng = tower::util::rng::HasherRng::new();
            let maker = ExponentialBackoffMaker::new(base, base * 60, 0.99, rng);
            let wait = maker.expect("it is valid").make_backoff().next_backoff();
            wait.deadline() - tokio::time::Instant::now()
        };
        [(); 20].map(|()| first())
    });
    assert!(theirs.iter().all(|wait| wait.subsec_nanos() < 2_000_000), "whole seconds: {theirs:?}");
    let stream = Stream::new(1, "jitter");
    let ours = (0..20).map(|id| {
        let backoff = Backoff::EqualJitter(Steps::doubling(base, base * 60));
        Delays::new(backoff).next(&mut stream.dice(id))
    });
    let whole = ours.filter(|wait| wait.subsec_nanos() < 2_000_000).count();
    assert_eq!(whole, 0);
}
