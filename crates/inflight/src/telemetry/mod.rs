//! What OpenTelemetry, Prometheus and traces get to see.
//!
//! One set of instruments has one reader. What it collects is the text at `/metrics`, when that is asked for, and goes out by
//! OTLP over HTTP on schedule, if an endpoint is configured. Without one nothing is exported and nothing is said about it.

mod decisions;
mod exposition;
mod load_export;
mod memory;
mod metrics;
mod otlp;
mod process;
mod reader;
mod runtime;
mod spans;

pub mod load_text;
pub mod names;

pub use load_export::LoadExport;

use crate::{app::settings, live};
use http::HeaderMap;
use inflight_lab::{
    call::{Finish, Sink},
    experiment::Document,
};
use opentelemetry::{
    KeyValue,
    metrics::{Counter, Gauge, Meter, MeterProvider as _, UpDownCounter},
};
use opentelemetry_otlp::{
    ExporterBuildError, MetricExporter, SpanExporter, WithExportConfig as _, WithHttpConfig as _,
};
use opentelemetry_sdk::{
    Resource,
    metrics::{PeriodicReader, SdkMeterProvider},
    trace::SdkTracerProvider,
};
use std::{
    collections::BTreeSet,
    fmt, io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// Reads a variable of the environment.
pub type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What the environment says about telemetry and cannot be used.
#[derive(Debug)]
pub enum Unusable {
    /// A variable that is no number in its range.
    Variable(settings::BadVariable),
    /// An endpoint that is no plain HTTP.
    Endpoint(String),
    /// An exporter that would not be built.
    Exporter(ExporterBuildError),
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unusable::Variable(bad) => bad.fmt(f),
            Unusable::Endpoint(url) => write!(
                f,
                "the OTLP endpoint {url:?} cannot be used: expected http://host:port (telemetry goes without TLS; \
                 put a collector on this machine between)"
            ),
            Unusable::Exporter(error) => write!(f, "the OTLP exporter cannot be set up: {error}"),
        }
    }
}

impl std::error::Error for Unusable {}

impl From<settings::BadVariable> for Unusable {
    fn from(bad: settings::BadVariable) -> Unusable {
        Unusable::Variable(bad)
    }
}

impl From<ExporterBuildError> for Unusable {
    fn from(error: ExporterBuildError) -> Unusable {
        Unusable::Exporter(error)
    }
}

/// The most phases that get a series of their own.
const MAX_PHASES: usize = 16;

/// Everything that is measured about the app.
#[derive(Debug)]
pub struct Telemetry {
    provider: SdkMeterProvider,
    tracing: Option<(SdkTracerProvider, spans::Writer)>,
    page: Arc<reader::Page>,
    metrics: Arc<metrics::Metrics>,
    connections: UpDownCounter<i64>,
    accept_errors: Counter<u64>,
    phases: Phases,
    ids: AtomicU64,
}

/// Which phase of a run was heard of last.
#[derive(Debug)]
struct Phases {
    gauge: Gauge<u64>,
    known: Mutex<(String, BTreeSet<String>)>,
}

impl Telemetry {
    /// Sets everything up for `document`, as the environment asks.
    pub fn start(document: &Document, world: &live::World, env: Env<'_>) -> Result<Arc<Telemetry>, Unusable> {
        let export = exporters(env)?;
        let resource = Resource::builder().with_service_name(service_name(env)).build();
        let interval = match export.metrics {
            Some(_) => settings::export_interval(env)?,
            None => NEVER,
        };
        let page = Arc::new(reader::Page::default());
        let exporter = reader::Exporter { page: page.clone(), otlp: export.metrics };
        let reader = PeriodicReader::builder(exporter).with_interval(interval).build();
        let provider =
            SdkMeterProvider::builder().with_resource(resource.clone()).with_reader(reader).build();
        let tracing = export.spans.map(|exporter| {
            let provider =
                SdkTracerProvider::builder().with_resource(resource).with_batch_exporter(exporter).build();
            let names = document.endpoints.iter().map(|e| e.name.clone()).collect();
            let writer = spans::Writer::new(&provider, world.clone(), names);
            (provider, writer)
        });
        let meter = provider.meter("inflight");
        runtime::register(&meter, &tokio::runtime::Handle::current().metrics());
        Ok(Arc::new(Telemetry::instruments(&meter, document, provider, tracing, page)))
    }

    fn instruments(
        meter: &Meter,
        document: &Document,
        provider: SdkMeterProvider,
        tracing: Option<(SdkTracerProvider, spans::Writer)>,
        page: Arc<reader::Page>,
    ) -> Telemetry {
        let accept_errors = meter.u64_counter(names::HTTP_ACCEPT_ERRORS);
        let accept_errors = accept_errors.with_description("Connections that could not be accepted").build();
        accept_errors.add(0, &[KeyValue::new(names::ERROR, "none")]);
        let connections = meter.i64_up_down_counter(names::HTTP_CONNECTIONS);
        let connections = connections.with_description("Open connections").build();
        connections.add(0, &[]);
        let gauge =
            meter.u64_gauge(names::LAB_PHASE).with_description("1 for the phase heard of last").build();
        Telemetry {
            metrics: Arc::new(metrics::Metrics::new(meter, document)),
            connections,
            accept_errors,
            phases: Phases { gauge, known: Mutex::default() },
            ids: AtomicU64::new(0),
            provider,
            tracing,
            page,
        }
    }

    /// Who hears the events of requests.
    pub fn sink(&self) -> Arc<dyn Sink> {
        self.metrics.clone()
    }

    /// A number for a request that brought none.
    pub fn next_id(&self) -> u64 {
        self.ids.fetch_add(1, Ordering::Relaxed)
    }

    /// What writes the spans of a request to endpoint number `endpoint`, if there is tracing.
    pub fn span_writer(&self, endpoint: usize, headers: &HeaderMap) -> Option<Finish> {
        self.tracing.as_ref().map(|(_, writer)| writer.for_request(endpoint, headers))
    }

    /// A connection was opened; it is counted until the guard is dropped.
    pub fn connection(self: &Arc<Self>) -> OpenConnection {
        self.connections.add(1, &[]);
        OpenConnection(self.clone())
    }

    /// A connection could not be accepted.
    pub fn accept_failed(&self, error: &io::Error) {
        let kind = error.raw_os_error().map_or("other".into(), |code| format!("errno {code}"));
        self.accept_errors.add(1, &[KeyValue::new(names::ERROR, kind)]);
    }

    /// A request came to no endpoint.
    pub fn unmatched(&self) {
        self.metrics.unmatched();
    }

    /// A request said which phase of a run it belongs to. Names that are not 1 to 32 of a-z, 0-9 and -, and more names
    /// than have a place, are passed over.
    pub fn phase(&self, name: &[u8]) {
        let legal = |c: &u8| c.is_ascii_lowercase() || c.is_ascii_digit() || *c == b'-';
        let Some(name) = std::str::from_utf8(name).ok().filter(|n| !n.is_empty() && n.len() <= 32) else {
            return;
        };
        if name.as_bytes().iter().all(legal) {
            self.phases.change(name);
        }
    }

    /// The instruments in Prometheus' text format, collected now. Blocks while an export is under way.
    pub fn prometheus_text(&self) -> String {
        self.page.collect(&self.provider)
    }

    /// Sends what has not been sent. Blocks for at most a few seconds; the error says what may be lost.
    pub fn shut_down(&self) -> Result<(), String> {
        let traces = self.tracing.as_ref().map_or(Ok(()), |(provider, _)| provider.shutdown());
        let metrics = self.provider.shutdown();
        let lost =
            |what: &str, error: &dyn std::fmt::Display| format!("the last {what} may be lost: {error}");
        metrics.map_err(|e| lost("metrics", &e)).and(traces.map_err(|e| lost("spans", &e)))
    }
}

/// A connection that is counted as open.
#[derive(Debug)]
pub struct OpenConnection(Arc<Telemetry>);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.connections.add(-1, &[]);
    }
}

impl Phases {
    fn change(&self, name: &str) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (current, names) = &mut *known;
        if current == name || (!names.contains(name) && names.len() >= MAX_PHASES) {
            return;
        }
        names.insert(name.into());
        *current = name.into();
        names.iter().for_each(|phase| {
            self.gauge.record(u64::from(phase == name), &[KeyValue::new(names::PHASE, phase.clone())]);
        });
    }
}

fn service_name(env: Env<'_>) -> String {
    env("OTEL_SERVICE_NAME").filter(|name| !name.is_empty()).unwrap_or("inflight".into())
}

/// Where telemetry goes; nowhere unless the environment names an endpoint.
struct Exporters {
    metrics: Option<MetricExporter>,
    spans: Option<SpanExporter>,
}

fn exporters(env: Env<'_>) -> Result<Exporters, Unusable> {
    let metrics = metric_exporter(env)?;
    let spans = match endpoint(env, "TRACES", "/v1/traces")? {
        None => None,
        Some(url) => {
            let builder = SpanExporter::builder().with_http().with_http_client(otlp::Client::new());
            Some(builder.with_endpoint(url).with_timeout(EXPORT_TIMEOUT).build()?)
        }
    };
    Ok(Exporters { metrics, spans })
}

fn metric_exporter(env: Env<'_>) -> Result<Option<MetricExporter>, Unusable> {
    let Some(url) = endpoint(env, "METRICS", "/v1/metrics")? else { return Ok(None) };
    let builder = MetricExporter::builder().with_http().with_http_client(otlp::Client::new());
    Ok(Some(builder.with_endpoint(url).with_timeout(EXPORT_TIMEOUT).build()?))
}

/// Where a signal goes, if it goes anywhere: the signal's own variable before the general one.
fn endpoint(env: Env<'_>, signal: &str, path: &str) -> Result<Option<String>, Unusable> {
    let given = |name: &str| env(name).filter(|value| !value.trim().is_empty());
    let general = given("OTEL_EXPORTER_OTLP_ENDPOINT").map(|e| format!("{}{path}", e.trim_end_matches('/')));
    let url = given(&format!("OTEL_EXPORTER_OTLP_{signal}_ENDPOINT")).or(general);
    let is_off = given(&format!("OTEL_{signal}_EXPORTER")).is_some_and(|value| value.trim() == "none");
    match url {
        Some(url) if !url.starts_with("http://") => Err(Unusable::Endpoint(url)),
        url => Ok(url.filter(|_| !is_off)),
    }
}

const EXPORT_TIMEOUT: Duration = otlp::TIMEOUT;
/// How often what goes nowhere is collected for nothing.
const NEVER: Duration = Duration::from_secs(100 * 86_400);
