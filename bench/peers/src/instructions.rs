//! Instructions per request, which no other program on the machine changes. The difference of two runs, so that what every
//! run begins with cancels out.

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

/// Measures and prints, if valgrind is there.
pub fn print() {
    println!("\ninstructions per request (callgrind, {MANY} less {FEW} requests):");
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("  left out: there is no `valgrind` on this machine");
        return;
    }
    for (name, most) in LANES {
        let (Some(few), Some(many)) = (collected(name, FEW), collected(name, MANY)) else {
            println!("  {name}: valgrind could not run it");
            continue;
        };
        let each = (many - few) / (MANY - FEW) as f64;
        match most {
            Some(most) => crate::bound(name, each, most),
            None => println!("  {name}: {each:.0}"),
        }
    }
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
