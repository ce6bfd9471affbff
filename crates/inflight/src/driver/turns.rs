//! Who is polled next: tasks whose time has come before all others, though never all the time. Pure.
//!
//! A request that is due must not stand behind ten thousand answers that came at once, or behind connections that are being
//! opened. But a driver that is asked for more than it can do has always somebody who is due, and answers must be read as well.

use super::core::TaskId;
use std::collections::VecDeque;

/// Why a task is polled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// Its time has come, or it has just been started.
    Due,
    /// Anything else.
    Other,
}

/// Tasks that are ready.
#[derive(Debug, Default)]
pub(super) struct Turns {
    due: VecDeque<TaskId>,
    others: VecDeque<TaskId>,
    /// How many of those that are due had their turn since one of the others had.
    in_a_row: u32,
}

/// The most turns in a row of those who are due, while others wait.
const IN_A_ROW: u32 = 8;

impl Turns {
    pub(super) fn push(&mut self, id: TaskId, cause: Cause) {
        match cause {
            Cause::Due => self.due.push_back(id),
            Cause::Other => self.others.push_back(id),
        }
    }

    pub(super) fn pop(&mut self) -> Option<(TaskId, Cause)> {
        if (self.in_a_row < IN_A_ROW || self.others.is_empty())
            && let Some(id) = self.due.pop_front()
        {
            self.in_a_row = (self.in_a_row + 1).min(IN_A_ROW);
            return Some((id, Cause::Due));
        }
        self.in_a_row = 0;
        self.others.pop_front().map(|id| (id, Cause::Other))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.due.is_empty() && self.others.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(due: u32, others: u32) -> String {
        let mut turns = Turns::default();
        (0..others).for_each(|slot| turns.push(TaskId { slot, generation: 0 }, Cause::Other));
        (0..due).for_each(|slot| turns.push(TaskId { slot, generation: 0 }, Cause::Due));
        let letter = |cause| if cause == Cause::Due { 'd' } else { 'o' };
        std::iter::from_fn(|| turns.pop()).map(|(_, cause)| letter(cause)).collect()
    }

    #[test]
    fn who_is_due_goes_first_and_others_are_never_kept_waiting_forever() {
        assert_eq!(order(3, 2), "dddoo");
        assert_eq!(order(18, 3), "ddddddddoddddddddoddo");
        assert_eq!(order(10, 0), "dddddddddd");
        assert_eq!(order(0, 2), "oo");
    }
}
