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
/// How long one server is measured before it is the other's turn: short, so that both see the same neighbours, and long
/// beside the first requests, which find cold caches.
const SLICE: Duration = Duration::from_millis(100);
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

/// One slice of one lane.
#[derive(Clone, Copy)]
struct Slice {
    /// Microseconds of processor time per request.
    cost: f64,
    /// Share of one processor.
    busy: f64,
}

/// One server under one path.
struct Lane<'a> {
    server: &'a Server,
    client: Client,
}

impl<'a> Lane<'a> {
    fn new(server: &'a Server, path: &str) -> Self {
        Lane { server, client: Client::new(server.address, path) }
    }

    fn run(&mut self, time: Duration) -> Slice {
        let (began, before) = (Instant::now(), self.server.processor_time());
        let answers = self.client.closed_loop(CALLERS, time) as f64;
        let used = (self.server.processor_time() - before).as_secs_f64();
        Slice { cost: used * 1e6 / answers, busy: used / began.elapsed().as_secs_f64() }
    }
}

/// Measures and prints.
pub(crate) fn measure(pinned: &Pinned, quick: bool) {
    let rounds = if quick { 21 } else { 61 };
    let sink = Sink::start();
    let ours = pinned.start(app(Some(&configuration()), sink.address));
    let bare = pinned.start(bare::command());
    let mut yardstick = Lane::new(&bare, "/");
    let mut lanes = ENDPOINTS.map(|path| Lane::new(&ours, path));
    let mut pairs: [Vec<(Slice, Slice)>; ENDPOINTS.len()] = Default::default();
    for round in 0..=rounds {
        for (lane, pairs) in lanes.iter_mut().zip(&mut pairs) {
            let pair = side_by_side(&mut yardstick, lane, round % 2 == 0);
            // The first round warms up.
            pairs.extend((round > 0).then_some(pair));
            // As long a pause: other programs want to live, and this one goes before them.
            std::thread::sleep(SLICE * 2);
        }
    }
    println!(
        "\nBar 4: delays 0, metrics on ({} exports taken), {CALLERS} callers, {rounds} rounds of bare hyper \
         beside each endpoint, {SLICE:?} each; median, quartiles",
        sink.exports()
    );
    println!(
        "{:<24}{:>8}{:>16}{:>12}{:>6}{:>10}{:>16}{:>9}{:>14}",
        "", "CPU µs", "", "per CPU-s", "busy", "bare µs", "", "× bare", ""
    );
    ENDPOINTS.iter().zip(&pairs).for_each(|(path, pairs)| print_lane(path, pairs));
    println!(
        "known points on such a machine, CPU µs: raw epoll 7 to 10, plain axum 9 to 13, Go/Gin 20 to 38"
    );
}

/// A slice of each, one directly after the other: what else the machine does weighs on both alike.
fn side_by_side(bare: &mut Lane<'_>, lane: &mut Lane<'_>, bare_first: bool) -> (Slice, Slice) {
    if bare_first {
        let slice = bare.run(SLICE);
        return (slice, lane.run(SLICE));
    }
    let slice = lane.run(SLICE);
    (bare.run(SLICE), slice)
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

fn print_lane(path: &str, pairs: &[(Slice, Slice)]) {
    let middle = |values: &[f64]| values[values.len() / 2];
    let range =
        |values: &[f64]| format!("{:.2} to {:.2}", values[values.len() / 4], values[values.len() * 3 / 4]);
    let cost = sorted(pairs.iter().map(|(_, ours)| ours.cost));
    let bare = sorted(pairs.iter().map(|(bare, _)| bare.cost));
    let busy = sorted(pairs.iter().map(|(_, ours)| ours.busy));
    let ratio = sorted(pairs.iter().map(|(bare, ours)| ours.cost / bare.cost));
    println!(
        "{path:<24}{:>8.2}{:>16}{:>12.0}{:>5.0}%{:>10.2}{:>16}{:>9.2}{:>14}  bar {BAR}: {}",
        middle(&cost),
        range(&cost),
        1e6 / middle(&cost),
        middle(&busy) * 100.0,
        middle(&bare),
        range(&bare),
        middle(&ratio),
        range(&ratio),
        verdict(middle(&ratio), BAR),
    );
}
