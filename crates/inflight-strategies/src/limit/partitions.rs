//! Partitions: classes of calls share one limit, and each is sure of its part.
//!
//! **What it does.** Below the limit any class takes what it wants. At the limit a class still gets a permit if it uses less
//! than its share of the limit (rounded up, at least 1); whoever is beyond its share waits. A class that has no share takes
//! only what is left over.
//!
//! **Which failure it answers.** One tenant's or one batch job's flood takes all permits of everybody.
//!
//! **When it harms.** Shares are guaranteed on top of what others took before: the sum in flight can exceed the limit, in the
//! worst case by the sum of all shares. A limit at the very edge of what a dependency bears is then too high.
//!
//! **Knobs.** `partitions` (per cent per class, class 0 first, together at most 100 %; default none).
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
