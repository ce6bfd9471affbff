//! The endpoints of the default configuration, and what becomes visible of the decisions of their strategies.

use crate::{
    app::App,
    client::{Connection, all_at_once},
    draws::drawn,
};
use inflight_lab::experiment::Document;

fn built_in() -> Document {
    let text = include_str!("../../src/app/default.toml");
    Document::read(text, "default.toml", &|_| Err("no file".into())).expect("it is valid")
}

#[test]
fn every_endpoint_of_the_default_configuration_answers() {
    let app = App::built_in(&[], &[]);
    let id = drawn(0..).find(|d| d.b_ms.is_some_and(|b| b < 400)).expect("there is one").id.to_string();
    let ask = |name: &str| {
        let mut connection = app.connect();
        connection.ask("GET", &format!("/{name}"), &[("x-inflight-id", &id)]);
        connection
    };
    let endpoints = built_in().endpoints;
    assert!(endpoints.len() >= 20);
    let asked: Vec<Connection> = endpoints.iter().map(|spec| ask(&spec.name)).collect();
    for (spec, mut connection) in endpoints.iter().zip(asked) {
        let answer = connection.receive().expect("an answer");
        assert_eq!((answer.status, &answer.json()["mode"]), (200, &spec.name.as_str().into()), "{answer:?}");
    }
}

#[test]
fn every_layer_of_every_endpoint_is_at_metrics_from_the_start() {
    let metrics = App::built_in(&[], &[]).metrics();
    for spec in built_in().endpoints {
        for (around, layers) in [("whole", &spec.whole), ("A", &spec.a), ("B", &spec.b)] {
            for layer in layers {
                let series = format!("strategy_decisions_total{{around=\"{around}\",decision=\"",);
                let (endpoint, strategy) =
                    (format!("endpoint=\"/{}\"", spec.name), format!("strategy=\"{}\"", layer.name()));
                let is_it = |key: &String| {
                    key.starts_with(&series) && key.contains(&endpoint) && key.contains(&strategy)
                };
                assert!(metrics.0.keys().any(is_it), "{endpoint} {around} {strategy}");
            }
        }
    }
}

/// B takes 60 ms and never fails, unless `broken`.
fn config(broken: bool, layers: &str) -> String {
    let errors = if broken { "100%" } else { "0%" };
    format!(
        "[service.a]\nlatency = {{ constant = \"1ms\" }}\n[service.b]\nlatency = {{ constant = \"60ms\" }}\n\
         errors = \"{errors}\"\n[[endpoint]]\nname = \"x\"\ncalls = \"parallel\"\nb = [ {layers} ]\n"
    )
}

/// What is told of endpoint x after so many requests at once: decisions and reasons of which there were any.
fn told(broken: bool, layers: &str, requests: u64) -> Vec<String> {
    let app = App::serving(&config(broken, layers), &[]);
    all_at_once(app.address, "/x", 0..requests);
    let label = |series: &str, name: &str| {
        let after = series.split_once(&format!("{name}=\""))?.1;
        Some(after.split_once('"')?.0.to_string())
    };
    let mut told: Vec<String> = app
        .metrics()
        .0
        .iter()
        .filter(|(series, count)| series.starts_with("strategy_decisions_total") && **count > 0.0)
        .map(|(series, _)| {
            let of = |name| label(series, name).unwrap_or_default();
            format!("{} {} {}", of("strategy"), of("decision"), of("why")).trim_end().to_string()
        })
        .collect();
    told.sort();
    told
}

#[test]
fn what_limits_decide_is_counted_with_its_reason() {
    assert_eq!(
        told(false, "{ limit = { permits = 1, queue = 1 } }", 3),
        ["limit admitted", "limit rejected queue full"]
    );
    assert_eq!(
        told(false, "{ limit = { permits = { aimd = { initial = 1, min = 1 } }, queue = 0 } }", 1),
        ["limit admitted", "limit limit changed headroom"]
    );
    assert_eq!(told(false, "{ timeout = { after = \"5ms\" } }", 1), ["timeout timed out cancelled"]);
    assert_eq!(
        told(false, "{ rate-limit = { rate = \"1/s\" } }", 2)[1..],
        ["rate-limit rejected rate exceeded"]
    );
    assert_eq!(told(false, "{ coalesce = { keys = 1 } }", 2), ["coalesce joined"]);
}

#[test]
fn what_is_sent_again_and_why_it_is_not_is_counted() {
    let backoff = "backoff = { fixed = \"1ms\" }";
    let retry = format!("{{ retry = {{ {backoff}, budget = {{ bucket = {{ capacity = 5 }} }} }} }}");
    assert_eq!(told(true, &retry, 1), ["retry budget empty", "retry retried"]);
    let hedge = "{ hedge = { after = \"10ms\", budget = \"none\" } }";
    assert_eq!(told(false, hedge, 1), ["hedge hedge cancelled", "hedge hedged"]);
    let breaker = "{ breaker = { in-a-row = 1 } }";
    assert_eq!(told(true, breaker, 1), ["breaker breaker moved open"]);
}
