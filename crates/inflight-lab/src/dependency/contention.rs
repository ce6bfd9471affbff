//! What concurrency does to a dependency: real models, each with its waiting.

use super::{
    faults::Faults,
    pace::Pace,
    servers::Servers,
    shared_rate::{SharedRate, Slowdown},
};
use inflight_strategies::units;
use inflight_strategies::{
    limit::Semaphore,
    rt::{Instant, Task as _, World},
};
use std::{future::Future, sync::Arc, time::Duration};

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
            ContentionSpec::Mutex { hold } => ContentionSpec::Mutex { hold: units::scaled(hold, factor) },
            other => other,
        }
    }
}

/// A model of contention at work.
#[derive(Debug)]
pub struct Contention<W: World> {
    world: W,
    pace: Pace,
    model: Model<W>,
}

#[derive(Debug)]
enum Model<W: World> {
    None,
    Pool(Semaphore),
    /// A pool whose number of servers changes; a task does that, as long as the pool is there.
    Varying(Arc<Servers>),
    Mutex(Semaphore, Duration),
    Shared(SharedRate<W>),
}

impl<W: World> Contention<W> {
    /// Sets the model up in `world`. The lines in front of pools and locks have no bound: what bounds them is a strategy.
    pub fn new(spec: &ContentionSpec, world: W) -> Self {
        Contention::with_faults(spec, &Faults::new(&[], world.now()), world)
    }

    /// The same with `faults`.
    pub(super) fn with_faults(spec: &ContentionSpec, faults: &Faults, world: W) -> Self {
        let pace = faults.pace();
        let model = match *spec {
            ContentionSpec::None => Model::None,
            ContentionSpec::Pool { servers } => pool(servers, faults, &world),
            ContentionSpec::Mutex { hold } => Model::Mutex(Semaphore::new(1, None), hold),
            ContentionSpec::Shared(slowdown) => {
                Model::Shared(SharedRate::new(slowdown, pace.clone(), world.clone()))
            }
        };
        Contention { world, pace, model }
    }

    /// Does `work`, as long as it takes. Dropping the future gives up the work and whatever it held.
    pub fn serve(&self, work: Duration) -> impl Future<Output = ()> + Send {
        async move {
            match &self.model {
                Model::None => self.world.sleep_until(self.end_of(work)).await,
                Model::Pool(servers) => {
                    let _server = servers.acquire().await;
                    self.world.sleep_until(self.end_of(work)).await;
                }
                Model::Varying(servers) => {
                    let _server = servers.acquire().await;
                    self.world.sleep_until(self.end_of(work)).await;
                }
                Model::Mutex(lock, hold) => {
                    let held = lock.acquire().await;
                    self.world.sleep_until(self.end_of(*hold)).await;
                    drop(held);
                    self.world.sleep_until(self.end_of(work.saturating_sub(*hold))).await;
                }
                Model::Shared(shared) => shared.serve(work).await,
            }
        }
    }

    /// When `work` that begins now is done.
    fn end_of(&self, work: Duration) -> Instant {
        self.pace.end_of(work, self.world.now())
    }
}

fn pool<W: World>(servers: u32, faults: &Faults, world: &W) -> Model<W> {
    let changes = faults.servers(servers);
    if changes.is_empty() {
        return Model::Pool(Semaphore::new(servers, None));
    }
    let pool = Arc::new(Servers::new(servers));
    let (changed, clock) = (Arc::downgrade(&pool), world.clone());
    let change = async move {
        for (at, number) in changes {
            clock.sleep_until(at).await;
            let Some(pool) = changed.upgrade() else { return };
            pool.set(number);
        }
    };
    world.spawn("servers", change).detach();
    Model::Varying(pool)
}
