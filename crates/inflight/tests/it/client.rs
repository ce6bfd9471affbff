//! HTTP/1.1 by hand: what is sent and what comes back are the very bytes.

use crate::wait::DEADLINE;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::Value;
use std::{
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpStream},
    sync::Once,
};

/// A connection to an app.
#[derive(Debug)]
pub(crate) struct Connection(BufReader<TcpStream>);

/// A response, read to its end.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> Connection {
        many_files();
        let stream = TcpStream::connect(address).expect("a connection");
        stream.set_nodelay(true).expect("a socket option");
        stream.set_read_timeout(Some(DEADLINE)).expect("a socket option");
        Connection(BufReader::new(stream))
    }

    /// Sends bytes as they are.
    pub(crate) fn send(&mut self, bytes: &str) {
        self.0.get_mut().write_all(bytes.as_bytes()).expect("sent");
    }

    /// Sends a request without waiting for its answer.
    pub(crate) fn ask(&mut self, method: &str, path: &str, headers: &[(&str, &str)]) {
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: inflight\r\n");
        headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
        self.send(&(head + "\r\n"));
    }

    /// Asks for `path` and waits for the answer.
    pub(crate) fn get(&mut self, path: &str, headers: &[(&str, &str)]) -> Response {
        self.ask("GET", path, headers);
        self.receive().expect("an answer")
    }

    /// Reads one response.
    pub(crate) fn receive(&mut self) -> io::Result<Response> {
        let broken = || io::Error::from(io::ErrorKind::InvalidData);
        let status = self.line()?.split(' ').nth(1).and_then(|s| s.parse().ok()).ok_or_else(broken)?;
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            match line.split_once(':') {
                Some((name, value)) => headers.push((name.to_lowercase(), value.trim().to_string())),
                None => break,
            }
        }
        let mut response = Response { status, headers, body: String::new() };
        let length = response.header("content-length").and_then(|n| n.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        self.0.read_exact(&mut body)?;
        response.body = String::from_utf8(body).map_err(|_| broken())?;
        Ok(response)
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        match self.0.read_line(&mut line)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(line.trim_end().into()),
        }
    }

    /// Whether the server closes this connection before anything else comes.
    pub(crate) fn is_closed(&mut self) -> bool {
        let mut rest = Vec::new();
        match self.0.read_to_end(&mut rest) {
            Ok(_) => rest.is_empty(),
            Err(error) => error.kind() == io::ErrorKind::ConnectionReset,
        }
    }

    /// Whether the server has closed this connection by now.
    pub(crate) fn is_shut(&mut self) -> bool {
        self.peek(|peeked| matches!(peeked, Ok(0)) || peeked.is_err_and(|e| e != io::ErrorKind::WouldBlock))
    }

    /// Whether nothing has come by now, and the connection is open.
    pub(crate) fn has_nothing(&mut self) -> bool {
        self.peek(|peeked| peeked == Err(io::ErrorKind::WouldBlock))
    }

    fn peek(&mut self, is_so: impl Fn(Result<usize, io::ErrorKind>) -> bool) -> bool {
        let stream = self.0.get_ref();
        stream.set_nonblocking(true).expect("a socket option");
        let peeked = stream.peek(&mut [0; 1]).map_err(|error| error.kind());
        stream.set_nonblocking(false).expect("a socket option");
        is_so(peeked)
    }

    /// Hangs up.
    pub(crate) fn hang_up(self) {
        let _ = self.0.get_ref().shutdown(Shutdown::Both);
    }
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.body))
    }
}

/// Lets this process have as many files open as it ever may: hundreds of connections at once are no fault here.
fn many_files() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let maximum = getrlimit(Resource::Nofile).maximum;
        let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    });
}

/// One request for each of `ids` to `path`, all at once, each on a connection of its own; the answers in order.
pub(crate) fn all_at_once(
    address: SocketAddr,
    path: &str,
    ids: impl IntoIterator<Item = u64>,
) -> Vec<(u64, Response)> {
    let asked: Vec<(u64, Connection)> = ids
        .into_iter()
        .map(|id| {
            let mut connection = Connection::open(address);
            connection.ask("GET", path, &[("x-inflight-id", &id.to_string())]);
            (id, connection)
        })
        .collect();
    asked.into_iter().map(|(id, mut c)| (id, c.receive().expect("an answer"))).collect()
}
