//! Child processes: started with a log file, waited for with a limit, killed when dropped.

use crate::interrupt;
use anyhow::{Context, Result, bail};
use rustix::process::{Signal, kill_process};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

const POLL: Duration = Duration::from_millis(20);

/// A running child that leads its own process group. Dropping it kills the group.
pub(crate) struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    ended: Option<ExitStatus>,
}

impl Process {
    /// Starts `command` with stdout and stderr appended to `<folder>/<name>.log`.
    pub(crate) fn start(name: &str, command: &mut Command, folder: &Path) -> Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let open = || File::options().create(true).append(true).open(&log);
        let out = open().with_context(|| format!("cannot write {}", log.display()))?;
        let err = out.try_clone().with_context(|| format!("cannot write {}", log.display()))?;
        command.stdin(Stdio::null()).stdout(out).stderr(err);
        let child = interrupt::spawn(command)
            .with_context(|| format!("cannot start {name} ({})", command.get_program().to_string_lossy()))?;
        Ok(Self { name: name.to_owned(), child, log, ended: None })
    }

    /// Its process id, which is that of its group, too.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        if self.ended.is_none() {
            self.ended =
                self.child.try_wait().with_context(|| format!("cannot ask whether {} runs", self.name))?;
            if self.ended.is_some() {
                interrupt::forget(self.child.id());
            }
        }
        Ok(self.ended)
    }

    /// An error with the end of its log, if it does not run any more.
    pub(crate) fn must_run(&mut self) -> Result<()> {
        match self.ended()? {
            None => Ok(()),
            Some(status) => bail!("{} has ended: {status}\n{}", self.name, self.last_lines(30)),
        }
    }

    /// Waits for its end, at most `limit`.
    pub(crate) fn wait(&mut self, limit: Duration) -> Result<ExitStatus> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            if start.elapsed() > limit {
                bail!("{} still runs after {} s\n{}", self.name, limit.as_secs(), self.last_lines(30));
            }
            std::thread::sleep(POLL);
        }
    }

    /// Asks it to end, as a service manager would.
    pub(crate) fn terminate(&self) -> Result<()> {
        let pid = interrupt::pid(self.child.id()).context("no such process id")?;
        kill_process(pid, Signal::TERM).with_context(|| format!("cannot send SIGTERM to {}", self.name))
    }

    /// Kills it and waits for its end.
    pub(crate) fn kill(&mut self) -> Result<()> {
        if self.ended()?.is_none() {
            interrupt::signal_group(self.child.id(), Signal::KILL);
            self.wait(Duration::from_secs(5))?;
        }
        Ok(())
    }

    /// The end of its log.
    pub(crate) fn last_lines(&self, count: usize) -> String {
        tail(&std::fs::read_to_string(&self.log).unwrap_or_default(), count)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // There is nobody to tell; the process group is gone either way.
        let _ = self.kill();
    }
}

/// Runs `command` to its end, output into a log. An error carries the end of that log.
pub(crate) fn run(name: &str, command: &mut Command, folder: &Path, limit: Duration) -> Result<()> {
    let mut process = Process::start(name, command, folder)?;
    let status = process.wait(limit)?;
    if !status.success() {
        bail!("{name} failed: {status}\n{}", process.last_lines(40));
    }
    Ok(())
}

/// Runs a short `command` and returns what it printed.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start {program}"))?;
    if !output.status.success() {
        let error = String::from_utf8_lossy(&output.stderr);
        bail!("{program} failed: {}\n{}", output.status, tail(&error, 30));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The path of a program on PATH.
pub(crate) fn on_path(program: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders).map(|folder| folder.join(program)).find(|path| path.is_file())
}

fn tail(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let start = lines.len().saturating_sub(count);
    lines[start..].iter().map(|line| format!("    | {line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::tail;

    #[test]
    fn tail_keeps_the_last_lines() {
        assert_eq!(tail("a\nb\nc\n", 2), "    | b\n    | c\n");
        assert_eq!(tail("a", 2), "    | a\n");
        assert_eq!(tail("", 2), "");
    }
}
