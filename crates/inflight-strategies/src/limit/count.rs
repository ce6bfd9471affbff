//! The permits of a limit in one word: whoever finds no line takes and gives back without a lock.

use crate::sync::{AtomicU64, Ordering};

/// Set while somebody holds the lock or waits in line: then permits go through the lock.
const LOCKED: u64 = 1 << 63;
/// The lower half counts permits that are out, the upper half is the limit.
const HALF: u32 = 32;

/// Permits that are out, and the limit. In a cache line of its own: what is read beside it does not move with it.
#[derive(Debug)]
#[repr(align(64))]
pub(super) struct Count(AtomicU64);

/// The count as whoever holds the lock found it. Others may still give back what they hold: what the holder changes is added, not stored.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found(u64);

impl Found {
    /// Permits that were out.
    #[inline]
    pub(super) fn out(self) -> u32 {
        out(self.0)
    }
}

#[inline]
fn out(word: u64) -> u32 {
    word as u32
}

#[inline]
fn limit(word: u64) -> u32 {
    ((word & !LOCKED) >> HALF) as u32
}

impl Count {
    /// None is out.
    pub(super) fn new(limit: u32) -> Count {
        Count(AtomicU64::new(word(0, limit, false)))
    }

    /// Takes `weight` permits if nobody waits and they are free: how many are out then. `None`: the lock must be asked.
    #[inline]
    pub(super) fn take(&self, weight: u32) -> Option<u32> {
        let mut seen = self.0.load(Ordering::Relaxed);
        while seen & LOCKED == 0 && super::gate::fits(out(seen), limit(seen), weight) {
            let taken = seen + u64::from(weight);
            match self.0.compare_exchange_weak(seen, taken, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return Some(out(taken)),
                Err(now) => seen = now,
            }
        }
        None
    }

    /// Whether all permits are out.
    pub(super) fn is_full(&self) -> bool {
        let seen = self.0.load(Ordering::Relaxed);
        out(seen) >= limit(seen)
    }

    /// Gives `weight` permits back. True: somebody holds the lock or waits, and whoever is next must be told.
    #[inline]
    #[must_use]
    pub(super) fn give_back(&self, weight: u32) -> bool {
        let seen = self.0.fetch_sub(u64::from(weight), Ordering::Release);
        debug_assert!(out(seen) >= weight, "nobody gives back what he does not hold");
        seen & LOCKED != 0
    }

    /// The lock was taken: from now on only its holder takes permits.
    #[inline]
    pub(super) fn lock(&self) -> Found {
        Found(self.0.fetch_or(LOCKED, Ordering::Acquire))
    }

    /// The lock is about to be given back, by whoever `found` the count so.
    #[inline]
    pub(super) fn unlock(&self, found: Found, out: u32, limit: u32, somebody_waits: bool) {
        let changed = word(out, limit, somebody_waits).wrapping_sub(found.0 | LOCKED);
        self.0.fetch_add(changed, Ordering::Release);
    }
}

/// A limit has less than 2³¹ permits: beyond that they are not told apart.
#[inline]
fn word(out: u32, limit: u32, locked: bool) -> u64 {
    let limit = u64::from(limit.min(u32::MAX >> 1));
    u64::from(out) | (limit << HALF) | if locked { LOCKED } else { 0 }
}
