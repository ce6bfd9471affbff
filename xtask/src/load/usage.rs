//! A client as a child process: what it printed, and what it used.

use crate::interrupt;
use anyhow::{Context, Result, bail};
use rustix::process::{Signal, WaitId, WaitIdOptions, waitid};
use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How often a child's memory is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// What a client used.
pub(super) struct Used {
    /// Processor time, user and system.
    pub cpu_s: f64,
    /// The most memory that was resident.
    pub peak_mib: f64,
    /// What it printed to stdout.
    pub stdout: String,
    /// Its exit code; `None` if a signal ended it.
    pub code: Option<i32>,
}

/// Runs `command` to its end, at most `limit`. Output goes to files in `folder` that begin with `name`.
pub(super) fn measure(name: &str, command: &mut Command, folder: &Path, limit: Duration) -> Result<Used> {
    let out = folder.join(format!("{name}.out"));
    let create = |path: &Path| File::create(path).with_context(|| format!("cannot write {}", path.display()));
    command.stdin(Stdio::null()).stdout(create(&out)?).stderr(create(&folder.join(format!("{name}.err")))?);
    let start = Instant::now();
    let mut child = interrupt::spawn(command).with_context(|| format!("cannot start {name}"))?;
    let pid = interrupt::pid(child.id()).context("no such process id")?;
    let mut peak_mib: f64 = 0.0;
    // NOWAIT leaves the dead child where it is: its times are still in /proc.
    let ask = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    while waitid(WaitId::Pid(pid), ask).context("cannot ask whether a client runs")?.is_none() {
        peak_mib = peak_mib.max(resident_mib(child.id()).unwrap_or(0.0));
        if start.elapsed() > limit {
            interrupt::signal_group(child.id(), Signal::KILL);
            let _ = child.wait();
            interrupt::forget(child.id());
            bail!("{name} still ran after {} s", limit.as_secs());
        }
        std::thread::sleep(LOOK);
    }
    let cpu_s = cpu_seconds(child.id()).unwrap_or(f64::NAN);
    let status = child.wait().context("cannot ask how a client ended")?;
    interrupt::forget(child.id());
    let stdout = std::fs::read_to_string(&out).with_context(|| format!("cannot read {}", out.display()))?;
    Ok(Used { cpu_s, peak_mib, stdout, code: status.code() })
}

/// The most memory that a process had resident so far.
fn resident_mib(pid: u32) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<f64>().ok()? / 1024.0)
}

/// Processor time of a process, dead or alive.
fn cpu_seconds(pid: u32) -> Option<f64> {
    // The kernel's clock ticks of /proc are 10 ms on every Linux of the last twenty years.
    Some(ticks(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)? / 100.0)
}

/// utime + stime of /proc/PID/stat; the name in parentheses may contain anything.
fn ticks(stat: &str) -> Option<f64> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    Some(fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?)
}

#[cfg(test)]
mod tests {
    #[test]
    fn times_are_read_after_the_name() {
        let stat = "42 (a) b) c) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 1 0 100";
        assert_eq!(super::ticks(stat), Some(300.0));
    }
}
