//! `inflight check`: all that is wrong with a file.

use super::{BadInput, Exit, library::Source};
use crate::{
    cli,
    terminal::{print, say},
};

pub(super) fn run(flags: &cli::Check) -> anyhow::Result<Exit> {
    let mut exit = Exit::Done;
    for file in &flags.files {
        match Source::file(file).and_then(|source| source.cells().map(|_| source)) {
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
