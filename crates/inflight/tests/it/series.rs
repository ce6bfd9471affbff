//! `/metrics`: every promised name is there, and strangers cannot make it grow.

use crate::{
    app::{App, blink},
    metrics::Metrics,
};
use expect_test::expect;
use std::collections::BTreeSet;

/// Every name of an app's metric in the program's one list of names. Labels have no underscore, metrics have; those of the
/// load driver are in its own files.
fn promised() -> Vec<&'static str> {
    let constants = include_str!("../../src/telemetry/names.rs").lines();
    let values = constants
        .filter_map(|line| line.strip_prefix("pub const ")?.split_once(": &str = \"")?.1.strip_suffix("\";"));
    values.filter(|name| name.contains('_') && !name.starts_with("load_")).collect()
}

fn served() -> App {
    App::serving(&blink("latency = { constant = \"2ms\" }\nerrors = \"5%\""), &[])
}

#[test]
fn every_promised_metric_is_there_after_a_few_requests() {
    let promised = promised();
    assert!(promised.len() >= 20, "the list of names was read: {promised:?}");
    let app = served();
    let mut connection = app.connect();
    for path in ["/sync", "/async", "/async-limited", "/async-timeout", "/async-timeout-detached"] {
        connection.get(path, &[("x-inflight-phase", "warm-up")]);
    }
    let metrics = app.metrics();
    let missing: Vec<_> = promised.iter().filter(|name| !metrics.has(name)).collect();
    assert_eq!(missing, [&""; 0]);
}

#[test]
fn every_metric_that_is_there_is_promised() {
    let app = served();
    app.get("/async-limited");
    let promised: BTreeSet<&str> = promised().into_iter().collect();
    let text = app.get("/metrics").body;
    let typed = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
    let strangers: Vec<&str> = typed.filter(|name| !promised.contains(name)).collect();
    assert_eq!(strangers, [""; 0]);
}

#[test]
fn counters_stand_at_zero_before_the_first_request() {
    // A rate must see the step from nothing to one.
    let metrics = served().metrics();
    let counters = metrics.0.iter().filter(|(series, _)| {
        series.starts_with("http_requests_total") || series.starts_with("service_errors_total")
    });
    expect![[r#"
        http_requests_total{endpoint="/async",status="200"} 0
        http_requests_total{endpoint="/async",status="503"} 0
        http_requests_total{endpoint="/async-limited",status="200"} 0
        http_requests_total{endpoint="/async-limited",status="503"} 0
        http_requests_total{endpoint="/async-timeout",status="200"} 0
        http_requests_total{endpoint="/async-timeout",status="408"} 0
        http_requests_total{endpoint="/async-timeout",status="503"} 0
        http_requests_total{endpoint="/async-timeout-detached",status="200"} 0
        http_requests_total{endpoint="/async-timeout-detached",status="408"} 0
        http_requests_total{endpoint="/async-timeout-detached",status="503"} 0
        http_requests_total{endpoint="/sync",status="200"} 0
        http_requests_total{endpoint="/sync",status="503"} 0
        service_errors_total{service="A"} 0
        service_errors_total{service="B"} 0
    "#]]
    .assert_eq(&counters.map(|(series, value)| format!("{series} {value}\n")).collect::<String>());
}

#[test]
fn counters_and_gauges_add_up() {
    let app = served();
    let mut connection = app.connect();
    for id in 0..200 {
        connection.get("/async", &[("x-inflight-id", &id.to_string())]);
    }
    let m = app.metrics();
    let (good, failed) = (m.requests("/async", 200), m.requests("/async", 503));
    assert_eq!(good + failed, 200.0);
    assert_eq!(m.value("service_errors_total{service=\"B\"}"), failed);
    assert_eq!(m.value("service_errors_total{service=\"A\"}"), 0.0);
    assert_eq!(m.value("service_duration_ms_count{service=\"B\"}"), good);
    assert_eq!(m.value("http_request_duration_ms_count{endpoint=\"/async\",status=\"200\"}"), good);
    let sum = m.value("http_request_duration_ms_sum{endpoint=\"/async\",status=\"200\"}");
    assert!(sum >= good * 2.0, "B alone takes 2 ms each: {sum}");
    assert_eq!(m.sum("http_inflight") + m.sum("service_inflight"), 0.0);
    assert_eq!(m.sum("http_connections"), 2.0, "the client's and the one that asks");
}

fn series(app: &App) -> BTreeSet<String> {
    app.metrics().0.into_keys().collect()
}

#[test]
fn strangers_make_one_series_whatever_they_ask_for() {
    let app = served();
    let mut connection = app.connect();
    let before = series(&app);
    for i in 0..1000_u64 {
        let path = format!("/{:x}?{i}", i.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        assert_eq!(connection.get(&path, &[]).status, 404);
    }
    let after = series(&app);
    let new: Vec<&String> = after.difference(&before).collect();
    assert_eq!(new, ["http_requests_total{endpoint=\"unmatched\",status=\"404\"}"]);
    assert_eq!(app.metrics().requests("unmatched", 404), 1000.0);
    assert_eq!(before.difference(&after).count(), 0);
}

#[test]
fn health_and_metrics_are_not_counted() {
    let app = served();
    let before = app.metrics().sum("http_requests_total");
    for _ in 0..10 {
        app.get("/health");
        app.metrics();
    }
    assert_eq!(app.metrics().sum("http_requests_total"), before);
}

/// The phases and whether each is the present one.
fn phases(metrics: &Metrics) -> Vec<(String, f64)> {
    let of =
        |series: &str| Some(series.strip_prefix("lab_phase_info{phase=\"")?.strip_suffix("\"}")?.to_string());
    metrics.0.iter().filter_map(|(series, value)| Some((of(series)?, *value))).collect()
}

#[test]
fn the_phase_heard_of_last_is_one_and_the_others_are_zero() {
    let app = served();
    let mut connection = app.connect();
    let mut tell = |phase: &str| connection.get("/sync", &[("x-inflight-phase", phase)]).status;
    ["burst", "calm", "Upper", "", "a b", &"x".repeat(33)].iter().for_each(|phase| {
        tell(phase);
    });
    assert_eq!(phases(&app.metrics()), [("burst".into(), 0.0), ("calm".into(), 1.0)]);
    tell("burst");
    assert_eq!(phases(&app.metrics()), [("burst".into(), 1.0), ("calm".into(), 0.0)]);
    (0..100).for_each(|i| {
        tell(&format!("phase-{i}"));
    });
    let phases = phases(&app.metrics());
    assert!(phases.len() <= 16, "{}", phases.len());
    assert_eq!(phases.iter().map(|(_, is)| is).sum::<f64>(), 1.0);
}
