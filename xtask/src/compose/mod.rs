//! `cargo xtask compose`: compose.yaml itself on a Docker engine, from `up --build` to `down -v`, with load from its
//! k6 profile and every count compared. Where no registry can be reached, images of the official names are made
//! here, around the real binaries; Grafana's has none and is left out, its files are the business of `tidy`.

mod checks;
mod engine;
mod images;
mod project;

use crate::checkout::WorkDir;
use crate::prometheus::Prometheus;
use crate::report::{Checks, Stopwatch, heading, step};
use crate::stack::counts;
use anyhow::Result;
use engine::Engine;
use project::Project;

/// Runs the compose file. True if every check holds, or if there is no engine to run it on.
pub(crate) fn run() -> Result<bool> {
    crate::interrupt::install()?;
    let mut work = WorkDir::create("compose")?;
    let watch = Stopwatch::start();
    heading("engine");
    let mut engine = match Engine::ready(work.path())? {
        Ok(engine) => engine,
        Err(why) => {
            println!("\nSKIPPED: {why}.\nNothing about compose.yaml was checked.");
            return Ok(true);
        }
    };
    let mut checks = Checks::default();
    let outcome = examine(&engine, &work, &mut checks);
    if outcome.is_err() || !checks.all_hold() {
        work.keep();
    }
    let stopped = step("stops the engine, if it was started here", || engine.stop());
    outcome.and(stopped)?;
    Ok(checks.conclude(&watch))
}

fn examine(engine: &Engine, work: &WorkDir, checks: &mut Checks) -> Result<()> {
    let project = Project::load(engine, work.path())?;
    heading("configuration");
    checks::published_by_default(checks, &project)?;

    heading("images");
    let images = images::ready(engine, &project, work.path())?;
    let services = project.services(&images);

    heading("up");
    let outcome = live(&project, &services, checks);
    if outcome.is_err() {
        project.keep_logs();
    }
    heading("down");
    let down = step("docker compose down -v", || project.down());
    if down.is_ok() {
        checks::nothing_is_left(checks, &project)?;
    }
    let removed = images.remove_stand_ins(engine);
    outcome.and(down).and(removed)
}

fn live(project: &Project<'_>, services: &[String], checks: &mut Checks) -> Result<()> {
    step("docker compose down -v", || project.down())?;
    step(format!("docker compose up --build --wait {}", services.join(" ")), || project.up(services))?;
    checks::services_are_up(checks, project, services)?;
    checks::services_are_contained(checks, project, services)?;

    heading("load");
    let prometheus = Prometheus::on_port(project.ports.prometheus);
    let before = counts::read(&prometheus)?;
    let summary = step("docker compose run --rm k6", || project.k6())?;
    checks::counts_arrive(checks, &prometheus, &before, &summary)?;

    heading("stop");
    checks::app_stops_cleanly(checks, project)
}
