//! One run of the driver: every target gets the workload, and the books of each come back.

use super::super::interrupted;
use super::{ask::resolve, watch};
use crate::{
    cli,
    http_client::{HttpTarget, Options},
    live,
};
use http::Uri;
use inflight_lab::{audit::Effort, load::Driver, record::Record, workload::Workload};
use inflight_strategies::rt::{Clock as _, First, race};
use std::{net::SocketAddr, time::Duration};

/// Time for everything to be ready before the first request is due.
const LEAD: Duration = Duration::from_millis(100);

/// What is driven, and how.
#[derive(Clone, Debug)]
pub(super) struct Targets {
    all: Vec<(Uri, SocketAddr)>,
    connections: usize,
    seed: u64,
    /// Whether it is shown while it goes on.
    is_watched: bool,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Driven {
    /// The books of every target, by name.
    pub(super) records: Vec<(String, Record)>,
    /// What the driver's machine says, if it is known.
    pub(super) effort: Option<Effort>,
    /// Whether it was not interrupted.
    pub(super) is_complete: bool,
}

impl Targets {
    /// Those of the flags.
    pub(super) async fn of(flags: &cli::Load) -> anyhow::Result<Targets> {
        let mut all = Vec::new();
        for url in &flags.urls {
            all.push(resolve(url, flags.allow_remote).await?);
        }
        let connections = flags.connections as usize;
        Ok(Targets { all, connections, seed: flags.seed, is_watched: true })
    }

    /// One target at `url`, on this machine.
    pub(super) async fn one(url: &str, seed: u64) -> anyhow::Result<Targets> {
        Ok(Targets { all: vec![resolve(url, false).await?], connections: 10_000, seed, is_watched: false })
    }

    /// The same with another seed.
    pub(super) fn with_seed(&self, seed: u64) -> Targets {
        Targets { seed, ..self.clone() }
    }

    /// The same, and nothing is shown while it goes on.
    pub(super) fn unwatched(&self) -> Targets {
        Targets { is_watched: false, ..self.clone() }
    }

    /// How many connections there may be.
    pub(super) fn connections(&self) -> u64 {
        (self.connections * self.all.len()) as u64
    }

    /// Offers the workload to all of them at once.
    pub(super) async fn drive(&self, workload: &Workload) -> anyhow::Result<Driven> {
        let interrupt = interrupted()?;
        let world = live::World::new(tokio::runtime::Handle::current());
        let start = world.now() + LEAD;
        let driver = Driver { world: world.clone(), workload: workload.clone(), seed: self.seed, start };
        let (mut runs, mut recorders) = (Vec::new(), Vec::new());
        let options = Options { connections: self.connections, numbered: false };
        for (uri, address) in &self.all {
            let target = HttpTarget::new(world.clone(), uri, *address, &options)?;
            let (driver, recorder) = (driver.clone(), driver.recorder());
            recorders.push((uri.path().trim_start_matches('/').to_string(), recorder.clone()));
            runs.push(tokio::spawn(async move { driver.run(&target, &recorder).await }));
        }
        let watching = self.is_watched.then(|| tokio::spawn(watch::watch(recorders.clone(), driver.clone())));
        let all = async {
            for run in runs {
                run.await.expect("the driver does not panic");
            }
        };
        let is_complete = matches!(race(all, interrupt).await, First::Left(()));
        let closed = |(name, recorder): (String, std::sync::Arc<inflight_lab::record::Recorder>)| {
            (name, recorder.close(world.now()))
        };
        let records = recorders.into_iter().map(closed).collect();
        if let Some(watching) = watching {
            watching.abort();
            let _ = watching.await;
        }
        Ok(Driven { records, effort: None, is_complete })
    }
}
