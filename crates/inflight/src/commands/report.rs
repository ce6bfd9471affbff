//! `inflight report`: the page of a saved run.

use super::{Exit, runs};
use crate::{cli, terminal::print};
use anyhow::{Context as _, ensure};
use inflight_lab::report;
use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

/// What shows a file in whatever its owner likes to see it in.
const OPENER: &str = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };

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
    if flags.open {
        open(&path)?;
    }
    Ok(Exit::Done)
}

/// Shows the page at `path` in the browser.
fn open(path: &Path) -> anyhow::Result<()> {
    let mut command = Command::new(OPENER);
    command.arg(path).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let status = command.status().with_context(|| format!("cannot open the page: {OPENER}"))?;
    ensure!(status.success(), "cannot open the page: {OPENER} ended with {status}");
    Ok(())
}
