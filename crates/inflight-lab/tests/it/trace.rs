//! The lives of single requests, as text and as a file.

use crate::worlds::document;
use expect_test::{Expect, expect};
use inflight_lab::{
    sim,
    trace::{TraceFile, Watched, draws, life},
    trial,
};
use serde_json::Value;
use std::{collections::BTreeMap, ops::RangeInclusive, sync::Arc};

/// Ten requests a second: A takes 100 ms, B 300 ms, one permit, and half a second of patience.
const TEXT: &str = "\
[workload]
arrivals = { constant = { rate = \"10/s\" } }
duration = \"1s\"
[service.a]
latency = { constant = \"100ms\" }
[service.b]
latency = { constant = \"300ms\" }
errors = \"0%\"
[[arm]]
name = \"tight\"
calls = \"parallel\"
whole = [ { timeout = { after = \"500ms\" } } ]
b = [ { limit = { permits = 1, queue = 1 } } ]
";

fn watched(ids: RangeInclusive<u64>) -> Arc<Watched> {
    let watched = Arc::new(Watched::new(ids));
    let ended = trial::run(&document(TEXT), 0, sim::Settings::default(), watched.clone());
    ended.unwrap_or_else(|stuck| panic!("{stuck}"));
    watched
}

fn check(id: u64, expected: Expect) {
    let lives = watched(id..=id).lives();
    expected.assert_eq(&life("tight", lives.get(&id).map_or(&[], Vec::as_slice)));
}

#[test]
fn a_life_is_told_step_by_step() {
    check(
        0,
        expect![[r#"
        /tight  starts 0.000000 ms into the run
               0.000000 ms  endpoint                starts
               0.000000 ms  service A               starts
               0.000000 ms  limit around service B  admitted at once
               0.000000 ms  service B               starts
             100.000000 ms  service A               completed after 100.000000 ms
             300.000000 ms  service B               completed after 300.000000 ms
             300.000000 ms  endpoint                completed after 300.000000 ms
    "#]],
    );
    check(
        1,
        expect![[r#"
        /tight  starts 100.000000 ms into the run
               0.000000 ms  endpoint                  starts
               0.000000 ms  service A                 starts
             100.000000 ms  service A                 completed after 100.000000 ms
             200.000000 ms  limit around service B    admitted after a wait of 200.000000 ms
             200.000000 ms  service B                 starts
             500.000000 ms  timeout around the whole  time is up after 500.000000 ms; the work is cancelled
             500.000000 ms  service B                 cancelled after 300.000000 ms
             500.000000 ms  endpoint                  timed out after 500.000000 ms
    "#]],
    );
    check(
        2,
        expect![[r#"
            /tight  starts 200.000000 ms into the run
                   0.000000 ms  endpoint                starts
                   0.000000 ms  service A               starts
                   0.000000 ms  limit around service B  rejected: queue full
                   0.000000 ms  service A               cancelled after 0.000000 ms
                   0.000000 ms  endpoint                rejected (queue full) after 0.000000 ms
        "#]],
    );
}

#[test]
fn a_life_that_never_was_is_told_as_well() {
    check(
        99,
        expect![[r#"
        /tight  there was no such request
    "#]],
    );
}

#[test]
fn draws_are_told_whatever_becomes_of_the_request() {
    let told = draws(&document(TEXT), 3);
    assert_eq!(
        told,
        "request 3, seed 1; drawn: service A 100.000000 ms of work, service B 300.000000 ms of work"
    );
    let failing = document(&TEXT.replace("\"0%\"", "\"100%\""));
    assert!(draws(&failing, 3).ends_with("service B fails"), "{}", draws(&failing, 3));
}

/// The fields that the Trace Event Format asks for, by phase.
fn assert_well_formed(event: &Value) {
    let fields: &[&str] = match event["ph"].as_str().expect("a phase") {
        "M" => &["name", "ph", "pid", "tid", "args"],
        "C" => &["name", "ph", "ts", "pid", "args"],
        "b" | "e" | "n" => &["name", "cat", "ph", "ts", "pid", "tid", "id"],
        other => panic!("no such phase is written: {other}"),
    };
    let missing: Vec<_> = fields.iter().filter(|field| event.get(**field).is_none()).collect();
    assert!(missing.is_empty(), "{event} lacks {missing:?}");
}

#[test]
fn a_file_has_the_fields_of_its_format_and_every_stretch_an_end() {
    let mut file = TraceFile::new();
    file.add("tight", &watched(0..=9));
    file.add("again", &watched(2..=3));
    let json = serde_json::to_value(&file).expect("JSON");
    assert_eq!(json["displayTimeUnit"], "ms");
    let (mut open, mut stretches) = (BTreeMap::new(), 0);
    for event in json["traceEvents"].as_array().expect("a list") {
        assert_well_formed(event);
        let key = (event["cat"].to_string(), event["id"].to_string(), event["name"].to_string());
        match event["ph"].as_str() {
            Some("b") => assert_eq!(open.insert(key, event["ts"].as_f64()), None, "one at a time: {event}"),
            Some("e") => {
                let begun = open.remove(&key).expect("it had begun");
                assert!(begun <= event["ts"].as_f64(), "{event}");
                stretches += 1;
            }
            _ => {}
        }
    }
    assert!(open.is_empty() && stretches > 30, "{stretches} and {open:?}");
}

#[test]
fn the_number_in_flight_is_counted_while_a_watched_request_is() {
    let changes: Vec<(u64, u32)> =
        watched(1..=1).in_flight().iter().map(|(at, n)| (at.as_nanos() / 1_000_000, *n)).collect();
    expect![
        "[(100, 2), (200, 3), (200, 2), (300, 1), (300, 2), (400, 3), (400, 2), (500, 3), (500, 2), (600, 1)]"
    ]
    .assert_eq(&format!("{changes:?}"));
}
