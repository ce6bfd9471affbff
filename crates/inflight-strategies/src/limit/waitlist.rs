//! Who waits for a permit, in order of arrival: the pure half of the semaphore.

/// Where a waiter stands in the list; valid until it is removed.
pub(super) type Key = u32;

const NONE: u32 = u32::MAX;

/// What a waiter is waiting with, or that its turn has come.
#[derive(Debug)]
enum Slot<T> {
    Waiting { value: T, prev: u32, next: u32 },
    Granted,
    Free { next: u32 },
}

/// A first-in, first-out list with O(1) push, grant and removal from the middle, in one reused allocation.
#[derive(Debug)]
pub(super) struct WaitList<T> {
    slots: Vec<Slot<T>>,
    free: u32,
    head: u32,
    tail: u32,
    len: u32,
}

impl<T> WaitList<T> {
    pub(super) const fn new() -> Self {
        WaitList { slots: Vec::new(), free: NONE, head: NONE, tail: NONE, len: 0 }
    }

    /// How many wait (those whose turn has come are not counted).
    pub(super) fn len(&self) -> u32 {
        self.len
    }

    /// Joins the end of the line.
    pub(super) fn push(&mut self, value: T) -> Key {
        let slot = Slot::Waiting { value, prev: self.tail, next: NONE };
        let key = match self.slots.get(self.free as usize) {
            Some(Slot::Free { next }) => std::mem::replace(&mut self.free, *next),
            _ => u32::try_from(self.slots.len()).expect("fewer than 2^32 waiters"),
        };
        match self.slots.get_mut(key as usize) {
            Some(place) => *place = slot,
            None => self.slots.push(slot),
        }
        self.link(self.tail, key);
        self.tail = key;
        self.len += 1;
        key
    }

    /// Gives the longest waiter its turn and returns what it waited with.
    pub(super) fn grant(&mut self) -> Option<T> {
        (self.head != NONE).then(|| self.unlink(self.head, Slot::Granted))
    }

    /// Whether this waiter's turn has come.
    pub(super) fn is_granted(&self, key: Key) -> bool {
        matches!(self.slots[key as usize], Slot::Granted)
    }

    /// What the waiter waits with, to be replaced; `None` once its turn has come.
    pub(super) fn waiting(&mut self, key: Key) -> Option<&mut T> {
        match &mut self.slots[key as usize] {
            Slot::Waiting { value, .. } => Some(value),
            _ => None,
        }
    }

    /// Takes the waiter out, granted or not.
    pub(super) fn remove(&mut self, key: Key) {
        if !self.is_granted(key) {
            self.unlink(key, Slot::Granted);
        }
        self.slots[key as usize] = Slot::Free { next: self.free };
        self.free = key;
    }

    /// Makes `next` the one after `prev` (or the head).
    fn link(&mut self, prev: u32, next: u32) {
        match self.slots.get_mut(prev as usize) {
            Some(Slot::Waiting { next: after, .. }) => *after = next,
            _ => self.head = next,
        }
    }

    /// Takes a waiter out of the line and leaves `instead` in its slot.
    fn unlink(&mut self, key: Key, instead: Slot<T>) -> T {
        let Slot::Waiting { value, prev, next } = std::mem::replace(&mut self.slots[key as usize], instead)
        else {
            unreachable!("only those who wait are linked")
        };
        self.link(prev, next);
        match self.slots.get_mut(next as usize) {
            Some(Slot::Waiting { prev: before, .. }) => *before = prev,
            _ => self.tail = prev,
        }
        self.len -= 1;
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    proptest! {
        /// Against a plain queue: any mix of joining, granting and leaving keeps the order.
        #[test]
        fn keeps_the_order_of_a_plain_queue(steps in proptest::collection::vec((0u8..3, any::<u8>()), 0..200)) {
            let mut list = WaitList::new();
            let mut model: VecDeque<(Key, u32)> = VecDeque::new();
            let mut granted = Vec::new();
            let mut next = 0u32;
            for (step, pick) in steps {
                match step {
                    0 => {
                        model.push_back((list.push(next), next));
                        next += 1;
                    }
                    1 => {
                        let expected = model.pop_front();
                        prop_assert_eq!(list.grant(), expected.map(|(_, value)| value));
                        granted.extend(expected.map(|(key, _)| key));
                    }
                    _ if !model.is_empty() => {
                        let (key, _) = model.remove(usize::from(pick) % model.len()).expect("in range");
                        prop_assert!(!list.is_granted(key));
                        list.remove(key);
                    }
                    _ => granted.drain(..).for_each(|key| list.remove(key)),
                }
                prop_assert_eq!(list.len() as usize, model.len());
                prop_assert!(granted.iter().all(|&key| list.is_granted(key)));
            }
        }
    }
}
