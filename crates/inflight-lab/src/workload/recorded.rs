//! Arrivals that were recorded elsewhere, as text.

use super::Arrivals;
use inflight_strategies::units::{MAX_DURATION, parse_duration};
use std::time::Duration;

/// The most arrivals in a record.
pub const MAX_RECORDED: usize = 1_000_000;

/// Reads one offset per line from the beginning of the run: a duration with its unit, or a plain number of seconds; `#`
/// begins a comment. The error is for people.
pub fn recorded(text: &str) -> Result<Arrivals, String> {
    let mut all: Vec<Duration> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or("").trim();
        if line.is_empty() {
            continue;
        }
        let at =
            offset(line).ok_or(format!("line {} is not like `1.25` (seconds) or `1250ms`", number + 1))?;
        if all.last().is_some_and(|last| *last > at) {
            return Err(format!("line {} is earlier than the one before", number + 1));
        }
        if all.len() == MAX_RECORDED {
            return Err(format!("it has more than {MAX_RECORDED} arrivals"));
        }
        all.push(at);
    }
    if all.is_empty() {
        return Err("it has no arrivals".into());
    }
    Ok(Arrivals::Recorded(all.into()))
}

fn offset(text: &str) -> Option<Duration> {
    let seconds = |x: f64| Duration::try_from_secs_f64(x).ok().filter(|at| *at <= MAX_DURATION);
    text.parse().ok().and_then(seconds).or_else(|| parse_duration(text).ok())
}
