//! The metrics that must stand in Prometheus, with kind and labels. Written down here a second time on purpose: the
//! app's own list of names must not be able to agree with itself.

use crate::prometheus::{Prometheus, Series};
use crate::report::Checks;
use anyhow::Result;
use std::collections::BTreeSet;

/// One metric of the contract.
struct Metric {
    name: &'static str,
    kind: &'static str,
    /// Labels that every series has.
    labels: &'static [&'static str],
    /// A label and the values that must occur.
    values: Option<(&'static str, &'static [&'static str])>,
}

const ENDPOINTS: &[&str] =
    &["/sync", "/async", "/async-limited", "/async-timeout", "/async-timeout-detached"];
const EVERY_ENDPOINT: Option<(&str, &[&str])> = Some(("endpoint", ENDPOINTS));
const BOTH_SERVICES: Option<(&str, &[&str])> = Some(("service", &["A", "B"]));

/// Labels that any series may have beside its own: who was scraped, and bucket bounds.
const ALWAYS: &[&str] = &["__name__", "job", "instance", "le"];

const fn metric(name: &'static str, kind: &'static str, labels: &'static [&'static str]) -> Metric {
    Metric { name, kind, labels, values: None }
}

const CONTRACT: &[Metric] = &[
    Metric { values: EVERY_ENDPOINT, ..metric("http_requests_total", "counter", &["endpoint", "status"]) },
    Metric {
        values: EVERY_ENDPOINT,
        ..metric("http_request_duration_ms", "histogram", &["endpoint", "status"])
    },
    Metric { values: EVERY_ENDPOINT, ..metric("http_inflight", "gauge", &["endpoint"]) },
    Metric { values: BOTH_SERVICES, ..metric("service_duration_ms", "histogram", &["service"]) },
    Metric { values: Some(("service", &["B"])), ..metric("service_errors_total", "counter", &["service"]) },
    Metric { values: BOTH_SERVICES, ..metric("service_inflight", "gauge", &["service"]) },
    Metric {
        values: Some(("endpoint", &["/async-limited"])),
        ..metric("serviceB_semaphore_wait_ms", "histogram", &["endpoint"])
    },
    metric("tokio_workers", "gauge", &[]),
    metric("tokio_alive_tasks", "gauge", &[]),
    metric("tokio_global_queue_depth", "gauge", &[]),
    Metric { values: Some(("worker", &["0"])), ..metric("tokio_worker_busy_ratio", "gauge", &["worker"]) },
    Metric {
        values: Some(("worker", &["0"])),
        ..metric("tokio_worker_busy_seconds_total", "counter", &["worker"])
    },
    metric("process_resident_memory_bytes", "gauge", &[]),
    metric("process_virtual_memory_bytes", "gauge", &[]),
    metric("process_threads", "gauge", &[]),
    metric("process_open_fds", "gauge", &[]),
    metric("process_cpu_seconds_total", "counter", &[]),
    metric("allocator_allocated_bytes", "gauge", &[]),
    metric("http_connections", "gauge", &[]),
    metric("http_accept_errors_total", "counter", &["error"]),
    metric("lab_phase_info", "gauge", &["phase"]),
];

/// Asks for every metric of the contract.
pub(super) fn check(checks: &mut Checks, prometheus: &Prometheus) -> Result<()> {
    for metric in CONTRACT {
        let mut series = Vec::new();
        for suffix in suffixes(metric.kind) {
            let found =
                prometheus.query(&format!("{{__name__=\"{}{suffix}\",job=\"inflight\"}}", metric.name))?;
            if found.is_empty() {
                series.clear();
                break;
            }
            series.extend(found);
        }
        let kind = prometheus.kind(metric.name)?;
        let verdict = judge(metric, kind.as_deref(), &series);
        let labels = metric.labels.join(", ");
        let what = format!("(a) {}{{{labels}}} {}: {} series", metric.name, metric.kind, series.len());
        match verdict {
            None => checks.check(true, what),
            Some(why) => checks.check(false, format!("{what}; {why}")),
        }
    }
    Ok(())
}

fn suffixes(kind: &str) -> &'static [&'static str] {
    if kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] }
}

/// What is wrong with the series of a metric, if anything.
fn judge(metric: &Metric, kind: Option<&str>, series: &[Series]) -> Option<String> {
    if series.is_empty() {
        return Some("not in Prometheus".to_owned());
    }
    if kind != Some(metric.kind) {
        return Some(format!("Prometheus knows it as {}", kind.unwrap_or("nothing")));
    }
    for one in series {
        let missing = metric.labels.iter().find(|&&label| !one.labels.contains_key(label));
        if let Some(label) = missing {
            return Some(format!("a series without {label}: {:?}", one.labels));
        }
        let known = |label: &str| metric.labels.contains(&label) || ALWAYS.contains(&label);
        if let Some(label) = one.labels.keys().find(|label| !known(label)) {
            return Some(format!("a label that the contract does not name: {label}"));
        }
        if !one.value.is_finite() {
            return Some(format!("a value that is not finite: {:?}", one.labels));
        }
    }
    let (label, wanted) = metric.values?;
    let seen: BTreeSet<&str> =
        series.iter().filter_map(|one| one.labels.get(label)).map(String::as_str).collect();
    let absent = wanted.iter().find(|&&value| !seen.contains(value))?;
    Some(format!("no series with {label}=\"{absent}\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(labels: &[(&str, &str)]) -> Series {
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Series { labels, value: 1.0 }
    }

    #[test]
    fn judge_names_what_is_wrong() {
        let contract = Metric { values: BOTH_SERVICES, ..metric("m", "gauge", &["service"]) };
        let a = || series(&[("__name__", "m"), ("service", "A")]);
        let b = || series(&[("__name__", "m"), ("service", "B"), ("job", "inflight")]);
        let why = |kind, series: &[Series]| judge(&contract, kind, series);
        assert_eq!(why(Some("gauge"), &[a(), b()]), None);
        assert_eq!(why(Some("gauge"), &[]).unwrap(), "not in Prometheus");
        assert_eq!(why(Some("counter"), &[a(), b()]).unwrap(), "Prometheus knows it as counter");
        assert_eq!(why(Some("gauge"), &[a()]).unwrap(), "no series with service=\"B\"");
        assert!(why(Some("gauge"), &[series(&[])]).unwrap().starts_with("a series without service"));
        let odd = series(&[("service", "A"), ("otel_scope_name", "x")]);
        assert_eq!(
            why(Some("gauge"), &[odd]).unwrap(),
            "a label that the contract does not name: otel_scope_name"
        );
    }
}
