//! What is due when: deadlines in order, and who asked for them.

use super::row::{Entry, Row};
use inflight_strategies::rt::Instant;
use std::{collections::BTreeSet, num::NonZeroU64};

/// A deadline that is on the agenda: the order of setting in the upper 40 bits, who set it in the lower 24.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key(NonZeroU64);

const WHO_BITS: u32 = 24;
/// How many can have deadlines; their numbers are below this.
pub const MAX_WHO: usize = 1 << WHO_BITS;

impl Key {
    /// Who set it.
    #[inline]
    pub fn who(self) -> u32 {
        (self.0.get() & (MAX_WHO as u64 - 1)) as u32
    }
}

#[inline]
fn entry(deadline: Instant, key: Key) -> Entry {
    Entry { deadline: deadline.as_nanos(), key: key.0.get() }
}

#[inline]
fn deadline_of(entry: Entry) -> Instant {
    Instant::from_nanos(entry.deadline)
}

/// Deadlines in order: the next few in a sorted row, all others in a tree. O(log n) to set, cancel and fire, and without
/// a walk through the tree for whatever is due soon.
#[derive(Debug)]
pub struct Agenda {
    /// None is later than any in the tree, and if there are none, there are none in the tree.
    row: Row,
    far: BTreeSet<Entry>,
    set: u64,
}

impl Agenda {
    /// Nothing is due.
    pub const fn new() -> Agenda {
        Agenda { row: Row::new(), far: BTreeSet::new(), set: 0 }
    }

    /// Number `who` wants to hear of `deadline`.
    #[inline]
    pub fn set(&mut self, deadline: Instant, who: u32) -> Key {
        // 40 bits of settings are more than a world can poll.
        self.set += 1;
        let key = Key(NonZeroU64::new(self.set << WHO_BITS | u64::from(who)).expect("the first is number 1"));
        let entry = entry(deadline, key);
        if !self.row.has_room() || !(self.far.is_empty() || self.row.latest() > Some(entry)) {
            return self.set_with_care(entry, key);
        }
        self.row.insert(entry);
        key
    }

    /// The row is full or must be centred, or all in it are earlier.
    #[inline(never)]
    fn set_with_care(&mut self, entry: Entry, key: Key) -> Key {
        if self.row.is_full() && self.row.latest() > Some(entry) {
            self.far.extend(self.row.drain_late());
        }
        if !self.row.is_full() && (self.far.is_empty() || self.row.latest() > Some(entry)) {
            self.row.centre();
            self.row.insert(entry);
        } else {
            self.far.insert(entry);
        }
        key
    }

    /// Takes a deadline off the agenda; `false` if it is not there any more.
    #[inline]
    pub fn cancel(&mut self, deadline: Instant, key: Key) -> bool {
        let entry = entry(deadline, key);
        let is_there = self.row.remove(entry) || self.far.remove(&entry);
        self.refill();
        is_there
    }

    /// The earliest deadline.
    #[inline]
    pub fn next(&self) -> Option<Instant> {
        self.row.earliest().map(deadline_of)
    }

    /// Takes the earliest deadline off the agenda and says whose it is.
    #[inline]
    pub fn pop(&mut self) -> Option<Key> {
        let entry = self.row.pop()?;
        self.refill();
        NonZeroU64::new(entry.key).map(Key)
    }

    /// The same, if it is not after `now`.
    #[inline]
    pub fn pop_due(&mut self, now: Instant) -> Option<Key> {
        if self.next()? <= now { self.pop() } else { None }
    }

    #[inline]
    fn refill(&mut self) {
        if self.row.is_empty() && !self.far.is_empty() {
            self.row.refill(|| self.far.pop_first());
        }
    }

    /// How many are on the agenda.
    pub fn len(&self) -> usize {
        self.row.len() + self.far.len()
    }

    /// Whether nothing is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Default for Agenda {
    fn default() -> Agenda {
        Agenda::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Against one ordered set: any mix of setting, cancelling and firing, with many equal deadlines, in the row and
        /// beyond.
        #[test]
        fn fires_in_the_order_of_an_ordered_set(steps in proptest::collection::vec((0u8..7, 0u64..40), 0..900)) {
            let mut agenda = Agenda::new();
            let mut model = BTreeSet::new();
            let mut keys = Vec::new();
            for (n, (step, number)) in steps.into_iter().enumerate() {
                match step {
                    0..=3 => {
                        keys.push((number, n, agenda.set(Instant::from_nanos(number), n as u32)));
                        model.insert((number, n));
                    }
                    4 if !keys.is_empty() => {
                        let (deadline, n, key) = keys[number as usize * 7919 % keys.len()];
                        let is_there = model.remove(&(deadline, n));
                        prop_assert_eq!(agenda.cancel(Instant::from_nanos(deadline), key), is_there);
                    }
                    _ => {
                        let due = model.first().filter(|(deadline, _)| *deadline <= number).copied();
                        let fired = agenda.pop_due(Instant::from_nanos(number)).map(|key| key.who() as usize);
                        prop_assert_eq!(fired, due.map(|(_, n)| n));
                        due.map(|due| model.remove(&due));
                    }
                }
                prop_assert_eq!(agenda.len(), model.len());
                prop_assert_eq!(agenda.next().map(Instant::as_nanos), model.first().map(|first| first.0));
            }
        }
    }
}
