//! The connections of one worker over HTTP/2: requests share them, the oldest first, and one more is opened when all streams of
//! those that there are, or will soon be, are taken. Who finds none waits for the first that is free, in order.
//!
//! How many streams a connection has is up to the target: its SETTINGS must have come before a connection counts as open.

use super::{
    http2::broken,
    stream::{Opener, Stream},
    task::lock,
    waitlist::Waitlist,
};
use bytes::Bytes;
use h2::client::{Connection, SendRequest};
use inflight_lab::record::Ending;
use inflight_strategies::rt::{Clock as _, Executor as _, Task as _};
use std::{
    collections::{BTreeMap, BTreeSet},
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};
use tokio::sync::oneshot;

/// How much of one answer, and of all answers on a connection, may be on its way, in bytes: hyper's defaults for clients.
const WINDOWS: (u32, u32) = (2 << 20, 5 << 20);

/// Connections with streams, and who waits for one.
#[derive(Debug)]
pub(super) struct Streams {
    opener: Opener,
    state: Mutex<State>,
    waiting: Waitlist<Grant>,
    /// The most connections.
    most: usize,
    /// The most streams of each.
    each: usize,
}

#[derive(Debug, Default)]
struct State {
    lines: BTreeMap<u64, Line>,
    /// Which of them have a stream that is free, as far as is known.
    roomy: BTreeSet<u64>,
    /// Connections that are being opened.
    opening: usize,
    /// How many connections there have been.
    begun: u64,
}

/// An open connection.
#[derive(Debug)]
struct Line {
    sender: SendRequest<Bytes>,
    busy: usize,
    /// Whether there has ever been an answer.
    has_answered: bool,
}

/// A stream that is somebody's.
#[derive(Debug)]
struct Claim {
    line: u64,
    sender: SendRequest<Bytes>,
    is_used: bool,
}

/// What somebody gets who has waited.
#[derive(Debug)]
enum Grant {
    Stream(Claim),
    /// Room for a new connection.
    Room,
    /// The connection that was waited for did not come about.
    Failed(Ending),
}

/// A stream to be used once; dropping it makes room for the next.
#[derive(Debug)]
pub(super) struct Lease {
    streams: Arc<Streams>,
    line: u64,
    pub(super) sender: SendRequest<Bytes>,
    /// Whether its connection had answered something before.
    pub(super) is_used: bool,
}

/// What there is for somebody who asks.
pub(super) enum Found {
    Stream(Lease),
    /// Room for a new connection, which whoever asks is to open.
    Room(Opening),
    /// Nothing yet.
    Nothing,
}

/// A connection to be opened; if it is dropped before, somebody else may.
pub(super) struct Opening {
    streams: Arc<Streams>,
    line: u64,
    is_over: bool,
}

impl State {
    /// One more connection is being opened.
    fn open(&mut self, streams: &Arc<Streams>) -> Opening {
        self.begun += 1;
        Opening { streams: streams.clone(), line: self.begun, is_over: false }
    }
}

impl Line {
    /// Takes a stream, if one is free.
    fn claim(&mut self, number: u64, most: usize) -> Option<Claim> {
        if self.busy >= self.sender.current_max_send_streams().min(most) {
            return None;
        }
        self.busy += 1;
        Some(Claim { line: number, sender: self.sender.clone(), is_used: self.has_answered })
    }
}

impl Streams {
    pub(super) fn new(opener: Opener, most: usize, each: usize) -> Arc<Streams> {
        let (state, waiting) = (Mutex::default(), Waitlist::default());
        Arc::new(Streams { opener, state, waiting, most, each })
    }

    /// A stream, or room for a new connection, if there is one or the other now.
    pub(super) fn take(self: &Arc<Self>) -> Found {
        let state = &mut *lock(&self.state);
        while let Some(number) = state.roomy.first().copied() {
            let line = state.lines.get_mut(&number);
            match line.and_then(|line| line.claim(number, self.each)) {
                Some(claim) => return Found::Stream(self.lease(claim)),
                None => state.roomy.remove(&number),
            };
        }
        match self.may_open(state, self.waiting.len()) {
            true => {
                state.opening += 1;
                Found::Room(state.open(self))
            }
            false => Found::Nothing,
        }
    }

    /// Waits for the turn of whoever asks.
    pub(super) async fn wait(self: &Arc<Self>) -> Result<Found, Ending> {
        match self.waiting.wait(|grant| self.pass_on(grant)).await {
            Grant::Stream(claim) => Ok(Found::Stream(self.lease(claim))),
            Grant::Room => Ok(Found::Room(lock(&self.state).open(self))),
            Grant::Failed(ending) => Err(ending),
        }
    }

    fn lease(self: &Arc<Self>, claim: Claim) -> Lease {
        let Claim { line, sender, is_used } = claim;
        Lease { streams: self.clone(), line, sender, is_used }
    }

    /// Whether one more connection is allowed, and needed by somebody who has so many before him: the streams of those that are
    /// being opened are as good as theirs.
    fn may_open(&self, state: &State, before: usize) -> bool {
        let expected = state.opening.saturating_mul(self.each - 1);
        before >= expected && state.lines.len() + state.opening < self.most
    }

    /// What was granted to somebody who has gone away.
    fn pass_on(&self, grant: Grant) {
        match grant {
            Grant::Stream(claim) => self.release(claim.line),
            Grant::Room => self.on_not_opened(),
            Grant::Failed(_) => {}
        }
    }

    /// A stream is free again.
    fn release(&self, number: u64) {
        if let Some(line) = lock(&self.state).lines.get_mut(&number) {
            line.busy -= 1;
        }
        self.hand_out(number);
    }

    /// Streams of a connection that are free go to those who wait.
    fn hand_out(&self, number: u64) {
        loop {
            let claim = {
                let state = &mut *lock(&self.state);
                let Some(line) = state.lines.get_mut(&number) else { return };
                if self.waiting.len() == 0 {
                    state.roomy.insert(number);
                    return;
                }
                line.claim(number, self.each)
            };
            let Some(claim) = claim else { return };
            if let Some(Grant::Stream(claim)) = self.waiting.grant(Grant::Stream(claim)) {
                return self.release(claim.line);
            }
        }
    }

    /// Those who wait may open as many connections as they need.
    fn invite(&self) {
        loop {
            let state = &mut *lock(&self.state);
            let is_needed =
                self.waiting.len().checked_sub(1).is_some_and(|before| self.may_open(state, before));
            if !is_needed {
                return;
            }
            state.opening += 1;
            if self.waiting.grant(Grant::Room).is_some() {
                state.opening -= 1;
                return;
            }
        }
    }

    /// A connection that was to be opened is not, for whoever was to open it has gone away.
    fn on_not_opened(&self) {
        lock(&self.state).opening -= 1;
        self.invite();
    }

    /// A connection did not come about: nor do those streams of it that were waited for, if there are no others.
    fn on_failed(&self, ending: Ending) {
        let is_alone = {
            let state = &mut *lock(&self.state);
            state.opening -= 1;
            state.lines.is_empty()
        };
        if is_alone {
            for _ in 0..self.waiting.len().min(self.each - 1) {
                let _ = self.waiting.grant(Grant::Failed(ending));
            }
            self.invite();
        }
    }

    /// A connection is open; its first stream belongs to whoever opened it.
    fn on_opened(&self, number: u64, sender: SendRequest<Bytes>) {
        {
            let state = &mut *lock(&self.state);
            state.opening -= 1;
            state.lines.insert(number, Line { sender, busy: 1, has_answered: false });
        }
        self.hand_out(number);
        // The target may allow fewer streams than was thought.
        self.invite();
    }

    /// A connection takes no more requests.
    fn retire(&self, number: u64) {
        {
            let state = &mut *lock(&self.state);
            state.roomy.remove(&number);
            state.lines.remove(&number);
        }
        self.invite();
    }
}

impl Lease {
    /// An answer has come.
    pub(super) fn on_answer(&self) {
        if let Some(line) = lock(&self.streams.state).lines.get_mut(&self.line) {
            line.has_answered = true;
        }
    }

    /// The connection takes no more requests.
    pub(super) fn retire(&self) {
        self.streams.retire(self.line);
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.streams.release(self.line);
    }
}

impl Opening {
    /// Opens the connection, and tells how long that took.
    pub(super) async fn open(mut self) -> Result<(Lease, Duration), Ending> {
        let streams = self.streams.clone();
        let opener = &streams.opener;
        let connecting = async {
            let (stream, took) = opener.open().await?;
            let begun = opener.world.now();
            let connecting = h2::client::Builder::new()
                .initial_window_size(WINDOWS.0)
                .initial_connection_window_size(WINDOWS.1)
                .initial_max_send_streams(0)
                .enable_push(false)
                .handshake::<_, Bytes>(stream)
                .await;
            let (sender, connection) = connecting.map_err(|error| broken(&error).ending())?;
            Ok((sender, connection, took, begun))
        };
        let (sender, connection, took, begun) = match connecting.await {
            Ok(open) => open,
            Err(ending) => {
                self.fail(ending);
                return Err(ending);
            }
        };
        let (tell, told) = oneshot::channel();
        let line = self.line;
        let upkeep =
            Upkeep { connection, sender: sender.clone(), opening: self, settled: Some(tell), limit: 0 };
        opener.world.spawn("connection", upkeep).detach();
        told.await.unwrap_or(Err(Ending::Reset))?;
        let took = took + (opener.world.now() - begun);
        Ok((streams.lease(Claim { line, sender, is_used: false }), took))
    }

    fn succeed(&mut self, sender: SendRequest<Bytes>) {
        self.is_over = true;
        self.streams.on_opened(self.line, sender);
    }

    fn fail(&mut self, ending: Ending) {
        self.is_over = true;
        self.streams.on_failed(ending);
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        if !self.is_over {
            self.streams.on_not_opened();
        }
    }
}

/// The task of a connection: moves its frames until it ends.
struct Upkeep {
    connection: Connection<Stream, Bytes>,
    sender: SendRequest<Bytes>,
    opening: Opening,
    /// Who opened it, and hears when the target's SETTINGS have come.
    settled: Option<oneshot::Sender<Result<(), Ending>>>,
    /// How many streams the target allowed when that was looked at last.
    limit: usize,
}

impl Future for Upkeep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let polled = Pin::new(&mut self.connection).poll(cx);
        self.look_at_limit();
        let Poll::Ready(ended) = polled else { return Poll::Pending };
        match self.settled.take() {
            None => self.opening.streams.retire(self.opening.line),
            Some(settled) => {
                let ending = ended.err().map_or(Ending::Reset, |error| broken(&error).ending());
                self.opening.fail(ending);
                let _ = settled.send(Err(ending));
            }
        }
        Poll::Ready(())
    }
}

impl Upkeep {
    /// The connection is open once it has room for a request; and later it may have more room than before.
    fn look_at_limit(&mut self) {
        let before = std::mem::replace(&mut self.limit, self.sender.current_max_send_streams());
        if self.limit <= before {
            return;
        }
        let (streams, line) = (self.opening.streams.clone(), self.opening.line);
        match self.settled.take() {
            None => streams.hand_out(line),
            Some(settled) => {
                self.opening.succeed(self.sender.clone());
                if settled.send(Ok(())).is_err() {
                    // Whoever opened it has gone away: its stream is free.
                    streams.release(line);
                }
            }
        }
    }
}
