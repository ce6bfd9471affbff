//! CoDel for servers: drops whoever waited long while the queue stands.
//!
//! **What it does.** Watches the shortest wait of each interval. If even that was above the target, the queue stands (it is
//! not a burst that drains), and during the next interval whoever waited more than twice the target is dropped at its turn.
//!
//! **Which failure it answers.** A standing queue: every call waits, none is served sooner, and retries keep it standing.
//!
//! **When it harms.** With a target near the service time's own spread it drops from a healthy system. It drops at the turn,
//! so a call waits before it learns that it waited for nothing; and it never drops the first call of an interval.
//!
//! **Knobs.** Written `{ limit = { permits = 20, queue = { codel = { … } } } }`.
//!
//! | knob | unit | default | whose |
//! |---|---|---|---|
//! | `target` | duration: the shortest wait that is still fine | `"5ms"` | folly |
//! | `interval` | duration, longer than `target` | `"100ms"` | folly |
//!
//! **Where it comes from.** folly's `Codel` (used by Facebook's Thrift servers), a server-side reading of Nichols and
//! Jacobson's CoDel: it sloughs off by a fixed wait, twice the target, instead of dropping ever more often.
//!
//! **Slow services.** The defaults are for calls of a millisecond. The wait of a healthy queue scales with the service time,
//! so for a mean of S take a target of S/8 and an interval of at least a dozen targets: 100 ms and 1 s for S = 750 ms.

use crate::rt::Instant;
use crate::units;
use std::time::Duration;

/// The default target: folly's `codel_target_delay`.
pub const DEFAULT_TARGET: Duration = Duration::from_millis(5);
/// The default interval: folly's `codel_interval`.
pub const DEFAULT_INTERVAL: Duration = Duration::from_millis(100);

/// Target and interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// The shortest wait of an interval that is still fine.
    pub target: Duration,
    /// How long the shortest wait is looked for.
    pub interval: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Config { target: DEFAULT_TARGET, interval: DEFAULT_INTERVAL }
    }
}

impl Config {
    pub(super) fn validate(&self) -> Result<(), &'static str> {
        if self.target.is_zero() || self.interval <= self.target {
            return Err("`codel` needs a `target` above zero and an `interval` longer than that");
        }
        Ok(())
    }

    pub(super) fn scaled(self, factor: f64) -> Config {
        Config { target: units::scaled(self.target, factor), interval: units::scaled(self.interval, factor) }
    }
}

/// Decides at each turn.
#[derive(Clone, Copy, Debug)]
pub struct Codel {
    config: Config,
    shortest: Duration,
    interval_ends: Instant,
    starts_interval: bool,
    overloaded: bool,
}

impl Codel {
    /// A controller that has seen nothing; its first interval ends at once.
    pub fn new(config: Config) -> Codel {
        Codel {
            config,
            shortest: Duration::ZERO,
            interval_ends: Instant::ZERO,
            starts_interval: true,
            overloaded: false,
        }
    }

    /// Other knobs from now on; what was seen so far stays.
    pub fn set(&mut self, config: Config) {
        self.config = config;
    }

    /// A call whose turn comes at `now` has waited `delay`: whether to drop it.
    pub fn drops(&mut self, now: Instant, delay: Duration) -> bool {
        if now > self.interval_ends && !self.starts_interval {
            self.starts_interval = true;
            self.interval_ends = now + self.config.interval;
            self.overloaded = self.shortest > self.config.target;
        }
        if self.starts_interval {
            self.starts_interval = false;
            self.shortest = delay;
            return false;
        }
        self.shortest = self.shortest.min(delay);
        self.overloaded && delay > self.config.target * 2
    }

    /// The shortest wait of this interval in per cent of the wait that is sloughed off, at most 100.
    pub fn load(&self) -> u32 {
        let slough = self.config.target.as_nanos() * 2;
        u32::try_from(self.shortest.as_nanos() * 100 / slough.max(1)).unwrap_or(100).min(100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn folly_codel_basic() {
        // folly/executors/test/CodelTest.cpp, Basic.
        let mut codel = Codel::new(Config::default());
        let mut now = Instant::from_nanos(1_000_000_000);
        now = now + ms(110);
        assert!(!codel.drops(now, ms(100)));
        now = now + ms(90);
        assert!(!codel.drops(now, ms(50)));
        assert!(codel.drops(now, ms(50)));
        now = now + ms(110);
        assert!(!codel.drops(now, ms(2)));
        now = now + ms(90);
        assert!(codel.drops(now, ms(20)));
    }

    #[test]
    fn folly_codel_medium_and_reducing_load() {
        for (delay, load) in [(8, 80), (4, 40)] {
            let mut codel = Codel::new(Config::default());
            let now = Instant::from_nanos(1);
            assert!(!codel.drops(now, ms(20)));
            assert!(!codel.drops(now + ms(90), ms(delay)));
            assert_eq!(codel.load(), load);
        }
    }

    #[test]
    fn folly_codel_load() {
        // folly/executors/test/CodelTest.cpp, getLoadSanity, and highLoad at the end of the list.
        let mut codel = Codel::new(Config::default());
        for (delay, load) in [(10, 100), (7, 70), (2, 20)] {
            codel.drops(Instant::from_nanos(1), ms(delay));
            assert_eq!(codel.load(), load);
        }
        let mut codel = Codel::new(Config::default());
        codel.drops(Instant::from_nanos(1), ms(40));
        assert_eq!(codel.load(), 100);
    }

    #[test]
    fn folly_codel_update_target_delay_and_interval() {
        let mut codel = Codel::new(Config::default());
        let now = Instant::from_nanos(1);
        assert!(!codel.drops(now, ms(40)));
        codel.set(Config { target: ms(40), interval: ms(100) });
        assert!(!codel.drops(now, ms(40)));
        codel.set(Config::default());
        let now = now + ms(110);
        assert!(!codel.drops(now, ms(40)) && codel.drops(now, ms(40)));

        let mut codel = Codel::new(Config::default());
        let now = Instant::from_nanos(1);
        assert!(!codel.drops(now, ms(50)));
        let now = now + ms(110);
        assert!(!codel.drops(now, ms(50)) && codel.drops(now, ms(50)));
        codel.set(Config { target: ms(5), interval: ms(200) });
        let now = now + ms(101);
        assert!(!codel.drops(now, ms(20)) && codel.drops(now, ms(20)));
    }

    #[test]
    fn folly_codel_invalid_params() {
        assert!(Config { target: ms(110), interval: ms(100) }.validate().is_err());
        assert!(Config { target: ms(20), interval: ms(5) }.validate().is_err());
        assert!(Config { target: ms(10), interval: ms(200) }.validate().is_ok());
    }

    #[test]
    fn a_burst_that_drains_within_an_interval_loses_nobody() {
        let mut codel = Codel::new(Config::default());
        for i in 0..20 {
            let now = Instant::from_nanos(i * 20_000_000);
            assert!(!codel.drops(now, ms(if i % 4 == 0 { 1 } else { 40 })), "turn {i}");
        }
    }
}
