//! What the environment does to `inflight serve`, and what it may not be.

use crate::{
    app::App,
    program::{Said, inflight},
};
use expect_test::{Expect, expect};
use std::net::TcpListener;

fn serve(args: &[&str], env: &[(&str, &str)]) -> Said {
    let mut command = inflight();
    command.arg("serve").args(args).envs(env.iter().copied());
    Said::by(command)
}

/// The lines in which the configuration differs from the built-in one.
#[track_caller]
fn check_difference(env: &[(&str, &str)], expected: Expect) {
    let (was, is) = (serve(&["--print-config"], &[]), serve(&["--print-config"], env));
    assert_eq!((is.code, is.stderr.as_str()), (0, ""));
    assert_eq!(was.stdout.lines().count(), is.stdout.lines().count());
    let pairs = was.stdout.lines().zip(is.stdout.lines()).filter(|(was, is)| was != is);
    expected.assert_eq(&pairs.map(|(was, is)| format!("- {was}\n+ {is}\n")).collect::<String>());
}

#[test]
fn nothing_in_the_environment_is_the_built_in_configuration() {
    let said = serve(&["--print-config"], &[]);
    assert_eq!(said.stdout, include_str!("../../src/app/default.toml"));
    assert_eq!((said.code, said.stderr.as_str()), (0, ""));
}

#[test]
fn variables_change_only_the_values_that_they_name() {
    check_difference(
        &[("B_CONCURRENCY_LIMIT", "7")],
        expect![[r#"
            - b     = [ { limit = { permits = 20, queue = "unbounded" } } ]
            + b     = [ { limit = { permits = 7, queue = "unbounded" } } ]
        "#]],
    );
    check_difference(
        &[("ASYNC_TIMEOUT_MS", "1500")],
        expect![[r#"
            - whole = [ { timeout = { after = "600ms" } } ]
            + whole = [ { timeout = { after = "1.5s" } } ]
            - whole = [ { timeout = { after = "600ms", late = "detach" } } ]
            + whole = [ { timeout = { after = "1.5s", late = "detach" } } ]
        "#]],
    );
    check_difference(&[("B_CONCURRENCY_LIMIT", ""), ("ASYNC_TIMEOUT_MS", " "), ("PORT", "")], expect![[""]]);
}

#[test]
fn what_is_printed_can_be_served_and_prints_itself() {
    let dir = crate::program::Dir::new();
    let file = dir.file("mine.toml", serve(&["--print-config"], &[("B_CONCURRENCY_LIMIT", "3")]).stdout);
    let args = ["--print-config", "--config", file.to_str().expect("a path in text")];
    assert_eq!(serve(&args, &[]).stdout, std::fs::read_to_string(&file).expect("just written"));
}

#[test]
fn the_limit_is_the_one_of_the_environment() {
    let app = App::built_in(&[], &[("B_CONCURRENCY_LIMIT", "2")]);
    let mut clients: Vec<_> = (0..6).map(|_| app.connect()).collect();
    clients.iter_mut().for_each(|client| client.ask("GET", "/async-limited", &[]));
    app.until("all six are inside, two of them in B", |m| {
        m.inflight("/async-limited") >= 3.0 && m.service_inflight("B") == 2.0
    });
}

#[test]
fn the_deadline_is_the_one_of_the_environment() {
    let app = App::built_in(&[], &[("ASYNC_TIMEOUT_MS", "120")]);
    // Request 0 does not fail: B draws at least 300 ms for every request that it does not fail.
    let answer = app.connect().get("/async-timeout", &[("x-inflight-id", "0")]);
    assert_eq!(answer.status, 408);
    let total = answer.json()["totalMs"].as_u64().expect("whole milliseconds");
    assert!((119..300).contains(&total), "{total}");
}

#[test]
fn the_port_is_that_of_the_environment_unless_a_flag_says_otherwise() {
    // A port that is taken tells which one was asked for.
    let (taken, other) = (TcpListener::bind("127.0.0.1:0"), TcpListener::bind("127.0.0.1:0"));
    let [taken, other] = [taken, other].map(|l| l.expect("a free port"));
    let port = |l: &TcpListener| l.local_addr().expect("it is bound").port().to_string();
    let named = |said: Said| {
        assert_eq!((said.code, said.stdout.as_str()), (1, ""));
        said.stderr.replace(&port(&taken), "TAKEN").replace(&port(&other), "OTHER")
    };
    expect![[r#"
        error: cannot listen on 127.0.0.1:TAKEN: Address already in use (os error 98); choose another port with --port or PORT (0: any free one)
    "#]]
    .assert_eq(&named(serve(&[], &[("PORT", &port(&taken))])));
    expect![[r#"
        error: cannot listen on 127.0.0.1:OTHER: Address already in use (os error 98); choose another port with --port or PORT (0: any free one)
    "#]]
    .assert_eq(&named(serve(&["--port", &port(&other)], &[("PORT", &port(&taken))])));
}

#[test]
fn bad_variables_are_bad_input_with_one_message_each() {
    let bad = [
        ("PORT", "http"),
        ("PORT", "65536"),
        ("PORT", "-1"),
        ("PORT", "80.5"),
        ("B_CONCURRENCY_LIMIT", "0"),
        ("B_CONCURRENCY_LIMIT", "many"),
        ("B_CONCURRENCY_LIMIT", "1000001"),
        ("B_CONCURRENCY_LIMIT", "99999999999999999999"),
        ("ASYNC_TIMEOUT_MS", "0"),
        ("ASYNC_TIMEOUT_MS", "600ms"),
        ("ASYNC_TIMEOUT_MS", "1e3"),
        ("ASYNC_TIMEOUT_MS", "\u{1b}[31m"),
    ];
    let mut all = String::new();
    for (name, value) in bad {
        let said = serve(&[], &[(name, value)]);
        assert_eq!((said.code, said.stdout.as_str()), (2, ""), "{name}={value}");
        assert_eq!(said.stderr.lines().count(), 1, "{}", said.stderr);
        all.push_str(&said.stderr);
    }
    expect![[r#"
        error: environment variable PORT="http": expected a port from 0 to 65535 (0: any free one); change or unset it
        error: environment variable PORT="65536": expected a port from 0 to 65535 (0: any free one); change or unset it
        error: environment variable PORT="-1": expected a port from 0 to 65535 (0: any free one); change or unset it
        error: environment variable PORT="80.5": expected a port from 0 to 65535 (0: any free one); change or unset it
        error: environment variable B_CONCURRENCY_LIMIT="0": expected a number of permits from 1 to 1000000; change or unset it
        error: environment variable B_CONCURRENCY_LIMIT="many": expected a number of permits from 1 to 1000000; change or unset it
        error: environment variable B_CONCURRENCY_LIMIT="1000001": expected a number of permits from 1 to 1000000; change or unset it
        error: environment variable B_CONCURRENCY_LIMIT="99999999999999999999": expected a number of permits from 1 to 1000000; change or unset it
        error: environment variable ASYNC_TIMEOUT_MS="0": expected milliseconds from 1 to 3600000; change or unset it
        error: environment variable ASYNC_TIMEOUT_MS="600ms": expected milliseconds from 1 to 3600000; change or unset it
        error: environment variable ASYNC_TIMEOUT_MS="1e3": expected milliseconds from 1 to 3600000; change or unset it
        error: environment variable ASYNC_TIMEOUT_MS="\u{1b}[31m": expected milliseconds from 1 to 3600000; change or unset it
    "#]].assert_eq(&all);
}

#[test]
fn telemetry_that_cannot_be_is_bad_input() {
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9");
    let bad: [&[(&str, &str)]; 3] = [
        &[("OTEL_EXPORTER_OTLP_ENDPOINT", "https://collector:4318")],
        &[("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318")],
        &[endpoint, ("OTEL_METRIC_EXPORT_INTERVAL", "3s")],
    ];
    let mut all = String::new();
    for env in bad {
        let said = serve(&["--port", "0"], env);
        assert_eq!((said.code, said.stdout.as_str()), (2, ""), "{env:?}");
        all.push_str(&said.stderr);
    }
    expect![[r#"
        error: the OTLP endpoint "https://collector:4318/v1/metrics" cannot be used: expected http://host:port (telemetry goes without TLS; put a collector on this machine between)
        error: the OTLP endpoint "collector:4318/v1/metrics" cannot be used: expected http://host:port (telemetry goes without TLS; put a collector on this machine between)
        error: environment variable OTEL_METRIC_EXPORT_INTERVAL="3s": expected milliseconds from 100 to 3600000; change or unset it
    "#]].assert_eq(&all);
}

#[test]
fn a_variable_that_nothing_uses_is_a_warning() {
    let dir = crate::program::Dir::new();
    let file = dir.file("mine.toml", "[[endpoint]]\nname = \"x\"\ncalls = \"parallel\"\n");
    let args = ["--print-config", "--config", file.to_str().expect("a path in text")];
    let said = serve(&args, &[("B_CONCURRENCY_LIMIT", "3"), ("ASYNC_TIMEOUT_MS", "3")]);
    assert_eq!(said.code, 0);
    expect![[r#"
        warning: B_CONCURRENCY_LIMIT is set, but no endpoint of the configuration uses it
        warning: ASYNC_TIMEOUT_MS is set, but no endpoint of the configuration uses it
    "#]]
    .assert_eq(&said.stderr);
}
