//! What a virtual world is like, how it can fail, and what a run of it was like.

use inflight_strategies::rt::Instant;
use std::{fmt, time::Duration};

/// What a virtual world is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The clock's grain, at least 1 ns: every deadline is rounded up to a multiple of it. 1 ms is tokio's timer.
    pub resolution: Duration,
    /// How much later than its (rounded) deadline every timer fires: a model of a real machine's timer.
    pub overshoot: Duration,
    /// The clock must not pass this.
    pub max_time: Duration,
    /// How often tasks may be polled in one run.
    pub max_polls: u64,
    /// How often tasks may be polled without the clock moving: more is a task that never waits.
    pub max_polls_at_once: u64,
}

impl Settings {
    /// A clock of nanoseconds whose timers are never late.
    pub(super) const EXACT: Settings = Settings {
        resolution: Duration::from_nanos(1),
        overshoot: Duration::ZERO,
        max_time: Duration::from_secs(100 * 365 * 86_400),
        max_polls: 1 << 40,
        max_polls_at_once: 100_000_000,
    };

    /// When a timer that was set to `deadline` fires.
    pub(super) fn fires(&self, deadline: Instant) -> Instant {
        let grain = u64::try_from(self.resolution.as_nanos()).unwrap_or(u64::MAX);
        if grain <= 1 {
            return deadline + self.overshoot;
        }
        let rounded = deadline.as_nanos().checked_next_multiple_of(grain).unwrap_or(u64::MAX);
        Instant::from_nanos(rounded) + self.overshoot
    }
}

impl Default for Settings {
    fn default() -> Self {
        Settings::EXACT
    }
}

/// A task that waits in a world where nothing can happen any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Its name.
    pub task: &'static str,
    /// When it was polled last.
    pub since: Instant,
    /// The task whose end it waits for; `None`: a wake-up from somebody who is not there any more.
    pub on: Option<&'static str>,
}

/// Why a world cannot go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stuck {
    /// Everyone waits, and no deadline is set.
    Deadlock {
        /// When.
        at: Instant,
        /// Who waits for what.
        waiting: Vec<Waiting>,
    },
    /// The clock reached [`Settings::max_time`].
    TooLong {
        /// When.
        at: Instant,
    },
    /// The clock stands still while tasks run on and on. The last one's name is given.
    Livelock {
        /// When.
        at: Instant,
        /// Who ran last.
        running: &'static str,
    },
}

/// How many of those who wait are named.
const NAMED: usize = 10;

impl fmt::Display for Stuck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stuck::Deadlock { at, waiting } => {
                write!(f, "deadlock at {at:?}: no deadline is set and all wait")?;
                for Waiting { task, since, on } in waiting.iter().take(NAMED) {
                    match on {
                        Some(other) => write!(f, "; {task:?} for the task {other:?} since {since:?}")?,
                        None => write!(f, "; {task:?} since {since:?} for a wake-up that nobody can give")?,
                    }
                }
                match waiting.len().saturating_sub(NAMED) {
                    0 => Ok(()),
                    more => write!(f, "; and {more} more"),
                }
            }
            Stuck::TooLong { at } => write!(f, "at {at:?} the world has lasted as long as it may"),
            Stuck::Livelock { at, running } => {
                write!(f, "livelock at {at:?}: the clock stands still; the last task to run was {running:?}")
            }
        }
    }
}

impl std::error::Error for Stuck {}

/// How often things happened in a world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Tasks that were spawned.
    pub tasks: u64,
    /// Times that a task was polled.
    pub polls: u64,
    /// Timers that were set.
    pub timers: u64,
    /// Timers that were cancelled before they fired.
    pub cancelled: u64,
}

impl Counts {
    pub(super) const NONE: Counts = Counts { tasks: 0, polls: 0, timers: 0, cancelled: 0 };
}

/// What a finished run was like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trace {
    /// When the main task ended.
    pub ended: Instant,
    /// A hash of every poll: which task, when. Equal runs have equal hashes.
    pub hash: u64,
    /// How often things happened.
    pub counts: Counts,
}
