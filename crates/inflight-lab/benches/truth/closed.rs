//! A closed loop: a fixed number of users who think, ask and wait.

use crate::{
    models::{ClosedLoad, Model},
    tally::{Sample, Tally},
};
use inflight_lab::{
    dependency::{Contention, ContentionSpec, Latency},
    draws::Stream,
    sim::{self, World},
};
use inflight_strategies::rt::{Clock, Executor, Instant, Task};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

/// Everything that a user needs.
struct Shared {
    world: World,
    pool: Contention<World>,
    load: ClosedLoad,
    users: Stream,
    from: Instant,
    tally: Mutex<Tally>,
}

/// Runs a replication: about `requests` that count, after a warm-up. The model's quantities, in the order of its rows.
pub(crate) fn replicate(model: &Model, load: &ClosedLoad, seed: u64, requests: u64) -> Vec<f64> {
    let load = *load;
    let tally = Tally::new(model.rows.iter().map(|row| row.quantity));
    let span = Duration::from_secs_f64(requests as f64 / load.throughput);
    let from = Instant::ZERO + Duration::from_secs_f64(model.warmup() as f64 / load.throughput);
    let users = Stream::new(seed, &format!("{}, users", model.name));
    let run = sim::run(move |world| async move {
        let servers = ContentionSpec::Pool { servers: load.servers };
        let pool = Contention::new(&servers, world.clone());
        let shared = Shared { world: world.clone(), pool, load, users, from, tally: Mutex::new(tally) };
        let shared = Arc::new(shared);
        for user in 0..load.users {
            let shared = shared.clone();
            world.spawn("user", async move { shared.live(user).await }).detach();
        }
        world.sleep_until(from + span).await;
        shared.tally.lock().expect("no panic").values(span)
    });
    run.unwrap_or_else(|stuck| panic!("{}: {stuck}", model.name)).0
}

impl Shared {
    /// A user's life: it ends with the world.
    async fn live(&self, user: u64) {
        let mut dice = self.users.dice(user);
        let (think, work) = (Latency::Exponential(self.load.think), Latency::Exponential(self.load.work));
        loop {
            self.world.sleep_until(self.world.now() + think.draw(&mut dice)).await;
            let (asked, work) = (self.world.now(), work.draw(&mut dice));
            self.pool.serve(work).await;
            let sojourn = self.world.now() - asked;
            if self.world.now() > self.from {
                let sample = Sample { work, sojourn, is_lost: false, is_hedged: false };
                self.tally.lock().expect("no panic").add(&sample);
            }
        }
    }
}
