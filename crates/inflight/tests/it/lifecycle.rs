//! How an app ends, and what becomes of the work that is in flight then.

use crate::{
    app::{App, blink},
    program::{Dir, Program, Said, inflight},
    wait::eventually,
};
use expect_test::expect;
use rustix::process::Signal;
use std::{fs, process::Stdio, time::Duration};

/// Well below the drain of 5 s that is the default: nothing is waited for.
const AT_ONCE: Duration = Duration::from_millis(1500);

/// Endpoints whose B takes this long and never fails.
fn taking(b: &str) -> String {
    blink(&format!("latency = {{ constant = \"{b}\" }}\nerrors = \"0%\""))
}

#[test]
fn an_idle_app_that_is_told_to_stop_is_gone_at_once() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut app = App::built_in(&[], &[]);
        assert_eq!(app.get("/health").status, 200);
        app.program.signal(signal);
        let (status, took) = app.program.ended();
        assert_eq!(status.code(), Some(0));
        assert!(took < AT_ONCE, "{took:?}");
    }
}

#[test]
fn what_is_in_flight_is_finished_and_answered() {
    let mut app = App::serving(&taking("700ms"), &[]);
    let mut clients: Vec<_> = (0..5).map(|_| app.connect()).collect();
    clients.iter_mut().for_each(|client| client.ask("GET", "/async", &[]));
    app.until("five are inside", |m| m.inflight("/async") == 5.0);
    app.terminate();
    for mut client in clients {
        let answer = client.receive().expect("an answer");
        assert_eq!((answer.status, answer.header("connection")), (200, Some("close")));
        assert!(client.is_closed());
    }
    assert_eq!(app.program.code(), 0);
}

#[test]
fn arrivals_are_recorded_in_seconds_since_the_first() {
    let dir = Dir::new();
    let folder = dir.path().join("arrivals");
    let args = ["--record-arrivals", folder.to_str().expect("a path in text")];
    let mut app = App::serving(&blink("latency = { constant = \"1ms\" }\nerrors = \"0%\""), &args);
    (0..3).for_each(|_| assert_eq!(app.get("/async").status, 200));
    assert_eq!(app.get("/health").status, 200);
    app.terminate();
    assert_eq!(app.program.code(), 0);
    let recorded = |name: &str| -> Vec<f64> {
        let text = fs::read_to_string(folder.join(name)).expect("a record");
        text.lines().map(|line| line.parse().expect("seconds")).collect()
    };
    let arrivals = recorded("async.arrivals");
    assert_eq!((arrivals.len(), arrivals[0]), (3, 0.0));
    // One after the other: each had to wait for two services of a millisecond at least.
    assert!(arrivals.windows(2).all(|pair| pair[1] - pair[0] >= 0.001), "{arrivals:?}");
    assert!(recorded("sync.arrivals").is_empty());
}

#[test]
fn nobody_new_is_let_in_while_it_stops() {
    let mut app = App::serving(&taking("700ms"), &[]);
    let mut client = app.connect();
    client.ask("GET", "/async", &[]);
    app.until("it is inside", |m| m.inflight("/async") == 1.0);
    app.terminate();
    eventually("the port is closed", || match std::net::TcpStream::connect(app.address) {
        Ok(_) => Err("still open"),
        Err(_) => Ok(()),
    });
    assert_eq!(client.receive().expect("an answer").status, 200);
    assert_eq!(app.program.code(), 0);
}

#[test]
fn idle_connections_do_not_hold_it_up() {
    let mut app = App::built_in(&[], &[]);
    let (mut used, mut fresh) = (app.connect(), app.connect());
    assert_eq!(used.get("/health", &[]).status, 200);
    app.until("both connections are open, and this one", |m| m.value("http_connections") == 3.0);
    app.terminate();
    let (status, took) = app.program.ended();
    assert_eq!(status.code(), Some(0));
    assert!(took < AT_ONCE, "{took:?}");
    assert!(used.is_closed() && fresh.is_closed());
}

#[test]
fn half_a_request_holds_it_up_no_longer_than_the_drain() {
    let mut app = App::serving(&taking("1ms"), &["--drain", "300ms"]);
    let (mut slow, mut silent) = (app.connect(), app.connect());
    slow.send("GET /sync HTTP/1.1\r\nHost: in");
    app.until("both connections are open, and this one", |m| m.value("http_connections") == 3.0);
    app.terminate();
    let (status, took) = app.program.ended();
    assert_eq!(status.code(), Some(0));
    assert!(took < Duration::from_millis(300) + AT_ONCE, "{took:?}");
    assert!(slow.is_closed() && silent.is_closed());
}

#[test]
fn work_that_outlasts_the_drain_is_cut_and_said_to_be() {
    let mut app = App::serving(&taking("30s"), &["--drain", "200ms"]);
    let mut clients: Vec<_> = (0..3).map(|_| app.connect()).collect();
    clients.iter_mut().for_each(|client| client.ask("GET", "/async", &[]));
    app.until("three are inside", |m| m.inflight("/async") == 3.0);
    app.terminate();
    let (status, took) = app.program.ended();
    assert_eq!(status.code(), Some(0));
    assert!(took >= Duration::from_millis(190) && took < Duration::from_millis(200) + AT_ONCE, "{took:?}");
    assert!(clients.iter_mut().all(|client| client.is_closed()));
    eventually("it has said so", || {
        let said = app.program.stderr.text();
        if said.lines().count() == 4 { Ok(()) } else { Err(said) }
    });
    let said = app.program.stderr.text();
    expect![[r#"
        stopping: no new connections; waiting for what is in flight (signal again to stop at once)
        3 connections were still busy after 200ms and were cut"#]]
    .assert_eq(&said.lines().skip(2).collect::<Vec<_>>().join("\n"));
}

#[test]
fn detached_work_does_not_hold_it_up() {
    let mut app = App::serving(&taking("30s"), &[]);
    assert_eq!(app.get("/async-timeout-detached").status, 408);
    app.terminate();
    let (status, took) = app.program.ended();
    assert_eq!(status.code(), Some(0));
    assert!(took < AT_ONCE, "{took:?}");
}

#[test]
fn a_second_signal_ends_it_without_waiting() {
    let mut app = App::serving(&taking("30s"), &["--drain", "1m"]);
    let mut client = app.connect();
    client.ask("GET", "/async", &[]);
    app.until("it is inside", |m| m.inflight("/async") == 1.0);
    app.terminate();
    eventually("it has heard the first", || {
        let said = app.program.stderr.text();
        if said.lines().count() == 3 { Ok(()) } else { Err(said) }
    });
    app.program.signal(Signal::INT);
    let (status, took) = app.program.ended();
    assert_eq!(status.code(), Some(130));
    assert!(took < AT_ONCE, "{took:?}");
    assert!(client.is_closed());
}

#[test]
fn it_ends_when_its_standard_input_does() {
    let mut app = App::serving(&taking("300ms"), &[]);
    let mut client = app.connect();
    client.ask("GET", "/async", &[]);
    app.until("it is inside", |m| m.inflight("/async") == 1.0);
    drop(app.program.child.stdin.take());
    assert_eq!(client.receive().expect("an answer").status, 200, "in flight is in flight");
    assert_eq!(app.program.code(), 0);
}

#[test]
fn without_being_asked_to_it_ignores_the_end_of_standard_input() {
    let mut command = inflight();
    command.args(["serve", "--port", "0"]).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut program = Program::start(command);
    eventually("it listens", || {
        let said = program.stderr.text();
        if said.lines().count() == 2 { Ok(()) } else { Err(said) }
    });
    assert!(program.child.try_wait().expect("it can be asked").is_none());
    program.signal(Signal::TERM);
    assert_eq!(program.code(), 0);
}

#[test]
fn two_apps_on_one_port_is_an_error_of_the_second() {
    let app = App::built_in(&[], &[]);
    let port = app.address.port().to_string();
    let mut command = inflight();
    command.args(["serve", "--port", &port]);
    let said = Said::by(command);
    expect![[r#"
        exit 1
        --- stderr
        error: cannot listen on 127.0.0.1:PORT: Address already in use (os error 98); choose another port with --port or PORT (0: any free one)
    "#]]
    .assert_eq(&said.text().replace(&port, "PORT"));
    assert_eq!(app.get("/health").status, 200, "the first is not disturbed");
}

#[test]
fn a_healthcheck_says_by_its_exit_whether_an_app_is_well() {
    let app = App::built_in(&[], &[]);
    let ask = |port: u16| {
        let mut command = inflight();
        command.arg("healthcheck").env("PORT", port.to_string());
        Said::by(command)
    };
    let well = ask(app.address.port());
    assert_eq!((well.code, well.text().as_str()), (0, "exit 0\n"));
    let port = app.address.port();
    drop(app);
    let gone = ask(port);
    expect![[r#"
        exit 1
        --- stderr
        error: http://127.0.0.1:PORT/health is not well: io: Connection refused (os error 111)
    "#]]
    .assert_eq(&gone.text().replace(&port.to_string(), "PORT"));
}
