//! Bar 1: percentiles beside the truth.

use super::clients::{Ask, Client, Told};
use super::figures::{quantile, sorted};
use super::target::Target;
use super::{Bench, show};
use anyhow::{Context, Result};
use inflight_lab::dependency::Latency;
use inflight_lab::draws::Stream;
use inflight_lab::load::truth::{SingleServer, Stalls};
use inflight_lab::workload::Arrivals;
use inflight_strategies::rt::Rng as _;
use inflight_strategies::units::Rate;
use std::time::Duration;

/// The rate of the stall test.
const RATE: u32 = 500;
/// What the bar allows, in ms: median, then the higher percentiles.
const NEAR_MS: [f64; 4] = [1.0, 5.0, 5.0, 5.0];
/// The caps on connections.
const CAPS: [Option<u32>; 4] = [Some(10), Some(50), Some(400), None];
/// Waits may differ from theory by this share.
const NEAR: f64 = 0.03;

pub(super) fn run(bench: &mut Bench) -> Result<()> {
    let phases = if bench.is_quick { 3 } else { 20 };
    // 10,000 requests: ten of them lie beyond p99.9.
    let seconds = 20;
    stalls(bench, phases, seconds)?;
    peers(bench, seconds)?;
    queues(bench)
}

/// A run of ours: what follows from its schedule, and what it said.
struct Trial {
    label: String,
    truth: [f64; 4],
    told: Result<Told>,
}

impl Trial {
    /// |told − truth| in ms.
    fn errors(&self) -> [f64; 4] {
        let told = self.told.as_ref().map_or([f64::NAN; 4], |told| told.ms);
        std::array::from_fn(|i| (told[i] - self.truth[i]).abs())
    }

    fn is_near(&self) -> bool {
        self.errors().iter().zip(NEAR_MS).all(|(error, most)| *error <= most)
    }
}

fn milliseconds(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Trials at the same time.
const AT_ONCE: usize = CAPS.len() + 1;

/// The phase of a trial, and how long its stalls are. Targets that share a core must not wake up from their stalls together: trials
/// at the same time, which have the same number, are spread evenly over the phases.
fn plan(number: u64, column: usize, is_random: bool) -> Stalls {
    let mut dice = Stream::new(1, "bench.phase").dice(number);
    let length = match is_random {
        true => Latency::Uniform(milliseconds(100), milliseconds(900)),
        false => Latency::Constant(milliseconds(500)),
    };
    let phase = (dice.unit() + column as f64 / AT_ONCE as f64).fract();
    // From just after the first request to just before the second stall of another phase.
    let first = Duration::from_secs_f64(0.2 + 4.2 * phase);
    Stalls { first: milliseconds(first.as_millis() as u64), every: milliseconds(5000), length, seed: number }
}

/// What an open loop must find: 50, 95, 99, 99.9 % in ms.
fn follows(stalls: &Stalls, seconds: u32) -> [f64; 4] {
    let rate = Rate::per_second(f64::from(RATE)).expect("a rate");
    let schedule = Arrivals::Constant(rate).schedule(1, Duration::from_secs(seconds.into()));
    let waits = sorted(schedule.map(|(_, at)| stalls.wait(at).as_secs_f64() * 1e3).collect());
    [0.5, 0.95, 0.99, 0.999].map(|q| quantile(&waits, q))
}

fn flags(stalls: &Stalls) -> Vec<String> {
    let length = match stalls.length {
        Latency::Uniform(least, most) => format!("{}ms..{}ms", least.as_millis(), most.as_millis()),
        _ => "500ms".into(),
    };
    let first = format!("{}ms", stalls.first.as_millis());
    let every = format!("{}ms", stalls.every.as_millis());
    let seed = stalls.seed.to_string();
    ["--stall", &length, "--every", &every, "--first", &first, "--seed", &seed].map(String::from).into()
}

/// One client against a stalling target of its own.
fn against_stalls(
    bench: &Bench,
    client: &Client,
    name: &str,
    stalls: &Stalls,
    connections: Option<u32>,
    seconds: u32,
) -> Result<Told> {
    let flags = flags(stalls);
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let target = Target::start(&format!("{name}-target"), &flags, &bench.cores, &bench.folder)?;
    let ask = Ask { url: target.url("/"), rate: Some(RATE), connections, seconds };
    client.run(name, &ask, &bench.cores, &bench.folder)
}

fn stalls(bench: &mut Bench, phases: u64, seconds: u32) -> Result<()> {
    let mut trials: Vec<Vec<Trial>> = Vec::new();
    for phase in 0..phases {
        // 2,500/s in all are a light load: five trials at once.
        trials.push(std::thread::scope(|scope| {
            let bench = &*bench;
            let start = |column: usize, connections: Option<u32>, is_random: bool| {
                let cap = connections.map_or("unlimited".to_string(), |c| format!("-c {c}"));
                let label = format!("{cap}{}", if is_random { ", random lengths" } else { "" });
                let stalls = plan(phase, column, is_random);
                let name = format!("stall-{phase}-{}-{is_random}", connections.unwrap_or(0));
                scope.spawn(move || {
                    let told = against_stalls(bench, bench.ours(), &name, &stalls, connections, seconds);
                    Trial { label, truth: follows(&stalls, seconds), told }
                })
            };
            let mut running: Vec<_> = (0..).zip(CAPS).map(|(i, cap)| start(i, cap, false)).collect();
            running.push(start(CAPS.len(), Some(10), true));
            running.into_iter().map(|trial| trial.join().expect("a trial does not panic")).collect()
        }));
    }
    for column in 0..AT_ONCE {
        let column: Vec<&Trial> = trials.iter().map(|row| &row[column]).collect();
        report(bench, &column);
    }
    Ok(())
}

fn report(bench: &mut Bench, trials: &[&Trial]) {
    let near = trials.iter().filter(|trial| trial.is_near()).count();
    let worst = |i: usize| {
        trials
            .iter()
            .map(|trial| trial.errors()[i])
            .fold(0.0, |a: f64, b| if b.is_nan() { b } else { a.max(b) })
    };
    let worst: Vec<String> = (0..4).map(|i| show(worst(i))).collect();
    bench.bars.check(
        near == trials.len(),
        format!(
            "stalls, {}: {near} of {} phases within 5 ms; worst error p50 {} p95 {} p99 {} p99.9 {} ms",
            trials[0].label,
            trials.len(),
            worst[0],
            worst[1],
            worst[2],
            worst[3]
        ),
    );
    for trial in trials {
        if let Err(error) = &trial.told {
            println!("    {}: {error:#}", trial.label);
        }
    }
}

fn peers(bench: &Bench, seconds: u32) -> Result<()> {
    let caps: &[u32] = if bench.is_quick { &[10] } else { &[10, 400] };
    let stalls = plan(0, 0, false);
    let truth = follows(&stalls, seconds);
    println!("\n  500/s against stalls of 500 ms each 5 s; truth {}", row(truth));
    println!(
        "  {:<10}{:>6}{:>10}{:>10}{:>10}{:>10}{:>11}",
        "", "-c", "p50 ms", "p95 ms", "p99 ms", "p99.9 ms", "requests"
    );
    for &connections in caps {
        // All at once when quick: 500/s each.
        let at_once = if bench.is_quick { 8 } else { 2 };
        let everyone: Vec<&Client> = bench.everyone().collect();
        for group in everyone.chunks(at_once) {
            let told: Vec<(&Client, Result<Told>)> = std::thread::scope(|scope| {
                let run = |client| {
                    let (stalls, name) = (&stalls, format!("peer-{connections}"));
                    scope.spawn(move || {
                        (client, against_stalls(bench, client, &name, stalls, Some(connections), seconds))
                    })
                };
                let running: Vec<_> = group.iter().map(|client| run(*client)).collect();
                running.into_iter().map(|run| run.join().expect("a client's run does not panic")).collect()
            });
            for (client, told) in told {
                match told {
                    Ok(told) => println!(
                        "  {:<10}{connections:>6}{}{:>11}{}",
                        client.kind.name(),
                        row(told.ms),
                        told.requests,
                        if client.kind.is_paced() { "" } else { "  (cannot be paced)" }
                    ),
                    Err(error) => println!("  {:<10}{connections:>6}  {error:#}", client.kind.name()),
                }
            }
        }
    }
    println!();
    Ok(())
}

fn row(ms: [f64; 4]) -> String {
    ms.iter().map(|ms| format!("{:>10}", show(*ms))).collect()
}

/// One M/D/1 or M/M/1 queue.
#[derive(Clone, Copy)]
struct Queue {
    rho: f64,
    is_constant: bool,
}

/// The work of the single servers: long beside the tenths of a millisecond that the wire takes.
const WORK: Duration = Duration::from_millis(20);
/// Decides the arrivals.
const SEED: u64 = 1;

impl Queue {
    fn name(self) -> &'static str {
        if self.is_constant { "M/D/1" } else { "M/M/1" }
    }

    fn rate(self) -> Rate {
        Rate::per_second(self.rho / WORK.as_secs_f64()).expect("a rate")
    }

    /// Mean wait by Pollaczek and Khinchine, in ms.
    fn theory_ms(self) -> f64 {
        let c2 = if self.is_constant { 0.0 } else { 1.0 };
        self.rho * (1.0 + c2) / (2.0 * (1.0 - self.rho)) * WORK.as_secs_f64() * 1e3
    }

    /// What these very arrivals and this very work must give: mean latency, its 99th percentile, mean wait and its 99th
    /// percentile, in ms.
    fn path(self, seconds: u32) -> [f64; 4] {
        let work = if self.is_constant { Latency::Constant(WORK) } else { Latency::Exponential(WORK) };
        let mut server = SingleServer::new(work, SEED);
        let (mut waits, mut latencies) = (Vec::new(), Vec::new());
        for (_, at) in Arrivals::Poisson(self.rate()).schedule(SEED, Duration::from_secs(seconds.into())) {
            let (wait, done) = server.take(at);
            waits.push(wait.as_secs_f64() * 1e3);
            latencies.push((done - at).as_secs_f64() * 1e3);
        }
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let (waits, latencies) = (sorted(waits), sorted(latencies));
        [mean(&latencies), quantile(&latencies, 0.99), mean(&waits), quantile(&waits, 0.99)]
    }
}

/// The same arrivals and the same work are known to both sides, so that chance does not enter: what is left between the driver
/// and the recursion is the driver's (and the wire's). Theory's mean is the unit.
fn queues(bench: &mut Bench) -> Result<()> {
    // A thousand requests at the lowest rate: no p99 is told of fewer.
    let seconds = if bench.is_quick { 48 } else { 60 };
    let queues: Vec<Queue> = [0.5, 0.7, 0.8, 0.9]
        .into_iter()
        .flat_map(|rho| [true, false].map(|is_constant| Queue { rho, is_constant }))
        .collect();
    let found: Vec<Result<[f64; 2]>> = std::thread::scope(|scope| {
        let bench = &*bench;
        let running: Vec<_> =
            queues.iter().map(|&queue| scope.spawn(move || ask(bench, queue, seconds))).collect();
        running.into_iter().map(|run| run.join().expect("a run does not panic")).collect()
    });
    for (queue, found) in queues.iter().zip(found) {
        let [mean, p99, wait, wait_p99] = queue.path(seconds);
        let [found_mean, found_p99] = found.with_context(|| queue.name())?;
        let (off_mean, off_p99) = ((found_mean - mean) / queue.theory_ms(), (found_p99 - p99) / wait_p99);
        bench.bars.check(
            off_mean.abs() <= NEAR && off_p99.abs() <= NEAR,
            format!(
                "{} ρ {}: mean wait {:+.2} %, p99 {:+.2} % from the recursion (bar ±3 %); its mean {} ms, theory's {} ms",
                queue.name(),
                queue.rho,
                off_mean * 100.0,
                off_p99 * 100.0,
                show(wait),
                show(queue.theory_ms())
            ),
        );
    }
    Ok(())
}

/// Mean and 99th percentile of latency, in ms.
fn ask(bench: &Bench, queue: Queue, seconds: u32) -> Result<[f64; 2]> {
    let name = format!("queue-{}-{}", queue.name().replace('/', ""), queue.rho);
    let target = Target::start(
        &format!("{name}-target"),
        &["--seed", &SEED.to_string()],
        &bench.cores,
        &bench.folder,
    )?;
    let kind = if queue.is_constant { "constant" } else { "exponential" };
    let mut command = bench.cores.client(&super::inflight());
    let (rate, duration) = (queue.rate().to_string(), format!("{seconds}s"));
    command.args(["load", &target.url(&format!("/single/{kind}/{}ms", WORK.as_millis())), "--json"]);
    command.args(["--arrivals", "poisson", "--seed", &SEED.to_string(), "--rate", &rate, "-d", &duration]);
    let limit = Duration::from_secs(u64::from(seconds) + 30);
    let used = super::usage::measure(&name, &mut command, &bench.folder, limit)?;
    let json: serde_json::Value = serde_json::from_str(&used.stdout)?;
    let spread = &json["load"][0]["intended"];
    let of = |key: &str| spread[key].as_f64().with_context(|| format!("no {key}")).map(|ns| ns / 1e6);
    Ok([of("mean_ns")?, of("p99_ns")?])
}
