//! Who is ready, first come, first polled.

use super::core::TaskId;

pub(super) struct Ready {
    ids: Vec<TaskId>,
    /// Those before this were polled already.
    next: usize,
}

impl Ready {
    pub(super) const fn new() -> Ready {
        Ready { ids: Vec::new(), next: 0 }
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.next == self.ids.len()
    }

    #[inline]
    pub(super) fn push(&mut self, id: TaskId) {
        if self.ids.len() == self.ids.capacity() {
            self.forget_polled();
        }
        self.ids.push(id);
    }

    /// Makes room, if that is worth the moving.
    #[cold]
    fn forget_polled(&mut self) {
        if self.next > self.ids.len() / 2 {
            self.ids.drain(..self.next);
            self.next = 0;
        }
    }

    #[inline]
    pub(super) fn pop(&mut self) -> Option<TaskId> {
        let id = *self.ids.get(self.next)?;
        self.next += 1;
        if self.is_empty() {
            self.ids.clear();
            self.next = 0;
        }
        Some(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    proptest! {
        /// Against a queue: any mix of joining and leaving keeps the order, and the memory stays in proportion.
        #[test]
        fn keeps_the_order_of_a_queue(steps in proptest::collection::vec(any::<bool>(), 0..500)) {
            let (mut ready, mut model) = (Ready::new(), VecDeque::new());
            for (n, comes) in steps.into_iter().enumerate() {
                let id = TaskId { slot: n as u32, generation: 0 };
                if comes {
                    ready.push(id);
                    model.push_back(id);
                } else {
                    prop_assert_eq!(ready.pop(), model.pop_front());
                }
                prop_assert_eq!(ready.is_empty(), model.is_empty());
            }
        }
    }

    #[test]
    fn two_who_wake_each_other_for_ever_need_no_more_room() {
        let mut ready = Ready::new();
        let id = |slot| TaskId { slot, generation: 0 };
        ready.push(id(0));
        for n in 1..10_000 {
            ready.push(id(n));
            ready.pop();
        }
        assert!(ready.ids.capacity() <= 16, "{}", ready.ids.capacity());
    }
}
