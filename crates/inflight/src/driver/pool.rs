//! The connections of one worker over HTTP/1.1: they grow in number when the load needs them, up to a cap; who needs one beyond
//! that waits for the first that is free, in order.

use super::{stream::Stream, task::lock, waitlist::Waitlist};
use inflight_strategies::rt::Instant;
use std::{sync::Mutex, time::Duration};

/// How long an idle connection is thought alive: less than servers usually keep it.
const IDLE: Duration = Duration::from_secs(5);

/// Connections, and who waits for one.
#[derive(Debug)]
pub(super) struct Pool {
    state: Mutex<State>,
    waiting: Waitlist<Kept>,
    most: usize,
}

/// What is left of a connection's place: the connection, and since when it is idle; or room for a new one.
type Kept = Option<(Instant, Stream)>;

#[derive(Debug, Default)]
struct State {
    /// The one that was used last is last: those that are not needed grow old and are dropped.
    idle: Vec<(Instant, Stream)>,
    /// Connections that are open or being opened.
    places: usize,
}

/// A place in the pool, and its connection if it is open.
#[derive(Debug)]
pub(super) struct Lease<'a> {
    pool: &'a Pool,
    pub(super) stream: Option<Stream>,
    /// What the next one gets, and since when it is idle.
    kept: Kept,
}

impl Pool {
    pub(super) fn new(most: usize) -> Pool {
        Pool { state: Mutex::default(), waiting: Waitlist::default(), most }
    }

    /// A connection that is free, or a place for a new one; `None` if there is neither now.
    pub(super) fn take(&self, now: Instant) -> Option<Lease<'_>> {
        // Declared first: what is stale is closed when the state is unlocked again.
        let mut stale = Vec::new();
        let mut state = lock(&self.state);
        while let Some((since, mut idle)) = state.idle.pop() {
            let is_old = now - since > IDLE;
            if !is_old && idle.is_quiet() {
                state.places -= stale.len();
                return Some(Lease::new(self, Some(idle)));
            }
            stale.push((since, idle));
            if is_old {
                // All below it are older.
                stale.append(&mut state.idle);
            }
        }
        state.places -= stale.len();
        (state.places < self.most).then(|| {
            state.places += 1;
            Lease::new(self, None)
        })
    }

    /// Waits for the turn of whoever asks.
    pub(super) async fn wait(&self) -> Lease<'_> {
        let kept = self.waiting.wait(|kept| self.hand_on(kept)).await;
        Lease::new(self, kept.map(|(_, stream)| stream))
    }

    /// Hands a place to the first who waits, or keeps what there is of it.
    fn hand_on(&self, kept: Kept) {
        let Some(kept) = self.waiting.grant(kept) else { return };
        let mut state = lock(&self.state);
        match kept {
            Some(kept) => state.idle.push(kept),
            None => state.places -= 1,
        }
    }
}

impl<'a> Lease<'a> {
    fn new(pool: &'a Pool, stream: Option<Stream>) -> Lease<'a> {
        Lease { pool, stream, kept: None }
    }

    /// The connection can be used again from `now` on.
    pub(super) fn give_back(mut self, now: Instant) {
        self.kept = self.stream.take().map(|stream| (now, stream));
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        // What was not given back is closed before its place is anybody else's.
        self.stream = None;
        self.pool.hand_on(self.kept.take());
    }
}
