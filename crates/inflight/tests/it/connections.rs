//! Clients that are slow, many, or gone: what they may cost, and that it is given back.

use crate::{
    app::{App, blink},
    client::Connection,
    wait::Stopwatch,
};
use std::{thread, time::Duration};

/// Endpoints whose B takes this long and never fails.
fn taking(b: &str) -> String {
    blink(&format!("latency = {{ constant = \"{b}\" }}\nerrors = \"0%\""))
}

#[test]
fn a_head_that_does_not_come_is_given_up_on() {
    let app = App::serving(&taking("1ms"), &["--header-timeout", "300ms"]);
    let watch = Stopwatch::start();
    let (mut half, mut silent, mut idle) = (app.connect(), app.connect(), app.connect());
    half.send("GET /sync HTTP/1.1\r\nHost: in");
    assert_eq!(idle.get("/sync", &[]).status, 200);
    // Sixty bytes, one at a time: each comes in time, the head as a whole does not.
    let mut drip = app.connect();
    let dripping = thread::spawn(move || {
        for byte in "GET /sync HTTP/1.1\r\nHost: inflight\r\nX-Slow: 123456789\r\n\r\n".chars() {
            drip.send(&byte.to_string());
            // Not to wait for anything: this is how slow the client is.
            thread::sleep(Duration::from_millis(20));
            if drip.is_shut() {
                return true;
            }
        }
        drip.is_closed()
    });
    for connection in [&mut half, &mut silent, &mut idle] {
        // A refusal (408) before the end is good manners, but not promised.
        let _ = connection.receive();
        assert!(connection.is_closed());
    }
    assert!(watch.passed() >= Duration::from_millis(290), "{:?}", watch.passed());
    assert!(watch.passed() < Duration::from_secs(3), "{:?}", watch.passed());
    assert!(dripping.join().expect("no panic"), "a client that drips is cut off, too");
    app.until("only this connection is left", |m| m.value("http_connections") == 1.0);
}

#[test]
fn a_client_without_a_place_is_served_when_one_is_free() {
    let app = App::serving(&taking("1ms"), &["--max-connections", "4"]);
    let mut inside: Vec<Connection> = (0..4).map(|_| app.connect()).collect();
    inside.iter_mut().for_each(|client| assert_eq!(client.get("/sync", &[]).status, 200));
    let mut fifth = app.connect();
    fifth.ask("GET", "/sync", &[]);
    // The four have answers for as long as they like; the fifth has none.
    for _ in 0..5 {
        inside.iter_mut().for_each(|client| assert_eq!(client.get("/sync", &[]).status, 200));
    }
    assert!(fifth.has_nothing(), "it waits in the kernel's queue");
    inside.pop().expect("one of four").hang_up();
    assert_eq!(fifth.receive().expect("an answer").status, 200);
    let connections =
        crate::metrics::Metrics::read(&fifth.get("/metrics", &[]).body).value("http_connections");
    assert_eq!(connections, 4.0);
    drop((inside, fifth));
    app.until("only this connection is left", |m| m.value("http_connections") == 1.0);
}

#[test]
fn a_client_that_goes_away_takes_its_work_with_it() {
    let app = App::serving(&taking("30s"), &[]);
    for path in ["/sync", "/async", "/async-limited"] {
        let mut clients: Vec<Connection> = (0..5).map(|_| app.connect()).collect();
        clients.iter_mut().for_each(|client| client.ask("GET", path, &[]));
        app.until("five are inside, all in B", |m| m.inflight(path) == 5.0 && m.service_inflight("B") == 5.0);
        clients.into_iter().for_each(Connection::hang_up);
        app.until("all is over and counted", |m| {
            let in_services = m.service_inflight("A") + m.service_inflight("B");
            m.inflight(path) == 0.0 && in_services == 0.0 && m.requests(path, 499) == 5.0
        });
        let metrics = app.metrics();
        assert_eq!((metrics.requests(path, 200), metrics.requests(path, 503)), (0.0, 0.0), "{path}");
    }
}

#[test]
fn work_that_a_deadline_detaches_stays_in_flight_until_it_is_done() {
    let app = App::serving(&taking("1200ms"), &[]);
    let inside = |path: &str| {
        let mut clients: Vec<Connection> = (0..3).map(|_| app.connect()).collect();
        clients.iter_mut().for_each(|client| client.ask("GET", path, &[]));
        clients.iter_mut().for_each(|client| {
            assert_eq!(client.receive().expect("an answer").status, 408);
        });
        let metrics = app.metrics();
        assert_eq!((metrics.inflight(path), metrics.requests(path, 408)), (0.0, 3.0), "answered is over");
        metrics.service_inflight("B")
    };
    inside("/async-timeout");
    app.until("it is cancelled with the deadline", |m| m.service_inflight("B") == 0.0);
    assert_eq!(inside("/async-timeout-detached"), 3.0, "nobody waits for it, but it is there");
    app.until("the work is done", |m| m.service_inflight("B") == 0.0);
    assert_eq!(
        app.metrics().value("service_duration_ms_count{service=\"B\"}"),
        3.0,
        "and was done to its end"
    );
}

#[test]
fn permits_come_back_from_clients_that_went_away() {
    let endpoint = "[service.a]\nlatency = { constant = \"1ms\" }\n\
                    [service.b]\nlatency = { constant = \"400ms\" }\nerrors = \"0%\"\n\
                    [[endpoint]]\nname = \"two\"\ncalls = \"parallel\"\n\
                    b = [ { limit = { permits = 2, queue = \"unbounded\" } } ]\n";
    let app = App::serving(endpoint, &[]);
    let mut clients: Vec<Connection> = (0..20).map(|_| app.connect()).collect();
    clients.iter_mut().for_each(|client| client.ask("GET", "/two", &[]));
    app.until("twenty are inside, two of them in B", |m| {
        m.inflight("/two") == 20.0 && m.service_inflight("B") == 2.0
    });
    clients.into_iter().for_each(Connection::hang_up);
    app.until("all are gone", |m| m.inflight("/two") == 0.0 && m.service_inflight("B") == 0.0);
    // Nobody holds a permit or a place in the line: the next one takes no longer than its own work.
    let watch = Stopwatch::start();
    let answer = app.get("/two");
    assert_eq!(answer.status, 200);
    assert!(watch.passed() < Duration::from_millis(800), "{:?}: it waited for the dead", watch.passed());
    let metrics = app.metrics();
    let ended = metrics.requests("/two", 200) + metrics.requests("/two", 499);
    assert_eq!(ended, 21.0, "every request has exactly one ending");
}
