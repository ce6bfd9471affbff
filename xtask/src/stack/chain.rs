//! The processes of the chain, wired to each other on free loopback ports.

use crate::checkout;
use crate::net::{free_ports, wait_for};
use crate::process::{Process, output};
use crate::prometheus::Prometheus;
use crate::tools::Tools;
use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const START_LIMIT: Duration = Duration::from_secs(20);
/// How often the app exports. With scrapes every second, a count is in Prometheus after about 2 s.
const EXPORT_INTERVAL_MS: u32 = 1000;

/// Loopback ports of one chain.
struct Ports {
    app: u16,
    otlp_http: u16,
    otlp_grpc: u16,
    exporter: u16,
    health: u16,
    telemetry: u16,
    prometheus: u16,
}

/// The running chain. Dropping it kills all of it.
pub(super) struct Chain {
    /// The app under load.
    pub app: Process,
    /// Between app and Prometheus.
    pub collector: Process,
    server: Process,
    /// Asks the Prometheus of this chain.
    pub prometheus: Prometheus,
    /// The k6 to load it with.
    pub k6: PathBuf,
    /// Logs and configurations lie here.
    pub work: PathBuf,
    collector_program: PathBuf,
    ports: Ports,
}

/// Builds the app of this checkout and says where it is.
pub(super) fn build_app() -> Result<PathBuf> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .args(["build", "--release", "--locked", "-p", "inflight", "--bin", "inflight"])
        .arg("--message-format=json-render-diagnostics")
        .current_dir(checkout::root());
    let messages = output(&mut cargo)?;
    let executable = |line: &str| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        message["executable"].as_str().map(PathBuf::from)
    };
    messages.lines().find_map(executable).context("cargo built no executable")
}

impl Chain {
    /// Starts everything and waits until everything answers.
    pub(super) fn start(tools: &Tools, program: &Path, work: &Path) -> Result<Self> {
        let [app, otlp_http, otlp_grpc, exporter, health, telemetry, prometheus] = free_ports()?;
        let ports = Ports { app, otlp_http, otlp_grpc, exporter, health, telemetry, prometheus };
        let mut collector = start_collector(&tools.collector, &ports, work)?;
        let mut server = start_prometheus(&tools.prometheus, &ports, work)?;
        let mut app = start_app(program, &ports, work)?;
        let prometheus = Prometheus::on_port(ports.prometheus);
        wait_for(&health_page(&ports), START_LIMIT, || collector.must_run())?;
        wait_for(&prometheus.ready_page(), START_LIMIT, || server.must_run())?;
        wait_for(&format!("http://127.0.0.1:{}/health", ports.app), START_LIMIT, || app.must_run())?;
        let collector_program = tools.collector.clone();
        let k6 = tools.k6.clone();
        Ok(Self { app, collector, server, prometheus, k6, work: work.into(), collector_program, ports })
    }

    /// Where the app listens.
    pub(super) fn base_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.app)
    }

    /// The app's port.
    pub(super) fn app_port(&self) -> u16 {
        self.ports.app
    }

    /// An error if any part has ended.
    pub(super) fn must_run(&mut self) -> Result<()> {
        self.collector.must_run()?;
        self.server.must_run()?;
        self.app.must_run()
    }

    /// Starts the Collector again on the same ports, after it was killed.
    pub(super) fn restart_collector(&mut self) -> Result<()> {
        self.collector = start_collector(&self.collector_program, &self.ports, &self.work)?;
        wait_for(&health_page(&self.ports), START_LIMIT, || self.collector.must_run())
    }

    /// What k6's script leaves alone: the fifth endpoint. One request after the other for some exports, so that there
    /// is a rate to see, and under two names of phases.
    pub(super) fn touch_the_rest(&self) -> Result<()> {
        let url = format!("{}/async-timeout-detached", self.base_url());
        for request in 0..8 {
            let phase = if request % 2 == 0 { "even" } else { "odd" };
            let answer =
                crate::net::client(Duration::from_secs(5)).get(&url).header("x-inflight-phase", phase).call();
            let status = answer.with_context(|| format!("GET {url}"))?.status().as_u16();
            ensure!([200, 408, 503].contains(&status), "GET {url}: {status}");
        }
        Ok(())
    }
}

fn health_page(ports: &Ports) -> String {
    format!("http://127.0.0.1:{}/", ports.health)
}

fn loopback(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

fn start_collector(program: &Path, ports: &Ports, work: &Path) -> Result<Process> {
    let mut command = Command::new(program);
    command
        .arg("--config")
        .arg(checkout::root().join("deploy/otel-collector/config.yaml"))
        .env("OTLP_HTTP_ENDPOINT", loopback(ports.otlp_http))
        .env("OTLP_GRPC_ENDPOINT", loopback(ports.otlp_grpc))
        .env("PROMETHEUS_EXPORTER_ENDPOINT", loopback(ports.exporter))
        .env("HEALTH_CHECK_ENDPOINT", loopback(ports.health))
        .env("COLLECTOR_TELEMETRY_HOST", "127.0.0.1")
        .env("COLLECTOR_TELEMETRY_PORT", ports.telemetry.to_string())
        .env("COLLECTOR_LOG_LEVEL", "warn");
    Process::start("collector", &mut command, work)
}

fn start_prometheus(program: &Path, ports: &Ports, work: &Path) -> Result<Process> {
    let config = work.join("prometheus.yml");
    let text = loopback_config(&checkout::read("deploy/prometheus/prometheus.yml")?, ports)?;
    std::fs::write(&config, text).with_context(|| format!("cannot write {}", config.display()))?;
    let mut command = Command::new(program);
    command
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.tsdb.path={}", work.join("tsdb").display()))
        .arg(format!("--web.listen-address={}", loopback(ports.prometheus)))
        .arg("--log.level=warn")
        .current_dir(work);
    Process::start("prometheus", &mut command, work)
}

fn start_app(program: &Path, ports: &Ports, work: &Path) -> Result<Process> {
    let mut command = Command::new(program);
    command
        .args(["serve", "--bind", "127.0.0.1"])
        .env("PORT", ports.app.to_string())
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{}", loopback(ports.otlp_http)))
        .env("OTEL_METRIC_EXPORT_INTERVAL", EXPORT_INTERVAL_MS.to_string())
        .env("OTEL_TRACES_EXPORTER", "none");
    for knob in ["OTEL_SERVICE_NAME", "B_CONCURRENCY_LIMIT", "ASYNC_TIMEOUT_MS"] {
        command.env_remove(knob);
    }
    Process::start("app", &mut command, work)
}

/// The project's Prometheus configuration with this chain's targets, scraping every second.
fn loopback_config(text: &str, ports: &Ports) -> Result<String> {
    let mut text = text.to_owned();
    for (there, here) in [
        ("otel-collector:8889", loopback(ports.exporter)),
        ("otel-collector:8888", loopback(ports.telemetry)),
        ("scrape_interval: 3s", "scrape_interval: 1s".to_owned()),
        ("scrape_timeout: 2s", "scrape_timeout: 1s".to_owned()),
        ("evaluation_interval: 3s", "evaluation_interval: 1s".to_owned()),
    ] {
        ensure!(text.contains(there), "deploy/prometheus/prometheus.yml has no `{there}` to replace");
        text = text.replace(there, &here);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_projects_configuration_fits_the_chain() {
        let ports = Ports {
            app: 1,
            otlp_http: 2,
            otlp_grpc: 3,
            exporter: 40001,
            health: 5,
            telemetry: 40002,
            prometheus: 7,
        };
        let text = checkout::read("deploy/prometheus/prometheus.yml").unwrap();
        let config = loopback_config(&text, &ports).unwrap();
        assert!(config.contains("127.0.0.1:40001") && config.contains("127.0.0.1:40002"));
        assert!(!config.contains("otel-collector:"));
        assert!(loopback_config("global: {}", &ports).is_err());
    }
}
