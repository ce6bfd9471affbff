//! What every limit with every queue keeps: one outcome per call, all permits back, never more inside than the limit,
//! nobody turned away while there is room, nobody forgotten.

use inflight_lab::{draws::Stream, sim};
use inflight_strategies::{
    event::{Event, Observer, Watch},
    limit::{
        Config, LimitLayer, Permits, Tickets,
        adaptive::{self, Range, aimd, arc, bbr, correlation, envoy, gradient, gradient2, vegas, windowed},
    },
    queue::{self, Bound, Order, Ticket, codel, deadline, little, pid, ramp},
    rt::{Clock as _, Executor as _, Instant, Task as _, race},
    service::{Failure, Layer as _, Priority, Reason, Rejected, Service},
    units::Ratio,
};
use proptest::prelude::*;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// How the work of a call ends.
#[derive(Clone, Copy, Debug)]
enum End {
    Good,
    Fails,
    TimesOut,
    Rejected,
    Panics,
}

#[derive(Clone, Copy, Debug)]
struct Call {
    arrives: u64,
    work: u64,
    end: End,
    patience: u64,
    priority: Priority,
    class: u8,
    weight: u32,
    deadline: Option<u64>,
}

#[derive(Clone, Copy)]
struct Read;

impl Tickets<Call> for Read {
    fn ticket(&self, call: &Call, now: Instant) -> Ticket {
        let Call { priority, class, weight, .. } = *call;
        let deadline = call.deadline.map_or(Instant::NEVER, |d| Instant::ZERO + ms(call.arrives + d));
        Ticket { arrived: now, deadline, weight, class, priority }
    }
}

struct Worker(sim::World);

impl Service<Call> for Worker {
    type Response = ();
    type Error = Failure<()>;

    async fn call(&self, call: Call) -> Result<(), Failure<()>> {
        self.0.sleep_until(self.0.now() + ms(call.work)).await;
        match call.end {
            End::Good => Ok(()),
            End::Fails => Err(Failure::Failed(())),
            End::TimesOut => Err(Failure::TimedOut { after: ms(call.work) }),
            End::Rejected => {
                Err(Failure::Rejected(Rejected { by: "x", why: Reason::LimitReached, retry_after: None }))
            }
            // Without the panic hook's noise.
            End::Panics => std::panic::resume_unwind(Box::new("on purpose")),
        }
    }
}

/// Counts what the limit says.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    seen: u32,
    admitted: u32,
    rejected: u32,
    withdrawn: u32,
}

#[derive(Clone, Debug, Default)]
struct Ledger(Arc<Mutex<Counts>>);

impl Observer<Call> for Ledger {
    type Watch<'a> = Ledger;
    fn observe(&self, _: &Call) -> Ledger {
        self.0.lock().expect("no panic under the lock").seen += 1;
        self.clone()
    }
}

impl Watch for Ledger {
    fn on_event(&mut self, _: Instant, event: Event) {
        let mut counts = self.0.lock().expect("no panic under the lock");
        match event {
            Event::Admitted { .. } => counts.admitted += 1,
            Event::Rejected(_) => counts.rejected += 1,
            Event::Withdrawn { .. } => counts.withdrawn += 1,
            Event::LimitChanged { from, to, .. } => assert!(from != to && to >= 1, "{event:?}"),
            _ => panic!("a limit does not say {event:?}"),
        }
    }
}

fn any_call() -> impl Strategy<Value = Call> {
    let end = prop_oneof![
        6 => Just(End::Good), 1 => Just(End::Fails), 1 => Just(End::TimesOut), 1 => Just(End::Rejected),
        1 => Just(End::Panics)
    ];
    let priority = prop_oneof![Just(Priority::VeryLow), Just(Priority::Medium), Just(Priority::VeryHigh)];
    let patience = prop_oneof![0u64..40, Just(100_000)];
    let deadline = proptest::option::of(1u64..60);
    (0u64..200, 0u64..30, end, patience, priority, 0u8..4, 1u32..4, deadline).prop_map(
        |(arrives, work, end, patience, priority, class, weight, deadline)| Call {
            arrives,
            work,
            end,
            patience,
            priority,
            class,
            weight,
            deadline,
        },
    )
}

fn any_queue() -> impl Strategy<Value = queue::Config> {
    let order = prop_oneof![
        Just(Order::Fifo),
        Just(Order::Lifo),
        Just(Order::Priority),
        Just(Order::AdaptiveLifo { threshold: Some(2) }),
        Just(Order::AdaptiveLifo { threshold: None })
    ];
    let bound = prop_oneof![
        (0u32..6).prop_map(Bound::Bounded),
        Just(Bound::Unbounded),
        Just(Bound::Little(little::Config { target: ms(40) }))
    ];
    let ramp = proptest::option::of(Just(ramp::Config { from: 0.5, to: 2.0 }));
    let pid =
        proptest::option::weighted(0.3, Just(pid::Config { interval: ms(20), ..pid::Config::default() }));
    let codel = proptest::option::of(Just(codel::Config { target: ms(3), interval: ms(15) }));
    let deadline = proptest::option::of(Just(deadline::Config { max_age: Some(ms(50)), service: None }));
    (bound, order, ramp, pid, codel, deadline).prop_map(|(bound, order, ramp, pid, codel, deadline)| {
        queue::Config { bound, order, ramp, pid, codel, deadline }
    })
}

fn any_permits() -> impl Strategy<Value = Permits> {
    let range = Range { initial: 3, min: 1, max: 8 };
    let adaptive = prop_oneof![
        Just(adaptive::Config::Aimd(aimd::Config { range, timeout: ms(20), ..Default::default() })),
        Just(adaptive::Config::Vegas(vegas::Config { range, ..Default::default() })),
        Just(adaptive::Config::Gradient(gradient::Config { range, probe: 3, ..Default::default() })),
        Just(adaptive::Config::Gradient2(gradient2::Config { range, ..Default::default() })),
        Just(adaptive::Config::Windowed(Box::new(windowed::Config {
            min_window: ms(10),
            ..windowed::Config::new(adaptive::Config::Vegas(vegas::Config { range, ..Default::default() }))
        }))),
        Just(adaptive::Config::Envoy(envoy::Config {
            min: 1,
            probe_samples: 3,
            update: ms(10),
            interval: ms(60),
            ..Default::default()
        })),
        Just(adaptive::Config::Correlation(correlation::Config {
            range,
            samples: 3,
            min_window: ms(10),
            ..Default::default()
        })),
        Just(adaptive::Config::Arc(arc::Config::default())),
        Just(adaptive::Config::Bbr(bbr::Config { window: ms(100), buckets: 5, trigger: 0 })),
    ];
    prop_oneof![(1u32..6).prop_map(Permits::Fixed), adaptive.prop_map(Permits::Adaptive)]
}

fn any_limit() -> impl Strategy<Value = Config> {
    let share = |value| Ratio::new(value).expect("a share");
    let partitions = proptest::option::weighted(0.3, Just(vec![share(0.2), share(0.5), share(0.3)]));
    let max_wait = proptest::option::of((1u64..40).prop_map(ms));
    (any_permits(), any_queue(), max_wait, partitions).prop_map(|(permits, queue, max_wait, partitions)| {
        Config { permits, queue, max_wait, partitions: partitions.unwrap_or_default() }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_limit_keeps_the_contract(
        config in any_limit(), seed in any::<u64>(), calls in proptest::collection::vec(any_call(), 1..60),
    ) {
        let (ledger, offered) = (Ledger::default(), calls.len() as u32);
        let told = ledger.clone();
        let most = match (&config.permits, config.partitions.is_empty()) {
            // A heavy call goes in alone, and a share is guaranteed beyond the limit.
            (Permits::Fixed(n), true) => (*n).max(3),
            _ => u32::MAX,
        };
        let left = sim::run(move |world| async move {
            let dice = Stream::new(seed, "limit").dice(0);
            let layer = LimitLayer::with_dice(config, world.clone(), dice, told).tickets(Read);
            let limit = Arc::new(layer.layer(Worker(world.clone())));
            for call in calls {
                let (clock, limit) = (world.clone(), limit.clone());
                world.spawn("caller", async move {
                    clock.sleep_until(Instant::ZERO + ms(call.arrives)).await;
                    let gives_up = clock.sleep_until(clock.now() + ms(call.patience));
                    let _ = race(limit.call(call), gives_up).await;
                }).detach();
            }
            for at in 0..300 {
                world.sleep_until(Instant::ZERO + ms(at)).await;
                assert!(limit.semaphore().in_flight() <= most);
            }
            // Long after the last one: nobody is inside, nobody waits, and whoever comes now goes in.
            world.sleep_until(Instant::ZERO + Duration::from_secs(3600)).await;
            let left = (limit.semaphore().in_flight(), limit.semaphore().waiting());
            let last = Call { arrives: 3_600_000, work: 1, end: End::Good, patience: 0, priority: Priority::VeryLow,
                class: 3, weight: 1, deadline: None };
            (left, limit.call(last).await)
        }).expect("it ends").0;
        prop_assert_eq!(left, ((0, 0), Ok(())), "nobody is left, and an idle system refuses nobody");
        let counts = *ledger.0.lock().expect("no panic under the lock");
        prop_assert_eq!(counts.seen, offered + 1);
        prop_assert_eq!(counts.admitted + counts.rejected + counts.withdrawn, counts.seen, "{:?}", counts);
    }

    /// With nothing but an order and a bound, whoever is rejected found all permits out.
    #[test]
    fn nobody_is_turned_away_below_the_limit(
        permits in 1u32..5, lifo in any::<bool>(), bound in 0u32..4,
        arrivals in proptest::collection::vec((0u64..100, 1u64..20), 1..60),
    ) {
        let order = if lifo { Order::Lifo } else { Order::Fifo };
        let config = Config::fixed(permits, Bound::Bounded(bound));
        let config = Config { queue: queue::Config { order, ..config.queue }, ..config };
        sim::run(move |world| async move {
            let limit = Arc::new(LimitLayer::new(config, world.clone(), ()).layer(Worker(world.clone())));
            let callers: Vec<_> = arrivals.into_iter().map(|(arrives, work)| {
                let (clock, limit) = (world.clone(), limit.clone());
                world.spawn("caller", async move {
                    let call = Call { arrives, work, end: End::Good, patience: 0, priority: Priority::Medium, class: 0,
                        weight: 1, deadline: None };
                    clock.sleep_until(Instant::ZERO + ms(arrives)).await;
                    let (out, waiting) = (limit.semaphore().in_flight(), limit.semaphore().waiting());
                    let refused = limit.call(call).await.is_err();
                    assert_eq!(refused, out == permits && waiting == bound, "{out} out, {waiting} waiting");
                })
            }).collect();
            for caller in callers {
                caller.await.expect("no assertion failed");
            }
        }).expect("it ends");
    }
}
