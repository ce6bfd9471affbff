//! A client that costs little and is exact: one thread, epoll with nanosecond timeouts, HTTP/1.1 over keep-alive
//! connections. The product's own driver spawns tasks and parses everything, which on one processor would show up in the
//! figures as the server's latency.

use rustix::{
    buffer::spare_capacity,
    event::{Timespec, epoll},
    fd::OwnedFd,
};
use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    num::NonZeroU64,
    time::{Duration, Instant},
};

/// One request, over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) id: u64,
    pub(crate) intended: Instant,
    pub(crate) sent: Instant,
    pub(crate) done: Instant,
    pub(crate) status: u16,
}

struct Connection {
    stream: TcpStream,
    /// What is in flight on it: number, intended start, actual start.
    busy: Option<(u64, Instant, Instant)>,
    /// The part of an answer that has come so far, if it did not come whole.
    part: Vec<u8>,
}

/// Connections to one server.
pub(crate) struct Client {
    address: SocketAddr,
    poll: OwnedFd,
    events: Vec<epoll::Event>,
    connections: Vec<Connection>,
    idle: Vec<usize>,
    in_flight: usize,
    request: Vec<u8>,
    head: usize,
    buffer: Vec<u8>,
}

impl Client {
    /// A client for `GET path`.
    pub(crate) fn new(address: SocketAddr, path: &str) -> Client {
        // Without this the kernel may add 50 µs to every wait.
        let _ = rustix::thread::set_current_timer_slack(NonZeroU64::new(1));
        let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\n").into_bytes();
        Client {
            address,
            poll: epoll::create(epoll::CreateFlags::CLOEXEC).expect("epoll"),
            events: Vec::with_capacity(1024),
            connections: Vec::new(),
            idle: Vec::new(),
            in_flight: 0,
            head: request.len(),
            request,
            buffer: vec![0; 16 << 10],
        }
    }

    /// Requests that have been sent and not been answered.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Connections opened so far.
    pub(crate) fn connections(&self) -> usize {
        self.connections.len()
    }

    fn connect(&mut self) -> usize {
        let stream = TcpStream::connect(self.address).expect("the server accepts");
        stream.set_nodelay(true).expect("a TCP stream");
        stream.set_nonblocking(true).expect("a TCP stream");
        let number = self.connections.len();
        let data = epoll::EventData::new_u64(number as u64);
        epoll::add(&self.poll, &stream, data, epoll::EventFlags::IN).expect("epoll");
        self.connections.push(Connection { stream, busy: None, part: Vec::new() });
        number
    }

    /// Sends request `id`; `numbered` says whether it carries that number.
    fn send(&mut self, connection: usize, id: u64, numbered: bool, intended: Instant) {
        self.request.truncate(self.head);
        if numbered {
            let _ = write!(self.request, "x-inflight-id: {id}\r\n");
        }
        self.request.extend_from_slice(b"\r\n");
        let connection = &mut self.connections[connection];
        connection.busy = Some((id, intended, Instant::now()));
        // A request is a hundred bytes and its connection idle: there is room for it.
        connection.stream.write_all(&self.request).expect("the server reads");
        self.in_flight += 1;
    }

    /// Sends request `id` on an idle connection, or on a new one.
    pub(crate) fn shoot(&mut self, id: u64, intended: Instant) {
        let connection = self.idle.pop().unwrap_or_else(|| self.connect());
        self.send(connection, id, true, intended);
    }

    /// Waits for answers, at most until `until`, and hands over those that came.
    pub(crate) fn wait(&mut self, until: Instant, mut over: impl FnMut(Sample)) {
        self.events.clear();
        let left = until.saturating_duration_since(Instant::now());
        let left = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() };
        let _ = epoll::wait(&self.poll, spare_capacity(&mut self.events), Some(&left));
        // Whatever is reported now had come by now.
        let now = Instant::now();
        let events = std::mem::take(&mut self.events);
        for event in &events {
            let number = event.data.u64() as usize;
            if let Some(status) = self.receive(number) {
                let (id, intended, sent) =
                    self.connections[number].busy.take().expect("an answer has a request");
                self.in_flight -= 1;
                self.idle.push(number);
                over(Sample { id, intended, sent, done: now, status });
            }
        }
        self.events = events;
    }

    /// Reads what there is; the status if that completes an answer.
    fn receive(&mut self, number: usize) -> Option<u16> {
        let connection = &mut self.connections[number];
        match connection.stream.read(&mut self.buffer) {
            Ok(0) => {
                assert!(connection.busy.is_none(), "the server closed a connection with a request on it");
                let _ = epoll::delete(&self.poll, &connection.stream);
                self.idle.retain(|idle| *idle != number);
                None
            }
            Ok(n) if connection.part.is_empty() => {
                let status = whole(&self.buffer[..n]);
                if status.is_none() {
                    connection.part.extend_from_slice(&self.buffer[..n]);
                }
                status
            }
            Ok(n) => {
                connection.part.extend_from_slice(&self.buffer[..n]);
                let status = whole(&connection.part);
                if status.is_some() {
                    connection.part.clear();
                }
                status
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock, "the server broke a connection: {error}");
                None
            }
        }
    }

    /// A closed loop: `connections` callers who ask again as soon as they are answered, for `time`. Returns the number of
    /// answers; all of them must be 200.
    pub(crate) fn closed_loop(&mut self, connections: usize, time: Duration) -> u64 {
        let end = Instant::now() + time;
        while self.connections.len() < connections {
            let number = self.connect();
            self.idle.push(number);
        }
        let mut answers = 0;
        loop {
            let now = Instant::now();
            if now >= end {
                break;
            }
            while let Some(number) = self.idle.pop() {
                self.send(number, 0, false, now);
            }
            self.wait(end, |sample| {
                assert_eq!(sample.status, 200);
                answers += 1;
            });
        }
        while self.in_flight > 0 {
            self.wait(Instant::now() + Duration::from_secs(1), |_| answers += 1);
        }
        answers
    }
}

/// The status, if `bytes` is a whole answer.
fn whole(bytes: &[u8]) -> Option<u16> {
    let head = bytes.windows(4).position(|w| w == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&bytes[..head]).expect("a head in ASCII");
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.expect("a known length").parse().expect("a number");
    assert!(bytes.len() <= head + length, "one answer per request");
    (bytes.len() == head + length).then(|| text[9..12].parse().expect("a status"))
}
