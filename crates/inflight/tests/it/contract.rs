//! What the endpoints promise over HTTP: bodies field by field, status codes, headers.

use crate::{
    app::{App, blink},
    client::{Connection, Response, all_at_once},
    draws::{Drawn, drawn},
};
use expect_test::expect;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Name, and whether A and B are called one after the other.
const ENDPOINTS: [(&str, bool); 5] = [
    ("sync", true),
    ("async", false),
    ("async-limited", false),
    ("async-timeout", false),
    ("async-timeout-detached", false),
];

/// How much longer than its work a request may take on a busy machine.
const SLACK_MS: u64 = 150;

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

/// Asks every endpoint for request `id`, all at the same time.
fn from_all(app: &App, id: u64) -> Vec<(&'static str, bool, Response)> {
    let asked: Vec<_> = ENDPOINTS
        .iter()
        .map(|(name, _)| {
            let mut connection = app.connect();
            connection.ask("GET", &format!("/{name}"), &[("x-inflight-id", &id.to_string())]);
            connection
        })
        .collect();
    let answered = asked.into_iter().map(|mut c| c.receive().expect("an answer"));
    ENDPOINTS.iter().zip(answered).map(|(&(name, sequential), answer)| (name, sequential, answer)).collect()
}

/// The first request that is drawn so.
fn first(is_so: impl Fn(&Drawn) -> bool) -> Drawn {
    drawn(0..).find(is_so).expect("there is one")
}

#[track_caller]
fn assert_within(total: &Value, from: u64) {
    let total = total.as_u64().expect("whole milliseconds");
    // Both sides are rounded to the millisecond.
    assert!((from.saturating_sub(1)..from + SLACK_MS).contains(&total), "{total} ms for {from} ms of work");
}

#[test]
fn a_good_answer_has_exactly_the_fields_of_the_original() {
    let app = App::built_in(&[], &[]);
    let request = first(|d| d.b_ms.is_some_and(|b| b < 400));
    let (a, b) = (request.a_ms, request.b_ms.expect("it succeeds"));
    assert!((50..=150).contains(&a) && (300..=1200).contains(&b));
    for (mode, sequential, answer) in from_all(&app, request.id) {
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")), "{mode}");
        let body = answer.json();
        assert_within(&body["totalMs"], if sequential { a + b } else { a.max(b) });
        let expected = json!({
            "serviceAData": { "value": "data-from-A", "sleepMs": a },
            "serviceBData": { "value": "data-from-B", "sleepMs": b },
            "mode": mode,
            "totalMs": body["totalMs"],
        });
        assert_eq!(body, expected);
    }
}

#[test]
fn fields_stand_in_the_order_of_the_original() {
    let app = App::serving(&blink("latency = { constant = \"2ms\" }\nerrors = \"0%\""), &[]);
    let total = |r: Response| r.body.split("totalMs\":").next().expect("a part").to_string();
    expect![[r#"{"serviceAData":{"value":"data-from-A","sleepMs":1},"serviceBData":{"value":"data-from-B","sleepMs":2},"mode":"async-limited",""#]]
    .assert_eq(&total(app.get("/async-limited")));
}

#[test]
fn a_failure_of_b_is_503_at_once() {
    let app = App::built_in(&[], &[]);
    let request = first(|d| d.b_ms.is_none());
    for (mode, sequential, answer) in from_all(&app, request.id) {
        assert_eq!((answer.status, answer.header("content-type")), (503, Some("application/json")), "{mode}");
        assert_eq!(answer.header("retry-after"), None, "it was not refused: it failed");
        let body = answer.json();
        assert_within(&body["totalMs"], if sequential { request.a_ms } else { 0 });
        assert_eq!(body, json!({ "mode": mode, "totalMs": body["totalMs"], "error": "service B failed" }));
    }
}

#[test]
fn a_deadline_that_is_missed_is_408() {
    let app = App::built_in(&[], &[]);
    let request = first(|d| d.b_ms.is_some_and(|b| (800..900).contains(&b)));
    for (mode, sequential, answer) in from_all(&app, request.id) {
        let body = answer.json();
        if !mode.starts_with("async-timeout") {
            let b = request.b_ms.expect("it succeeds");
            assert_eq!(answer.status, 200, "{mode}");
            assert_within(&body["totalMs"], if sequential { request.a_ms + b } else { b });
            continue;
        }
        assert_eq!((answer.status, answer.header("content-type")), (408, Some("application/json")), "{mode}");
        assert_within(&body["totalMs"], 600);
        assert_eq!(keys(&body), BTreeSet::from(["mode", "totalMs", "error"]));
        assert_eq!(body["mode"], mode);
        assert_eq!(body["error"], "no answer within 600ms");
    }
}

#[test]
fn what_a_limit_refuses_is_503_with_retry_after() {
    let config = "service.b.errors = \"0%\"\n[[endpoint]]\nname = \"one\"\ncalls = \"parallel\"\n\
                  whole = [ { limit = { permits = 1, queue = 0 } } ]\n";
    let app = App::serving(config, &[]);
    let answers = all_at_once(app.address, "/one", 0..6);
    let statuses: Vec<u16> = answers.iter().map(|(_, answer)| answer.status).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    for (_, refused) in answers.iter().filter(|(_, answer)| answer.status != 200) {
        let (status, after) = (refused.status, refused.header("retry-after"));
        assert_eq!((status, after), (503, Some("1")), "{refused:?}");
        let names: Vec<String> = timings(refused).into_iter().flatten().map(|(name, _)| name).collect();
        assert_eq!(names, ["total"], "no part of the work took any time");
        assert_eq!(keys(&refused.json()), BTreeSet::from(["mode", "totalMs", "error"]));
        assert_eq!(refused.json()["error"], "rejected by limit: limit reached", "{refused:?}");
    }
}

/// Method, path, and what must come back: status, type, `Allow`, body.
type Plain = (&'static str, &'static str, u16, &'static str, Option<&'static str>, &'static str);

const INDEX: &str = "Inflight: GET one of\n  /async\n  \
                     /async-adaptive\n  \
                     /async-adaptive-lifo\n  \
                     /async-breaker\n  \
                     /async-bulkhead\n  \
                     /async-coalesced\n  \
                     /async-codel\n  \
                     /async-deadline\n  \
                     /async-hedged\n  \
                     /async-limited\n  \
                     /async-max-wait\n  \
                     /async-rate-limited\n  \
                     /async-resilient\n  \
                     /async-retry\n  \
                     /async-retry-budget\n  \
                     /async-shed\n  \
                     /async-throttled\n  \
                     /async-timeout\n  \
                     /async-timeout-detached\n  \
                     /sync\n  /health\n  /metrics\n";
const NOT_FOUND: &str = r#"{"error":"no such endpoint; GET / lists them"}"#;
const ONLY_GET: &str = r#"{"error":"only GET"}"#;

#[test]
fn everything_but_the_endpoints_answers_at_once() {
    let app = App::built_in(&[], &[]);
    let expected: [Plain; 13] = [
        ("GET", "/health", 200, "text/plain", None, "ok"),
        ("GET", "/health?verbose", 200, "text/plain", None, "ok"),
        ("GET", "/", 200, "text/plain", None, INDEX),
        ("GET", "/nowhere", 404, "application/json", None, NOT_FOUND),
        ("GET", "/sync/", 404, "application/json", None, NOT_FOUND),
        ("GET", "/SYNC", 404, "application/json", None, NOT_FOUND),
        ("POST", "/nowhere", 404, "application/json", None, NOT_FOUND),
        ("POST", "/sync", 405, "application/json", Some("GET"), ONLY_GET),
        ("PUT", "/async", 405, "application/json", Some("GET"), ONLY_GET),
        ("DELETE", "/async-limited", 405, "application/json", Some("GET"), ONLY_GET),
        ("OPTIONS", "/async-timeout", 405, "application/json", Some("GET"), ONLY_GET),
        ("PATCH", "/health", 405, "application/json", Some("GET"), ONLY_GET),
        ("POST", "/metrics", 405, "application/json", Some("GET"), ONLY_GET),
    ];
    let mut connection = app.connect();
    for (method, path, status, kind, allow, body) in expected {
        connection.ask(method, path, &[]);
        let answer = connection.receive().expect("an answer");
        let found = (answer.status, answer.header("content-type"), answer.header("allow"), &answer.body[..]);
        assert_eq!(found, (status, Some(kind), allow, body), "{method} {path}");
    }
}

#[test]
fn a_query_does_not_change_the_endpoint() {
    let app = App::serving(&blink("latency = { constant = \"1ms\" }\nerrors = \"0%\""), &[]);
    assert_eq!(app.get("/sync?x=/async").json()["mode"], "sync");
}

#[test]
fn one_connection_serves_many_requests() {
    let app = App::serving(&blink("latency = { constant = \"1ms\" }\nerrors = \"0%\""), &[]);
    let mut connection = app.connect();
    for (name, _) in ENDPOINTS {
        let answer = connection.get(&format!("/{name}"), &[]);
        assert_eq!((answer.status, answer.header("connection")), (200, None), "{name}");
        assert_eq!(answer.json()["mode"], name);
    }
}

#[test]
fn a_request_that_is_not_http_is_400_and_the_app_lives_on() {
    let app = App::built_in(&[], &[]);
    for garbage in ["\u{1}\u{2}\u{3}\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/1.1\r\nno colon\r\n\r\n"] {
        let mut connection = app.connect();
        connection.send(garbage);
        assert_eq!(connection.receive().map(|answer| answer.status).ok(), Some(400), "{garbage:?}");
        assert!(connection.is_closed());
    }
    assert_eq!(app.get("/health").status, 200);
}

/// `Server-Timing` as pairs of name and milliseconds.
fn timings(answer: &Response) -> Option<Vec<(String, f64)>> {
    let header = answer.header("server-timing")?;
    let parts = header.split(", ").map(|part| part.split_once(";dur=").expect("name;dur=number"));
    Some(parts.map(|(name, ms)| (name.into(), ms.parse().expect("a number"))).collect())
}

#[test]
fn server_timing_is_for_those_who_number_their_requests() {
    let app = App::serving(&blink("latency = { constant = \"5ms\" }\nerrors = \"0%\""), &[]);
    let ask = |path: &str, headers: &[(&str, &str)]| Connection::open(app.address).get(path, headers);
    for (name, _) in ENDPOINTS {
        let path = format!("/{name}");
        assert_eq!(timings(&ask(&path, &[])), None);
        assert_eq!(timings(&ask(&path, &[("x-inflight-id", "seven")])), None);
        let timings = timings(&ask(&path, &[("x-inflight-id", "7")])).expect("it was numbered");
        let mut names: Vec<&str> = timings.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        let limited = ["A", "B", "total", "wait"];
        let expected = if name == "async-limited" { &limited[..] } else { &limited[..3] };
        assert_eq!(names, expected, "{name}");
        let ms = |wanted: &str| timings.iter().find(|(name, _)| name == wanted).expect("it is there").1;
        assert!(ms("A") >= 1.0 && ms("B") >= 5.0 && ms("total") >= ms("B"), "{timings:?}");
    }
}
