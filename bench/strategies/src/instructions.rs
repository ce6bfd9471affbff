//! Instructions per call: the difference of two runs under callgrind.

use std::process::Command;

const FEW: u64 = 1_000;
const MANY: u64 = 3_000;

/// Those of lane number `lane`, if there is a valgrind.
pub fn of(lane: usize) -> Option<f64> {
    Some((collected(lane, MANY)? - collected(lane, FEW)?) / (MANY - FEW) as f64)
}

fn collected(lane: usize, calls: u64) -> Option<f64> {
    let exe = std::env::current_exe().ok()?;
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(exe);
    let output = command.args(["only", &lane.to_string(), &calls.to_string()]).output().ok()?;
    let text = String::from_utf8(output.stderr).ok().filter(|_| output.status.success())?;
    let line = text.lines().find_map(|line| line.split_once("Collected :"))?;
    line.1.trim().parse().ok()
}
