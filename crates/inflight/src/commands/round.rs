//! One round of an experiment, for real: every arm in a process of its own, so that no arm inherits what another left behind.

use super::{measured::progress, target_app::TargetApp};
use crate::{
    http_client::{HttpTarget, Options},
    live,
    terminal::StatusLine,
};
use http::Uri;
use inflight_lab::{
    load::Driver,
    log::MAX_ENTRIES,
    record::{Record, Recorder},
    workload::Workload,
};
use inflight_strategies::rt::{Clock as _, First, race};
use std::{path::Path, pin::Pin, sync::Arc, time::Duration};

/// Time for the first connection before the first request is due.
pub(super) const LEAD: Duration = Duration::from_millis(200);

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
        let world = live::World::new(tokio::runtime::Handle::current());
        // The apps live until all arms have ended.
        let apps: Vec<TargetApp> =
            arms.iter().map(|_| TargetApp::start(self.file, self.seed)).collect::<anyhow::Result<_>>()?;
        let targets = arms.iter().zip(&apps).map(|(arm, app)| target(&world, arm, app));
        let targets: Vec<HttpTarget> = targets.collect::<anyhow::Result<_>>()?;
        let (workload, start) = (self.workload.clone(), world.now() + LEAD);
        let driver = Driver { world: world.clone(), workload, seed: self.seed, start };
        let recorders: Vec<Arc<Recorder>> = arms.iter().map(|_| self.recorder(&driver)).collect();
        let names: Vec<String> = arms.iter().map(|arm| format!("/{arm}")).collect();
        let label = format!("{}{}  ", self.label, names.join(" "));
        let progress = tokio::spawn(progress(label, recorders.clone(), driver.clone()));
        let run = |(target, recorder): (HttpTarget, &Arc<Recorder>)| {
            let (driver, recorder) = (driver.clone(), recorder.clone());
            tokio::spawn(async move { driver.run(&target, &recorder).await })
        };
        let runs: Vec<_> = targets.into_iter().zip(&recorders).map(run).collect();
        let all = async {
            for run in runs {
                run.await.expect("the driver does not panic");
            }
        };
        let ended = matches!(race(all, interrupt).await, First::Left(()));
        progress.abort();
        StatusLine::new().clear();
        Ok((recorders.iter().map(|recorder| recorder.close(world.now())).collect(), ended))
    }

    fn recorder(self, driver: &Driver<live::World>) -> Arc<Recorder> {
        if self.logged { driver.logging_recorder(MAX_ENTRIES) } else { driver.recorder() }
    }
}

fn target(world: &live::World, arm: &str, app: &TargetApp) -> anyhow::Result<HttpTarget> {
    let url: Uri = format!("http://{}/{arm}", app.address).parse()?;
    let options = Options { connections: 20_000, numbered: true };
    Ok(HttpTarget::new(world.clone(), &url, app.address, &options)?)
}
