//! The live load driver: the lab's driver in a world of its own, on threads that do nothing else.
//!
//! * [`Plan`] says what to send where, [`Run`] is a plan at work; its books are the lab's.
//! * `world.rs`: the pacing world: wall clock, exact timers, tasks, sockets; `core.rs` its state, `turns.rs` who is next, `pace.rs`
//!   how it waits, `task.rs`.
//! * `target.rs`: a host as the driver's target; `request.rs` what is asked, `version.rs` how. `exchange.rs` over HTTP/1.1, with
//!   `pool.rs` and, for what comes back, `http1.rs` and `chunked.rs`; `http2.rs` over HTTP/2, with `streams.rs`; `waitlist.rs` for
//!   both. `stream.rs` is a connection, over `socket.rs`, with `tls.rs` or without.
//! * `worker.rs`: a thread with a share of the run; `effort.rs` what its work cost; `preflight.rs` what a load needs.

mod chunked;
mod core;
mod effort;
mod exchange;
mod http1;
mod http2;
mod pace;
mod pool;
mod preflight;
mod request;
mod socket;
mod stream;
mod streams;
mod target;
mod task;
mod tls;
mod turns;
mod version;
mod waitlist;
mod worker;
mod world;

pub use preflight::{Machine, Needs, raise_open_files};
pub use request::{Ask, Template};
pub use socket::Peer;
pub use task::PacedTask;
pub use tls::{Security, Trust, Untrusted};
pub use version::Version;
pub use world::{Epoch, Sleep, World, run};

use effort::Meter;
use inflight_lab::{
    glance::Glance,
    load::Share,
    record::{Record, Recorder},
    workload::{Traffic, Workload},
};
use inflight_strategies::rt::Instant;
use std::{
    io,
    net::IpAddr,
    num::NonZero,
    sync::{Arc, atomic::AtomicU32},
    time::Duration,
};
use tokio::sync::mpsc;
use worker::{Order, Report, Stop};

/// What is sent, where to, and how.
#[derive(Clone, Debug)]
pub struct Plan {
    /// When, and how often.
    pub workload: Workload,
    /// Decides everything random.
    pub seed: u64,
    /// Where connections lead.
    pub peer: Peer,
    /// What `host` headers say.
    pub host: String,
    /// How connections are secured; `None`: they are not.
    pub security: Option<Security>,
    /// Which HTTP is spoken; the same as the security was made for.
    pub version: Version,
    /// What is asked; the shares of the classes are their weights.
    pub asks: Vec<Ask>,
    /// The most connections at once.
    pub connections: usize,
    /// Addresses of this machine from which connections are made, in turn; empty: the system chooses.
    pub sources: Vec<IpAddr>,
    /// How long a request may take from its beginning.
    pub time_limit: Option<Duration>,
    /// Worker threads; `None`: as many as the load needs, see [`Plan::workers`].
    pub workers: Option<u32>,
    /// How many requests to log at most; `None`: no log.
    pub log: Option<usize>,
    /// Whether the timeline is in tenths of a second however long it lasts.
    pub fine: bool,
}

/// One worker sends about so many paced requests per second before it is busy most of the time.
const PER_WORKER: f64 = 25_000.0;

impl Plan {
    /// `GET path` at `peer`, with defaults for everything else.
    pub fn get(workload: Workload, seed: u64, peer: Peer, host: &str, path: &str) -> Plan {
        Plan {
            workload,
            seed,
            peer,
            host: host.into(),
            security: None,
            version: Version::Http1,
            asks: vec![Ask::get(path)],
            connections: 10_000,
            sources: Vec::new(),
            time_limit: None,
            workers: None,
            log: None,
            fine: false,
        }
    }

    /// How many worker threads it gets: as many as asked for; else one for each 25,000 requests per second at the highest rate
    /// that the load comes to, or, in a closed loop, one; never more than processors or connections.
    pub fn workers(&self) -> u32 {
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        let most = processors.min(self.connections).max(1) as u32;
        let needed = match &self.workload.traffic {
            Traffic::Open(arrivals) => (arrivals.peak().as_per_second() / PER_WORKER).ceil() as u32,
            Traffic::Closed(_) => 1,
        };
        self.workers.map_or(needed.clamp(1, most), |workers| workers.clamp(1, self.connections.max(1) as u32))
    }

    /// Starts it, if all of it can be said ([`Ask::check`]): requests are due from `begin` after `epoch` on.
    pub fn start(self, epoch: Epoch, begin: Instant) -> io::Result<Run> {
        self.asks.iter().try_for_each(|ask| ask.check(&self.host, self.version)).map_err(io::Error::other)?;
        let workers = self.workers();
        let in_flight = Arc::new(AtomicU32::new(0));
        let (give, coming) = mpsc::unbounded_channel();
        let (plan, meter) = (Arc::new(self), Meter::start());
        let (mut recorders, mut stops) = (Vec::new(), Vec::new());
        for number in 0..workers {
            let recorder = Arc::new(plan.recorder(begin).sharing(in_flight.clone()));
            let stop = Stop::new();
            let share = Share { number, of: workers };
            let order = Order { plan: plan.clone(), epoch, begin, share, recorder: recorder.clone() };
            worker::start(order, stop.clone(), give.clone())?;
            recorders.push(recorder);
            stops.push(stop);
        }
        Ok(Run { watch: Watch { epoch, begin, plan, recorders }, stops, coming, reports: Vec::new(), meter })
    }

    fn recorder(&self, begin: Instant) -> Recorder {
        let recorder = Recorder::new(begin, &self.workload).with_wires(self.asks.len());
        let recorder = if self.fine { recorder.in_fine_ticks(self.workload.duration) } else { recorder };
        match self.log {
            Some(most) => recorder.logging(most),
            None => recorder,
        }
    }

    /// The most connections of one of so many workers: together exactly what the plan says.
    fn connections_of(&self, share: Share) -> usize {
        let (number, of) = (share.number as usize, share.of as usize);
        self.connections / of + usize::from(number < self.connections % of)
    }
}

/// A plan at work. Dropping it stops the workers.
#[derive(Debug)]
pub struct Run {
    watch: Watch,
    stops: Vec<Stop>,
    coming: mpsc::UnboundedReceiver<io::Result<Report>>,
    reports: Vec<Report>,
    meter: Meter,
}

/// A look at a run while it lasts.
#[derive(Clone, Debug)]
pub struct Watch {
    epoch: Epoch,
    begin: Instant,
    plan: Arc<Plan>,
    recorders: Vec<Arc<Recorder>>,
}

impl Watch {
    /// How long requests start.
    pub fn duration(&self) -> Duration {
        self.plan.workload.duration
    }

    /// How much of that has passed.
    pub fn passed(&self) -> Duration {
        (self.epoch.passed() - self.begin).min(self.duration())
    }

    /// Worker threads.
    pub fn workers(&self) -> u32 {
        self.recorders.len() as u32
    }

    /// Requests in flight now.
    pub fn in_flight(&self) -> u32 {
        self.recorders.iter().map(|recorder| recorder.in_flight()).sum()
    }

    /// What has been booked so far.
    pub fn glance(&self) -> Glance {
        let mut glance = Glance::default();
        self.recorders.iter().for_each(|recorder| recorder.glance(&mut glance));
        glance
    }
}

impl Run {
    /// A look at it, for whoever shows how it goes.
    pub fn watch(&self) -> Watch {
        self.watch.clone()
    }

    /// No request is begun any more, no answer waited for.
    pub fn stop(&self) {
        self.stops.iter().for_each(Stop::stop);
    }

    /// Waits until it is over; this wait may be broken off and begun again.
    pub async fn over(&mut self) -> io::Result<()> {
        while self.reports.len() < self.stops.len() {
            let report = self.coming.recv().await;
            self.reports.push(report.unwrap_or_else(|| Err(io::Error::other("a worker panicked")))?);
        }
        Ok(())
    }

    /// Waits until it is over, and returns the books of all workers as one, with what they cost.
    pub async fn ended(mut self) -> io::Result<Record> {
        self.over().await?;
        let effort = self.meter.effort(&self.reports);
        let records = std::mem::take(&mut self.reports).into_iter().map(|report| report.record);
        let mut record = merged(records).expect("a run has a worker");
        record.effort = Some(effort);
        Ok(record)
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.stop();
    }
}

fn merged(records: impl Iterator<Item = Record>) -> Option<Record> {
    records.reduce(|mut all, record| {
        all.merge(record);
        all
    })
}
