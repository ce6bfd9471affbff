//! What is counted in processes of their own.

use std::{path::PathBuf, process::Command};

const FEW: u64 = 1_000;
const MANY: u64 = 3_000;

fn program() -> PathBuf {
    std::env::current_exe().expect("this program has a path")
}

/// Instructions per call of lane number `lane`, if there is a valgrind: the difference of two runs.
pub fn instructions(lane: usize) -> Option<f64> {
    Some((collected(lane, MANY)? - collected(lane, FEW)?) / (MANY - FEW) as f64)
}

fn collected(lane: usize, calls: u64) -> Option<f64> {
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(program());
    let output = command.args(["only", &lane.to_string(), &calls.to_string()]).output().ok()?;
    let text = String::from_utf8(output.stderr).ok().filter(|_| output.status.success())?;
    let line = text.lines().find_map(|line| line.split_once("Collected :"))?;
    line.1.trim().parse().ok()
}

/// Allocations per call of lane number `lane`; the program beside this one counts them, so that counting slows nothing else.
pub fn allocations(lane: usize) -> f64 {
    let mut command = Command::new(program().with_file_name("allocations"));
    let output = command.arg(lane.to_string()).output().expect("it was built with this program");
    let text = String::from_utf8(output.stdout).expect("text");
    text.trim().parse().expect("a number")
}
