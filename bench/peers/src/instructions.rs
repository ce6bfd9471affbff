//! Instructions per request, which no other program on the machine changes. The difference of two runs, so that what every
//! run begins with cancels out.

use crate::bars::Bars;
use std::process::Command;

const FEW: u64 = 50_000;
const MANY: u64 = 250_000;

/// The name of a contestant, and the most instructions that it may take, if there is a bar.
const LANES: [(&str, Option<f64>); 8] = [
    ("draws-and-books", None),
    ("event-loop", None),
    ("inflight", Some(1600.0)),
    ("event-loop+timeout", None),
    ("inflight+timeout", Some(2200.0)),
    ("simu-des", None),
    ("nexosim", None),
    ("tokio-paused", None),
];

/// Measures, if valgrind is there.
pub fn measure(bars: &mut Bars) {
    println!("  instructions per request (callgrind, {MANY} less {FEW} requests):");
    for (name, most) in LANES {
        let what = format!("  {name}");
        match (per_request(name), most) {
            (Some(each), Some(most)) => bars.at_most(&what, each, most),
            (Some(each), None) => println!("  {what:<88}{each:>10.0}"),
            (None, Some(_)) => bars.not_measured(&what, "`valgrind` is missing, or cannot run it"),
            (None, None) => {}
        }
    }
}

fn per_request(name: &str) -> Option<f64> {
    Some((collected(name, MANY)? - collected(name, FEW)?) / (MANY - FEW) as f64)
}

/// Instructions of a whole run.
fn collected(name: &str, requests: u64) -> Option<f64> {
    let exe = std::env::current_exe().ok()?;
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(exe);
    let output = command.args(["only", name, &requests.to_string()]).output().ok()?;
    let text = String::from_utf8(output.stderr).ok().filter(|_| output.status.success())?;
    let line = text.lines().find_map(|line| line.split_once("Collected :"))?;
    line.1.trim().parse().ok()
}
