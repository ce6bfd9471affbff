//! Deadlines in order, with cancellation: the pure half of every world's timer.

use inflight_strategies::rt::Instant;

/// A pending timer. It stays valid, and useless, after the timer has fired or was cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    slot: u32,
    generation: u32,
}

#[derive(Debug)]
struct Slot<T> {
    generation: u32,
    /// Where its entry stands in the heap.
    place: u32,
    value: Option<T>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    /// Deadline in nanoseconds, then the order of setting: equal deadlines fire in the order in which they were set.
    order: (u64, u64),
    slot: u32,
}

/// Timers by deadline: a four-ary heap that knows where each timer stands, so that cancelling removes it at once.
/// O(log n) to set, cancel and fire.
#[derive(Debug)]
pub struct Timers<T> {
    heap: Vec<Entry>,
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
    set: u64,
}

impl<T> Default for Timers<T> {
    fn default() -> Self {
        Timers { heap: Vec::new(), slots: Vec::new(), free: Vec::new(), set: 0 }
    }
}

impl<T> Timers<T> {
    /// Sets a timer.
    pub fn set(&mut self, deadline: Instant, value: T) -> Key {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { generation: 0, place: 0, value: None });
            u32::try_from(self.slots.len() - 1).expect("fewer than 2^32 timers")
        });
        self.slots[slot as usize].value = Some(value);
        self.set += 1;
        self.heap.push(Entry { order: (deadline.as_nanos(), self.set), slot });
        self.up(self.heap.len() - 1);
        Key { slot, generation: self.slots[slot as usize].generation }
    }

    /// What a timer that is still pending carries.
    pub fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let slot = self.slots.get_mut(key.slot as usize)?;
        if slot.generation == key.generation { slot.value.as_mut() } else { None }
    }

    /// Cancels a timer; `None` if it has fired already.
    pub fn cancel(&mut self, key: Key) -> Option<T> {
        self.get_mut(key)?;
        let place = self.slots[key.slot as usize].place as usize;
        self.take(place)
    }

    /// The earliest deadline.
    pub fn next(&self) -> Option<Instant> {
        self.heap.first().map(|entry| Instant::from_nanos(entry.order.0))
    }

    /// Fires the earliest timer if its deadline is not after `now`.
    pub fn pop_due(&mut self, now: Instant) -> Option<T> {
        if self.next()? > now {
            return None;
        }
        self.take(0)
    }

    /// How many are pending.
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// Whether none is pending.
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    /// Removes the entry at `place` and frees its slot.
    fn take(&mut self, place: usize) -> Option<T> {
        let entry = self.heap.swap_remove(place);
        if place < self.heap.len() {
            let place = self.down(place);
            self.up(place);
        }
        let slot = &mut self.slots[entry.slot as usize];
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(entry.slot);
        slot.value.take()
    }

    fn put(&mut self, place: usize, entry: Entry) {
        self.heap[place] = entry;
        self.slots[entry.slot as usize].place = place as u32;
    }

    fn up(&mut self, mut place: usize) {
        let entry = self.heap[place];
        while place > 0 {
            let parent = (place - 1) / 4;
            if self.heap[parent].order <= entry.order {
                break;
            }
            self.put(place, self.heap[parent]);
            place = parent;
        }
        self.put(place, entry);
    }

    fn down(&mut self, mut place: usize) -> usize {
        let entry = self.heap[place];
        loop {
            let first = place * 4 + 1;
            let children = first..(first + 4).min(self.heap.len());
            let Some(least) = children.min_by_key(|&child| self.heap[child].order) else { break };
            if entry.order <= self.heap[least].order {
                break;
            }
            self.put(place, self.heap[least]);
            place = least;
        }
        self.put(place, entry);
        place
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
