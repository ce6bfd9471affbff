//! What is asked of tokio, the system and the allocator each time metrics are collected.

use super::{memory, names, process};
use opentelemetry::{
    KeyValue,
    metrics::{Meter, ObservableGauge},
};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::runtime::RuntimeMetrics;

/// A gauge that is asked for its value; a value that cannot be had is not exported.
fn gauge(
    meter: &Meter,
    name: &'static str,
    description: &'static str,
    read: impl Fn() -> Option<u64> + Send + Sync + 'static,
) -> ObservableGauge<u64> {
    let callback = move |observer: &dyn opentelemetry::metrics::AsyncInstrument<u64>| {
        read().into_iter().for_each(|value| observer.observe(value, &[]));
    };
    meter.u64_observable_gauge(name).with_description(description).with_callback(callback).build()
}

/// Registers everything. The instruments live as long as their provider.
pub(super) fn register(meter: &Meter, runtime: &RuntimeMetrics) {
    let tokio = runtime.clone();
    gauge(meter, names::TOKIO_WORKERS, "Worker threads", move || Some(tokio.num_workers() as u64));
    let tokio = runtime.clone();
    gauge(meter, names::TOKIO_ALIVE_TASKS, "Tasks alive", move || Some(tokio.num_alive_tasks() as u64));
    let tokio = runtime.clone();
    let depth = move || Some(tokio.global_queue_depth() as u64);
    gauge(meter, names::TOKIO_GLOBAL_QUEUE_DEPTH, "Tasks ready in the global queue", depth);
    register_workers(meter, runtime);
    let look = |pick: fn(process::Look) -> u64| move || process::Look::now().map(pick);
    gauge(meter, names::PROCESS_RESIDENT_MEMORY, "Memory in use", look(|l| l.resident_bytes));
    gauge(meter, names::PROCESS_VIRTUAL_MEMORY, "Address space in use", look(|l| l.virtual_bytes));
    gauge(meter, names::PROCESS_THREADS, "Threads", look(|l| l.threads));
    gauge(meter, names::PROCESS_OPEN_FDS, "Open file descriptors", process::open_fds);
    gauge(meter, names::ALLOCATOR_ALLOCATED, "Bytes allocated and not freed", memory::allocated);
    meter
        .f64_observable_counter(names::PROCESS_CPU_SECONDS)
        .with_description("Processor time used")
        .with_callback(|observer| {
            process::Look::now().into_iter().for_each(|look| observer.observe(look.cpu_seconds, &[]));
        })
        .build();
}

/// The workers' busy time, as a counter and as the share since the last look.
fn register_workers(meter: &Meter, runtime: &RuntimeMetrics) {
    let labels: Arc<[[KeyValue; 1]]> =
        (0..runtime.num_workers()).map(|i| [KeyValue::new(names::WORKER, i.to_string())]).collect();
    let (tokio, worker_labels) = (runtime.clone(), labels.clone());
    meter
        .f64_observable_counter(names::TOKIO_WORKER_BUSY_SECONDS)
        .with_description("Time that a worker was busy")
        .with_callback(move |observer| {
            worker_labels.iter().enumerate().for_each(|(i, label)| {
                observer.observe(tokio.worker_total_busy_duration(i).as_secs_f64(), label);
            });
        })
        .build();
    let (tokio, last) = (runtime.clone(), Mutex::new(BusyShare::new(runtime.num_workers())));
    meter
        .f64_observable_gauge(names::TOKIO_WORKER_BUSY_RATIO)
        .with_description("Share of time that a worker was busy since the last look")
        .with_callback(move |observer| {
            let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
            last.look(&tokio)
                .iter()
                .zip(labels.iter())
                .for_each(|(share, label)| observer.observe(*share, label));
        })
        .build();
}

/// Remembers the last look at the workers: the last export, or the last time that somebody asked.
#[derive(Debug)]
struct BusyShare {
    at: std::time::Instant,
    busy: Vec<Duration>,
    share: Vec<f64>,
}

impl BusyShare {
    #[expect(clippy::disallowed_methods, reason = "the exporter's own clock, outside of any world")]
    fn new(workers: usize) -> Self {
        let (busy, share) = (vec![Duration::ZERO; workers], vec![0.0; workers]);
        BusyShare { at: std::time::Instant::now(), busy, share }
    }

    fn look(&mut self, tokio: &RuntimeMetrics) -> &[f64] {
        let passed = self.at.elapsed();
        // Looks that follow each other at once see the same share.
        if passed > Duration::from_millis(50) {
            self.at += passed;
            for (i, busy) in self.busy.iter_mut().enumerate() {
                let now = tokio.worker_total_busy_duration(i);
                self.share[i] = (now.saturating_sub(*busy).as_secs_f64() / passed.as_secs_f64()).min(1.0);
                *busy = now;
            }
        }
        &self.share
    }
}
