//! A host as a target of the lab's driver: one request, one answer, whatever happens in between.

use super::{
    http1::{Answer, Facts, Malformed},
    pool::{Lease, Pool},
    request::Mix,
    stream::{Opener, Stream},
    world::{self, World},
};
use inflight_lab::{
    load::Shot,
    record::{Ending, Reply},
    wire::Wire,
};
use inflight_strategies::{
    rt::{Clock as _, First, Instant, race},
    service::Service,
};
use rustix::io::Errno;
use std::{
    convert::Infallible,
    fmt,
    future::{pending, poll_fn},
    io,
    net::IpAddr,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

/// A host to be driven by one worker. Clones share its connections.
#[derive(Clone)]
pub(super) struct HttpTarget(Arc<Inner>);

pub(super) struct Inner {
    pub(super) world: World,
    pub(super) mix: Mix,
    pub(super) opener: Opener,
    pub(super) pool: Pool,
    /// Addresses from which connections are made, in turn; none: whatever the system says.
    pub(super) sources: Vec<IpAddr>,
    pub(super) turn: AtomicUsize,
    /// How long a request may take from its beginning.
    pub(super) time_limit: Option<Duration>,
}

impl HttpTarget {
    pub(super) fn new(inner: Inner) -> HttpTarget {
        HttpTarget(Arc::new(inner))
    }
}

impl fmt::Debug for HttpTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpTarget").field("opener", &self.0.opener).finish_non_exhaustive()
    }
}

impl Service<Shot> for HttpTarget {
    type Response = Reply;
    type Error = Infallible;

    async fn call(&self, shot: Shot) -> Result<Reply, Infallible> {
        let target = &*self.0;
        let mut wire = Wire { class: target.mix.class(shot.id), ..Wire::default() };
        let reply = {
            // Pinned here: a future that is moved into another keeps its room here as well, for every request in flight.
            let (exchange, hang_up) = (pin!(target.exchange(shot, &mut wire)), pin!(target.hang_up()));
            match race(exchange, hang_up).await {
                First::Left(Ok(facts)) => facts.reply(facts.ending()),
                First::Left(Err(ending)) | First::Right(ending) => Reply::new(ending),
            }
        };
        Ok(Reply { wire: Some(wire), ..reply })
    }
}

impl Inner {
    /// Done when nobody waits for an answer any more.
    async fn hang_up(&self) -> Ending {
        let limit = async {
            match self.time_limit {
                Some(limit) => self.world.sleep_until(self.world.now() + limit).await,
                None => pending().await,
            }
        };
        match race(world::over(), pin!(limit)).await {
            First::Left(()) => Ending::Unfinished,
            First::Right(()) => Ending::Abandoned,
        }
    }

    /// One request, one answer.
    async fn exchange(&self, shot: Shot, wire: &mut Wire) -> Result<Facts, Ending> {
        let request = self.mix.written(wire.class, shot.id);
        loop {
            let mut lease = self.lease(wire).await;
            let is_used = lease.stream.is_some();
            let stream = match &mut lease.stream {
                Some(stream) => stream,
                // Most requests open none: room for that is only taken by those who do.
                none => none.insert(Box::pin(self.open(wire)).await?),
            };
            let mut answer = Answer::new(self.mix.is_head(wire.class));
            wire.sent = Some(self.world.now());
            match self.talk(stream, &request, &mut answer, wire).await {
                Ok(()) => {
                    self.part(lease, answer.is_kept);
                    return Ok(answer.facts);
                }
                // The server had closed an idle connection: nothing was sent, so it may be sent again.
                Err(Break::Unsent) if is_used => wire.sent = None,
                Err(broken) => return Err(broken.ending()),
            }
        }
    }

    async fn lease(&self, wire: &mut Wire) -> Lease<'_> {
        let now = self.world.now();
        match self.pool.take(now) {
            Some(lease) => lease,
            None => Waited { world: self.world, since: now, wire }.turn(&self.pool).await,
        }
    }

    async fn open(&self, wire: &mut Wire) -> Result<Stream, Ending> {
        let begun = self.world.now();
        let source = match self.sources.len() {
            0 => None,
            n => Some(self.sources[self.turn.fetch_add(1, Ordering::Relaxed) % n]),
        };
        let stream = self.opener.open(source).await.map_err(|error| ending_of(&error))?;
        wire.connect = Some(self.world.now() - begun);
        Ok(stream)
    }

    /// Sends a request and reads until its answer is whole. An answer may come before the request is all sent.
    async fn talk(
        &self,
        stream: &mut Stream,
        request: &[u8],
        answer: &mut Answer,
        wire: &mut Wire,
    ) -> Result<(), Break> {
        let mut left = request;
        let result = poll_fn(|cx| {
            match send(cx, stream, &mut left) {
                Ok(()) => {}
                Err(error) if left.len() == request.len() && is_gone(&error) => {
                    return Poll::Ready(Err(Break::Unsent));
                }
                // An answer may have come all the same.
                Err(_) => left = &[],
            }
            loop {
                let received = stream.poll_receive(cx, |piece| match piece {
                    [] if answer.end() => Ok(true),
                    [] => Err(Break::Reset),
                    piece => answer.take(piece).map_err(|Malformed| Break::Protocol),
                });
                let is_whole = std::task::ready!(received).unwrap_or(Err(Break::Reset));
                if wire.first_byte.is_none() && answer.received > 0 {
                    wire.first_byte = Some(self.world.now());
                }
                match is_whole {
                    Ok(false) => {}
                    Ok(true) => return Poll::Ready(Ok(())),
                    Err(broken) => return Poll::Ready(Err(broken)),
                }
            }
        })
        .await;
        wire.received += answer.received;
        wire.status = answer.facts.status;
        // What was not all sent is still on its way.
        answer.is_kept &= left.is_empty();
        result
    }

    /// What becomes of a connection after an answer.
    fn part(&self, lease: Lease<'_>, is_kept: bool) {
        if is_kept {
            lease.give_back(self.world.now());
        }
    }
}

/// Notes how long was waited for a connection, even if that ends without one.
struct Waited<'a> {
    world: World,
    since: Instant,
    wire: &'a mut Wire,
}

impl Waited<'_> {
    async fn turn(self, pool: &Pool) -> Lease<'_> {
        pool.wait().await
    }
}

impl Drop for Waited<'_> {
    fn drop(&mut self) {
        let before = self.wire.waited.unwrap_or_default();
        self.wire.waited = Some(before + (self.world.now() - self.since));
    }
}

/// Sends as much as goes.
fn send(cx: &mut Context<'_>, stream: &mut Stream, left: &mut &[u8]) -> io::Result<()> {
    while !left.is_empty() {
        match stream.poll_send(cx, left) {
            Poll::Ready(sent) => *left = &left[sent?..],
            Poll::Pending => break,
        }
    }
    Ok(())
}

/// Why an exchange broke off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Break {
    /// The connection was gone before anything was sent.
    Unsent,
    Reset,
    Protocol,
}

impl Break {
    fn ending(self) -> Ending {
        match self {
            Break::Unsent | Break::Reset => Ending::Reset,
            Break::Protocol => Ending::Protocol,
        }
    }
}

fn is_gone(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset)
}

/// Why a connection did not come about. Our own exhaustion is never blamed on the target.
fn ending_of(error: &io::Error) -> Ending {
    match Errno::from_io_error(error) {
        Some(Errno::CONNREFUSED | Errno::NOENT) => Ending::Refused,
        // A unix socket whose queue is full says so instead of letting us wait.
        Some(Errno::AGAIN) => Ending::Refused,
        Some(Errno::MFILE | Errno::NFILE | Errno::ADDRNOTAVAIL | Errno::ADDRINUSE) => Ending::Exhausted,
        Some(Errno::NOBUFS | Errno::NOMEM | Errno::NOSPC) => Ending::Exhausted,
        Some(Errno::HOSTUNREACH | Errno::NETUNREACH | Errno::TIMEDOUT | Errno::ACCESS) => Ending::Unreachable,
        _ => Ending::Reset,
    }
}
