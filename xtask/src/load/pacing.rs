//! Bar 2: requests on time, by the target's clock.

use super::clients::{Ask, Client, Told};
use super::figures::Pacing;
use super::target::Target;
use super::{Bars, Bench, show};
use anyhow::{Context, Result};

/// What is asked of a rate: lateness in µs at p50, p99 and p99.9, and the variation of gaps.
struct Bar {
    rate: u32,
    late_us: [f64; 3],
    gap_cv: Option<f64>,
}

const BARS: [Bar; 2] = [
    Bar { rate: 2000, late_us: [10.0, 100.0, 1000.0], gap_cv: Some(0.15) },
    Bar { rate: 20_000, late_us: [30.0, 100.0, 500.0], gap_cv: None },
];

/// The achieved rate may be off by this share.
const NEAR: f64 = 0.0005;

pub(super) fn run(bench: &mut Bench) -> Result<()> {
    for bar in BARS {
        let seconds = if bench.is_quick { 6 } else { 15 };
        println!("\n  {}/s, {seconds} s, 50 connections, by the target's clock", bar.rate);
        println!(
            "  {:<10}{:>10}{:>10}{:>10}{:>10}{:>8}{:>12}{:>12}",
            "", "/s", "p50 µs", "p99 µs", "p99.9 µs", "gap CV", "CPU µs/req", "idle class"
        );
        let mut ours = None;
        for client in bench.everyone().filter(|client| client.kind.is_paced()) {
            match measure(bench, client, bar.rate, seconds) {
                Ok((pacing, told)) => {
                    println!("{}", row(client, &pacing, &told));
                    ours = ours.or(Some((pacing, told)));
                }
                Err(error) => println!("  {:<10}{error:#}", client.kind.name()),
            }
        }
        let (pacing, told) = ours.context("ours was not measured")?;
        judge(&mut bench.bars, &bar, &pacing, &told);
    }
    Ok(())
}

fn measure(bench: &Bench, client: &Client, rate: u32, seconds: u32) -> Result<(Pacing, Told)> {
    let name = format!("pacing-{rate}");
    let target = Target::start(
        &format!("{name}-target-{}", client.kind.name()),
        &["--spin"],
        &bench.cores,
        &bench.folder,
    )?;
    let ask = Ask { url: target.url("/"), rate: Some(rate), connections: Some(50), seconds };
    let told = client.run(&name, &ask, &bench.cores, &bench.folder)?;
    let arrivals = target.arrivals()?;
    // The first seconds are for connections, the last for those who stop early.
    let pacing = Pacing::of(&arrivals, 2.0, f64::from(seconds) - 1.0);
    Ok((pacing.with_context(|| format!("only {} requests arrived", arrivals.len()))?, told))
}

fn row(client: &Client, pacing: &Pacing, told: &Told) -> String {
    let late: String = pacing.late_us.iter().map(|us| format!("{:>10}", show(*us))).collect();
    format!(
        "  {:<10}{:>10.1}{late}{:>8.2}{:>12.1}{:>12.1}",
        client.kind.name(),
        pacing.per_s,
        pacing.gap_cv,
        per_request_us(told.used.cpu_s, told),
        per_request_us(told.used.idle_class_s, told),
    )
}

fn per_request_us(seconds: f64, told: &Told) -> f64 {
    seconds / told.requests * 1e6
}

/// The driver's own books: when it sent, beside when it should have.
fn own_us(told: &Told) -> [f64; 3] {
    let late = &told.json["load"][0]["lateness"];
    ["p50_ns", "p99_ns", "p999_ns"].map(|key| late[key].as_f64().unwrap_or(f64::NAN) / 1e3)
}

fn judge(bars: &mut Bars, bar: &Bar, pacing: &Pacing, told: &Told) {
    let own = own_us(told);
    for (i, name) in ["p50", "p99", "p99.9"].into_iter().enumerate() {
        let what = format!("{}/s: lateness {name} {} µs by its own books", bar.rate, show(own[i]));
        let seen = show(pacing.late_us[i]);
        bars.check(
            own[i] <= bar.late_us[i],
            format!("{what}, {seen} at the target (bar ≤ {} µs)", bar.late_us[i]),
        );
    }
    if let Some(most) = bar.gap_cv {
        bars.check(
            pacing.gap_cv <= most,
            format!("{}/s: gap CV {:.3} (bar ≤ {most})", bar.rate, pacing.gap_cv),
        );
    }
    let off = pacing.per_s / f64::from(bar.rate) - 1.0;
    bars.check(off.abs() <= NEAR, format!("{}/s: achieved {:+.4} % (bar ±0.05 %)", bar.rate, off * 100.0));
    if bar.rate == 20_000 {
        let [us, idle] = [told.used.cpu_s, told.used.idle_class_s].map(|s| per_request_us(s, told));
        let beside = format!("beside {idle:.1} µs of the idle class that keep processors awake");
        bars.check(
            us <= 35.0,
            format!("20000/s: {us:.1} µs of processor time per request (bar ≤ 35 µs), {beside}"),
        );
    }
}
