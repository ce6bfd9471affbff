//! A host as a target of the lab's driver: one request, one answer, whatever happens in between.

use super::{
    exchange::Http1,
    http1::Facts,
    http2::Http2,
    request::Mix,
    world::{self, World},
};
use inflight_lab::{
    load::Shot,
    record::{Ending, Reply},
    wire::Wire,
};
use inflight_strategies::{
    rt::{Clock as _, First, race},
    service::Service,
};
use std::{convert::Infallible, fmt, future::pending, pin::pin, sync::Arc, time::Duration};

/// A host to be driven by one worker. Clones share its connections.
#[derive(Clone)]
pub(super) struct HttpTarget(Arc<Inner>);

pub(super) struct Inner {
    pub(super) world: World,
    pub(super) mix: Mix,
    pub(super) speech: Speech,
    /// How long a request may take from its beginning.
    pub(super) time_limit: Option<Duration>,
}

/// How requests are put, and over which connections.
pub(super) enum Speech {
    Http1(Http1),
    Http2(Http2),
}

impl HttpTarget {
    pub(super) fn new(inner: Inner) -> HttpTarget {
        HttpTarget(Arc::new(inner))
    }
}

impl fmt::Debug for HttpTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpTarget").field("mix", &self.0.mix).finish_non_exhaustive()
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
            let (exchange, hang_up) = (pin!(target.exchange(shot.id, &mut wire)), pin!(target.hang_up()));
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
    async fn exchange(&self, id: u64, wire: &mut Wire) -> Result<Facts, Ending> {
        match &self.speech {
            Speech::Http1(speech) => speech.exchange(&self.mix, id, wire).await,
            Speech::Http2(speech) => speech.exchange(id, wire).await,
        }
    }
}
