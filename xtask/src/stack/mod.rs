//! `cargo xtask stack`: the real chain without images. k6 loads the app of this checkout, the app exports to a real
//! Collector, a real Prometheus scrapes that; everything on free loopback ports. What must be true then:
//!
//! (a) every metric of the contract stands in Prometheus, of the right kind and with its labels;
//! (b) k6's own count per endpoint equals `http_requests_total`, to the unit;
//! (c) every query of the Grafana dashboards returns finite points over the run;
//! (d) a Collector that is killed and started again mid-run costs no count;
//! (e) SIGTERM under load loses nothing that was admitted, and the last counts reach Prometheus.

mod chain;
mod clients;
mod contract;
pub(crate) mod counts;
mod drain;
pub(crate) mod load;
mod panels;

use crate::checkout::WorkDir;
use crate::report::{Checks, Stopwatch, heading, step};
use crate::tools::Tools;
use anyhow::Result;
use chain::Chain;
use std::path::Path;
use std::time::Duration;

/// The bound on everything after tools and app are built.
const LIMIT: Duration = Duration::from_secs(240);

/// Runs the chain. True if every check holds.
pub(crate) fn run(keep: bool) -> Result<bool> {
    crate::interrupt::install()?;
    heading("tools");
    let tools = Tools::ready()?;
    for version in tools.versions()? {
        println!("  {version}");
    }
    let app = step("builds the app", chain::build_app)?;

    let mut work = WorkDir::create("stack")?;
    if keep {
        work.keep();
    }
    crate::interrupt::limit(LIMIT);
    let watch = Stopwatch::start();
    let mut checks = Checks::default();
    let outcome = examine(&tools, &app, &work, &mut checks);
    if outcome.is_err() || !checks.all_hold() {
        work.keep();
    }
    outcome?;
    Ok(checks.conclude(&watch))
}

fn examine(tools: &Tools, app: &Path, work: &WorkDir, checks: &mut Checks) -> Result<()> {
    heading("chain");
    let mut chain = step("starts Collector, Prometheus and app", || Chain::start(tools, app, work.path()))?;
    let start = crate::prometheus::now();

    heading("load: k6 on four endpoints");
    let calm = step("k6, undisturbed", || load::calm(&mut chain))?;
    step("the fifth endpoint", || chain.touch_the_rest())?;
    let settled = counts::settle(&mut chain)?;
    counts::check(checks, "(b)", &calm, &settled);
    load::compare_percentiles(&chain, &calm)?;

    heading("names");
    contract::check(checks, &chain.prometheus)?;

    heading("dashboards");
    panels::check(checks, &chain.prometheus, start)?;

    heading("Collector killed and started again under load (counts of both runs of k6)");
    let disturbed = step("k6, with 4 s without a Collector", || load::with_outage(&mut chain))?;
    let after = counts::settle(&mut chain)?;
    counts::check(checks, "(d)", &calm.plus(&disturbed), &after);
    counts::check_no_reset(checks, &chain.prometheus)?;

    heading("SIGTERM under load");
    drain::check(checks, &mut chain, &after)
}
