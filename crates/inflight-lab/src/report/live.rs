//! A run under way, for a terminal: what is in flight, what users see, and how both have changed.

use super::{
    figures::{figure, grouped, right},
    load::blocks,
    terminal::{Ink, Tone},
};
use std::{fmt::Write, time::Duration};

/// One second of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Moment {
    /// The most requests in flight.
    pub in_flight: u32,
    /// Median latency of the answers that came in this second, in microseconds; `None` if none came.
    pub p50_us: Option<u64>,
    /// Their 99th percentile.
    pub p99_us: Option<u64>,
    /// Good answers.
    pub completed: u64,
    /// Other endings.
    pub other: u64,
}

/// What is shown above and below the table.
#[derive(Clone, Debug)]
pub struct Around<'a> {
    /// The target's name.
    pub name: &'a str,
    /// What is offered, in words.
    pub workload: &'a str,
    /// How far it is.
    pub passed: Duration,
    /// How long it lasts.
    pub total: Duration,
    /// How late the driver was so far at the 99th percentile, if it has a schedule.
    pub late: Option<Duration>,
}

/// A row's name, its value in a second, and how that is shown.
type Row = (&'static str, fn(&Moment) -> Option<u64>, fn(u64) -> String);

/// The history that is drawn.
const DRAWN: usize = 45;

/// A few lines, `width` columns wide at most; `moments` are the seconds so far.
pub fn live(around: &Around<'_>, moments: &[Moment], width: usize, ink: &dyn Ink) -> String {
    let mut out = String::new();
    let title = format!("▸ /{}", around.name);
    let (passed, total) =
        (around.passed.as_secs_f64().min(around.total.as_secs_f64()), around.total.as_secs_f64());
    let rest = format!("  {passed:.0} s of {total:.0} s  {}", around.workload);
    let _ = writeln!(
        out,
        "{}{}",
        ink.paint(Tone::Heading, &title),
        clip_to(&rest, width.saturating_sub(title.chars().count()))
    );
    let drawn = DRAWN.min(width.saturating_sub(58)).max(10);
    let head =
        format!("  {:<10}{:>9}{:>10}{:>10}{:>10}  last {drawn} s", "", "now", "1 s ago", "5 s ago", "peak");
    let _ = writeln!(out, "{}", ink.paint(Tone::Quiet, &head));
    let rows: [Row; 5] = [
        ("in flight", |m| Some(m.in_flight.into()), grouped),
        ("p99", |m| m.p99_us, time),
        ("p50", |m| m.p50_us, time),
        ("good/s", |m| Some(m.completed), grouped),
        ("other/s", |m| Some(m.other), grouped),
    ];
    for (name, value, show) in rows {
        if name == "other/s" && moments.iter().all(|moment| moment.other == 0) {
            continue;
        }
        let _ = writeln!(out, "{}", row(name, moments, value, show, drawn));
    }
    let bar_width = width.saturating_sub(30).min(42);
    let done = ((passed / total.max(1e-9)) * bar_width as f64) as usize;
    let late = around
        .late
        .map_or(String::new(), |late| format!("  driver late {} at p99", time(late.as_micros() as u64)));
    let bar = format!("{}{}", "━".repeat(done.min(bar_width)), "─".repeat(bar_width.saturating_sub(done)));
    let _ = writeln!(out, "{}", clip_to(&format!("  {bar}{late}"), width));
    let _ = writeln!(out, "{}", ink.paint(Tone::Quiet, "  Ctrl-C stops and shows what was measured"));
    out
}

fn clip_to(text: &str, width: usize) -> String {
    text.chars().take(width).collect()
}

fn row(
    name: &str,
    moments: &[Moment],
    value: fn(&Moment) -> Option<u64>,
    show: fn(u64) -> String,
    drawn: usize,
) -> String {
    let back = |seconds: usize| {
        let moment = moments.len().checked_sub(seconds + 1).map(|i| &moments[i]);
        moment.and_then(value).map_or("–".into(), show)
    };
    let peak = moments.iter().filter_map(value).max();
    let last = &moments[moments.len().saturating_sub(drawn)..];
    let values: Vec<u64> = last.iter().map(|moment| value(moment).unwrap_or(0)).collect();
    let top = values.iter().max().copied().unwrap_or(0);
    format!(
        "  {name:<10}{}{}{}{}  {}",
        right(&back(0), 9),
        right(&back(1), 10),
        right(&back(5), 10),
        right(&peak.map_or("–".into(), show), 10),
        if values.is_empty() { String::new() } else { blocks(&values, drawn, top) }
    )
}

/// Microseconds in the unit in which people read them.
fn time(us: u64) -> String {
    match us {
        0..1000 => format!("{us} µs"),
        1000..10_000 => format!("{:.1} ms", us as f64 / 1e3),
        10_000..10_000_000 => format!("{} ms", figure((us / 1000) as f64).trim_end_matches(".0")),
        _ => format!("{:.1} s", us as f64 / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Plain;
    use expect_test::expect;

    fn moments(n: u32) -> Vec<Moment> {
        let of = |i: u32| Moment {
            in_flight: 10 * i,
            p50_us: (i != 3).then_some(u64::from(i) * 900),
            p99_us: (i != 3).then_some(u64::from(i) * 9000),
            completed: if i < 8 { 1000 } else { 0 },
            other: u64::from(i == 9) * 12,
        };
        (0..n).map(of).collect()
    }

    fn around() -> Around<'static> {
        Around {
            name: "async",
            workload: "open loop, Poisson 1000/s, 30s with 0s of warm-up",
            passed: Duration::from_secs(10),
            total: Duration::from_secs(30),
            late: Some(Duration::from_micros(84)),
        }
    }

    #[test]
    fn a_run_under_way_shows_cause_and_effect() {
        expect![[r#"
            ▸ /async  10 s of 30 s  open loop, Poisson 1000/s, 30s with 0s of warm-up
                              now   1 s ago   5 s ago      peak  last 42 s
              in flight        90        80        40        90  ▁▂▃▄▅▅▆▇██
              p99           81 ms     72 ms     36 ms     81 ms  ▁▂▃▁▅▅▆▇██
              p50          8.1 ms    7.2 ms    3.6 ms    8.1 ms  ▁▂▃▁▅▅▆▇██
              good/s            0         0     1,000     1,000  ████████▁▁
              other/s          12         0         0        12  ▁▁▁▁▁▁▁▁▁█
              ━━━━━━━━━━━━━━────────────────────────────  driver late 84 µs at p99
              Ctrl-C stops and shows what was measured
        "#]]
        .assert_eq(&live(&around(), &moments(10), 100, &Plain));
    }

    #[test]
    fn it_fits_into_80_columns_from_the_first_moment_on() {
        for n in [0, 1, 60] {
            for width in [80, 100, 120] {
                let text = live(&around(), &moments(n), width, &Plain);
                let longest = text.lines().map(|line| line.chars().count()).max();
                assert!(longest <= Some(width), "{n} {width}\n{text}");
            }
        }
    }
}
