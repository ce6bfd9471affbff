//! The one reader of all instruments: what it collects goes out by OTLP on schedule, and into text when it is asked for.
//!
//! A second reader would double what every request pays: each has aggregates of its own.

use super::exposition;
use opentelemetry_otlp::MetricExporter;
use opentelemetry_sdk::{
    error::OTelSdkResult,
    metrics::{SdkMeterProvider, Temporality, data::ResourceMetrics, exporter::PushMetricExporter},
};
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// The text that was collected last, and whether the next collection is for it alone.
#[derive(Debug, Default)]
pub(super) struct Page {
    text: Mutex<String>,
    asked: AtomicBool,
    asking: Mutex<()>,
}

impl Page {
    /// Collects now and returns the text. Blocks until an export that is under way has ended.
    pub(super) fn collect(&self, provider: &SdkMeterProvider) -> String {
        let _one_at_a_time = self.asking.lock().unwrap_or_else(PoisonError::into_inner);
        self.asked.store(true, Ordering::Release);
        // What could fail is the export, and there is none.
        let _ = provider.force_flush();
        self.asked.store(false, Ordering::Release);
        self.text.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Where collections go.
#[derive(Debug)]
pub(super) struct Exporter {
    pub(super) page: Arc<Page>,
    pub(super) otlp: Option<MetricExporter>,
}

impl PushMetricExporter for Exporter {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        // A scheduled collection that falls into the moment in which somebody asks goes to the page instead of out. Nothing
        // is lost by that: totals are cumulative, and the next one goes out.
        if self.page.asked.load(Ordering::Acquire) {
            *self.page.text.lock().unwrap_or_else(PoisonError::into_inner) = exposition::text(metrics);
            return Ok(());
        }
        match &self.otlp {
            Some(otlp) => otlp.export(metrics).await,
            None => Ok(()),
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.otlp.as_ref().map_or(Ok(()), PushMetricExporter::force_flush)
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.otlp.as_ref().map_or(Ok(()), |otlp| otlp.shutdown_with_timeout(timeout))
    }

    fn temporality(&self) -> Temporality {
        Temporality::Cumulative
    }
}
