//! `inflight load` against an app of our own, against nobody, and cut short.

use crate::{
    app::{App, blink},
    driver::nobody,
    program::{Program, Said, Talk, inflight},
    wait::{Stopwatch, eventually},
};
use expect_test::expect;
use rustix::process::Signal;
use serde_json::Value;
use std::{
    net::SocketAddr,
    process::{Command, Stdio},
};

/// Endpoints whose B takes this long and never fails.
fn taking(b: &str) -> App {
    App::serving(&blink(&format!("latency = {{ constant = \"{b}\" }}\nerrors = \"0%\"")), &[])
}

fn load(urls: &[String], args: &[&str]) -> Command {
    let mut command = inflight();
    // Few enough connections for any limit on open files.
    command.arg("load").args(urls).args(["--connections", "100"]).args(args);
    command
}

fn url(address: SocketAddr, path: &str) -> String {
    format!("http://{address}{path}")
}

/// What was measured, from `--json`: one value per arm.
fn arms(said: &Said) -> Vec<Value> {
    let run: Value = serde_json::from_str(&said.stdout).unwrap_or_else(|e| panic!("{e}: {said:?}"));
    run["experiments"][0]["arms"].as_array().expect("a list").clone()
}

fn count(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

fn sum_of_endings(arm: &Value) -> u64 {
    arm["endings"].as_object().expect("a table").values().map(count).sum()
}

/// The exit code says whether the figures can be trusted: on a busy machine they cannot.
fn assert_trusted_or_not(said: &Said) {
    let run: Value = serde_json::from_str(&said.stdout).unwrap_or_else(|e| panic!("{e}: {said:?}"));
    let problems = run["validity"]["problems"].as_array().expect("a list");
    assert_eq!(said.code, if problems.is_empty() { 0 } else { 4 }, "{problems:?}");
}

#[test]
fn offered_equals_the_sum_of_outcomes_and_what_the_target_counted() {
    let app = App::serving(&blink("latency = { constant = \"5ms\" }\nerrors = \"20%\""), &[]);
    let urls = [url(app.address, "/sync"), url(app.address, "/async")];
    let said = Said::by(load(&urls, &["--rate", "200/s", "--duration", "1s", "--json"]));
    assert_trusted_or_not(&said);
    let metrics = app.metrics();
    for arm in arms(&said) {
        let offered = count(&arm["offered"]);
        assert!((120..=280).contains(&offered), "{offered}");
        assert_eq!(sum_of_endings(&arm), offered);
        let path = format!("/{}", arm["name"].as_str().expect("text"));
        assert_eq!(metrics.requests(&path, 200), count(&arm["endings"]["completed"]) as f64);
        assert_eq!(metrics.requests(&path, 503), count(&arm["endings"]["failed"]) as f64);
    }
}

#[test]
fn the_same_seed_offers_the_same() {
    let app = taking("1ms");
    let offered = |seed: &str| {
        let args = ["--rate", "300/s", "--duration", "500ms", "--json", "--seed", seed];
        count(&arms(&Said::by(load(&[url(app.address, "/async")], &args)))[0]["offered"])
    };
    let seven = offered("7");
    assert_eq!(seven, offered("7"));
    assert_ne!(seven, offered("9"));
}

#[test]
fn constant_arrivals_are_as_many_as_were_asked_for() {
    let app = taking("1ms");
    let args = ["--rate", "200/s", "-d", "1s", "--warmup", "500ms", "--arrivals", "constant", "--json"];
    let arm = &arms(&Said::by(load(&[url(app.address, "/async")], &args)))[0];
    assert_eq!(count(&arm["offered"]), 100, "the warm-up is not counted");
    assert_eq!(app.metrics().sum("http_requests_total"), 200.0, "but it is sent");
    assert_eq!(arm["goodput_per_s"], 200.0);
}

#[test]
fn a_target_that_is_not_there_refuses_every_request() {
    let said = Said::by(load(&[url(nobody(), "/x")], &["--rate", "100/s", "--duration", "300ms", "--json"]));
    let arm = &arms(&said)[0];
    assert!(count(&arm["offered"]) > 0);
    assert_eq!(arm["endings"], serde_json::json!({ "refused": arm["offered"] }));
    assert_ne!(said.code, 0, "nothing was measured: nobody answered");
}

#[test]
fn a_target_that_dies_is_no_reason_to_stop_counting() {
    let mut app = taking("300ms");
    let args = ["--rate", "100/s", "--duration", "1500ms", "--json"];
    let mut command = load(&[url(app.address, "/async")], &args);
    command.stdout(Stdio::piped());
    let mut driver = Program::start(command);
    let stdout = Talk::hear(driver.child.stdout.take().expect("piped"));
    app.until("some are answered, some inside", |m| {
        m.requests("/async", 200) >= 10.0 && m.inflight("/async") > 0.0
    });
    app.program.signal(Signal::KILL);
    app.program.ended();
    assert!(matches!(driver.code(), 0 | 4), "{}", driver.stderr.text());
    let run = eventually("the result is read", || serde_json::from_str::<Value>(&stdout.text()));
    let arm = &run["experiments"][0]["arms"][0];
    assert_eq!(sum_of_endings(arm), count(&arm["offered"]));
    let ended = |name: &str| count(&arm["endings"][name]);
    assert!(ended("completed") >= 10 && ended("reset") > 0 && ended("refused") > 0, "{}", arm["endings"]);
    assert_eq!(ended("unfinished"), 0, "{}", arm["endings"]);
}

#[test]
fn what_a_stalled_driver_sends_late_is_offered_all_the_same() {
    let app = taking("1ms");
    let args = ["--arrivals", "constant", "--rate", "200/s", "--duration", "600ms", "--json"];
    let mut command = load(&[url(app.address, "/async")], &args);
    command.stdout(Stdio::piped());
    let mut driver = Program::start(command);
    let stdout = Talk::hear(driver.child.stdout.take().expect("piped"));
    app.until("it has begun", |m| m.requests("/async", 200) > 0.0);
    driver.signal(Signal::STOP);
    // It sleeps through the end of its schedule.
    let watch = Stopwatch::start();
    eventually("the schedule is over", || if watch.passed().as_millis() > 700 { Ok(()) } else { Err(watch) });
    driver.signal(Signal::CONT);
    assert_eq!(driver.code(), 4, "it was late, and says so: {}", driver.stderr.text());
    let run = eventually("the result is read", || serde_json::from_str::<Value>(&stdout.text()));
    let arm = &run["experiments"][0]["arms"][0];
    assert_eq!((count(&arm["offered"]), sum_of_endings(arm)), (120, 120), "{}", arm["endings"]);
    assert_eq!(app.metrics().sum("http_requests_total"), 120.0);
}

#[test]
fn what_is_not_answered_in_the_end_is_unfinished() {
    let app = taking("30s");
    let args = ["--rate", "100/s", "--duration", "300ms", "--patience", "200ms", "--json"];
    let said = Said::by(load(&[url(app.address, "/async")], &args));
    let arm = &arms(&said)[0];
    assert_eq!(arm["endings"], serde_json::json!({ "unfinished": arm["offered"] }));
}

/// Starts a long load, interrupts it when the first URL has had `n` good answers, and returns what it said.
fn interrupted(app: &App, paths: &[&str], n: f64, args: &[&str]) -> Said {
    let urls: Vec<String> = paths.iter().map(|path| url(app.address, path)).collect();
    let mut command = load(&urls, &["--arrivals", "constant", "--rate", "100/s", "--duration", "1m"]);
    command.args(args).stdout(Stdio::piped());
    let mut driver = Program::start(command);
    let stdout = Talk::hear(driver.child.stdout.take().expect("piped"));
    app.until("some are answered", |m| m.requests(paths[0], 200) >= n);
    driver.signal(Signal::INT);
    let (status, took) = driver.ended();
    assert!(took.as_secs() < 3, "{took:?}");
    let code = crate::program::code(status);
    eventually("the result is read", || match stdout.text() {
        text if text.ends_with('\n') => Ok(()),
        text => Err((code, text, driver.stderr.text())),
    });
    Said { code, stdout: stdout.text(), stderr: driver.stderr.text() }
}

#[test]
fn an_interrupted_load_shows_what_was_measured() {
    let app = taking("5ms");
    let said = interrupted(&app, &["/async"], 80.0, &["--json"]);
    assert_eq!((said.code, said.stderr.as_str()), (130, ""));
    let run: Value = serde_json::from_str(&said.stdout).expect("JSON");
    assert_eq!(run["complete"], false);
    let arm = &run["experiments"][0]["arms"][0];
    assert_eq!(sum_of_endings(arm), count(&arm["offered"]));
    assert!(count(&arm["endings"]["completed"]) >= 79, "{}", arm["endings"]);
    // 100 per second were offered and answered, for about a second: the rest of the minute never was.
    let goodput = arm["goodput_per_s"].as_f64().expect("a number");
    assert!((80.0..=110.0).contains(&goodput), "{goodput} per second");
    let counted = count(&run["experiments"][0]["counted_ns"]) as f64 / 1e9;
    assert!((0.5..=5.0).contains(&counted), "{counted} s counted");
}

#[test]
fn an_interrupted_load_of_several_targets_shows_all_of_them() {
    let app = taking("5ms");
    let said = interrupted(&app, &["/async", "/sync"], 50.0, &["--json"]);
    assert_eq!((said.code, said.stderr.as_str()), (130, ""));
    let arms = arms(&said);
    assert_eq!(arms.len(), 2);
    for arm in arms {
        assert_eq!(sum_of_endings(&arm), count(&arm["offered"]));
        assert!(count(&arm["offered"]) >= 49);
    }
}

#[test]
fn the_tables_have_a_row_for_every_target_in_both_halves() {
    let app = taking("5ms");
    let urls = ["/sync", "/async-limited"].map(|path| url(app.address, path));
    let said = Said::by(load(&urls, &["--arrivals", "constant", "--rate", "50/s", "--duration", "400ms"]));
    assert_eq!(said.stderr, "");
    // Only what does not depend on the machine: words and the number of offered requests; not whether all is trusted.
    let words = |line: &str| {
        let words =
            line.split_whitespace().filter(|word| word.chars().any(char::is_alphabetic) || *word == "20");
        words.filter(|word| !word.starts_with('▁')).collect::<Vec<_>>().join(" ")
    };
    let is_about_trust =
        |paragraph: &&str| ["Controls", "! INVALID"].iter().any(|word| paragraph.starts_with(word));
    let (trust, others): (Vec<&str>, Vec<&str>) = said.stdout.split("\n\n").partition(is_about_trust);
    assert!(!trust.is_empty(), "{}", said.stdout);
    let mut controls =
        trust.iter().flat_map(|paragraph| paragraph.lines()).filter(|line| !line.starts_with("! "));
    if let Some(line) = controls.next() {
        expect!["Controls driver late ms at p99, Little's law within offered sum of outcomes"]
            .assert_eq(&words(line));
    }
    let skeleton: Vec<String> = others.join("\n\n").lines().take(9).map(words).collect();
    expect![[r#"
        open loop, constant 50/s, 400ms with 0s of warm-up; 400ms counted per arm; seed

        CAUSE EFFECT
        strategy in flight peak over time p50 ms p95 ms p99 ms good/s
        Sy /sync
        Li /async-limited

        LATENCY in ms: from when a request should have been sent, and from when it was
        from requests mean p50 p90 p95 p99 p99.9 p99.99 max"#]]
    .assert_eq(&skeleton.join("\n"));
}

#[test]
fn an_expectation_that_is_missed_is_exit_3_and_says_the_figure() {
    let app = taking("20ms");
    let args = ["--arrivals", "constant", "--rate", "200/s", "-d", "1s", "--json"];
    let with = |expected: &str| {
        let args = [&args[..], &["--expect", expected]].concat();
        let said = Said::by(load(&[url(app.address, "/async")], &args));
        let run: Value = serde_json::from_str(&said.stdout).unwrap_or_else(|e| panic!("{e}: {said:?}"));
        let is_trusted = run["validity"]["problems"].as_array().expect("a list").is_empty();
        (run["expectations"][0]["holds"].clone(), if is_trusted { said.code } else { -1 })
    };
    assert!(matches!(with("p50 > 15ms"), (Value::Bool(true), 0 | -1)));
    assert!(matches!(with("p50 < 15ms"), (Value::Bool(false), 3 | -1)));
    assert!(matches!(with("p99.99 < 1h"), (Value::Null, 3 | -1)), "200 requests are too few to say");
}

#[test]
fn any_process_of_the_files_can_be_offered() {
    let app = taking("1ms");
    let offered = |arrivals: &str| {
        let args = ["--arrivals", arrivals, "-d", "1s", "--json"];
        count(&arms(&Said::by(load(&[url(app.address, "/async")], &args)))[0]["offered"])
    };
    let stages = "stages = { constant = [ { duration = \"500ms\", rate = \"100/s\" }, { duration = \"500ms\", rate = \"300/s\" } ] }";
    assert_eq!(offered(stages), 200);
    assert_eq!(offered("{ constant = { rate = \"100/s\" } }"), 100);
    let dir = crate::program::Dir::new();
    let file = dir.file("a.arrivals", "0.1\n0.2\n300ms\n5s\n");
    assert_eq!(offered(&format!("@{}", file.display())), 3, "what is due after the end does not come");
}

#[test]
fn a_closed_loop_has_no_more_in_flight_than_users() {
    let app = taking("5ms");
    let said = Said::by(load(
        &[url(app.address, "/async")],
        &["--users", "3", "--think", "2ms", "-d", "500ms", "--json"],
    ));
    let run: Value = serde_json::from_str(&said.stdout).unwrap_or_else(|e| panic!("{e}: {said:?}"));
    let load = &run["load"][0];
    assert_eq!(count(&load["in_flight_peak"]), 3);
    assert!(count(&load["offered"]) > 10);
    assert_eq!(load["lateness"]["count"], 0, "there is no schedule to be late for");
}

#[test]
fn a_saved_load_is_shown_again_and_its_files_are_whole() {
    let app = taking("1ms");
    let dir = crate::program::Dir::new();
    let path = |name: &str| dir.path().join(name).to_string_lossy().into_owned();
    let (runs, csv, hdr, prometheus) = (path("runs"), path("a.csv"), path("a.hlog"), path("a.prom"));
    let args = ["--arrivals", "constant", "--rate", "100/s", "-d", "1s", "--save", "--runs", &runs];
    let args = [&args[..], &["--csv", &csv, "--hdr", &hdr, "--prometheus", &prometheus]].concat();
    let said = Said::by(load(&[url(app.address, "/async")], &args));
    assert!(matches!(said.code, 0 | 4), "{said:?}");
    let mut show = inflight();
    show.args(["show", "--json", "--runs", &runs]);
    let shown = Said::by(show);
    assert_eq!(shown.code, 0, "{shown:?}");
    let text = |path: &str| std::fs::read_to_string(path).expect("it was written");
    assert_eq!(text(&csv).lines().next().map(|head| head.split(',').count()), Some(13));
    assert!(text(&csv).lines().count() >= 2);
    assert!(text(&hdr).contains("async.completed"));
    assert!(text(&prometheus).contains("load_requests_total{target=\"async\",ending=\"completed\"} 100"));
}

#[test]
fn saved_loads_become_pages_and_are_compared() {
    let app = taking("2ms");
    let dir = crate::program::Dir::new();
    let runs = dir.path().join("runs");
    let save = |seed: &str| {
        let args = ["--arrivals", "constant", "--rate", "200/s", "-d", "1s", "--save", "--seed", seed];
        let mut command = load(&[url(app.address, "/async")], &args);
        command.arg("--runs").arg(&runs);
        let said = Said::by(command);
        assert!(matches!(said.code, 0 | 4), "{said:?}");
    };
    let ids = || {
        let entries = std::fs::read_dir(&runs).expect("a directory").flatten();
        let mut ids: Vec<String> = entries.filter_map(|e| e.file_name().into_string().ok()).collect();
        ids.retain(|id| runs.join(id).join("run.json").exists());
        ids
    };
    save("1");
    let first = ids().remove(0);
    save("2");
    let second = ids().into_iter().find(|id| *id != first).expect("another run");
    let said = |args: &[&str]| {
        let mut command = inflight();
        command.args(args).arg("--runs").arg(&runs);
        Said::by(command)
    };
    let page = said(&["report", &first, "-o", "-"]);
    assert!(page.code == 0 && page.stdout.starts_with("<!doctype html>"), "{page:?}");
    assert!(page.stdout.contains("/async"), "its target is on the page");
    let compared = said(&["compare", &first, &second, "--json"]);
    let json: Value = serde_json::from_str(&compared.stdout).unwrap_or_else(|e| panic!("{e}: {compared:?}"));
    assert!(json["rows"].as_array().is_some_and(|rows| !rows.is_empty()), "{json}");
    let figures: Value = serde_json::from_str(
        &std::fs::read_to_string(runs.join(&first).join("load.json")).expect("it was written"),
    )
    .expect("JSON");
    assert_eq!(figures[0]["offered"], 200);
}

#[test]
fn a_load_that_cannot_be_is_usage_and_sends_nothing() {
    let wrong = |args: &[&str]| {
        let said = Said::by(load(&[url(nobody(), "/x")], args));
        assert_eq!((said.code, said.stdout.as_str()), (2, ""), "{said:?}");
        said.stderr
    };
    let all = [
        wrong(&["--expect", "p98 < 1s"]),
        wrong(&["--arrivals", "poison"]),
        wrong(&["--arrivals", "poison = { rate = \"20/s\" }"]),
        wrong(&["--arrivals", "on-off = { rate = \"20/s\", on = \"1s\" }"]),
        wrong(&["--arrivals", "constant = { rate = \"20/s\" }", "--rate", "30/s"]),
        wrong(&["--arrivals", "@nowhere"]),
        wrong(&["--find-capacity", "p99 < 1s", "--arrivals", "pareto = { rate = \"20/s\", shape = 1.5 }"]),
        wrong(&["--warmup", "20s"]),
    ];
    expect![[r#"
        error: --expect "p98 < 1s": no figure "p98". Did you mean p90? There is p50, p75, p90, p95, p99, p99.9, p99.99, mean, max, sent-p50, sent-p95, sent-p99, sent-p99.9, lateness, errors, rate

        error: --arrivals "poison": expected constant, poisson, @FILE with recorded arrivals, or a process of docs/files.md such as 'stages = [ { duration = "10s", ramp-to = "100/s" } ]'

        error: `arrivals` knows no `poison`
         --> --arrivals:1:1
          |
        1 | poison = { rate = "20/s" }
          | ^^^^^^ did you mean `poisson`?
          = there is: constant, poisson, bursts, stages, on-off, pareto, lognormal, recorded

        --arrivals: 1 problem

        error: `on-off` lacks `off`
         --> --arrivals:1:10
          |
        1 | on-off = { rate = "20/s", on = "1s" }
          |          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^ add `off = …`

        --arrivals: 1 problem

        error: --rate and a process with rates of its own: leave --rate out

        error: --arrivals @nowhere: No such file or directory (os error 2)

        error: --find-capacity searches a rate: --arrivals must be constant or poisson

        error: --warmup must be less than --duration: nothing would be counted
    "#]].assert_eq(&all.join("\n"));
}

#[test]
fn the_driver_tells_targets_as_they_are() {
    let mut command = inflight();
    command.args(["load", "--selftest", "-d", "3s", "--json"]);
    let said = Said::by(command);
    let tests: Value = serde_json::from_str(&said.stdout).unwrap_or_else(|e| panic!("{e}: {said:?}"));
    let tests = tests.as_array().expect("a list");
    assert_eq!(tests.len(), 4);
    // On a busy machine the driver is late and not right, and says so by its exit code.
    let is_right = tests.iter().all(|test| test["right"] == true);
    assert_eq!(said.code, if is_right { 0 } else { 4 }, "{said:?}");
    // Whatever the machine does, nothing is lost and nothing is answered before its time.
    for test in tests {
        let load = &test["load"];
        assert_eq!(load["offered"], load["endings"]["completed"], "{test}");
        for one in test["comparisons"].as_array().expect("a list") {
            let (truth, allowed) = (count(&one["truth_ns"]), count(&one["allowed_ns"]));
            assert!(count(&one["found_ns"]) + allowed >= truth, "{one}");
        }
    }
}

#[test]
fn no_rate_that_a_server_can_serve_is_called_too_high() {
    let mut command = inflight();
    command.args(["target"]).stdout(Stdio::piped());
    let mut target = Program::start(command);
    let talk = Talk::hear(target.child.stdout.take().expect("piped"));
    let address =
        eventually("it listens", || match talk.text().trim().strip_prefix("listening on http://") {
            Some(address) => Ok(address.to_string()),
            None => Err(()),
        });
    // One server that takes 10 ms each can do 100/s, whatever the machine does.
    let urls = [format!("http://{address}/single/constant/10ms")];
    let args =
        ["--find-capacity", "errors < 50%", "--rate", "40/s", "-d", "300ms", "--patience", "0s", "--json"];
    let said = Said::by(load(&urls, &args));
    let found: Value = serde_json::from_str(&said.stdout).unwrap_or_else(|e| panic!("{e}: {said:?}"));
    let missed = found["capacity"]["missed_per_s"].as_f64();
    assert!(missed.is_none_or(|missed| missed > 100.0), "{found}");
}
