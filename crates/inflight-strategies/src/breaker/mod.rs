//! Circuit breaker: when too many of the latest calls failed or were slow, it refuses calls for a while.
//!
//! **What it does.** Closed, it lets calls through and judges them: by share of failures and by share of slow calls over the
//! latest N calls or seconds, and by failures in a row. Open, it refuses at once, and says when to come back. After
//! `open-for` it is half open: `probes` calls may pass, no more; when they have ended it closes or opens again.
//!
//! **Which failure it answers.** A dependency that is down or hopelessly behind: callers fail in microseconds instead of
//! waiting for a timeout, and the dependency gets the rest that it needs.
//!
//! **When it harms.** Around something that fails for reasons of its own: behind a timeout of 600 ms, which fails 68 % of the calls
//! of a healthy B, a threshold of 50 % keeps it open for ever. Around many shards it shuts the good ones with the bad
//! one. A window of few calls opens by chance.
//!
//! **Knobs.** Written `{ breaker = { … } }`.
//!
//! | knob | unit | default | whose |
//! |---|---|---|---|
//! | `failures` | share | `"50%"` | resilience4j |
//! | `slow` | duration, and share | `{ after = "60s", share = "100%" }` | resilience4j |
//! | `in-a-row` | calls | none | failsafe |
//! | `window` | calls, or a duration | `100` | resilience4j |
//! | `min-calls` | calls; never more than a window of calls | `100` | resilience4j |
//! | `open-for` | duration | `"60s"` | resilience4j |
//! | `probes` | calls | `10` | resilience4j |
//!
//! **Where it comes from.** Nygard, "Release It!", 2007; the rules are resilience4j's, failures in a row are those of
//! failsafe and linkerd. A rejection further in counts as a failure by share, but not in a row, as linkerd has it for 429.
//! Calls that were let through in another state than the present one change nothing (resilience4j counts them).
//!
//! **Slow services.** 100 calls are five seconds at 20/s, and a minute of silence is long for a service that takes 0.75 s and
//! recovers in ten: a window of 10 s with 20 calls at least, and `open-for = "10s"`.

mod layer;
mod window;

pub use layer::{BreakerLayer, Breaking};
pub use window::{Counts, Window};

use crate::{event::Circuit, rt::Instant, service::Outcome, units::scaled};
use std::time::Duration;
use window::Memory;

/// The largest window, in calls.
pub const MAX_CALLS: u32 = 1_000_000;
/// The longest time that can be asked for.
pub const MAX_TIME: Duration = Duration::from_secs(3600);

/// When to open, for how long, and how to find out whether to close.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Config {
    /// Opens when this share of the calls failed or more; above 0, at most 1.
    pub failures: f64,
    /// A call that takes so long or longer is slow.
    pub slow_after: Duration,
    /// Opens when this share of the calls was slow or more; above 0, at most 1.
    pub slow: f64,
    /// Opens when so many calls in a row failed.
    pub in_a_row: Option<u32>,
    /// Which calls count.
    pub window: Window,
    /// Does not judge by shares before so many calls.
    pub min_calls: u32,
    /// How long it refuses.
    pub open_for: Duration,
    /// How many calls may pass while it is half open.
    pub probes: u32,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            failures: 0.5,
            slow_after: Duration::from_secs(60),
            slow: 1.0,
            in_a_row: None,
            window: Window::Calls(100),
            min_calls: 100,
            open_for: Duration::from_secs(60),
            probes: 10,
        }
    }
}

impl Config {
    /// Whether the numbers make sense; the message says what would.
    pub fn validate(&self) -> Result<(), &'static str> {
        let is_share = |share: f64| share > 0.0 && share <= 1.0;
        let is_count = |n: u32| (1..=MAX_CALLS).contains(&n);
        if !is_share(self.failures) || !is_share(self.slow) {
            return Err("shares must be above 0% and at most 100%");
        }
        if !is_count(self.probes) || !is_count(self.min_calls) || !self.in_a_row.is_none_or(is_count) {
            return Err("numbers of calls must be between 1 and 1000000");
        }
        let is_window = match self.window {
            Window::Calls(calls) => is_count(calls),
            Window::Time(time) => time >= Duration::from_micros(1) && time <= MAX_TIME,
        };
        if !is_window {
            return Err("`window` must be 1 to 1000000 calls, or 1us to 1h");
        }
        if self.open_for.is_zero() || self.open_for > MAX_TIME || self.slow_after > MAX_TIME {
            return Err("`open-for` must be above zero, and all times at most 1h");
        }
        Ok(())
    }

    /// The same breaker with every duration multiplied by `factor`.
    pub fn scaled(&self, factor: f64) -> Config {
        let window = match self.window {
            Window::Time(time) => Window::Time(scaled(time, factor)),
            calls => calls,
        };
        Config {
            window,
            slow_after: scaled(self.slow_after, factor),
            open_for: scaled(self.open_for, factor),
            ..*self
        }
    }

    /// The calls that are judged together, at least.
    fn enough(&self) -> u32 {
        match self.window {
            Window::Calls(calls) => self.min_calls.min(calls),
            Window::Time(_) => self.min_calls,
        }
    }
}

/// The deciding half: told of every call, it says whether the next one may pass.
#[derive(Clone, Debug)]
pub struct Breaker {
    config: Config,
    state: State,
    /// Counts changes of state: a call belongs to the state in which it was let through.
    turn: u64,
}

#[derive(Clone, Debug)]
enum State {
    Closed { memory: Memory, in_a_row: u32 },
    Open { until: Instant },
    HalfOpen { passed: u32, ended: Counts },
}

/// The right to call, and the state in which it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pass(u64);

/// A change of state.
pub type Moved = Option<(Circuit, Circuit)>;

impl Breaker {
    /// A closed breaker.
    ///
    /// # Panics
    /// If `config` is not valid.
    pub fn new(config: Config) -> Breaker {
        config.validate().expect("a valid breaker");
        Breaker { config, state: State::Closed { memory: Memory::new(config.window), in_a_row: 0 }, turn: 0 }
    }

    /// Its state.
    pub fn circuit(&self) -> Circuit {
        match self.state {
            State::Closed { .. } => Circuit::Closed,
            State::Open { .. } => Circuit::Open,
            State::HalfOpen { .. } => Circuit::HalfOpen,
        }
    }

    /// Whether a call may pass at `now`; if not, for how long not, if that is known.
    pub fn admit(&mut self, now: Instant) -> (Result<Pass, Option<Duration>>, Moved) {
        let mut moved = None;
        if matches!(self.state, State::Open { until } if until <= now) {
            moved = self.turn_to(State::HalfOpen { passed: 0, ended: Counts::default() });
        }
        let admitted = match &mut self.state {
            State::Closed { .. } => Ok(Pass(self.turn)),
            State::Open { until } => Err(Some(*until - now)),
            State::HalfOpen { passed, .. } if *passed < self.config.probes => {
                *passed += 1;
                Ok(Pass(self.turn))
            }
            State::HalfOpen { .. } => Err(None),
        };
        (admitted, moved)
    }

    /// A call that was let through ended after `took`; one that was cancelled proves nothing and frees its place.
    pub fn on_end(&mut self, now: Instant, pass: Pass, outcome: Outcome, took: Duration) -> Moved {
        if pass.0 != self.turn {
            return None;
        }
        if outcome == Outcome::Cancelled {
            if let State::HalfOpen { passed, .. } = &mut self.state {
                *passed -= 1;
            }
            return None;
        }
        let failed = outcome != Outcome::Completed;
        let call = Counts::one(failed, took >= self.config.slow_after);
        let (is_bad, is_over) = self.judge(now, call, matches!(outcome, Outcome::Rejected(_)));
        match self.state {
            _ if is_bad => self.turn_to(State::Open { until: now + self.config.open_for }),
            State::HalfOpen { .. } if is_over => {
                self.turn_to(State::Closed { memory: Memory::new(self.config.window), in_a_row: 0 })
            }
            _ => None,
        }
    }

    /// Counts a call; whether it is time to open, and whether all probes have ended.
    fn judge(&mut self, now: Instant, call: Counts, rejected: bool) -> (bool, bool) {
        let enough = match self.state {
            State::HalfOpen { .. } => self.config.probes,
            _ => self.config.enough(),
        };
        let (counts, streak) = match &mut self.state {
            State::Closed { memory, in_a_row } => {
                *in_a_row = if call.failed == 0 { 0 } else { *in_a_row + u32::from(!rejected) };
                (memory.add(now, call), *in_a_row)
            }
            State::HalfOpen { ended, .. } => {
                *ended += call;
                (*ended, 0)
            }
            State::Open { .. } => return (false, false),
        };
        let judged = counts.calls >= enough;
        let by_share = judged
            && (counts.reaches(counts.failed, self.config.failures)
                || counts.reaches(counts.slow, self.config.slow));
        (by_share || self.config.in_a_row.is_some_and(|most| streak >= most), judged)
    }

    fn turn_to(&mut self, state: State) -> Moved {
        let from = self.circuit();
        self.state = state;
        self.turn += 1;
        Some((from, self.circuit()))
    }
}

#[cfg(test)]
mod tests;
