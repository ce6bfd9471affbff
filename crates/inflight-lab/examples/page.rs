//! Writes the page of a saved run: `page RUN.JSON > report.html`.
#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a scratch tool")]
fn main() {
    let path = std::env::args().nth(1).expect("a file");
    let text = std::fs::read_to_string(path).expect("read");
    let run = inflight_lab::experiment::RunOutcome::read(&text).expect("a run");
    print!("{}", inflight_lab::report::page(&run));
}
