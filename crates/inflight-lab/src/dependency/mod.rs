//! Service A and Service B: simulated dependencies that draw a latency, contend, answer or fail.

mod contention;
mod faults;
mod latency;
mod pace;
mod servers;
mod shared_rate;

pub use contention::{Contention, ContentionSpec};
pub use faults::{Effect, MAX_FAULTS, ScheduledFault};
pub(crate) use latency::Z99;
pub use latency::{Latency, MAX_LATENCY, Stragglers};
pub use shared_rate::{SharedRate, Slowdown};

use faults::{Crash, Faults};
use latency::Sampler;

use crate::{
    call::{Call, Which},
    draws::Stream,
};
use inflight_strategies::{
    rt::{First, Instant, Rng, World, race},
    service::{Failure, Service},
    units::Ratio,
};
use std::{fmt, future::Future, pin::pin, sync::Arc, time::Duration};

/// What a dependency is like.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// How much work a request is: the time it takes when nothing else is going on.
    pub latency: Latency,
    /// Requests that take a multiple of that.
    pub stragglers: Option<Stragglers>,
    /// Requests that fail at once, without any work.
    pub errors: Ratio,
    /// What concurrency does to it.
    pub contention: ContentionSpec,
    /// What goes wrong with it, and when.
    pub faults: Vec<ScheduledFault>,
}

impl Profile {
    /// Service A as the original lab had it: U(50, 150) ms, never fails.
    pub fn service_a() -> Profile {
        Profile::uniform(50, 150, Ratio::ZERO)
    }

    /// Service B as the original lab had it: U(300, 1200) ms, 5 % fail at once, only sleeps.
    pub fn service_b() -> Profile {
        Profile::uniform(300, 1200, Ratio::new(0.05).expect("a share"))
    }

    fn uniform(low_ms: u64, high_ms: u64, errors: Ratio) -> Profile {
        Profile {
            latency: Latency::Uniform(Duration::from_millis(low_ms), Duration::from_millis(high_ms)),
            stragglers: None,
            errors,
            contention: ContentionSpec::None,
            faults: Vec::new(),
        }
    }

    /// The same dependency with every duration multiplied by `factor`.
    pub fn scaled(&self, factor: f64) -> Profile {
        Profile {
            latency: self.latency.scaled(factor),
            contention: self.contention.scaled(factor),
            faults: self.faults.iter().map(|fault| fault.scaled(factor)).collect(),
            ..self.clone()
        }
    }
}

/// A good answer of a dependency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Nanoseconds: a whole word moves through the layers faster than a [`Duration`] and its padding.
    work: u64,
}

impl Answer {
    /// The work that was drawn for this request: how long it would have taken alone.
    pub fn work(self) -> Duration {
        Duration::from_nanos(self.work)
    }
}

/// A dependency failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault(pub Which);

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "service {} failed", self.0.name())
    }
}

impl std::error::Error for Fault {}

/// The throws that decide a request's fate inside a dependency, one stream each.
#[derive(Clone, Copy, Debug)]
pub struct Fates {
    latency: Stream,
    stragglers: Stream,
    errors: Stream,
}

impl Fates {
    /// The fates of `which` in a run with `seed`.
    pub fn new(seed: u64, which: Which) -> Fates {
        let stream = |purpose| Stream::new(seed, &format!("{}.{purpose}", which.name().to_lowercase()));
        Fates { latency: stream("latency"), stragglers: stream("stragglers"), errors: stream("errors") }
    }

    /// What awaits request `id`: its work, or `None` if it fails.
    pub fn of(&self, profile: &Profile, id: u64) -> Option<Duration> {
        self.of_attempt(profile, id, 0)
    }

    /// The same for attempt `n` at it; attempt 0 is the request itself.
    pub fn of_attempt(&self, profile: &Profile, id: u64, n: u32) -> Option<Duration> {
        self.under(profile, &profile.latency.sampler(), profile.errors, (id, n))
    }

    /// The same where another share than the profile's fails.
    #[inline]
    fn under(
        &self,
        profile: &Profile,
        latency: &Sampler<'_>,
        errors: Ratio,
        (id, n): (u64, u32),
    ) -> Option<Duration> {
        if errors > Ratio::ZERO && self.errors.attempt(id, n).unit() < errors.value() {
            return None;
        }
        let work = latency.draw(&mut self.latency.attempt(id, n));
        match profile.stragglers {
            Some(s) if self.stragglers.attempt(id, n).unit() < s.share.value() => {
                Some(work.mul_f64(s.factor))
            }
            _ => Some(work),
        }
    }
}

/// A running dependency. All endpoints of a world share it, and so its contention.
#[derive(Debug)]
pub struct Dependency<W: World> {
    which: Which,
    profile: Profile,
    latency: Sampler<'static>,
    seed: u64,
    fates: Fates,
    faults: Faults,
    contention: Contention<W>,
    world: W,
}

impl<W: World> Dependency<W> {
    /// Starts the dependency `which` with `profile` in `world`; its faults are due relative to now.
    pub fn new(which: Which, profile: Profile, seed: u64, world: W) -> Arc<Self> {
        let faults = Faults::new(&profile.faults, world.now());
        let contention = Contention::with_faults(&profile.contention, &faults, world.clone());
        Arc::new(Dependency {
            which,
            seed,
            fates: Fates::new(seed, which),
            faults,
            contention,
            latency: profile.latency.sampler().into_owned(),
            profile,
            world,
        })
    }

    /// The seed of the run that it is in.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// What awaits request `id`, which comes at `now`: its work and the crash that may end it, or `None` if it fails.
    fn fate(&self, attempt: (u64, u32), now: Instant) -> Option<(Duration, Option<Instant>)> {
        let crash = match self.faults.crash(now) {
            Crash::Now => return None,
            Crash::None => None,
            Crash::At(crash) => Some(crash),
        };
        let errors = self.faults.errors(self.profile.errors, now);
        Some((self.work(attempt, errors)?, crash))
    }

    /// The work of a request that does not fail.
    fn work(&self, attempt: (u64, u32), errors: Ratio) -> Option<Duration> {
        self.fates.under(&self.profile, &self.latency, errors, attempt)
    }
}

impl<W: World> Service<Call> for Dependency<W> {
    type Response = Answer;
    type Error = Failure<Fault>;

    fn call(&self, call: Call) -> impl Future<Output = Result<Answer, Failure<Fault>>> + Send {
        const FAILED: fn(Which) -> Failure<Fault> = |which| Failure::Failed(Fault(which));
        let attempt = (call.id, call.attempt);
        async move {
            let fate = match self.faults.is_empty() {
                true => self.work(attempt, self.profile.errors).map(|work| (work, None)),
                false => self.fate(attempt, self.world.now()),
            };
            let (work, crash) = fate.ok_or(FAILED(self.which))?;
            // Pinned here: a future that is handed on takes its room twice.
            let served = pin!(self.contention.serve(work));
            match crash {
                None => served.await,
                Some(crash) => match race(served, self.world.sleep_until(crash)).await {
                    First::Left(()) => {}
                    First::Right(()) => return Err(FAILED(self.which)),
                },
            }
            Ok(Answer { work: u64::try_from(work.as_nanos()).unwrap_or(u64::MAX) })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn service_b_answers_within_600_ms_for_31_7_percent() {
        // P(no error) · P(U(300, 1200) ≤ 600) = 0.95 / 3.
        let (fates, profile) = (Fates::new(1, Which::B), Profile::service_b());
        let n = 100_000;
        let ok = (0..n)
            .filter(|&id| fates.of(&profile, id).is_some_and(|work| work <= Duration::from_millis(600)))
            .count();
        let share = ok as f64 / n as f64;
        assert!((share - 0.95 / 3.0).abs() < 0.006, "{share}");
    }

    #[test]
    fn a_request_has_one_fate_whatever_surrounds_it() {
        let fates = Fates::new(9, Which::B);
        let with = Profile { errors: Ratio::ZERO, ..Profile::service_b() };
        let drawn = |profile: &Profile| (0..100).map(|id| fates.of(profile, id)).collect::<Vec<_>>();
        for (a, b) in drawn(&Profile::service_b()).iter().zip(drawn(&with)) {
            assert!(a.is_none() || *a == b, "errors shift no latency");
        }
    }
}
