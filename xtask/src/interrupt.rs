//! Nothing outlives the command: Ctrl-C, SIGTERM and a time limit end every child process first.

use crate::checkout;
use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, WaitOptions, kill_process_group, waitpid};
use std::collections::BTreeSet;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long the children may take to end by themselves. The longest is a Docker engine with containers.
const GRACE: Duration = Duration::from_secs(10);

/// What has to go when the command ends early.
struct Leftovers {
    /// Process groups, each named by its leader.
    groups: BTreeSet<u32>,
    folders: BTreeSet<PathBuf>,
}

static LEFTOVERS: Mutex<Leftovers> =
    Mutex::new(Leftovers { groups: BTreeSet::new(), folders: BTreeSet::new() });

fn leftovers() -> MutexGuard<'static, Leftovers> {
    LEFTOVERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts a child as the leader of its own process group. Once the command is ending, this never returns.
pub(crate) fn spawn(command: &mut Command) -> std::io::Result<Child> {
    let mut leftovers = leftovers();
    let child = command.process_group(0).spawn()?;
    leftovers.groups.insert(child.id());
    Ok(child)
}

/// Forgets a child that has ended.
pub(crate) fn forget(child: u32) {
    leftovers().groups.remove(&child);
}

/// Removes this folder too when the command is interrupted.
pub(crate) fn remember_folder(folder: &Path) {
    leftovers().folders.insert(folder.to_path_buf());
}

/// Leaves this folder in place after all.
pub(crate) fn forget_folder(folder: &Path) {
    leftovers().folders.remove(folder);
}

/// From here on SIGINT, SIGTERM and SIGHUP end all children before they end this process.
pub(crate) fn install() -> Result<()> {
    ctrlc::set_handler(|| end("interrupted", 130)).context("cannot install the handler of Ctrl-C")
}

/// Ends the command, children first, if it still runs after `limit`.
pub(crate) fn limit(limit: Duration) {
    std::thread::spawn(move || {
        std::thread::sleep(limit);
        end(&format!("not done after {} s: gave up", limit.as_secs()), 1);
    });
}

#[expect(clippy::exit, reason = "the main thread may sit in a wait that only the end of the process ends")]
fn end(why: &str, code: i32) {
    eprintln!("\n{why}; ending everything that was started");
    // Held to the end of the process: nobody starts anything any more.
    let leftovers = leftovers();
    for &group in &leftovers.groups {
        signal_group(group, Signal::TERM);
    }
    let start = Instant::now();
    let mut alive: Vec<u32> = leftovers.groups.iter().copied().collect();
    while !alive.is_empty() && start.elapsed() < GRACE {
        alive.retain(|&child| runs(child));
        std::thread::sleep(Duration::from_millis(50));
    }
    for &group in &leftovers.groups {
        signal_group(group, Signal::KILL);
    }
    for folder in &leftovers.folders {
        checkout::remove_folder(folder);
    }
    std::process::exit(code);
}

/// Whether this child of ours still runs. Reaps it if it has ended; the main thread will not ask again.
fn runs(child: u32) -> bool {
    matches!(pid(child).map(|pid| waitpid(Some(pid), WaitOptions::NOHANG)), Some(Ok(None)))
}

/// Sends `signal` to a whole process group, if it still exists.
pub(crate) fn signal_group(leader: u32, signal: Signal) {
    if let Some(pid) = pid(leader) {
        // Fails when the group is gone already, which is what we want.
        let _ = kill_process_group(pid, signal);
    }
}

/// A process id as the kernel's own type.
pub(crate) fn pid(id: u32) -> Option<Pid> {
    i32::try_from(id).ok().and_then(Pid::from_raw)
}
