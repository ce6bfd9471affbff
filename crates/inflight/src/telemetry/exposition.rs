//! The instruments as Prometheus text (exposition format 0.0.4), from the same collection that goes out by OTLP.

use opentelemetry::KeyValue;
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, Metric, MetricData, ResourceMetrics};
use std::fmt::{Display, Write as _};

/// Writes everything that was collected. Names are used as they are: units and `_total` stand in them.
pub(super) fn text(collected: &ResourceMetrics) -> String {
    let mut out = String::new();
    for metric in collected.scope_metrics().flat_map(|scope| scope.metrics()) {
        let (kind, mut lines) = match metric.data() {
            AggregatedMetrics::F64(data) => lines(metric.name(), data),
            AggregatedMetrics::U64(data) => lines(metric.name(), data),
            AggregatedMetrics::I64(data) => lines(metric.name(), data),
        };
        // The SDK keeps series in no order; a reader should find them in one.
        lines.sort();
        header(&mut out, metric, kind);
        lines.iter().for_each(|(_, line)| out.push_str(line));
    }
    out
}

fn header(out: &mut String, metric: &Metric, kind: &str) {
    let name = metric.name();
    let help = metric.description().replace('\\', "\\\\").replace('\n', "\\n");
    let _ = write!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
}

/// The kind of a metric and its lines, each series' with its labels to sort by.
fn lines<T: Display + Copy>(name: &str, data: &MetricData<T>) -> (&'static str, Vec<(String, String)>) {
    let line = |labels: String, value: T| {
        let braces = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
        let text = format!("{name}{braces} {value}\n");
        (labels, text)
    };
    match data {
        MetricData::Gauge(gauge) => {
            ("gauge", gauge.data_points().map(|p| line(labels(p.attributes()), p.value())).collect())
        }
        MetricData::Sum(sum) => {
            let kind = if sum.is_monotonic() { "counter" } else { "gauge" };
            (kind, sum.data_points().map(|p| line(labels(p.attributes()), p.value())).collect())
        }
        MetricData::Histogram(histogram) => {
            let series = histogram.data_points().map(|point| {
                let labels = labels(point.attributes());
                let bounds: Vec<f64> = point.bounds().collect();
                let counts: Vec<u64> = point.bucket_counts().collect();
                let text = buckets(name, &labels, &bounds, &counts, point.sum());
                (labels, text)
            });
            ("histogram", series.collect())
        }
        // No instrument of ours aggregates so.
        MetricData::ExponentialHistogram(_) => ("untyped", Vec::new()),
    }
}

/// One histogram: cumulative buckets, sum and count.
fn buckets<T: Display>(name: &str, labels: &str, bounds: &[f64], counts: &[u64], sum: T) -> String {
    let comma = if labels.is_empty() { "" } else { "," };
    let braces = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
    let mut out = String::new();
    let mut below = 0;
    for (i, count) in counts.iter().enumerate() {
        below += count;
        let bound = bounds.get(i).map_or("+Inf".into(), f64::to_string);
        let _ = writeln!(out, "{name}_bucket{{{labels}{comma}le=\"{bound}\"}} {below}");
    }
    let _ = write!(out, "{name}_sum{braces} {sum}\n{name}_count{braces} {below}\n");
    out
}

/// `a="1",b="2"`, in the order of the names.
fn labels<'a>(attributes: impl Iterator<Item = &'a KeyValue>) -> String {
    let mut labels: Vec<String> = attributes
        .map(|label| {
            let value = label.value.as_str().replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            format!("{}=\"{value}\"", label.key)
        })
        .collect();
    labels.sort();
    labels.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_cumulative_and_end_with_infinity() {
        let text = buckets("d_ms", "e=\"/x\"", &[1.0, 2.5], &[3, 0, 4], 7.5);
        let expected = "d_ms_bucket{e=\"/x\",le=\"1\"} 3\nd_ms_bucket{e=\"/x\",le=\"2.5\"} 3\n\
                        d_ms_bucket{e=\"/x\",le=\"+Inf\"} 7\nd_ms_sum{e=\"/x\"} 7.5\nd_ms_count{e=\"/x\"} 7\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn label_values_are_escaped_and_labels_sorted() {
        let attributes = [KeyValue::new("b", "x\"y\\z\n"), KeyValue::new("a", "1")];
        assert_eq!(labels(attributes.iter()), "a=\"1\",b=\"x\\\"y\\\\z\\n\"");
    }
}
