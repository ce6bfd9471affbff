//! AIMD: one more while it goes well, a tenth less when a call is dropped.
//!
//! **What it does.** A call that was dropped, or took longer than `timeout`, multiplies the limit by `backoff`; any other adds
//! one, if at least half the limit was in use. Feedback comes call by call.
//!
//! **Which failure it answers.** A dependency that says when it is overloaded (timeouts, rejections): the limit saws around
//! what it bears.
//!
//! **When it harms.** Where nothing is ever dropped it climbs to `max`. The default `timeout` of 5 s and `min` of 20 are those
//! of a gateway: a pool of 20 servers at 0.75 s never makes anyone wait that long before it is far too late.
//!
//! **Knobs.** Written `{ limit = { permits = { aimd = { … } } } }`.
//!
//! | knob | unit | default | whose |
//! |---|---|---|---|
//! | `initial` | calls | `20` | Netflix |
//! | `min` | calls | `20` | Netflix |
//! | `max` | calls | `200` | Netflix |
//! | `backoff` | factor, 0.5 to below 1 | `0.9` | Netflix |
//! | `timeout` | duration | `"5s"` | Netflix |
//!
//! **Where it comes from.** Chiu and Jain 1989; Netflix' concurrency-limits, `AIMDLimit`.
//!
//! **Slow services.** Set `timeout` just above what the unloaded service takes at most: 1.3 s for U(300, 1200) ms; and `min`
//! to 1.

use super::{Limiter, Range, Sample};
use crate::units;
use crate::{event::Cause, rt::Rng};
use std::time::Duration;

/// Range, factor, and what is too slow.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Config {
    /// Where it starts and stays.
    pub range: Range,
    /// What a drop multiplies the limit by.
    pub backoff: f64,
    /// What takes longer counts as dropped.
    pub timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            range: Range { initial: 20, min: 20, max: 200 },
            backoff: 0.9,
            timeout: Duration::from_secs(5),
        }
    }
}

impl Config {
    pub(super) fn validate(&self) -> Result<(), &'static str> {
        self.range.validate()?;
        if !(0.5..1.0).contains(&self.backoff) || self.timeout.is_zero() {
            return Err("`aimd` needs a `backoff` from 0.5 to below 1 and a `timeout` above zero");
        }
        Ok(())
    }

    pub(super) fn scaled(self, factor: f64) -> Config {
        Config { timeout: units::scaled(self.timeout, factor), ..self }
    }
}

/// The limiter.
#[derive(Clone, Copy, Debug)]
pub struct Aimd {
    config: Config,
    limit: u32,
}

impl Aimd {
    /// One that has seen nothing.
    pub fn new(config: Config) -> Aimd {
        Aimd { config, limit: config.range.initial }
    }
}

impl Limiter for Aimd {
    fn limit(&self) -> u32 {
        self.limit
    }

    fn on_sample(&mut self, sample: &Sample, _: &mut dyn Rng) -> Cause {
        let Config { range, backoff, timeout } = self.config;
        let too_slow = sample.rtt > timeout;
        if sample.dropped || too_slow {
            self.limit = (f64::from(self.limit) * backoff) as u32;
        } else if u64::from(sample.in_flight) * 2 >= u64::from(self.limit) {
            self.limit += 1;
        }
        self.limit = self.limit.max(range.min).min(range.max);
        match (sample.dropped, too_slow) {
            (true, _) => Cause::Drop,
            (_, true) => Cause::Latency,
            _ => Cause::Headroom,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::testing::*, *};

    fn aimd(initial: u32) -> Aimd {
        let config = Config::default();
        Aimd::new(Config { range: Range { initial, ..config.range }, ..config })
    }

    #[test]
    fn netflix_aimd_default() {
        assert_eq!(aimd(10).limit(), 10);
    }

    #[test]
    fn netflix_aimd_increase_on_success() {
        assert_eq!(limits(&mut aimd(20), &[sample(ms(1), 10, false)]), [21]);
    }

    #[test]
    fn netflix_aimd_decrease_on_drops() {
        assert_eq!(limits(&mut aimd(30), &[sample(ms(0), 0, true)]), [27]);
    }

    #[test]
    fn netflix_aimd_success_overflow() {
        let range = Range { initial: 21, min: 1, max: 21 };
        let mut aimd = Aimd::new(Config { range, ..Config::default() });
        assert_eq!(limits(&mut aimd, &[sample(ms(1), 10, false)]), [21]);
    }

    #[test]
    fn a_slow_call_counts_as_dropped_and_an_idle_limit_does_not_grow() {
        let slow = sample(Duration::from_secs(5) + Duration::from_nanos(1), 30, false);
        assert_eq!(
            limits(&mut aimd(40), &[slow, sample(ms(1), 17, false), sample(ms(1), 18, false)]),
            [36, 36, 37]
        );
    }
}
