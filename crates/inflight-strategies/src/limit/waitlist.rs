//! Who waits for a permit, in order of arrival within lanes: the line of the semaphore.

use crate::service::{Priority, Reason};

/// Where a waiter stands in the list; valid until it is removed.
pub(super) type Key = u32;

const NONE: u32 = u32::MAX;
/// One lane per priority, the most important first; whoever does not care uses the first.
const LANES: usize = Priority::VeryHigh as usize + 1;

/// What a waiter was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It has its permits.
    Granted {
        /// Permits that were out when it got them, its own included.
        in_flight: u32,
    },
    /// It was dropped.
    Refused(Reason),
}

/// A place in the line. `value` is there as long as the waiter waits.
#[derive(Debug)]
struct Place<T> {
    value: Option<T>,
    told: Option<Verdict>,
    lane: u8,
    prev: u32,
    /// The next in the lane; of a free place, the next free one.
    next: u32,
}

#[derive(Clone, Copy, Debug)]
struct Lane {
    head: u32,
    tail: u32,
}

/// Lanes of waiters with O(1) push, telling and removal from the middle, in one reused allocation.
#[derive(Debug)]
pub(super) struct WaitList<T> {
    places: Vec<Place<T>>,
    free: u32,
    len: u32,
    lanes: [Lane; LANES],
}

/// The lane of a priority.
pub(super) fn lane_of(priority: Priority) -> u8 {
    Priority::VeryHigh as u8 - priority as u8
}

impl<T> WaitList<T> {
    pub(super) const fn new() -> Self {
        let empty = Lane { head: NONE, tail: NONE };
        WaitList { places: Vec::new(), free: NONE, len: 0, lanes: [empty; LANES] }
    }

    /// How many wait (those who were told something are not counted).
    #[inline]
    pub(super) fn len(&self) -> u32 {
        self.len
    }

    /// Joins the end of a lane.
    #[inline]
    pub(super) fn push(&mut self, value: T, lane: u8) -> Key {
        let tail = self.lanes[usize::from(lane)].tail;
        let place = Place { value: Some(value), told: None, lane, prev: tail, next: NONE };
        let key = self.free;
        let key = match self.places.get_mut(key as usize) {
            Some(free) => {
                self.free = free.next;
                *free = place;
                key
            }
            None => {
                self.places.push(place);
                u32::try_from(self.places.len() - 1).expect("fewer than 2^32 waiters")
            }
        };
        self.link(tail, key, lane);
        self.lanes[usize::from(lane)].tail = key;
        self.len += 1;
        key
    }

    /// The one who waits longest in the first lane that is not empty; or the newest there.
    pub(super) fn first(&self, newest: bool) -> Option<Key> {
        self.first_from(0, newest)
    }

    /// The one who waits longest in the first lane, the only one of a plain line.
    #[inline]
    pub(super) fn head(&self) -> Option<Key> {
        Some(self.lanes[0].head).filter(|head| *head != NONE)
    }

    /// The one after `key` in the same order.
    pub(super) fn after(&self, key: Key, newest: bool) -> Option<Key> {
        let Place { lane, prev, next, .. } = &self.places[key as usize];
        let after = if newest { *prev } else { *next };
        if after == NONE { self.first_from(usize::from(*lane) + 1, newest) } else { Some(after) }
    }

    /// The newest of the last lane that is not empty, if that comes after `lane`.
    pub(super) fn last_behind(&self, lane: u8) -> Option<Key> {
        self.lanes[usize::from(lane) + 1..].iter().rev().map(|lane| lane.tail).find(|key| *key != NONE)
    }

    fn first_from(&self, lane: usize, newest: bool) -> Option<Key> {
        let end = |lane: &Lane| if newest { lane.tail } else { lane.head };
        self.lanes[lane..].iter().map(end).find(|key| *key != NONE)
    }

    /// Takes a waiter out of the line, tells it something, and returns what it waited with.
    #[inline]
    pub(super) fn tell(&mut self, key: Key, verdict: Verdict) -> T {
        self.unlink(key);
        let place = &mut self.places[key as usize];
        place.told = Some(verdict);
        place.value.take().expect("only those who wait are told something")
    }

    /// What the waiter waits with; `None` once it was told something.
    #[inline]
    pub(super) fn get(&mut self, key: Key) -> Option<&mut T> {
        self.places[key as usize].value.as_mut()
    }

    /// The same, to look at.
    #[inline]
    pub(super) fn peek(&self, key: Key) -> Option<&T> {
        self.places[key as usize].value.as_ref()
    }

    /// Takes the waiter out if it was told something, and returns that.
    #[inline]
    pub(super) fn take_told(&mut self, key: Key) -> Option<Verdict> {
        let place = &mut self.places[key as usize];
        let verdict = place.told?;
        place.next = self.free;
        self.free = key;
        Some(verdict)
    }

    /// Takes the waiter out, told or not; returns what it was told, or what it waited with.
    pub(super) fn remove(&mut self, key: Key) -> Result<Verdict, T> {
        if let Some(verdict) = self.take_told(key) {
            return Ok(verdict);
        }
        self.unlink(key);
        let place = &mut self.places[key as usize];
        place.next = self.free;
        self.free = key;
        Err(place.value.take().expect("who was told nothing waits"))
    }

    /// Makes `next` the one after `prev` (or the head of `lane`).
    #[inline]
    fn link(&mut self, prev: u32, next: u32, lane: u8) {
        match self.places.get_mut(prev as usize) {
            Some(place) => place.next = next,
            None => self.lanes[usize::from(lane)].head = next,
        }
    }

    /// Takes a waiter out of the line.
    #[inline]
    fn unlink(&mut self, key: Key) {
        let Place { lane, prev, next, .. } = self.places[key as usize];
        self.link(prev, next, lane);
        match self.places.get_mut(next as usize) {
            Some(place) => place.prev = prev,
            None => self.lanes[usize::from(lane)].tail = prev,
        }
        self.len -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    const GRANTED: Verdict = Verdict::Granted { in_flight: 1 };

    fn order(list: &WaitList<u32>, newest: bool) -> Vec<Key> {
        std::iter::successors(list.first(newest), |key| list.after(*key, newest)).collect()
    }

    proptest! {
        /// Against plain queues, one per lane: any mix of joining, telling and leaving keeps the order, from both ends.
        #[test]
        fn keeps_the_order_of_plain_queues(steps in proptest::collection::vec((0u8..3, any::<u8>()), 0..200)) {
            let mut list = WaitList::new();
            let mut model: [VecDeque<Key>; LANES] = Default::default();
            let mut told = Vec::new();
            for (step, pick) in steps {
                let lane = pick % LANES as u8;
                match step {
                    0 => model[usize::from(lane)].push_back(list.push(u32::from(pick), lane)),
                    1 => {
                        let first = list.first(false);
                        prop_assert_eq!(first, model.iter().flatten().next().copied());
                        if let Some(key) = first {
                            list.tell(key, GRANTED);
                            model.iter_mut().find_map(VecDeque::pop_front);
                            told.push(key);
                        }
                    }
                    _ if !model[usize::from(lane)].is_empty() => {
                        let queue = &mut model[usize::from(lane)];
                        let key = queue.remove(usize::from(pick) % queue.len()).expect("in range");
                        prop_assert!(list.remove(key).is_err());
                    }
                    _ => {
                        for key in told.drain(..) {
                            prop_assert_eq!(list.remove(key), Ok(GRANTED));
                        }
                    }
                }
                let oldest: Vec<Key> = model.iter().flatten().copied().collect();
                let newest: Vec<Key> = model.iter().flat_map(|queue| queue.iter().rev()).copied().collect();
                prop_assert_eq!(list.len() as usize, oldest.len());
                prop_assert_eq!(order(&list, false), oldest);
                prop_assert_eq!(order(&list, true), newest);
                let last = (1..LANES).rev().find_map(|lane| model[lane].back().copied());
                prop_assert_eq!(list.last_behind(0), last);
            }
        }
    }
}
