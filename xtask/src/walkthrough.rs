//! The walk-through of ARCHITECTURE.md, "How to add a strategy", done for real: a diff that is kept in the docs is applied to
//! a copy of the project, which must then build, hold the new strategy to its documentation, explain it and run it.

use crate::checkout;
use anyhow::{Context as _, Result, ensure};
use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

const DIFF: &str = "docs/adding-a-strategy.diff";
/// The copy, below the root; its build shares the libraries that are built already.
const COPY: &str = "target/walkthrough";
/// The new strategy's first question.
const QUESTION: &str = "\
question = \"What does refusing every tenth call do?\"
[workload]
arrivals = { poisson = { rate = \"20/s\" } }
duration = \"100s\"
[[arm]]
name  = \"thinned\"
calls = \"parallel\"
b     = [ { thin = { every = 10 } } ]
";

/// Does it; whether all of it worked.
pub(crate) fn run() -> Result<bool> {
    let root = checkout::root();
    let copy = root.join(COPY);
    copy_tracked(&root, &copy)?;
    git(&copy, &["init", "--quiet"])?;
    git(&copy, &["apply", &root.join(DIFF).to_string_lossy()])?;
    fs::write(copy.join("thinned.toml"), QUESTION)?;
    for arguments in [
        &["test", "--quiet", "-p", "inflight-strategies", "--lib", "thin"][..],
        &["test", "--quiet", "-p", "inflight-lab", "--test", "it", "manual"],
        &["run", "--quiet", "-p", "inflight", "--", "explain", "thin"],
        &["run", "--quiet", "-p", "inflight", "--", "sim", "thinned.toml"],
    ] {
        println!("cargo {}", arguments.join(" "));
        let mut command = Command::new("cargo");
        command.args(arguments).current_dir(&copy).env("CARGO_TARGET_DIR", root.join("target"));
        if !command.status().context("cargo")?.success() {
            return Ok(false);
        }
    }
    fs::remove_dir_all(&copy)?;
    println!(
        "{DIFF}: {} files by hand, and the new strategy builds, is explained and runs",
        files(&root)?.len()
    );
    Ok(true)
}

/// Copies every file that is tracked.
fn copy_tracked(root: &Path, copy: &Path) -> Result<()> {
    if copy.exists() {
        fs::remove_dir_all(copy)?;
    }
    let listed = Command::new("git").args(["ls-files", "-z"]).current_dir(root).output().context("git")?;
    for name in String::from_utf8(listed.stdout)?.split_terminator('\0') {
        let to = copy.join(name);
        fs::create_dir_all(to.parent().unwrap_or(copy))?;
        fs::copy(root.join(name), to).with_context(|| name.to_string())?;
    }
    Ok(())
}

fn git(folder: &Path, arguments: &[&str]) -> Result<()> {
    let status = Command::new("git").args(arguments).current_dir(folder).stdin(Stdio::null()).status()?;
    ensure!(status.success(), "git {} failed", arguments.join(" "));
    Ok(())
}

/// The files that the diff touches.
fn files(root: &Path) -> Result<Vec<String>> {
    let diff = fs::read_to_string(root.join(DIFF))?;
    Ok(diff.lines().filter_map(|line| line.strip_prefix("+++ b/")).map(str::to_string).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adding_a_strategy_touches_four_files_and_the_diff_still_applies() {
        let root = checkout::root();
        assert_eq!(
            files(&root).expect("a diff"),
            [
                "crates/inflight-lab/src/experiment/layers.rs",
                "crates/inflight-lab/src/stack.rs",
                "crates/inflight-strategies/src/lib.rs",
                "crates/inflight-strategies/src/thin.rs",
            ]
        );
        git(&root, &["apply", "--check", DIFF]).expect("make it again, as ARCHITECTURE.md says");
    }
}
