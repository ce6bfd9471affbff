//! Deadline-aware drop: whoever cannot be answered in time is not served at all.
//!
//! **What it does.** A call is worth nothing after its own deadline ([`crate::service::Deadline`]) or after `max-age`,
//! whichever is first. At its turn, if what is left is less than the expected service time, it is dropped; and nobody waits
//! past that moment either.
//!
//! **Which failure it answers.** Serving the dead: under overload a fifo queue gives its turns to calls that are just about
//! to time out, so that all work is for nothing. Dropping only what has *already* expired does not cure that: what is left
//! must be compared with what the service needs.
//!
//! **When it harms.** An expectation that is too high drops calls that would have made it. With neither deadlines nor
//! `max-age` it never acts.
//!
//! **Knobs.** Written `{ limit = { permits = 20, queue = { deadline = { … } } } }`.
//!
//! | knob | unit | default | whose |
//! |---|---|---|---|
//! | `max-age` | duration from arrival | none: only the calls' own deadlines count | – |
//! | `service` | duration: the expected service time | none: measured, a moving average of completed calls | RFC 6298 |
//!
//! **Where it comes from.** Deadline propagation in RPC systems; Finagle's `DeadlineFilter` rejects what has expired. The
//! comparison with the expected service is ours.
//!
//! **Slow services.** The mean is exceeded by about half the calls, and it is the mean of those who were in time. Where the
//! spread is wide, give `service` a high quantile: 1.2 s for U(300, 1200) ms.

use super::{Ticket, little::ServiceTime};
use crate::rt::Instant;
use crate::units;
use std::time::Duration;

/// The largest age or service time that can be asked for.
pub const MAX_AGE: Duration = Duration::from_secs(3600);

/// Until when an answer is worth something, and how long the service takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// How old a call may be when it is answered.
    pub max_age: Option<Duration>,
    /// How long the service is expected to take; `None`: as measured.
    pub service: Option<Duration>,
}

impl Config {
    pub(super) fn validate(&self) -> Result<(), &'static str> {
        let bad = |d: Option<Duration>| d.is_some_and(|d| d.is_zero() || d > MAX_AGE);
        if bad(self.max_age) || bad(self.service) {
            return Err("`deadline` needs a `max-age` and a `service` above zero and at most 1h");
        }
        if matches!((self.service, self.max_age), (Some(service), Some(age)) if service > age) {
            return Err("`deadline` needs a `service` of at most `max-age`, or nobody is ever in time");
        }
        Ok(())
    }

    pub(super) fn scaled(self, factor: f64) -> Config {
        let scaled = |d: Option<Duration>| d.map(|d| units::scaled(d, factor));
        Config { max_age: scaled(self.max_age), service: scaled(self.service) }
    }

    /// When the call's answer stops being worth anything.
    pub fn end(&self, ticket: &Ticket) -> Instant {
        self.max_age.map_or(ticket.deadline, |age| ticket.deadline.min(ticket.arrived + age))
    }
}

/// Decides at each turn.
#[derive(Clone, Copy, Debug)]
pub struct DeadlineAware {
    config: Config,
    service: ServiceTime,
}

impl DeadlineAware {
    /// One that has measured nothing yet.
    pub fn new(config: Config) -> DeadlineAware {
        DeadlineAware { config, service: ServiceTime::default() }
    }

    /// A call was served in `took`.
    pub fn on_completed(&mut self, took: Duration) {
        self.service.on_completed(took);
    }

    /// Whether a call whose turn comes at `now` would be answered too late. A call that comes when all is `idle` is not
    /// judged by the measured service time: what was slow once could never show that it no longer is.
    pub fn drops(&self, now: Instant, ticket: &Ticket, idle: bool) -> bool {
        let measured = if idle { Duration::ZERO } else { self.service.mean() };
        now + self.config.service.unwrap_or(measured) > self.config.end(ticket)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Instant {
        Instant::from_nanos(ms * 1_000_000)
    }

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn what_is_left_is_compared_with_what_the_service_needs() {
        let config = Config { max_age: Some(ms(1500)), service: Some(ms(700)) };
        let rule = DeadlineAware::new(config);
        let ticket = Ticket::at(at(100));
        assert!(!rule.drops(at(900), &ticket, false), "900 + 700 = 1600, just in time");
        assert!(rule.drops(at(901), &ticket, false));
        let sooner = Ticket { deadline: at(1000), ..ticket };
        assert!(
            !rule.drops(at(300), &sooner, false) && rule.drops(at(301), &sooner, false),
            "its own deadline is sooner"
        );
    }

    #[test]
    fn an_idle_service_may_show_that_it_is_fast_enough() {
        let mut rule = DeadlineAware::new(Config { max_age: Some(ms(500)), service: None });
        rule.on_completed(ms(800));
        let ticket = Ticket::at(at(0));
        assert!(rule.drops(at(0), &ticket, false) && !rule.drops(at(0), &ticket, true));
        assert!(rule.drops(at(501), &ticket, true), "but it has expired");
    }

    #[test]
    fn without_a_deadline_nothing_is_dropped() {
        let mut rule = DeadlineAware::new(Config::default());
        rule.on_completed(ms(800));
        assert!(!rule.drops(at(3_600_000), &Ticket::at(at(0)), false));
        let ticket = Ticket { deadline: at(1000), ..Ticket::at(at(0)) };
        assert!(
            !rule.drops(at(200), &ticket, false) && rule.drops(at(201), &ticket, false),
            "by the measured 800 ms"
        );
    }
}
