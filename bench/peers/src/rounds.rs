//! Runs contestants in processes of their own, in rounds.

use crate::books::Outcome;
use rustix::time::{ClockId, clock_gettime};
use std::process::{Command, Stdio};

/// A contestant.
pub struct Lane {
    /// Its name, here and on the command line.
    pub name: &'static str,
    /// Serves so many requests.
    pub run: fn(u64) -> Outcome,
}

/// What a run showed.
pub struct Figures {
    /// Processor time of the work, without the start of the process.
    pub seconds: f64,
    /// The most memory in use.
    pub peak_mib: f64,
    /// Requests.
    pub count: f64,
    /// Mean wait.
    pub wait_ms: f64,
    /// Equal for equal waits.
    pub hash: u64,
}

impl Figures {
    /// Requests per second of processor time.
    pub fn per_second(&self) -> f64 {
        self.count / self.seconds
    }
}

fn processor_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Runs one contestant in this process and prints its figures on one line.
pub fn child(lanes: &[Lane], name: &str, requests: u64) {
    let lane = lanes.iter().find(|lane| lane.name == name).expect("the name of a contestant");
    let before = processor_seconds();
    let outcome = (lane.run)(requests);
    let seconds = processor_seconds() - before;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib: f64 = peak.and_then(|text| text.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(f64::NAN);
    println!("{seconds} {} {} {} {}", kib / 1024.0, outcome.count, outcome.wait_ms, outcome.hash);
}

/// Runs one contestant in a process of its own.
pub fn spawn(name: &str, requests: u64) -> Figures {
    let exe = std::env::current_exe().expect("this program has a path");
    let mut command = Command::new(exe);
    let output = command.args(["only", name, &requests.to_string()]).stderr(Stdio::inherit()).output();
    let text = String::from_utf8(output.expect("it starts").stdout).expect("text");
    let fields: Vec<&str> = text.split_whitespace().collect();
    let [seconds, peak_mib, count, wait_ms, hash] = fields[..] else { panic!("{name} failed") };
    let number = |text: &str| text.parse::<f64>().expect("a number");
    Figures {
        seconds: number(seconds),
        peak_mib: number(peak_mib),
        count: number(count),
        wait_ms: number(wait_ms),
        hash: hash.parse().expect("a hash"),
    }
}

/// Every contestant once per round; the figures of each, by round.
pub fn run(lanes: &[Lane], rounds: usize, requests: u64) -> Vec<Vec<Figures>> {
    let mut figures: Vec<Vec<Figures>> = lanes.iter().map(|_| Vec::new()).collect();
    for _ in 0..rounds {
        for (lane, runs) in lanes.iter().zip(&mut figures) {
            runs.push(spawn(lane.name, requests));
        }
    }
    figures
}

/// The value in the middle.
pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
