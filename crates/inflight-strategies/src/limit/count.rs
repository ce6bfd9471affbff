//! The permits of a plain limit in one word: whoever finds no line takes and gives back without a lock.

use crate::sync::{AtomicU64, Ordering};

/// Set while somebody holds the lock or waits in line: then permits go through the lock.
const LOCKED: u64 = 1 << 63;
/// The lower half counts permits that are out, the upper half is the limit.
const HALF: u32 = 32;

/// Permits that are out, and the limit. In a cache line of its own: what is read beside it does not move with it.
#[derive(Debug)]
#[repr(align(64))]
pub(super) struct Count(AtomicU64);

#[inline]
fn out(word: u64) -> u32 {
    word as u32
}

#[inline]
fn limit(word: u64) -> u32 {
    ((word & !LOCKED) >> HALF) as u32
}

impl Count {
    /// None is out. `always_locked` if all permits go through the lock.
    pub(super) fn new(limit: u32, always_locked: bool) -> Count {
        Count(AtomicU64::new(word(0, limit, always_locked)))
    }

    /// Takes `weight` permits if nobody waits and they are free; `None`: the lock must be asked.
    #[inline]
    pub(super) fn take(&self, weight: u32) -> Option<bool> {
        let mut seen = self.0.load(Ordering::Relaxed);
        loop {
            if seen & LOCKED != 0 {
                return None;
            }
            if !super::gate::fits(out(seen), limit(seen), weight) {
                return Some(false);
            }
            match self.replace(seen, seen + u64::from(weight), Ordering::Acquire) {
                Ok(()) => return Some(true),
                Err(now) => seen = now,
            }
        }
    }

    /// Gives `weight` permits back if nobody waits; false: the lock must be asked.
    #[inline]
    pub(super) fn give_back(&self, weight: u32) -> bool {
        let mut seen = self.0.load(Ordering::Relaxed);
        loop {
            if seen & LOCKED != 0 {
                return false;
            }
            assert!(out(seen) >= weight, "nobody gives back what he does not hold");
            match self.replace(seen, seen - u64::from(weight), Ordering::Release) {
                Ok(()) => return true,
                Err(now) => seen = now,
            }
        }
    }

    #[inline]
    fn replace(&self, seen: u64, new: u64, success: Ordering) -> Result<(), u64> {
        self.0.compare_exchange_weak(seen, new, success, Ordering::Relaxed).map(|_| ())
    }

    /// The lock was taken: from now on nobody moves this count but its holder. Permits that are out.
    #[inline]
    pub(super) fn lock(&self) -> u32 {
        let seen = self.0.load(Ordering::Relaxed);
        // As long as somebody waits it stays locked: then there is nothing to exchange.
        if seen & LOCKED != 0 { out(seen) } else { out(self.0.fetch_or(LOCKED, Ordering::Acquire)) }
    }

    /// The lock is about to be given back.
    #[inline]
    pub(super) fn unlock(&self, out: u32, limit: u32, somebody_waits: bool) {
        self.0.store(word(out, limit, somebody_waits), Ordering::Release);
    }
}

/// A limit has less than 2³¹ permits: beyond that they are not told apart.
#[inline]
fn word(out: u32, limit: u32, locked: bool) -> u64 {
    let limit = u64::from(limit.min(u32::MAX >> 1));
    u64::from(out) | (limit << HALF) | if locked { LOCKED } else { 0 }
}
