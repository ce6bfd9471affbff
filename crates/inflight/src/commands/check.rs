//! `inflight check`: all that is wrong with a file.

use super::{BadInput, Exit, library::Source};
use crate::{
    cli,
    terminal::{print, say},
};
use std::path::Path;

/// Reads a file, and all that it is with the levels of which it speaks.
fn checked(file: &Path) -> anyhow::Result<Source> {
    let source = Source::file(file)?;
    source.cells()?;
    source.knee(&[])?;
    Ok(source)
}

pub(super) fn run(flags: &cli::Check) -> anyhow::Result<Exit> {
    let mut exit = Exit::Done;
    for file in &flags.files {
        match checked(file) {
            Ok(source) => {
                let (kind, what) = if source.document.is_experiment() {
                    ("an experiment", "arm")
                } else {
                    ("a configuration", "endpoint")
                };
                let n = source.document.endpoints.len();
                let plural = if n == 1 { "" } else { "s" };
                print(&format!("{}: ok, {kind} with {n} {what}{plural}\n", file.display()));
            }
            Err(error) => match error.downcast_ref::<BadInput>() {
                Some(bad) => {
                    say(&bad.0);
                    exit = Exit::BadInput;
                }
                None => return Err(error),
            },
        }
    }
    Ok(exit)
}
