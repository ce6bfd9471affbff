//! The instruments of requests and services, bound to their labels beforehand: a request hashes no label and allocates
//! nothing to be counted.

use super::{
    decisions::{Instruments, Layers},
    names,
};
use crate::app::status;
use inflight_lab::{
    call::{Place, Sink, Which},
    experiment::Document,
    stack::{EndpointSpec, LayerSpec},
};
use inflight_strategies::{event::Event, rt::Instant, service::Outcome};
use opentelemetry::{
    KeyValue,
    metrics::{BoundCounter, BoundHistogram, BoundUpDownCounter, Counter, Histogram, Meter},
};
use std::{sync::OnceLock, time::Duration};

/// Bucket bounds in milliseconds, 1 ms to 60 s: fine where the lab's services live (50 to 1,200 ms, and their sums), and with one
/// just above the usual deadlines (600 ms, 5 s), which are kept a little late.
const BOUNDS_MS: [f64; 26] = [
    1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 150.0, 200.0, 300.0, 400.0, 500.0, 600.0, 650.0, 750.0,
    1000.0, 1250.0, 1500.0, 2000.0, 3000.0, 5000.0, 5500.0, 10_000.0, 30_000.0, 60_000.0,
];

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

pub(super) fn histogram_ms(meter: &Meter, name: &'static str, description: &'static str) -> Histogram<f64> {
    // No unit: it stands in the name.
    let builder = meter.f64_histogram(name).with_description(description);
    builder.with_boundaries(BOUNDS_MS.to_vec()).build()
}

/// Hears every event of every request and counts it.
#[derive(Debug)]
pub(super) struct Metrics {
    endpoints: Vec<EndpointMetrics>,
    services: [ServiceMetrics; 2],
    requests: Counter<u64>,
}

#[derive(Debug)]
struct EndpointMetrics {
    inflight: BoundUpDownCounter<i64>,
    /// By status, in the order of [`status::STATUSES`].
    ended: [OnceLock<Ended>; status::STATUSES.len()],
    wait: Option<BoundHistogram<f64>>,
    layers: Vec<Layers>,
    path: String,
    requests: Counter<u64>,
    durations: Histogram<f64>,
}

#[derive(Debug)]
struct Ended {
    requests: BoundCounter<u64>,
    duration: BoundHistogram<f64>,
}

#[derive(Debug)]
struct ServiceMetrics {
    inflight: BoundUpDownCounter<i64>,
    duration: BoundHistogram<f64>,
    errors: BoundCounter<u64>,
}

impl Metrics {
    pub(super) fn new(meter: &Meter, document: &Document) -> Metrics {
        let inflight =
            meter.i64_up_down_counter(names::HTTP_INFLIGHT).with_description("Requests inside now").build();
        let requests =
            meter.u64_counter(names::HTTP_REQUESTS).with_description("Requests that ended").build();
        let durations = histogram_ms(meter, names::HTTP_REQUEST_DURATION, "How long requests were inside");
        let waits = histogram_ms(meter, names::SEMAPHORE_WAIT, "How long calls of B waited for a permit");
        let strategies = Instruments::new(meter);
        let endpoints = document.endpoints.iter().map(|spec| {
            let path = format!("/{}", spec.name);
            let labels = [KeyValue::new(names::ENDPOINT, path.clone())];
            let has_limit = spec.b.iter().any(|layer| matches!(layer, LayerSpec::Limit(_)));
            let metrics = EndpointMetrics {
                inflight: inflight.bind(&labels),
                ended: Default::default(),
                wait: has_limit.then(|| waits.bind(&labels)),
                layers: layers(&strategies, &path, spec),
                path,
                requests: requests.clone(),
                durations: durations.clone(),
            };
            // The usual endings exist from the start: a rate must see the step from nothing to one.
            let _ = (metrics.ended(Outcome::Completed), metrics.ended(Outcome::Failed));
            if spec.whole.iter().chain(&spec.b).any(|layer| matches!(layer, LayerSpec::Timeout(_))) {
                let _ = metrics.ended(Outcome::TimedOut);
            }
            metrics
        });
        Metrics { endpoints: endpoints.collect(), services: ServiceMetrics::both(meter), requests }
    }

    /// A request came to no endpoint. Its series begins with the first of them.
    pub(super) fn unmatched(&self) {
        let labels = [KeyValue::new(names::ENDPOINT, names::UNMATCHED), KeyValue::new(names::STATUS, "404")];
        self.requests.add(1, &labels);
    }
}

impl ServiceMetrics {
    fn both(meter: &Meter) -> [ServiceMetrics; 2] {
        let inflight = meter.i64_up_down_counter(names::SERVICE_INFLIGHT);
        let inflight = inflight.with_description("Calls inside a service now").build();
        let duration = histogram_ms(meter, names::SERVICE_DURATION, "How long a service took");
        let errors = meter.u64_counter(names::SERVICE_ERRORS).with_description("Calls that failed").build();
        [Which::A, Which::B].map(|which| {
            let labels = [KeyValue::new(names::SERVICE, which.name())];
            let errors = errors.bind(&labels);
            errors.add(0);
            ServiceMetrics { inflight: inflight.bind(&labels), duration: duration.bind(&labels), errors }
        })
    }

    fn on_event(&self, event: Event) {
        match event {
            Event::Started => self.inflight.add(1),
            Event::Finished { outcome, took } => {
                self.inflight.add(-1);
                match outcome {
                    Outcome::Completed => self.duration.record(ms(took)),
                    Outcome::Failed => self.errors.add(1),
                    // A call that was cancelled says nothing about how long the service takes.
                    _ => {}
                }
            }
            _ => {}
        }
    }
}

impl EndpointMetrics {
    fn on_layer(&self, around: Option<Which>, name: &str, event: Event) {
        if let (Some(wait), Some(Which::B), Event::Admitted { waited }) = (&self.wait, around, event) {
            wait.record(ms(waited));
        }
        if let Some(layers) = self.layers.iter().find(|layers| layers.are(around, name)) {
            layers.on_event(event);
        }
    }

    fn ended(&self, outcome: Outcome) -> &Ended {
        let code = status::code(outcome);
        let place = status::STATUSES.iter().position(|s| *s == code).expect("every code is in the list");
        self.ended[place].get_or_init(|| {
            let labels = [
                KeyValue::new(names::ENDPOINT, self.path.clone()),
                KeyValue::new(names::STATUS, code.to_string()),
            ];
            let requests = self.requests.bind(&labels);
            requests.add(0);
            Ended { requests, duration: self.durations.bind(&labels) }
        })
    }

    fn on_event(&self, event: Event) {
        match event {
            Event::Started => self.inflight.add(1),
            Event::Finished { outcome, took } => {
                self.inflight.add(-1);
                let ended = self.ended(outcome);
                ended.requests.add(1);
                ended.duration.record(ms(took));
            }
            _ => {}
        }
    }
}

/// One set of instruments for every kind of layer in every list of `spec`.
fn layers(strategies: &Instruments, path: &str, spec: &EndpointSpec) -> Vec<Layers> {
    let lists = [(None, &spec.whole), (Some(Which::A), &spec.a), (Some(Which::B), &spec.b)];
    let mut all: Vec<Layers> = Vec::new();
    for (around, layer) in lists.into_iter().flat_map(|(around, list)| list.iter().map(move |l| (around, l)))
    {
        if !all.iter().any(|known| known.are(around, layer.name())) {
            all.push(strategies.of(path, around, layer));
        }
    }
    all
}

impl Sink for Metrics {
    fn on_event(&self, endpoint: usize, place: Place, _: u64, _: Instant, event: &Event) {
        let metrics = &self.endpoints[endpoint];
        match place {
            Place::Endpoint => metrics.on_event(*event),
            Place::Service(which) => self.services[which as usize].on_event(*event),
            Place::Layer { around, name } => metrics.on_layer(around, name, *event),
        }
    }
}
