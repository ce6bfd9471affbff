//! The twin of a live arm: the same requests with the same draws in a virtual world, and what is left between them.
//!
//! What a live run adds to its twin is the cost of the real system: the driver that sends late, HTTP, timers that fire late,
//! and tasks that wait for a processor. An *exact* twin knows nothing of that. In a *calibrated* one every timer is late by
//! one number, which was measured on the machine before the run.

mod compare;

pub use compare::{Comparison, Differing, Part, Parts, Percentiles, Residual};

use crate::{
    experiment::Document,
    log::{Log, MAX_ENTRIES},
    sim::Settings,
    trial,
};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A live arm beside its twin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Twin {
    /// It was compared.
    Compared {
        /// With a twin whose timers are never late.
        exact: Box<Comparison>,
        /// With a twin whose timers are late by what was measured beforehand, if it was.
        calibrated: Option<Box<Comparison>>,
    },
    /// There is no twin: why.
    Refused(String),
}

/// How late a machine's timers fire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TimerError {
    /// How many timers were looked at.
    pub timers: u64,
    /// Their mean lateness in nanoseconds: the number that calibrates a twin.
    pub mean_ns: u64,
    /// The median.
    pub p50_ns: u64,
    /// The 99th percentile.
    pub p99_ns: u64,
    /// The latest.
    pub max_ns: u64,
}

impl TimerError {
    /// Of timers that were late by these; `None` if there are none.
    pub fn of(mut late: Vec<Duration>) -> Option<TimerError> {
        late.sort_unstable();
        let nanos = |duration: &Duration| duration.as_nanos() as u64;
        let at = |share| compare::nearest_rank(&late, share).map(nanos);
        let sum: Duration = late.iter().sum();
        Some(TimerError {
            timers: late.len() as u64,
            mean_ns: (sum.as_nanos() / (late.len() as u128).max(1)) as u64,
            p50_ns: at(0.5)?,
            p99_ns: at(0.99)?,
            max_ns: at(1.0)?,
        })
    }
}

/// Runs the twins of arm number `arm` of `document` and sets the live requests beside them; `timers` calibrates the second.
///
/// # Panics
/// As [`trial::run`] does.
pub fn of(document: &Document, arm: usize, live: &Log, timers: Option<&TimerError>) -> Twin {
    if live.cut > 0 {
        return Twin::Refused(format!("there were more than {MAX_ENTRIES} requests"));
    }
    let beside = |overshoot: Duration| {
        let settings = Settings { overshoot, ..Settings::default() };
        let (record, _) =
            trial::run_logged(document, arm, settings, MAX_ENTRIES).map_err(|stuck| stuck.to_string())?;
        let twin = record.log.as_ref().expect("it was asked for");
        let calls = document.endpoints[arm].calls;
        Comparison::of(live, twin, calls)
            .ok_or("no request of the counted time ended the same way in both".to_string())
    };
    let both = beside(Duration::ZERO).and_then(|exact| {
        let calibrated = timers.map(|timers| beside(Duration::from_nanos(timers.mean_ns))).transpose()?;
        Ok(Twin::Compared { exact: Box::new(exact), calibrated: calibrated.map(Box::new) })
    });
    both.unwrap_or_else(Twin::Refused)
}
