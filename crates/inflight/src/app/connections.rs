//! The open connections: which of them are quiet for too long, and how to tell all of them that the end is near.
//!
//! A request costs two relaxed stores here, no clock reading and no timer: one task looks at all connections a few times
//! within the time that they may be quiet, and counts.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering, fence},
    },
    task::Waker,
};

/// How often connections are looked at within the time that they may be quiet: one is closed at most an eighth late.
pub(super) const LOOKS: u32 = 8;

/// All open connections.
#[derive(Debug, Default)]
pub(super) struct Connections {
    open: Mutex<BTreeMap<u64, Arc<Pulse>>>,
    opened: AtomicU64,
    draining: AtomicBool,
}

/// The signs of life of one connection.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    /// Requests begun.
    heads: AtomicU32,
    /// A request is being worked on: its client has nothing to send.
    busy: AtomicBool,
    /// `heads` at the last look, and how many looks in a row found it so.
    seen: AtomicU32,
    quiet: AtomicU32,
    cut: AtomicBool,
    /// Wakes the connection's task.
    waker: OnceLock<Waker>,
}

impl Connections {
    fn open(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Pulse>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection was opened; it is open until the guard is dropped.
    pub(super) fn enter(self: &Arc<Self>) -> Open {
        let number = self.opened.fetch_add(1, Ordering::Relaxed);
        let pulse = Arc::new(Pulse::default());
        self.open().insert(number, pulse.clone());
        Open { connections: self.clone(), number, pulse }
    }

    /// Looks at every connection; those that have been quiet for [`LOOKS`] looks are cut.
    pub(super) fn look(&self) {
        self.open().values().for_each(|pulse| pulse.look());
    }

    /// From now on every connection ends with the request that it is at, or at once if it is at none.
    pub(super) fn drain(&self) {
        // Each side writes and then reads what the other wrote: a connection either sees this, or is seen and woken.
        self.draining.store(true, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        self.open().values().for_each(|pulse| pulse.wake());
    }

    /// Whether [`Connections::drain`] was called.
    pub(super) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::SeqCst)
    }
}

impl Pulse {
    fn look(&self) {
        let heads = self.heads.load(Ordering::Relaxed);
        let is_alive = self.busy.load(Ordering::Relaxed) || self.seen.swap(heads, Ordering::Relaxed) != heads;
        if is_alive {
            self.quiet.store(0, Ordering::Relaxed);
        } else if self.quiet.fetch_add(1, Ordering::Relaxed) + 1 >= LOOKS {
            self.cut.store(true, Ordering::Release);
            self.wake();
        }
    }

    fn wake(&self) {
        self.waker.get().into_iter().for_each(Waker::wake_by_ref);
    }

    /// A request begins; it is being worked on until the guard is dropped.
    pub(super) fn begin(self: &Arc<Self>) -> Busy {
        self.heads.fetch_add(1, Ordering::Relaxed);
        self.busy.store(true, Ordering::Relaxed);
        Busy(self.clone())
    }

    /// Whether this connection has been quiet for too long. `waker` is its task's: it is woken when that changes.
    pub(super) fn is_cut(&self, waker: &Waker) -> bool {
        if self.waker.get().is_none() {
            self.waker.get_or_init(|| waker.clone());
            fence(Ordering::SeqCst);
        }
        self.cut.load(Ordering::Acquire)
    }
}

/// A request that is being worked on.
#[derive(Debug)]
pub(super) struct Busy(Arc<Pulse>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.busy.store(false, Ordering::Relaxed);
    }
}

/// An open connection.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) connections: Arc<Connections>,
    number: u64,
    pub(super) pulse: Arc<Pulse>,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.connections.open().remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looks(connections: &Connections, n: u32) {
        (0..n).for_each(|_| connections.look());
    }

    #[test]
    fn only_what_is_quiet_for_the_whole_time_is_cut() {
        let connections = Arc::new(Connections::default());
        let (silent, busy, asking) = (connections.enter(), connections.enter(), connections.enter());
        let _at_work = busy.pulse.begin();
        looks(&connections, LOOKS - 1);
        drop(asking.pulse.begin());
        let cut = |open: &Open| open.pulse.is_cut(Waker::noop());
        assert_eq!([cut(&silent), cut(&busy), cut(&asking)], [false, false, false]);
        looks(&connections, 1);
        assert_eq!([cut(&silent), cut(&busy), cut(&asking)], [true, false, false]);
        looks(&connections, LOOKS);
        assert_eq!([cut(&busy), cut(&asking)], [false, true]);
    }

    #[test]
    fn a_closed_connection_is_forgotten() {
        let connections = Arc::new(Connections::default());
        drop(connections.enter());
        assert!(connections.open().is_empty());
    }
}
