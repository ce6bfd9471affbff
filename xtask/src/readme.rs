//! The README's result: a measured run, saved in docs/results and rendered by the product's own code.

use crate::checkout;
use anyhow::{Context as _, bail, ensure};
use inflight_lab::{
    experiment::RunOutcome,
    report::{self, Plain},
};
use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

const SAVED: &str = "docs/results/tour.json";
const BEGIN: &str = "<!-- result:begin, pasted by `cargo xtask readme` -->\n";
const END: &str = "<!-- result:end -->";

/// Measures the five questions, saves the run and pastes the answers into the README.
pub(crate) fn run() -> anyhow::Result<bool> {
    let root = checkout::root();
    let mut command = Command::new("cargo");
    command.args(["run", "--release", "--locked", "--package", "inflight", "--", "run", "--json"]);
    let output = command.current_dir(&root).stderr(Stdio::inherit()).output().context("cargo run")?;
    ensure!(
        output.status.success(),
        "the run was not valid ({}): the README keeps its result",
        output.status
    );
    fs::write(root.join(SAVED), compact(&output.stdout)?)?;
    let readme = fs::read_to_string(root.join("README.md"))?;
    fs::write(root.join("README.md"), pasted(&readme, &rendered(&root)?)?)?;
    println!("README.md shows {SAVED}");
    Ok(true)
}

/// One line: it is data, not text.
fn compact(json: &[u8]) -> anyhow::Result<String> {
    let outcome: RunOutcome = serde_json::from_slice(json)?;
    Ok(serde_json::to_string(&outcome)? + "\n")
}

/// The saved run as the product shows it on a terminal of 100 columns.
fn rendered(root: &Path) -> anyhow::Result<String> {
    let saved = fs::read_to_string(root.join(SAVED)).with_context(|| format!("no {SAVED}"))?;
    let outcome = RunOutcome::read(&saved)?;
    Ok(report::summary(&outcome, 100, &Plain))
}

/// `readme` with `result` between the two marks.
fn pasted(readme: &str, result: &str) -> anyhow::Result<String> {
    let Some((before, rest)) = readme.split_once(BEGIN) else { bail!("README.md lacks the line {BEGIN:?}") };
    let Some((_, after)) = rest.split_once(END) else { bail!("README.md lacks the line {END:?}") };
    Ok(format!("{before}{BEGIN}```text\n{result}```\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_shows_the_saved_run() {
        let root = checkout::root();
        let readme = fs::read_to_string(root.join("README.md")).expect("a README");
        let rendered = rendered(&root).expect("a saved run");
        assert!(pasted(&readme, &rendered).expect("marks") == readme, "run `cargo xtask readme`");
    }

    #[test]
    fn only_what_is_between_the_marks_changes() {
        let readme = format!("a\n{BEGIN}old\n{END}\nb\n");
        assert_eq!(
            pasted(&readme, "new\n").expect("marks"),
            format!("a\n{BEGIN}```text\nnew\n```\n{END}\nb\n")
        );
        assert!(pasted("no marks", "x").is_err());
    }
}
