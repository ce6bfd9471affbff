//! The program under test as a child process: what it says, how it ends, and that it does not outlive the test.

use crate::wait::{Stopwatch, eventually};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::Duration,
};

/// The program in an environment of which nothing is left to chance.
pub(crate) fn inflight() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_inflight"));
    command.env_clear().env("COLUMNS", "100").stdin(Stdio::null());
    command
}

/// A directory that is removed with this value.
pub(crate) struct Dir(PathBuf);

impl Dir {
    pub(crate) fn new() -> Dir {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("it-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path).expect("a directory for the test");
        Dir(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file and returns its path.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, content).expect("a file for the test");
        path
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What a child writes, kept as it comes.
#[derive(Clone)]
pub(crate) struct Talk(Arc<Mutex<Vec<u8>>>);

impl Talk {
    pub(crate) fn hear(mut from: impl Read + Send + 'static) -> Talk {
        let talk = Talk(Arc::default());
        let heard = talk.clone();
        thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(n @ 1..) = from.read(&mut chunk) {
                heard.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&chunk[..n]);
            }
        });
        talk
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

/// A child, killed when this is dropped.
pub(crate) struct Program {
    pub(crate) child: Child,
    pub(crate) stderr: Talk,
}

impl Program {
    /// Starts `command` and listens to what it says; what it prints goes to `stdout`.
    pub(crate) fn start(mut command: Command) -> Program {
        command.stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let stderr = Talk::hear(child.stderr.take().expect("piped"));
        Program { child, stderr }
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Waits until it has said something.
    pub(crate) fn begun(&self) {
        eventually("it has begun", || match self.stderr.text() {
            said if said.is_empty() => Err(said),
            _ => Ok(()),
        });
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("it is there to be told");
    }

    /// Waits until it has ended: its status, and how long that took.
    pub(crate) fn ended(&mut self) -> (ExitStatus, Duration) {
        let watch = Stopwatch::start();
        let status = eventually("the program ends", || match self.child.try_wait() {
            Ok(Some(status)) => Ok(status),
            other => Err((other, self.stderr.text())),
        });
        (status, watch.passed())
    }

    /// Waits until it has ended: its exit code, or the negated signal.
    pub(crate) fn code(&mut self) -> i32 {
        code(self.ended().0)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The exit code, or the negated signal.
pub(crate) fn code(status: ExitStatus) -> i32 {
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    status.code().unwrap_or_else(|| -signal.expect("a code or a signal"))
}

/// What a finished program wrote and how it ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Said {
    /// Runs `command` to its end.
    pub(crate) fn by(mut command: Command) -> Said {
        command.stdout(Stdio::piped());
        let mut program = Program::start(command);
        let stdout = Talk::hear(program.child.stdout.take().expect("piped"));
        let code = program.code();
        // The pipes are read to their ends by threads of their own, which then let go of what they have heard.
        eventually("all that was written is read", || {
            let readers = [&stdout, &program.stderr].map(|talk| Arc::strong_count(&talk.0));
            if readers == [1, 1] { Ok(()) } else { Err(readers) }
        });
        let (stdout, stderr) = (stdout.text(), program.stderr.text());
        Said { code, stdout, stderr }
    }

    /// Exit code, results and talk as one text, for a snapshot.
    pub(crate) fn text(&self) -> String {
        let mut out = format!("exit {}\n", self.code);
        for (name, text) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if !text.is_empty() {
                out.push_str(&format!("--- {name}\n{text}"));
                out.push_str(if text.ends_with('\n') { "" } else { "(no newline)\n" });
            }
        }
        out
    }
}

/// Whether the process `pid` is alive (and no zombie).
pub(crate) fn is_alive(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

/// The children of process `parent` that are alive.
pub(crate) fn children(parent: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let ppid = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1)?.parse().ok());
        ppid == Some(parent) && is_alive(*pid)
    })
    .collect()
}
