//! What a call costs behind each strategy, beside others that do the same. `cargo bench -p inflight-strategies` runs it.
//!
//! Every lane makes calls of a service that does nothing, one after the other. Lanes take turns, in rounds. Printed are nanoseconds
//! (median of the rounds), instructions (callgrind, which no other program on the machine changes) and allocations per call.

mod call;
mod instructions;
mod lanes;
mod report;

use lanes::{LANES, Lane};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::{alloc::System, process::ExitCode, time::Instant};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// What a call costs.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// Wall-clock time.
    pub nanos: f64,
    /// Allocations.
    pub allocations: f64,
    /// Instructions, if they could be counted.
    pub instructions: Option<f64>,
}

const ROUNDS: usize = 7;
const CALLS: u64 = 200_000;

fn nanos(lane: &Lane, calls: u64) -> f64 {
    let start = Instant::now();
    (lane.run)(calls);
    start.elapsed().as_nanos() as f64 / calls as f64
}

/// The difference of two runs, so that what every run begins with cancels out.
fn allocations(lane: &Lane) -> f64 {
    let count = |calls| {
        let region = Region::new(ALLOCATOR);
        (lane.run)(calls);
        region.change().allocations as f64
    };
    (count(3_000) - count(1_000)) / 2_000.0
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn measure(quick: bool) -> Vec<Cost> {
    let (rounds, calls) = if quick { (1, CALLS / 20) } else { (ROUNDS, CALLS) };
    let mut times = vec![Vec::new(); LANES.len()];
    for _ in 0..rounds {
        for (lane, times) in LANES.iter().zip(&mut times) {
            times.push(nanos(lane, calls));
        }
    }
    let costs = LANES.iter().zip(times).enumerate().map(|(index, (lane, times))| Cost {
        nanos: median(times),
        allocations: allocations(lane),
        instructions: instructions::of(index),
    });
    costs.collect()
}

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let _inside = runtime.enter();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["only", lane, calls] => {
            let lane = &LANES[lane.parse::<usize>().expect("the number of a lane")];
            (lane.run)(calls.parse().expect("a number of calls"));
            ExitCode::SUCCESS
        }
        [] => report::print(&measure(false)),
        ["quick"] => report::print(&measure(true)),
        _ => {
            eprintln!("usage: cargo bench -p inflight-strategies [-- quick]");
            ExitCode::from(2)
        }
    }
}
