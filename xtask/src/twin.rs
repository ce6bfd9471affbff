//! `cargo xtask twin`: live arms beside their twins at three rates, with the bounds that a quiet machine keeps.
//!
//! The original lab's delays at their real length, no wind tunnel. The limit has as many permits as keep it equally busy at
//! every rate (85 %): with too few, its queue would grow for ever, live as well as in virtual time.

use crate::{
    checkout::{self, WorkDir},
    report::{Checks, Stopwatch, heading, step},
};
use anyhow::Context as _;
use inflight_lab::{
    experiment::{ArmOutcome, RunOutcome},
    report::{self, Plain},
    twin::{Comparison, Twin},
};
use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

/// Requests per second, and the permits of the limit.
const RATES: [(u32, u32); 3] = [(24, 20), (100, 84), (300, 250)];
/// The residual's median and 99th percentile, in milliseconds.
const MAX_RESIDUAL_MS: [f64; 2] = [0.5, 2.0];
/// How far percentiles may be apart without and with calibration, in percent.
const MAX_APART: [f64; 2] = [1.0, 0.3];

const EXPERIMENT: &str = r#"
question = "What does the real system add to its twin at RATE/s?"
[workload]
arrivals = { poisson = { rate = "RATE/s" } }
duration = "32s"
warmup   = "2s"
[[arm]]
name  = "sync"
calls = "sequential"
[[arm]]
name  = "async"
calls = "parallel"
[[arm]]
name  = "async-limited"
calls = "parallel"
b     = [ { limit = { permits = PERMITS, queue = "unbounded" } } ]
[[arm]]
name  = "async-timeout"
calls = "parallel"
whole = [ { timeout = { after = "600ms" } } ]
[[arm]]
name  = "async-timeout-detached"
calls = "parallel"
whole = [ { timeout = { after = "600ms", late = "detach" } } ]
"#;

/// Measures, prints, and holds the figures to their bounds.
pub(crate) fn run() -> anyhow::Result<bool> {
    let (took, work) = (Stopwatch::start(), WorkDir::create("twin")?);
    step("cargo build --release", build)?;
    let mut checks = Checks::default();
    for (rate, permits) in RATES {
        heading(format!("{rate}/s"));
        let text = EXPERIMENT.replace("RATE", &rate.to_string()).replace("PERMITS", &permits.to_string());
        let file = work.path().join(format!("twin-{rate}.toml"));
        fs::write(&file, text)?;
        let outcome = measure(&file, work.path())?;
        print!("{}", report::result(&outcome, 100, &Plain));
        let arms = outcome.experiments.iter().flat_map(|experiment| &experiment.arms);
        arms.for_each(|arm| check(&mut checks, rate, arm));
    }
    Ok(checks.conclude(&took))
}

fn build() -> anyhow::Result<()> {
    let mut command = Command::new("cargo");
    command.args(["build", "--release", "--locked", "--quiet", "--package", "inflight"]);
    let status = command.current_dir(checkout::root()).status().context("cargo build")?;
    anyhow::ensure!(status.success(), "cargo build: {status}");
    Ok(())
}

/// The outcome of a run, valid or not: what is wrong with it is in it.
fn measure(file: &Path, folder: &Path) -> anyhow::Result<RunOutcome> {
    let mut command = Command::new("cargo");
    command.args(["run", "--release", "--locked", "--quiet", "--package", "inflight", "--", "run", "--json"]);
    command.arg(file).arg("--runs").arg(folder.join("runs"));
    let output =
        command.current_dir(checkout::root()).stderr(Stdio::inherit()).output().context("cargo run")?;
    serde_json::from_slice(&output.stdout).with_context(|| format!("the run ended with {}", output.status))
}

fn check(checks: &mut Checks, rate: u32, arm: &ArmOutcome) {
    let of = format!("{rate}/s /{}", arm.name);
    let Some(Twin::Compared { exact, calibrated }) = &arm.twin else {
        return checks.check(false, format!("{of}: has a twin"));
    };
    let residual = [exact.residual.p50_ns, exact.residual.p99_ns].map(|ns| ns as f64 / 1e6);
    for ((what, found), most) in ["median", "p99"].into_iter().zip(residual).zip(MAX_RESIDUAL_MS) {
        checks.check(found <= most, format!("{of}: {what} of the residual {found:.3} ms, at most {most} ms"));
    }
    let both = [("", Some(exact)), (" calibrated", calibrated.as_ref())];
    for ((how, found), most) in both.into_iter().zip(MAX_APART) {
        let apart = found.map_or(f64::INFINITY, |found| farthest(found));
        checks.check(apart <= most, format!("{of}: percentiles{how} {apart:.3} % apart, at most {most} %"));
    }
}

/// By how much p50, p95 and p99 differ at most, in percent.
fn farthest(found: &Comparison) -> f64 {
    found.relative().into_iter().map(|share| share.abs() * 100.0).fold(0.0, f64::max)
}
