//! The virtual world beside others that do the same: M/M/20 at ρ = 0.9, work of 100 ms, first come, first served.
//!
//! `cargo run --release --manifest-path bench/peers/Cargo.toml [-- quick]`. Every contestant serves the same requests and
//! keeps the same books about their waits, each run in a process of its own, in rounds one after the other: what else the
//! machine does weighs on all alike. Figures are medians of processor time.

mod bars;
mod books;
mod endpoint;
mod event_loop_by_hand;
mod instructions;
mod nexo;
mod ours;
mod rounds;
mod simu_des;
mod tokio_paused;

/// The reference of the lab's own tests.
#[path = "../../../crates/inflight-lab/tests/reference/event_loop.rs"]
mod event_loop;

use bars::Bars;
use rounds::{Figures, Lane, median};
use std::process::ExitCode;

/// Mean wait of M/M/20 at ρ = 0.9 with work of 100 ms, in ms: Erlang C.
const ERLANG_C: f64 = 27.5385;

/// What others did on the machine that bars in requests per second were set on, in millions.
const BARS_MACHINE: [(&str, f64); 4] =
    [("event-loop", 11.8), ("simu-des", 2.4), ("nexosim", 2.0), ("tokio-paused", 1.0)];

/// What can be run, by name.
const LANES: [Lane; 10] = [
    Lane { name: "event-loop", run: |n| books::Outcome::of(event_loop_by_hand::plain(n)) },
    Lane { name: "inflight", run: |n| books::Outcome::of(ours::plain(n)) },
    Lane { name: "simu-des", run: |n| books::Outcome::of(simu_des::plain(n)) },
    Lane { name: "nexosim", run: |n| books::Outcome::of(nexo::plain(n)) },
    Lane { name: "tokio-paused", run: |n| books::Outcome::of(tokio_paused::plain(n)) },
    Lane { name: "event-loop+timeout", run: |n| books::Outcome::of(event_loop_by_hand::with_timeout(n)) },
    Lane { name: "inflight+timeout", run: |n| books::Outcome::of(ours::with_timeout(n)) },
    Lane { name: "async-limited", run: endpoint::async_limited },
    Lane { name: "four-arms", run: endpoint::four_arms },
    // Not in the table: only its instructions are counted.
    Lane { name: "draws-and-books", run: |n| books::Outcome::of(event_loop_by_hand::nothing(n)) },
];

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["only", name, requests] => {
            rounds::child(&LANES, name, requests.parse().expect("a number of requests"));
            ExitCode::SUCCESS
        }
        [] => compare(false),
        ["quick"] => compare(true),
        _ => {
            eprintln!("usage: peers [quick]");
            ExitCode::from(2)
        }
    }
}

fn compare(quick: bool) -> ExitCode {
    let (count, requests) = if quick { (3, 500_000) } else { (7, 3_000_000) };
    println!(
        "{count} rounds of {requests} requests, one process each; processor time, median (least to most)"
    );
    let figures = rounds::run(&LANES[..8], count, requests);
    let is_same = table(&figures);
    println!("\nbars; ratios are medians over rounds:");
    let mut bars = Bars::default();
    bars.must_be("every exact contestant sees the same waits, to the nanosecond", is_same);
    speed(&mut bars, &figures);
    let arms = rounds::run(&LANES[8..9], count, 0);
    bars.at_most("four arms, 60 s at 200/s, ms", median(arms[0].iter().map(|f| f.seconds * 1e3)), 40.0);
    memory(&mut bars, quick);
    instructions::measure(&mut bars);
    bars.conclude()
}

/// The virtual world beside the others, round by round.
fn speed(bars: &mut Bars, figures: &[Vec<Figures>]) {
    let of = |name: &str| &figures[LANES.iter().position(|lane| lane.name == name).expect("a lane")];
    for (ours, theirs, least) in [
        ("inflight", "event-loop", 0.5),
        ("inflight+timeout", "event-loop+timeout", 0.9),
        ("inflight", "simu-des", 2.3),
        ("inflight", "tokio-paused", 5.0),
    ] {
        let ratios = of(ours).iter().zip(of(theirs)).map(|(a, b)| a.per_second() / b.per_second());
        bars.at_least(&format!("{ours} to {theirs}"), median(ratios), least);
    }
    let speed = |name: &str| median(of(name).iter().map(Figures::per_second)) / 1e6;
    bars.at_least("/async-limited with driver and recorder, million requests/s", speed("async-limited"), 1.5);
    let shares = BARS_MACHINE.map(|(name, there)| format!("{name} {:.2}", speed(name) / there));
    println!("    of their speeds on the machine that this bar was set on, here: {}", shares.join(", "));
}

/// Prints a row per contestant; whether all exact ones saw the same waits.
fn table(figures: &[Vec<Figures>]) -> bool {
    println!(
        "{:<22}{:>9}{:>17}{:>9}{:>7}{:>9}{:>14}  waits",
        "", "M req/s", "", "× loop", "MiB", "wait ms", "to Erlang C"
    );
    let mut is_same = true;
    for (lane, runs) in LANES.iter().zip(figures) {
        let mut speeds: Vec<f64> = runs.iter().map(|f| f.per_second() / 1e6).collect();
        speeds.sort_by(f64::total_cmp);
        let loops = median(runs.iter().zip(&figures[0]).map(|(a, b)| a.per_second() / b.per_second()));
        let last = &runs[runs.len() - 1];
        let waits = match (lane.name, last.hash == figures[0][0].hash) {
            ("async-limited", _) => format!("{:>9}{:>14}  another model", "-", "-"),
            (name, is_equal) => {
                // tokio's timers are whole milliseconds.
                let is_rounded = name == "tokio-paused";
                is_same &= is_equal || is_rounded;
                let word = ["DIFFERENT", "rounded to 1 ms", "identical"]
                    [if is_equal { 2 } else { usize::from(is_rounded) }];
                let bias = (last.wait_ms / ERLANG_C - 1.0) * 100.0;
                format!("{:>9.4}{bias:>+13.2}%  {word}", last.wait_ms)
            }
        };
        println!(
            "{:<22}{:>9.2}{:>17}{:>9.2}{:>7.1}{waits}",
            lane.name,
            speeds[speeds.len() / 2],
            format!("{:.2} to {:.2}", speeds[0], speeds[speeds.len() - 1]),
            loops,
            last.peak_mib
        );
    }
    is_same
}

/// Peak memory does not grow with the number of requests.
fn memory(bars: &mut Bars, quick: bool) {
    let most = if quick { 10_000_000 } else { 100_000_000 };
    for name in ["inflight", "inflight+timeout"] {
        for requests in [1_000_000, most] {
            let what = format!("peak memory of {name}, {} million requests, MiB", requests / 1_000_000);
            bars.at_most(&what, rounds::spawn(name, requests).peak_mib, 8.0);
        }
    }
}
