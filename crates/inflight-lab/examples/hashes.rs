//! Hashes of everything that happens in virtual worlds and of every kind of draw; `cargo xtask repeat` compares what
//! different builds print.
//!
//! `cargo run -p inflight-lab --example hashes [THREADS]`

#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a program of its own")]

use inflight_lab::{
    call::{Place, Sink},
    dependency::Latency,
    draws::{Stream, exponential},
    experiment::Document,
    sim, trial,
};
use inflight_strategies::{event::Event, rt::Instant};
use std::{sync::Arc, thread, time::Duration};

const FILES: [(&str, &str); 2] = [
    ("four-endpoints.toml", include_str!("../../../experiments/four-endpoints.toml")),
    ("memory-cliff.toml", include_str!("../../../experiments/memory-cliff.toml")),
];
const SEEDS: u64 = 20;
const DRAWS: u64 = 200_000;

/// Keeps nothing: the world hashes every poll itself.
struct Deaf;

impl Sink for Deaf {
    fn on_event(&self, _: usize, _: Place, _: u64, _: Instant, _: &Event) {}
}

fn fold(hash: u64, word: u64) -> u64 {
    (hash.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Every arm of both experiments with one seed.
fn world(seed: u64) -> u64 {
    let mut hash = seed;
    for (name, text) in FILES {
        let read = |name: &str| Err(format!("no {name}"));
        let mut document = Document::read(text, name, &read).unwrap_or_else(|problems| panic!("{problems}"));
        document.seed = seed;
        document.workload.as_mut().expect("an experiment has one").duration = Duration::from_secs(60);
        for arm in 0..document.endpoints.len() {
            let ran = trial::run(&document, arm, sim::Settings::default(), Arc::new(Deaf));
            let (record, trace) = ran.unwrap_or_else(|stuck| panic!("{stuck}"));
            let words = [trace.hash, trace.ended.as_nanos(), record.offered, record.answered.max()];
            hash = words.into_iter().fold(hash, fold);
        }
    }
    hash
}

/// Every kind of draw.
fn draws() -> u64 {
    let ms = Duration::from_millis;
    let laws = [
        Latency::Uniform(ms(300), ms(1200)),
        Latency::Exponential(ms(100)),
        Latency::Lognormal { median: ms(2), p99: ms(20) },
        Latency::Pareto { min: ms(10), shape: 1.5 },
    ];
    let stream = Stream::new(1, "hashes");
    let drawn = laws.iter().flat_map(|law| (0..DRAWS).map(move |id| law.draw(&mut stream.dice(id))));
    let raw = (0..DRAWS).map(|id| exponential(&mut stream.dice(id)).to_bits());
    drawn.map(|d| d.as_nanos() as u64).chain(raw).fold(0, fold)
}

/// The C library's logarithm: what the lab does not use, since it differs between machines.
fn foreign() -> u64 {
    let stream = Stream::new(1, "hashes");
    (0..DRAWS * 10).map(|id| exponential(&mut stream.dice(id)).ln().to_bits()).fold(0, fold)
}

fn main() {
    let threads: u64 = std::env::args().nth(1).map_or(1, |text| text.parse().expect("a number of threads"));
    let mut worlds: Vec<(u64, u64)> = thread::scope(|scope| {
        let lanes: Vec<_> = (0..threads)
            .map(|lane| {
                let seeds = (0..SEEDS).filter(move |seed| seed % threads == lane);
                scope.spawn(move || seeds.map(|seed| (seed, world(seed))).collect::<Vec<_>>())
            })
            .collect();
        lanes.into_iter().flat_map(|lane| lane.join().expect("no panic")).collect()
    });
    worlds.sort_unstable();
    let worlds = worlds.into_iter().fold(0, |hash, (_, of_seed)| fold(hash, of_seed));
    println!("{worlds:016x} {:016x} {:016x}", draws(), foreign());
}
