//! The virtual world beside other simulators. They live in a workspace of their own, `bench/peers`: nobody needs them to
//! build or test anything else.

use crate::checkout;
use anyhow::{Context, Result};
use std::{ffi::OsStr, process::Command};

/// Builds and runs the comparison, `arguments` being its own; whether it ended well.
pub(crate) fn run(arguments: &[&str]) -> Result<bool> {
    let cargo = std::env::var_os("CARGO");
    let mut command = Command::new(cargo.as_deref().unwrap_or(OsStr::new("cargo")));
    let manifest = checkout::root().join("bench/peers/Cargo.toml");
    command.args(["run", "--release", "--locked", "--manifest-path"]).arg(manifest).arg("--").args(arguments);
    Ok(command.status().context("cannot start cargo")?.success())
}
