//! The program as it is shipped: its release build, and what a run of it found.

use crate::{checkout, report::step};
use anyhow::{Context as _, Result, ensure};
use inflight_lab::experiment::RunOutcome;
use std::{
    ffi::OsStr,
    path::PathBuf,
    process::{Command, Stdio},
};

/// Builds it.
pub(crate) fn build() -> Result<()> {
    step("builds the program", || {
        let cargo = std::env::var_os("CARGO");
        let mut command = Command::new(cargo.as_deref().unwrap_or(OsStr::new("cargo")));
        command.args(["build", "--release", "--locked", "--quiet", "--package", "inflight"]);
        let status = command.current_dir(checkout::root()).status().context("cannot start cargo")?;
        ensure!(status.success(), "the program does not build");
        Ok(())
    })
}

/// Where it is, once it is built.
pub(crate) fn path() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or(checkout::root().join("target"), PathBuf::from);
    target.join("release/inflight")
}

/// What a run or a simulation with these words ended with, valid or not: what is wrong with it is in it. `--json` is added.
pub(crate) fn outcome<S: AsRef<OsStr>>(words: impl IntoIterator<Item = S>) -> Result<RunOutcome> {
    let mut command = Command::new(path());
    command.args(words).arg("--json").current_dir(checkout::root()).stderr(Stdio::inherit());
    let output = command.output().context("cannot start the program")?;
    serde_json::from_slice(&output.stdout)
        .with_context(|| format!("the program ended with {}", output.status))
}
