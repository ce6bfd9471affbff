//! Partitions: classes of calls share one limit, and each is sure of its part.
//!
//! **What it does.** Below the limit any class takes what it wants. At the limit a class still gets a permit if it uses less
//! than its share of the limit (rounded up, at least 1); whoever is beyond its share waits. A class that has no share takes
//! only what is left over.
//!
//! **Which failure it answers.** One tenant's or one batch job's flood takes all permits of everybody.
//!
//! **When it harms.** Shares are guaranteed on top of what others took before: the sum in flight can exceed the limit, in the
//! worst case by the sum of all shares. A limit at the very edge of what a dependency bears is then too high. Who is next is
//! looked for along the line, so a long queue costs time with every permit that comes back.
//!
//! **Knobs.** Written `{ limit = { permits = 20, partitions = ["30%", "70%"] } }`.
//!
//! | knob | unit | default | whose |
//! |---|---|---|---|
//! | `partitions` | shares of the classes 0, 1, …, together at most 100 % | none | Netflix |
//!
//! **Where it comes from.** Netflix' concurrency-limits, `AbstractPartitionedLimiter`, whose semantics these are.

use crate::units::Ratio;

/// The most classes that can have a share.
pub const MAX_CLASSES: usize = 32;

/// What each class uses, and its share.
#[derive(Clone, Debug)]
pub struct Partitions {
    parts: Vec<Part>,
}

#[derive(Clone, Copy, Debug)]
struct Part {
    share: Ratio,
    limit: u32,
    busy: u32,
}

/// Whether these can be shares: not too many, and together at most everything.
pub(super) fn validate(shares: &[Ratio]) -> Result<(), &'static str> {
    // A hair more than one: the sum of parts that were written in per cent.
    if shares.len() > MAX_CLASSES || shares.iter().map(|share| share.value()).sum::<f64>() > 1.0 + 1e-9 {
        return Err("`partitions` may have up to 32 shares that are together at most 100%");
    }
    Ok(())
}

impl Partitions {
    /// Classes 0, 1, … with these shares of `limit`.
    pub fn new(shares: &[Ratio], limit: u32) -> Partitions {
        let parts = shares.iter().map(|share| Part { share: *share, limit: 0, busy: 0 });
        let mut partitions = Partitions { parts: parts.collect() };
        partitions.divide(limit);
        partitions
    }

    /// The limit of all is now `limit`.
    pub fn divide(&mut self, limit: u32) {
        for part in &mut self.parts {
            part.limit = (f64::from(limit) * part.share.value()).ceil().max(1.0) as u32;
        }
    }

    /// Whether `weight` more permits are within the share of `class`.
    pub fn has_share(&self, class: u8, weight: u32) -> bool {
        self.parts.get(usize::from(class)).is_some_and(|part| part.busy + weight <= part.limit)
    }

    /// A call of `class` went in.
    pub fn take(&mut self, class: u8, weight: u32) {
        if let Some(part) = self.parts.get_mut(usize::from(class)) {
            part.busy += weight;
        }
    }

    /// A call of `class` came out.
    pub fn give_back(&mut self, class: u8, weight: u32) {
        if let Some(part) = self.parts.get_mut(usize::from(class)) {
            part.busy = part.busy.checked_sub(weight).expect("nobody gives back what he does not hold");
        }
    }

    /// The share of `class` in permits; 0 if it has none.
    pub fn limit(&self, class: u8) -> u32 {
        self.parts.get(usize::from(class)).map_or(0, |part| part.limit)
    }

    /// Permits that `class` uses.
    pub fn in_flight(&self, class: u8) -> u32 {
        self.parts.get(usize::from(class)).map_or(0, |part| part.busy)
    }
}

#[cfg(test)]
mod tests {
    //! limiter/AbstractPartitionedLimiterTest, through the gate: batch is class 0 with 30 %, live class 1 with 70 %.

    use super::{
        super::{
            gate::*,
            learner::{Dice, Learner},
        },
        *,
    };
    use crate::{
        limit::adaptive::{Config as Adaptive, Limiter, aimd},
        queue::{Bound, Config, Discipline, Ticket},
        rt::{Instant, Rng},
        service::Reason,
    };

    struct Nothing;
    impl Rng for Nothing {
        fn next_u64(&mut self) -> u64 {
            0
        }
    }

    const BATCH: u8 = 0;
    const LIVE: u8 = 1;

    fn gate(limiter: Option<Box<dyn Limiter>>) -> Gate<()> {
        let shares = [0.3, 0.7].map(|share| Ratio::new(share).expect("a share"));
        let rules = Rules {
            discipline: Discipline::new(Config::fifo(Bound::Bounded(0))),
            partitions: Some(Partitions::new(&shares, 10)),
            learner: limiter.map(Learner::new),
            dice: Dice(Box::new(Nothing)),
            latest: Instant::ZERO,
        };
        Gate::with_rules(10, rules)
    }

    fn acquire(gate: &mut Gate<()>, class: u8) -> Option<Share> {
        let ticket = Ticket { class, ..Ticket::at(Instant::ZERO) };
        match gate.arrive(Instant::ZERO, &ticket) {
            Ok(share) => Some(share.expect("nobody waits in a queue of 0")),
            Err(why) => {
                assert_eq!(why, Reason::LimitReached);
                None
            }
        }
    }

    #[test]
    fn netflix_partitions_limit_allocated_to_bins() {
        let shares = [0.3, 0.7].map(|share| Ratio::new(share).expect("a share"));
        let mut partitions = Partitions::new(&shares, 10);
        assert_eq!([BATCH, LIVE].map(|class| partitions.limit(class)), [3, 7]);
        partitions.divide(20);
        assert_eq!(partitions.limit(BATCH), 6);
        partitions.divide(1);
        assert_eq!(
            [BATCH, LIVE, 2].map(|class| partitions.limit(class)),
            [1, 1, 0],
            "at least 1, if it has a share"
        );
    }

    #[test]
    fn netflix_partitions_use_excess_capacity_until_total_limit() {
        let mut gate = gate(None);
        assert!((0..10).all(|_| acquire(&mut gate, BATCH).is_some()));
        assert_eq!(acquire(&mut gate, BATCH), None);
    }

    #[test]
    fn netflix_partitions_exceed_total_limit_for_unused_bin() {
        let mut gate = gate(None);
        assert!((0..10).all(|_| acquire(&mut gate, BATCH).is_some()));
        assert_eq!(acquire(&mut gate, BATCH), None);
        assert!((0..7).all(|_| acquire(&mut gate, LIVE).is_some()));
        assert_eq!((acquire(&mut gate, LIVE), gate.out()), (None, 17));
    }

    #[test]
    fn netflix_partitions_reject_once_all_limits_reached() {
        let mut gate = gate(None);
        assert!((0..3).all(|_| acquire(&mut gate, BATCH).is_some()));
        assert!((0..7).all(|_| acquire(&mut gate, LIVE).is_some()));
        assert_eq!((acquire(&mut gate, BATCH), acquire(&mut gate, LIVE)), (None, None));
    }

    #[test]
    fn netflix_partitions_release_limit() {
        let mut gate = gate(None);
        let first = acquire(&mut gate, BATCH).expect("below the limit");
        assert!((1..10).all(|_| acquire(&mut gate, BATCH).is_some()));
        assert_eq!(acquire(&mut gate, BATCH), None);
        gate.leave(&first, Instant::ZERO, None);
        assert_eq!(gate.out(), 9);
        assert!(acquire(&mut gate, BATCH).is_some() && acquire(&mut gate, BATCH).is_none());
    }

    #[test]
    fn the_shares_follow_a_limit_that_moves() {
        // At 10 batch may have 3 when all is taken; one more permit makes it 4 (a third of 11, rounded up).
        let range = crate::limit::adaptive::Range { initial: 10, min: 1, max: 20 };
        let mut gate = gate(Some(Adaptive::Aimd(aimd::Config { range, ..Default::default() }).build()));
        let live: Vec<Share> = (0..10).filter_map(|_| acquire(&mut gate, LIVE)).collect();
        assert!((0..3).all(|_| acquire(&mut gate, BATCH).is_some()) && acquire(&mut gate, BATCH).is_none());
        let good = Ended { took: std::time::Duration::from_millis(1), dropped: false };
        gate.leave(&live[9], Instant::ZERO, Some(good)).expect("the limit moved");
        assert_eq!((gate.capacity(), gate.out()), (11, 12));
        assert!(acquire(&mut gate, BATCH).is_some() && acquire(&mut gate, BATCH).is_none());
    }

    #[test]
    fn whoever_has_no_share_takes_what_is_left_over() {
        let mut gate = gate(None);
        assert!((0..10).all(|_| acquire(&mut gate, 9).is_some()));
        assert_eq!(acquire(&mut gate, 9), None);
        assert!(acquire(&mut gate, BATCH).is_some());
    }
}
