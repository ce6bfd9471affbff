//! The `inflight` binary: parse, dispatch, exit code.

use clap::Parser as _;
use inflight::{cli::Cli, commands};
use std::process::ExitCode;

fn main() -> ExitCode {
    commands::dispatch(Cli::parse()).into()
}
