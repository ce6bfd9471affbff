//! The target of the comparison: `inflight target`, one thread on a core of its own.

use super::cores::Cores;
use crate::interrupt;
use crate::net;
use crate::process::Process;
use anyhow::{Context, Result, bail};
use rustix::process::Signal;
use std::path::Path;
use std::time::{Duration, Instant};

/// A running target; it ends when this is dropped.
pub(super) struct Target {
    process: Process,
    pub port: u16,
}

impl Target {
    /// Starts one on a free port with these flags.
    pub(super) fn start(name: &str, flags: &[&str], cores: &Cores, folder: &Path) -> Result<Target> {
        let [port] = net::free_ports::<1>()?;
        Target::start_on(port, name, flags, cores, folder)
    }

    /// Starts one on this port.
    pub(super) fn start_on(
        port: u16,
        name: &str,
        flags: &[&str],
        cores: &Cores,
        folder: &Path,
    ) -> Result<Target> {
        let mut command = cores.target(&super::inflight());
        command.args(["target", "--port", &port.to_string()]).args(flags);
        let mut target = Target { process: Process::start(name, &mut command, folder)?, port };
        let start = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            target.process.must_run()?;
            if start.elapsed() > Duration::from_secs(5) {
                bail!("{name} does not listen");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(target)
    }

    /// A URL of it.
    pub(super) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// When requests arrived, in nanoseconds since the first of all; it forgets them.
    pub(super) fn arrivals(&self) -> Result<Vec<u64>> {
        let mut answer = net::client(Duration::from_secs(20)).get(self.url("/arrivals")).call()?;
        let text = answer.body_mut().with_config().limit(1 << 30).read_to_string()?;
        text.lines().map(|line| line.parse().context("/arrivals has a number per line")).collect()
    }

    /// Sends it a signal.
    pub(super) fn signal(&self, signal: Signal) {
        interrupt::signal_group(self.process.id(), signal);
    }

    /// Kills it.
    pub(super) fn kill(mut self) -> Result<u16> {
        self.process.kill()?;
        Ok(self.port)
    }
}
