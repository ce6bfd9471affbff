//! The command line: what each command says about itself, and about what it cannot use.

use crate::program::{Dir, Said, inflight};
use expect_test::{Expect, expect};

/// Runs a command line in a folder of its own.
fn said(args: &[&str]) -> Said {
    let dir = Dir::new();
    let mut command = inflight();
    command.current_dir(dir.path()).args(args);
    Said::by(command)
}

/// Runs a command line in a folder of its own and compares all that it says.
#[track_caller]
pub(crate) fn check(args: &[&str], expected: Expect) {
    expected.assert_eq(&said(args).text());
}

#[test]
fn without_arguments_it_introduces_itself() {
    check(
        &[],
        expect![[r#"
            exit 0
            --- stdout
            Inflight, a concurrency laboratory. Latency shows the effect. Inflight shows the cause.
            It measures what limits, queues and timeouts do to a service, and says what it saw.
            Results are kept in ./runs; `inflight help` lists the commands.

              inflight run                     answer the five questions by measurement, in two minutes
              inflight sim                     the same in virtual time, in an instant
              inflight serve                   serve the endpoints on http://127.0.0.1:8080
              inflight load http://127.0.0.1:8080/async --rate 30/s    drive one of them
        "#]],
    );
}

#[test]
fn the_version_is_that_of_the_package() {
    assert_eq!(
        said(&["--version"]).text(),
        format!("exit 0\n--- stdout\ninflight {}\n", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn an_unknown_experiment_is_bad_input() {
    check(
        &["run", "four-endpoint"],
        expect![[r#"
            exit 2
            --- stderr
            error: no experiment "four-endpoint". did you mean four-endpoints? There is sync-or-async, sync-or-async-closed, unbounded, unbounded-sleeping, backpressure, timeouts, measured, seed-sleeping, seed-degrading, seed-closed, seed-closed-pool, seed-saturated, four-endpoints, memory-cliff, limit-and-pool, limit-and-knee, blocking-calls, one-task-or-two, adaptive-limits, queues, hedging, hedging-no-stragglers, hedging-pool, metastable-retries, repro-brooker-collapse, repro-brooker-retries, repro-osdi22-step, tour, seed-claims, beyond, reproductions, suite; or give a file's path
        "#]],
    );
    check(
        &["run", "./nowhere.toml"],
        expect![[r#"
        exit 2
        --- stderr
        error: cannot read ./nowhere.toml: No such file or directory (os error 2)
    "#]],
    );
    check(
        &["run", "four-endpoints", "--only", "sink"],
        expect![[r#"
        exit 2
        --- stderr
        error: --only sink: four-endpoints has the arms sync, async, async-limited, async-timeout
    "#]],
    );
}

#[test]
fn a_configuration_is_no_experiment() {
    let dir = Dir::new();
    dir.file("mine.toml", "[[endpoint]]\nname = \"x\"\ncalls = \"parallel\"\n");
    let mut command = inflight();
    command.current_dir(dir.path()).args(["run", "mine.toml"]);
    expect![[r#"
        exit 2
        --- stderr
        error: mine.toml is a configuration, not an experiment: it has no [workload]; serve it with `inflight serve --config mine.toml`
    "#]].assert_eq(&Said::by(command).text());
    assert!(!dir.path().join("runs").exists(), "nothing is left behind");
}

#[test]
fn there_is_nothing_to_show_before_a_run() {
    check(
        &["show"],
        expect![[r#"
        exit 2
        --- stderr
        error: no runs in runs; `inflight run` makes one
    "#]],
    );
    check(
        &["show", "abcd"],
        expect![[r#"
        exit 2
        --- stderr
        error: no run "abcd" in runs; `inflight list` shows them
    "#]],
    );
    check(
        &["show", "../abcd"],
        expect![[r#"
        exit 2
        --- stderr
        error: "../abcd" is not a run's id; `inflight list` shows them
    "#]],
    );
}

#[test]
fn what_can_be_run_is_listed_in_groups() {
    check(
        &["list"],
        expect![[r#"
            exit 0
            --- stdout
            Experiments (inflight run NAME, inflight sim NAME)
              tour: the five questions of the lab
                sync-or-async
                    When is async better than sync?
                sync-or-async-closed
                    When is async better than sync, if callers wait for their answers?
                unbounded
                    How does unbounded concurrency degrade a system?
                unbounded-sleeping
                    Does unbounded concurrency degrade a dependency that only sleeps?
                backpressure
                    How does backpressure improve stability?
                timeouts
                    Why are timeouts essential to avoid leaks?
                measured
                    How do these behaviours look when measured, not guessed?
              seed-claims: what the original lab expected of its endpoints, regime by regime
                seed-sleeping
                    What becomes of the original claims when B only sleeps?
                seed-degrading
                    What becomes of the original claims when B degrades with concurrency?
                seed-closed
                    What becomes of the original claims in a closed loop?
                seed-closed-pool
                    What becomes of the original claims when B is the bottleneck?
                seed-saturated
                    What becomes of the original claims at the original rate of 30/s?
              beyond: limits, hedges, blocking calls and tasks where they help and where they harm
                memory-cliff
                    Does a limit keep the tail short when B degrades with concurrency?
                limit-and-pool
                    What does a semaphore do in front of a pool of its own size?
                limit-and-knee
                    Where must a limit lie: below, at or above the knee?
                blocking-calls
                    What does a blocking call inside an async worker cost?
                one-task-or-two
                    Two calls at the same time: a task for each, or both joined in one task?
                adaptive-limits
                    Which adaptive limit finds what an overloaded pool bears?
                hedging
                    When does hedging shorten the tail?
                hedging-no-stragglers
                    Does hedging help when there is no tail?
                hedging-pool
                    What do copies do to a pool that is three quarters full?
              reproductions: published experiments as models that fit one machine
                metastable-retries
                    A pool loses capacity for ten seconds while its callers retry at once. Which remedy brings it back?
                repro-brooker-collapse
                    Does a spike of five seconds collapse a service whose callers retry at once?
                repro-brooker-retries
                    How much load do retries add, and what does a budget of 10 % leave of it?
                repro-osdi22-step
                    Does a step of load leave a service in lasting overload after it is over?
                queues
                    Which queue keeps the goodput when more comes than can be served?
              suite: all of these
              and
                four-endpoints
                    The same work four ways: what does each do to latency, and what is in flight meanwhile?

            Runs in runs (inflight show ID)
              none yet
        "#]],
    );
}

#[test]
fn a_run_that_cannot_be_read_is_a_failure() {
    let dir = Dir::new();
    std::fs::create_dir_all(dir.path().join("runs/abcd")).expect("a folder");
    dir.file("runs/abcd/run.json", "{ \"schema\": 999 }");
    let mut command = inflight();
    command.current_dir(dir.path()).args(["show", "abcd"]);
    expect![[r#"
        exit 1
        --- stderr
        error: runs/abcd/run.json: schema 999, expected 1 to 3
    "#]]
    .assert_eq(&Said::by(command).text());
}

#[test]
fn results_that_nobody_reads_are_no_error() {
    let mut command = inflight();
    command.arg("man").stdout(std::process::Stdio::piped());
    let mut program = crate::program::Program::start(command);
    drop(program.child.stdout.take());
    assert_eq!((program.code(), program.stderr.text().as_str()), (0, ""));
}

#[test]
fn completions_and_the_manual_know_every_command() {
    let commands =
        ["run", "sim", "serve", "load", "check", "show", "list", "healthcheck", "completions", "man"];
    for shell in ["bash", "zsh", "fish"] {
        let said = said(&["completions", shell]);
        assert_eq!((said.code, said.stderr.as_str()), (0, ""));
        let words: Vec<&str> = said.stdout.split(|c: char| !c.is_alphanumeric() && c != '-').collect();
        let missing: Vec<_> = commands.iter().filter(|command| !words.contains(command)).collect();
        assert_eq!(missing, [&""; 0], "{shell}");
    }
    let manual = said(&["man"]);
    let missing: Vec<_> = commands
        .iter()
        .filter(|command| !manual.stdout.contains(&format!("inflight\\-{command}(1)")))
        .collect();
    assert_eq!((manual.code, missing), (0, vec![]));
}

#[test]
fn a_healthcheck_of_nonsense_is_not_well() {
    check(
        &["healthcheck", "--url", "nonsense"],
        expect![[r#"
        exit 1
        --- stderr
        error: nonsense is not well: bad uri: nonsense is missing scheme
    "#]],
    );
    let mut command = inflight();
    command.arg("healthcheck").env("PORT", "eighty");
    expect![[r#"
        exit 2
        --- stderr
        error: environment variable PORT="eighty": expected a port from 0 to 65535 (0: any free one); change or unset it
    "#]].assert_eq(&Said::by(command).text());
}

#[test]
fn more_connections_than_files_is_bad_input() {
    // How many files there may be is the machine's business.
    let text = said(&["serve", "--port", "0", "--max-connections", "0"]).text();
    let words =
        text.split_inclusive(' ').map(|word| match word.trim_end_matches([' ', ';']).parse::<u64>() {
            Ok(n) if n > 100 => word.replace(&n.to_string(), "N"),
            _ => word.to_string(),
        });
    expect![[r#"
        exit 2
        --- stderr
        error: --max-connections 0: expected 1 to N; this process may open N files (ulimit -n)
    "#]]
    .assert_eq(&words.collect::<String>());
}

#[test]
fn an_address_that_is_not_ours_is_an_error() {
    check(
        &["serve", "--port", "0", "--bind", "192.0.2.1"],
        expect![[r#"
            exit 1
            --- stderr
            error: cannot listen on 192.0.2.1:0: Cannot assign requested address (os error 99); that address is not this machine's; choose one with --bind
        "#]],
    );
    check(
        &["serve", "--config", "nowhere.toml"],
        expect![[r#"
        exit 2
        --- stderr
        error: cannot read nowhere.toml: No such file or directory (os error 2)
    "#]],
    );
}
