//! A target for the lab's driver, over HTTP/1.1: keep-alive connections that grow when an open loop needs them.

use crate::{
    app::router::{ID, SERVER_TIMING},
    live,
};
use bytes::Bytes;
use http::{HeaderValue, Request, Response, Uri, header};
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use inflight_lab::{
    load::Shot,
    record::{Ending, Reply},
};
use inflight_strategies::{
    rt::{Clock as _, Instant},
    service::Service,
};
use std::{
    convert::Infallible,
    fmt, io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{net::TcpStream, sync::Semaphore};

/// A URL to be driven. Clones share its connections.
#[derive(Clone)]
pub struct HttpTarget(Arc<Inner>);

struct Inner {
    world: live::World,
    address: SocketAddr,
    request: Request<()>,
    /// Whether requests carry their number, so that an Inflight server draws for them what was foreseen.
    numbered: bool,
    places: Semaphore,
    idle: Mutex<Vec<(Instant, Connection)>>,
}

type Connection = SendRequest<Empty<Bytes>>;

/// How long an idle connection is thought alive: less than servers usually keep it.
const IDLE: Duration = Duration::from_secs(5);

/// What a target is like.
#[derive(Clone, Debug)]
pub struct Options {
    /// The most connections at once.
    pub connections: usize,
    /// Whether requests carry their number (for servers of our own).
    pub numbered: bool,
}

impl HttpTarget {
    /// A target at `url`, which must be plain http.
    pub fn new(
        world: live::World,
        url: &Uri,
        address: SocketAddr,
        options: &Options,
    ) -> Result<HttpTarget, http::Error> {
        let authority = url.authority().map_or("localhost", |a| a.as_str());
        let path = url.path_and_query().map_or("/", |p| p.as_str());
        let request = Request::get(path).header(header::HOST, authority).body(())?;
        let (places, idle) = (Semaphore::new(options.connections), Mutex::default());
        Ok(HttpTarget(Arc::new(Inner { world, address, request, numbered: options.numbered, places, idle })))
    }
}

impl fmt::Debug for HttpTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpTarget").field("address", &self.0.address).finish_non_exhaustive()
    }
}

impl Service<Shot> for HttpTarget {
    type Response = Reply;
    type Error = Infallible;

    async fn call(&self, shot: Shot) -> Result<Reply, Infallible> {
        let _place = self.0.places.acquire().await.expect("never closed");
        Ok(self.0.exchange(shot).await.unwrap_or_else(Reply::new))
    }
}

impl Inner {
    fn idle(&self) -> MutexGuard<'_, Vec<(Instant, Connection)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One request, one answer.
    async fn exchange(&self, shot: Shot) -> Result<Reply, Ending> {
        let mut request = self.request(shot);
        loop {
            let reused = self.take_idle();
            let was_reused = reused.is_some();
            let mut connection = match reused {
                Some(connection) => connection,
                None => self.connect().await?,
            };
            match connection.try_send_request(request).await {
                Ok(response) => return self.read(connection, response).await,
                // The server had closed an idle connection: nothing was sent, so it may be sent again.
                Err(mut error) => match error.take_message() {
                    Some(unsent) if was_reused => request = unsent,
                    _ => return Err(ending_of(&error.into_error())),
                },
            }
        }
    }

    fn request(&self, shot: Shot) -> Request<Empty<Bytes>> {
        let (mut parts, ()) = self.request.clone().into_parts();
        if self.numbered {
            parts.headers.insert(&ID, HeaderValue::from(shot.id));
        }
        Request::from_parts(parts, Empty::new())
    }

    /// The connection that was used last: those that are not needed grow old and are dropped.
    fn take_idle(&self) -> Option<Connection> {
        let now = self.world.now();
        let mut idle = self.idle();
        while let Some((since, connection)) = idle.pop() {
            if now - since > IDLE {
                // All below it are older.
                idle.clear();
                return None;
            }
            if connection.is_ready() {
                return Some(connection);
            }
        }
        None
    }

    async fn connect(&self) -> Result<Connection, Ending> {
        let stream = TcpStream::connect(self.address).await.map_err(|e| ending_of_io(&e))?;
        let _ = stream.set_nodelay(true);
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|e| ending_of(&e))?;
        tokio::spawn(connection);
        Ok(sender)
    }

    /// Reads the body to its end, so that the connection can be used again.
    async fn read(
        &self,
        connection: Connection,
        response: Response<hyper::body::Incoming>,
    ) -> Result<Reply, Ending> {
        let (parts, mut body) = response.into_parts();
        while let Some(frame) = body.frame().await {
            frame.map_err(|e| ending_of(&e))?;
        }
        self.idle().push((self.world.now(), connection));
        let ending = match parts.status.as_u16() {
            200..400 => Ending::Completed,
            408 | 504 => Ending::TimedOut,
            429 => Ending::Rejected,
            503 if parts.headers.contains_key(header::RETRY_AFTER) => Ending::Rejected,
            _ => Ending::Failed,
        };
        let timing = parts.headers.get(SERVER_TIMING).and_then(|value| value.to_str().ok());
        Ok(timed(ending, timing.unwrap_or_default()))
    }
}

/// An ending with what a `Server-Timing` header says about it: waits are summed; of several calls to a service the last counts.
fn timed(ending: Ending, timing: &str) -> Reply {
    let mut reply = Reply::new(ending);
    for part in timing.split(',') {
        let Some((name, millis)) = part.trim().split_once(";dur=") else { continue };
        let seconds = millis.parse().map_or(-1.0, |millis: f64| millis / 1e3);
        let Ok(took) = Duration::try_from_secs_f64(seconds) else { continue };
        match name {
            "wait" => reply.wait = Some(reply.wait.unwrap_or_default().saturating_add(took)),
            "A" => reply.a = Some(took),
            "B" => reply.b = Some(took),
            "total" => reply.inside = Some(took),
            _ => {}
        }
    }
    reply
}

fn ending_of(error: &hyper::Error) -> Ending {
    if error.is_parse() { Ending::Protocol } else { Ending::Reset }
}

/// Our own exhaustion is never blamed on the target.
fn ending_of_io(error: &io::Error) -> Ending {
    const EMFILE: i32 = 24;
    const ENFILE: i32 = 23;
    match (error.kind(), error.raw_os_error()) {
        (io::ErrorKind::ConnectionRefused, _) => Ending::Refused,
        (io::ErrorKind::AddrNotAvailable, _) | (_, Some(EMFILE | ENFILE)) => Ending::Exhausted,
        _ => Ending::Reset,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_off_the_servers_timing() {
        let us = |micros| Some(Duration::from_micros(micros));
        let timing =
            "A;dur=97.100, wait;dur=1.250, wait;dur=1, B;dur=812.000, total;dur=813.3, cache;desc=hit";
        let expected = Reply {
            ending: Ending::Completed,
            wait: us(2250),
            a: us(97_100),
            b: us(812_000),
            inside: us(813_300),
            wire: None,
        };
        assert_eq!(timed(Ending::Completed, timing), expected);
    }

    #[test]
    fn what_is_no_time_is_left_out() {
        for timing in
            ["", "wait", "wait;dur=", "wait;dur=-1", "wait;dur=NaN", "wait;dur=1e300", "total;dur=inf"]
        {
            assert_eq!(timed(Ending::Failed, timing), Reply::new(Ending::Failed), "{timing}");
        }
    }
}
