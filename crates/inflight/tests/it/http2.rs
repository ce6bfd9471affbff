//! The live driver over HTTP/2: streams that share connections, and as many of them as the target allows.

use crate::{
    driver::{all, drive, endings, head, nobody, plan, requests, serve},
    program::{Said, inflight},
    secure::certificate,
};
use bytes::Bytes;
use h2::{Reason, server};
use http::Response;
use inflight::driver::{Peer, Plan, Security, Trust, Version};
use inflight_lab::record::Ending;
use std::{
    io::Write as _,
    net::{SocketAddr, TcpListener},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;

/// What a server is like.
#[derive(Clone)]
struct Manners {
    /// The most streams at once.
    streams: u32,
    pause: Duration,
    /// After so many requests a connection says farewell.
    farewell: Option<u32>,
    /// What each answer is.
    answer: fn(u32) -> Answer,
    tls: Option<TlsAcceptor>,
}

enum Answer {
    Status(u16),
    Reset(Reason),
}

impl Default for Manners {
    fn default() -> Manners {
        let answer = |_| Answer::Status(200);
        Manners { streams: 100, pause: Duration::ZERO, farewell: None, answer, tls: None }
    }
}

/// What a server has seen.
#[derive(Default)]
struct Seen {
    connections: AtomicU32,
    requests: AtomicU32,
    open: AtomicU32,
    /// The most requests at once, on all connections.
    peak: AtomicU32,
}

/// A server of HTTP/2 on a thread of its own, as long as the test lasts.
fn start(manners: Manners) -> (Peer, Arc<Seen>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let peer = Peer::Tcp(listener.local_addr().expect("it is bound"));
    let seen = Arc::new(Seen::default());
    let shared = seen.clone();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            listener.set_nonblocking(true).expect("sockets can do that");
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            while let Ok((stream, _)) = listener.accept().await {
                let (manners, seen) = (manners.clone(), shared.clone());
                tokio::spawn(async move {
                    let _ = stream.set_nodelay(true);
                    match manners.tls.clone() {
                        None => converse(stream, manners, seen).await,
                        Some(tls) => {
                            let Ok(stream) = tls.accept(stream).await else { return };
                            converse(stream, manners, seen).await;
                        }
                    }
                });
            }
        });
    });
    (peer, seen)
}

async fn converse(stream: impl AsyncRead + AsyncWrite + Unpin, manners: Manners, seen: Arc<Seen>) {
    let mut builder = server::Builder::new();
    let handshake = builder.max_concurrent_streams(manners.streams).handshake::<_, Bytes>(stream);
    let Ok(mut connection) = handshake.await else { return };
    seen.connections.fetch_add(1, Relaxed);
    let mut requests = 0;
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        assert_eq!(request.uri().path(), "/");
        requests += 1;
        if manners.farewell == Some(requests) {
            connection.graceful_shutdown();
        }
        let (pause, answer, seen) = (manners.pause, manners.answer, seen.clone());
        tokio::spawn(async move {
            let number = seen.requests.fetch_add(1, Relaxed);
            seen.peak.fetch_max(seen.open.fetch_add(1, Relaxed) + 1, Relaxed);
            if !pause.is_zero() {
                #[expect(clippy::disallowed_methods, reason = "a server of its own, which is in no hurry")]
                tokio::time::sleep(pause).await;
            }
            seen.open.fetch_sub(1, Relaxed);
            match answer(number) {
                Answer::Reset(reason) => respond.send_reset(reason),
                Answer::Status(status) => {
                    let head = Response::builder().status(status).header("server-timing", "wait;dur=2.5");
                    let body = respond.send_response(head.body(()).expect("an answer"), false);
                    let _ = body.and_then(|mut body| body.send_data(Bytes::from_static(b"ok"), true));
                }
            }
        });
    }
}

fn over(count: u64, peer: Peer, streams: usize, connections: usize) -> Plan {
    Plan { version: Version::Http2 { streams }, connections, ..plan(requests(count), peer) }
}

#[test]
fn requests_share_a_connection() {
    let (peer, seen) = start(Manners { pause: Duration::from_millis(20), ..Manners::default() });
    let record = drive(over(100, peer, 100, 50));
    assert_eq!(record.endings, all(Ending::Completed, 100));
    let wires = record.wires.expect("books of connections");
    assert_eq!((wires.received, wires.connect.len()), (200, 1));
    assert_eq!((seen.connections.load(Relaxed), seen.requests.load(Relaxed)), (1, 100));
    assert!(seen.peak.load(Relaxed) > 1);
    assert_eq!(record.wait.value_at_quantile(0.5) / 100, 25, "servers tell their waits");
}

#[test]
fn no_more_are_under_way_than_the_target_allows_and_who_waits_is_counted() {
    let (peer, seen) = start(Manners { streams: 10, pause: Duration::from_millis(40), ..Manners::default() });
    let record = drive(over(100, peer, 1000, 1));
    assert_eq!(record.endings, all(Ending::Completed, 100));
    assert_eq!((seen.connections.load(Relaxed), seen.peak.load(Relaxed)), (1, 10));
    // Ten of each 40 ms, and they come in 100: most have to wait.
    let wires = record.wires.expect("books of connections");
    assert!(wires.connection_wait.len() >= 60, "{}", wires.connection_wait.len());
    assert!(wires.late >= 60, "they were sent late, and it is said: {}", wires.late);
}

#[test]
fn more_connections_are_opened_when_streams_do_not_suffice() {
    let (peer, seen) =
        start(Manners { streams: 10, pause: Duration::from_millis(200), ..Manners::default() });
    let record = drive(over(60, peer, 1000, 50));
    assert_eq!(record.endings, all(Ending::Completed, 60));
    let connections = seen.connections.load(Relaxed);
    assert!((6..=12).contains(&connections), "{connections} for at most 60 at once of ten each");
}

#[test]
fn each_connection_has_one_stream_if_that_is_asked_for() {
    let (peer, seen) = start(Manners { pause: Duration::from_millis(500), ..Manners::default() });
    assert_eq!(endings(over(20, peer, 1, 50)), all(Ending::Completed, 20));
    assert_eq!(seen.connections.load(Relaxed), 20);
}

#[test]
fn a_farewell_loses_nothing() {
    let (peer, seen) = start(Manners { farewell: Some(10), ..Manners::default() });
    assert_eq!(endings(over(100, peer, 100, 50)), all(Ending::Completed, 100));
    assert!(seen.connections.load(Relaxed) >= 5, "{}", seen.connections.load(Relaxed));
}

#[test]
fn what_becomes_of_a_stream_is_told_apart() {
    for (answer, ending) in [
        ((|_| Answer::Status(503)) as fn(u32) -> Answer, Ending::Failed),
        (|_| Answer::Status(429), Ending::Rejected),
        (|_| Answer::Reset(Reason::INTERNAL_ERROR), Ending::Reset),
        (|_| Answer::Reset(Reason::REFUSED_STREAM), Ending::Reset),
    ] {
        let (peer, _) = start(Manners { answer, ..Manners::default() });
        assert_eq!(endings(over(20, peer, 100, 50)), all(ending, 20));
    }
}

#[test]
fn who_speaks_no_http2_makes_a_protocol_error() {
    let peer = serve(|mut stream, _| {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
        while head(&mut stream).is_some() {}
    });
    assert_eq!(endings(over(20, peer, 100, 50)), all(Ending::Protocol, 20));
}

#[test]
fn nobody_there_refuses_everybody_who_waited() {
    assert_eq!(endings(over(50, Peer::Tcp(nobody()), 100, 50)), all(Ending::Refused, 50));
}

#[test]
fn a_target_that_never_says_what_it_allows_is_waited_for_in_vain() {
    let peer = serve(|mut stream, _| while head(&mut stream).is_some() {});
    let patient = Plan { time_limit: Some(Duration::from_millis(50)), ..over(20, peer, 100, 50) };
    assert_eq!(endings(patient), all(Ending::Abandoned, 20));
}

#[test]
fn over_tls_both_sides_must_agree() {
    for (alpn, ending) in [("h2", Ending::Completed), ("http/1.1", Ending::Tls)] {
        let (pem, config) = certificate("localhost", rustls::ALL_VERSIONS, &[alpn]);
        let tls = Some(TlsAcceptor::from(config));
        let (peer, _) = start(Manners { tls, ..Manners::default() });
        let plan = over(20, peer, 100, 50);
        let security = Security::new("localhost", &Trust::Only(pem), plan.version).expect("certificates");
        assert_eq!(endings(Plan { security: Some(security), ..plan }), all(ending, 20), "{alpn}");
    }
}

#[test]
fn http1_over_tls_is_agreed_upon_as_well() {
    let (pem, config) = certificate("localhost", rustls::ALL_VERSIONS, &["h2"]);
    let (peer, _) = start(Manners { tls: Some(TlsAcceptor::from(config)), ..Manners::default() });
    let security = Security::new("localhost", &Trust::Only(pem), Version::Http1).expect("certificates");
    let plan = Plan { security: Some(security), ..plan(requests(10), peer) };
    assert_eq!(endings(plan), all(Ending::Tls, 10), "the target speaks nothing but HTTP/2");
}

fn url(peer: Peer) -> String {
    let Peer::Tcp(address) = peer else { panic!("TCP") };
    let address: SocketAddr = address;
    format!("http://{address}/")
}

#[test]
fn a_load_speaks_http2_if_it_is_told_to() {
    let (peer, seen) = start(Manners::default());
    let load = |url: &str, flags: &[&str]| {
        let mut command = inflight();
        command.args(["load", url, "-c", "50", "-d", "300ms", "-r", "100/s", "--json"]);
        command.args(["--arrivals", "constant", "--http2"]).args(flags);
        Said::by(command)
    };
    let said = load(&url(peer), &[]);
    let run: serde_json::Value =
        serde_json::from_str(&said.stdout).unwrap_or_else(|e| panic!("{e}: {said:?}"));
    assert_eq!(run["load"][0]["endings"], serde_json::json!({ "completed": 30 }));
    assert_eq!((seen.connections.load(Relaxed), seen.requests.load(Relaxed)), (1, 30));
    let said = load("http://127.0.0.1:1/", &["-H", "upgrade: websocket"]);
    assert_eq!((said.code, said.stdout.as_str()), (2, ""), "{said:?}");
}
