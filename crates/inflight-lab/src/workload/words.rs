//! A workload in words, for reports.

use super::{Arrivals, Bursts, Gaps, Traffic, When, Workload};
use inflight_strategies::units::format_duration;
use std::fmt;

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.traffic {
            Traffic::Open(arrivals) => write!(f, "open loop, {arrivals}")?,
            Traffic::Closed(users) => write!(f, "closed loop, {} users who think", users.count)?,
        }
        if let Some(retry) = self.retry {
            write!(f, ", up to {} retries", retry.most)?;
        }
        let (duration, warmup) = (format_duration(self.duration), format_duration(self.warmup));
        write!(f, ", {duration} with {warmup} of warm-up")?;
        self.objective
            .map_or(Ok(()), |objective| write!(f, ", goodput within {}", format_duration(objective)))
    }
}

impl fmt::Display for Arrivals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rate = self.rate();
        match self {
            Arrivals::Constant(_) => write!(f, "constant {rate}"),
            Arrivals::Poisson(_) => write!(f, "Poisson {rate}"),
            Arrivals::Renewal(_, Gaps::Pareto(shape)) => write!(f, "Pareto gaps of shape {shape}, {rate}"),
            Arrivals::Renewal(_, Gaps::Lognormal(sigma)) => {
                write!(f, "lognormal gaps of sigma {sigma}, {rate}")
            }
            Arrivals::Bursts(bursts) => bursts.fmt(f),
            Arrivals::Stages { stages, .. } => write!(f, "{} stages, {rate} on average", stages.len()),
            Arrivals::OnOff(o) => {
                let (on, off) = (format_duration(o.on), format_duration(o.off));
                write!(f, "on for {on} at {}, off for {off} on average, {rate} in all", o.rate)
            }
            Arrivals::Recorded(all) => write!(f, "{} recorded arrivals", all.len()),
        }
    }
}

impl fmt::Display for Bursts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Poisson {} with bursts of {} for {}",
            self.base,
            self.burst,
            format_duration(self.length)
        )?;
        match &self.when {
            When::Every(every) => write!(f, " every {}", format_duration(*every)),
            When::At(times) => write!(f, ", {} times", times.len()),
        }
    }
}
