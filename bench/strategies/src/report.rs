//! The table, and what it is held to.

use crate::Cost;
use std::process::ExitCode;
use strategies_bench::{LANES, Lane, Whose};

/// Uncontended acquire and release, in nanoseconds.
const ACQUIRE: f64 = 60.0;
/// Allocations per call of a stack of six.
const ALLOCATIONS: f64 = 3.0;
/// Two measurements of the same thing differ by so much.
const NOISE: f64 = 1.05;

/// Prints everything; fails if something does not hold.
pub fn print(costs: &[Cost]) -> ExitCode {
    println!("{:<42}{:>9}{:>8}{:>14}{:>13}", "per call", "ns", "ratio", "instructions", "allocations");
    let rows: Vec<(&Lane, &Cost)> = LANES.iter().zip(costs).collect();
    let rows: Vec<&[(&Lane, &Cost)]> = rows.chunk_by(|a, b| a.0.row == b.0.row).collect();
    for row in &rows {
        let fastest = fastest(row).map_or(row[0].1.nanos, |peer| peer.1.nanos);
        println!("{}", row[0].0.row);
        for (lane, cost) in *row {
            let instructions = cost.instructions.map_or("–".into(), |n| format!("{n:.0}"));
            println!(
                "  {:<40}{:>9.1}{:>8.2}{instructions:>14}{:>13.1}",
                lane.name,
                cost.nanos,
                cost.nanos / fastest,
                cost.allocations
            );
        }
    }
    println!("ratio: to the fastest peer of the row, or to its first line if there is none");
    println!();
    println!("bars: in each row ours is at least as fast as the fastest peer (noise: 5 %), as what it is and behind tower;");
    println!("acquire and release take less than {ACQUIRE} ns; a stack of six allocates at most {ALLOCATIONS} times per call");
    let mut holds = true;
    for row in &rows {
        let Some((peer, theirs)) = fastest(row) else { continue };
        for whose in [Whose::Native, Whose::Tower] {
            let ours = row.iter().filter(|(lane, _)| lane.whose == whose);
            let Some((lane, cost)) = ours.min_by(|a, b| a.1.nanos.total_cmp(&b.1.nanos)) else { continue };
            let bound = theirs.nanos * NOISE;
            let what = format!("{}: {} against {}", lane.row, lane.name, peer.name);
            holds &= told(cost.nanos <= bound, &what, cost.nanos, theirs.nanos, "ns");
        }
    }
    for (lane, cost) in LANES.iter().zip(costs) {
        if lane.row == "acquire + release" && lane.whose == Whose::Native {
            holds &= told(cost.nanos < ACQUIRE, lane.name, cost.nanos, ACQUIRE, "ns");
        }
        if lane.row == "a stack of six" && matches!(lane.whose, Whose::Native | Whose::Tower) {
            holds &= told(
                cost.allocations <= ALLOCATIONS,
                lane.name,
                cost.allocations,
                ALLOCATIONS,
                "allocations",
            );
        }
    }
    if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn fastest<'a>(row: &[(&'a Lane, &'a Cost)]) -> Option<(&'a Lane, &'a Cost)> {
    let peers = row.iter().filter(|(lane, _)| lane.whose == Whose::Peer);
    peers.min_by(|a, b| a.1.nanos.total_cmp(&b.1.nanos)).copied()
}

fn told(holds: bool, what: &str, value: f64, bound: f64, unit: &str) -> bool {
    println!("{:<7}{what}: {value:.1} of {bound:.1} {unit}", if holds { "MET" } else { "MISSED" });
    holds
}
