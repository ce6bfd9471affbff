//! Inflight's virtual world: a task per request, the product's semaphore, clock and race.

use crate::books::{Books, SERVERS, TIMEOUT, requests};
use inflight_lab::sim::{self, World};
use inflight_strategies::{
    limit::Semaphore,
    rt::{Clock, Executor, First, Instant, Lock, Locked, Shared, Sharing, Task, race},
};
use std::{future::Future, pin::pin, time::Duration};

type Memory = <World as Executor>::Sharing;

struct Station {
    world: World,
    servers: Semaphore,
    books: Locked<World, Books>,
}

impl Station {
    async fn serve(&self, id: u64, work: u64) {
        let arrived = self.world.now();
        let _server = self.servers.acquire().await;
        let now = self.world.now();
        self.books.with(|books| books.add(id, now.as_nanos() - arrived.as_nanos()));
        self.world.sleep_until(Instant::from_nanos(now.as_nanos() + work)).await;
    }
}

/// Without a timeout.
pub fn plain(count: u64) -> Books {
    run(count, |station, id, work| async move { station.serve(id, work).await })
}

/// With a timeout for every request.
pub fn with_timeout(count: u64) -> Books {
    run(count, |station, id, work| async move {
        let deadline = station.world.now() + Duration::from_nanos(TIMEOUT);
        let served = pin!(station.serve(id, work));
        match race(served, station.world.sleep_until(deadline)).await {
            First::Left(()) => {}
            First::Right(()) => panic!("no request takes half a minute"),
        }
    })
}

fn run<F>(count: u64, request: impl Fn(Shared<World, Station>, u64, u64) -> F + Send + 'static) -> Books
where
    F: Future<Output = ()> + Send + 'static,
{
    let run = sim::run(move |world| async move {
        let servers = Semaphore::new(SERVERS, None);
        let books = Memory::lock(Books::new());
        let station = Memory::share(Station { world: world.clone(), servers, books });
        for (id, next) in requests(count).enumerate() {
            world.sleep_until(Instant::from_nanos(next.arrival)).await;
            world.spawn_with("request", || request(station.clone(), id as u64, next.work)).detach();
        }
        world.sleep_until(world.now() + Duration::from_secs(60)).await;
        station.books.with(|books| std::mem::replace(books, Books::new()))
    });
    run.expect("it ends").0
}
