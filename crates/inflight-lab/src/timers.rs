//! Deadlines in order, with cancellation: the pure half of every world's timer; and the wait for one of them.

use inflight_strategies::rt::Instant;
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker},
};

/// A pending timer. It stays valid, and useless, after the timer has fired or was cancelled.
///
/// The order of setting in the upper 40 bits, the slot in the lower 24.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key(u64);

const SLOT_BITS: u32 = 24;
/// The most timers that can be pending at once.
pub const MAX_TIMERS: usize = 1 << SLOT_BITS;

impl Key {
    const NONE: Key = Key(0);

    fn slot(self) -> usize {
        (self.0 & (MAX_TIMERS as u64 - 1)) as usize
    }
}

/// Deadline and key in one number: equal deadlines fire in the order in which they were set.
type Entry = u128;

fn entry(deadline: Instant, key: Key) -> Entry {
    u128::from(deadline.as_nanos()) << 64 | u128::from(key.0)
}

fn deadline_of(entry: Entry) -> Instant {
    Instant::from_nanos((entry >> 64) as u64)
}

fn key_of(entry: Entry) -> Key {
    Key(entry as u64)
}

#[derive(Debug)]
struct Slot<T> {
    /// The timer that is pending here, if there is one.
    key: Key,
    value: Option<T>,
}

/// Timers by deadline: a four-ary heap, and in front of it the earliest timer if that was set last. A cancelled timer's entry
/// stays until it comes to the top, or until half of all entries are dead and are swept out. O(log n) to set and fire, O(1)
/// amortised to cancel.
#[derive(Debug)]
pub struct Timers<T> {
    /// Earlier than all others, or [`NO_ENTRY`]: what is set to be the next to fire never goes through the heap.
    front: Entry,
    /// From [`ROOT`] to `end`, the first alive; [`NO_ENTRY`] beside them, so that every node has four children.
    heap: Vec<Entry>,
    end: usize,
    /// How many of the heap's entries were cancelled.
    dead: usize,
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
    set: u64,
}

/// Later than every entry.
const NO_ENTRY: Entry = Entry::MAX;

/// Whether there is none: no timer has this key.
#[inline]
fn is_none(entry: Entry) -> bool {
    key_of(entry).0 == u64::MAX
}
/// Where the heap's root stands. The children of `n` stand at `4n − 8` and after, always four in one aligned row.
const ROOT: usize = 3;
/// Fewer dead entries than this are not worth a sweep.
const SWEEP: usize = 64;

impl<T> Default for Timers<T> {
    fn default() -> Self {
        Timers::new()
    }
}

impl<T> Timers<T> {
    /// No timers.
    pub const fn new() -> Self {
        Timers {
            front: NO_ENTRY,
            heap: Vec::new(),
            end: ROOT,
            dead: 0,
            slots: Vec::new(),
            free: Vec::new(),
            set: 0,
        }
    }

    /// Sets a timer.
    ///
    /// # Panics
    /// If [`MAX_TIMERS`] are pending already.
    #[inline]
    pub fn set(&mut self, deadline: Instant, value: T) -> Key {
        self.set += 1;
        let key = match self.free.pop() {
            Some(number) => {
                let key = Key(self.set << SLOT_BITS | u64::from(number));
                let slot = &mut self.slots[number as usize];
                (slot.key, slot.value) = (key, Some(value));
                key
            }
            None => self.add_slot(value),
        };
        let entry = entry(deadline, key);
        if entry < self.first() {
            let former = std::mem::replace(&mut self.front, entry);
            if !is_none(former) {
                self.push(former);
            }
        } else {
            self.push(entry);
        }
        key
    }

    fn add_slot(&mut self, value: T) -> Key {
        assert!(self.slots.len() < MAX_TIMERS, "more than {MAX_TIMERS} timers at once");
        let key = Key(self.set << SLOT_BITS | self.slots.len() as u64);
        self.slots.push(Slot { key, value: Some(value) });
        key
    }

    /// What a timer that is still pending carries.
    pub fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let slot = self.slots.get_mut(key.slot())?;
        if slot.key == key { slot.value.as_mut() } else { None }
    }

    /// Cancels a timer; `None` if it has fired already.
    pub fn cancel(&mut self, key: Key) -> Option<T> {
        let value = self.empty(key)?;
        if key_of(self.front) == key {
            self.front = NO_ENTRY;
            return Some(value);
        }
        self.dead += 1;
        self.drop_dead_roots();
        if self.dead > SWEEP && self.dead > (self.end - ROOT) / 2 {
            self.sweep();
        }
        Some(value)
    }

    /// The earliest deadline.
    #[inline]
    pub fn next(&self) -> Option<Instant> {
        let first = self.first();
        if is_none(first) { None } else { Some(deadline_of(first)) }
    }

    /// Fires the earliest timer if its deadline is not after `now`.
    #[inline]
    pub fn pop_due(&mut self, now: Instant) -> Option<T> {
        let first = self.first();
        if deadline_of(first) > now || is_none(first) {
            return None;
        }
        if is_none(self.front) {
            self.remove_root();
            if self.dead > 0 {
                self.drop_dead_roots();
            }
        }
        self.front = NO_ENTRY;
        self.empty(key_of(first))
    }

    /// How many are pending.
    pub fn len(&self) -> usize {
        self.end - ROOT - self.dead + usize::from(!is_none(self.front))
    }

    /// Whether none is pending.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline]
    fn first(&self) -> Entry {
        if is_none(self.front) { self.heap.get(ROOT).copied().unwrap_or(NO_ENTRY) } else { self.front }
    }

    /// Takes a pending timer out of its slot; its entry is dead then.
    #[inline]
    fn empty(&mut self, key: Key) -> Option<T> {
        let slot = self.slots.get_mut(key.slot()).filter(|slot| slot.key == key)?;
        slot.key = Key::NONE;
        self.free.push(key.slot() as u32);
        slot.value.take()
    }
}

/// The heap.
impl<T> Timers<T> {
    fn is_alive(slots: &[Slot<T>], entry: Entry) -> bool {
        slots[key_of(entry).slot()].key == key_of(entry)
    }

    fn drop_dead_roots(&mut self) {
        while self.dead > 0 && !Self::is_alive(&self.slots, self.heap[ROOT]) {
            self.remove_root();
            self.dead -= 1;
        }
    }

    /// Removes all dead entries. O(n), after at least n/2 cancellations.
    fn sweep(&mut self) {
        let alive = self.heap[ROOT..self.end].iter().copied();
        let alive: Vec<Entry> = alive.filter(|&entry| Self::is_alive(&self.slots, entry)).collect();
        self.heap[ROOT..].fill(NO_ENTRY);
        self.heap[ROOT..ROOT + alive.len()].copy_from_slice(&alive);
        (self.end, self.dead) = (ROOT + alive.len(), 0);
        for place in (ROOT..=parent(self.end)).rev() {
            self.down(place, self.heap[place]);
        }
    }

    #[inline]
    fn push(&mut self, entry: Entry) {
        if self.end >= self.heap.len() {
            self.heap.extend([NO_ENTRY; 4]);
        }
        let mut place = self.end;
        self.end += 1;
        let heap = self.heap.as_mut_slice();
        while place > ROOT && heap[parent(place)] > entry {
            heap[place] = heap[parent(place)];
            place = parent(place);
        }
        heap[place] = entry;
    }

    #[inline]
    fn remove_root(&mut self) {
        self.end -= 1;
        let last = std::mem::replace(&mut self.heap[self.end], NO_ENTRY);
        if self.end > ROOT {
            self.down(ROOT, last);
        }
    }

    /// Puts `entry` at `place` or below it, wherever the order wants it.
    fn down(&mut self, mut place: usize, entry: Entry) {
        let heap = self.heap.as_mut_slice();
        while let Some(&[a, b, c, d]) = heap.as_chunks().0.get(place - 2) {
            let row = 4 * place - 8;
            // A knockout: no branch that would have to be guessed.
            let left = if b < a { (row + 1, b) } else { (row, a) };
            let right = if d < c { (row + 3, d) } else { (row + 2, c) };
            let (child, least) = if right.1 < left.1 { right } else { left };
            if entry <= least {
                break;
            }
            heap[place] = least;
            place = child;
        }
        heap[place] = entry;
    }
}

fn parent(place: usize) -> usize {
    place / 4 + 2
}

/// What a wait needs of the world whose timers it uses.
pub trait Alarms {
    /// Whether `deadline` has come.
    fn is_due(&self, deadline: Instant) -> bool;

    /// Wakes `waker` at `deadline`.
    fn set(&self, deadline: Instant, waker: &Waker) -> Key;

    /// Wakes `waker` instead; `false` if the timer has fired already.
    fn renew(&self, key: Key, waker: &Waker) -> bool;

    /// Forgets a timer that was set to `deadline`, if it has not fired.
    fn cancel(&self, deadline: Instant, key: Key);
}

/// A wait for a deadline, in any world.
#[derive(Debug)]
pub struct Sleep<A: Alarms> {
    alarms: A,
    deadline: Instant,
    key: Option<Key>,
}

impl<A: Alarms> Sleep<A> {
    /// A wait until `deadline`; it sets no timer before it is polled.
    pub fn new(alarms: A, deadline: Instant) -> Sleep<A> {
        Sleep { alarms, deadline, key: None }
    }

    #[inline]
    fn cancel(&mut self) {
        if let Some(key) = self.key.take() {
            self.alarms.cancel(self.deadline, key);
        }
    }
}

impl<A: Alarms + Unpin> Future for Sleep<A> {
    type Output = ();

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.alarms.is_due(self.deadline) {
            self.cancel();
            return Poll::Ready(());
        }
        if !self.key.is_some_and(|key| self.alarms.renew(key, cx.waker())) {
            self.key = Some(self.alarms.set(self.deadline, cx.waker()));
        }
        Poll::Pending
    }
}

impl<A: Alarms> Drop for Sleep<A> {
    #[inline]
    fn drop(&mut self) {
        self.cancel();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        /// Against an ordered map: any mix of setting, cancelling and firing, with many equal deadlines.
        #[test]
        fn fires_in_the_order_of_an_ordered_map(steps in proptest::collection::vec((0u8..4, 0u64..20), 0..300)) {
            let mut timers = Timers::default();
            let mut model = BTreeMap::new();
            let mut keys = Vec::new();
            for (n, (step, number)) in steps.into_iter().enumerate() {
                match step {
                    0 | 1 => {
                        keys.push(((number, n), timers.set(Instant::from_nanos(number), n)));
                        model.insert((number, n), n);
                    }
                    2 if !keys.is_empty() => {
                        let (order, key) = keys[number as usize % keys.len()];
                        prop_assert_eq!(timers.cancel(key), model.remove(&order));
                        prop_assert_eq!(timers.cancel(key), None);
                    }
                    _ => {
                        let due = model.first_key_value().filter(|((deadline, _), _)| *deadline <= number).map(|(&k, _)| k);
                        prop_assert_eq!(timers.pop_due(Instant::from_nanos(number)), due.and_then(|k| model.remove(&k)));
                    }
                }
                prop_assert_eq!(timers.len(), model.len());
                prop_assert_eq!(timers.next().map(Instant::as_nanos), model.keys().next().map(|k| k.0));
            }
        }
    }
}
