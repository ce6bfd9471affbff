//! compose.yaml as compose understands it, run under a name of its own, beside whatever else runs.

use super::engine::Engine;
use super::images::Images;
use crate::checkout;
use crate::net::port_near;
use crate::process::output;
use crate::stack::load::Summary;
use anyhow::{Context, Result};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const NAME: &str = "inflight-xtask";
/// A cold build of all crates on a busy machine.
const UP_LIMIT: Duration = Duration::from_secs(3600);
const DOWN_LIMIT: Duration = Duration::from_secs(60);
const K6_LIMIT: Duration = Duration::from_secs(120);

/// Where this run publishes; the defaults, if they are free.
pub(super) struct Ports {
    pub app: u16,
    pub prometheus: u16,
    grafana: u16,
}

/// The compose file and the engine it runs on.
pub(super) struct Project<'a> {
    engine: &'a Engine,
    work: PathBuf,
    /// Where this run publishes.
    pub ports: Ports,
    /// The whole file with every default filled in, and no variable of this run.
    pub defaults: Value,
}

/// What `docker compose ps` knows about a service.
pub(super) struct Status {
    pub container: String,
    pub state: String,
    /// Empty without a health check.
    pub health: String,
    /// `address:port` on this machine.
    pub published: Vec<String>,
}

impl<'a> Project<'a> {
    /// Lets compose read the file.
    pub(super) fn load(engine: &'a Engine, work: &Path) -> Result<Self> {
        let ports = Ports { app: port_near(8080)?, prometheus: port_near(9090)?, grafana: port_near(3000)? };
        let mut project = Self { engine, work: work.to_path_buf(), ports, defaults: Value::Null };
        let mut config = project.bare();
        config.args(["--profile", "k6", "config", "--format", "json"]);
        project.defaults = serde_json::from_str(&output(&mut config)?).context("`docker compose config`")?;
        Ok(project)
    }

    /// The services to start: all that have an image, and k6 only on demand.
    pub(super) fn services(&self, images: &Images) -> Vec<String> {
        let services = self.defaults["services"].as_object().into_iter().flatten();
        let wanted = services.filter(|(name, service)| *name != "k6" && images.has(service));
        wanted.map(|(name, _)| name.clone()).collect()
    }

    /// `docker compose` on this file, without anything that this run sets.
    fn bare(&self) -> Command {
        let mut command = self.engine.docker();
        command.args(["compose", "-p", NAME]).current_dir(checkout::root());
        command
    }

    /// `docker compose` for this run.
    fn compose(&self) -> Command {
        let mut command = self.bare();
        command
            .env("PORT", self.ports.app.to_string())
            .env("PROMETHEUS_PORT", self.ports.prometheus.to_string())
            .env("GRAFANA_PORT", self.ports.grafana.to_string());
        command
    }

    /// Builds and starts these services, and waits until they are healthy.
    pub(super) fn up(&self, services: &[String]) -> Result<()> {
        let mut up = self.compose();
        up.args(["up", "--build", "--detach", "--wait"]).args(services);
        self.engine.run("compose-up", &mut up, UP_LIMIT)
    }

    /// Removes containers, networks and volumes.
    pub(super) fn down(&self) -> Result<()> {
        let mut down = self.compose();
        self.engine.run("compose-down", down.args(["--profile", "k6", "down", "-v"]), DOWN_LIMIT)
    }

    /// Stops one service as a user would.
    pub(super) fn stop(&self, service: &str) -> Result<()> {
        self.engine.run("compose-stop", self.compose().args(["stop", service]), DOWN_LIMIT)
    }

    /// Ten seconds of load by the profile k6.
    pub(super) fn k6(&self) -> Result<Summary> {
        let out = self.work.join("k6");
        std::fs::create_dir_all(&out).context("cannot create a folder for k6")?;
        // k6's image has a user of its own.
        std::fs::set_permissions(&out, std::fs::Permissions::from_mode(0o777))
            .context("cannot open k6's folder")?;
        let mut k6 = self.compose();
        k6.args(["run", "--rm", "-T", "--volume", &format!("{}:/out", out.display())]);
        k6.args(["-e", "SUMMARY_JSON=/out/k6.json", "-e", "SEED=1", "k6"]);
        // These go the way of a user: from the environment through compose.yaml.
        k6.env("DURATION", "12s").env("TARGET_RPS", "10").env("BURST_COUNT", "1");
        let outcome = self.engine.run("k6", &mut k6, K6_LIMIT);
        let summary = out.join("k6.json");
        match std::fs::read_to_string(&summary) {
            // With a crossed threshold k6 fails after it has written; counts are what is asked here.
            Ok(text) => Summary::parse(&text, outcome.is_ok()),
            Err(error) => {
                outcome.and(Err(error).with_context(|| format!("k6 left no {}", summary.display())))
            }
        }
    }

    /// What `docker compose ps` says about a service, if it has a container.
    pub(super) fn status(&self, service: &str) -> Result<Option<Status>> {
        let text = output(self.compose().args(["ps", "--all", "--format", "json", service]))?;
        // One object per line, or one list: this changed in compose 2.21.
        let text = text.trim();
        let row: Value = if text.starts_with('[') {
            serde_json::from_str::<Value>(text).context("`docker compose ps`")?[0].take()
        } else {
            text.lines()
                .next()
                .map_or(Ok(Value::Null), serde_json::from_str)
                .context("`docker compose ps`")?
        };
        if row.is_null() {
            return Ok(None);
        }
        let field = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
        let publishers = row["Publishers"].as_array().into_iter().flatten();
        let open = publishers.filter(|port| port["PublishedPort"].as_u64().is_some_and(|port| port > 0));
        let published = open
            .map(|port| format!("{}:{}", port["URL"].as_str().unwrap_or_default(), port["PublishedPort"]))
            .collect();
        Ok(Some(Status { container: field("ID"), state: field("State"), health: field("Health"), published }))
    }

    /// What the engine knows about a container.
    pub(super) fn inspect(&self, container: &str) -> Result<Value> {
        let text = output(self.engine.docker().args(["inspect", container]))?;
        let mut found: Value = serde_json::from_str(&text).context("`docker inspect`")?;
        Ok(found[0].take())
    }

    /// Ids of everything that carries this project's name.
    pub(super) fn leftovers(&self) -> Result<Vec<String>> {
        let label = format!("label=com.docker.compose.project={NAME}");
        let mut found = Vec::new();
        for ask in [&["ps", "-aq"][..], &["volume", "ls", "-q"], &["network", "ls", "-q"]] {
            let ids = output(self.engine.docker().args(ask).args(["--filter", &label]))?;
            found.extend(ids.lines().map(str::to_owned));
        }
        Ok(found)
    }

    /// Writes the logs of all services into the work folder. For a run that failed.
    pub(super) fn keep_logs(&self) {
        let mut logs = self.compose();
        logs.args(["--profile", "k6", "logs", "--no-color", "--timestamps"]);
        // Only adds to an error that is told anyway.
        let _ = self.engine.run("services", &mut logs, DOWN_LIMIT);
    }
}
