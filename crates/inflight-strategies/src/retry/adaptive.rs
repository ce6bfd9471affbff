//! Adaptive pace: a client that learns at which rate it is not throttled.
//!
//! **What it does.** Nothing until the first throttled answer. From then on every attempt takes tokens from a bucket whose fill rate
//! follows CUBIC (Ha, Rhee, Xu 2008): cut to 0.7 of the measured rate when throttled, then back along 0.4·(t − k)³ + w, never
//! above twice the measured rate and never below 0.5/s. An attempt that finds too few tokens waits for them.
//!
//! **Which failure it answers.** A dependency with a quota that nobody told: calls above it are refused, and retried.
//!
//! **When it harms.** It waits without saying no: a queue forms inside the client, unless a timeout or a limit stands around it. One
//! throttled answer slows down every call that shares the client.
//!
//! **Knobs.** None. Written `{ retry = { pace = "adaptive" } }`.
//!
//! **Where it comes from.** The adaptive retry mode of the AWS SDKs; constants and steps are those of their client rate limiter.
//!
//! **Slow services.** Rates are measured over half a second: below a few calls per second the measure is noise.

use crate::rt::Instant;
use std::time::Duration;

/// The lowest fill rate, per second.
const MIN_FILL_RATE: f64 = 0.5;
/// The smallest bucket, in tokens.
const MIN_CAPACITY: f64 = 1.0;
/// The weight of the newest half second in the measured rate.
const SMOOTH: f64 = 0.8;
/// What is left of the rate after a throttled answer.
const BETA: f64 = 0.7;
/// CUBIC's scale, per second³.
const SCALE: f64 = 0.4;

/// What an attempt costs, in tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A first attempt: 1.
    First,
    /// A retry: 5.
    Retry,
    /// A retry after a timeout: 10.
    RetryAfterTimeout,
}

/// The rate limiter. All times are seconds since the world began.
#[derive(Clone, Debug)]
pub struct RateLimiter {
    enabled: bool,
    fill_rate: f64,
    capacity: f64,
    tokens: f64,
    refilled: Option<f64>,
    measured: f64,
    bucket: f64,
    requests: u32,
    last_max: f64,
    throttled: f64,
}

fn seconds(at: Instant) -> f64 {
    at.as_nanos() as f64 / 1e9
}

impl RateLimiter {
    /// A limiter that was never throttled.
    pub fn new(now: Instant) -> Self {
        let now = seconds(now);
        RateLimiter {
            enabled: false,
            fill_rate: MIN_FILL_RATE,
            capacity: f64::MAX,
            tokens: 0.0,
            refilled: None,
            measured: 0.0,
            bucket: now.floor(),
            requests: 0,
            last_max: 0.0,
            throttled: now,
        }
    }

    /// Takes the tokens of an attempt; returns how long it must wait for them. Tokens are taken even so: those who come
    /// later wait longer.
    pub fn acquire(&mut self, now: Instant, kind: Kind) -> Duration {
        if !self.enabled {
            return Duration::ZERO;
        }
        let cost = match kind {
            Kind::First => 1.0,
            Kind::Retry => 5.0,
            Kind::RetryAfterTimeout => 10.0,
        };
        self.refill(seconds(now));
        let missing = (cost - self.tokens).max(0.0);
        self.tokens -= cost;
        Duration::from_secs_f64(missing / self.fill_rate)
    }

    /// An attempt was answered.
    pub fn on_answer(&mut self, now: Instant, throttled: bool) {
        let now = seconds(now);
        self.measure(now);
        let rate = if throttled {
            let rate = if self.enabled { self.measured.min(self.fill_rate) } else { self.measured };
            (self.last_max, self.throttled, self.enabled) = (rate, now, true);
            rate * BETA
        } else {
            self.cubic(now)
        };
        let rate = rate.min(2.0 * self.measured);
        // What was earned until now was earned at the old rate.
        self.refill(now);
        self.fill_rate = rate.max(MIN_FILL_RATE);
        self.capacity = rate.max(MIN_CAPACITY);
        self.tokens = self.tokens.min(self.capacity);
    }

    /// Tokens per second that are given now.
    pub fn fill_rate(&self) -> f64 {
        self.fill_rate
    }

    fn refill(&mut self, now: f64) {
        if let Some(refilled) = self.refilled {
            self.tokens = (self.tokens + (now - refilled) * self.fill_rate).min(self.capacity);
        }
        self.refilled = Some(now);
    }

    /// Requests per second, in half seconds.
    fn measure(&mut self, now: f64) {
        let bucket = (now * 2.0).floor() / 2.0;
        self.requests += 1;
        if bucket > self.bucket {
            let rate = f64::from(self.requests) / (bucket - self.bucket);
            self.measured = rate * SMOOTH + self.measured * (1.0 - SMOOTH);
            (self.requests, self.bucket) = (0, bucket);
        }
    }

    /// CUBIC: flat where the last throttled rate was, faster the longer ago that is.
    fn cubic(&self, now: f64) -> f64 {
        let until_flat = (self.last_max * (1.0 - BETA) / SCALE).cbrt();
        let t = now - self.throttled - until_flat;
        SCALE * t * t * t + self.last_max
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(tenths: u64) -> Instant {
        Instant::from_nanos(tenths * 100_000_000)
    }

    fn assert_near(found: f64, expected: f64, what: &str) {
        assert!((found - expected).abs() <= expected.abs() * 1e-12, "{what}: {found}, not {expected}");
    }

    #[test]
    fn smithy_rate_after_successes() {
        let mut limiter = RateLimiter::new(at(0));
        (limiter.last_max, limiter.throttled) = (10.0, 5.0);
        let expected = [
            7.0,
            9.648_936_009_66,
            10.000_030_849_917_364,
            10.453_284_520_772_092,
            13.408_697_022_224_185,
            21.266_268_354_273_64,
            36.425_998_516_920_465,
        ];
        for (now, expected) in (5..).zip(expected) {
            let found = limiter.cubic(f64::from(now));
            assert!((found - expected).abs() < 1e-9, "{now}: {found}, not {expected}");
        }
    }

    #[test]
    fn smithy_rate_with_throttles() {
        let mut limiter = RateLimiter::new(at(0));
        (limiter.last_max, limiter.throttled) = (10.0, 5.0);
        let expected = [
            (5.0, false, 7.0),
            (6.0, false, 9.648_936_009_66),
            (7.0, true, 6.754_255_206_761_999),
            (8.0, true, 4.727_978_644_733_399),
            (9.0, false, 4.670_125_557_970_046),
            (10.0, false, 4.770_870_456_867_401),
            (11.0, false, 6.011_819_748_005_445),
            (12.0, false, 10.792_973_431_384_178),
        ];
        let mut rate = 0.0;
        for (now, throttled, expected) in expected {
            rate = if throttled { rate * BETA } else { limiter.cubic(now) };
            if throttled {
                (limiter.throttled, limiter.last_max) = (now, rate);
            }
            assert!((rate - expected).abs() < 1e-9, "{now}: {rate}, not {expected}");
        }
    }

    #[test]
    fn smithy_client_sending_rates() {
        // Tenths of a second, throttled, measured rate, fill rate.
        let expected = [
            (2, false, 0.0, 0.5),
            (4, false, 0.0, 0.5),
            (6, false, 4.8, 0.5),
            (8, false, 4.8, 0.5),
            (10, false, 4.16, 0.5),
            (12, false, 4.16, 0.691_2),
            (14, false, 4.16, 1.097_6),
            (16, false, 5.632, 1.638_4),
            (18, false, 5.632, 2.332_8),
            (20, true, 4.326_4, 3.028_48),
            (22, false, 4.326_4, 3.486_639_173_470_26),
            (24, false, 4.326_4, 3.821_874_416_040_255),
            (26, false, 5.665_28, 4.053_385_727_709_987),
            (28, false, 5.665_28, 4.200_373_108_479_454),
            (30, false, 4.333_056, 4.282_036_558_348_658),
            (32, true, 4.333_056, 2.997_425_590_844_06),
            (34, false, 4.333_056, 3.452_226_394_386_346_3),
        ];
        let mut limiter = RateLimiter::new(at(0));
        for (now, throttled, measured, fill_rate) in expected {
            limiter.on_answer(at(now), throttled);
            assert_near(limiter.measured, measured, &format!("measured at {now}"));
            assert_near(limiter.fill_rate, fill_rate, &format!("fill rate at {now}"));
        }
    }

    #[test]
    fn smithy_off_until_the_first_throttled_answer() {
        let mut limiter = RateLimiter::new(at(0));
        assert_eq!(limiter.acquire(at(1), Kind::Retry), Duration::ZERO);
        limiter.on_answer(at(2), true);
        assert_eq!(limiter.acquire(at(2), Kind::First), Duration::from_secs(2), "one token at 0.5/s");
        assert_eq!(limiter.acquire(at(2), Kind::First), Duration::from_secs(4), "behind the one before");
    }

    #[test]
    fn smithy_requests_can_still_be_sent_when_throttled() {
        let mut limiter = RateLimiter::new(at(0));
        limiter.on_answer(at(0), true);
        let mut now = at(0);
        for i in 0..100 {
            now = now + Duration::from_millis(i * 37 % 1_000);
            now = now + limiter.acquire(now, Kind::First);
            limiter.on_answer(now, false);
            assert!(now < at(5_000), "a request waits for a few seconds at most");
        }
        assert_eq!(limiter.refilled, Some(seconds(now)));
    }
}
