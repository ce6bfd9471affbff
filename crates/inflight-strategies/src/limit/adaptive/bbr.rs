//! BBR-like: no more in flight than the best throughput times the shortest round trip.
//!
//! **What it does.** Over a window of buckets it keeps the most calls that ended in a bucket and the least of the buckets' mean
//! round trips. Their product is how many calls in flight the dependency needs to be fully used; while the system counts
//! as loaded, and for one second after it last had to drop, no more than that are let in.
//!
//! **Which failure it answers.** Overload of a processor that is measured: full use without a queue.
//!
//! **When it harms.** The product is right only if buckets hold many calls: with two or three in each, the most of a hundred
//! noisy buckets is far above the mean, and under overload the round trip grows with the queue: the limit runs away.
//! The condition of load is there for a reason; without it the limiter rejects from idle systems.
//!
//! **Knobs.** aegis asks for the processor's load, 80 %, where this has a `trigger`; a program that can measure the
//! load tells [`Bbr::on_load`]. Written `{ limit = { permits = { bbr = { … } } } }`.
//!
//! | knob | unit | default | whose |
//! |---|---|---|---|
//! | `window` | duration | `"10s"` | aegis |
//! | `buckets` | number | `100` | aegis |
//! | `trigger` | calls in flight from which the system counts as loaded | `0` | ours: always |
//!
//! **Where it comes from.** Cardwell et al. 2016, BBR; go-kratos/aegis, `ratelimit/bbr`; Sentinel's system protection.
//!
//! **Slow services.** At 20/s a bucket of 100 ms holds two calls. Take a window of 60 s in 12 buckets.

use super::{Arrivals, Limiter, Sample};
use crate::{
    event::Cause,
    limit::MAX_PERMITS,
    rt::{Instant, Rng},
    units,
    window::Slices,
};
use std::{
    ops::{AddAssign, SubAssign},
    time::Duration,
};

/// How long after a first drop the limit still counts although the load has gone: aegis' constant.
const COOLING: Duration = Duration::from_secs(1);
/// The most buckets that can be asked for.
pub const MAX_BUCKETS: u32 = 10_000;

/// The window, and when the limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// How long is remembered.
    pub window: Duration,
    /// In how many parts.
    pub buckets: u32,
    /// Calls in flight from which the system counts as loaded.
    pub trigger: u32,
}

impl Default for Config {
    fn default() -> Self {
        Config { window: Duration::from_secs(10), buckets: 100, trigger: 0 }
    }
}

impl Config {
    pub(super) fn validate(&self) -> Result<(), &'static str> {
        let bucket = self.window.checked_div(self.buckets).unwrap_or_default();
        if !(2..=MAX_BUCKETS).contains(&self.buckets) || bucket.is_zero() || bucket > Duration::from_secs(60)
        {
            return Err("`bbr` needs 2 to 10000 `buckets` and a `window` of at most a minute per bucket");
        }
        Ok(())
    }

    pub(super) fn scaled(self, factor: f64) -> Config {
        Config { window: units::scaled(self.window, factor), ..self }
    }
}

/// What ended in a bucket.
#[derive(Clone, Copy, Debug, Default)]
struct Ended {
    calls: u64,
    /// Round trips that were measured, and their sum in ms.
    timed: u64,
    ms: u64,
}

impl AddAssign for Ended {
    fn add_assign(&mut self, other: Ended) {
        self.calls += other.calls;
        self.timed += other.timed;
        self.ms += other.ms;
    }
}

impl SubAssign for Ended {
    fn sub_assign(&mut self, other: Ended) {
        self.calls -= other.calls;
        self.timed -= other.timed;
        self.ms -= other.ms;
    }
}

/// The limiter.
#[derive(Clone, Debug)]
pub struct Bbr {
    config: Config,
    bucket: Duration,
    ended: Slices<Ended>,
    /// (when it was computed, most passes, shortest round trip in ms): good for one bucket.
    computed: Option<(Instant, i64, i64)>,
    loaded: Option<bool>,
    dropping_since: Option<Instant>,
    limit: u32,
}

impl Bbr {
    /// One that has seen nothing.
    pub fn new(config: Config) -> Bbr {
        let bucket = config.window / config.buckets;
        Bbr {
            config,
            bucket,
            ended: Slices::new(config.window, config.buckets),
            computed: None,
            loaded: None,
            dropping_since: None,
            limit: MAX_PERMITS,
        }
    }

    /// The system is loaded, or not, by a measure of its own (aegis: 80 % of the processor). Overrules `trigger`.
    pub fn on_load(&mut self, loaded: bool) {
        self.loaded = Some(loaded);
    }

    /// Calls in flight that use the dependency fully.
    pub fn max_in_flight(&mut self, now: Instant) -> i64 {
        let (passes, rtt) = self.best(now);
        let per_second = i64::try_from(Duration::from_secs(1).as_nanos() / self.bucket.as_nanos().max(1));
        let product = passes.saturating_mul(rtt).saturating_mul(per_second.unwrap_or(i64::MAX));
        // Whole first, then half a call more, cut: as the reference rounds.
        ((product as f64 / 1000.0).floor() + 0.5) as i64
    }

    /// The most calls that ended in a bucket, and the least mean round trip of one, in ms.
    fn best(&mut self, now: Instant) -> (i64, i64) {
        if let Some((at, passes, rtt)) = self.computed
            && now - at < self.bucket
        {
            return (passes, rtt);
        }
        let is_old = now - Instant::ZERO >= self.config.window && self.ended.total(now).calls == 0;
        let (least, most) = (u64::from(!is_old), |most: u64, ended: Ended| most.max(ended.calls));
        let passes = self.ended.past(now).fold(least, most);
        let timed = self.ended.past(now).filter(|ended| ended.timed > 0);
        let rtt = timed.map(|ended| ended.ms as f64 / ended.timed as f64).fold(f64::MAX, f64::min).ceil();
        // Nothing measured is the largest number there is, which the reference wraps to a negative one: 1 ms.
        let rtt = if rtt >= 9e18 { 1 } else { (rtt as i64).max(1) };
        self.computed = Some((now, passes as i64, rtt));
        (passes as i64, rtt)
    }

    /// Whether a call that comes at `now` and finds `in_flight` others would be dropped.
    pub fn drops(&mut self, now: Instant, in_flight: u32) -> bool {
        let loaded = self.loaded.unwrap_or(in_flight >= self.config.trigger);
        if !loaded {
            match self.dropping_since {
                None => return false,
                Some(since) if now - since > COOLING => {
                    self.dropping_since = None;
                    return false;
                }
                Some(_) => {}
            }
        }
        let drops = in_flight > 1 && i64::from(in_flight) > self.max_in_flight(now);
        if drops && loaded {
            self.dropping_since.get_or_insert(now);
        }
        drops
    }
}

impl Limiter for Bbr {
    fn limit(&self) -> u32 {
        self.limit
    }

    fn on_sample(&mut self, sample: &Sample, _: &mut dyn Rng) -> Cause {
        let ms = sample.rtt.as_nanos().div_ceil(1_000_000) as u64;
        self.ended.add(sample.now, Ended { calls: 1, timed: u64::from(ms > 0), ms });
        Cause::Latency
    }

    fn arrivals(&mut self) -> Option<&mut dyn Arrivals> {
        Some(self)
    }
}

impl Arrivals for Bbr {
    fn on_arrival(&mut self, now: Instant, in_flight: u32) {
        // A call that finds no more than the limit may go in, so one more than the limit may be there.
        let open = !self.drops(now, in_flight);
        let counts = self.dropping_since.is_some() || self.loaded.unwrap_or(in_flight >= self.config.trigger);
        self.limit = match (open, counts) {
            (true, false) => MAX_PERMITS,
            _ => u32::try_from(self.max_in_flight(now).clamp(1, i64::from(MAX_PERMITS) - 1)).unwrap_or(1) + 1,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::{super::testing::*, *};

    /// The reference's test options: 1 s in 10 buckets.
    fn bbr() -> Bbr {
        Bbr::new(Config { window: ms(1000), buckets: 10, trigger: 0 })
    }

    fn at(millis: u64) -> Instant {
        Instant::ZERO + ms(millis)
    }

    fn passed(calls: u64) -> Ended {
        Ended { calls, ..Ended::default() }
    }

    /// Ten buckets: `passes(i)` calls in each, and round trips of 10i + 1 … 10i + 10 ms.
    fn filled(passes: fn(u64) -> u64) -> Bbr {
        let mut bbr = bbr();
        for i in 0..10 {
            let now = at(i * 100);
            let timed = Ended { calls: 0, timed: 10, ms: (i * 10 + 1..=i * 10 + 10).sum() };
            bbr.ended.add(now, Ended { calls: passes(i), ..timed });
        }
        bbr
    }

    #[test]
    fn aegis_bbr_max_pass() {
        let mut bbr = filled(|i| (i + 1) * 100);
        assert_eq!(bbr.best(at(1000)).0, 1000);
        assert_eq!(super::Bbr::new(Config::default()).best(at(0)).0, 1, "before anything passed");
    }

    #[test]
    fn aegis_bbr_max_pass_with_cache() {
        let mut bbr = bbr();
        bbr.ended.add(at(0), passed(50));
        assert_eq!(bbr.best(at(50)).0, 1);
        bbr.ended.add(at(50), passed(50));
        assert_eq!(bbr.best(at(100)).0, 1, "still good for this bucket");
        bbr.ended.add(at(100), passed(1));
        assert_eq!(bbr.best(at(200)).0, 100);
    }

    #[test]
    fn aegis_bbr_min_rt() {
        assert_eq!(filled(|_| 1).best(at(900)).1, 6);
        assert_eq!(bbr().best(at(0)).1, 1, "before anything ended");
    }

    #[test]
    fn aegis_bbr_max_qps() {
        assert_eq!(filled(|i| (i + 2) * 100).max_in_flight(at(900)), 60);
    }

    #[test]
    fn aegis_bbr_should_drop() {
        let mut bbr = filled(|i| (i + 1) * 100);
        bbr.on_load(true);
        assert!(!bbr.drops(at(900), 50));
        assert!(bbr.drops(at(900), 80));
        bbr.on_load(false);
        assert!(bbr.drops(at(900), 80), "just loaded");
        assert!(!bbr.drops(at(2900), 80));
    }

    #[test]
    fn the_limit_admits_whom_the_reference_admits() {
        let mut bbr = filled(|i| (i + 1) * 100);
        for in_flight in [0, 1, 2, 53, 54, 55, 80] {
            bbr.on_arrival(at(900), in_flight);
            let drops = bbr.clone().drops(at(900), in_flight);
            assert_eq!(in_flight >= bbr.limit(), drops, "{in_flight} against {}", bbr.limit());
        }
    }
}
