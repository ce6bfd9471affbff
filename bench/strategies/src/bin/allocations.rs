//! Allocations per call of one lane.

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use strategies_bench::LANES;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const FEW: u64 = 1_000;
const MANY: u64 = 3_000;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let _inside = runtime.enter();
    let lane =
        std::env::args().nth(1).and_then(|lane| lane.parse::<usize>().ok()).expect("the number of a lane");
    let count = |calls| {
        let region = Region::new(ALLOCATOR);
        (LANES[lane].run)(calls);
        region.change().allocations as f64
    };
    // The difference of two runs, so that what every run begins with cancels out.
    println!("{}", (count(MANY) - count(FEW)) / (MANY - FEW) as f64);
}
