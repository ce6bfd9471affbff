//! The strategies' locks and atomics under all interleavings. They live in a workspace of their own, `proofs/loom`, which
//! compiles the same sources with loom's locks.

use crate::checkout;
use anyhow::{Context, Result};
use std::{ffi::OsStr, process::Command};

/// Tries them; whether all of them hold.
pub(crate) fn run() -> Result<bool> {
    let cargo = std::env::var_os("CARGO");
    let mut command = Command::new(cargo.as_deref().unwrap_or(OsStr::new("cargo")));
    let manifest = checkout::root().join("proofs/loom/Cargo.toml");
    command.args(["test", "--release", "--locked", "--manifest-path"]).arg(manifest);
    Ok(command.status().context("cannot start cargo")?.success())
}
