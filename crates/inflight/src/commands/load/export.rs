//! The driver's own metrics on their way out, while it goes on.

use crate::{cli, driver::Watch, telemetry::LoadExport};
use inflight_lab::{audit::Verdict, glance::Glance, record::Record};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::task::{JoinHandle, spawn_blocking};

/// Where metrics go. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Export(Arc<Mutex<LoadExport>>);

impl Export {
    /// What the flags and the environment say; `None`: nowhere.
    pub(super) fn of(flags: &cli::Load, names: &[String]) -> anyhow::Result<Option<Export>> {
        let export = LoadExport::start(flags.otlp.as_deref(), names, &super::super::env);
        let export = export.map_err(|why| super::super::BadInput(format!("error: {why}")))?;
        Ok(export.map(|export| Export(Arc::new(Mutex::new(export)))))
    }

    /// Sends what there is, again and again, until it is aborted.
    pub(super) fn follow(&self, watches: Vec<Watch>) -> JoinHandle<()> {
        let (export, interval) = (self.clone(), self.with(|export| export.interval()));
        tokio::spawn(async move {
            let mut times = tokio::time::interval(interval);
            times.tick().await;
            loop {
                times.tick().await;
                let (export, watches) = (export.clone(), watches.clone());
                let send =
                    move || export.with(|export| export.send(watches.iter().map(Watch::glance).collect()));
                let _ = spawn_blocking(send).await;
            }
        })
    }

    /// Sends the rest of a run that is over, and what is to be thought of it.
    pub(super) async fn conclude(&self, records: &[(String, Record)], trustworthy: Vec<bool>) {
        let glances = records.iter().map(|(_, record)| Glance::of(record)).collect();
        let export = self.clone();
        let _ = spawn_blocking(move || export.with(|export| export.conclude(glances, &trustworthy))).await;
    }

    fn with<T>(&self, act: impl FnOnce(&mut LoadExport) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Whether a driver thinks that its books can be trusted.
pub(super) fn is_trustworthy(record: &Record) -> bool {
    let audit = record.effort.and_then(|effort| inflight_lab::audit::Audit::of(record, effort));
    audit.is_none_or(|audit| audit.verdict == Verdict::Trustworthy)
}
