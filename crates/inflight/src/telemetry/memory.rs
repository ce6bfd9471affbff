//! What the program asked of its allocator, as the allocator itself tells.

/// Bytes allocated and not freed, over all arenas. Asking takes the allocator's locks for a moment; nothing is counted in
/// between. glibc's allocator can be asked; others are not.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(super) fn allocated() -> Option<u64> {
    use malloc_info::info::{SystemType, TotalType};
    let info = malloc_info::malloc_info().ok()?;
    let total =
        |kind: TotalType| info.total.iter().filter(|t| t.r#type == kind).map(|t| t.size as u64).sum::<u64>();
    let arenas: u64 =
        info.system.iter().filter(|s| s.r#type == SystemType::Current).map(|s| s.size as u64).sum();
    Some((arenas + total(TotalType::Mmap)).saturating_sub(total(TotalType::Fast) + total(TotalType::Rest)))
}

/// Nothing is known.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(super) fn allocated() -> Option<u64> {
    None
}
