//! Every hand-made synchronisation under every interleaving of its threads, with at most three preemptions.

use inflight_strategies::{
    coalesce::{CoalesceLayer, Key},
    hedge::tied::{Tied, TiedCalls, Twin},
    limit::{
        Config, Permits, Queue, Semaphore,
        adaptive::{self, Range, aimd},
    },
    queue::{self, Order},
    rt::{Clock, Instant, Rng},
    service::{Failure, Layer as _, Service},
};
use loom::{
    future::block_on,
    sync::{
        Arc,
        atomic::{
            AtomicUsize,
            Ordering::{Relaxed, SeqCst},
        },
    },
    thread,
};
use std::{
    future::{Future, Ready, poll_fn, ready},
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

fn model(test: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(test);
}

struct Middle;
impl Rng for Middle {
    fn next_u64(&mut self) -> u64 {
        1 << 63
    }
}

/// A plain limit, one with rules, and one that a limiter finds: always the same.
fn all(capacity: u32, test: fn(Arc<Semaphore>)) {
    model(move || test(Arc::new(Semaphore::new(capacity, None))));
    model(move || {
        let config = Config::fixed(capacity, Queue::Unbounded);
        let config = Config { queue: queue::Config { order: Order::Lifo, ..config.queue }, ..config };
        test(Arc::new(Semaphore::with(&config, Box::new(Middle))));
    });
    model(move || test(Arc::new(found(capacity, capacity))));
}

/// A limit from 1 to `max` that grows with every call that ends.
fn found(initial: u32, max: u32) -> Semaphore {
    let range = Range { initial, min: 1, max };
    let permits = Permits::Adaptive(adaptive::Config::Aimd(aimd::Config { range, ..Default::default() }));
    let config = Config { permits, ..Config::fixed(1, Queue::Unbounded) };
    Semaphore::with(&config, Box::new(Middle))
}

/// Takes a permit, is inside for a moment, gives it back.
fn visit(semaphore: &Semaphore, inside: &AtomicUsize, most: usize) {
    let permit = block_on(semaphore.acquire()).expect("the line has no bound");
    assert!(inside.fetch_add(1, SeqCst) < most, "more inside than the limit");
    inside.fetch_sub(1, SeqCst);
    drop(permit);
}

/// Whoever is alone inside adds one without any ordering of its own: nothing is lost if the next one sees what the last one wrote.
#[test]
fn what_one_call_wrote_the_next_one_sees() {
    all(1, |semaphore| {
        let sum = Arc::new(AtomicUsize::new(0));
        let adds = |semaphore: &Semaphore, sum: &AtomicUsize| {
            let _permit = block_on(semaphore.acquire()).expect("the line has no bound");
            sum.store(sum.load(Relaxed) + 1, Relaxed);
        };
        let (other, theirs) = (semaphore.clone(), sum.clone());
        let thread = thread::spawn(move || adds(&other, &theirs));
        adds(&semaphore, &sum);
        thread.join().expect("no panic");
        assert_eq!(sum.load(Relaxed), 2);
    });
}

#[test]
fn never_more_inside_than_the_limit_and_nobody_is_forgotten() {
    all(1, |semaphore| {
        let inside = Arc::new(AtomicUsize::new(0));
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let (semaphore, inside) = (semaphore.clone(), inside.clone());
                thread::spawn(move || visit(&semaphore, &inside, 1))
            })
            .collect();
        visit(&semaphore, &inside, 1);
        threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
        assert_eq!((semaphore.in_flight(), semaphore.waiting()), (0, 0));
    });
}

#[test]
fn a_wait_that_is_given_up_takes_no_permit_along() {
    all(1, |semaphore| {
        let other = semaphore.clone();
        let gives_up = thread::spawn(move || {
            let mut wait = pin!(other.acquire());
            // Polled once, with a waker that wakes nobody, and dropped: granted, waiting or neither.
            let _ = wait.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
        });
        let other = semaphore.clone();
        let stays = thread::spawn(move || visit(&other, &AtomicUsize::new(0), 1));
        visit(&semaphore, &AtomicUsize::new(0), 1);
        gives_up.join().expect("no panic");
        stays.join().expect("no panic");
        assert_eq!((semaphore.in_flight(), semaphore.waiting()), (0, 0));
    });
}

#[test]
fn a_permit_that_is_free_is_found_at_once() {
    model(|| {
        let semaphore = Arc::new(Semaphore::new(2, None));
        let other = semaphore.clone();
        let thread =
            thread::spawn(move || (0..2).for_each(|_| drop(other.try_acquire().expect("one is free"))));
        (0..2).for_each(|_| drop(semaphore.try_acquire().expect("one is free")));
        thread.join().expect("no panic");
        assert_eq!(semaphore.in_flight(), 0);
    });
}

#[test]
fn a_limit_that_rises_lets_those_in_who_wait() {
    all(1, |semaphore| {
        let other = semaphore.clone();
        let held = block_on(semaphore.acquire()).expect("free");
        let waits = thread::spawn(move || visit(&other, &AtomicUsize::new(0), 1));
        semaphore.set_limit(2);
        waits.join().expect("nobody gives a permit back");
        drop(held);
        assert_eq!((semaphore.in_flight(), semaphore.limit()), (0, 2));
    });
}

#[test]
fn a_limiter_that_learns_from_two_at_once_lets_in_as_many_as_it_says() {
    model(|| {
        let semaphore = Arc::new(found(1, 3));
        let other = semaphore.clone();
        let learns = |semaphore: &Semaphore| {
            let permit = block_on(semaphore.acquire()).expect("the line has no bound");
            permit.give_back(Instant::ZERO, Some(Duration::from_millis(1)), false);
        };
        let thread = thread::spawn(move || learns(&other));
        learns(&semaphore);
        thread.join().expect("no panic");
        assert_eq!((semaphore.in_flight(), semaphore.waiting(), semaphore.limit()), (0, 0, 3));
    });
}

/// A clock that stands still.
#[derive(Clone, Copy)]
struct Still;
impl Clock for Still {
    type Sleep = Ready<()>;
    fn now(&self) -> Instant {
        Instant::ZERO
    }
    fn sleep_until(&self, _: Instant) -> Ready<()> {
        ready(())
    }
}

#[derive(Clone, Copy)]
struct Same;
impl Key<()> for Same {
    type Key = ();
    fn key(&self, (): &()) -> Option<()> {
        Some(())
    }
}

/// Pending once, then it answers.
#[derive(Clone)]
struct OneMoment;
impl Service<()> for OneMoment {
    type Response = u32;
    type Error = Failure<()>;
    async fn call(&self, (): ()) -> Result<u32, Failure<()>> {
        let mut polled = false;
        poll_fn(move |cx| {
            if std::mem::replace(&mut polled, true) {
                return Poll::Ready(Ok(7));
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await
    }
}

#[test]
fn everybody_who_joined_a_flight_gets_its_answer() {
    model(|| {
        let service = Arc::new(CoalesceLayer::new(Still, Same, ()).layer(OneMoment));
        let other = service.clone();
        let thread = thread::spawn(move || block_on(other.call(())));
        assert_eq!(block_on(service.call(())), Ok(7));
        assert_eq!(thread.join().expect("no panic"), Ok(7));
    });
}

#[test]
fn whoever_leaves_a_flight_leaves_the_work_to_the_others() {
    model(|| {
        let service = Arc::new(CoalesceLayer::new(Still, Same, ()).layer(OneMoment));
        let other = service.clone();
        let leaves = thread::spawn(move || {
            let mut call = pin!(other.call(()));
            let _ = call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
        });
        assert_eq!(block_on(service.call(())), Ok(7));
        leaves.join().expect("no panic");
    });
}

#[derive(Clone)]
struct Copy(Option<Twin>);
impl Tied for Copy {
    fn tied(&self, twin: Twin) -> Copy {
        Copy(Some(twin))
    }
    fn twin(&self) -> Option<&Twin> {
        self.0.as_ref()
    }
}

/// Claims its copy on a thread of its own, and answers there.
struct Elsewhere(Arc<AtomicUsize>);
impl Service<Copy> for Elsewhere {
    type Response = bool;
    type Error = Failure<()>;
    async fn call(&self, copy: Copy) -> Result<bool, Failure<()>> {
        let (begun, twin) = (self.0.clone(), copy.0.expect("a copy"));
        let other = twin.clone();
        let claims = thread::spawn(move || {
            begun.fetch_add(usize::from(other.claim()), SeqCst);
        });
        poll_fn(|_| Poll::Ready(())).await;
        claims.join().expect("no panic");
        Ok(twin.claim())
    }
}

#[test]
fn of_tied_calls_exactly_one_begins() {
    model(|| {
        let begun = Arc::new(AtomicUsize::new(0));
        let calls = TiedCalls::new(vec![Elsewhere(begun.clone()), Elsewhere(begun.clone())]);
        let _ = block_on(calls.call(Copy(None)));
        assert_eq!(begun.load(SeqCst), 1);
    });
}
