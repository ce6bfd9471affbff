//! One run of the driver: every target gets the workload, and the books of each come back.

use super::super::interrupted;
use super::{
    ask,
    export::{self, Export},
    watch,
};
use crate::{
    cli,
    driver::{Ask, Epoch, Machine, Needs, Peer, Plan, Run, Security, Version},
    terminal::say,
};
use inflight_lab::{record::Record, workload::Workload};
use inflight_strategies::rt::{First, Instant, race};
use std::{net::IpAddr, time::Duration};
use tokio::task::JoinHandle;

/// Time for everything to be ready before the first request is due.
const LEAD: Instant = Instant::from_nanos(100_000_000);

/// A target: how it is called, where it is, how it is spoken to, and what it is asked.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) name: String,
    pub(super) peer: Peer,
    pub(super) host: String,
    pub(super) security: Option<Security>,
    pub(super) version: Version,
    pub(super) asks: Vec<Ask>,
}

/// What is driven, and how.
#[derive(Clone, Debug)]
pub(super) struct Targets {
    all: Vec<Target>,
    connections: usize,
    sources: Vec<IpAddr>,
    time_limit: Option<Duration>,
    workers: Option<u32>,
    seed: u64,
    /// Whether it is shown while it goes on.
    is_watched: bool,
    /// Where its metrics go meanwhile, if they go anywhere.
    export: Option<Export>,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Driven {
    /// The books of every target, by name.
    pub(super) records: Vec<(String, Record)>,
    /// Whether it was not interrupted.
    pub(super) is_complete: bool,
}

impl Targets {
    /// Those of the flags.
    pub(super) async fn of(flags: &cli::Load) -> anyhow::Result<Targets> {
        let all = ask::targets(flags).await?;
        let names: Vec<String> = all.iter().map(|target| target.name.clone()).collect();
        Ok(Targets {
            all,
            connections: flags.connections as usize,
            sources: flags.source_addresses.clone(),
            time_limit: flags.timeout,
            workers: flags.workers.map(u32::from),
            seed: flags.seed,
            is_watched: true,
            export: Export::of(flags, &names)?,
        })
    }

    /// One target at `url`, on this machine.
    pub(super) async fn one(url: &str, seed: u64) -> anyhow::Result<Targets> {
        Ok(Targets {
            all: vec![ask::plain(url).await?],
            connections: 10_000,
            sources: Vec::new(),
            time_limit: None,
            workers: None,
            seed,
            is_watched: false,
            export: None,
        })
    }

    /// The same with another seed.
    pub(super) fn with_seed(&self, seed: u64) -> Targets {
        Targets { seed, ..self.clone() }
    }

    /// The same, and nothing is shown while it goes on.
    pub(super) fn unwatched(&self) -> Targets {
        Targets { is_watched: false, ..self.clone() }
    }

    /// What each class of a target asks for.
    pub(super) fn classes(&self, target: usize) -> Vec<String> {
        self.all[target].asks.iter().map(|ask| format!("{} {}", ask.method, ask.path)).collect()
    }

    /// What this machine has too little of.
    pub(super) fn lacks(&self) -> Vec<String> {
        let tcp = self.all.iter().any(|target| matches!(target.peer, Peer::Tcp(_)));
        let connections = (self.connections * self.all.len()) as u64;
        Needs { connections, sources: self.sources.len().max(1) as u64, tcp }.lacks(&Machine::look())
    }

    /// Says why handshakes failed, if any did: the books only know how many.
    fn tell_troubles(&self) {
        let trouble = |target: &Target| {
            let why = target.security.as_ref()?.trouble()?;
            Some(format!("warning: TLS with {}: {why}", target.host))
        };
        self.all.iter().filter_map(trouble).for_each(|trouble| say(&trouble));
    }

    fn plan(&self, target: &Target, workload: &Workload) -> Plan {
        Plan {
            workload: workload.clone(),
            seed: self.seed,
            peer: target.peer.clone(),
            host: target.host.clone(),
            security: target.security.clone(),
            version: target.version,
            asks: target.asks.clone(),
            connections: self.connections,
            sources: self.sources.clone(),
            time_limit: self.time_limit,
            workers: self.workers,
            log: None,
            fine: true,
        }
    }

    /// Offers the workload to all of them at once.
    pub(super) async fn drive(&self, workload: &Workload) -> anyhow::Result<Driven> {
        let interrupt = interrupted()?;
        let epoch = Epoch::now();
        let start = |target: &Target| self.plan(target, workload).start(epoch, LEAD);
        let mut runs: Vec<Run> = self.all.iter().map(start).collect::<std::io::Result<_>>()?;
        let looking = self.look_at(&runs, workload);
        let is_complete = matches!(race(over(&mut runs), interrupt).await, First::Left(_));
        if !is_complete {
            runs.iter().for_each(Run::stop);
        }
        for look in looking {
            look.abort();
            let _ = look.await;
        }
        let mut records = Vec::new();
        for (target, run) in self.all.iter().zip(runs) {
            records.push((target.name.clone(), run.ended().await?));
        }
        self.tell_troubles();
        if let Some(export) = &self.export {
            let trustworthy = records.iter().map(|(_, record)| export::is_trustworthy(record)).collect();
            export.conclude(&records, trustworthy).await;
        }
        Ok(Driven { records, is_complete })
    }

    /// Starts whatever shows runs while they go on.
    fn look_at(&self, runs: &[Run], workload: &Workload) -> Vec<JoinHandle<()>> {
        let mut looking = Vec::new();
        if self.is_watched {
            let watches = self.all.iter().zip(runs).map(|(target, run)| (target.name.clone(), run.watch()));
            let watch = watch::watch(watches.collect(), workload.to_string(), workload.duration);
            looking.push(tokio::spawn(watch));
        }
        if let Some(export) = &self.export {
            looking.push(export.follow(runs.iter().map(Run::watch).collect()));
        }
        looking
    }
}

/// Waits until all of them are over.
async fn over(runs: &mut [Run]) -> std::io::Result<()> {
    for run in runs {
        run.over().await?;
    }
    Ok(())
}
