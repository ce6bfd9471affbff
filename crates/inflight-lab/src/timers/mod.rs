//! Deadlines in order, with cancellation: the pure half of every world's timer; and the wait for one of them.

mod agenda;
mod row;
mod sleep;

pub use agenda::{Agenda, Key, MAX_WHO};
pub use sleep::{Alarms, Sleep};

use inflight_strategies::rt::Instant;
use slab::Slab;

/// Timers that carry something.
#[derive(Debug)]
pub struct Timers<T> {
    agenda: Agenda,
    pending: Slab<(Option<Key>, T)>,
}

impl<T> Default for Timers<T> {
    fn default() -> Self {
        Timers { agenda: Agenda::new(), pending: Slab::new() }
    }
}

impl<T> Timers<T> {
    /// Sets a timer.
    ///
    /// # Panics
    /// If [`MAX_WHO`] are pending already.
    pub fn set(&mut self, deadline: Instant, value: T) -> Key {
        let place = self.pending.insert((None, value));
        assert!(place < MAX_WHO, "more than {MAX_WHO} timers at once");
        let key = self.agenda.set(deadline, place as u32);
        self.pending[place].0 = Some(key);
        key
    }

    /// The timer `key`, which was set to `deadline`, carries `value` from now on; if it has fired it is set again.
    pub fn renew(&mut self, deadline: Instant, key: Key, value: &T) -> Key
    where
        T: Clone,
    {
        match self.pending.get_mut(key.who() as usize) {
            Some((pending, carried)) if *pending == Some(key) => {
                carried.clone_from(value);
                key
            }
            _ => self.set(deadline, value.clone()),
        }
    }

    /// Cancels a timer; `None` if it has fired already.
    pub fn cancel(&mut self, deadline: Instant, key: Key) -> Option<T> {
        if self.agenda.cancel(deadline, key) { Some(self.take(key)) } else { None }
    }

    /// The earliest deadline.
    pub fn next(&self) -> Option<Instant> {
        self.agenda.next()
    }

    /// Fires the earliest timer if its deadline is not after `now`.
    pub fn pop_due(&mut self, now: Instant) -> Option<T> {
        let key = self.agenda.pop_due(now)?;
        Some(self.take(key))
    }

    fn take(&mut self, key: Key) -> T {
        self.pending.remove(key.who() as usize).1
    }
}
