//! What the program asks of its allocator: the system's, with a count.

use std::alloc::System;

#[global_allocator]
static ALLOCATOR: cap::Cap<System> = cap::Cap::new(System, usize::MAX);

/// Bytes allocated and not freed.
pub(super) fn allocated() -> u64 {
    ALLOCATOR.allocated() as u64
}
