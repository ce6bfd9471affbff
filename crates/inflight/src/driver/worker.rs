//! A worker: a thread with a world of its own, a share of the run and books about it.

use super::{
    Plan,
    pool::Pool,
    request::Mix,
    stream::Opener,
    target::{HttpTarget, Inner},
    world::{self, Epoch, World},
};
use inflight_lab::{
    load::{Driver, Share},
    record::{Record, Recorder},
    workload::{Traffic, Workload},
};
use inflight_strategies::rt::{Clock as _, Executor as _, First, Instant, Task as _, race};
use std::{io, num::NonZero, pin::pin, sync::Arc, time::Duration};
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
    let _ = rustix::thread::set_current_timer_slack(NonZero::new(1));
    let realtime = matches!(order.plan.workload.traffic, Traffic::Open(_)) && come_first();
    let epoch = order.epoch;
    let (begun, cpu) = (epoch.passed(), cpu_time());
    let record = world::run(epoch, |world| drive(world, order, stop))?;
    Ok(Report { record, cpu: cpu_time().saturating_sub(cpu), wall: epoch.passed() - begun, realtime })
}

/// Puts this thread before all that have no real-time priority, if the system lets us and there is another processor for them.
/// A paced driver works little and must be on time; a closed loop would only keep its target from answering.
fn come_first() -> bool {
    use thread_priority::{
        RealtimeThreadSchedulePolicy::RoundRobin, ThreadPriority, ThreadSchedulePolicy,
        set_thread_priority_and_policy, thread_native_id,
    };
    let alone = std::thread::available_parallelism().map_or(1, NonZero::get) < 2;
    let least = ThreadPriority::from_posix(thread_priority::ScheduleParams { sched_priority: 1 });
    let policy = ThreadSchedulePolicy::Realtime(RoundRobin);
    !alone && set_thread_priority_and_policy(thread_native_id(), least, policy).is_ok()
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
    HttpTarget::new(Inner {
        world,
        mix: Mix::new(&plan.asks, &plan.host, plan.seed),
        opener: Opener { peer: plan.peer.clone() },
        pool: Pool::new(plan.connections_of(share)),
        sources: plan.sources.clone(),
        turn: Default::default(),
        time_limit: plan.time_limit,
    })
}
