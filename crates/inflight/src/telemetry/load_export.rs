//! What `inflight load` sees, by OTLP while it goes on: counts, latencies from both starts, lateness, what is in flight.
//!
//! Its books are kept without instruments, since a driver has no time for them. Now and then what is new in the books is
//! handed to the instruments by whoever exports, and goes out at once.

use super::{
    Env, NEVER, Unusable, metric_exporter,
    names::{
        ENDING, FROM, LOAD_BEGUN_LATE, LOAD_IN_FLIGHT, LOAD_REQUEST_DURATION, LOAD_REQUESTS,
        LOAD_TRUSTWORTHY, TARGET,
    },
    service_name,
};
use crate::app::settings;
use hdrhistogram::Histogram as Hdr;
use inflight_lab::glance::Glance;
use opentelemetry::{
    KeyValue,
    metrics::{BoundHistogram, Counter, Gauge, Histogram, Meter, MeterProvider as _},
};
use opentelemetry_sdk::{
    Resource,
    metrics::{PeriodicReader, SdkMeterProvider},
};
use std::time::Duration;

/// Bucket bounds in milliseconds, 10 µs to a minute: a target may be as fast as that, and a driver as punctual.
const BOUNDS_MS: [f64; 22] = [
    0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 200.0, 350.0, 500.0, 750.0,
    1000.0, 2500.0, 5000.0, 10_000.0, 60_000.0,
];

/// The way out for the metrics of one or more runs.
#[derive(Debug)]
pub struct LoadExport {
    provider: SdkMeterProvider,
    interval: Duration,
    requests: Counter<u64>,
    in_flight: Gauge<u64>,
    trustworthy: Gauge<u64>,
    targets: Vec<Target>,
}

/// One target, and how much of its books has gone out.
#[derive(Debug)]
struct Target {
    label: KeyValue,
    intended: BoundHistogram<f64>,
    sent: BoundHistogram<f64>,
    late: BoundHistogram<f64>,
    before: Glance,
}

impl LoadExport {
    /// For targets of these names, to where the environment says, or to `url` if that is given. `None` if neither says anything.
    pub fn start(url: Option<&str>, names: &[String], env: Env<'_>) -> Result<Option<LoadExport>, Unusable> {
        let instead = |name: &str| match (name, url) {
            ("OTEL_EXPORTER_OTLP_ENDPOINT", Some(url)) => Some(url.to_string()),
            ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT" | "OTEL_METRICS_EXPORTER", Some(_)) => None,
            _ => env(name),
        };
        let Some(exporter) = metric_exporter(&instead)? else { return Ok(None) };
        let interval = settings::export_interval(env)?;
        // It collects when it is told to, right after it has been told what is new.
        let reader = PeriodicReader::builder(exporter).with_interval(NEVER).build();
        let resource = Resource::builder().with_service_name(service_name(env)).build();
        let provider = SdkMeterProvider::builder().with_resource(resource).with_reader(reader).build();
        let meter = provider.meter("inflight.load");
        let latency = histogram(&meter, LOAD_REQUEST_DURATION, "How long requests took");
        let late = histogram(&meter, LOAD_BEGUN_LATE, "How late requests were begun");
        let target = |name: &String| {
            let label = KeyValue::new(TARGET, name.clone());
            let from = |start: &'static str| latency.bind(&[label.clone(), KeyValue::new(FROM, start)]);
            let (intended, sent) = (from("intended"), from("sent"));
            let late = late.bind(std::slice::from_ref(&label));
            Target { intended, sent, late, label, before: Glance::default() }
        };
        Ok(Some(LoadExport {
            targets: names.iter().map(target).collect(),
            requests: meter.u64_counter(LOAD_REQUESTS).with_description("Requests that ended").build(),
            in_flight: meter.u64_gauge(LOAD_IN_FLIGHT).with_description("Requests in flight now").build(),
            trustworthy: meter.u64_gauge(LOAD_TRUSTWORTHY).with_description("Whether to trust it").build(),
            provider,
            interval,
        }))
    }

    /// How often to send.
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// Sends what is new in the books since the last time, one glance per target. Blocks for a few seconds at most.
    pub fn send(&mut self, glances: Vec<Glance>) {
        for (target, now) in self.targets.iter_mut().zip(glances) {
            for (ending, count) in &now.endings {
                let before = target.before.endings.get(ending).copied().unwrap_or(0);
                let labels = [target.label.clone(), KeyValue::new(ENDING, ending.to_string())];
                self.requests.add(count.saturating_sub(before), &labels);
            }
            hand_over(&target.intended, &now.answered, &target.before.answered);
            hand_over(&target.sent, &now.from_sent, &target.before.from_sent);
            hand_over(&target.late, &now.lateness, &target.before.lateness);
            self.in_flight.record(now.in_flight.into(), std::slice::from_ref(&target.label));
            target.before = now;
        }
        // The exporter says itself when it cannot reach anybody.
        let _ = self.provider.force_flush();
    }

    /// A run is over: the next one has new books. Sends whether each target's figures can be trusted.
    pub fn conclude(&mut self, glances: Vec<Glance>, trustworthy: &[bool]) {
        for (target, is) in self.targets.iter().zip(trustworthy) {
            self.trustworthy.record(u64::from(*is), std::slice::from_ref(&target.label));
        }
        self.send(glances);
        self.targets.iter_mut().for_each(|target| target.before = Glance::default());
    }
}

impl Drop for LoadExport {
    fn drop(&mut self) {
        // Everything has been sent: what could fail is of no interest any more.
        let _ = self.provider.shutdown();
    }
}

fn histogram(meter: &Meter, name: &'static str, description: &'static str) -> Histogram<f64> {
    let builder = meter.f64_histogram(name).with_description(description);
    builder.with_boundaries(BOUNDS_MS.to_vec()).build()
}

/// Records what `now` has more than `before`, both in microseconds.
fn hand_over(to: &BoundHistogram<f64>, now: &Hdr<u64>, before: &Hdr<u64>) {
    for value in now.iter_recorded() {
        let us = value.value_iterated_to();
        let fresh = value.count_at_value().saturating_sub(before.count_at(us));
        let ms = now.median_equivalent(us) as f64 / 1e3;
        (0..fresh).for_each(|_| to.record(ms));
    }
}
