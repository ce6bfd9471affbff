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

#[track_caller]
fn check(args: &[&str], expected: Expect) {
    expected.assert_eq(&said(args).text());
}

#[test]
fn without_arguments_it_introduces_itself() {
    check(&[], expect![[""]]);
}

#[test]
fn the_version_is_that_of_the_package() {
    assert_eq!(said(&["--version"]).text(), format!("exit 0\n--- stdout\ninflight {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn an_unknown_command_or_flag_is_usage() {
    check(&["sevre"], expect![[""]]);
    check(&["serve", "--prot", "1"], expect![[""]]);
    check(&["serve", "--port", "65536"], expect![[""]]);
    check(&["serve", "--drain", "5"], expect![[""]]);
    check(&["serve", "--header-timeout", "0s"], expect![[""]]);
    check(&["serve", "--workers", "0"], expect![[""]]);
    check(&["check"], expect![[""]]);
    check(&["load"], expect![[""]]);
}

#[test]
fn an_unknown_experiment_is_bad_input() {
    check(&["run", "four-endpoint"], expect![[""]]);
    check(&["run", "./nowhere.toml"], expect![[""]]);
    check(&["run", "four-endpoints", "--only", "sink"], expect![[""]]);
}

#[test]
fn a_configuration_is_no_experiment() {
    let dir = Dir::new();
    dir.file("mine.toml", "[[endpoint]]\nname = \"x\"\ncalls = \"parallel\"\n");
    let mut command = inflight();
    command.current_dir(dir.path()).args(["run", "mine.toml"]);
    expect![[""]].assert_eq(&Said::by(command).text());
    assert!(!dir.path().join("runs").exists(), "nothing is left behind");
}

#[test]
fn there_is_nothing_to_show_before_a_run() {
    check(&["show"], expect![[""]]);
    check(&["show", "abcd"], expect![[""]]);
    check(&["show", "../abcd"], expect![[""]]);
    check(&["list"], expect![[""]]);
}

#[test]
fn a_run_that_cannot_be_read_is_a_failure() {
    let dir = Dir::new();
    std::fs::create_dir_all(dir.path().join("runs/abcd")).expect("a folder");
    dir.file("runs/abcd/run.json", "{ \"schema\": 999 }");
    let mut command = inflight();
    command.current_dir(dir.path()).args(["show", "abcd"]);
    expect![[""]].assert_eq(&Said::by(command).text());
}

#[test]
fn load_refuses_what_it_cannot_or_must_not_drive() {
    check(&["load", "127.0.0.1:8080"], expect![[""]]);
    check(&["load", "https://127.0.0.1/"], expect![[""]]);
    check(&["load", "/async"], expect![[""]]);
    check(&["load", ""], expect![[""]]);
    check(&["load", "http://127.0.0.1:99999/"], expect![[""]]);
    check(&["load", "http://127.0.0.1:1/", "--rate", "20"], expect![[""]]);
    check(&["load", "http://127.0.0.1:1/", "--rate", "0/s"], expect![[""]]);
    check(&["load", "http://127.0.0.1:1/", "--duration", "0s"], expect![[""]]);
    check(&["load", "http://127.0.0.1:1/", "--duration", "2s", "--warmup", "2s"], expect![[""]]);
    check(&["load", "http://127.0.0.1:1/", "--connections", "0"], expect![[""]]);
}

#[test]
fn load_does_not_touch_another_machine_unasked() {
    // 192.0.2.0/24 is nobody's (RFC 5737): a connection would hang, a refusal comes at once.
    let watch = crate::wait::Stopwatch::start();
    check(&["load", "http://192.0.2.1/"], expect![[""]]);
    // The second of two URLs counts as well, before anything is sent to the first.
    check(&["load", "http://127.0.0.1:1/", "http://192.0.2.1:8080/async"], expect![[""]]);
    assert!(watch.passed() < std::time::Duration::from_secs(2));
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
    let commands = ["run", "serve", "load", "check", "show", "list", "healthcheck", "completions", "man"];
    for shell in ["bash", "zsh", "fish"] {
        let said = said(&["completions", shell]);
        assert_eq!((said.code, said.stderr.as_str()), (0, ""));
        let words: Vec<&str> = said.stdout.split(|c: char| !c.is_alphanumeric() && c != '-').collect();
        let missing: Vec<_> = commands.iter().filter(|command| !words.contains(command)).collect();
        assert_eq!(missing, [&""; 0], "{shell}");
    }
    let manual = said(&["man"]);
    let missing: Vec<_> =
        commands.iter().filter(|command| !manual.stdout.contains(&format!("inflight\\-{command}(1)"))).collect();
    assert_eq!((manual.code, missing), (0, vec![]));
}

#[test]
fn a_healthcheck_of_nonsense_is_not_well() {
    check(&["healthcheck", "--url", "nonsense"], expect![[""]]);
    let mut command = inflight();
    command.arg("healthcheck").env("PORT", "eighty");
    expect![[""]].assert_eq(&Said::by(command).text());
}

#[test]
fn more_connections_than_files_is_bad_input() {
    check(&["serve", "--port", "0", "--max-connections", "0"], expect![[""]]);
}

#[test]
fn an_address_that_is_not_ours_is_an_error() {
    check(&["serve", "--port", "0", "--bind", "192.0.2.1"], expect![[""]]);
    check(&["serve", "--config", "nowhere.toml"], expect![[""]]);
}
