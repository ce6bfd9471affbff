//! Bars 5 and 6: very many requests in flight, and targets that go away.

use super::clients::{Ask, Told};
use super::target::Target;
use super::{Bars, Bench};
use anyhow::{Context, Result};
use rustix::process::{Resource, Signal, getrlimit};
use serde_json::Value;
use std::time::{Duration, Instant};

/// What bar 5 asks for.
const IN_FLIGHT: u64 = 50_000;

/// 50,000 in flight, by as many pairs of target and driver as the limit on open files makes necessary.
pub(super) fn scale(bench: &mut Bench) -> Result<()> {
    let files = getrlimit(Resource::Nofile).maximum.unwrap_or(1 << 20);
    let pairs = IN_FLIGHT.div_ceil(files.saturating_sub(1000).max(1000)).min(16);
    println!("  at most {files} open files per process: {pairs} drivers and as many targets");
    // Each request is held for 10 s: the rate of 10 s makes the number in flight.
    let rate = IN_FLIGHT.div_ceil(pairs * 10) as u32 + 20;
    let found: Vec<Result<Value>> = std::thread::scope(|scope| {
        let bench = &*bench;
        let running: Vec<_> = (0..pairs).map(|pair| scope.spawn(move || hold(bench, pair, rate))).collect();
        running.into_iter().map(|run| run.join().expect("a run does not panic")).collect()
    });
    let mut peak = 0;
    let mut errors = Vec::new();
    for found in found {
        let arm = &found?["load"][0];
        peak += arm["in_flight_peak"].as_u64().unwrap_or(0);
        let endings = arm["endings"].as_object().context("no endings")?;
        errors.extend(
            endings.iter().filter(|(name, _)| *name != "completed").map(|(name, n)| format!("{n} {name}")),
        );
    }
    bench.bars.check(
        peak >= IN_FLIGHT,
        format!("{peak} in flight at once, summed over {pairs} pairs (bar ≥ {IN_FLIGHT})"),
    );
    bench.bars.check(
        errors.is_empty(),
        format!("errors: {}", if errors.is_empty() { "none".into() } else { errors.join(", ") }),
    );
    Ok(())
}

fn hold(bench: &Bench, pair: u64, rate: u32) -> Result<Value> {
    let name = format!("scale-{pair}");
    let target = Target::start(&format!("{name}-target"), &[], &bench.cores, &bench.folder)?;
    let mut command = bench.cores.client(&super::inflight());
    command.args(["load", &target.url("/after/10s"), "--json", "--arrivals", "constant", "-d", "13s"]);
    command.args(["--rate", &format!("{rate}/s"), "-c", "19000", "--patience", "20s"]);
    // As many that no address comes near the end of its ports: there the kernel searches for milliseconds.
    let sources: Vec<String> = (2..14).map(|last| format!("127.0.0.{last}")).collect();
    command.args(["--source-addresses", &sources.join(",")]);
    let used = super::usage::measure(&name, &mut command, &bench.folder, Duration::from_secs(60))?;
    serde_json::from_str(&used.stdout).with_context(|| format!("{name} ended with {:?}", used.code))
}

/// Rate and length of the run with faults.
const RATE: u32 = 1000;
const SECONDS: u32 = 7;
/// When what happens, in seconds: paused, resumed, killed, started again.
const PLAN: [f64; 4] = [1.0, 2.0, 3.5, 4.5];

/// A target that is paused, resumed, killed and started again.
pub(super) fn run(bench: &mut Bench) -> Result<()> {
    let target = Target::start("faults-target", &[], &bench.cores, &bench.folder)?;
    let ask = Ask { url: target.url("/"), rate: Some(RATE), connections: None, seconds: SECONDS };
    let told: Result<Told> = std::thread::scope(|scope| {
        let shared = &*bench;
        let driver = scope.spawn(move || shared.ours().run("faults", &ask, &shared.cores, &shared.folder));
        let start = Instant::now();
        let until = |seconds: f64| {
            std::thread::sleep(Duration::from_secs_f64(seconds).saturating_sub(start.elapsed()))
        };
        until(PLAN[0]);
        target.signal(Signal::STOP);
        until(PLAN[1]);
        target.signal(Signal::CONT);
        until(PLAN[2]);
        let port = target.kill()?;
        until(PLAN[3]);
        let _again = Target::start_on(port, "faults-target-again", &[], &shared.cores, &shared.folder)?;
        driver.join().expect("a run does not panic")
    });
    judge(&mut bench.bars, &told?)
}

fn judge(bars: &mut Bars, told: &Told) -> Result<()> {
    let arm = &told.json["load"][0];
    let offered = arm["offered"].as_u64().context("no offered")?;
    let endings = arm["endings"].as_object().context("no endings")?;
    let sum: u64 = endings.values().filter_map(Value::as_u64).sum();
    let words: Vec<String> = endings.iter().map(|(name, n)| format!("{n} {name}")).collect();
    bars.check(
        sum == offered && offered == u64::from(RATE * SECONDS),
        format!("intended {offered} = {}", words.join(" + ")),
    );
    let unexplained = ["unfinished", "driver-exhausted", "exhausted", "protocol"];
    let is_clear = unexplained.iter().all(|name| endings.get(*name).is_none());
    bars.check(
        is_clear && endings.contains_key("refused"),
        "a dead target refuses; nothing is left unexplained",
    );
    let ticks = ticks(arm);
    // Between the moments of the plan, give or take the tenth of a second that they fall into and the start of the client.
    let silent =
        |from: f64, to: f64| ticks.iter().filter(|t| t.0 > from + 0.35 && t.0 < to - 0.15).all(|t| t.1 == 0);
    bars.check(silent(PLAN[0], PLAN[1]), "the timeline shows no answer while the target is paused");
    bars.check(silent(PLAN[2], PLAN[3]), "and none while it is dead");
    let answered = |from: f64, to: f64| ticks.iter().filter(|t| t.0 > from && t.0 < to).any(|t| t.1 > 0);
    bars.check(answered(2.2, 3.2) && answered(5.2, 6.5), "and answers again after each");
    let us = told.used.cpu_s / f64::from(RATE * SECONDS) * 1e6;
    bars.check(
        told.used.cpu_s < 0.35 * f64::from(SECONDS),
        format!("no spin: {us:.0} µs of processor time per request, without the idle class"),
    );
    Ok(())
}

/// Time in seconds and good answers of every tick.
fn ticks(arm: &Value) -> Vec<(f64, u64)> {
    let list = arm["timeline"].as_array().map(Vec::as_slice).unwrap_or_default();
    let tick = arm["tick_ns"].as_f64().unwrap_or(1e8) / 1e9;
    list.iter().enumerate().map(|(i, t)| (i as f64 * tick, t["completed"].as_u64().unwrap_or(0))).collect()
}
