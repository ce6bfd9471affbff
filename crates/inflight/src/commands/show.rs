//! `inflight show`: a saved run again.

use super::{Exit, json::print_json, runs};
use crate::{
    cli,
    terminal::{ink, print, width},
};
use inflight_lab::report;

pub(super) fn run(flags: &cli::Show) -> anyhow::Result<Exit> {
    let outcome = runs::chosen(&flags.runs.dir, flags.run.as_deref())?;
    if flags.json {
        print_json(&outcome)?;
    } else {
        print(&report::result(&outcome, width(), &*ink()));
    }
    Ok(Exit::Done)
}
