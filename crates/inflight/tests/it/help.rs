//! The help of every command, as it is read.

use crate::program::{Said, inflight};
use expect_test::{Expect, expect};

#[track_caller]
fn check(command: &[&str], expected: Expect) {
    let mut long = inflight();
    long.args(command).arg("--help");
    let said = Said::by(long);
    assert_eq!((said.code, said.stderr.as_str()), (0, ""));
    let widest = said.stdout.lines().map(|line| line.chars().count()).max();
    assert!(widest <= Some(100), "{widest:?} columns");
    expected.assert_eq(&said.stdout);
}

#[test]
fn of_the_program() {
    check(&[], expect![[""]]);
}

#[test]
fn of_run() {
    check(&["run"], expect![[""]]);
}

#[test]
fn of_serve() {
    check(&["serve"], expect![[""]]);
}

#[test]
fn of_load() {
    check(&["load"], expect![[""]]);
}

#[test]
fn of_check() {
    check(&["check"], expect![[""]]);
}

#[test]
fn of_show() {
    check(&["show"], expect![[""]]);
}

#[test]
fn of_list() {
    check(&["list"], expect![[""]]);
}

#[test]
fn of_healthcheck() {
    check(&["healthcheck"], expect![[""]]);
}

#[test]
fn of_completions_and_man() {
    check(&["completions"], expect![[""]]);
    check(&["man"], expect![[""]]);
}
