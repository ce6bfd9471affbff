//! The load driver beside its peers: every bar with its figure and a verdict.
//!
//! Nothing here is taken from the driver's own word where the target can tell as well: percentiles are held to what follows
//! from the schedule and the target's stalls, pacing is read off the target's clock, processor time and memory off the system.

mod clients;
mod cores;
mod cost;
mod faults;
mod figures;
mod pacing;
mod target;
mod truth;
mod usage;

use crate::checkout::{WorkDir, cache, root};
use crate::report::{Checks, Stopwatch, heading, step};
use anyhow::{Context, Result, bail};
use clients::Client;
use cores::Cores;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The parts, and what each asks.
const PARTS: [(&str, &str); 6] = [
    ("truth", "are percentiles those that follow from schedule and target?"),
    ("pacing", "are requests sent when they are due?"),
    ("cheap", "what does a request cost the client?"),
    ("small", "how much memory do requests in flight take?"),
    ("scale", "50,000 requests in flight"),
    ("faults", "a target that is paused, resumed, killed and started again"),
];

/// Everything that a part needs.
pub(crate) struct Bench {
    cores: Cores,
    folder: PathBuf,
    peers: Vec<Client>,
    is_quick: bool,
    bars: Bars,
}

/// The bars that were asked for, each with its figure and whether it was met.
#[derive(Default)]
struct Bars(Checks);

impl Bars {
    fn check(&mut self, is_met: bool, what: impl std::fmt::Display) {
        self.0.check(is_met, format!("{:<7}{what}", if is_met { "MET" } else { "MISSED" }));
    }
}

impl Bench {
    /// Ours first.
    fn everyone(&self) -> impl Iterator<Item = &Client> {
        std::iter::once(&self.peers[0]).chain(&self.peers[1..])
    }

    fn ours(&self) -> &Client {
        &self.peers[0]
    }
}

/// The release build of the program.
fn inflight() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or(root().join("target"), PathBuf::from);
    target.join("release/inflight")
}

/// Words that are no part: shorter runs, no peers, no peers that would have to be built first.
const HOW: [&str; 3] = ["quick", "alone", "installed"];

/// `cargo xtask bench load [PART…] [quick] [alone | installed]`.
pub(crate) fn run(words: &[&str]) -> Result<bool> {
    let known = |word: &&&str| PARTS.iter().any(|part| part.0 == **word);
    if let Some(unknown) = words.iter().find(|word| !known(word) && !HOW.contains(word)) {
        let parts: Vec<&str> = PARTS.iter().map(|part| part.0).collect();
        bail!("{unknown:?} is no part of it: there is {}, {}", parts.join(", "), HOW.join(", "));
    }
    crate::interrupt::install()?;
    let watch = Stopwatch::start();
    step("builds the program", build)?;
    let mut work = WorkDir::create("load")?;
    let mut peers = vec![Client::ours()];
    heading("Clients");
    if !words.contains(&"alone") {
        peers.extend(Client::peers(&cache()?, !words.contains(&"installed")));
    }
    let folder = work.path().to_path_buf();
    let is_quick = words.contains(&"quick");
    let mut bench = Bench { cores: Cores::find(), folder, peers, is_quick, bars: Bars::default() };
    println!("  {}; load average {}", bench.cores.words(), load_average());
    for (name, question) in PARTS {
        if !words.iter().any(|word| PARTS.iter().any(|part| part.0 == *word)) || words.contains(&name) {
            heading(format!("{name}: {question}"));
            part(name, &mut bench)?;
        }
    }
    let holds = bench.bars.0.conclude(&watch);
    if !holds {
        work.keep();
    }
    Ok(holds)
}

fn part(name: &str, bench: &mut Bench) -> Result<()> {
    match name {
        "truth" => truth::run(bench),
        "pacing" => pacing::run(bench),
        "cheap" => cost::cheap(bench),
        "small" => cost::small(bench),
        "scale" => faults::scale(bench),
        _ => faults::run(bench),
    }
}

fn build() -> Result<()> {
    let cargo = std::env::var_os("CARGO");
    let mut command = Command::new(cargo.as_deref().unwrap_or("cargo".as_ref()));
    command.current_dir(root()).args(["build", "--release", "--locked", "-p", "inflight"]);
    if !command.status().context("cannot start cargo")?.success() {
        bail!("the program does not build");
    }
    Ok(())
}

fn load_average() -> String {
    let text = std::fs::read_to_string(Path::new("/proc/loadavg")).unwrap_or_default();
    text.split(' ').next().unwrap_or("unknown").to_string()
}

/// A figure in three digits or so; a dash for what nobody told.
fn show(value: f64) -> String {
    match value {
        v if v.is_nan() => "–".into(),
        v if v.abs() >= 1000.0 => format!("{v:.0}"),
        v if v.abs() >= 10.0 => format!("{v:.1}"),
        v => format!("{v:.3}"),
    }
}
