//! Adaptive throttling: the client itself refuses a share of its calls, by how many of the latest were answered.
//!
//! **What it does.** Counts calls and good answers over a sliding window, and refuses a new call with probability p.
//! [`Rule::Sre`]: p = max(0, (calls − K·answered)/(calls + 1)); its own refusals count as calls, so that it refuses more while it
//! is hit hard. [`Rule::Envoy`]: p = (max(0, (sent − answered/threshold)/(sent + 1)))^(1/aggression), capped; its own refusals do not
//! count. Calls count when they are made, answers when they come.
//!
//! **Which failure it answers.** A server that spends its capacity on refusing. Retries that feed on failure: with K = 2 the
//! load never grows beyond about twice what is answered.
//!
//! **When it harms.** When calls fail for reasons of their own: behind a timeout that 68 % of the calls of a healthy B miss, K = 2 refuses
//! 37 %. When few calls are made: one failure weighs much.
//!
//! **Knobs.** Written `{ sre-throttle = { … } }`.
//!
//! | knob | unit | default | whose |
//! |---|---|---|---|
//! | `k` | calls per good answer, 1 to 100 | `2` | SRE book |
//! | `window` | duration, up to 1 h | `"2m"` | SRE book |
//!
//! Envoy's rule is written `{ admission-control = { … } }`.
//!
//! | knob | unit | default | whose |
//! |---|---|---|---|
//! | `success` | share of good answers that is good enough | `"95%"` | Envoy |
//! | `aggression` | 1 to 100 | `1` | Envoy |
//! | `most` | highest share refused | `"80%"` | Envoy |
//! | `min-rate` | calls per second below which all pass | `"0/s"` | Envoy |
//! | `window` | duration, up to 1 h | `"30s"` | Envoy |
//!
//! **Where it comes from.** "Handling Overload" in Beyer et al., "Site Reliability Engineering", 2016; Envoy's admission control
//! filter. Good answers are those that completed; a call that was cancelled counts as not answered, as in Envoy.
//!
//! **Slow services.** Two minutes remember a dip of ten seconds for two minutes: a window of 30 s, or ten to twenty times the
//! service's latency, comes back sooner, and refuses a healthy service's calls a little more often.

use super::{Admission, AdmissionLayer, Pass, Refusal};
use crate::{
    attempt::{Chance, WhenThrown},
    event::{Event, Watch},
    rt::{Clock, Instant, Rng},
    service::{Outcome, Reason},
    units::scaled,
    window::Slices,
};
use std::{
    ops::{AddAssign, SubAssign},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// The longest window that can be asked for.
pub const MAX_WINDOW: Duration = Duration::from_secs(3600);
/// Slices of the window: with 30 s a second each, as in Envoy.
const SLICES: u32 = 30;

/// How likely a call is refused.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rule {
    /// Google's client-side throttling.
    Sre {
        /// How many times more calls than answers are fine; at least 1.
        k: f64,
    },
    /// Envoy's admission control.
    Envoy {
        /// The share of good answers that is good enough; above 0, at most 1.
        success: f64,
        /// How eagerly it refuses; at least 1.
        aggression: f64,
        /// The highest probability of refusal, 0 to 1.
        most: f64,
        /// Calls per second over the window below which all pass.
        min_rate: f64,
    },
}

impl Rule {
    /// The SRE book's.
    pub const SRE: Rule = Rule::Sre { k: 2.0 };
    /// Envoy's defaults.
    pub const ENVOY: Rule = Rule::Envoy { success: 0.95, aggression: 1.0, most: 0.8, min_rate: 0.0 };

    /// Its name in a configuration.
    pub fn name(&self) -> &'static str {
        match self {
            Rule::Sre { .. } => "sre-throttle",
            Rule::Envoy { .. } => "admission-control",
        }
    }

    fn validate(&self) -> Result<(), &'static str> {
        match *self {
            Rule::Sre { k } if !(1.0..=100.0).contains(&k) => Err("`k` must be between 1 and 100"),
            Rule::Envoy { success, .. } if !(success > 0.0 && success <= 1.0) => {
                Err("`success` must be above 0% and at most 100%")
            }
            Rule::Envoy { aggression, .. } if !(1.0..=100.0).contains(&aggression) => {
                Err("`aggression` must be between 1 and 100")
            }
            Rule::Envoy { most, .. } if !(0.0..=1.0).contains(&most) => {
                Err("`most` must be between 0% and 100%")
            }
            Rule::Envoy { min_rate, .. } if !(min_rate >= 0.0 && min_rate.is_finite()) => {
                Err("`min-rate` must be 0/s or more")
            }
            _ => Ok(()),
        }
    }
}

/// A rule and what it looks at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Config {
    /// The rule.
    pub rule: Rule,
    /// How long a call counts.
    pub window: Duration,
}

impl Config {
    /// Google's, with a window of two minutes.
    pub const SRE: Config = Config { rule: Rule::SRE, window: Duration::from_secs(120) };
    /// Envoy's, with a window of 30 seconds.
    pub const ENVOY: Config = Config { rule: Rule::ENVOY, window: Duration::from_secs(30) };

    /// Whether the numbers make sense; the message says what would.
    pub fn validate(&self) -> Result<(), &'static str> {
        if self.window < Duration::from_micros(1) || self.window > MAX_WINDOW {
            return Err("`window` must be between 1us and 1h");
        }
        self.rule.validate()
    }

    /// The same throttling with every duration multiplied by `factor`, and every rate divided.
    pub fn scaled(&self, factor: f64) -> Config {
        let rule = match self.rule {
            Rule::Envoy { success, aggression, most, min_rate } => {
                Rule::Envoy { success, aggression, most, min_rate: min_rate / factor }
            }
            rule => rule,
        };
        Config { rule, window: scaled(self.window, factor) }
    }
}

/// Calls, and good answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    calls: u64,
    answered: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Counts) {
        self.calls += other.calls;
        self.answered += other.answered;
    }
}

impl SubAssign for Counts {
    fn sub_assign(&mut self, other: Counts) {
        self.calls -= other.calls;
        self.answered -= other.answered;
    }
}

/// The deciding half.
#[derive(Clone, Debug)]
pub struct Throttle {
    config: Config,
    latest: Slices<Counts>,
}

impl Throttle {
    /// # Panics
    /// If `config` is not valid.
    pub fn new(config: Config) -> Throttle {
        config.validate().expect("a valid throttle");
        Throttle { config, latest: Slices::new(config.window, SLICES) }
    }

    /// Whether a call may be made now.
    pub fn admit(&mut self, now: Instant, rng: &mut impl Rng) -> bool {
        let p = self.refusal(now);
        // No dice for a sure thing.
        let admitted = p <= 0.0 || rng.unit() >= p;
        if admitted || matches!(self.config.rule, Rule::Sre { .. }) {
            self.latest.add(now, Counts { calls: 1, answered: 0 });
        }
        admitted
    }

    /// A call was answered well.
    pub fn on_answer(&mut self, now: Instant) {
        self.latest.add(now, Counts { calls: 0, answered: 1 });
    }

    /// The probability that the next call is refused.
    pub fn refusal(&mut self, now: Instant) -> f64 {
        let Counts { calls, answered } = self.latest.total(now);
        let (calls, answered) = (calls as f64, answered as f64);
        match self.config.rule {
            Rule::Sre { k } => ((calls - k * answered) / (calls + 1.0)).max(0.0),
            Rule::Envoy { min_rate, .. } if calls < min_rate * self.config.window.as_secs_f64() => 0.0,
            Rule::Envoy { success, aggression, most, .. } => {
                let excess = ((calls - answered / success) / (calls + 1.0)).max(0.0);
                let p = if aggression == 1.0 { excess } else { excess.powf(1.0 / aggression) };
                p.min(most)
            }
        }
    }
}

/// Puts throttling around a service. All services made by one layer share what it has seen.
pub type ThrottleLayer<C, D, O = ()> = AdmissionLayer<Throttling<D>, C, O>;

impl<C, D, O> ThrottleLayer<C, D, O> {
    /// Throttling; `chance` gives the dice that decide.
    ///
    /// # Panics
    /// If `config` is not valid.
    pub fn new(config: Config, clock: C, chance: D, observer: O) -> Self {
        let by = config.rule.name();
        let throttling = Throttling { throttle: Mutex::new(Throttle::new(config)), by, chance };
        AdmissionLayer::of(throttling, clock, observer)
    }
}

/// Callers who hold back.
#[derive(Debug)]
pub struct Throttling<D> {
    throttle: Mutex<Throttle>,
    by: &'static str,
    chance: D,
}

impl<D> Throttling<D> {
    /// Nothing but arithmetic and dice happens under this lock.
    fn throttle(&self) -> MutexGuard<'_, Throttle> {
        self.throttle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<Request, D: Chance<Request>> Admission<Request> for Throttling<D> {
    type Pass<'a> = Answers<'a, D>;

    fn name(&self) -> &'static str {
        self.by
    }

    fn enter<'a>(
        &'a self,
        now: Instant,
        request: &Request,
        _: &mut impl Watch,
    ) -> Result<Answers<'a, D>, Refusal> {
        let mut dice = WhenThrown { chance: &self.chance, request, dice: &mut None };
        let admitted = self.throttle().admit(now, &mut dice);
        if admitted { Ok(Answers(self)) } else { Err(Reason::Throttled.into()) }
    }
}

/// A call whose answer counts.
#[derive(Debug)]
pub struct Answers<'a, D>(&'a Throttling<D>);

impl<D: Send + Sync> Pass for Answers<'_, D> {
    fn end(&mut self, clock: &impl Clock, outcome: Outcome) -> Option<Event> {
        if outcome == Outcome::Completed {
            self.0.throttle().on_answer(clock.now());
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Always(f64);
    impl Rng for Always {
        fn next_u64(&mut self) -> u64 {
            (self.0 * 9_007_199_254_740_992.0) as u64 * 2048
        }
    }

    fn at(ms: u64) -> Instant {
        Instant::from_nanos(ms * 1_000_000)
    }

    /// A throttle that has seen so many calls and answers, all at time zero.
    fn seen(config: Config, calls: u64, answered: u64) -> Throttle {
        let mut throttle = Throttle::new(config);
        throttle.latest.add(at(0), Counts { calls, answered });
        throttle
    }

    fn refusal(config: Config, calls: u64, answered: u64) -> f64 {
        seen(config, calls, answered).refusal(at(0))
    }

    #[test]
    fn google_sre_formula() {
        assert_eq!(refusal(Config::SRE, 0, 0), 0.0);
        assert_eq!(refusal(Config::SRE, 100, 50), 0.0, "half is enough for K = 2");
        assert_eq!(refusal(Config::SRE, 99, 0), 0.99);
        assert_eq!(refusal(Config::SRE, 99, 25), 0.49);
        // P(B ≤ 600 ms) · 0.95 = 31.7 % are answered in time: 1 − 2 · 0.317.
        assert!((refusal(Config::SRE, 1_000_000, 316_667) - 0.3667).abs() < 1e-3);
    }

    #[test]
    fn google_sre_counts_its_own_refusals() {
        let mut throttle = seen(Config::SRE, 9, 0);
        assert!(!throttle.admit(at(0), &mut Always(0.5)));
        assert_eq!(throttle.refusal(at(0)), 10.0 / 11.0);
        assert_eq!(throttle.refusal(at(119_000)), 10.0 / 11.0);
        assert_eq!(throttle.refusal(at(120_000)), 0.0, "two minutes later it is forgotten");
    }

    #[test]
    fn envoy_admission_control_basic() {
        // AdmissionControlTest.FilterBehaviorBasic: with a threshold of 100 % and no cap, 1000 of which none is good, nothing
        // at all, and 1000 of which half are good, with dice of 0.55 and 0.45.
        let rule = Rule::Envoy { success: 1.0, aggression: 1.0, most: 1.0, min_rate: 0.0 };
        let config = Config { rule, ..Config::ENVOY };
        assert!(!seen(config, 1_000, 0).admit(at(0), &mut Always(0.0)));
        assert!(seen(config, 0, 0).admit(at(0), &mut Always(0.0)));
        assert!(seen(config, 1_000, 500).admit(at(0), &mut Always(0.55)));
        assert!(!seen(config, 1_000, 500).admit(at(0), &mut Always(0.45)));
    }

    #[test]
    fn envoy_admission_control_formula() {
        assert_eq!(refusal(Config::ENVOY, 1_000, 0), 0.8, "capped");
        assert_eq!(refusal(Config::ENVOY, 1_000, 950), 0.0, "95 % is good enough");
        let half = (1_000.0 - 475.0 / 0.95) / 1_001.0;
        assert_eq!(refusal(Config::ENVOY, 1_000, 475), half);
        let squared = Rule::Envoy { success: 0.95, aggression: 2.0, most: 0.8, min_rate: 0.0 };
        assert_eq!(refusal(Config { rule: squared, ..Config::ENVOY }, 1_000, 475), half.sqrt());
        let quiet = Rule::Envoy { success: 0.95, aggression: 1.0, most: 0.8, min_rate: 100.0 };
        assert_eq!(refusal(Config { rule: quiet, ..Config::ENVOY }, 2_999, 0), 0.0, "below 100/s over 30 s");
        assert_eq!(refusal(Config { rule: quiet, ..Config::ENVOY }, 3_000, 0), 0.8);
    }

    #[test]
    fn envoy_does_not_count_its_own_refusals() {
        let mut throttle = seen(Config::ENVOY, 9, 0);
        assert!(!throttle.admit(at(0), &mut Always(0.5)));
        assert_eq!(throttle.latest.total(at(0)).calls, 9);
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(Config::SRE.validate().is_ok() && Config::ENVOY.validate().is_ok());
        assert!(Config { rule: Rule::Sre { k: 0.9 }, ..Config::SRE }.validate().is_err());
        assert!(Config { window: Duration::ZERO, ..Config::SRE }.validate().is_err());
    }
}
