//! SIGTERM under load: what was admitted is answered, what was answered is counted.

use super::chain::Chain;
use super::clients::{Clients, Tally};
use super::counts::{self, Counts};
use crate::report::{Checks, Stopwatch};
use anyhow::{Context, Result};
use std::time::{Duration, Instant};

const PATHS: &[&str] = &["/sync", "/async", "/async-limited", "/async-timeout", "/async-timeout-detached"];
const CLIENTS: usize = 60;
const LOAD: Duration = Duration::from_secs(5);
/// The app's own drain deadline is 5 s, and the flush behind it has a bound too.
const EXIT_LIMIT: Duration = Duration::from_secs(15);
/// One scrape after the last export, and some.
const ARRIVAL_LIMIT: Duration = Duration::from_secs(10);

/// Loads the app, stops it by SIGTERM and compares what clients got with what Prometheus holds at last.
pub(super) fn check(checks: &mut Checks, chain: &mut Chain, before: &Counts) -> Result<()> {
    let clients = Clients::start(chain.app_port(), PATHS, CLIENTS);
    std::thread::sleep(LOAD);
    chain.app.must_run()?;
    clients.expect_the_end();
    let watch = Stopwatch::start();
    chain.app.terminate()?;
    let status = chain.app.wait(EXIT_LIMIT).context("the app was told to end")?;
    let took = watch.seconds();
    let tally = clients.finish();

    checks.check(status.code() == Some(0), format!("(e) the app ended {took:.2} s after SIGTERM: {status}"));
    check_tally(checks, tally);
    let base: f64 = before.values().sum();
    let last = last_counts(chain, base, tally.complete)?;
    let what = format!(
        "(e) {CLIENTS} clients: {} complete answers = {} more in http_requests_total, after the last export",
        tally.complete, last
    );
    checks.check(counts::is(last, tally.complete), what);
    Ok(())
}

fn check_tally(checks: &mut Checks, tally: Tally) {
    let what = format!(
        "(e) of the requests sent before SIGTERM {} were lost and {} refused; {} later ones closed, {} refused",
        tally.lost, tally.refused_early, tally.closed, tally.refused
    );
    checks.check(tally.lost == 0 && tally.refused_early == 0 && tally.complete > 0, what);
}

/// Waits for the count that is due, or for the time in which it had to come.
fn last_counts(chain: &mut Chain, base: f64, due: u64) -> Result<f64> {
    let start = Instant::now();
    loop {
        let more = counts::read(&chain.prometheus)?.values().sum::<f64>() - base;
        if counts::is(more, due) || start.elapsed() > ARRIVAL_LIMIT {
            // Whatever is too much has to have the time to show itself.
            std::thread::sleep(Duration::from_secs(2));
            return Ok(counts::read(&chain.prometheus)?.values().sum::<f64>() - base);
        }
        std::thread::sleep(Duration::from_millis(250));
    }
}
