//! Users: how many there are in a closed loop, how long they think, and what they do about an answer that is not good.

use crate::{dependency::Latency, draws::Stream};
use inflight_strategies::rt::Rng as _;
use std::time::Duration;

/// The most retries of one request by its user.
pub const MAX_RETRIES: u32 = 15;

/// Attempt j of request i has the number i + j·2⁴⁸: numbers stay exact as doubles, and every attempt has draws of its own.
const ATTEMPT_BITS: u32 = 48;

/// The users of a closed loop. Each begins by thinking, asks, waits for the answer, and thinks again.
#[derive(Clone, Debug, PartialEq)]
pub struct Users {
    /// How many.
    pub count: u32,
    /// How long each thinks before each request.
    pub think: Latency,
}

impl Users {
    /// The same users, thinking `factor` times as long.
    pub fn scaled(&self, factor: f64) -> Users {
        Users { think: self.think.scaled(factor), ..*self }
    }

    /// The number of the `k`-th request of `user`, both from 0: pure in the two, and dense.
    pub fn request(&self, user: u32, k: u64) -> u64 {
        k * u64::from(self.count) + u64::from(user)
    }

    /// How long its user thinks before request number `id` of a run with `seed`.
    pub fn thought(&self, seed: u64, id: u64) -> Duration {
        self.think.draw(&mut Stream::new(seed, "users.think").dice(id))
    }
}

/// A user who gets no good answer sends the request again. In an open loop every arrival is a user.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Retry {
    /// How often at most: 1 to [`MAX_RETRIES`].
    pub most: u32,
    /// How long to wait before.
    pub pause: Pause,
}

/// The wait before a retry.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pause {
    /// Always the same.
    Fixed(Duration),
    /// Exponential backoff with full jitter: uniform between nothing and `first`·2^(retry − 1), at most `cap`.
    Backoff {
        /// The longest wait before the first retry.
        first: Duration,
        /// The longest wait before any.
        cap: Duration,
    },
}

impl Retry {
    /// The same with every duration multiplied by `factor`.
    pub fn scaled(&self, factor: f64) -> Retry {
        let pause = match self.pause {
            Pause::Fixed(wait) => Pause::Fixed(wait.mul_f64(factor)),
            Pause::Backoff { first, cap } => {
                Pause::Backoff { first: first.mul_f64(factor), cap: cap.mul_f64(factor) }
            }
        };
        Retry { pause, ..*self }
    }

    /// The number of attempt `attempt` (0 is the first) of request `id`.
    pub fn number(id: u64, attempt: u32) -> u64 {
        id + (u64::from(attempt) << ATTEMPT_BITS)
    }

    /// The wait before retry number `retry` (from 1) of request `id` in a run with `seed`.
    pub fn pause(&self, seed: u64, id: u64, retry: u32) -> Duration {
        match self.pause {
            Pause::Fixed(wait) => wait,
            Pause::Backoff { first, cap } => {
                let longest = first.saturating_mul(1 << (retry - 1).min(MAX_RETRIES)).min(cap);
                longest.mul_f64(Stream::new(seed, "users.retry").dice(Retry::number(id, retry)).unit())
            }
        }
    }
}
