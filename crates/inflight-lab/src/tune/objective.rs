//! What is asked of a service: a bound on a percentile and one on goodput.

use inflight_strategies::units::{Ratio, format_duration};
use std::{fmt, time::Duration};

/// What the traffic must find.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Objective {
    /// Which percentile of good answers' latency, between 0 and 1.
    pub order: f64,
    /// What it must not exceed.
    pub latency: Duration,
    /// The least share of the offered requests that gets a good answer.
    pub goodput: Ratio,
}

/// One of an objective's two clauses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Clause {
    /// The percentile's bound.
    Latency,
    /// The least goodput.
    Goodput,
}

impl Objective {
    /// The percentile in words: `p99`, `p99.9`.
    pub fn percentile(&self) -> String {
        let digits = format!("{:.3}", self.order * 100.0);
        format!("p{}", digits.trim_end_matches('0').trim_end_matches('.'))
    }
}

impl fmt::Display for Objective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} <= {} and goodput >= {}",
            self.percentile(),
            format_duration(self.latency),
            self.goodput
        )
    }
}
