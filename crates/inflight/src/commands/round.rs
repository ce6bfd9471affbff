//! One round of an experiment, for real: every arm in a process of its own, so that no arm inherits what another left behind.

use super::{target_app::TargetApp, under_way::Watched};
use crate::{
    app::router::ID,
    driver::{Ask, Epoch, Peer, Plan, Run, Watch},
    terminal::StatusLine,
};
use inflight_lab::{log::MAX_ENTRIES, record::Record, workload::Workload};
use inflight_strategies::rt::{First, Instant, race};
use std::{io, path::Path, pin::Pin, time::Duration};

/// Time for everything to be ready before the first request is due.
pub(super) const LEAD: Duration = Duration::from_millis(200);
/// The most connections to an arm.
const CONNECTIONS: usize = 20_000;

/// A round: what is offered to whom.
#[derive(Clone, Copy, Debug)]
pub(super) struct Round<'a> {
    /// The experiment's file, which the apps serve.
    pub(super) file: &'a Path,
    pub(super) workload: &'a Workload,
    /// Decides everything random in it.
    pub(super) seed: u64,
    /// Whether the arms are measured at the same time; else one after the other.
    pub(super) together: bool,
    /// Whether every request is logged.
    pub(super) logged: bool,
    /// Whether it is watched how many calls of services are under way inside.
    pub(super) tasks: bool,
    /// What stands before the progress.
    pub(super) label: &'a str,
}

impl Round<'_> {
    /// Measures `arms`. Their books come in the same order; the last ones are missing, or cut short, if it was interrupted,
    /// which is told, too.
    pub(super) async fn measure(
        self,
        arms: &[&str],
        mut interrupt: Pin<&mut impl Future>,
    ) -> anyhow::Result<(Vec<Record>, bool)> {
        let at_once = if self.together { arms.len() } else { 1 };
        let mut records = Vec::new();
        for group in arms.chunks(at_once.max(1)) {
            let (measured, ended) = self.drive(group, interrupt.as_mut()).await?;
            records.extend(measured);
            if !ended {
                return Ok((records, false));
            }
        }
        Ok((records, true))
    }

    /// Drives some arms at the same time.
    async fn drive(
        self,
        arms: &[&str],
        interrupt: Pin<&mut impl Future>,
    ) -> anyhow::Result<(Vec<Record>, bool)> {
        // The apps live until all arms have ended.
        let apps: Vec<TargetApp> =
            arms.iter().map(|_| TargetApp::start(self.file, self.seed)).collect::<anyhow::Result<_>>()?;
        let (epoch, begin) = (Epoch::now(), Instant::ZERO + LEAD);
        let runs = arms.iter().zip(&apps).map(|(arm, app)| self.plan(arm, app).start(epoch, begin));
        let mut runs: Vec<Run> = runs.collect::<io::Result<_>>()?;
        let watch = |app: &TargetApp| Watched::start(app.address, self.workload, LEAD);
        let watched: Vec<Watched> = apps.iter().filter(|_| self.tasks).map(watch).collect();
        let names: Vec<String> = arms.iter().map(|arm| format!("/{arm}")).collect();
        let label = format!("{}{}  ", self.label, names.join(" "));
        let progress = tokio::spawn(progress(label, runs.iter().map(Run::watch).collect()));
        let ended = matches!(race(all_over(&mut runs), interrupt).await, First::Left(()));
        progress.abort();
        StatusLine::new().clear();
        // Those who were interrupted hang up first.
        runs.iter().for_each(Run::stop);
        let mut records = Vec::new();
        for run in runs {
            records.push(run.ended().await?);
        }
        records.iter_mut().zip(watched).for_each(|(record, watched)| watched.close(record));
        Ok((records, ended))
    }

    /// What is sent to an arm: every request with its number, so that the app draws for it what was foreseen.
    fn plan(self, arm: &str, app: &TargetApp) -> Plan {
        let numbered = Ask { headers: vec![(ID.to_string(), "{id}".into())], ..Ask::get(format!("/{arm}")) };
        let peer = Peer::Tcp(app.address);
        Plan {
            asks: vec![numbered],
            connections: CONNECTIONS,
            log: self.logged.then_some(MAX_ENTRIES),
            ..Plan::get(self.workload.clone(), self.seed, peer, &app.address.to_string(), "/")
        }
    }
}

/// Waits for all of them. What went wrong is told by whoever asks for their books.
async fn all_over(runs: &mut [Run]) {
    for run in runs {
        let _ = run.over().await;
    }
}

/// Shows how it goes, twice a second, until it is aborted. `label` stands first.
async fn progress(label: String, watches: Vec<Watch>) {
    let (status, mut glances) = (StatusLine::new(), tokio::time::interval(Duration::from_millis(500)));
    loop {
        glances.tick().await;
        let Some(first) = watches.first() else { return };
        let (passed, total) = (first.passed().as_secs_f64(), first.duration().as_secs_f64());
        let in_flight: Vec<String> = watches.iter().map(|watch| watch.in_flight().to_string()).collect();
        status.show(&format!("▸ {label}{passed:.0} s of {total:.0} s  in flight {}", in_flight.join("  ")));
    }
}
