//! A target whose behaviour is known exactly, to try load drivers on: this one and others.
//!
//! One thread, one epoll set, no runtime, so that nothing stands between a request and its answer but the kernel. What a
//! request asks for is in its path (`work`). A stall stops the whole thing: nothing is read or answered meanwhile, like a
//! garbage collection. Time counts from the first request's arrival. It keeps the arrival of every request, up to
//! [`MAX_ARRIVALS`], as the clock read when the request was taken: `GET /arrivals` tells and forgets them.

mod connection;
mod work;

use crate::backlog;
use connection::{Inbox, Next};
use inflight_lab::load::truth::Stalls;
use rustix::{
    buffer::spare_capacity,
    event::{Timespec, epoll},
    fd::OwnedFd,
    io::Errno,
    net::{self, SocketFlags, sockopt},
};
use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    io::{self, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    num::NonZero,
    time::{Duration, Instant},
};
use work::{Asked, Servers, asked};

/// The most arrivals that are kept.
pub const MAX_ARRIVALS: usize = 20_000_000;

/// The token of the listener; connections have their index.
const LISTENER: u64 = u64::MAX;

/// How a target behaves.
#[derive(Clone, Debug)]
pub struct Options {
    /// When it stops altogether, if it does.
    pub stalls: Option<Stalls>,
    /// Whether it looks for requests without ever sleeping: arrivals are read off the clock at once, for a whole processor.
    pub spin: bool,
    /// Decides all random work.
    pub seed: u64,
}

/// A target on a socket.
#[derive(Debug)]
pub struct Target {
    listener: TcpListener,
    epoll: OwnedFd,
    connections: Vec<Option<Connection>>,
    free: Vec<usize>,
    timers: BinaryHeap<Reverse<(Duration, usize, u64)>>,
    servers: Servers,
    options: Options,
    /// When the first request arrived.
    began: Option<Instant>,
    stalls_over: u64,
    opened: u64,
    arrivals: Vec<Duration>,
}

#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    inbox: Inbox,
    /// Tells it from others that had its place.
    number: u64,
    /// What goes out when the answer is due.
    owed: Option<(Option<Duration>, bool)>,
}

impl Target {
    /// A target that listens on `listener`.
    pub fn new(listener: TcpListener, options: Options) -> io::Result<Target> {
        listener.set_nonblocking(true)?;
        backlog::widen(&listener)?;
        // Its connections inherit this.
        sockopt::set_tcp_nodelay(&listener, true)?;
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, &listener, epoll::EventData::new_u64(LISTENER), epoll::EventFlags::IN)?;
        Ok(Target {
            listener,
            epoll,
            connections: Vec::new(),
            free: Vec::new(),
            timers: BinaryHeap::new(),
            servers: Servers::new(options.seed),
            options,
            began: None,
            stalls_over: 0,
            opened: 0,
            arrivals: Vec::new(),
        })
    }

    /// Serves until the process ends.
    pub fn serve(mut self) -> io::Result<()> {
        // Answers are due at an instant, not some time after it.
        let _ = rustix::thread::set_current_timer_slack(NonZero::new(1));
        let mut events = Vec::with_capacity(1024);
        loop {
            events.clear();
            let wait = self.wait();
            match epoll::wait(&self.epoll, spare_capacity(&mut events), wait.as_ref()) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            self.stall();
            for event in &events {
                match event.data.u64() {
                    LISTENER => self.accept(),
                    index => self.read(index as usize),
                }
            }
            self.answer_who_is_due();
        }
    }

    /// Since the first request.
    fn now(&self) -> Duration {
        self.began.map_or(Duration::ZERO, |began| began.elapsed())
    }

    /// Now; the first request begins time.
    #[expect(clippy::disallowed_methods, reason = "a target is a program of its own, without a world")]
    fn begin(&mut self) -> Duration {
        self.began.get_or_insert_with(Instant::now).elapsed()
    }

    /// How long there is nothing to do of our own.
    fn wait(&self) -> Option<Timespec> {
        const NOT_AT_ALL: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };
        if self.options.spin {
            return Some(NOT_AT_ALL);
        }
        let stall = self.next_stall().map(|(start, _)| start);
        let due = self.timers.peek().map(|Reverse((at, ..))| *at);
        let until = [stall, due].into_iter().flatten().min()?.saturating_sub(self.now());
        Some(Timespec { tv_sec: until.as_secs() as i64, tv_nsec: i64::from(until.subsec_nanos()) })
    }

    fn next_stall(&self) -> Option<(Duration, Duration)> {
        self.began?;
        self.options.stalls.as_ref().map(|stalls| stalls.nth(self.stalls_over))
    }

    /// Stops altogether if it is time to.
    fn stall(&mut self) {
        while let Some((start, end)) = self.next_stall().filter(|(start, _)| *start <= self.now()) {
            debug_assert!(start <= end);
            std::thread::sleep(end.saturating_sub(self.now()));
            self.stalls_over += 1;
        }
    }

    /// Takes whoever has come, and the request that each has brought already: who came first is answered first.
    fn accept(&mut self) {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        while let Ok(socket) = net::accept_with(&self.listener, flags) {
            let stream = TcpStream::from(socket);
            let index = self.free.pop().unwrap_or_else(|| {
                self.connections.push(None);
                self.connections.len() - 1
            });
            let token = epoll::EventData::new_u64(index as u64);
            if epoll::add(&self.epoll, &stream, token, epoll::EventFlags::IN).is_err() {
                self.free.push(index);
                continue;
            }
            self.opened += 1;
            self.connections[index] =
                Some(Connection { stream, inbox: Inbox::default(), number: self.opened, owed: None });
            self.read(index);
        }
    }

    fn read(&mut self, index: usize) {
        let mut chunk = [0; 16 << 10];
        let Some(connection) = self.connections.get_mut(index).and_then(Option::as_mut) else { return };
        match connection.stream.read(&mut chunk) {
            Ok(n @ 1..) => connection.inbox.push(&chunk[..n]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
            _ => return self.forget(index),
        }
        self.take_next(index);
    }

    /// Takes the next request of a connection that is owed nothing.
    fn take_next(&mut self, index: usize) {
        loop {
            let Some(connection) = self.connections[index].as_mut().filter(|c| c.owed.is_none()) else {
                return;
            };
            match connection.inbox.next() {
                Next::More => return,
                Next::Broken => {
                    let _ = connection.stream.write_all(BAD_REQUEST);
                    return self.forget(index);
                }
                Next::Request { path, close } => self.take(index, &path, close),
            }
        }
    }

    fn take(&mut self, index: usize, path: &str, close: bool) {
        let asked = asked(path);
        if asked == Some(Asked::Arrivals) {
            let body = self.tell_arrivals();
            return self.write(index, &answer("200 OK", None, &body), close);
        }
        let now = self.begin();
        if self.arrivals.len() < MAX_ARRIVALS {
            self.arrivals.push(now);
        }
        let Some(due) = asked.and_then(|asked| self.servers.due(path, &asked, now)) else {
            return self.write(index, NOT_FOUND, close);
        };
        if due.at <= now {
            return self.write(index, AT_ONCE, close);
        }
        let connection = self.connections[index].as_mut().expect("it has just sent something");
        connection.owed = Some((due.wait, close));
        self.timers.push(Reverse((due.at, index, connection.number)));
    }

    fn answer_who_is_due(&mut self) {
        while let Some(Reverse((at, index, number))) = self.timers.peek().copied() {
            if at > self.now() {
                return;
            }
            self.timers.pop();
            let still = self.connections[index].as_mut().filter(|c| c.number == number);
            if let Some((wait, close)) = still.and_then(|c| c.owed.take()) {
                self.write(index, &answer("200 OK", wait, "hello, world!"), close);
                if self.connections[index].is_some() {
                    self.take_next(index);
                }
            }
        }
    }

    /// Writes an answer. A client that does not read its answers is let go.
    fn write(&mut self, index: usize, bytes: &[u8], close: bool) {
        let Some(connection) = self.connections[index].as_mut() else { return };
        let is_large = bytes.len() > 64 << 10;
        let written = match is_large {
            false => connection.stream.write_all(bytes),
            true => connection
                .stream
                .set_nonblocking(false)
                .and_then(|()| connection.stream.write_all(bytes))
                .and_then(|()| connection.stream.set_nonblocking(true)),
        };
        if written.is_err() || close {
            self.forget(index);
        }
    }

    fn forget(&mut self, index: usize) {
        // Closing it takes it out of the epoll set.
        if self.connections[index].take().is_some() {
            self.free.push(index);
        }
    }

    /// One line per request: nanoseconds since the first.
    fn tell_arrivals(&mut self) -> String {
        let mut text = String::with_capacity(self.arrivals.len() * 12);
        for at in std::mem::take(&mut self.arrivals) {
            text.push_str(&at.as_nanos().to_string());
            text.push('\n');
        }
        text
    }
}

const AT_ONCE: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\nhello, world!";
const NOT_FOUND: &[u8] = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n";
const BAD_REQUEST: &[u8] = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// An answer that tells how long its request waited in line.
fn answer(status: &str, wait: Option<Duration>, body: &str) -> Vec<u8> {
    let timing = wait
        .map_or(String::new(), |wait| format!("server-timing: wait;dur={:.6}\r\n", wait.as_secs_f64() * 1e3));
    format!("HTTP/1.1 {status}\r\n{timing}content-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}
