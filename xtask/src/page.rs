//! `cargo xtask report`: pages of virtual runs in a real browser, as a reader sees them: a plain run, one with verdicts and a knee
//! curve, and the tour. Scripts off, both themes, three widths, nothing wider than the window; axe finds nothing; it prints. The
//! pictures stay, to be looked at.

use crate::{
    checkout,
    process::{on_path, output, run},
    report::{Checks, Stopwatch, step},
    tools::{Packages, cached},
};
use anyhow::{Context as _, Result, bail};
use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

const LOOK: &str = include_str!("page/look.mjs");
const PACKAGE: &str = include_str!("page/package.json");
const LOCK: &str = include_str!("page/package-lock.json");
const INSTALL_LIMIT: Duration = Duration::from_secs(300);
const LOOK_LIMIT: Duration = Duration::from_secs(180);

/// What each page is about: its name, and what is run for it.
const PAGES: [(&str, &str); 3] =
    [("plain", "four-endpoints"), ("verdicts", "memory-cliff"), ("tour", "tour")];
/// A page may have so many bytes for each experiment.
const MOST_BYTES: u64 = 600_000;

/// Looks at every page. `install`: gets the browser if it is missing and we may.
pub(crate) fn run_all(install: bool) -> Result<bool> {
    let watch = Stopwatch::start();
    crate::interrupt::install()?;
    let work = std::env::temp_dir().join(format!("inflight-report-{}", std::process::id()));
    std::fs::create_dir_all(&work).context("cannot create a work folder")?;
    let Some(browser) = browser(install, &work)? else { return Ok(true) };
    let modules = modules()?;
    let mut checks = Checks::default();
    let pictures = checkout::root().join("target/report");
    for (name, experiment) in PAGES {
        let page = step(format!("simulates {experiment}"), || page(experiment, &work.join(name)))?;
        let text = std::fs::read_to_string(&page).context("no page")?;
        let (bytes, experiments) = (text.len() as u64, text.matches("<section class=\"exp").count() as u64);
        checks.check(
            bytes < MOST_BYTES * experiments,
            format!("{name}: {} KB for {experiments} of them", bytes / 1000),
        );
        look(&browser, &modules, &page, &pictures.join(name), &mut checks)?;
    }
    std::fs::remove_dir_all(&work).context("cannot remove the work folder")?;
    println!("pictures in {}", pictures.display());
    Ok(checks.conclude(&watch))
}

/// What is needed, and Debian's packages that have it. A machine may have node from elsewhere, with which Debian's npm does not go: only
/// what is missing is installed.
const PROGRAMS: [(&str, &str); 3] = [("chromium", "chromium"), ("node", "nodejs"), ("npm", "npm")];

/// Debian's Chromium and node. `None`, with a word, if one is missing.
fn browser(install: bool, work: &Path) -> Result<Option<PathBuf>> {
    let missing = || PROGRAMS.into_iter().filter(|(program, _)| on_path(program).is_none());
    let packages: Vec<&str> = missing().map(|(_, package)| package).collect();
    if install && !packages.is_empty() {
        let install = || Packages::of_this_system(work).install(&packages);
        step(format!("installs {}", packages.join(", ")), install)?;
    }
    let names: Vec<&str> = missing().map(|(program, _)| program).collect();
    if !names.is_empty() {
        println!(
            "SKIPPED: no {} on PATH; `cargo xtask report --install` gets them on Debian",
            names.join(", ")
        );
        return Ok(None);
    }
    Ok(on_path("chromium"))
}

/// axe and the browser's remote control, pinned with their hashes.
fn modules() -> Result<PathBuf> {
    let name = format!("report-npm-{:016x}", crate::tools::fnv1a(LOCK));
    let folder = cached(&checkout::cache()?, &name, |folder| {
        std::fs::write(folder.join("package.json"), PACKAGE).context("cannot write package.json")?;
        std::fs::write(folder.join("package-lock.json"), LOCK).context("cannot write package-lock.json")?;
        let mut npm = Command::new("npm");
        npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(folder);
        run("npm", &mut npm, folder, INSTALL_LIMIT)
    })?;
    Ok(folder.join("node_modules"))
}

/// The page of a run of `experiment` in virtual time.
fn page(experiment: &str, folder: &Path) -> Result<PathBuf> {
    let mut command = Command::new("cargo");
    command.args(["run", "--quiet", "--locked", "--package", "inflight", "--", "sim", "--save", "--runs"]);
    output(command.arg(folder).arg(experiment).current_dir(checkout::root()))?;
    let mut runs = std::fs::read_dir(folder).context("no run was saved")?;
    let run = runs.next().context("no run was saved")?.context("cannot list the runs")?;
    Ok(run.path().join("report.html"))
}

/// Lets the browser look, and takes its checks.
fn look(browser: &Path, modules: &Path, page: &Path, pictures: &Path, checks: &mut Checks) -> Result<()> {
    std::fs::create_dir_all(pictures).context("cannot create a folder for pictures")?;
    let script = pictures.join("look.mjs");
    std::fs::write(&script, LOOK).context("cannot write the script")?;
    let mut node = Command::new("node");
    node.arg(&script).arg(browser).arg(modules).arg(page).arg(pictures);
    let log = pictures.join("look.log");
    // A log of an earlier look is not ours.
    let _ = std::fs::remove_file(&log);
    run("look", &mut node, pictures, LOOK_LIMIT)?;
    let said = std::fs::read_to_string(&log).context("the browser said nothing")?;
    let mut found = 0;
    for line in said.lines().filter(|line| line.starts_with('{')) {
        let check: serde_json::Value = serde_json::from_str(line).context("not a check")?;
        checks.check(check["holds"] == true, check["what"].as_str().unwrap_or_default());
        found += 1;
    }
    if found == 0 {
        bail!("the browser made no check:\n{said}");
    }
    Ok(())
}
