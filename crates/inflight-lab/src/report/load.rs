//! What a load driver found, as text: both answers to "how long did it take", and what the driver says about itself.

use super::{
    figures::{figure, grouped, right},
    terminal::{Ink, Tone, heading},
};
use crate::{
    audit::{Audit, Verdict},
    load::figures::{ClassFigures, LoadFigures, QUANTILES, Spread, WireFigures},
    record::Ending,
};
use std::fmt::Write;

/// The columns of the percentiles; one of names is in front.
const COLUMN: usize = 9;
/// The column of names.
const NAME: usize = 12;

/// Latencies, errors and the driver's audit, for every target.
pub fn load(targets: &[LoadFigures], width: usize, ink: &dyn Ink) -> String {
    let mut out = String::new();
    let columns = columns(width);
    heading(
        &mut out,
        ink,
        "LATENCY",
        "in ms: from when a request should have been sent, and from when it was",
    );
    let mut head = format!("     {:<NAME$}{:>9}{:>9}", "from", "requests", "mean");
    columns.iter().for_each(|&i| head.push_str(&right(QUANTILES[i].1, COLUMN)));
    let _ = writeln!(out, "{}", ink.paint(Tone::Quiet, &format!("{head}{:>9}", "max")));
    for target in targets {
        if targets.len() > 1 {
            let _ = writeln!(out, " /{}", target.name);
        }
        latencies(&mut out, target, &columns);
    }
    notes(&mut out, targets, &columns, ink);
    for target in targets {
        out.push('\n');
        let name = if targets.len() > 1 { format!("/{}  ", target.name) } else { String::new() };
        by_second(&mut out, target, &name, width, ink);
        errors(&mut out, target, &name, ink);
        driver(&mut out, target, &name, ink);
    }
    out
}

/// Which quantiles fit: all, or all but the least wanted.
fn columns(width: usize) -> Vec<usize> {
    let takes = |n: usize| 5 + NAME + 9 + 9 + COLUMN * (n + 1);
    let without: &[usize] = match QUANTILES.len() {
        n if width >= takes(n) => &[],
        n if width >= takes(n - 1) => &[1],
        _ => &[1, 2, 6],
    };
    (0..QUANTILES.len()).filter(|i| !without.contains(i)).collect()
}

fn latencies(out: &mut String, target: &LoadFigures, columns: &[usize]) {
    spread(out, "intended", &target.intended, columns);
    let Some(wire) = &target.wire else { return };
    spread(out, "sent", &wire.sent, columns);
    if wire.connection_wait.count > 0 {
        spread(out, "…in line", &wire.connection_wait, columns);
    }
    if wire.classes.len() > 1 {
        wire.classes.iter().for_each(|class| of_class(out, class, columns));
    }
}

fn of_class(out: &mut String, class: &ClassFigures, columns: &[usize]) {
    spread(out, &class.name, &class.intended, columns);
    let others: Vec<String> = errors_of(|ending| class.endings.get(&ending).copied().unwrap_or(0));
    if !others.is_empty() {
        let _ = writeln!(out, "       {}", others.join(", "));
    }
}

fn spread(out: &mut String, name: &str, spread: &Spread, columns: &[usize]) {
    let name: String = name.chars().take(NAME).collect();
    let _ = write!(out, "     {name:<NAME$}{:>9}", grouped(spread.count + spread.censored));
    out.push_str(&right(&spread.mean_ns.map_or("–".into(), millis), COLUMN));
    let told = spread.told();
    for &i in columns {
        let bound = if spread.is_bound(QUANTILES[i].0) { "≥" } else { "" };
        out.push_str(&right(&told[i].map_or("–".into(), |ns| format!("{bound}{}", millis(ns))), COLUMN));
    }
    let max = match spread.max_ns {
        _ if spread.censored > 0 => format!("≥{}", millis(spread.max_ns.unwrap_or(0).max(spread.bound_ns))),
        Some(ns) => millis(ns),
        None => "–".into(),
    };
    let _ = writeln!(out, "{}", right(&max, COLUMN));
}

/// What the signs mean, if they are there.
fn notes(out: &mut String, targets: &[LoadFigures], columns: &[usize], ink: &dyn Ink) {
    let mut say = |text: &str| {
        let _ = writeln!(out, "     {}", ink.paint(Tone::Quiet, text));
    };
    let is_short = |spread: &Spread| columns.iter().any(|&i| spread.told()[i].is_none());
    if targets.iter().any(|target| is_short(&target.intended)) {
        say("– where fewer than ten requests lie beyond: there are too few for this percentile");
    }
    if targets.iter().any(|target| target.intended.censored > 0) {
        say("≥ because some requests were given up without an answer: they took at least that long");
    }
}

/// Milliseconds in three digits or so.
fn millis(ns: u64) -> String {
    let ms = ns as f64 / 1e6;
    if ms < 9.995 { format!("{ms:.2}") } else { figure(ms) }
}

/// The p99 of every second from both starts, one line of blocks each; only if there are enough seconds for a picture.
fn by_second(out: &mut String, target: &LoadFigures, name: &str, width: usize, ink: &dyn Ink) {
    let Some(seconds) = target.wire.as_ref().map(|wire| &wire.seconds).filter(|s| s.len() >= 4) else {
        return;
    };
    let top = seconds.iter().map(|s| s.intended_us[1].max(s.sent_us[1])).max().unwrap_or(0);
    heading(
        out,
        ink,
        &format!("{name}SECONDS"),
        "p99 of the requests that were due in each, one scale for both",
    );
    let lines = [
        ("intended", seconds.iter().map(|second| second.intended_us[1]).collect::<Vec<u64>>()),
        ("sent", seconds.iter().map(|second| second.sent_us[1]).collect()),
    ];
    for (from, values) in lines {
        let most = values.iter().max().copied().unwrap_or(0);
        let line = blocks(&values, (width - 40).min(60), top);
        let _ = writeln!(out, "     {from:<NAME$}{line}  at most {} ms", millis(most * 1000));
    }
    out.push('\n');
}

/// A line of blocks: the largest value of each stretch.
pub fn blocks(values: &[u64], width: usize, top: u64) -> String {
    const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let width = width.min(values.len());
    let stretch = |i: usize| {
        let (from, to) = (i * values.len() / width, (i + 1) * values.len() / width);
        values[from..to.max(from + 1)].iter().max().copied().unwrap_or(0)
    };
    (0..width)
        .map(|i| BLOCKS[(u128::from(stretch(i)) * 7).div_ceil(u128::from(top.max(1))) as usize])
        .collect()
}

/// Counts of endings that are not good answers, in words.
fn errors_of(count: impl Fn(Ending) -> u64) -> Vec<String> {
    let others = Ending::ALL.iter().filter(|ending| **ending != Ending::Completed);
    others.filter(|e| count(**e) > 0).map(|e| format!("{} {e}", grouped(count(*e)))).collect()
}

fn errors(out: &mut String, target: &LoadFigures, name: &str, ink: &dyn Ink) {
    let others = errors_of(|ending| target.ended(ending));
    if others.is_empty() {
        return;
    }
    let good = grouped(target.ended(Ending::Completed));
    heading(
        out,
        ink,
        &format!("{name}ERRORS"),
        &format!("{} offered, {good} completed", grouped(target.offered)),
    );
    let _ = writeln!(out, "     {}", ink.paint(Tone::Warning, &others.join(", ")));
    let statuses = target
        .wire
        .iter()
        .flat_map(|wire| &wire.statuses)
        .filter(|(status, _)| !(200..400).contains(*status));
    let statuses: Vec<String> = statuses.map(|(status, n)| format!("{} × {status}", grouped(*n))).collect();
    if !statuses.is_empty() {
        let _ = writeln!(out, "     status: {}", statuses.join(", "));
    }
    out.push('\n');
}

fn driver(out: &mut String, target: &LoadFigures, name: &str, ink: &dyn Ink) {
    let Some(audit) = &target.audit else { return };
    let (title, tone) = match audit.verdict {
        Verdict::Trustworthy => ("trustworthy", Tone::Quiet),
        Verdict::Late => ("LATE: latencies are partly the driver's own", Tone::Warning),
        Verdict::GeneratorLimited => {
            ("GENERATOR-LIMITED: the driver was the limit, not the target", Tone::Warning)
        }
    };
    let _ =
        writeln!(out, "{}  {}", ink.paint(Tone::Heading, &format!("{name}DRIVER")), ink.paint(tone, title));
    sending(out, target, audit);
    let effort = &audit.effort;
    let realtime = if effort.realtime { ", real-time priority" } else { "" };
    let loss = effort.loss().filter(|loss| loss.share >= 0.001);
    let loss = loss.map_or(String::new(), |loss| format!("; {loss}"));
    let _ = writeln!(
        out,
        "     {} worker{}, the busiest {:.0} % of a processor, {:.0} µs per request{realtime}{loss}",
        effort.workers,
        if effort.workers == 1 { "" } else { "s" },
        effort.busiest_share * 100.0,
        audit.cpu_per_request_ns as f64 / 1e3
    );
    waits(out, target.wire.as_ref());
}

fn sending(out: &mut String, target: &LoadFigures, audit: &Audit) {
    let not_sent: Vec<String> = audit.not_sent.iter().map(|(e, n)| format!("{} {e}", grouped(*n))).collect();
    let not_sent =
        if not_sent.is_empty() { String::new() } else { format!(", not sent: {}", not_sent.join(", ")) };
    let _ = writeln!(
        out,
        "     asked {}/s, begun {}/s; {} of {} sent{not_sent}",
        figure(audit.asked_per_s),
        figure(audit.begun_per_s),
        grouped(audit.sent),
        grouped(target.offered)
    );
    let late = &target.lateness;
    if late.count > 0 {
        let told: Vec<String> = [(0, "p50"), (4, "p99"), (5, "p99.9")]
            .iter()
            .filter_map(|&(i, name)| late.told()[i].map(|ns| format!("{name} {}", micros(ns))))
            .collect();
        let _ = writeln!(
            out,
            "     late by {}, at most {}; {} sent more than 1 ms late, {} of them by the driver itself",
            told.join(", "),
            micros(late.max_ns.unwrap_or(0)),
            grouped(audit.late),
            grouped(audit.begun_late)
        );
    }
}

fn micros(ns: u64) -> String {
    if ns < 1_000_000 { format!("{} µs", ns / 1000) } else { format!("{} ms", millis(ns)) }
}

fn waits(out: &mut String, wire: Option<&WireFigures>) {
    let Some(wait) = wire.map(|wire| &wire.connection_wait).filter(|wait| wait.count > 0) else { return };
    let _ = writeln!(
        out,
        "     {} requests waited for a connection, at most {} ms: -c allows no more; their latency includes it",
        grouped(wait.count),
        wait.max_ns.map_or("–".into(), millis)
    );
}

/// Why the driver's figures cannot be trusted: empty if they can.
pub fn problems(targets: &[LoadFigures]) -> Vec<String> {
    let of =
        |target: &LoadFigures| target.audit.as_ref()?.problem().map(|why| format!("{}: {why}", target.name));
    targets.iter().filter_map(of).collect()
}

/// One line per target and second, times in milliseconds: both answers side by side.
pub fn by_second_csv(targets: &[LoadFigures]) -> String {
    let mut out = String::from(
        "target,second,offered,completed,other,in_flight,answered,p50_ms,p99_ms,max_ms,sent_p50_ms,sent_p99_ms,sent_max_ms\n",
    );
    for target in targets {
        let seconds = target.wire.as_ref().map_or(&[][..], |wire| &wire.seconds);
        let per_second = (1_000_000_000 / target.tick_ns.max(1)).max(1) as usize;
        for (number, ticks) in target.timeline.chunks(per_second).enumerate() {
            let sum = |pick: fn(&crate::record::Tick) -> u32| {
                ticks.iter().map(|tick| u64::from(pick(tick))).sum::<u64>()
            };
            let in_flight = ticks.iter().map(|tick| tick.in_flight).max().unwrap_or(0);
            let name = if target.name.contains([',', '"']) {
                target.name.replace([',', '"'], " ")
            } else {
                target.name.clone()
            };
            let _ = write!(
                out,
                "{name},{number},{},{},{},{in_flight}",
                sum(|t| t.offered),
                sum(|t| t.completed),
                sum(|t| t.other)
            );
            let second = seconds.get(number).filter(|second| second.answered > 0);
            let _ = write!(out, ",{}", second.map_or(0, |second| second.answered));
            let six = second.map(|second| [second.intended_us, second.sent_us].concat());
            for i in 0..6 {
                let _ = write!(
                    out,
                    ",{}",
                    six.as_ref().map_or(String::new(), |six| format!("{:.3}", six[i] as f64 / 1e3))
                );
            }
            out.push('\n');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        audit::Effort,
        record::{Recorder, Reply, Sample},
        report::Plain,
        wire::Wire,
        workload::{Arrivals, Workload},
    };
    use expect_test::expect;
    use inflight_strategies::{rt::Instant, units::Rate};
    use std::time::Duration;

    /// 5 s at 300/s. Every answer takes 2 ms from sending; in the third second requests wait 100 ms for a connection; the last
    /// 20 are not answered.
    fn figures() -> LoadFigures {
        let at = |us: u64| Instant::from_nanos(us * 1000);
        let rate = Rate::per_second(300.0).expect("a rate");
        let workload = Workload::open(Arrivals::Constant(rate), Duration::from_secs(5), Duration::ZERO);
        let recorder = <Recorder>::new(at(0), &workload).with_wires(1);
        for id in 0..1500_u64 {
            let intended = id * 3333;
            let wait = if (600..900).contains(&id) { 100_000 } else { 0 };
            recorder.begin(at(intended), at(intended + 20));
            if id >= 1480 {
                continue;
            }
            let sent = intended + 20 + wait;
            let wire = Wire {
                sent: Some(at(sent)),
                waited: (wait > 0).then(|| Duration::from_micros(wait)),
                first_byte: Some(at(sent + 1900)),
                status: if id % 500 == 0 { 503 } else { 200 },
                ..Wire::default()
            };
            let ending = if id % 500 == 0 { Ending::Failed } else { Ending::Completed };
            let reply = Reply::over(ending, wire);
            recorder.end(&Sample {
                id,
                intended: at(intended),
                sent: at(intended + 20),
                done: at(sent + 2000),
                reply,
            });
        }
        let mut record = recorder.close(at(15_000_000));
        let effort = Effort {
            workers: 2,
            realtime: false,
            cpu_ns: 60_000_000,
            busiest_share: 0.01,
            stolen_share: Some(0.0),
            stood_still_share: Some(0.0),
        };
        record.effort = Some(effort);
        LoadFigures::of("async", &record, Duration::from_secs(10))
    }

    #[test]
    fn both_answers_stand_side_by_side_and_nothing_is_invented() {
        expect![[r#"
            LATENCY  in ms: from when a request should have been sent, and from when it was
                 from         requests     mean      p50      p75      p90      p95      p99    p99.9   p99.99      max
                 intended        1,500     22.3     2.02     2.02      102      102  ≥10,000        –        –  ≥10,000
                 sent            1,480     2.00     2.00     2.00     2.00     2.00     2.00        –        –     2.00
                 …in line          300      100      100      100      100      100        –        –        –      100
                 – where fewer than ten requests lie beyond: there are too few for this percentile
                 ≥ because some requests were given up without an answer: they took at least that long

            SECONDS  p99 of the requests that were due in each, one scale for both
                 intended    ▂▂█▂▂  at most 102 ms
                 sent        ▂▂▂▂▂  at most 2.00 ms

            ERRORS  1,500 offered, 1,477 completed
                 3 failed, 20 unfinished
                 status: 3 × 503

            DRIVER  trustworthy
                 asked 300/s, begun 300/s; 1,480 of 1,500 sent
                 late by p50 20 µs, p99 20 µs, at most 20 µs; 300 sent more than 1 ms late, 0 of them by the driver itself
                 2 workers, the busiest 1 % of a processor, 40 µs per request
                 300 requests waited for a connection, at most 100 ms: -c allows no more; their latency includes it
        "#]].assert_eq(&load(&[figures()], 108, &Plain));
    }

    #[test]
    fn eighty_columns_are_enough() {
        let text = load(&[figures(), figures()], 80, &Plain);
        let longest =
            text.lines().filter(|line| line.starts_with("     intended")).map(|line| line.chars().count());
        assert!(longest.max() <= Some(80), "{text}");
    }

    #[test]
    fn seconds_are_lines_with_both_answers() {
        expect![[r#"
            target,second,offered,completed,other,in_flight,answered,p50_ms,p99_ms,max_ms,sent_p50_ms,sent_p99_ms,sent_max_ms
            async,0,301,299,1,1,301,2.020,2.020,2.020,2.000,2.000,2.000
            async,1,300,299,1,1,300,2.031,2.031,102.020,2.000,2.000,2.000
            async,2,300,270,0,1,300,102.020,102.020,102.020,2.000,2.000,2.000
            async,3,300,329,1,1,300,2.020,2.020,2.020,2.000,2.000,2.000
            async,4,299,280,0,20,279,2.020,2.020,2.020,2.000,2.000,2.000
        "#]].assert_eq(&by_second_csv(&[figures()]));
    }

    #[test]
    fn blocks_show_the_largest_of_each_stretch() {
        assert_eq!(blocks(&[0, 1, 2, 3, 4, 5, 6, 7], 8, 7), "▁▂▃▄▅▆▇█");
        assert_eq!(blocks(&[0, 7, 0, 0], 2, 7), "█▁");
        assert_eq!(blocks(&[0, 0], 5, 0), "▁▁");
    }
}
