//! What a request costs: processor time beside a bare hyper server, added latency, and memory while in flight.
//!
//! `cargo bench -p inflight --bench server [--features jemalloc] [-- [quick] [cost] [delay]]`. The server under test is the
//! program itself, a process of its own on one processor; the client is one thread of this process, on another. The bare
//! server is this program in another mode, and so has the same allocator.

#![allow(clippy::disallowed_methods, reason = "a bench measures with the machine's clock")]
#![allow(clippy::print_stdout, reason = "its figures are its output")]

mod bare;
mod client;
mod cost;
mod delay;
mod machine;
mod sink;

use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let has = |word: &str| words.iter().any(|w| w == word);
    if has(bare::MODE) {
        bare::serve();
        return ExitCode::SUCCESS;
    }
    // `cargo test --benches` runs benches too: then it only has to start.
    if !has("--bench") {
        return ExitCode::SUCCESS;
    }
    let pinned = machine::Pinned::try_new();
    let allocator = if cfg!(feature = "jemalloc") { "jemalloc" } else { "the system's allocator" };
    println!("{}; {allocator}", pinned.describe());
    let quick = has("quick");
    let sections = [("cost", cost::measure as fn(&machine::Pinned, bool)), ("delay", delay::measure)];
    let chosen: Vec<_> = sections.iter().filter(|(name, _)| has(name)).collect();
    for (_, measure) in if chosen.is_empty() { sections.iter().collect() } else { chosen } {
        measure(&pinned, quick);
    }
    ExitCode::SUCCESS
}

/// Whether a figure keeps its bar, in words.
fn verdict(value: f64, bar: f64) -> &'static str {
    if value <= bar { "OK" } else { "MISSED" }
}
