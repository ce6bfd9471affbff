//! What concurrency does to a dependency: real models, each with its waiting.

use super::shared_rate::{SharedRate, Slowdown};
use inflight_strategies::{limit::Semaphore, rt::World};
use std::time::Duration;

/// A model of contention, as configured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ContentionSpec {
    /// None: it only sleeps. Capacity is unlimited, nothing can degrade.
    None,
    /// A pool of servers, first come, first served: M/G/k.
    Pool {
        /// How many are served at once.
        servers: u32,
    },
    /// A lock that every request holds for a while: capacity 1/hold, whatever else happens.
    Mutex {
        /// How long each request holds it; the rest of its work is done outside.
        hold: Duration,
    },
    /// Every request in service slows every other down.
    Shared(Slowdown),
}

impl ContentionSpec {
    /// The same model with every duration multiplied by `factor`.
    pub fn scaled(self, factor: f64) -> ContentionSpec {
        match self {
            ContentionSpec::Mutex { hold } => ContentionSpec::Mutex { hold: hold.mul_f64(factor) },
            other => other,
        }
    }
}

/// A model of contention at work.
#[derive(Debug)]
pub enum Contention<W: World> {
    /// Only sleeps.
    None(W),
    /// A pool of servers.
    Pool(W, Semaphore),
    /// A lock.
    Mutex(W, Semaphore, Duration),
    /// A shared rate.
    Shared(SharedRate<W>),
}

impl<W: World> Contention<W> {
    /// Sets the model up in `world`. The lines in front of pools and locks have no bound: what bounds them is a strategy.
    pub fn new(spec: &ContentionSpec, world: W) -> Self {
        match *spec {
            ContentionSpec::None => Contention::None(world),
            ContentionSpec::Pool { servers } => Contention::Pool(world, Semaphore::new(servers, None)),
            ContentionSpec::Mutex { hold } => Contention::Mutex(world, Semaphore::new(1, None), hold),
            ContentionSpec::Shared(slowdown) => Contention::Shared(SharedRate::new(slowdown, world)),
        }
    }

    /// Does `work`, as long as it takes. Dropping the future gives up the work and whatever it held.
    pub async fn serve(&self, work: Duration) {
        match self {
            Contention::None(world) => rest(world, work).await,
            Contention::Pool(world, servers) => {
                let _server = servers.acquire().await;
                rest(world, work).await;
            }
            Contention::Mutex(world, lock, hold) => {
                let held = lock.acquire().await;
                rest(world, *hold).await;
                drop(held);
                rest(world, work.saturating_sub(*hold)).await;
            }
            Contention::Shared(shared) => shared.serve(work).await,
        }
    }
}

async fn rest<W: World>(world: &W, time: Duration) {
    if !time.is_zero() {
        world.sleep_until(world.now() + time).await;
    }
}
