//! The allocator, and what the program asked of it, as the allocator itself tells: nothing is counted on the way.

/// jemalloc: tokio's tasks are aligned to pairs of cache lines, which costs glibc several times as much as any other block,
/// and hyper's buffers of 8 KB, mostly never touched, each begin on a page of their own.
#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Bytes allocated and not freed.
#[cfg(feature = "jemalloc")]
pub(super) fn allocated() -> Option<u64> {
    // Its figures stand still until the epoch moves.
    tikv_jemalloc_ctl::epoch::advance().ok()?;
    tikv_jemalloc_ctl::stats::allocated::read().ok().map(|bytes| bytes as u64)
}

/// Bytes allocated and not freed, over all arenas.
#[cfg(all(not(feature = "jemalloc"), target_os = "linux", target_env = "gnu"))]
pub(super) fn allocated() -> Option<u64> {
    use malloc_info::info::{SystemType, TotalType};
    let info = malloc_info::malloc_info().ok()?;
    let total =
        |kind: TotalType| info.total.iter().filter(|t| t.r#type == kind).map(|t| t.size as u64).sum::<u64>();
    let arenas: u64 =
        info.system.iter().filter(|s| s.r#type == SystemType::Current).map(|s| s.size as u64).sum();
    Some((arenas + total(TotalType::Mmap)).saturating_sub(total(TotalType::Fast) + total(TotalType::Rest)))
}

/// Other allocators cannot be asked, and nothing is exported.
#[cfg(not(any(feature = "jemalloc", all(target_os = "linux", target_env = "gnu"))))]
pub(super) fn allocated() -> Option<u64> {
    None
}
