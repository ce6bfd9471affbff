//! The app as a child process: what `inflight run` measures is a program of its own.

use anyhow::Context as _;
use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
};

/// How glibc lays memory out; other systems do not look at it.
const TUNABLES: &str = "GLIBC_TUNABLES";

/// A running app; it is stopped when this is dropped, and stops by itself if this program dies.
#[derive(Debug)]
pub(super) struct TargetApp {
    child: Child,
    pub(super) address: SocketAddr,
}

impl TargetApp {
    /// Starts `inflight serve` for the configuration or experiment in `file` on a free port; `seed` decides everything random.
    pub(super) fn start(file: &Path, seed: u64) -> anyhow::Result<TargetApp> {
        let file = file.to_string_lossy().into_owned();
        TargetApp::start_with(&["serve".into(), "--config".into(), file, "--seed".into(), seed.to_string()])
    }

    /// Starts this program with these arguments, on a free port.
    pub(super) fn start_with(arguments: &[String]) -> anyhow::Result<TargetApp> {
        let program = std::env::current_exe().context("cannot find this program's own file")?;
        let mut command = Command::new(program);
        command.args(arguments).args(["--port", "0", "--until-stdin-closes"]);
        // Measured as configured: the caller's overrides are for `serve`, and telemetry would go under the same name.
        ["PORT", "B_CONCURRENCY_LIMIT", "ASYNC_TIMEOUT_MS", "OTEL_EXPORTER_OTLP_ENDPOINT"].iter().for_each(
            |name| {
                command.env_remove(name);
            },
        );
        // Else glibc asks for each page that its memory grows by, under a lock that every thread of the app needs (ADR 15).
        if std::env::var_os(TUNABLES).is_none() {
            command.env(TUNABLES, "glibc.malloc.top_pad=33554432");
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        // In a group of its own, so that Ctrl-C reaches only this program, which then stops in order.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.spawn().context("cannot start the app")?;
        let mut line = String::new();
        let stdout = child.stdout.take().expect("piped above");
        BufReader::new(stdout).read_line(&mut line).context("the app said nothing")?;
        let address = line.trim().strip_prefix("listening on http://").and_then(|a| a.parse().ok());
        let Some(address) = address else {
            let _ = child.kill();
            let status = child.wait()?;
            anyhow::bail!("the app did not start ({status}); try `inflight {}`", arguments.join(" "));
        };
        Ok(TargetApp { child, address })
    }
}

impl Drop for TargetApp {
    fn drop(&mut self) {
        // Nothing of it is needed any more, not even its last answers.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
