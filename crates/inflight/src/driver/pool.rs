//! The connections of one worker: they grow in number when the load needs them, up to a cap; who needs one beyond that waits
//! for the first that is free, in order.

use super::{stream::Stream, task::lock};
use inflight_strategies::rt::Instant;
use std::{
    collections::VecDeque,
    future::poll_fn,
    sync::{Arc, Mutex},
    task::{Poll, Waker},
    time::Duration,
};

/// How long an idle connection is thought alive: less than servers usually keep it.
const IDLE: Duration = Duration::from_secs(5);

/// Connections, and who waits for one.
#[derive(Debug)]
pub(super) struct Pool {
    state: Mutex<State>,
    most: usize,
}

#[derive(Debug, Default)]
struct State {
    /// The one that was used last is last: those that are not needed grow old and are dropped.
    idle: Vec<(Instant, Stream)>,
    /// Connections that are open or being opened.
    places: usize,
    queue: VecDeque<Arc<Mutex<Turn>>>,
}

/// The turn of one who waits.
#[derive(Debug, Default)]
struct Turn {
    waker: Option<Waker>,
    /// A place, with an open connection or without.
    granted: Option<Option<(Instant, Stream)>>,
    is_gone: bool,
}

/// A place in the pool, and its connection if it is open.
#[derive(Debug)]
pub(super) struct Lease<'a> {
    pool: &'a Pool,
    pub(super) stream: Option<Stream>,
    /// What the next one gets, and since when it is idle.
    kept: Option<(Instant, Stream)>,
}

impl Pool {
    pub(super) fn new(most: usize) -> Pool {
        Pool { state: Mutex::default(), most }
    }

    /// A connection that is free, or a place for a new one; `None` if there is neither now.
    pub(super) fn take(&self, now: Instant) -> Option<Lease<'_>> {
        // Declared first: what is stale is closed when the state is unlocked again.
        let mut stale = Vec::new();
        let mut state = lock(&self.state);
        while let Some((since, idle)) = state.idle.pop() {
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
        let turn = Waiting { pool: self, turn: Arc::default() };
        lock(&self.state).queue.push_back(turn.turn.clone());
        let stream = poll_fn(|cx| {
            let mut turn = lock(&turn.turn);
            match turn.granted.take() {
                Some(kept) => Poll::Ready(kept.map(|(_, stream)| stream)),
                None => {
                    turn.waker = Some(cx.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await;
        Lease::new(self, stream)
    }

    /// Hands a place to the first who waits, or keeps what there is of it.
    fn hand_on(&self, kept: Option<(Instant, Stream)>) {
        let mut state = lock(&self.state);
        while let Some(next) = state.queue.pop_front() {
            let mut turn = lock(&next);
            if turn.is_gone {
                continue;
            }
            turn.granted = Some(kept);
            let waker = turn.waker.take();
            drop((turn, state));
            waker.into_iter().for_each(Waker::wake);
            return;
        }
        match kept {
            Some(kept) => state.idle.push(kept),
            None => state.places -= 1,
        }
    }
}

/// Somebody in the queue; whoever goes away leaves what he was granted to the next.
struct Waiting<'a> {
    pool: &'a Pool,
    turn: Arc<Mutex<Turn>>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let granted = {
            let mut turn = lock(&self.turn);
            turn.is_gone = true;
            turn.granted.take()
        };
        if let Some(kept) = granted {
            self.pool.hand_on(kept);
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
