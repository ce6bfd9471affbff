//! Locks and atomics: those of the standard library, or, to try all interleavings, loom's (`cargo xtask loom`).

#[cfg(not(inflight_loom))]
pub(crate) use std::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicU64, Ordering},
};

#[cfg(inflight_loom)]
pub(crate) use loom::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicU64, Ordering},
};
