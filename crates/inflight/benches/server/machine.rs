//! Processes on their processors, and what the system says about them.

use rustix::{
    process::{Resource, Rlimit, getrlimit, setrlimit},
    thread::{CpuSet, sched_getaffinity, sched_setaffinity},
};
use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

/// Lets this process, and the servers that it starts, open as many files as the system allows; returns how many.
pub(crate) fn raise_open_files() -> u64 {
    const WANTED: u64 = 1 << 17;
    let now = getrlimit(Resource::Nofile);
    let most = now.maximum.unwrap_or(u64::MAX);
    let higher = [(WANTED, WANTED.max(most)), (most.min(WANTED), most)];
    let _ = higher.into_iter().find(|&(current, maximum)| {
        let limit = Rlimit { current: Some(current), maximum: Some(maximum) };
        setrlimit(Resource::Nofile, limit).is_ok()
    });
    getrlimit(Resource::Nofile).current.unwrap_or(WANTED)
}

/// Lets the threads of process `id` run as soon as they are woken, whatever else this machine does: the kernel may
/// otherwise let another program finish its turn of some milliseconds first. Whoever asks for this must leave pauses.
fn run_at_once(id: u32) -> bool {
    let mut command = Command::new("chrt");
    command.args(["--all-tasks", "--fifo", "--pid", "5"]).arg(id.to_string());
    let quiet = command.stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// Which processor serves and which one asks, if there are two and the system lets us choose, and who goes first.
#[derive(Debug)]
pub(crate) struct Pinned {
    processors: Option<(usize, usize)>,
    at_once: bool,
}

impl Pinned {
    /// Takes the first two processors that this process may use, and moves this thread to the second.
    pub(crate) fn try_new() -> Pinned {
        let allowed = sched_getaffinity(None).unwrap_or_default();
        let mut usable = (0..CpuSet::MAX_CPU).filter(|&cpu| allowed.is_set(cpu));
        let processors = match (usable.next(), usable.next()) {
            (Some(server), Some(client)) if move_to(client) => Some((server, client)),
            _ => None,
        };
        Pinned { processors, at_once: run_at_once(std::process::id()) }
    }

    /// What was chosen, in words.
    pub(crate) fn describe(&self) -> String {
        let turn = if self.at_once {
            "ahead of other programs (SCHED_FIFO)"
        } else {
            "IN TURN with other programs: chrt(1) was refused, and tails are worth less"
        };
        match self.processors {
            Some((server, client)) => {
                format!("server on processor {server}, client and collector on processor {client}, {turn}")
            }
            None => format!("NOT PINNED: server and client share processors; {turn}"),
        }
    }

    /// Starts `command`, a server that prints its address as `listening on http://…`, on the server's processor.
    pub(crate) fn start(&self, mut command: Command) -> Server {
        if let Some((server, _)) = self.processors {
            // A child begins where the thread is that starts it.
            move_to(server);
        }
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        if let Some((_, client)) = self.processors {
            move_to(client);
        }
        let mut child = child.expect("the server starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("piped above");
        BufReader::new(stdout).read_line(&mut line).expect("the server says where it listens");
        let address = line.trim().strip_prefix("listening on http://").and_then(|a| a.parse().ok());
        let _ = run_at_once(child.id());
        // It has been read.
        let _ = fs::remove_file(configuration_file());
        Server { address: address.unwrap_or_else(|| panic!("not an address: {line:?}")), child }
    }
}

fn move_to(processor: usize) -> bool {
    let mut one = CpuSet::new();
    one.set(processor);
    sched_setaffinity(None, &one).is_ok()
}

/// A server in a process of its own; it ends with this.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Processor time used so far by all its threads.
    pub(crate) fn processor_time(&self) -> Duration {
        let threads = fs::read_dir(format!("/proc/{}/task", self.child.id())).expect("it runs");
        let nanos = threads.flatten().filter_map(|thread| {
            // Time on a processor in nanoseconds, time waiting for one, number of turns.
            let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
            text.split_whitespace().next()?.parse::<u64>().ok()
        });
        Duration::from_nanos(nanos.sum())
    }

    /// Memory in use, in bytes.
    pub(crate) fn resident(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line of its own");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("kilobytes") * 1024
    }

    /// A number among its own metrics.
    pub(crate) fn metric(&self, name: &str) -> Option<f64> {
        let mut stream = TcpStream::connect(self.address).ok()?;
        stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: bench\r\nconnection: close\r\n\r\n").ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        let mut found = text.lines().filter_map(|line| line.strip_prefix(name)?.trim().parse().ok());
        found.next()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn configuration_file() -> PathBuf {
    std::env::temp_dir().join(format!("inflight-bench-{}.toml", std::process::id()))
}

/// The app as it would be in production, with `text` as its configuration (none: the built-in one), its metrics going to
/// `collector`.
pub(crate) fn app(text: Option<&str>, collector: SocketAddr) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_inflight"));
    command.args(["serve", "--port", "0", "--workers", "1", "--until-stdin-closes"]);
    if let Some(text) = text {
        let path = configuration_file();
        fs::write(&path, text).expect("a file for the configuration");
        command.arg("--config").arg(path);
    }
    ["PORT", "B_CONCURRENCY_LIMIT", "ASYNC_TIMEOUT_MS"].iter().for_each(|name| {
        command.env_remove(name);
    });
    command
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{collector}"))
        .env("OTEL_TRACES_EXPORTER", "none");
    command
}
