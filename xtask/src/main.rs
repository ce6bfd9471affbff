//! The tool shed: everything the project does to itself. `cargo xtask` lists the commands.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool talks to its terminal")]

mod checkout;
mod compose;
mod grafana;
mod interrupt;
mod load;
mod loom;
mod net;
mod oracles;
mod page;
mod peers;
mod process;
mod program;
mod prometheus;
mod readme;
mod repeat;
mod report;
mod stack;
mod tidy;
mod tools;
mod tour;
mod twin;
mod walkthrough;

use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask COMMAND

  tidy              rules that no compiler checks: names, walls, links, sizes
  stack [--keep]    k6 → app → Collector → Prometheus, for real, on loopback; asserts what arrives
  compose           compose.yaml on a local Docker engine
  readme            measures the five questions and pastes the answers into README.md
  oracles           runs the tests that are named after a source, and writes docs/strategies/oracles.md
  repeat            the same seed, the same bytes: debug, release and native builds, with and without FMA
  twin              live arms beside their twins at three rates: residuals and bounds; 9 minutes
  tour [N]          the five questions, N times (10): verdicts as in virtual time, none turns; 2 minutes each
  loom              hand-made synchronisation under all interleavings
  walkthrough       adds a strategy to a copy of the project by the diff in docs/, builds it and runs it
  bench sim [quick] the virtual world beside other simulators: speed, memory, instructions
  report [--install] pages of virtual runs in a real browser: three widths, two themes, axe; skips without Chromium
  bench load [PART…] [quick] [alone | installed]
                    the load driver beside wrk, oha, vegeta, h2load, hey, k6: truth, pacing, cheap, small, scale, faults
  tools             fetches and builds what `stack` needs into the cache

--keep leaves the work folder with all logs where it is. The cache is $INFLIGHT_CACHE, or inflight/ in the user's
cache folder. Exit code: 0 everything holds, 1 something does not, 2 usage.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments.as_slice() {
        ["tidy"] => tidy::run(),
        ["stack"] => stack::run(false),
        ["stack", "--keep"] => stack::run(true),
        ["compose"] => compose::run(),
        ["readme"] => readme::run(),
        ["oracles"] => oracles::run(),
        ["repeat"] => repeat::run(),
        ["twin"] => twin::run(),
        ["tour", rest @ ..] => tour::run(rest),
        ["loom"] => loom::run(),
        ["walkthrough"] => walkthrough::run(),
        ["bench", "sim", rest @ ..] => peers::run(rest),
        ["report"] => page::run_all(false),
        ["report", "--install"] => page::run_all(true),
        ["bench", "load", rest @ ..] => load::run(rest),
        ["tools"] => tools::run(),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
