//! Rate limit: so many calls per second, and so many at once after a pause.
//!
//! **What it does.** Lets a call through if it conforms to a rate with bursts; one that does not is refused with the time at
//! which it would conform, or waits for it if that is at most `max-wait` away. Waits are in order of arrival and are reserved: a
//! caller who goes away leaves a gap.
//!
//! **Which failure it answers.** A caller who takes more than a fair or agreed share. A dependency with a quota.
//!
//! **When it harms.** As a protection against overload: the rate that a service can bear changes, the number in the file does
//! not. A limit on concurrency adapts by itself when the service slows down; this one keeps sending.
//!
//! **Knobs.** Written `{ rate-limit = { rate = "20/s", … } }`.
//!
//! | knob | unit | default | whose |
//! |---|---|---|---|
//! | `rate` | calls per second | required | – |
//! | `burst` | calls | `1` | GCRA: none beyond the rate |
//! | `max-wait` | duration, up to 1 h | none: refuse | – |
//!
//! **Where it comes from.** The generic cell rate algorithm (ITU-T I.371; Turner's leaky bucket as a meter, 1986): one time stamp
//! instead of a bucket of tokens that somebody fills. `governor` does the same for threads and the wall clock; it is the oracle of
//! the tests here (see the decision on it in `docs/adr`).
//!
//! **Slow services.** Nothing to scale: the rate has no default.

use super::{Admission, AdmissionLayer, Pass, Refusal};
use crate::{
    event::Watch,
    rt::{Clock, Instant},
    service::Reason,
    units::{MAX_RATE, Rate, scaled},
};
use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// The largest burst that can be asked for.
pub const MAX_BURST: u32 = 1_000_000;
/// The longest wait that can be asked for.
pub const MAX_WAIT: Duration = Duration::from_secs(3600);

/// How often, how many at once, and who may wait.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Config {
    /// Calls per second.
    pub rate: Rate,
    /// Calls at once after a pause.
    pub burst: u32,
    /// The longest wait; none: who does not conform is refused.
    pub max_wait: Option<Duration>,
}

impl Config {
    /// Whether the numbers make sense; the message says what would.
    pub fn validate(&self) -> Result<(), &'static str> {
        if self.burst == 0 || self.burst > MAX_BURST {
            return Err("`burst` must be between 1 and 1000000");
        }
        if self.max_wait.is_some_and(|wait| wait.is_zero() || wait > MAX_WAIT) {
            return Err("`max-wait` must be above zero and at most 1h");
        }
        Ok(())
    }

    /// The same limit with every duration multiplied by `factor`, and every rate divided.
    pub fn scaled(&self, factor: f64) -> Config {
        let rate = Rate::per_second((self.rate.as_per_second() / factor).min(MAX_RATE));
        let max_wait = self.max_wait.map(|wait| scaled(wait, factor));
        Config { rate: rate.unwrap_or(self.rate), max_wait, ..*self }
    }
}

/// The generic cell rate algorithm: the deciding half.
#[derive(Clone, Copy, Debug)]
pub struct Gcra {
    /// The time between two calls at the rate.
    gap: Duration,
    /// How much earlier than at the rate a call may come.
    tolerance: Duration,
    /// When the next call would come at the rate ("theoretical arrival time").
    due: Instant,
}

/// That a group of calls is larger than the burst: it never conforms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LargerThanBurst(pub u32);

impl Gcra {
    /// # Panics
    /// If `burst` is zero.
    pub fn new(rate: Rate, burst: u32) -> Gcra {
        assert!(burst > 0, "a burst of at least one call");
        let gap = rate.gap();
        Gcra { gap, tolerance: gap * (burst - 1), due: Instant::ZERO }
    }

    /// Takes one call's place if it conforms at `now`; otherwise says when it would.
    pub fn admit(&mut self, now: Instant) -> Result<(), Instant> {
        let earliest = self.earliest(self.due);
        if now < earliest {
            return Err(earliest);
        }
        self.due = self.due.max(now) + self.gap;
        Ok(())
    }

    /// The same for `n` calls, all or none.
    pub fn admit_many(&mut self, now: Instant, n: u32) -> Result<Result<(), Instant>, LargerThanBurst> {
        let more = self.gap * n.saturating_sub(1);
        if more > self.tolerance {
            let burst = self.tolerance.as_nanos() / self.gap.as_nanos().max(1) + 1;
            return Err(LargerThanBurst(burst as u32));
        }
        let earliest = self.earliest(self.due + more);
        if now < earliest {
            return Ok(Err(earliest));
        }
        self.due = self.due.max(now) + self.gap * n;
        Ok(Ok(()))
    }

    /// Takes the next place that is free and says when it is, if that is by `latest`; otherwise says when it would be.
    pub fn reserve(&mut self, now: Instant, latest: Instant) -> Result<Instant, Instant> {
        let when = self.earliest(self.due).max(now);
        if when > latest {
            return Err(when);
        }
        self.due = self.due.max(now) + self.gap;
        Ok(when)
    }

    fn earliest(&self, due: Instant) -> Instant {
        let tolerance = self.tolerance.as_nanos().min(u128::from(u64::MAX)) as u64;
        Instant::from_nanos(due.as_nanos().saturating_sub(tolerance))
    }
}

/// Puts a rate limit around a service. All services made by one layer share it.
pub type RateLayer<C, O = ()> = AdmissionLayer<Paced, C, O>;

impl<C, O> RateLayer<C, O> {
    /// # Panics
    /// If `config` is not valid.
    pub fn new(config: Config, clock: C, observer: O) -> Self {
        config.validate().expect("a valid rate limit");
        let gcra = Mutex::new(Gcra::new(config.rate, config.burst));
        let max_wait = config.max_wait.unwrap_or_default();
        AdmissionLayer::of(Paced { gcra, max_wait }, clock, observer)
    }
}

/// Calls at a rate.
#[derive(Debug)]
pub struct Paced {
    gcra: Mutex<Gcra>,
    max_wait: Duration,
}

impl<Request> Admission<Request> for Paced {
    type Pass<'a> = Place;

    fn name(&self) -> &'static str {
        "rate-limit"
    }

    fn enter(&self, now: Instant, _: &Request, _: &mut impl Watch) -> Result<Place, Refusal> {
        // Nothing but arithmetic happens under this lock.
        let mut gcra = self.gcra.lock().unwrap_or_else(PoisonError::into_inner);
        let refusal = |when| Refusal { why: Reason::RateExceeded, retry_after: Some(when - now) };
        let place = gcra.reserve(now, now + self.max_wait).map_err(refusal)?;
        Ok(Place(Some(place).filter(|place| *place > now)))
    }
}

/// A place in the sequence of calls, and when it is, if not now.
#[derive(Clone, Copy, Debug)]
pub struct Place(Option<Instant>);

impl Pass for Place {
    const WAITS: bool = true;

    async fn turn(&mut self, clock: &impl Clock) -> Result<(), Reason> {
        if let Some(place) = self.0 {
            clock.sleep_until(place).await;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use governor::{Quota, RateLimiter, clock::FakeRelativeClock};
    use proptest::prelude::*;
    use std::num::NonZeroU32;

    fn at(ms: u64) -> Instant {
        Instant::from_nanos(ms * 1_000_000)
    }

    fn gcra(per_second: f64, burst: u32) -> Gcra {
        Gcra::new(Rate::per_second(per_second).expect("a rate"), burst)
    }

    #[test]
    fn governor_rejects_too_many() {
        let mut limit = gcra(2.0, 2);
        assert_eq!([limit.admit(at(1)), limit.admit(at(1))], [Ok(()), Ok(())]);
        assert_eq!(limit.admit(at(1)), Err(at(501)));
        assert_eq!(limit.admit(at(501)), Ok(()));
        assert_eq!(limit.admit(at(501)), Err(at(1_001)));
        assert_eq!(
            limit.admit(at(5_000)).and(limit.admit(at(5_000))),
            Ok(()),
            "a pause earns a burst, no more"
        );
        assert!(limit.admit(at(5_000)).is_err());
    }

    #[test]
    fn governor_all_or_none() {
        let mut limit = gcra(5.0, 5);
        assert_eq!(limit.admit_many(at(1), 6), Err(LargerThanBurst(5)));
        assert_eq!(limit.admit_many(at(1), 5), Ok(Ok(())));
        assert_eq!(limit.admit_many(at(1), 1), Ok(Err(at(201))));
        assert_eq!(limit.admit_many(at(401), 3), Ok(Err(at(601))), "none of them is taken");
        assert_eq!(limit.admit_many(at(401), 2), Ok(Ok(())));
    }

    #[test]
    fn governor_wait_time_conforms_and_no_earlier_time_does() {
        let mut limit = gcra(10.0, 3);
        for _ in 0..20 {
            let mut now = at(0);
            if let Err(when) = limit.admit(now) {
                assert!(limit.admit(Instant::from_nanos(when.as_nanos() - 1)).is_err());
                now = when;
                assert_eq!(limit.admit(now), Ok(()));
            }
        }
        assert_eq!(limit.due, at(2_000), "twenty calls at 10/s");
    }

    #[test]
    fn reservations_are_in_order_and_bounded() {
        let mut limit = gcra(10.0, 1);
        let places: Vec<_> = (0..4).map(|_| limit.reserve(at(1_000), at(1_250))).collect();
        assert_eq!(places, [Ok(at(1_000)), Ok(at(1_100)), Ok(at(1_200)), Err(at(1_300))]);
    }

    proptest! {
        /// Step by step as governor: any calls of any size at any time.
        #[test]
        fn governor_decides_alike(
            gap_ms in 1u64..50, burst in 1u32..8,
            steps in proptest::collection::vec((0u64..120, 1u32..4), 1..60),
        ) {
            let clock = FakeRelativeClock::default();
            let quota = Quota::with_period(Duration::from_millis(gap_ms)).expect("a period");
            let burst_size = NonZeroU32::new(burst).expect("a burst");
            let theirs = RateLimiter::direct_with_clock(quota.allow_burst(burst_size), clock.clone());
            let mut ours = gcra(1e3 / gap_ms as f64, burst);
            let mut now = 0;
            for (pause, n) in steps {
                now += pause;
                clock.advance(Duration::from_millis(pause));
                let size = NonZeroU32::new(n).expect("some");
                let theirs = theirs.check_n(size).map(|conforms| conforms.is_ok()).map_err(|e| e.0);
                let ours = ours.admit_many(at(now), n).map(|conforms| conforms.is_ok()).map_err(|e| e.0);
                prop_assert_eq!(ours, theirs, "{} at {} ms", n, now);
            }
        }
    }
}
