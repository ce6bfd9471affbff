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
    rt::{Instant, Lock as _, Locked, Shared, Sharing as _, World},
    service::{Failure, Service},
};
use std::{convert::Infallible, future::Future, sync::Arc};

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
        let (driver, target) = prepare(&document, arm, world, sink, |_| Trail::of_waits());
        driver.run(&target, &driver.recorder()).await
    })
}

/// [`run`] with a log of every request, `most` at most.
///
/// # Panics
/// As [`run`] does.
pub fn run_logged(
    document: &Document,
    arm: usize,
    settings: Settings,
    most: usize,
) -> Result<(Record, Trace), Stuck> {
    let document = document.clone();
    sim::run_with(settings, move |world| async move {
        let (driver, target) = prepare(&document, arm, world, Arc::new(()), |id| Trail::new(id, None));
        driver.run(&target, &driver.logging_recorder(most)).await
    })
}

/// The driver and the target of one arm.
fn prepare<W: World>(
    document: &Document,
    arm: usize,
    world: W,
    sink: Arc<dyn Sink>,
    trail: fn(u64) -> Trail,
) -> (Driver<W>, Direct<W>) {
    let (stack, spare) =
        (endpoint(document, arm, &world, sink), W::Sharing::share(W::Sharing::lock(Vec::new())));
    let target = Direct { stack, trail, spare };
    let workload = document.workload.clone().expect("an experiment has a workload");
    let (seed, start) = (document.seed, Instant::ZERO);
    (Driver { world, workload, seed, start }, target)
}

/// The stack of endpoint number `index` of `document`, on dependencies of its own.
pub fn endpoint<W: World>(document: &Document, index: usize, world: &W, sink: Arc<dyn Sink>) -> Endpoint<W> {
    let a = Dependency::new(Which::A, document.service_a.clone(), document.seed, world.clone());
    let b = Dependency::new(Which::B, document.service_b.clone(), document.seed, world.clone());
    stack::build(index, &document.endpoints[index], world, (&a, &b), sink)
}

/// An endpoint as a target of the driver, without HTTP between them.
#[derive(Clone)]
struct Direct<W: World> {
    stack: Endpoint<W>,
    /// What is kept of request number i.
    trail: fn(u64) -> Trail,
    /// Trails that can be used again.
    spare: Shared<W, Locked<W, Vec<Trail>>>,
}

impl<W: World> Service<Shot> for Direct<W> {
    type Response = Reply;
    type Error = Infallible;

    fn call(&self, shot: Shot) -> impl Future<Output = Result<Reply, Infallible>> + Send {
        async move {
            let trail = self.spare.with(Vec::pop).unwrap_or_else(|| (self.trail)(shot.id));
            let call = Call { trail: Some(trail.clone()), ..Call::new(shot.id) };
            let (result, inside) = self.stack.call_timed(call).await;
            let ending = match result {
                Ok(_) => Ending::Completed,
                Err(Failure::Failed(Fault(_)) | Failure::Lost) => Ending::Failed,
                Err(Failure::Rejected(_)) => Ending::Rejected,
                Err(Failure::TimedOut { .. }) => Ending::TimedOut,
            };
            let (a, b) = (trail.took(Which::A), trail.took(Which::B));
            let wait = trail.waited();
            if trail.becomes_new() {
                self.spare.with(|spare| spare.push(trail));
            }
            Ok(Reply { ending, wait, a, b, inside: Some(inside), wire: None })
        }
    }
}
