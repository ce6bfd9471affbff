//! What must be true of the stack that compose started.

use super::project::Project;
use crate::net;
use crate::prometheus::Prometheus;
use crate::report::{Checks, Stopwatch};
use crate::stack::counts::{self, Counts};
use crate::stack::load::Summary;
use anyhow::{Context, Result};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// An export and a scrape every 3 s, and some.
const ARRIVAL_LIMIT: Duration = Duration::from_secs(20);
/// What the README promises.
const PROMISED: &[(&str, &str)] = &[("app", "8080"), ("prometheus", "9090"), ("grafana", "3000")];

/// Without any variable set, the promised ports are published, on loopback, and no others.
pub(super) fn published_by_default(checks: &mut Checks, project: &Project<'_>) -> Result<()> {
    let services = project.defaults["services"].as_object().context("compose.yaml has no services")?;
    let ports = services.iter().flat_map(|(name, service)| {
        let ports = service["ports"].as_array().into_iter().flatten();
        ports.map(move |port| {
            let text = |key: &str| port[key].as_str().unwrap_or_default().to_owned();
            (name.as_str(), text("host_ip"), text("published"))
        })
    });
    let ports: Vec<(&str, String, String)> = ports.collect();
    let all_on_loopback = ports.iter().all(|(_, address, _)| address == "127.0.0.1");
    let exact = ports.len() == PROMISED.len()
        && PROMISED
            .iter()
            .all(|(name, port)| ports.iter().any(|(owner, _, open)| owner == name && open == port));
    let list: Vec<String> =
        ports.iter().map(|(name, address, port)| format!("{name} {address}:{port}")).collect();
    checks.check(all_on_loopback && exact, format!("published by default: {}", list.join(", ")));
    Ok(())
}

/// Every started service runs, is healthy where it can say so, and is published on loopback only.
pub(super) fn services_are_up(checks: &mut Checks, project: &Project<'_>, services: &[String]) -> Result<()> {
    for service in services {
        let Some(status) = project.status(service)? else {
            checks.check(false, format!("{service} has no container"));
            continue;
        };
        let asked = !project.defaults["services"][service]["healthcheck"].is_null();
        let healthy = !asked || status.health == "healthy";
        let loopback = status.published.iter().all(|address| address.starts_with("127.0.0.1:"));
        let health = if asked { status.health.as_str() } else { "no health check" };
        let ports =
            if status.published.is_empty() { "nothing".to_owned() } else { status.published.join(", ") };
        let what = format!("{service}: {}, {health}, publishes {ports}", status.state);
        checks.check(status.state == "running" && healthy && loopback, what);
    }
    let page = format!("http://127.0.0.1:{}/health", project.ports.app);
    let answer = net::get(&page);
    checks.check(answer.as_deref().is_ok_and(|body| body.trim() == "ok"), format!("GET {page}: {answer:?}"));
    Ok(())
}

/// What a container may do, read from the engine and from the kernel.
pub(super) fn services_are_contained(
    checks: &mut Checks,
    project: &Project<'_>,
    services: &[String],
) -> Result<()> {
    for service in services {
        let Some(status) = project.status(service)? else { continue };
        let container = project.inspect(&status.container)?;
        let host = &container["HostConfig"];
        let pid = container["State"]["Pid"].as_u64().unwrap_or_default();
        let kernel = kernel_view(pid);
        let said = |key: &str| kernel.get(key).map_or("?", String::as_str);
        let user = said("Uid").split_whitespace().next().unwrap_or("?").to_owned();
        let bounded = |key: &str| host[key].as_i64().is_some_and(|bound| bound > 0);
        let holds = host["ReadonlyRootfs"] == true
            && bounded("Memory")
            && bounded("PidsLimit")
            && host["LogConfig"]["Config"]["max-size"] != Value::Null
            && user != "0"
            && said("CapEff").trim_start_matches('0').is_empty()
            && said("NoNewPrivs") == "1";
        let what = format!(
            "{service}: read-only {}, user {user}, capabilities {}, no new privileges {}, seccomp {}",
            host["ReadonlyRootfs"],
            said("CapEff"),
            said("NoNewPrivs"),
            said("Seccomp"),
        );
        checks.check(holds, what);
    }
    Ok(())
}

/// `/proc/<pid>/status` as pairs; empty for a process of another machine.
fn kernel_view(pid: u64) -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let pair =
        |line: &str| line.split_once(':').map(|(key, value)| (key.to_owned(), value.trim().to_owned()));
    text.lines().filter_map(pair).collect()
}

/// Waits until k6's counts stand in Prometheus, and compares them.
pub(super) fn counts_arrive(
    checks: &mut Checks,
    prometheus: &Prometheus,
    before: &Counts,
    summary: &Summary,
) -> Result<()> {
    let watch = Stopwatch::start();
    let start = Instant::now();
    let mut more = Counts::new();
    loop {
        for (path, count) in counts::read(prometheus)? {
            let base = before.get(&path).copied().unwrap_or(0.0);
            more.insert(path, count - base);
        }
        let due = |path: &str| more.get(path).copied().unwrap_or(0.0);
        if summary.endpoints.iter().all(|(path, sent)| counts::is(due(path), sent.requests)) {
            break;
        }
        if start.elapsed() > ARRIVAL_LIMIT {
            break;
        }
        std::thread::sleep(Duration::from_millis(250));
    }
    println!("  · all counts in Prometheus {watch} after k6's end");
    counts::check(checks, "through the Collector:", summary, &more);
    Ok(())
}

/// `docker compose stop` is a SIGTERM to process 1.
pub(super) fn app_stops_cleanly(checks: &mut Checks, project: &Project<'_>) -> Result<()> {
    let status = project.status("app")?.context("the app has no container")?;
    let watch = Stopwatch::start();
    project.stop("app")?;
    let took = watch.seconds();
    let state = project.inspect(&status.container)?["State"].take();
    let what = format!("the app stops in {took:.1} s with exit code {}", state["ExitCode"]);
    checks.check(state["ExitCode"] == 0 && state["OOMKilled"] == false && took < 10.0, what);
    Ok(())
}

/// After `down -v` no container, volume or network carries the project's name.
pub(super) fn nothing_is_left(checks: &mut Checks, project: &Project<'_>) -> Result<()> {
    let left = project.leftovers()?;
    checks.check(left.is_empty(), format!("left behind: {} containers, volumes and networks", left.len()));
    Ok(())
}
