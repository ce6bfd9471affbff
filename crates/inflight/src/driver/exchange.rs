//! Requests over HTTP/1.1: each has a connection for itself until its answer is whole.

use super::{
    http1::{Answer, Facts, Malformed},
    pool::{Lease, Pool},
    request::Mix,
    stream::{Opener, Stream, Trouble},
    world::World,
};
use inflight_lab::{record::Ending, wire::Wire};
use inflight_strategies::rt::{Clock as _, Instant};
use std::{
    future::poll_fn,
    task::{Context, Poll},
};

/// How HTTP/1.1 is spoken to a host.
pub(super) struct Http1 {
    pub(super) opener: Opener,
    pub(super) pool: Pool,
}

impl Http1 {
    fn world(&self) -> World {
        self.opener.world
    }

    /// Request number `id` of a mix, and its answer.
    pub(super) async fn exchange(&self, mix: &Mix, id: u64, wire: &mut Wire) -> Result<Facts, Ending> {
        loop {
            let lease = self.lease(wire).await;
            let is_used = lease.stream.is_some();
            // Who waits for a connection needs little room; the rest is taken when there is one.
            match Box::pin(self.over(lease, mix, id, wire)).await {
                // The server had closed an idle connection: nothing was sent, so it may be sent again.
                Err(Break::Unsent) if is_used => wire.sent = None,
                answered => return answered.map_err(Break::ending),
            }
        }
    }

    async fn lease(&self, wire: &mut Wire) -> Lease<'_> {
        let now = self.world().now();
        match self.pool.take(now) {
            Some(lease) => lease,
            None => {
                let _waited = Waited { world: self.world(), since: now, wire };
                self.pool.wait().await
            }
        }
    }

    /// A request over the connection of `lease`, which is opened if it is not yet.
    async fn over(&self, mut lease: Lease<'_>, mix: &Mix, id: u64, wire: &mut Wire) -> Result<Facts, Break> {
        let stream = match &mut lease.stream {
            Some(stream) => stream,
            // Most requests open none: room for that is only taken by those who do.
            none => {
                let (stream, took) = Box::pin(self.opener.open()).await.map_err(Break::Unopened)?;
                wire.connect = Some(took);
                none.insert(stream)
            }
        };
        let request = mix.written(wire.class, id);
        let mut answer = Answer::new(mix.is_head(wire.class));
        wire.sent = Some(self.world().now());
        self.talk(stream, &request, &mut answer, wire).await?;
        if answer.is_kept {
            lease.give_back(self.world().now());
        }
        Ok(answer.facts)
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
                Err(trouble) if left.len() == request.len() && trouble.is_gone() => {
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
                let is_whole = std::task::ready!(received).unwrap_or_else(|trouble| Err(trouble.into()));
                if wire.first_byte.is_none() && answer.received > 0 {
                    wire.first_byte = Some(self.world().now());
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
}

/// Sends as much as goes.
fn send(cx: &mut Context<'_>, stream: &mut Stream, left: &mut &[u8]) -> Result<(), Trouble> {
    while !left.is_empty() {
        match stream.poll_send(cx, left) {
            Poll::Ready(sent) => *left = &left[sent?..],
            Poll::Pending => break,
        }
    }
    Ok(())
}

/// Notes how long was waited for a connection, even if that ends without one.
pub(super) struct Waited<'a> {
    pub(super) world: World,
    pub(super) since: Instant,
    pub(super) wire: &'a mut Wire,
}

impl Drop for Waited<'_> {
    fn drop(&mut self) {
        let before = self.wire.waited.unwrap_or_default();
        self.wire.waited = Some(before + (self.world.now() - self.since));
    }
}

/// Why an exchange broke off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Break {
    /// There was no connection to be had.
    Unopened(Ending),
    /// The connection was gone before anything was sent, or the target has told that it did nothing about it.
    Unsent,
    Reset,
    Protocol,
    Tls,
}

impl Break {
    pub(super) fn ending(self) -> Ending {
        match self {
            Break::Unopened(ending) => ending,
            Break::Unsent | Break::Reset => Ending::Reset,
            Break::Protocol => Ending::Protocol,
            Break::Tls => Ending::Tls,
        }
    }
}

impl From<Trouble> for Break {
    fn from(trouble: Trouble) -> Break {
        match trouble {
            Trouble::Io(_) => Break::Reset,
            Trouble::Tls(_) => Break::Tls,
        }
    }
}
