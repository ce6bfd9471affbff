//! Sweeps: arms × factors × seeds over all threads.

use super::say_speed;
use crate::{
    cli,
    commands::{
        Exit,
        json::json,
        library::{Source, factors},
        swept,
        workers::Workers,
    },
    terminal::{ink, print, say},
};
use inflight_lab::report;
use std::time::Duration;

/// Seeds of a sweep of which nothing was said.
const SEEDS: u32 = 10;

/// Runs a sweep and prints it.
pub(super) fn run(
    source: &Source,
    flags: &cli::Sim,
    workers: &Workers,
    real_time: &dyn Fn() -> Duration,
) -> anyhow::Result<Exit> {
    let seeds = flags.seeds.unwrap_or(if flags.sweep.is_empty() { 1 } else { SEEDS });
    let sweep = source.sweep(factors(&flags.sweep)?, source.arms(&flags.only), seeds as usize)?;
    say(&format!(
        "{} jobs: {} cells × {} arms × {seeds} seeds",
        sweep.jobs(),
        sweep.cells.len(),
        sweep.arms.len()
    ));
    let (outcome, virtual_ns) = swept::outcome(source, sweep, workers)?;
    let text = match flags {
        _ if flags.json => json(&outcome)?,
        _ if flags.csv => report::sweep_csv(&outcome),
        _ => report::sweep(&outcome, &*ink()),
    };
    print(&text);
    say_speed(virtual_ns, real_time(), workers.threads);
    Ok(if outcome.complete { Exit::Done } else { Exit::Interrupted })
}
