//! `inflight run`: real runs of about a second per arm, and what they leave in files.

use crate::program::{Dir, Said, inflight};
use inflight_lab::{
    experiment::{ArmOutcome, MAX_LATENESS_P99, MAX_LITTLE_ERROR, RunOutcome},
    twin::Twin,
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Two arms of 1.2 s each.
pub(crate) const EXPERIMENT: &str = "\
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

pub(crate) fn run(dir: &Dir, args: &[&str]) -> Command {
    let mut command = inflight();
    command.current_dir(dir.path()).arg("run").args(args);
    command
}

/// The directories of the runs, in order of their names.
pub(crate) fn runs(dir: &Dir) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir.path().join("runs")).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

pub(crate) fn outcome(run: &Path) -> RunOutcome {
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
    let run = outcome(&path);
    assert!(run.complete, "{said:?}");
    assert_trusted_or_not(&said, &run);
    let [experiment] = &run.experiments[..] else { panic!("one experiment: {said:?}") };
    let named = (experiment.seed, experiment.name.as_str(), experiment.counted_ns);
    assert_eq!(named, (11, "mine", 1_000_000_000));
    assert_eq!(experiment.arms.iter().map(|arm| &arm.name[..]).collect::<Vec<_>>(), ["one-by-one", "both"]);
    assert_eq!(Some(run.id.as_str()), path.file_name().and_then(|name| name.to_str()));
    for arm in &experiment.arms {
        assert_eq!(arm.endings.values().sum::<u64>(), arm.offered);
        assert!(arm.in_flight_mean > 0.5, "{}", arm.in_flight_mean);
        let sent: u64 = arm.timeline.offered.iter().map(|n| u64::from(*n)).sum();
        assert!(sent > arm.offered, "the timeline has the warm-up as well");
        assert_has_a_twin(arm);
        let requests = fs::read_to_string(path.join(format!("{}.requests.csv", arm.name))).expect("requests");
        assert_eq!(requests.lines().count() as u64, 1 + sent, "a line of names and one for each request");
    }
    // The same arrivals and the same draws for both arms: the same requests fail.
    let [one, two] = &experiment.arms[..] else { panic!("two arms: {experiment:?}") };
    assert_eq!((one.offered, &one.endings), (two.offered, &two.endings));
    let saved = fs::read_to_string(path.join("experiment.toml")).expect("experiment.toml");
    assert_eq!(saved, EXPERIMENT);
    same_report_again(&dir, &said, &path);
    the_saved_experiment_repeats_it(&dir, &path, &run);
}

/// Without timeouts every request ends in its twin as it did live, and no request is faster than its own draws.
fn assert_has_a_twin(arm: &ArmOutcome) {
    let Some(Twin::Compared { exact, calibrated: Some(_) }) = &arm.twin else { panic!("{:?}", arm.twin) };
    assert_eq!((exact.compared, exact.missing, &exact.differing[..]), (arm.offered, 0, &[][..]));
    assert!(exact.residual.median_ns > 0 && exact.parts.http.mean_ns > 0, "{exact:?}");
}

/// The exit code says whether the figures can be trusted, and the figures say the same: on a busy machine they cannot.
fn assert_trusted_or_not(said: &Said, run: &RunOutcome) {
    let is_late = |arm: &ArmOutcome| u128::from(arm.lateness.p99_ns) > MAX_LATENESS_P99.as_nanos();
    let is_off = |arm: &ArmOutcome| arm.little.error.abs() > MAX_LITTLE_ERROR;
    let arms = || run.experiments.iter().flat_map(|experiment| &experiment.arms);
    let is_robbed =
        |arm: &ArmOutcome| arm.driver.as_ref().is_some_and(|driver| driver.effort.robbed().is_some());
    let is_trusted = !arms().any(|arm| is_late(arm) || is_off(arm) || is_robbed(arm));
    let expected = if is_trusted { 0 } else { 4 };
    assert_eq!((said.code, run.validity.problems.is_empty()), (expected, is_trusted), "{:?}", run.validity);
    // Both sides were measured on their own, and agree about as well as a second of it can.
    arms().for_each(|arm| assert!(arm.little.error.abs() < 0.2, "{:?}", arm.little));
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
    for (one, two) in first.experiments[0].arms.iter().zip(&second.experiments[0].arms) {
        assert_eq!(
            (one.offered, &one.endings),
            (two.offered, &two.endings),
            "same seed, same arrivals, same draws"
        );
    }
}

#[test]
fn another_seed_is_saved_with_the_run_and_only_the_chosen_arm_is_measured() {
    let (dir, said, path) = measured(&["--seed", "12", "--only", "both", "--json"]);
    let json = fs::read_to_string(path.join("run.json")).expect("run.json");
    assert_eq!(said.stdout, json);
    let run = outcome(&path).experiments.remove(0);
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
    assert!(matches!(said.code, 0 | 4), "{}", said.stderr);
    let path = runs(&dir).remove(0).join("experiment.toml");
    let again = Said::by(run(&dir, &[path.to_str().expect("a path in text"), "--only", "both", "--json"]));
    assert!(matches!(again.code, 0 | 4), "{}", again.stderr);
}

#[test]
fn a_saved_run_is_shown_to_the_last_digit() {
    let (dir, _, path) = measured(&["--only", "both"]);
    let mut run = outcome(&path);
    // A number that a careless reader of decimals gets wrong in its last digit.
    run.experiments[0].arms[0].little.error = -0.018_545_389_563_039_638;
    fs::write(path.join("run.json"), serde_json::to_string(&run).expect("JSON")).expect("written");
    let mut command = inflight();
    command.current_dir(dir.path()).args(["show", "--json"]);
    let shown = Said::by(command).stdout;
    assert_eq!(serde_json::from_str::<RunOutcome>(&shown).expect("an outcome"), run);
    assert!(shown.contains("-0.018545389563039638"), "{shown}");
}

#[test]
fn users_of_a_closed_loop_are_driven_over_http() {
    let dir = Dir::new();
    let closed = EXPERIMENT
        .replace(
            "arrivals = { poisson = { rate = \"120/s\" } }",
            "users = { count = 6, think = { constant = \"20ms\" } }\nretry = { most = 2, pause = { fixed = \"5ms\" } }",
        )
        .replace("errors  = \"10%\"", "errors  = \"50%\"");
    dir.file("mine.toml", closed);
    let said = Said::by(run(&dir, &["mine.toml", "--only", "both"]));
    let [path] = &runs(&dir)[..] else { panic!("one run: {said:?}") };
    let [arm] = &outcome(path).experiments[0].arms[..] else { panic!("one arm: {said:?}") };
    assert_eq!(arm.endings.values().sum::<u64>(), arm.offered, "{arm:?}");
    assert!(arm.in_flight_peak <= 6 && arm.lateness.count == 0, "{arm:?}");
    let users = arm.users.expect("they retry");
    // Each user needs 1 to 3 attempts, and half of all attempts fail.
    let all = users.served.count + users.gave_up;
    assert!(
        users.served.count > users.gave_up && all <= arm.offered && arm.offered <= 3 * all + 18,
        "{arm:?}"
    );
}
