//! A worker: a thread with a world of its own, a share of the run and books about it.

use super::{
    Plan,
    exchange::Http1,
    http2::{Draft, Http2},
    pool::Pool,
    request::Mix,
    stream::Opener,
    streams::Streams,
    target::{HttpTarget, Inner, Speech},
    version::Version,
    world::{self, Epoch, World},
};
use inflight_lab::{
    load::{Driver, Share},
    record::{Record, Recorder},
    workload::{Traffic, Workload},
};
use inflight_strategies::rt::{Clock as _, Executor as _, First, Instant, Task as _, race};
use std::{io, pin::pin, sync::Arc, time::Duration};
use tokio::sync::{mpsc, watch};

/// What a worker is to do.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) plan: Arc<Plan>,
    pub(super) epoch: Epoch,
    pub(super) begin: Instant,
    pub(super) share: Share,
    pub(super) recorder: Arc<Recorder>,
}

/// What a worker has done.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) record: Record,
    /// Processor time of its thread.
    pub(super) cpu: Duration,
    /// From its beginning to its end.
    pub(super) wall: Duration,
    /// Whether it ran with real-time priority.
    pub(super) realtime: bool,
}

/// Tells a worker to stop.
#[derive(Clone, Debug)]
pub(super) struct Stop(Arc<watch::Sender<bool>>);

impl Stop {
    pub(super) fn new() -> Stop {
        Stop(Arc::new(watch::Sender::new(false)))
    }

    pub(super) fn stop(&self) {
        self.0.send_replace(true);
    }

    /// Done once it was told.
    async fn told(&self) {
        let mut told = self.0.subscribe();
        let _ = told.wait_for(|told| *told).await;
    }
}

/// How long the driver waits after every request was told that nobody waits any more.
const GRACE: Duration = Duration::from_secs(1);

/// Starts a worker's thread.
pub(super) fn start(
    order: Order,
    stop: Stop,
    give: mpsc::UnboundedSender<io::Result<Report>>,
) -> io::Result<()> {
    let name = format!("worker-{}", order.share.number);
    std::thread::Builder::new().name(name).spawn(move || {
        // Nobody listens any more: then nobody wants to know.
        let _ = give.send(work(order, stop));
    })?;
    Ok(())
}

fn work(order: Order, stop: Stop) -> io::Result<Report> {
    // A paced driver works little and must be on time; a closed loop would only keep its target from answering.
    let realtime =
        matches!(order.plan.workload.traffic, Traffic::Open(_)) && crate::processors::come_first(1);
    let epoch = order.epoch;
    let (begun, cpu) = (epoch.passed(), cpu_time());
    let record = world::run(epoch, |world| drive(world, order, stop))?;
    Ok(Report { record, cpu: cpu_time().saturating_sub(cpu), wall: epoch.passed() - begun, realtime })
}

/// Processor time of this thread.
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Drives the target, until the run is over or this is told to stop; then hangs up on every request that is still there, so
/// that each has said whether it was sent.
async fn drive(world: World, order: Order, stop: Stop) -> Record {
    let Order { plan, begin, share, recorder, .. } = order;
    let workload = Workload { patience: plan.workload.patience + GRACE, ..plan.workload.clone() };
    let end = begin + plan.workload.duration + plan.workload.patience;
    let driver = Driver { world, workload, seed: plan.seed, start: begin };
    let target = target(world, &plan, share);
    let limit = world.spawn("limit", async move {
        world.sleep_until(end).await;
        World::give_up();
    });
    limit.detach();
    let mut run = pin!(driver.run_share(share, &target, &recorder));
    match race(run.as_mut(), stop.told()).await {
        First::Left(record) => record,
        First::Right(()) => {
            let now = world.now();
            World::give_up();
            // Users and requests are still there until they have said their last.
            race(recorder.idle(), world.sleep_until(now + GRACE)).await;
            recorder.close(now)
        }
    }
}

fn target(world: World, plan: &Plan, share: Share) -> HttpTarget {
    let (peer, security) = (plan.peer.clone(), plan.security.clone());
    let opener = Opener { world, peer, security, sources: plan.sources.clone(), turn: Default::default() };
    let most = plan.connections_of(share);
    let speech = match plan.version {
        Version::Http1 => Speech::Http1(Http1 { opener, pool: Pool::new(most) }),
        Version::Http2 { streams } => {
            let draft = |ask| Draft::new(ask, &plan.host, plan.security.is_some());
            let drafts = plan.asks.iter().map(draft).collect::<Result<_, _>>();
            Speech::Http2(Http2 {
                world,
                drafts: drafts.expect("a plan is only started if it can be said"),
                streams: Streams::new(opener, most, streams.max(1)),
                seed: plan.seed,
            })
        }
    };
    let mix = Mix::new(&plan.asks, &plan.host, plan.seed);
    HttpTarget::new(Inner { world, mix, speech, time_limit: plan.time_limit })
}

#[cfg(test)]
mod tests {
    use super::{super::socket::Peer, *};
    use inflight_lab::{load::Shot, workload::Arrivals};
    use inflight_strategies::{service::Service as _, units::Rate};

    #[test]
    fn a_request_that_waits_is_small() {
        for version in [Version::Http1, Version::Http2 { streams: 1 }] {
            let size = world::run(Epoch::now(), move |world| async move {
                let rate = Rate::per_second(1.0).expect("a rate");
                let workload = Workload::open(Arrivals::Constant(rate), Duration::ZERO, Duration::ZERO);
                let plan = Plan::get(workload, 1, Peer::Unix("/nowhere".into()), "h", "/");
                let target = target(world, &Plan { version, ..plan }, Share::WHOLE);
                size_of_val(&target.call(Shot { id: 1, intended: Instant::ZERO }))
            });
            let size = size.expect("a world");
            assert!(size <= 700, "{version:?}: {size} bytes, and one for each request in flight");
        }
    }
}
