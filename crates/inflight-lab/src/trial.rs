//! A trial: one arm of an experiment, driven in a virtual world. What HTTP does in the live world is a function call here;
//! everything else is the same code, fed with the same draws.

use crate::{
    call::{Call, Sink, Trail, Which},
    dependency::{Dependency, Fault},
    experiment::Document,
    load::{Driver, Shot},
    record::{Ending, Record, Reply},
    sim::{self, Settings, Stuck, Trace},
    stack::{self, Endpoint},
};
use inflight_strategies::{
    rt::{Instant, World},
    service::{Failure, Service},
};
use std::{convert::Infallible, sync::Arc, time::Duration};

/// How long answers are waited for after the last request was due. What is not there then counts as unfinished.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// Drives arm number `arm` of the experiment `document` in a virtual world; `sink` hears every event.
///
/// # Panics
/// If `document` is not an experiment or has no such arm.
pub fn run(
    document: &Document,
    arm: usize,
    settings: Settings,
    sink: Arc<dyn Sink>,
) -> Result<(Record, Trace), Stuck> {
    let document = document.clone();
    sim::run_with(settings, move |world| async move {
        let target = Direct(endpoint(&document, arm, &world, sink));
        let workload = document.workload.clone().expect("an experiment has a workload");
        let (seed, start) = (document.seed, Instant::ZERO);
        let driver = Driver { world, workload, seed, start, patience: PATIENCE };
        driver.run(&target, &driver.recorder()).await
    })
}

/// The stack of endpoint number `index` of `document`, on dependencies of its own.
pub fn endpoint<W: World>(document: &Document, index: usize, world: &W, sink: Arc<dyn Sink>) -> Endpoint<W> {
    let a = Dependency::new(Which::A, document.service_a.clone(), document.seed, world.clone());
    let b = Dependency::new(Which::B, document.service_b.clone(), document.seed, world.clone());
    stack::build(index, &document.endpoints[index], world, (&a, &b), sink)
}

/// An endpoint as a target of the driver, without HTTP between them.
#[derive(Clone, Debug)]
pub struct Direct<W>(pub Endpoint<W>);

impl<W: World> Service<Shot> for Direct<W> {
    type Response = Reply;
    type Error = Infallible;

    async fn call(&self, shot: Shot) -> Result<Reply, Infallible> {
        let trail = Trail::of_waits(shot.id);
        let ending = match self.0.call(Call { trail: Some(trail.clone()), ..Call::new(shot.id) }).await {
            Ok(_) => Ending::Completed,
            Err(Failure::Failed(Fault(_)) | Failure::Lost) => Ending::Failed,
            Err(Failure::Rejected(_)) => Ending::Rejected,
            Err(Failure::TimedOut { .. }) => Ending::TimedOut,
        };
        Ok(Reply { ending, wait: trail.waited() })
    }
}
