//! A client as a child process: what it printed, and what it used.

use crate::interrupt;
use anyhow::{Context, Result, bail};
use rustix::process::{Signal, WaitId, WaitIdOptions, waitid};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How often a child's memory is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// What a client used.
pub(super) struct Used {
    /// Processor time, user and system, without that of threads of the idle class.
    pub cpu_s: f64,
    /// Processor time of threads of the idle class, which take only what nobody else wants: so ours keeps processors awake.
    pub idle_class_s: f64,
    /// Seconds since its start, and the most memory that had been resident by then, again and again.
    pub resident: Vec<(f64, f64)>,
    /// What it printed to stdout.
    pub stdout: String,
    /// Its exit code; `None` if a signal ended it.
    pub code: Option<i32>,
}

impl Used {
    /// The most memory that was resident in so many seconds, in MiB.
    pub(super) fn peak_mib(&self, seconds: f64) -> f64 {
        self.resident.iter().take_while(|look| look.0 <= seconds).map(|look| look.1).fold(0.0, f64::max)
    }
}

/// Runs `command` to its end, at most `limit`. Output goes to files in `folder` that begin with `name`.
pub(super) fn measure(name: &str, command: &mut Command, folder: &Path, limit: Duration) -> Result<Used> {
    let out = folder.join(format!("{name}.out"));
    let create = |path: &Path| File::create(path).with_context(|| format!("cannot write {}", path.display()));
    command.stdin(Stdio::null()).stdout(create(&out)?).stderr(create(&folder.join(format!("{name}.err")))?);
    let start = Instant::now();
    let mut child = interrupt::spawn(command).with_context(|| format!("cannot start {name}"))?;
    let pid = interrupt::pid(child.id()).context("no such process id")?;
    let (mut resident, mut idle_class_s) = (Vec::new(), 0.0_f64);
    // NOWAIT leaves the dead child where it is: its times are still in /proc.
    let ask = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    while waitid(WaitId::Pid(pid), ask).context("cannot ask whether a client runs")?.is_none() {
        resident.extend(resident_mib(child.id()).map(|mib| (start.elapsed().as_secs_f64(), mib)));
        idle_class_s = idle_class_s.max(idle_class_seconds(child.id()));
        if start.elapsed() > limit {
            interrupt::signal_group(child.id(), Signal::KILL);
            let _ = child.wait();
            interrupt::forget(child.id());
            bail!("{name} still ran after {} s", limit.as_secs());
        }
        std::thread::sleep(LOOK);
    }
    let cpu_s = cpu_seconds(child.id()).unwrap_or(f64::NAN) - idle_class_s;
    let status = child.wait().context("cannot ask how a client ended")?;
    interrupt::forget(child.id());
    let stdout = std::fs::read_to_string(&out).with_context(|| format!("cannot read {}", out.display()))?;
    Ok(Used { cpu_s, idle_class_s, resident, stdout, code: status.code() })
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

/// Processor time of those threads of a process that are of the idle class (`SCHED_IDLE`, sched(7)).
fn idle_class_seconds(pid: u32) -> f64 {
    const SCHED_IDLE: f64 = 5.0;
    let used = |task: PathBuf| {
        let stat = std::fs::read_to_string(task.join("stat")).ok()?;
        (field(&stat, 41)? == SCHED_IDLE).then_some(())?;
        let times = std::fs::read_to_string(task.join("schedstat")).ok()?;
        times.split(' ').next()?.parse::<f64>().ok()
    };
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten();
    tasks.filter_map(|task| used(task.ok()?.path())).sum::<f64>() / 1e9
}

/// utime + stime of /proc/PID/stat.
fn ticks(stat: &str) -> Option<f64> {
    Some(field(stat, 14)? + field(stat, 15)?)
}

/// A field of a stat file by its number in proc(5), beyond the name in parentheses, which may contain anything.
fn field(stat: &str, number: usize) -> Option<f64> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(number.checked_sub(3)?)?.parse().ok()
}

#[cfg(test)]
mod tests {
    #[test]
    fn times_are_read_after_the_name() {
        let stat = "42 (a) b) c) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 1 0 100";
        assert_eq!(super::ticks(stat), Some(300.0));
    }

    #[test]
    fn the_time_of_the_idle_class_is_told_apart() {
        let mut command = std::process::Command::new("chrt");
        let busy = command.args(["--idle", "0", "sh", "-c", "while :; do :; done"]).spawn();
        let mut child = busy.expect("util-linux has chrt");
        let used = || (super::idle_class_seconds(child.id()), super::cpu_seconds(child.id()));
        // Where others work as well it has to wait for its turn, and gets a three-hundredth of a processor.
        let mut looks = std::iter::repeat_with(|| (std::thread::sleep(super::LOOK), used()).1).take(3000);
        let found = looks.find(|(idle, _)| *idle >= 0.05);
        child.kill().and_then(|()| child.wait()).expect("it runs");
        assert_eq!(super::idle_class_seconds(std::process::id()), 0.0, "this process has none");
        let (idle, all) = found.expect("it has its turn");
        let all = all.expect("it is there");
        assert!((idle - all).abs() <= 0.03, "{idle} s of {all} s");
    }
}
