//! `inflight doctor`: what this machine adds to what is measured on it.

use super::{Exit, raise_open_files, runtime};
use crate::{
    awake::Awake,
    cli::Idle,
    live,
    processors::{Shares, Usage},
    terminal::{ink, print},
    timer_error,
};
use inflight_lab::{audit::SEEN_LOST, report::Tone, twin::TimerError};
use inflight_strategies::rt::Clock as _;
use std::{fs, time::Duration};

/// Timers that are later than this on average show in the percentiles of short requests.
const LATE: Duration = Duration::from_micros(500);
/// A clock coarser than this shows in waits.
const COARSE: Duration = Duration::from_micros(1);
/// `inflight run` opens up to so many connections, each a file here, a file in the app, and a port.
const CONNECTIONS: u64 = 20_000;
/// Work of others beyond this share of the processors makes a driver late.
const BUSY: f64 = 0.1;

/// One thing that was looked at.
struct Finding {
    what: &'static str,
    figure: String,
    /// What follows from it, if it is not as it should be.
    advice: Option<&'static str>,
}

pub(super) fn run() -> anyhow::Result<Exit> {
    let runtime = runtime(None)?;
    let world = live::World::new(runtime.handle().clone());
    let before = Usage::now();
    let timers = runtime.block_on(timer_error::measure(&world));
    let shares = before.zip(Usage::now()).map(|(before, after)| after.since(&before));
    let awake = Awake::new(Some(Idle::Poll));
    // Where processors cannot be kept awake there is nothing to show.
    let timers_awake = awake.keeps().then(|| runtime.block_on(timer_error::measure(&world))).flatten();
    drop(awake);
    let findings = [
        Some(processors()),
        timers.as_ref().map(|timers| of_timers("timers", timers)),
        timers_awake.as_ref().map(|timers| of_timers("kept awake", timers)),
        Some(of_clock(&world)),
        Some(of_files(raise_open_files())),
        fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok().as_deref().and_then(of_ports),
        shares.map(of_others),
        shares.map(of_hypervisor),
    ];
    runtime.shutdown_background();
    print(&list(findings.into_iter().flatten()));
    Ok(Exit::Done)
}

fn list(findings: impl Iterator<Item = Finding>) -> String {
    let ink = ink();
    let mut out = String::new();
    for Finding { what, figure, advice } in findings {
        out.push_str(&match advice {
            None => format!(" ✓ {what:14} {figure}\n"),
            Some(advice) => {
                let line = format!(" ! {what:14} {figure}");
                format!("{}\n{:18}{advice}\n", ink.paint(Tone::Warning, &line), "")
            }
        });
    }
    out
}

fn processors() -> Finding {
    let n = std::thread::available_parallelism().map_or(1, usize::from);
    let advice = (n < 2).then_some("driver and app share it: requests are sent late when the app is busy");
    Finding { what: "processors", figure: n.to_string(), advice }
}

/// The lateness of timers while processors may halt, or are kept awake.
fn of_timers(what: &'static str, timers: &TimerError) -> Finding {
    let ms = |ns: u64| ns as f64 / 1e6;
    Finding {
        what,
        figure: format!(
            "late by {:.3} ms on average, {:.3} ms at p99, {:.3} ms at most ({} of them)",
            ms(timers.mean_ns),
            ms(timers.p99_ns),
            ms(timers.max_ns),
            timers.timers
        ),
        advice: (u128::from(timers.mean_ns) > LATE.as_nanos())
            .then_some("every sleep of a live run is longer by this; the calibrated twin knows it"),
    }
}

/// The smallest step that the clock was seen to make.
fn of_clock(world: &live::World) -> Finding {
    let mut last = world.now();
    let steps = (0..10_000).filter_map(|_| {
        let now = world.now();
        let step = now - std::mem::replace(&mut last, now);
        (step > Duration::ZERO).then_some(step)
    });
    let step = steps.min().unwrap_or(Duration::MAX);
    Finding {
        what: "clock",
        figure: format!("moves in steps of {} ns or less", step.as_nanos()),
        advice: (step > COARSE).then_some("waits shorter than this cannot be told apart"),
    }
}

fn of_files(files: u64) -> Finding {
    Finding {
        what: "open files",
        figure: format!("{files} for a process"),
        advice: (files < CONNECTIONS + 64).then_some("each request in flight needs one: raise `ulimit -n`"),
    }
}

/// `range` is the first and the last port that a client may use.
fn of_ports(range: &str) -> Option<Finding> {
    let mut bounds = range.split_whitespace().map(|bound| bound.parse::<u64>().ok());
    let (first, last) = (bounds.next()??, bounds.next()??);
    let ports = (last + 1).saturating_sub(first);
    let advice = "each connection needs one: widen net.ipv4.ip_local_port_range";
    let figure = format!("{ports} for connections ({first} to {last})");
    Some(Finding { what: "ports", figure, advice: (ports < CONNECTIONS).then_some(advice) })
}

fn of_others(shares: Shares) -> Finding {
    Finding {
        what: "other work",
        figure: format!("{:.0} % of the processors", shares.busy * 100.0),
        advice: (shares.busy > BUSY)
            .then_some("requests are sent late while others compute: measure again later"),
    }
}

fn of_hypervisor(shares: Shares) -> Finding {
    Finding {
        what: "stolen time",
        figure: format!("{:.1} % of the processors", shares.stolen * 100.0),
        advice: (shares.stolen > SEEN_LOST)
            .then_some("a hypervisor gives it to others: short waits grow by it"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_few_ports_are_told() {
        let found = of_ports("32768\t60999\n").expect("a range");
        assert_eq!((found.figure.as_str(), found.advice), ("28232 for connections (32768 to 60999)", None));
        assert!(of_ports("40000 40009").is_some_and(|found| found.advice.is_some()));
        assert!(of_ports("none").is_none());
    }
}
