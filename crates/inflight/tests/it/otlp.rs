//! The driver's own metrics at a collector: what arrives in the end is what the result says.

use crate::{
    app::{App, blink},
    driver::head,
    program::{Said, inflight},
};
use opentelemetry_proto::tonic::{
    collector::metrics::v1::ExportMetricsServiceRequest,
    common::v1::{KeyValue, any_value::Value as Any},
    metrics::v1::{HistogramDataPoint, Metric, metric::Data, number_data_point::Value as Number},
};
use prost::Message as _;
use serde_json::Value;
use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener},
    sync::{Arc, Mutex},
    thread,
};

/// What a collector was sent, in order.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<ExportMetricsServiceRequest>>>);

/// A collector on a thread of its own, as long as the test lasts.
fn collector() -> (SocketAddr, Heard) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let heard = Heard::default();
    let keep = heard.clone();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (Ok(mut stream), keep) = (stream, keep.clone()) else { return };
            thread::spawn(move || {
                while let Some(head) = head(&mut stream) {
                    assert!(head.starts_with("POST /v1/metrics "), "{head}");
                    let length = head.to_ascii_lowercase().lines().find_map(|line| {
                        line.strip_prefix("content-length:").and_then(|length| length.trim().parse().ok())
                    });
                    let mut body = vec![0; length.expect("a length")];
                    stream.read_exact(&mut body).expect("a whole body");
                    let metrics = ExportMetricsServiceRequest::decode(&body[..]).expect("metrics");
                    keep.0.lock().expect("nobody panicked").push(metrics);
                    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
                }
            });
        }
    });
    (address, heard)
}

fn metric<'a>(request: &'a ExportMetricsServiceRequest, name: &str) -> &'a Data {
    let all = request.resource_metrics.iter().flat_map(|r| &r.scope_metrics).flat_map(|s| &s.metrics);
    let metric = all.clone().find(|metric| metric.name == name);
    let names = || all.map(|metric: &Metric| metric.name.as_str()).collect::<Vec<_>>();
    let metric = metric.unwrap_or_else(|| panic!("no {name} among {:?}", names()));
    metric.data.as_ref().expect("data")
}

fn is(labels: &[KeyValue], name: &str, value: &str) -> bool {
    let said = |label: &KeyValue| match label.value.as_ref()?.value.as_ref()? {
        Any::StringValue(text) => Some(text.clone()),
        _ => None,
    };
    labels.iter().any(|label| label.key == name && said(label).as_deref() == Some(value))
}

fn histogram<'a>(request: &'a ExportMetricsServiceRequest, name: &str, from: &str) -> &'a HistogramDataPoint {
    let Data::Histogram(histogram) = metric(request, name) else { panic!("a histogram") };
    let points = &histogram.data_points;
    let point = points.iter().find(|point| from.is_empty() || is(&point.attributes, "from", from));
    point.expect("a point")
}

fn number(request: &ExportMetricsServiceRequest, name: &str, ending: &str) -> u64 {
    let points = match metric(request, name) {
        Data::Sum(sum) => &sum.data_points,
        Data::Gauge(gauge) => &gauge.data_points,
        _ => panic!("a number"),
    };
    let point = points.iter().find(|point| ending.is_empty() || is(&point.attributes, "ending", ending));
    match point.and_then(|point| point.value) {
        Some(Number::AsInt(number)) => number as u64,
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn a_collector_hears_what_the_result_says_and_hears_it_while_it_goes_on() {
    let app = App::serving(&blink("latency = { constant = \"5ms\" }\nerrors = \"20%\""), &[]);
    let (address, heard) = collector();
    let mut command = inflight();
    command.args(["load", &format!("http://{}/async", app.address), "-c", "50", "--rate", "200/s"]);
    command.args(["-d", "1s", "--json", "--otlp", &format!("http://{address}")]);
    command.env("OTEL_METRIC_EXPORT_INTERVAL", "200");
    let said = Said::by(command);
    let run: Value = serde_json::from_str(&said.stdout).unwrap_or_else(|e| panic!("{e}: {said:?}"));
    let load = &run["load"][0];
    let count = |path: &str| load.pointer(path).and_then(Value::as_u64).unwrap_or(0);

    let heard = heard.0.lock().expect("nobody panicked");
    assert!(heard.len() >= 3, "only {} times", heard.len());
    let last = heard.last().expect("the end was told");
    for (ending, count) in load["endings"].as_object().expect("a table") {
        assert_eq!(Some(number(last, "load_requests_total", ending)), count.as_u64(), "{ending}");
    }
    let intended = histogram(last, "load_request_duration_ms", "intended");
    assert_eq!(intended.count, count("/intended/count"));
    assert_eq!(histogram(last, "load_request_duration_ms", "sent").count, count("/wire/sent/count"));
    assert_eq!(histogram(last, "load_begun_late_ms", "").count, count("/lateness/count"));
    let mean_ms = intended.sum.expect("a sum") / intended.count as f64;
    let said_ms = count("/intended/mean_ns") as f64 / 1e6;
    assert!((mean_ms / said_ms - 1.0).abs() < 0.01, "{mean_ms} {said_ms}");
    assert_eq!(number(last, "load_in_flight", ""), 0);
    let is_trustworthy = load["audit"]["verdict"] == "trustworthy";
    assert_eq!(number(last, "load_trustworthy", ""), u64::from(is_trustworthy));
}

#[test]
fn where_metrics_go_is_read_before_anything_is_sent() {
    let mut command = inflight();
    command.args(["load", "http://127.0.0.1:1/", "-c", "5", "--otlp", "localhost:4318"]);
    let said = Said::by(command);
    assert_eq!((said.code, said.stdout.as_str()), (2, ""), "{said:?}");
    assert!(said.stderr.starts_with("error: the OTLP endpoint \"localhost:4318/v1/metrics\""), "{said:?}");
}
