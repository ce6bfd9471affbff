//! Processor time per request with all delays 0, beside a bare hyper server.

use crate::{
    bare,
    client::Client,
    machine::{Pinned, Server, app},
    sink::Sink,
    verdict,
};
use std::time::{Duration, Instant};

/// At most so many times the bare server's processor time.
const BAR: f64 = 1.25;
/// Callers in the closed loop.
const CALLERS: usize = 64;

const ENDPOINTS: [&str; 5] =
    ["/sync", "/async", "/async-limited", "/async-timeout", "/async-timeout-detached"];

/// The built-in endpoints over services that take no time and never fail.
fn configuration() -> String {
    let endpoints =
        inflight::app::settings::DEFAULT_CONFIG.split_once("# A, then B.").expect("its first endpoint").1;
    format!(
        "[service.a]\nlatency = {{ constant = \"0ms\" }}\n[service.b]\nlatency = {{ constant = \"0ms\" }}\nerrors = \"0%\"\n{endpoints}"
    )
}

/// One server under one path.
struct Lane<'a> {
    name: &'a str,
    server: &'a Server,
    client: Client,
    /// Per round: microseconds of processor time per request, requests per second, share of one processor.
    rounds: Vec<(f64, f64, f64)>,
}

impl<'a> Lane<'a> {
    fn new(name: &'a str, server: &'a Server, path: &str) -> Self {
        Lane { name, server, client: Client::new(server.address, path), rounds: Vec::new() }
    }

    fn run(&mut self, time: Duration) -> (f64, f64, f64) {
        let (began, before) = (Instant::now(), self.server.processor_time());
        let answers = self.client.closed_loop(CALLERS, time) as f64;
        let (used, passed) = (self.server.processor_time() - before, began.elapsed());
        (
            used.as_secs_f64() * 1e6 / answers,
            answers / passed.as_secs_f64(),
            used.as_secs_f64() / passed.as_secs_f64(),
        )
    }

    fn column(&self, pick: impl Fn(&(f64, f64, f64)) -> f64) -> Vec<f64> {
        let mut values: Vec<f64> = self.rounds.iter().map(pick).collect();
        values.sort_by(f64::total_cmp);
        values
    }
}

/// Measures and prints.
pub(crate) fn measure(pinned: &Pinned, quick: bool) {
    let (rounds, time) = if quick { (5, 200) } else { (9, 400) };
    let time = Duration::from_millis(time);
    let sink = Sink::start();
    let ours = pinned.start(app(Some(&configuration()), sink.address));
    let bare = pinned.start(bare::command());
    let mut lanes = vec![Lane::new("bare hyper", &bare, "/")];
    lanes.extend(ENDPOINTS.iter().map(|path| Lane::new(path, &ours, path)));
    lanes.iter_mut().for_each(|lane| {
        lane.run(time / 2);
    });
    for _ in 0..rounds {
        for lane in &mut lanes {
            let round = lane.run(time);
            lane.rounds.push(round);
            // As long a pause: other programs want to live, and a processor that never rests is slowed down.
            std::thread::sleep(time);
        }
    }
    println!(
        "\nBar 4: delays 0, metrics on ({} exports taken), {CALLERS} callers, {rounds} interleaved rounds of {time:?}",
        sink.exports()
    );
    println!(
        "{:<24}{:>10}{:>16}{:>16}{:>10}{:>8}{:>16}",
        "", "CPU µs", "min to max", "per CPU-s", "per s", "busy", "× bare (≤ 1.25)"
    );
    let bare_rounds: Vec<f64> = lanes[0].rounds.iter().map(|round| round.0).collect();
    lanes.iter().for_each(|lane| print_lane(lane, &bare_rounds));
    println!(
        "known points on such a machine, CPU µs: raw epoll 7 to 10, plain axum 9 to 13, Go/Gin 20 to 38"
    );
}

fn print_lane(lane: &Lane<'_>, bare: &[f64]) {
    let middle = |values: &[f64]| values[values.len() / 2];
    let (cost, rate, busy) = (lane.column(|r| r.0), lane.column(|r| r.1), lane.column(|r| r.2));
    // Round by round: what else the machine does weighs on neighbours alike.
    let mut ratios: Vec<f64> = lane.rounds.iter().zip(bare).map(|(round, bare)| round.0 / bare).collect();
    ratios.sort_by(f64::total_cmp);
    let ratio = middle(&ratios);
    println!(
        "{:<24}{:>10.2}{:>16}{:>16.0}{:>10.0}{:>7.0}%{:>9.2}  {}",
        lane.name,
        middle(&cost),
        format!("{:.2} to {:.2}", cost[0], cost[cost.len() - 1]),
        1e6 / middle(&cost),
        middle(&rate),
        middle(&busy) * 100.0,
        ratio,
        if lane.name.starts_with('/') { verdict(ratio, BAR) } else { "" },
    );
}
