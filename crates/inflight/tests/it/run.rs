//! `inflight run`: real runs of about a second per arm, their files, and what is left when they are cut short.

use crate::{
    program::{Dir, Program, Said, Talk, children, inflight, is_alive},
    wait::eventually,
};
use inflight_lab::experiment::RunOutcome;
use rustix::process::Signal;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Two arms of 1.2 s each.
const EXPERIMENT: &str = "\
question = \"Is parallel faster?\"
seed = 11
[workload]
arrivals = { poisson = { rate = \"120/s\" } }
duration = \"1200ms\"
warmup   = \"200ms\"
[service.a]
latency = { constant = \"5ms\" }
[service.b]
latency = { uniform = [\"10ms\", \"30ms\"] }
errors  = \"10%\"
[[arm]]
name  = \"one-by-one\"
calls = \"sequential\"
[[arm]]
name  = \"both\"
calls = \"parallel\"
";

/// The same, for a minute per arm.
fn long() -> String {
    EXPERIMENT.replace("1200ms", "1m")
}

fn run(dir: &Dir, args: &[&str]) -> Command {
    let mut command = inflight();
    command.current_dir(dir.path()).arg("run").args(args);
    command
}

/// The directories of the runs, in order of their names.
fn runs(dir: &Dir) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir.path().join("runs")).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

fn outcome(run: &Path) -> RunOutcome {
    let text = fs::read_to_string(run.join("run.json")).expect("run.json");
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

/// A run that has been measured to its end.
fn measured(args: &[&str]) -> (Dir, Said, PathBuf) {
    let dir = Dir::new();
    dir.file("mine.toml", EXPERIMENT);
    let said = Said::by(run(&dir, &[&["mine.toml"], args].concat()));
    let [path] = &runs(&dir)[..] else { panic!("one run: {:?}, {said:?}", runs(&dir)) };
    let path = path.clone();
    (dir, said, path)
}

#[test]
fn a_run_is_measured_saved_shown_and_repeated() {
    let (dir, said, path) = measured(&[]);
    assert_eq!(said.code, 0, "{said:?}");
    let run = outcome(&path);
    assert!(run.complete && run.validity.problems.is_empty(), "{:?}", run.validity);
    assert_eq!((run.seed, run.experiment.as_str(), run.counted_ns), (11, "mine", 1_000_000_000));
    assert_eq!(run.arms.iter().map(|arm| &arm.name[..]).collect::<Vec<_>>(), ["one-by-one", "both"]);
    assert_eq!(Some(run.id.as_str()), path.file_name().and_then(|name| name.to_str()));
    for arm in &run.arms {
        assert_eq!(arm.endings.values().sum::<u64>(), arm.offered);
        assert!(arm.little.error.abs() <= 0.05, "{:?}", arm.little);
        assert!(arm.in_flight_mean > 0.5, "{}", arm.in_flight_mean);
        assert_eq!(arm.timeline.iter().map(|tick| u64::from(tick.offered)).sum::<u64>() > arm.offered, true);
    }
    // The same arrivals and the same draws for both arms: the same requests fail.
    assert_eq!(run.arms[0].offered, run.arms[1].offered);
    assert_eq!(run.arms[0].endings, run.arms[1].endings);
    let saved = fs::read_to_string(path.join("experiment.toml")).expect("experiment.toml");
    assert_eq!(saved, EXPERIMENT);
    same_report_again(&dir, &said, &path);
    the_saved_experiment_repeats_it(&dir, &path, &run);
}

/// `show` says what the run said, without the lines about where it is.
fn same_report_again(dir: &Dir, said: &Said, path: &Path) {
    let id = path.file_name().and_then(|name| name.to_str()).expect("an id");
    for args in [vec!["show"], vec!["show", id]] {
        let mut command = inflight();
        command.current_dir(dir.path()).args(&args);
        let shown = Said::by(command);
        assert_eq!((shown.code, shown.stderr.as_str()), (0, ""));
        assert!(!shown.stdout.is_empty() && said.stdout.starts_with(&shown.stdout), "{}", shown.stdout);
        assert_eq!(fs::read_to_string(path.join("report.txt")).expect("report.txt"), shown.stdout);
    }
    let mut command = inflight();
    command.current_dir(dir.path()).args(["show", "--json"]);
    let json = fs::read_to_string(path.join("run.json")).expect("run.json");
    assert_eq!(Said::by(command).stdout, json);
}

fn the_saved_experiment_repeats_it(dir: &Dir, path: &Path, first: &RunOutcome) {
    let file = path.join("experiment.toml");
    let again = Said::by(run(dir, &[file.to_str().expect("a path in text"), "--json"]));
    let second: RunOutcome = serde_json::from_str(&again.stdout).unwrap_or_else(|e| panic!("{e}: {again:?}"));
    for (one, two) in first.arms.iter().zip(&second.arms) {
        assert_eq!((one.offered, &one.endings), (two.offered, &two.endings), "same seed, same arrivals, same draws");
    }
}

#[test]
fn another_seed_is_saved_with_the_run_and_only_the_chosen_arm_is_measured() {
    let (dir, said, path) = measured(&["--seed", "12", "--only", "both", "--json"]);
    assert_eq!(said.code, 0, "{said:?}");
    let json = fs::read_to_string(path.join("run.json")).expect("run.json");
    assert_eq!(said.stdout, json);
    let run = outcome(&path);
    assert_eq!((run.seed, run.arms.len(), run.arms[0].name.as_str()), (12, 1, "both"));
    let mut command = inflight();
    command.current_dir(dir.path()).args(["check"]).arg(path.join("experiment.toml"));
    assert_eq!(Said::by(command).code, 0);
    let saved = fs::read_to_string(path.join("experiment.toml")).expect("experiment.toml");
    let seeds: Vec<&str> = saved.lines().filter(|line| line.starts_with("seed")).collect();
    assert_eq!(seeds, ["seed = 12"]);
}

#[test]
fn files_that_an_experiment_refers_to_are_found_from_anywhere() {
    let dir = Dir::new();
    fs::create_dir(dir.path().join("mine")).expect("a folder");
    dir.file("mine/b.csv", "p0, 5ms\np50, 10ms\np100, 20ms\n");
    let uniform = "{ uniform = [\"10ms\", \"30ms\"] }";
    let text = EXPERIMENT.replace(uniform, "{ empirical = { file = \"b.csv\" } }").replace("1200ms", "600ms");
    dir.file("mine/e.toml", text);
    let said = Said::by(run(&dir, &["mine/e.toml", "--only", "both", "--json"]));
    assert_eq!(said.code, 0, "{}", said.stderr);
    let path = runs(&dir).remove(0).join("experiment.toml");
    let again = Said::by(run(&dir, &[path.to_str().expect("a path in text"), "--only", "both", "--json"]));
    assert_eq!(again.code, 0, "{}", again.stderr);
}

/// A run of a minute per arm, and the app that it has started.
struct Running {
    dir: Dir,
    program: Program,
    stdout: Talk,
    app: u32,
}

fn running() -> Running {
    let dir = Dir::new();
    dir.file("mine.toml", long());
    let mut command = run(&dir, &["mine.toml"]);
    command.stdout(Stdio::piped());
    let mut program = Program::start(command);
    let stdout = Talk::hear(program.child.stdout.take().expect("piped"));
    let parent = program.child.id();
    let app = eventually("the app of the first arm is there and serves", || {
        children(parent).into_iter().find(|pid| has_connection(*pid)).ok_or_else(|| program.stderr.text())
    });
    Running { dir, program, stdout, app }
}

/// Whether a process has more than one socket: the one it listens on, and one that it serves.
fn has_connection(pid: u32) -> bool {
    let files = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let targets = files.filter_map(|file| fs::read_link(file.path()).ok());
    // Tokio's own pair for signals, the listener, and a connection.
    targets.filter(|target| target.to_string_lossy().starts_with("socket:")).count() >= 4
}

fn is_gone(pid: u32) {
    eventually("the app is gone", || if is_alive(pid) { Err(pid) } else { Ok(()) });
}

#[test]
fn an_interrupted_run_is_saved_as_far_as_it_went_and_leaves_nobody_behind() {
    let mut running = running();
    running.program.signal(Signal::INT);
    let (status, took) = running.program.ended();
    assert_eq!(crate::program::code(status), 130, "{}", running.program.stderr.text());
    assert!(took.as_secs() < 3, "{took:?}");
    is_gone(running.app);
    let run = outcome(&runs(&running.dir)[0]);
    assert!(!run.complete);
    run.arms.iter().for_each(|arm| assert_eq!(arm.endings.values().sum::<u64>(), arm.offered));
    eventually("the report is printed", || match running.stdout.text() {
        text if text.is_empty() => Err(text),
        _ => Ok(()),
    });
    let mut command = inflight();
    command.current_dir(running.dir.path()).args(["show"]);
    assert_eq!(Said::by(command).code, 0, "what is saved can be shown");
}

#[test]
fn an_interrupted_arm_counts_as_far_as_it_went() {
    let mut running = running();
    running.program.signal(Signal::INT);
    running.program.ended();
    let run = outcome(&runs(&running.dir)[0]);
    assert_eq!(run.arms.len(), 1, "the arm that was being measured");
}

#[test]
fn a_run_that_is_killed_leaves_no_app_behind() {
    for signal in [Signal::KILL, Signal::TERM, Signal::HUP] {
        let mut running = running();
        running.program.signal(signal);
        running.program.ended();
        is_gone(running.app);
    }
}

#[test]
fn an_interrupt_at_the_very_beginning_is_heard() {
    let dir = Dir::new();
    dir.file("mine.toml", long());
    let mut program = Program::start(run(&dir, &["mine.toml"]));
    eventually("it has begun", || match program.stderr.text() {
        said if said.is_empty() => Err(said),
        _ => Ok(()),
    });
    program.signal(Signal::INT);
    assert_eq!(program.code(), 130, "{}", program.stderr.text());
}
