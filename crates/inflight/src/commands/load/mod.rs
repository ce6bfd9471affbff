//! `inflight load`: the driver on any HTTP target.

mod ask;
mod capacity;
mod drive;
mod export;
mod selftest;
mod show;
mod watch;

use super::{Exit, raise_open_files, runtime};
use crate::{awake::Awake, cli, terminal::say};
use drive::{Driven, Targets};
use inflight_lab::{load::figures::LoadFigures, record::Record};

pub(super) fn run(flags: &cli::Load) -> anyhow::Result<Exit> {
    raise_open_files();
    let runtime = runtime(None)?;
    let exit = if flags.selftest {
        let _awake = Awake::new(flags.machine.idle);
        runtime.block_on(selftest::run(flags))
    } else {
        // Everything is read before anything is sent.
        let workload = ask::workload(flags)?;
        let expectations = ask::expectations(&flags.expect, "--expect")?;
        let targets = runtime.block_on(Targets::of(flags))?;
        let awake = Awake::new(flags.machine.idle);
        targets.lacks().iter().for_each(|lack| say(&format!("warning: {lack}")));
        match &flags.find_capacity {
            Some(objective) => runtime.block_on(capacity::run(flags, &targets, objective)),
            None => {
                let driven = runtime.block_on(targets.drive(&workload))?;
                let figures = figures(&driven, &targets, flags);
                show::show(flags, &workload, driven, &figures, &expectations, &awake)
            }
        }
    };
    runtime.shutdown_background();
    exit
}

/// The figures of every target.
fn figures(driven: &Driven, targets: &Targets, flags: &cli::Load) -> Vec<LoadFigures> {
    // Who was given up had the least of these to answer in.
    let bound = flags.timeout.map_or(flags.patience, |timeout| timeout.min(flags.patience));
    let of = |(i, (name, record)): (usize, &(String, Record))| {
        let mut figures = LoadFigures::of(name, record, bound);
        figures.name_classes(&targets.classes(i));
        figures
    };
    driven.records.iter().enumerate().map(of).collect()
}
