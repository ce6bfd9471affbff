//! The virtual world beside the event loop by hand: the same requests see the same times, to the nanosecond.

use crate::event_loop::{End, Request, fifo, fifo_with_timeout};
use inflight_lab::{
    dependency::Latency,
    draws::{Stream, exponential},
    sim,
};
use inflight_strategies::{
    limit::{Config, LimitLayer, Queue},
    rt::{Instant, Rng, World},
    service::{Failure, Layer, Service},
    timeout::{self, TimeoutLayer},
};
use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};

const SEEDS: u64 = 1000;
const REQUESTS: u64 = 200;

/// A station and its requests, drawn from a seed.
#[derive(Debug)]
struct Scene {
    servers: u32,
    requests: Vec<Request>,
}

impl Scene {
    fn draw(seed: u64) -> Scene {
        let ms = Duration::from_millis;
        let mut dice = Stream::new(seed, "scene").dice(0);
        let mut pick = |n: u64| dice.next_u64() % n;
        let servers = [1, 2, 5, 20][pick(4) as usize];
        let (law, mean) = match pick(5) {
            0 => (Latency::Exponential(ms(100)), 0.1),
            1 => (Latency::Constant(ms(100)), 0.1),
            2 => (Latency::Uniform(ms(300), ms(1200)), 0.75),
            3 => (Latency::Lognormal { median: ms(80), p99: ms(600) }, 0.12),
            _ => (Latency::Pareto { min: ms(50), shape: 1.5 }, 0.15),
        };
        let utilisation = 0.5 + pick(60) as f64 / 100.0;
        let gap = mean / utilisation / f64::from(servers) * 1e9;
        let (arrivals, works) = (Stream::new(seed, "arrivals"), Stream::new(seed, "works"));
        let mut due = 0.0;
        let requests = (0..REQUESTS).map(|id| {
            due += exponential(&mut arrivals.dice(id)) * gap;
            let work = law.draw(&mut works.dice(id));
            Request { arrival: due.round() as u64, work: work.as_nanos() as u64 }
        });
        Scene { servers, requests: requests.collect() }
    }

    fn limit(&self) -> Config {
        Config::fixed(self.servers, Queue::Unbounded)
    }
}

/// Takes the time that the request says.
#[derive(Clone)]
pub(crate) struct Rest<W>(pub(crate) W);

impl<W: World> Service<Duration> for Rest<W> {
    type Response = ();
    type Error = Failure<Infallible>;

    async fn call(&self, work: Duration) -> Result<(), Failure<Infallible>> {
        self.0.sleep_until(self.0.now() + work).await;
        Ok(())
    }
}

/// Sends the requests to `station`; how long each took from its arrival, or `None` if its time was over.
pub(crate) async fn drive<W: World, S>(world: W, requests: Vec<Request>, station: S) -> Vec<Option<u64>>
where
    S: Service<Duration, Response = (), Error = Failure<Infallible>> + 'static,
{
    let (station, took) = (Arc::new(station), Arc::new(Mutex::new(vec![None; requests.len()])));
    let mut tasks = Vec::new();
    for (id, request) in requests.into_iter().enumerate() {
        let arrival = Instant::from_nanos(request.arrival);
        world.sleep_until(arrival).await;
        let (inner, station, took) = (world.clone(), station.clone(), took.clone());
        tasks.push(world.spawn("request", async move {
            let answer = station.call(Duration::from_nanos(request.work)).await;
            let sojourn = (inner.now() - arrival).as_nanos() as u64;
            took.lock().expect("no panic")[id] = answer.is_ok().then_some(sojourn);
        }));
    }
    for task in tasks {
        task.await.expect("no panic");
    }
    took.lock().expect("no panic").clone()
}

/// In a virtual world.
fn simulate<S>(requests: &[Request], station: impl FnOnce(&sim::World) -> S) -> Vec<Option<u64>>
where
    S: Service<Duration, Response = (), Error = Failure<Infallible>> + 'static,
{
    let requests = requests.to_vec();
    sim::run(|world| drive(world.clone(), requests, station(&world))).expect("it ends").0
}

#[test]
fn a_limit_is_the_event_loops_station_to_the_nanosecond_for_1000_seeds() {
    let mut waited_at_all = 0;
    for seed in 0..SEEDS {
        let scene = Scene::draw(seed);
        let mut expected = vec![None; scene.requests.len()];
        fifo(scene.servers, scene.requests.iter().copied(), |id, wait| {
            waited_at_all += u64::from(wait > 0);
            expected[id as usize] = Some(wait + scene.requests[id as usize].work);
        });
        let limit = scene.limit();
        let found = simulate(&scene.requests, |world| {
            LimitLayer::new(limit, world.clone(), ()).layer(Rest(world.clone()))
        });
        assert_eq!(found, expected, "seed {seed}: {} servers", scene.servers);
    }
    assert!(
        waited_at_all > SEEDS * REQUESTS / 5,
        "{waited_at_all} requests waited: too few to prove anything"
    );
}

#[test]
fn a_timeout_around_a_limit_ends_requests_as_the_event_loop_does_for_1000_seeds() {
    let (mut served, mut over) = (0, 0);
    for seed in 0..SEEDS {
        let scene = Scene::draw(seed);
        // No multiple of any constant work, so that no answer comes at its very deadline.
        let after = Duration::from_nanos(233_456_789);
        let mut expected = vec![None; scene.requests.len()];
        fifo_with_timeout(
            scene.servers,
            after.as_nanos() as u64,
            scene.requests.iter().copied(),
            |id, end| {
                expected[id as usize] = match end {
                    End::Served(wait) => Some(wait + scene.requests[id as usize].work),
                    End::TimedOut => None,
                };
            },
        );
        served += expected.iter().flatten().count();
        over += expected.iter().filter(|end| end.is_none()).count();
        let limit = scene.limit();
        let found = simulate(&scene.requests, |world| {
            let limited = LimitLayer::new(limit, world.clone(), ()).layer(Rest(world.clone()));
            let config = timeout::Config { after, late: timeout::Late::Cancel };
            TimeoutLayer::new(config, world.clone(), ()).layer(Arc::new(limited))
        });
        assert_eq!(found, expected, "seed {seed}: {} servers", scene.servers);
    }
    assert!(served > 20_000 && over > 20_000, "{served} served, {over} timed out: too few to prove anything");
}
