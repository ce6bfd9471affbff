//! The table of strategies, their oracles and how they fare: from the tests that are there, and from running them.
//!
//! A test that holds a strategy to somebody else's figures is named after its source. Which strategy it belongs to follows
//! from the file that it stands in.

use crate::checkout;
use anyhow::{Context as _, Result, bail};
use inflight_lab::manual;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    path::Path,
    process::{Command, Stdio},
};

const TABLE: &str = "docs/strategies/oracles.md";
const CRATE: &str = "crates/inflight-strategies";

/// How the names of tests begin that are named after a source, and the source. Longer beginnings stand before shorter ones.
const SOURCES: [(&str, &str); 19] = [
    ("netflix_", "Netflix concurrency-limits, 78a74b98: its tests; trajectories of its code"),
    ("failsafe_go_", "failsafe-go, 5759a5e6: its tests; trajectories of its code"),
    ("failsafe_", "failsafe (Rust) 1.3: its rule"),
    ("aegis_", "go-kratos/aegis, e0742c6a: its tests; trajectories of its code"),
    ("envoy_", "Envoy, 054694f9: its tests; trajectories of its code"),
    ("folly_", "folly, ff98381e: CodelTest"),
    ("finagle_", "Finagle, 4feb34cb: RetryBudgetTest"),
    ("tower_", "tower, 8358ee71: its tests and its defects"),
    ("aws_", "AWS SDKs: standard retry mode, its published cases"),
    ("smithy_", "smithy-rs, 56ee88c5: ClientRateLimiter and its CUBIC cases"),
    ("grpc_", "gRPC: proposal A6, grpc-java 5fda0c7c, the HTTP/2 page"),
    ("resilience4j_", "resilience4j, af9e7c97: its tests"),
    ("google_", "Site Reliability Engineering, 2016: the formula"),
    ("wechat_", "Zhou et al. 2018, as others report it"),
    ("caladan_", "caladan's Breakwater, bdb4ddeb: its constants; trajectories of its code"),
    ("governor_", "governor 0.10: its tests, and decision by decision"),
    ("kaplan_and_meier_", "Kaplan and Meier 1958: the estimator by hand"),
    ("tail_at_scale_", "Dean and Barroso 2013"),
    ("vector_", "Vector, 05b56b79: trajectories of its code"),
];

/// Strategies whose tests stand in a file of another name: a part of the path, how their tests begin, the strategy.
const ELSEWHERE: [(&str, &str, &str); 17] = [
    ("admission/throttle", "google_", "sre-throttle"),
    ("admission/throttle", "envoy_", "admission-control"),
    ("admission/rate", "", "rate-limit"),
    ("queue/deadline", "", "deadline-drop"),
    ("retry/ratio", "", "retry-budget"),
    ("retry/bucket", "", "retry-bucket"),
    ("retry/throttle", "", "retry-throttle"),
    ("retry/adaptive", "", "adaptive-pace"),
    ("retry/course", "", "retry"),
    ("hedge/quantile", "", "hedge"),
    ("limit/semaphore", "", "limit"),
    ("it/queue", "netflix_lifo", "order"),
    ("it/hedge", "tail_at_scale_", "tied"),
    ("it/peers", "", "retry"),
    ("adaptive/measure", "", "gradient2"),
    ("adaptive/recent", "", "correlation"),
    ("adaptive/mod", "", "vegas"),
];

/// A test that is named after a source.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Oracle {
    strategy: String,
    source: usize,
    name: String,
}

/// Runs the tests and writes the table; whether all of them passed.
pub(crate) fn run() -> Result<bool> {
    let root = checkout::root();
    let oracles = oracles(&root)?;
    let passed = passed(&root)?;
    let table = table(&oracles, &passed);
    fs::write(root.join(TABLE), &table)?;
    let failed: Vec<&str> =
        oracles.iter().map(|oracle| oracle.name.as_str()).filter(|name| !passed.contains(*name)).collect();
    println!("{} tests named after a source, {} failed: {TABLE}", oracles.len(), failed.len());
    failed.iter().for_each(|name| println!("  {name}"));
    Ok(failed.is_empty())
}

/// The names of all tests that pass, without their modules.
fn passed(root: &Path) -> Result<BTreeSet<String>> {
    let mut command = Command::new("cargo");
    command.args([
        "test",
        "--locked",
        "--package",
        "inflight-strategies",
        "--lib",
        "--test",
        "it",
        "--no-fail-fast",
    ]);
    let output = command.current_dir(root).stderr(Stdio::inherit()).output().context("cargo test")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let name = |line: &str| {
        let path = line.strip_prefix("test ")?.strip_suffix(" ... ok")?;
        path.rsplit("::").next().map(str::to_string)
    };
    let passed: BTreeSet<String> = text.lines().filter_map(name).collect();
    if passed.is_empty() {
        bail!("cargo test ran nothing:\n{text}");
    }
    Ok(passed)
}

/// Every test that is named after a source, as the source files have it.
fn oracles(root: &Path) -> Result<Vec<Oracle>> {
    let mut found = Vec::new();
    for file in rust_files(&root.join(CRATE))? {
        let text = fs::read_to_string(&file)?;
        let path = file.strip_prefix(root.join(CRATE)).unwrap_or(&file).to_string_lossy().replace('\\', "/");
        let path = path.trim_end_matches(".rs").trim_end_matches("/tests").to_string();
        found.extend(tests(&text).filter_map(|name| {
            let source = SOURCES.iter().position(|(prefix, _)| name.starts_with(prefix))?;
            Some(Oracle { strategy: strategy(&path, name), source, name: name.into() })
        }));
    }
    found.sort();
    Ok(found)
}

/// The names of the tests in a file.
fn tests(text: &str) -> impl Iterator<Item = &str> {
    text.split("#[test]")
        .skip(1)
        .filter_map(|after| after.split_once("fn ")?.1.split_once('('))
        .map(|(name, _)| name)
}

/// The strategy that the test `name` in the file `path` is about.
fn strategy(path: &str, name: &str) -> String {
    if path.ends_with("/trajectories") {
        let limiters =
            manual::pages().map(|page| page.name).filter(|known| name.contains(&format!("_{known}_")));
        // `gradient2` before `gradient`, and Envoy's own has its source for a name.
        let longest = limiters.max_by_key(|known| known.len());
        return if name.starts_with("envoy_") { "envoy" } else { longest.unwrap_or("limit") }.into();
    }
    let elsewhere =
        ELSEWHERE.iter().find(|(part, prefix, _)| path.ends_with(part) && name.starts_with(prefix));
    let own = path.trim_end_matches("/mod").rsplit('/').next().unwrap_or(path);
    let of_folder = path.trim_end_matches("/window").rsplit('/').next().unwrap_or(path);
    elsewhere.map_or(if own == "window" { of_folder } else { own }, |(_, _, strategy)| strategy).into()
}

fn rust_files(folder: &Path) -> Result<Vec<std::path::PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(files)
}

/// The table, every strategy in the manual's order.
fn table(oracles: &[Oracle], passed: &BTreeSet<String>) -> String {
    let mut out = String::from(
        "# Strategies and their oracles\n\n\
         Written by `cargo xtask oracles` from the tests of `inflight-strategies` that are named after a source, and from running\n\
         them. A *trajectory* is equal to the reference's own code, step by step, over thousands of random steps; the comment at\n\
         the test says which code, at which commit, and how it was driven.\n\n\
         | strategy | oracle | cases | result |\n|---|---|---|---|\n",
    );
    let mut rows: BTreeMap<(&str, usize), Vec<&str>> = BTreeMap::new();
    for oracle in oracles {
        rows.entry((&oracle.strategy, oracle.source)).or_default().push(&oracle.name);
    }
    for page in manual::pages() {
        let mut any = false;
        for ((_, source), names) in rows.range((page.name, 0)..=(page.name, SOURCES.len())) {
            any = true;
            let ok = names.iter().filter(|name| passed.contains(**name)).count();
            let (prefix, about) = SOURCES[*source];
            let cases: Vec<String> =
                names.iter().map(|name| name[prefix.len()..].replace('_', " ")).collect();
            let result = format!("{ok} of {} pass", names.len());
            let _ = writeln!(out, "| {} | {about} | {} | {result} |", page.name, cases.join("; "));
        }
        if !any {
            let _ = writeln!(out, "| {} | none known | held by properties of its own | – |", page.name);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_current_and_every_oracle_passed() {
        let root = checkout::root();
        let oracles = oracles(&root).expect("sources");
        let all: BTreeSet<String> = oracles.iter().map(|oracle| oracle.name.clone()).collect();
        let saved = fs::read_to_string(root.join(TABLE)).expect("a table");
        assert!(saved == table(&oracles, &all), "run `cargo xtask oracles`");
    }

    #[test]
    fn every_oracle_belongs_to_a_strategy_of_the_manual() {
        let known: BTreeSet<&str> = manual::pages().map(|page| page.name).collect();
        for oracle in oracles(&checkout::root()).expect("sources") {
            assert!(known.contains(oracle.strategy.as_str()), "{oracle:?}");
        }
    }

    #[test]
    fn names_are_found_wherever_tests_stand() {
        let text = "#[test]\n    fn folly_a() {}\n#[test]\n fn b(x in 0..1u8) {}";
        assert_eq!(tests(text).collect::<Vec<_>>(), ["folly_a", "b"]);
        assert_eq!(strategy("src/limit/adaptive/trajectories", "netflix_gradient2_trajectory"), "gradient2");
        assert_eq!(strategy("src/breaker/window", "resilience4j_x"), "breaker");
        assert_eq!(strategy("src/admission/throttle", "envoy_x"), "admission-control");
    }
}
