//! An open loop: requests come when they come.

use crate::{
    models::{Model, OpenLoad, Station},
    tally::{Sample, Tally},
};
use inflight_lab::{
    dependency::Contention,
    draws::{Stream, exponential},
    sim::{self, World},
};
use inflight_strategies::{
    limit::{self, Limit, LimitLayer, Semaphore},
    rt::{Clock, Executor, First, Instant, Task, race},
    service::{Failure, Layer, Service},
};
use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};

/// What is simulated, built from the product's parts.
enum Desk {
    Contention(Contention<World>),
    Limit(Limit<Rest, World>),
    Impatient(Semaphore, Duration),
    Hedged(Duration),
}

/// A service that only takes its time.
struct Rest(World);

impl Service<Duration> for Rest {
    type Response = ();
    type Error = Failure<Infallible>;

    async fn call(&self, work: Duration) -> Result<(), Failure<Infallible>> {
        rest(&self.0, work).await;
        Ok(())
    }
}

async fn rest(world: &World, time: Duration) {
    world.sleep_until(world.now() + time).await;
}

/// Everything that a request needs.
struct Shared {
    world: World,
    desk: Desk,
    load: OpenLoad,
    works: Stream,
    others: Stream,
    /// Sums, and how many requests have ended.
    books: Mutex<(Tally, u64)>,
}

/// Runs a replication: `requests` that count, after a warm-up. The model's quantities, in the order of its rows.
pub(crate) fn replicate(model: &Model, load: &OpenLoad, seed: u64, requests: u64) -> Vec<f64> {
    let (load, warmup, name) = (load.clone(), model.warmup(), model.name.clone());
    let tally = Tally::new(model.rows.iter().map(|row| row.quantity));
    let run = sim::run(move |world| async move {
        let stream = |purpose| Stream::new(seed, &format!("{name}, {purpose}"));
        let shared = Arc::new(Shared {
            desk: Desk::new(&load.station, &world),
            world: world.clone(),
            load,
            works: stream("works"),
            others: stream("others"),
            books: Mutex::new((tally, 0)),
        });
        let span = offer(&shared, stream("arrivals"), warmup, requests).await;
        while shared.books.lock().expect("no panic").1 < warmup + requests {
            rest(&world, Duration::from_secs(1)).await;
        }
        shared.books.lock().expect("no panic").0.values(span)
    });
    run.unwrap_or_else(|stuck| panic!("{}: {stuck}", model.name)).0
}

/// Sends all requests on an absolute schedule; the time within which those that count arrived.
async fn offer(shared: &Arc<Shared>, arrivals: Stream, warmup: u64, requests: u64) -> Duration {
    let (mut due, mut from) = (0.0, Instant::ZERO);
    let gap = 1e9 / shared.load.rate;
    for id in 0..warmup + requests {
        due += exponential(&mut arrivals.dice(id)) * gap;
        shared.world.sleep_until(Instant::from_nanos(due.round() as u64)).await;
        if id == warmup {
            from = shared.world.now();
        }
        let request = shared.clone();
        shared.world.spawn("request", async move { request.serve(id, id >= warmup).await }).detach();
    }
    shared.world.now() - from
}

impl Shared {
    /// Serves request `id` and books it.
    async fn serve(&self, id: u64, is_counted: bool) {
        let (arrived, work) = (self.world.now(), self.load.work.draw(&mut self.works.dice(id)));
        let (mut is_lost, mut is_hedged) = (false, false);
        match &self.desk {
            Desk::Contention(contention) => contention.serve(work).await,
            Desk::Limit(limit) => is_lost = limit.call(work).await.is_err(),
            Desk::Impatient(servers, mean) => {
                let patience = mean.mul_f64(exponential(&mut self.others.dice(id)));
                match race(servers.acquire(), self.world.sleep_until(arrived + patience)).await {
                    First::Left(_server) => rest(&self.world, work).await,
                    First::Right(()) => is_lost = true,
                }
            }
            Desk::Hedged(after) => {
                let second = self.load.work.draw(&mut self.others.dice(id));
                let again = async {
                    rest(&self.world, *after).await;
                    rest(&self.world, second).await;
                };
                race(rest(&self.world, work), again).await;
                is_hedged = self.world.now() - arrived > *after;
            }
        }
        let sojourn = self.world.now() - arrived;
        let mut books = self.books.lock().expect("no panic");
        books.1 += 1;
        if is_counted {
            books.0.add(&Sample { work, sojourn, is_lost, is_hedged });
        }
    }
}

impl Desk {
    fn new(station: &Station, world: &World) -> Desk {
        match *station {
            Station::Contention(spec) => Desk::Contention(Contention::new(&spec, world.clone())),
            Station::Limit { permits, bound, max_wait } => {
                let config = limit::Config { max_wait, ..limit::Config::fixed(permits, bound) };
                Desk::Limit(LimitLayer::new(config, world.clone(), ()).layer(Rest(world.clone())))
            }
            Station::Impatient { servers, mean } => Desk::Impatient(Semaphore::new(servers, None), mean),
            Station::Hedged { after } => Desk::Hedged(after),
        }
    }
}
