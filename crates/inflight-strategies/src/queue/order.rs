//! The order of a queue: fifo, lifo, adaptive lifo, priority.
//!
//! **What it does.** `Fifo` serves whoever waits longest; `Lifo` whoever came last; `AdaptiveLifo` is fifo until a queue has
//! formed and lifo from then on; `Priority` serves the most important class first, first come first served within it, and
//! when the queue is full the newest of the least important gives way to whoever is more important.
//!
//! **Which failure it answers.** Under overload a fifo queue serves everybody just too late; lifo serves some in time and
//! lets the others time out. Priority decides who those are.
//!
//! **When it harms.** Lifo is unfair and starves the oldest: it needs a bounded wait. Priority without a bound on the wait
//! starves the least important for as long as the overload lasts.
//!
//! **Knobs.** Written `{ limit = { permits = 20, queue = { order = { adaptive-lifo = { … } } } } }`.
//!
//! | knob | unit | default | whose |
//! |---|---|---|---|
//! | `threshold` | calls waiting from which it is lifo | none: as many as the limit, about one service time | ours: Facebook says only "when a queue has formed" |
//!
//! **Where it comes from.** Adaptive lifo: Maurer, "Fail at Scale", ACM Queue 2015. Lifo with a bounded backlog: Netflix'
//! `LifoBlockingLimiter` (backlog 100, wait 1 s). Five priorities: failsafe-go.

/// Who is next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Whoever waits longest.
    #[default]
    Fifo,
    /// Whoever came last.
    Lifo,
    /// Fifo, and lifo while so many wait; `None`: as many as the limit.
    AdaptiveLifo {
        /// Waiting calls from which it is lifo.
        threshold: Option<u32>,
    },
    /// The most important first; fifo among equals.
    Priority,
}

impl Order {
    /// Whether the newest is next, when `waiting` calls wait behind a limit of `limit`.
    pub(crate) fn newest_first(self, waiting: u32, limit: u32) -> bool {
        match self {
            Order::Fifo | Order::Priority => false,
            Order::Lifo => true,
            Order::AdaptiveLifo { threshold } => waiting >= threshold.unwrap_or(limit),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adaptive_lifo_turns_when_a_queue_has_formed() {
        let order = Order::AdaptiveLifo { threshold: None };
        assert_eq!([19, 20, 21].map(|waiting| order.newest_first(waiting, 20)), [false, true, true]);
        let order = Order::AdaptiveLifo { threshold: Some(3) };
        assert_eq!([2, 3].map(|waiting| order.newest_first(waiting, 20)), [false, true]);
    }
}
