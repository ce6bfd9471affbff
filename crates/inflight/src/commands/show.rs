//! `inflight show`: a saved run again.

use super::{BadInput, Exit, json::json, runs};
use crate::{
    cli,
    terminal::{ink, print, width},
};
use inflight_lab::report;

pub(super) fn run(flags: &cli::Show) -> anyhow::Result<Exit> {
    let dir = &flags.runs.dir;
    let outcome = match &flags.run {
        Some(id) if id.contains(['/', '\\']) || id.starts_with('.') => {
            return Err(
                BadInput(format!("error: {id:?} is not a run's id; `inflight list` shows them")).into()
            );
        }
        Some(id) if !dir.join(id).is_dir() => {
            let what = format!("error: no run {id:?} in {}; `inflight list` shows them", dir.display());
            return Err(BadInput(what).into());
        }
        Some(id) => runs::read(&dir.join(id))?,
        None => runs::all(dir).pop().ok_or_else(|| {
            BadInput(format!("error: no runs in {}; `inflight run` makes one", dir.display()))
        })?,
    };
    if flags.json {
        print(&json(&outcome)?);
    } else {
        print(&report::result(&outcome, width(), &*ink()));
    }
    Ok(Exit::Done)
}
