//! What the second processor is good for: the same sweep with one thread and with two.
//!
//! `cargo bench -p inflight --bench sweep`. Rounds alternate, so that a busy machine disturbs both; the shortest of each is
//! compared, as what disturbs only ever adds. The bytes must be the same. On a machine that has no two processors to spare the
//! speed-up says little; the processor time, which is then the better witness, says what the second thread costs.

#![allow(clippy::disallowed_methods, reason = "a bench measures with the machine's clock")]
#![allow(clippy::print_stdout, reason = "its figures are its output")]

use std::{
    process::Command,
    time::{Duration, Instant},
};

const ROUNDS: usize = 7;
/// 320 jobs of some 4,000 requests each.
const SWEEP: [&str; 7] = ["sim", "memory-cliff", "--sweep", "rate=10/s..24/s/2/s", "--seeds", "20", "--csv"];
/// The least speed-up with two threads on two idle processors.
const BAR: f64 = 1.9;

fn main() {
    // `cargo test --benches` runs benches too: then it only has to start.
    if !std::env::args().any(|word| word == "--bench") {
        return;
    }
    let (mut best, mut work) = ([Duration::MAX; 2], [0.0; 2]);
    let mut results: [Vec<u8>; 2] = Default::default();
    for round in 1..=ROUNDS {
        let took = [0, 1].map(|i| {
            let before = processor_time();
            let (took, result) = swept(i + 1);
            work[i] += processor_time() - before;
            best[i] = best[i].min(took);
            results[i] = result;
            took.as_secs_f64()
        });
        assert_eq!(results[0], results[1], "the number of threads changes nothing");
        println!("round {round}: 1 thread {:.3} s, 2 threads {:.3} s", took[0], took[1]);
    }
    let speed_up = best[0].as_secs_f64() / best[1].as_secs_f64();
    let verdict = if speed_up >= BAR { "OK" } else { "MISSED" };
    println!("processor time of all rounds: 1 thread {:.2} s, 2 threads {:.2} s", work[0], work[1]);
    println!("speed-up {speed_up:.2} (shortest against shortest), bar {BAR}: {verdict}; same bytes");
}

/// How long a sweep with `threads` takes, and what it prints.
fn swept(threads: usize) -> (Duration, Vec<u8>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_inflight"));
    let start = Instant::now();
    let output = command.args(SWEEP).args(["--threads", &threads.to_string()]).output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    (start.elapsed(), output.stdout)
}

/// Seconds that children which have ended spent on processors: `cutime` and `cstime`, fields 16 and 17 of proc(5)'s stat.
fn processor_time() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let fields = stat.rsplit_once(')').expect("a name in brackets").1.split_whitespace();
    let ticks: u64 = fields.skip(13).take(2).map(|field| field.parse::<u64>().expect("a number")).sum();
    ticks as f64 / rustix::param::clock_ticks_per_second() as f64
}
