//! The live driver against odd servers: what comes back are the very bytes, and how they come.

use inflight::driver::{Ask, Epoch, Peer, Plan, World, run};
use inflight_lab::{
    dependency::Latency,
    record::{Ending, Record},
    workload::{Arrivals, Traffic, Users, Workload},
};
use inflight_strategies::{
    rt::{Clock as _, Executor as _, First, Instant, race},
    units::Rate,
};
use rustix::net;
use std::{
    collections::BTreeMap,
    io::{Read, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    os::unix::net::UnixListener,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

const BEGIN: Instant = Instant::from_nanos(20_000_000);
const MS: fn(u64) -> Duration = Duration::from_millis;

/// So many requests, a millisecond apart.
pub(crate) fn requests(count: u64) -> Workload {
    let rate = Rate::per_second(1000.0).expect("a rate");
    let workload = Workload::open(Arrivals::Constant(rate), MS(count), Duration::ZERO);
    Workload { patience: MS(10_000), ..workload }
}

/// A server that does `serve` with each connection on a thread of its own, as long as the test lasts.
pub(crate) fn serve(serve: impl Fn(TcpStream, u64) + Send + Sync + 'static) -> Peer {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let peer = Peer::Tcp(listener.local_addr().expect("it is bound"));
    let serve = Arc::new(serve);
    thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let (serve, Ok(stream)) = (serve.clone(), stream) else { return };
            thread::spawn(move || serve(stream, number as u64));
        }
    });
    peer
}

/// An address at which nobody listens, and nobody will: as long as the test lasts it belongs to a socket that does not.
pub(crate) fn nobody() -> SocketAddr {
    let socket = net::socket(net::AddressFamily::INET, net::SocketType::STREAM, None).expect("a socket");
    net::bind(&socket, &SocketAddr::from(([127, 0, 0, 1], 0))).expect("a free port");
    let address =
        net::getsockname(&socket).expect("it is bound").try_into().expect("an address of the Internet");
    std::mem::forget(socket);
    address
}

/// Reads a request's head; `None` at the end of the connection.
pub(crate) fn head(stream: &mut impl Read) -> Option<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return None,
        }
    }
    String::from_utf8(head).ok()
}

/// A server that answers every request of a connection with these bytes, in these pieces.
fn answering(pieces: &'static [&'static str]) -> Peer {
    serve(move |mut stream, _| {
        let _ = stream.set_nodelay(true);
        while head(&mut stream).is_some() {
            for piece in pieces {
                if stream.write_all(piece.as_bytes()).is_err() {
                    return;
                }
                thread::yield_now();
            }
        }
    })
}

pub(crate) fn plan(workload: Workload, peer: Peer) -> Plan {
    Plan { connections: 50, ..Plan::get(workload, 1, peer, "test", "/") }
}

pub(crate) fn drive(plan: Plan) -> Record {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let run = plan.start(Epoch::now(), BEGIN).expect("it starts");
    runtime.block_on(run.ended()).expect("it ends")
}

/// Drives, and tells how requests ended; every one is accounted for, sent or not.
pub(crate) fn endings(plan: Plan) -> BTreeMap<Ending, u64> {
    let record = drive(plan);
    let wires = record.wires.as_ref().expect("books of connections");
    assert_eq!(record.endings.values().sum::<u64>(), record.offered);
    assert_eq!(wires.sent + wires.not_sent.values().sum::<u64>(), record.offered);
    record.endings
}

pub(crate) fn all(ending: Ending, count: u64) -> BTreeMap<Ending, u64> {
    BTreeMap::from([(ending, count)])
}

pub(crate) const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

#[test]
fn answers_are_read_however_they_are_written() {
    let forms: [&[&str]; 6] = [
        &[OK],
        &["HTTP/1.1 200 OK\r\nconte", "nt-length: 2\r\n\r", "\no", "k"],
        &["HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\no", "k\r\n0\r", "\n\r\n"],
        &["HTTP/1.1 100 Continue\r\n\r\n", OK],
        &["HTTP/1.1 204 No Content\r\n\r\n"],
        &["HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\n\r\n"],
    ];
    for form in forms {
        assert_eq!(endings(plan(requests(30), answering(form))), all(Ending::Completed, 30), "{form:?}");
    }
}

#[test]
fn an_answer_may_end_with_its_connection() {
    let peer = serve(|mut stream, _| {
        let _ = head(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nuntil the end");
    });
    let record = drive(plan(requests(30), peer));
    assert_eq!(record.endings, all(Ending::Completed, 30));
    let wires = record.wires.expect("books of connections");
    assert_eq!((wires.connect.len(), wires.received), (30, 30 * 32));
}

#[test]
fn statuses_are_told_apart() {
    for (answer, ending) in [
        ("HTTP/1.1 500 E\r\ncontent-length: 0\r\n\r\n", Ending::Failed),
        ("HTTP/1.1 404 E\r\ncontent-length: 0\r\n\r\n", Ending::Failed),
        ("HTTP/1.1 429 E\r\ncontent-length: 0\r\n\r\n", Ending::Rejected),
        ("HTTP/1.1 503 E\r\ncontent-length: 0\r\n\r\n", Ending::Failed),
        ("HTTP/1.1 503 E\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n", Ending::Rejected),
        ("HTTP/1.1 504 E\r\ncontent-length: 0\r\n\r\n", Ending::TimedOut),
    ] {
        let pieces = Vec::leak(vec![answer]);
        let record = drive(plan(requests(5), answering(pieces)));
        assert_eq!(record.endings, all(ending, 5), "{answer}");
        let status = answer[9..12].parse().expect("a status");
        assert_eq!(record.wires.expect("books").statuses, BTreeMap::from([(status, 5)]));
    }
}

#[test]
fn what_is_no_answer_is_the_targets_fault_and_of_the_right_kind() {
    assert_eq!(endings(plan(requests(20), answering(&["SSH-2.0-x\r\n\r\n"]))), all(Ending::Protocol, 20));
    let cut = serve(|mut stream, _| {
        let _ = head(&mut stream);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nless");
    });
    assert_eq!(endings(plan(requests(20), cut)), all(Ending::Reset, 20));
    let silent = serve(|mut stream, _| drop(head(&mut stream)));
    assert_eq!(endings(plan(requests(20), silent)), all(Ending::Reset, 20));
    // What was not read when a socket is closed resets its connection.
    let reset = serve(|stream, _| {
        let _ = stream.peek(&mut [0]);
    });
    assert_eq!(endings(plan(requests(20), reset)), all(Ending::Reset, 20));
}

#[test]
fn a_server_that_has_closed_its_half_may_still_be_answered_by() {
    let peer = serve(|mut stream, _| {
        let _ = head(&mut stream);
        let _ = stream.write_all(OK.as_bytes());
        let _ = stream.shutdown(Shutdown::Write);
        while head(&mut stream).is_some() {}
    });
    // Such a connection is not used again, once it is known: a pause is long enough for that.
    let workload = Workload {
        traffic: Traffic::Closed(Users { count: 1, think: Latency::Constant(MS(20)) }),
        ..requests(300)
    };
    let record = drive(plan(workload, peer));
    assert_eq!(record.endings, all(Ending::Completed, record.offered));
    assert_eq!(record.wires.expect("books").connect.len(), record.offered);
}

#[test]
fn connections_that_a_server_closes_while_they_are_idle_cost_no_request() {
    let peer = serve(|mut stream, _| {
        for _ in 0..3 {
            if head(&mut stream).is_none() || stream.write_all(OK.as_bytes()).is_err() {
                return;
            }
        }
    });
    let workload = Workload {
        traffic: Traffic::Closed(Users { count: 1, think: Latency::Constant(MS(20)) }),
        ..requests(300)
    };
    let record = drive(plan(workload, peer));
    assert_eq!(record.endings.keys().collect::<Vec<_>>(), [&Ending::Completed]);
    assert!(record.wires.expect("books").connect.len() >= 2);
}

#[test]
fn nobody_there_is_told_as_refused_and_nothing_as_sent() {
    let nobody = nobody();
    let record = drive(plan(requests(50), Peer::Tcp(nobody)));
    assert_eq!(record.endings, all(Ending::Refused, 50));
    let wires = record.wires.expect("books");
    assert_eq!((wires.sent, wires.not_sent), (0, all(Ending::Refused, 50)));
}

#[test]
fn users_of_a_dead_target_do_not_hammer_it() {
    let nobody = nobody();
    let traffic = Traffic::Closed(Users { count: 10, think: Latency::Constant(Duration::ZERO) });
    let record = drive(plan(Workload { traffic, ..requests(500) }, Peer::Tcp(nobody)));
    // Seven pauses reach the longest, ten more of it fill the half second.
    assert!((20..=10 * 20).contains(&record.offered), "{}", record.offered);
}

#[test]
fn who_never_answers_is_left_when_patience_ends_or_a_request_has_its_limit() {
    let silent = || {
        serve(|mut stream, _| {
            let _ = stream.read_to_end(&mut Vec::new());
        })
    };
    let workload = Workload { patience: MS(50), ..requests(20) };
    assert_eq!(endings(plan(workload, silent())), all(Ending::Unfinished, 20));
    let limited = Plan { time_limit: Some(MS(30)), ..plan(requests(20), silent()) };
    let record = drive(limited);
    assert_eq!(record.endings, all(Ending::Abandoned, 20));
    assert_eq!(record.wires.expect("books").sent, 20);
}

#[test]
fn who_waits_for_a_connection_is_counted_and_says_so() {
    let slow = serve(|mut stream, _| {
        while head(&mut stream).is_some() {
            thread::sleep(MS(5));
            if stream.write_all(OK.as_bytes()).is_err() {
                return;
            }
        }
    });
    let record = drive(Plan { connections: 2, ..plan(requests(60), slow) });
    assert_eq!(record.endings, all(Ending::Completed, 60));
    let wires = record.wires.expect("books");
    assert_eq!((wires.sent, wires.connect.len()), (60, 2));
    // 60 requests in 60 ms, of which two connections serve 24: the others waited, and were late by that.
    assert!(wires.connection_wait.len() >= 30 && wires.late >= 30, "{}", wires.connection_wait.len());
    let (intended, sent) = (record.answered.value_at_quantile(0.9), wires.from_sent.value_at_quantile(0.5));
    assert!(intended > 3 * sent, "{intended} {sent}");
}

#[test]
fn who_still_waits_for_a_connection_in_the_end_was_not_sent() {
    let silent = serve(|mut stream, _| {
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let workload = Workload { patience: MS(50), ..requests(20) };
    let record = drive(Plan { connections: 3, ..plan(workload, silent) });
    let wires = record.wires.expect("books");
    assert_eq!((wires.sent, wires.not_sent), (3, all(Ending::Unfinished, 17)));
}

#[test]
fn workers_offer_together_exactly_what_one_would() {
    let seen = Arc::new(AtomicU64::new(0));
    let sum = seen.clone();
    let peer = serve(move |mut stream, _| {
        while let Some(head) = head(&mut stream) {
            let id: u64 = head[5..].split(' ').next().and_then(|id| id.parse().ok()).expect("a number");
            sum.fetch_add(id * id, Ordering::Relaxed);
            if stream.write_all(OK.as_bytes()).is_err() {
                return;
            }
        }
    });
    let plan = Plan { asks: vec![Ask::get("/{id}")], workers: Some(3), ..plan(requests(100), peer) };
    let record = drive(plan);
    assert_eq!(record.endings, all(Ending::Completed, 100));
    assert_eq!(seen.load(Ordering::Relaxed), (0..100_u64).map(|id| id * id).sum::<u64>());
    assert_eq!(record.timeline.iter().map(|tick| tick.completed).sum::<u32>(), 100);
}

#[test]
fn a_body_larger_than_any_buffer_arrives_and_heads_have_no_body() {
    let peer = serve(|mut stream, _| {
        while let Some(head) = head(&mut stream) {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
            let mut body = vec![0; length.unwrap_or(0)];
            if stream.read_exact(&mut body).is_err() || body.iter().any(|b| *b != 7) {
                return;
            }
            let answer = if head.starts_with("HEAD") { &OK[..OK.len() - 2] } else { OK };
            if stream.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    });
    let large = Ask { method: "POST".into(), body: vec![7; 4 << 20], ..Ask::get("/") };
    let bodiless = Ask { method: "HEAD".into(), ..Ask::get("/") };
    let record = drive(Plan { asks: vec![large, bodiless], ..plan(requests(10), peer) });
    assert_eq!(record.endings, all(Ending::Completed, 10));
    let classes = &record.wires.expect("books").classes;
    assert_eq!(classes.iter().map(|class| class.answered.len()).sum::<u64>(), 10);
}

#[test]
fn a_socket_in_the_file_system_is_a_target_too() {
    let path = std::env::temp_dir().join(format!("inflight-driver-{}.sock", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path).expect("a socket");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            thread::spawn(move || {
                let mut byte = [0; 4096];
                while stream.read(&mut byte).is_ok_and(|n| n > 0) {
                    let _ = stream.write_all(OK.as_bytes());
                }
            });
        }
    });
    assert_eq!(endings(plan(requests(20), Peer::Unix(path.clone()))), all(Ending::Completed, 20));
    let _ = std::fs::remove_file(&path);
}

#[test]
fn stopping_shows_what_was_measured_and_leaves_nothing_open() {
    let silent = serve(|mut stream, _| {
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let run = plan(requests(60_000), silent).start(Epoch::now(), BEGIN).expect("it starts");
    crate::wait::eventually("some are in flight", || {
        if run.watch().in_flight() >= 5 { Ok(()) } else { Err(()) }
    });
    run.stop();
    let record = runtime.block_on(run.ended()).expect("it ends");
    let wires = record.wires.expect("books");
    assert!(record.offered >= 5 && record.offered < 60_000);
    assert_eq!(record.endings, all(Ending::Unfinished, record.offered));
    assert_eq!(wires.sent + wires.not_sent.values().sum::<u64>(), record.offered);
}

#[test]
fn a_pacing_world_has_tasks_and_timers_like_any_other() {
    let out = run(Epoch::now(), |world: World| async move {
        let sleeper = move |ms: u64| async move {
            world.sleep_until(Instant::from_nanos(ms * 1_000_000)).await;
            ms
        };
        let kept = world.spawn("kept", sleeper(3));
        drop(world.spawn("dropped", async { panic!("a dropped task is not polled") }));
        let lost = world.spawn("lost", async { panic!("on purpose") });
        let slow = race(world.spawn("slow", sleeper(60_000)), world.sleep_until(world.now() + MS(5))).await;
        assert!(matches!(slow, First::Right(())));
        (kept.await, lost.await.is_err(), world.now() >= Instant::from_nanos(3_000_000))
    });
    assert_eq!(out.expect("it ends"), (Ok(3), true, true));
}

#[test]
fn other_threads_may_wake_a_pacing_world() {
    let (give, take) = tokio::sync::oneshot::channel();
    thread::spawn(move || give.send(7));
    assert_eq!(run(Epoch::now(), |_| take).expect("it ends"), Ok(7));
}
