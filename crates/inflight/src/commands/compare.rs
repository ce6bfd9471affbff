//! `inflight compare`: two saved runs side by side.

use super::{BadInput, Exit, json::json, runs};
use crate::{
    cli,
    terminal::{ink, print, say, width},
};
use inflight_lab::report::{self, Comparison};

pub(super) fn run(flags: &cli::Compare) -> anyhow::Result<Exit> {
    let dir = &flags.runs.dir;
    let (a, b) = (runs::named(dir, &flags.a)?, runs::named(dir, &flags.b)?);
    let found = Comparison::of(&a, &b);
    if found.rows.is_empty() {
        let what = format!("error: {} and {} have no arm of an experiment in common", flags.a, flags.b);
        return Err(BadInput(what).into());
    }
    print(&if flags.json { json(&found)? } else { report::compare(&found, width(), &*ink()) });
    Ok(match found {
        _ if !flags.gate => Exit::Done,
        _ if !found.comparable => {
            say("error: the gate is shut: these runs are not comparable");
            Exit::BadInput
        }
        _ if found.is_regression() => Exit::Missed,
        _ => Exit::Done,
    })
}
