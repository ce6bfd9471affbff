//! When requests arrive, as a file: what k6 or other clients do can be offered to every arm of an experiment.
//!
//! One arrival per line, in seconds since the first of them: what `arrivals = { recorded = { file = "…" } }` reads.

use crate::live;
use inflight_strategies::rt::{Clock as _, Instant};
use std::{
    fs::File,
    io::{self, BufWriter, Write as _},
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// The most arrivals in a file, as many as an experiment reads.
pub const MAX_ARRIVALS: u32 = 1_000_000;

/// The arrivals at one endpoint.
#[derive(Debug)]
pub struct Arrivals {
    world: live::World,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    out: BufWriter<File>,
    first: Option<Instant>,
    written: u32,
    failed: Option<io::Error>,
}

impl Arrivals {
    /// Makes the file at `path` anew.
    pub fn create(path: &Path, world: live::World) -> io::Result<Arrivals> {
        let out = BufWriter::new(File::create(path)?);
        Ok(Arrivals { world, state: Mutex::new(State { out, first: None, written: 0, failed: None }) })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request arrives now.
    pub(super) fn note(&self) {
        let mut state = self.lock();
        if state.written == MAX_ARRIVALS || state.failed.is_some() {
            return;
        }
        // The clock is asked under the lock: lines are in order.
        let now = self.world.now();
        let first = *state.first.get_or_insert(now);
        state.written += 1;
        state.failed = writeln!(state.out, "{:.6}", (now - first).as_secs_f64()).err();
    }

    /// Writes out what is buffered. Returns how many arrivals there are in the file.
    pub fn finish(&self) -> io::Result<u32> {
        let mut state = self.lock();
        match state.failed.take() {
            Some(error) => Err(error),
            None => state.out.flush().map(|()| state.written),
        }
    }
}
