//! `inflight report`: the page of a saved run.

use super::{Exit, runs};
use crate::{cli, terminal::print};
use anyhow::Context as _;
use inflight_lab::report;
use std::{fs, path::Path};

pub(super) fn run(flags: &cli::Report) -> anyhow::Result<Exit> {
    let outcome = runs::chosen(&flags.runs.dir, flags.run.as_deref())?;
    let page = report::page(&outcome);
    if flags.output.as_deref() == Some(Path::new("-")) {
        print(&page);
        return Ok(Exit::Done);
    }
    let path = flags.output.clone().unwrap_or_else(|| flags.runs.dir.join(&outcome.id).join(runs::PAGE));
    fs::write(&path, &page).with_context(|| format!("cannot write {}", path.display()))?;
    print(&format!("{}\n", path.display()));
    Ok(Exit::Done)
}
