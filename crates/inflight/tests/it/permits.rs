//! The one hand-made synchronisation of the limits, between real threads.

use inflight_lab::draws::Stream;
use inflight_strategies::{
    limit::{
        Config, Permits, Semaphore,
        adaptive::{self, Range, aimd},
    },
    queue::{self, Bound, Order, Ticket},
    rt::{Instant, Rng as _},
};
use std::{
    future::Future as _,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    task::Poll,
    time::Duration,
};

const TASKS: u64 = 8;
const ROUNDS: u64 = 4_000;

/// Tasks on several threads take permits, hold them across a turn of the scheduler, and sometimes walk away from the line;
/// some move the limit. All of them come to an end, at most `most` are inside at once, and nothing is left behind.
fn race_for_permits(semaphore: Semaphore, most: u32) {
    let semaphore = Arc::new(semaphore);
    let (inside, peak) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_time()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let tasks = (0..TASKS).map(|task| {
            let (semaphore, inside, peak) = (semaphore.clone(), inside.clone(), peak.clone());
            tokio::spawn(async move {
                let mut dice = Stream::new(1, "permits").dice(task);
                for round in 0..ROUNDS {
                    let now = Instant::from_nanos(round * 1_000_000);
                    let mut wait = pin!(semaphore.acquire_for(Ticket::at(now)));
                    let first = std::future::poll_fn(|cx| Poll::Ready(wait.as_mut().poll(cx))).await;
                    let permit = match first {
                        Poll::Ready(permit) => permit,
                        Poll::Pending if dice.unit() < 0.2 => continue,
                        Poll::Pending => wait.await,
                    };
                    let Ok(permit) = permit else { continue };
                    peak.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    tokio::task::yield_now().await;
                    inside.fetch_sub(1, Ordering::SeqCst);
                    let took = Some(Duration::from_micros(100));
                    permit.give_back(now, took, dice.unit() < 0.1);
                    if dice.unit() < 0.01 {
                        semaphore.set_limit(1 + (dice.unit() * f64::from(most)) as u32);
                    }
                }
            })
        });
        let tasks: Vec<_> = tasks.collect();
        let all = async {
            for task in tasks {
                task.await.expect("no panic");
            }
        };
        tokio::time::timeout(Duration::from_secs(120), all)
            .await
            .expect("a wake-up was lost: somebody waits for ever");
    });
    assert_eq!((semaphore.in_flight(), semaphore.waiting(), inside.load(Ordering::SeqCst)), (0, 0, 0));
    assert!(peak.load(Ordering::SeqCst) <= most, "{} inside at once", peak.load(Ordering::SeqCst));
}

fn dice() -> Box<inflight_lab::draws::Dice> {
    Box::new(Stream::new(2, "limit").dice(0))
}

#[test]
fn no_permit_and_no_wake_up_is_lost_between_threads() {
    race_for_permits(Semaphore::new(3, None), 3);
    race_for_permits(Semaphore::new(1, Some(2)), 3);
}

#[test]
fn nor_with_rules_and_a_limit_that_finds_its_own_value() {
    let queue = queue::Config { order: Order::Lifo, codel: Some(Default::default()), ..Default::default() };
    let fixed = Config { queue, ..Config::fixed(2, Bound::Unbounded) };
    race_for_permits(Semaphore::with(&fixed, dice()), 3);
    let range = Range { initial: 2, min: 1, max: 3 };
    let permits = Permits::Adaptive(adaptive::Config::Aimd(aimd::Config { range, ..Default::default() }));
    race_for_permits(Semaphore::with(&Config { permits, ..fixed }, dice()), 3);
}
