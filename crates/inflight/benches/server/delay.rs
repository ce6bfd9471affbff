//! What the app adds to the sleep that it is asked for, and what a request in flight costs in memory.
//!
//! The client sends a request's number with it, so the delays of A and B are known here to the nanosecond: whatever an
//! answer took beyond the longer of them was added by timers, scheduler, HTTP, loopback and the client itself. The same
//! client against the bare server, which has no delay, shows how much of that is not the app's.

use crate::{
    bare,
    client::{Client, Sample},
    machine::{Pinned, Server, app, raise_open_files},
    sink::Sink,
    verdict,
};
use inflight::app::settings::DEFAULT_CONFIG;
use inflight_lab::{
    call::Which,
    dependency::{Fates, Profile},
    experiment::Document,
    workload::Arrivals,
};
use inflight_strategies::units::Rate;
use std::time::{Duration, Instant};

/// Bars at 1,000/s, in milliseconds, and per request in flight, in kilobytes of 1,000 bytes.
const P50_BAR: f64 = 0.3;
const P99_BAR: f64 = 1.0;
const MEMORY_BAR: f64 = 12.0;

/// What was drawn for each request.
struct Foreseen {
    a: (Fates, Profile),
    b: (Fates, Profile),
}

impl Foreseen {
    fn new(configuration: &str) -> Foreseen {
        let no_files = |_: &str| Err("no files".to_string());
        let document = Document::read(configuration, "bench", &no_files).expect("a good configuration");
        Foreseen {
            a: (Fates::new(document.seed, Which::A), document.service_a),
            b: (Fates::new(document.seed, Which::B), document.service_b),
        }
    }

    /// How long A and B together keep request `id` waiting; `None` if one of them fails it.
    fn delay(&self, id: u64) -> Option<Duration> {
        Some(self.a.0.of(&self.a.1, id)?.max(self.b.0.of(&self.b.1, id)?))
    }
}

/// How requests are sent, and which of them count.
struct Schedule {
    arrivals: Arrivals,
    /// Not counted: answers that come earlier than this.
    warmup: Duration,
    duration: Duration,
    seed: u64,
}

/// Sends as the schedule says, without ever waiting for an answer, and returns the answers of the counted time.
fn open_loop(client: &mut Client, schedule: &Schedule, mut each_second: impl FnMut(&Client)) -> Vec<Sample> {
    let start = Instant::now() + Duration::from_millis(20);
    let mut counted = Vec::new();
    let mut over = |sample: Sample| {
        if sample.done >= start + schedule.warmup {
            counted.push(sample);
        }
    };
    let mut second = start;
    for (id, offset) in schedule.arrivals.schedule(schedule.seed, schedule.duration) {
        let due = start + offset;
        loop {
            // At least once, even when late: connections that have their answer are used before new ones.
            client.wait(due, &mut over);
            if Instant::now() >= due {
                break;
            }
        }
        client.shoot(id, due);
        if due >= second {
            each_second(client);
            second += Duration::from_secs(1);
        }
    }
    counted
}

/// Waits for every answer, so that the next round finds an idle server.
fn finish(client: &mut Client) {
    let patience = Instant::now() + Duration::from_secs(5);
    while client.in_flight() > 0 && Instant::now() < patience {
        client.wait(patience, |_| ());
    }
}

/// Percentiles of durations in milliseconds.
struct Percentiles(Vec<f64>);

impl Percentiles {
    fn of(values: impl Iterator<Item = f64>) -> Percentiles {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        Percentiles(values)
    }

    fn at(&self, share: f64) -> f64 {
        let last = self.0.len().saturating_sub(1);
        self.0.get(((self.0.len() as f64 * share) as usize).min(last)).copied().unwrap_or(f64::NAN)
    }
}

fn per_second(rate: f64) -> Rate {
    Rate::per_second(rate).expect("a rate")
}

fn ms(from: Instant, to: Instant) -> f64 {
    to.saturating_duration_since(from).as_secs_f64() * 1e3
}

/// One measured round.
struct Round {
    added: Percentiles,
    from_intended: Percentiles,
    lateness: Percentiles,
    in_flight: usize,
    cpu_us: f64,
}

impl Round {
    fn run(
        client: &mut Client,
        server: &Server,
        schedule: &Schedule,
        delay: impl Fn(u64) -> Option<Duration>,
    ) -> Round {
        let before = server.processor_time();
        let mut in_flight = 0;
        let samples = open_loop(client, schedule, |client| in_flight = client.in_flight());
        let used = server.processor_time() - before;
        let shots = schedule.arrivals.rate().as_per_second() * schedule.duration.as_secs_f64();
        let good: Vec<(Sample, f64)> = samples
            .into_iter()
            .filter(|sample| sample.status == 200)
            .filter_map(|sample| Some((sample, delay(sample.id)?.as_secs_f64() * 1e3)))
            .collect();
        let column = |pick: fn(&Sample, f64) -> f64| Percentiles::of(good.iter().map(|(s, d)| pick(s, *d)));
        Round {
            added: column(|s, delay| ms(s.sent, s.done) - delay),
            from_intended: column(|s, delay| ms(s.intended, s.done) - delay),
            lateness: column(|s, _| ms(s.intended, s.sent)),
            in_flight,
            cpu_us: used.as_secs_f64() * 1e6 / shots,
        }
    }

    fn print(&self, name: &str, note: &str) {
        let p = |of: &Percentiles, share| of.at(share);
        println!(
            "{name:<32}{:>8.0}{:>11}{:>9.3}{:>9.3}{:>9.3}{:>14.3}{:>9.3}{:>14.3}{note}",
            self.cpu_us,
            self.in_flight,
            p(&self.added, 0.5),
            p(&self.added, 0.99),
            p(&self.added, 0.999),
            p(&self.from_intended, 0.5),
            p(&self.from_intended, 0.99),
            p(&self.lateness, 0.99),
        );
    }
}

/// Measures and prints.
pub(crate) fn measure(pinned: &Pinned, quick: bool) {
    let sink = Sink::start();
    println!(
        "\nBar 5: latency added to the sleep, ms, /async, open loop, metrics on; of several rounds the best by p99"
    );
    println!(
        "{:<32}{:>8}{:>11}{:>9}{:>9}{:>9}{:>14}{:>9}{:>14}",
        "", "CPU µs", "in flight", "p50", "p99", "p99.9", "intended p50", "p99", "client's p99"
    );
    for rate in [1000.0, 3000.0] {
        floor(pinned, rate, quick);
        real_delays(pinned, &sink, rate, quick);
    }
    many_in_flight(pinned, &sink, quick);
    println!(
        "known points at 1,000/s, p50 and p99: Go/Gin 0.57 and 1.28, plain axum 1.06 and 2.01, raw epoll 0.12 and 0.25;\n\
         KB per request in flight: Go/Gin 27, plain axum 20"
    );
}

/// The client against a server without delays: what of the added latency is the loopback's and the client's own.
fn floor(pinned: &Pinned, rate: f64, quick: bool) {
    let bare = pinned.start(bare::command());
    let mut client = Client::new(bare.address, "/");
    let seconds = if quick { 2 } else { 5 };
    let schedule = Schedule {
        arrivals: Arrivals::Poisson(per_second(rate)),
        warmup: Duration::from_millis(500),
        duration: Duration::from_secs(seconds),
        seed: 1,
    };
    let round = Round::run(&mut client, &bare, &schedule, |_| Some(Duration::ZERO));
    round.print(&format!("bare hyper, {rate}/s"), "  (floor)");
}

/// The built-in delays at `rate`.
fn real_delays(pinned: &Pinned, sink: &Sink, rate: f64, quick: bool) {
    let foreseen = Foreseen::new(DEFAULT_CONFIG);
    let server = pinned.start(app(None, sink.address));
    let mut client = Client::new(server.address, "/async");
    let (rounds, counted) = if quick { (1, 4) } else { (3, 8) };
    let rounds: Vec<Round> = (1..=rounds)
        .map(|seed| {
            let warmup = Duration::from_millis(1500);
            let arrivals = Arrivals::Poisson(per_second(rate));
            let schedule =
                Schedule { arrivals, warmup, duration: warmup + Duration::from_secs(counted), seed };
            let round = Round::run(&mut client, &server, &schedule, |id| foreseen.delay(id));
            finish(&mut client);
            round
        })
        .collect();
    let all: Vec<String> =
        rounds.iter().map(|r| format!("{:.2}/{:.2}", r.added.at(0.5), r.added.at(0.99))).collect();
    let p99 = |round: &&Round| (round.added.at(0.99) * 1e6) as i64;
    let best = rounds.iter().min_by_key(p99).expect("at least one round");
    best.print(&format!("/async, {rate}/s"), &format!("  all rounds {}", all.join(" ")));
    if rate == 1000.0 {
        let (p50, p99) = (best.added.at(0.5), best.added.at(0.99));
        println!("  p50 {p50:.3} ms, bar {P50_BAR}: {}", verdict(p50, P50_BAR));
        println!("  p99 {p99:.3} ms, bar {P99_BAR}: {}", verdict(p99, P99_BAR));
    }
}

/// 20,000 in flight, or as many as the system lets one process have connections.
fn many_in_flight(pinned: &Pinned, sink: &Sink, quick: bool) {
    let wanted = raise_open_files().saturating_sub(300).min(20_000) as f64;
    // Little's law: about 1,000/s for 20 s or, in a hurry, 2,500/s for 8 s.
    let (low, high, counted) = if quick { (7900, 8100, 3) } else { (19_000, 21_000, 10) };
    let rate = wanted * 2e3 / (low + high) as f64;
    let configuration = format!(
        "[service.a]\nlatency = {{ uniform = [\"50ms\", \"150ms\"] }}\n\
         [service.b]\nlatency = {{ uniform = [\"{low}ms\", \"{high}ms\"] }}\nerrors = \"0%\"\n\
         [[endpoint]]\nname = \"async\"\ncalls = \"parallel\"\n"
    );
    let foreseen = Foreseen::new(&configuration);
    let server = pinned.start(app(Some(&configuration), sink.address));
    let allocated = || server.metric("allocator_allocated_bytes").unwrap_or(f64::NAN);
    let (asked_idle, idle) = (allocated(), server.resident());
    let mut client = Client::new(server.address, "/async");
    let warmup = Duration::from_millis(high) + Duration::from_millis(500);
    let duration = warmup + Duration::from_secs(counted);
    // Evenly spaced, so that the number in flight stays where it is wanted.
    let schedule = Schedule { arrivals: Arrivals::Constant(per_second(rate)), warmup, duration, seed: 1 };
    let round = Round::run(&mut client, &server, &schedule, |id| foreseen.delay(id));
    let (in_flight, resident) = (client.in_flight() as f64, server.resident());
    let asked = (allocated() - asked_idle) / in_flight / 1e3;
    round.print(&format!("/async, {rate:.0}/s, {low} to {high} ms"), "");
    let each = (resident - idle) as f64 / in_flight / 1e3;
    println!(
        "  {in_flight} in flight on {} connections; resident {:.1} MB, idle {:.1} MB; asked of the allocator {asked:.2} KB each",
        client.connections(),
        resident as f64 / 1e6,
        idle as f64 / 1e6,
    );
    println!("  {each:.2} KB per request in flight, bar {MEMORY_BAR}: {}", verdict(each, MEMORY_BAR));
}
