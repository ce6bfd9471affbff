//! What a limit can be told.

use super::{adaptive, partitions};
use crate::{
    queue,
    units::{self, Ratio},
};
use std::time::Duration;

/// The largest number of permits that can be asked for.
pub const MAX_PERMITS: u32 = 1_000_000;
/// The longest wait that can be asked for.
pub const MAX_WAIT: Duration = Duration::from_secs(3600);

/// How many at once.
#[derive(Clone, Debug, PartialEq)]
pub enum Permits {
    /// Always so many.
    Fixed(u32),
    /// As many as a limiter finds.
    Adaptive(adaptive::Config),
}

impl From<u32> for Permits {
    fn from(permits: u32) -> Self {
        Permits::Fixed(permits)
    }
}

/// How many at once, and who may wait how long.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Permits out at once.
    pub permits: Permits,
    /// Who may wait, who is next, who is dropped.
    pub queue: queue::Config,
    /// The longest wait, if there is one.
    pub max_wait: Option<Duration>,
    /// The shares of classes 0, 1, …; empty: everybody takes from the same.
    pub partitions: Vec<Ratio>,
}

impl Config {
    /// A fixed limit with a plain line.
    pub fn fixed(permits: u32, bound: queue::Bound) -> Config {
        let queue = queue::Config::fifo(bound);
        Config { permits: Permits::Fixed(permits), queue, max_wait: None, partitions: Vec::new() }
    }

    /// Whether the numbers make sense; the message says what would.
    pub fn validate(&self) -> Result<(), &'static str> {
        match &self.permits {
            Permits::Fixed(n) if *n == 0 || *n > MAX_PERMITS => {
                return Err("`permits` must be between 1 and 1000000");
            }
            Permits::Fixed(_) => {}
            Permits::Adaptive(limiter) => limiter.validate()?,
        }
        if self.max_wait.is_some_and(|wait| wait.is_zero() || wait > MAX_WAIT) {
            return Err("`max-wait` must be above zero and at most 1h");
        }
        partitions::validate(&self.partitions)?;
        self.queue.validate()
    }

    /// The same limit with every duration multiplied by `factor`.
    pub fn scaled(&self, factor: f64) -> Config {
        Config {
            permits: match &self.permits {
                Permits::Fixed(n) => Permits::Fixed(*n),
                Permits::Adaptive(limiter) => Permits::Adaptive(limiter.scaled(factor)),
            },
            queue: self.queue.scaled(factor),
            max_wait: self.max_wait.map(|wait| units::scaled(wait, factor)),
            partitions: self.partitions.clone(),
        }
    }

    /// Whether it is a number and a line, and nothing else: then all requests are alike to it.
    pub fn is_plain(&self) -> bool {
        matches!(self.permits, Permits::Fixed(_)) && self.has_plain_line()
    }

    /// Whether nothing but the order of arrival decides who is next, and nothing but the line's length who may wait.
    pub(super) fn has_plain_line(&self) -> bool {
        self.queue.is_plain() && self.partitions.is_empty()
    }
}
