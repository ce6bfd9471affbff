//! `inflight load`: the driver on any HTTP target.

mod ask;
mod capacity;
mod drive;
mod selftest;
mod show;
mod watch;

use super::{Exit, raise_open_files, runtime};
use crate::{cli, terminal::say};
use drive::Targets;
use inflight_lab::load::figures::LoadFigures;

pub(super) fn run(flags: &cli::Load) -> anyhow::Result<Exit> {
    let files = raise_open_files();
    let runtime = runtime(None)?;
    let exit = if flags.selftest {
        runtime.block_on(selftest::run(flags))
    } else {
        // Everything is read before anything is sent.
        let workload = ask::workload(flags)?;
        let expectations = ask::expectations(&flags.expect, "--expect")?;
        let targets = runtime.block_on(Targets::of(flags))?;
        preflight(targets.connections(), files);
        match &flags.find_capacity {
            Some(objective) => runtime.block_on(capacity::run(flags, &targets, objective)),
            None => {
                let driven = runtime.block_on(targets.drive(&workload))?;
                show::show(flags, &workload, &driven, &expectations)
            }
        }
    };
    runtime.shutdown_background();
    exit
}

/// Says beforehand what the machine may not have.
fn preflight(connections: u64, files: u64) {
    if connections + 32 > files {
        say(&format!(
            "warning: {connections} connections may need more files than this process may open ({files}); fewer with -c, or \
             a higher limit (ulimit -n)"
        ));
    }
}

/// The figures of every target.
fn figures(driven: &drive::Driven, flags: &cli::Load) -> Vec<LoadFigures> {
    let of = |(name, record): &(String, inflight_lab::record::Record)| {
        LoadFigures::of(name, record, flags.patience, driven.effort)
    };
    driven.records.iter().map(of).collect()
}
