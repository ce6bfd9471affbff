//! `inflight tune`: the same bytes with any number of threads, what it writes is served, and what cannot be is said.

use crate::{
    program::{Dir, Program, Said, Talk, inflight},
    run::{EXPERIMENT, runs},
    wait::eventually,
};
use expect_test::expect;
use inflight_lab::tune::TuneOutcome;
use rustix::process::Signal;
use std::{
    fs,
    process::{Command, Stdio},
};

/// A small pool under a load that it can bear: quick to search.
const PROFILE: &str = "\
[service.a]
latency = { constant = \"1ms\" }
[service.b]
latency    = { exponential = \"20ms\" }
errors     = \"0%\"
contention = { pool = { servers = 2 } }
";

fn tune(dir: &Dir, args: &[&str]) -> Command {
    dir.file("pool.toml", PROFILE);
    let mut command = inflight();
    command.current_dir(dir.path()).args(["tune", "pool.toml", "--no-check", "--quick"]).args(args);
    command
}

fn outcome(said: &Said) -> TuneOutcome {
    serde_json::from_str(&said.stdout).unwrap_or_else(|e| panic!("{e}: {said:?}"))
}

const ASKED: [&str; 3] = ["p99 <= 300ms and goodput >= 90% of offered", "--rate", "50/s"];

#[test]
fn the_same_seed_finds_the_same_with_any_number_of_threads_and_what_it_writes_is_served() {
    let dir = Dir::new();
    let said = |threads: &str, more: &[&str]| {
        Said::by(tune(&dir, &[&ASKED[..], &["--json", "--threads", threads], more].concat()))
    };
    let (one, two) = (said("1", &["-o", "tuned.toml"]), said("3", &[]));
    assert_eq!((one.code, &one.stdout), (0, &two.stdout), "{one:?}");
    let found = outcome(&one);
    assert!(found.found && found.complete && found.check.is_none(), "{found:?}");
    assert!(found.standing.worst_latency_ms.is_some_and(|ms| ms <= 300.0), "{:?}", found.standing);
    assert!(found.standing.worst_goodput >= 0.9 && found.standing.seeds == 8, "{:?}", found.standing);
    assert!(found.margins.iter().all(|margin| margin.region().is_some()), "{:?}", found.margins);
    let checked = |args: &[&str]| {
        let mut command = inflight();
        command.current_dir(dir.path()).args(args);
        Said::by(command)
    };
    let check = checked(&["check", "tuned.toml"]);
    assert_eq!(check.stdout, "tuned.toml: ok, an experiment with 1 arm\n", "{check:?}");
    let config = checked(&["serve", "--config", "tuned.toml", "--print-config"]);
    let permits = format!("permits = {}", found.best.permits);
    assert!(config.code == 0 && config.stdout.contains(&permits), "{config:?}");
    // The same arm in virtual time does what the search says of it, and the file says what that is.
    let sim = checked(&["sim", "tuned.toml", "--rounds", "8", "--expect", "all=holds"]);
    assert_eq!(sim.code, 0, "{sim:?}");
}

#[test]
fn nothing_meets_what_cannot_be_met_and_the_nearest_miss_is_told() {
    let dir = Dir::new();
    // A pool of two does 100/s at most.
    let args = ["p99 <= 300ms and goodput >= 90% of offered", "--rate", "200/s", "-o", "tuned.toml"];
    let said = Said::by(tune(&dir, &[&args[..], &["--json"]].concat()));
    assert_eq!(said.code, 3, "{said:?}");
    let miss = outcome(&said);
    assert!(!miss.found && miss.standing.met == 0 && miss.standing.goodput.value < 0.6, "{miss:?}");
    assert!(!dir.path().join("tuned.toml").exists(), "what does not hold is not written");
}

#[test]
fn what_cannot_be_asked_is_bad_input() {
    let dir = Dir::new();
    dir.file("few.csv", "1ms\n2ms\n");
    dir.file("wrong.toml", "[service.b]\nlatncy = { constant = \"1ms\" }\n");
    dir.file("never.toml", "[service.b]\nerrors = \"5%\"\n");
    let said = |args: &[&str]| {
        let mut command = inflight();
        command.current_dir(dir.path()).arg("tune").args(args);
        Said::by(command).text()
    };
    expect![[r#"
        exit 2
        --- stderr
        error: no profile "memory-clif". did you mean memory-cliff? There is sleep, memory-cliff, usl; or give a file's path
    "#]]
    .assert_eq(&said(&["memory-clif"]));
    expect![[r#"
        exit 2
        --- stderr
        error: cannot use few.csv: 2 latencies, at least 200 are needed
    "#]]
    .assert_eq(&said(&["few.csv", "--rate", "1/s"]));
    expect![[r#"
        exit 2
        --- stderr
        error: never.toml does not say how many requests arrive: say it with --rate
    "#]]
    .assert_eq(&said(&["never.toml"]));
    expect![[r#"
        exit 2
        --- stderr
        error: B fails 5.000 % of its calls by itself, so at most 95.000 % can be good, whatever the limit: goodput >= 95.000 % leaves no room
    "#]]
    .assert_eq(&said(&["never.toml", "goodput >= 95% of offered", "--rate", "1/s"]));
    expect![[r#"
        exit 2
        --- stderr
        error: unknown key `latncy` in [service.b]
         --> wrong.toml:2:1
          |
        2 | latncy = { constant = "1ms" }
          | ^^^^^^ did you mean `latency`?
          = keys of [service.b]: latency, stragglers, errors, contention, faults

        wrong.toml: 1 problem
    "#]]
    .assert_eq(&said(&["wrong.toml", "--rate", "1/s"]));
}

#[test]
fn measured_latencies_are_a_profile() {
    let dir = Dir::new();
    let latencies: String = (0..400).map(|i| format!("{}ms\n", 10 + i % 20)).collect();
    dir.file("measured.csv", latencies);
    let mut command = inflight();
    command.current_dir(dir.path()).args(["tune", "measured.csv", "p99 <= 200ms", "--rate", "100/s"]);
    let said = Said::by({
        command.args(["--no-check", "--quick", "--json", "-o", "out.toml"]);
        command
    });
    assert_eq!(said.code, 0, "{said:?}");
    let found = outcome(&said);
    let p99 = found.standing.latency_ms.map_or(0.0, |e| e.value);
    assert!((100.0..160.0).contains(&p99), "A takes up to 150 ms: {p99}");
    let quantiles = fs::read_to_string(dir.path().join("measured.quantiles.csv")).expect("beside out.toml");
    assert!(quantiles.contains("p50, 20ms\n"), "{quantiles}");
    let mut check = inflight();
    check.current_dir(dir.path()).args(["check", "out.toml"]);
    assert_eq!(Said::by(check).code, 0);
}

#[test]
fn a_saved_histogram_log_is_a_profile_as_well() {
    let dir = Dir::new();
    dir.file("mine.toml", EXPERIMENT);
    let said = |args: &[&str]| {
        let mut command = inflight();
        command.current_dir(dir.path()).args(args);
        Said::by(command)
    };
    assert_eq!(said(&["sim", "mine.toml", "--save", "--only", "both", "--rounds", "4"]).code, 0);
    let log = runs(&dir)[0].join("latency.hlog").display().to_string();
    let args = ["p95 <= 200ms", "--rate", "100/s", "--no-check", "--quick", "--json", "-o", "out.toml"];
    assert_eq!(said(&[&["tune", log.as_str()], &args[..]].concat()).code, 0);
    // Both services at the same time take as long as B, which takes 10 to 30 ms.
    let quantiles = fs::read_to_string(dir.path().join("latency.quantiles.csv")).expect("beside out.toml");
    let p50 = quantiles.lines().find_map(|line| line.strip_prefix("p50, ")).expect("a median");
    assert!(["19", "20", "21"].iter().any(|start| p50.starts_with(start)), "{p50}");
    dir.file("broken.hlog", "#[Histogram log format version 1.3]\n0.0,1.0,2.0,nonsense\n");
    let broken = said(&["tune", "broken.hlog", "--rate", "100/s"]);
    assert_eq!(broken.code, 2, "{broken:?}");
}

#[test]
fn an_interrupted_search_ends_with_what_it_knows() {
    let dir = Dir::new();
    // The whole search, not the quick one: long enough to be interrupted.
    dir.file("pool.toml", PROFILE);
    let mut command = inflight();
    command.current_dir(dir.path()).args(["tune", "pool.toml", "--json"]).args(ASKED).stdout(Stdio::piped());
    let mut program = Program::start(command);
    let stdout = Talk::hear(program.child.stdout.take().expect("piped"));
    program.begun();
    program.signal(Signal::INT);
    assert_eq!(program.code(), 130, "{}", program.stderr.text());
    // Interrupted in its first round, it knows nothing yet; later, the best so far.
    eventually("nothing, or the best so far", || {
        let text = stdout.text();
        let is_partial = serde_json::from_str::<TuneOutcome>(&text).is_ok_and(|outcome| !outcome.complete);
        if text.is_empty() || is_partial { Ok(()) } else { Err(text) }
    });
}
