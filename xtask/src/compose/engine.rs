//! A Docker engine with compose and buildx: the one that runs, or one of our own with everything in the cache.

use crate::checkout;
use crate::process::{Process, on_path, output, run};
use crate::report::step;
use crate::tools::{Packages, cached};
use anyhow::{Context, Result};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// The release of Debian whose packages of compose v2 and buildx run on any Debian of today.
const PLUGIN_RELEASE: &str = "trixie";
const START_LIMIT: Duration = Duration::from_secs(30);
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// An engine that answers.
pub(super) struct Engine {
    /// The socket of our own engine; without it, docker's configuration decides.
    socket: Option<PathBuf>,
    /// A configuration folder with the plugins that docker lacked.
    config: Option<PathBuf>,
    daemon: Option<Process>,
    work: PathBuf,
}

impl Engine {
    /// Finds or starts one. The inner error says why there can be none.
    pub(super) fn ready(work: &Path) -> Result<Result<Self, String>> {
        let mut engine = Self { socket: None, config: None, daemon: None, work: work.to_path_buf() };
        if !engine.answers()
            && let Err(why) = engine.start()?
        {
            return Ok(Err(why));
        }
        if output(engine.docker().args(["compose", "version"])).is_err()
            || output(engine.docker().args(["buildx", "version"])).is_err()
        {
            engine.config = Some(plugins()?);
        }
        for question in [
            ["version", "--format=engine {{.Server.Version}}"],
            ["compose", "version"],
            ["buildx", "version"],
        ] {
            println!("  {}", output(engine.docker().args(question))?.trim());
        }
        Ok(Ok(engine))
    }

    /// Whether images made here end up in an engine that others use too.
    pub(super) fn is_shared(&self) -> bool {
        self.daemon.is_none()
    }

    /// `docker`, pointed at this engine.
    pub(super) fn docker(&self) -> Command {
        let mut command = Command::new("docker");
        if let Some(socket) = &self.socket {
            command.env("DOCKER_HOST", format!("unix://{}", socket.display()));
        }
        if let Some(config) = &self.config {
            command.env("DOCKER_CONFIG", config);
        }
        command
    }

    /// Runs a docker command of any length; its output goes to `<name>.log`.
    pub(super) fn run(&self, name: &str, command: &mut Command, limit: Duration) -> Result<()> {
        run(name, command, &self.work, limit)
    }

    /// Ends our own engine; one that ran before goes on.
    pub(super) fn stop(&mut self) -> Result<()> {
        if let Some(mut daemon) = self.daemon.take() {
            daemon.terminate()?;
            daemon.wait(STOP_LIMIT).context("the Docker engine was told to end")?;
        }
        Ok(())
    }

    fn answers(&self) -> bool {
        on_path("docker").is_some() && output(self.docker().arg("info")).is_ok()
    }

    fn start(&mut self) -> Result<Result<(), String>> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Err("no Docker engine answers, and only root can start one".to_owned()));
        }
        if on_path("dockerd").is_none() || on_path("docker").is_none() {
            if on_path("apt-get").is_none() {
                return Ok(Err("no Docker engine answers, and there is no dockerd to start".to_owned()));
            }
            let packages = Packages::of_this_system(&self.work);
            step("installs docker.io", || packages.install(&["docker.io", "iptables"]))?;
        }
        let socket = self.work.join("docker.sock");
        let mut dockerd = Command::new("dockerd");
        dockerd
            .arg("--data-root")
            .arg(checkout::cache()?.join("docker"))
            .arg("--exec-root")
            .arg(self.work.join("exec"))
            .arg("--pidfile")
            .arg(self.work.join("dockerd.pid"))
            .arg("--host")
            .arg(format!("unix://{}", socket.display()));
        self.socket = Some(socket);
        let daemon = Process::start("dockerd", &mut dockerd, &self.work)?;
        step("starts dockerd", || self.wait_for(daemon))
    }

    fn wait_for(&mut self, mut daemon: Process) -> Result<Result<(), String>> {
        let start = Instant::now();
        while !self.answers() {
            if daemon.ended()?.is_some() || start.elapsed() > START_LIMIT {
                return Ok(Err(format!("dockerd does not come up here:\n{}", daemon.last_lines(8))));
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        self.daemon = Some(daemon);
        Ok(Ok(()))
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // A killed engine would leave its containers running; whoever drops one early has an error to tell already.
        let _ = self.stop();
    }
}

/// A docker configuration folder that holds compose and buildx.
fn plugins() -> Result<PathBuf> {
    let name = format!("docker-plugins-{PLUGIN_RELEASE}");
    cached(&checkout::cache()?, &name, |folder| {
        let root = folder.join("root");
        Packages::of_release(PLUGIN_RELEASE, folder)?.unpack(&["docker-compose", "docker-buildx"], &root)?;
        let plugins = folder.join("cli-plugins");
        std::fs::create_dir_all(&plugins).context("cannot create a folder for plugins")?;
        for plugin in ["docker-compose", "docker-buildx"] {
            let packed = root.join("usr/libexec/docker/cli-plugins").join(plugin);
            let ours = plugins.join(plugin);
            std::fs::copy(&packed, &ours)
                .with_context(|| format!("the package holds no {}", packed.display()))?;
            std::fs::set_permissions(&ours, std::fs::Permissions::from_mode(0o755))
                .context("cannot mark a plugin")?;
        }
        std::fs::remove_dir_all(&root).context("cannot remove unpacked packages")
    })
}
