//! What a call costs behind each strategy, beside others that do the same. `cargo bench -p inflight-strategies` runs it.
//!
//! Every lane makes calls of a service that does nothing, one after the other. Lanes take turns, in rounds. Printed are nanoseconds
//! (the fastest round: other programs on the machine only make it slower, and so do frames that happen to cross cache lines, so that
//! rounds begin at different depths of the stack), instructions (callgrind, which they do not change) and
//! allocations per call.

mod children;
mod report;

use std::{process::ExitCode, time::Instant};
use strategies_bench::{LANES, Lane};

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

const ROUNDS: usize = 100;

fn nanos(lane: &Lane) -> f64 {
    let calls = lane.calls();
    let start = Instant::now();
    (lane.run)(calls);
    start.elapsed().as_nanos() as f64 / calls as f64
}

/// The same with a stack that begins elsewhere.
#[inline(never)]
fn deeper<const BYTES: usize>(lane: &Lane) -> f64 {
    let room = std::hint::black_box([0u8; BYTES]);
    let nanos = nanos(lane);
    std::hint::black_box(&room);
    nanos
}

/// Where a frame crosses cache lines is luck, and costs some nanoseconds: every lane has its share of it.
const DEPTHS: [fn(&Lane) -> f64; 4] = [deeper::<16>, deeper::<32>, deeper::<48>, deeper::<64>];

fn measure(count_instructions: bool) -> Vec<Cost> {
    let mut fastest = vec![f64::INFINITY; LANES.len()];
    for round in 0..ROUNDS {
        for (lane, fastest) in LANES.iter().zip(&mut fastest) {
            *fastest = fastest.min(DEPTHS[round % DEPTHS.len()](lane));
        }
    }
    let costs = fastest.into_iter().enumerate().map(|(index, nanos)| Cost {
        nanos,
        allocations: children::allocations(index),
        instructions: if count_instructions { children::instructions(index) } else { None },
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
        [] => report::print(&measure(true)),
        ["quick"] => report::print(&measure(false)),
        _ => {
            eprintln!("usage: cargo bench -p inflight-strategies [-- quick]");
            ExitCode::from(2)
        }
    }
}
