//! A world with a resolution of 1 ms is tokio's paused clock, request by request.

use crate::{
    event_loop::Request,
    reference::{Rest, drive},
};
use inflight_lab::{
    dependency::Latency,
    draws::{Stream, exponential},
    sim::{self, Settings},
};
use inflight_strategies::{
    limit::{Config, LimitLayer, Queue},
    rt::{AcrossThreads, Clock, Executor, Instant, Task, TaskLost},
    service::Layer,
};
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{task::JoinHandle, time};

/// tokio's own virtual time as a world: current thread, clock paused, it jumps when all wait.
#[derive(Clone)]
struct Paused {
    began: time::Instant,
}

impl Clock for Paused {
    type Sleep = time::Sleep;

    fn now(&self) -> Instant {
        Instant::ZERO + (time::Instant::now() - self.began)
    }

    fn sleep_until(&self, deadline: Instant) -> time::Sleep {
        time::sleep_until(self.began + Duration::from_nanos(deadline.as_nanos()))
    }
}

/// A task of tokio; cancelled when dropped.
struct Owned<T>(Option<JoinHandle<T>>);

impl<T: Send> Future for Owned<T> {
    type Output = Result<T, TaskLost>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let handle = self.0.as_mut().expect("not detached");
        Pin::new(handle).poll(cx).map(|end| end.map_err(|_| TaskLost))
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

impl<T: Send> Task<T> for Owned<T> {
    fn detach(mut self) {
        self.0 = None;
    }
}

impl Executor for Paused {
    type Task<T: Send + 'static> = Owned<T>;
    type Sharing = AcrossThreads;

    fn spawn<T, F>(&self, _: &'static str, future: F) -> Owned<T>
    where
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        Owned(Some(tokio::spawn(future)))
    }
}

/// 20,000 requests for 20 servers, busy to nine tenths.
fn requests(law: &Latency, mean: f64) -> Vec<Request> {
    let (arrivals, works) = (Stream::new(4, "arrivals"), Stream::new(4, "works"));
    let (mut due, gap) = (0.0, mean / 20.0 / 0.9 * 1e9);
    let request = |id| {
        due += exponential(&mut arrivals.dice(id)) * gap;
        let work = law.draw(&mut works.dice(id)).as_nanos() as u64;
        Request { arrival: due.round() as u64, work }
    };
    (0..20_000).map(request).collect()
}

#[test]
fn a_resolution_of_1_ms_is_tokios_paused_clock_for_20000_requests() {
    let config = Config::fixed(20, Queue::Unbounded);
    let ms = Duration::from_millis;
    for (law, mean) in [(Latency::Exponential(ms(100)), 0.1), (Latency::Uniform(ms(300), ms(1200)), 0.75)] {
        let requests = requests(&law, mean);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        let paused = runtime.expect("a runtime without IO").block_on(async {
            let world = Paused { began: time::Instant::now() };
            let station = LimitLayer::new(config.clone(), world.clone(), ()).layer(Rest(world.clone()));
            drive(world, requests.clone(), station).await
        });
        let virtual_ms = Settings { resolution: ms(1), ..Settings::default() };
        let (ours, _) = sim::run_with(virtual_ms, |world| {
            let station = LimitLayer::new(config.clone(), world.clone(), ()).layer(Rest(world.clone()));
            drive(world, requests.clone(), station)
        })
        .expect("it ends");
        let different = ours.iter().zip(&paused).filter(|(a, b)| a != b).count();
        assert_eq!(different, 0, "{law:?}: of {} requests", requests.len());
        let (exact, _) = sim::run(|world| {
            let station = LimitLayer::new(config.clone(), world.clone(), ()).layer(Rest(world.clone()));
            drive(world, requests.clone(), station)
        })
        .expect("it ends");
        assert_ne!(exact, paused, "a millisecond is not a nanosecond");
    }
}
