//! Waiting for a condition, never for a time.

use std::{
    fmt::Debug,
    thread,
    time::{Duration, Instant},
};

/// How long anything may take before a test gives up on it.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// The wall clock, as far as tests may look at it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    #[expect(clippy::disallowed_methods, reason = "tests stand outside of any world")]
    pub(crate) fn start() -> Stopwatch {
        Stopwatch(Instant::now())
    }

    pub(crate) fn passed(self) -> Duration {
        self.0.elapsed()
    }
}

/// Looks until `look` finds what it looks for; fails with what was seen last.
pub(crate) fn eventually<T, E: Debug>(what: &str, mut look: impl FnMut() -> Result<T, E>) -> T {
    let watch = Stopwatch::start();
    loop {
        match look() {
            Ok(found) => return found,
            Err(seen) => assert!(watch.passed() < DEADLINE, "in vain: {what}; seen last: {seen:#?}"),
        }
        thread::sleep(Duration::from_millis(2));
    }
}
