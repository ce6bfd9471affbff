//! The open-loop driver: starts request i when it is due, whatever the target does. The same code drives a service in
//! virtual time and an HTTP server through a client.

use crate::{
    record::{Record, Recorder, Reply, Sample},
    workload::Workload,
};
use inflight_strategies::{
    rt::{First, Instant, Task, World, race},
    service::Service,
};
use std::{convert::Infallible, sync::Arc, time::Duration};

/// A request about to be sent.
#[derive(Clone, Copy, Debug)]
pub struct Shot {
    /// Its number in the schedule.
    pub id: u64,
    /// When it is due.
    pub intended: Instant,
}

/// What can be driven: it always says how a request ended.
pub trait Target: Service<Shot, Response = Reply, Error = Infallible> + Clone + 'static {}

impl<T: Service<Shot, Response = Reply, Error = Infallible> + Clone + 'static> Target for T {}

/// A run of the driver against one target.
#[derive(Clone, Debug)]
pub struct OpenLoop<W> {
    /// Whose clock and tasks.
    pub world: W,
    /// What is offered.
    pub workload: Workload,
    /// Decides every arrival.
    pub seed: u64,
    /// When the run begins; requests are due relative to this.
    pub start: Instant,
    /// How long to wait, after the last request is due, for those in flight.
    pub patience: Duration,
}

impl<W: World> OpenLoop<W> {
    /// Books for this run.
    pub fn recorder(&self) -> Arc<Recorder> {
        Arc::new(Recorder::new(self.start, &self.workload))
    }

    /// Offers every request of the schedule to `target`, waits for the answers and returns the books.
    pub async fn run(&self, target: &impl Target, recorder: &Arc<Recorder>) -> Record {
        for (id, offset) in self.workload.arrivals.schedule(self.seed, self.workload.duration) {
            let intended = self.start + offset;
            self.world.sleep_until(intended).await;
            self.shoot(Shot { id, intended }, target.clone(), recorder.clone());
        }
        let end = self.start + self.workload.duration;
        self.world.sleep_until(end).await;
        match race(recorder.idle(), self.world.sleep_until(end + self.patience)).await {
            First::Left(()) | First::Right(()) => recorder.close(self.world.now()),
        }
    }

    /// Books one request and sends it, as a task of its own. It is booked first: what is offered is known even if the task
    /// comes late to its turn.
    fn shoot(&self, shot: Shot, target: impl Target, recorder: Arc<Recorder>) {
        let world = self.world.clone();
        recorder.begin(shot.intended, world.now());
        let task = self.world.spawn("request", async move {
            let sent = world.now();
            let Ok(reply) = target.call(shot).await;
            recorder.end(&Sample { intended: shot.intended, sent, done: world.now(), reply });
        });
        task.detach();
    }
}
