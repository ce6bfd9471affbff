//! Counting to the unit: what the clients sent against what Prometheus holds.

use super::chain::Chain;
use super::load::{Summary, check_answered};
use crate::prometheus::Prometheus;
use crate::report::Checks;
use anyhow::{Result, bail};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The newest value of every series of the last minutes, whether or not it is still scraped.
const TOTALS: &str = "last_over_time(http_requests_total[10m])";
/// Longer than one export and one scrape of the chain, so that equal reads mean that nothing is on its way.
const CALM: Duration = Duration::from_millis(3500);
const LIMIT: Duration = Duration::from_secs(30);

/// Requests per endpoint.
pub(crate) type Counts = BTreeMap<String, f64>;

/// Requests per endpoint as they stand in Prometheus now.
pub(crate) fn read(prometheus: &Prometheus) -> Result<Counts> {
    prometheus.sums(TOTALS, "endpoint")
}

/// Waits until nothing is in flight and the counts have stopped to change, and returns them.
pub(super) fn settle(chain: &mut Chain) -> Result<Counts> {
    let start = Instant::now();
    let mut last = read(&chain.prometheus)?;
    let mut since = Instant::now();
    loop {
        std::thread::sleep(Duration::from_millis(250));
        chain.must_run()?;
        let in_flight: f64 =
            chain.prometheus.query("sum(http_inflight)")?.iter().map(|series| series.value).sum();
        let counts = read(&chain.prometheus)?;
        if counts != last || in_flight != 0.0 {
            (last, since) = (counts, Instant::now());
        }
        if !last.is_empty() && since.elapsed() > CALM {
            return Ok(last);
        }
        if start.elapsed() > LIMIT {
            bail!("counts still change after {} s: {last:?}, {in_flight} in flight", LIMIT.as_secs());
        }
    }
}

/// Compares k6's counts with Prometheus', endpoint by endpoint.
pub(crate) fn check(checks: &mut Checks, mark: &str, sent: &Summary, counted: &Counts) {
    check_answered(checks, mark, sent);
    for (path, sent) in &sent.endpoints {
        let counted = counted.get(path).copied().unwrap_or(0.0);
        let what = format!("{mark} {path}: k6 {} = http_requests_total {counted}", sent.requests);
        checks.check(is(counted, sent.requests), what);
    }
}

/// Whether a sample is exactly this count. Both are far below 2^53, where they stop to be comparable.
#[expect(clippy::cast_precision_loss, reason = "counts of a run of seconds")]
pub(crate) fn is(sample: f64, count: u64) -> bool {
    sample == count as f64
}

/// A counter that went down was lost and began anew.
pub(super) fn check_no_reset(checks: &mut Checks, prometheus: &Prometheus) -> Result<()> {
    let resets = prometheus.query("sum(resets(http_requests_total[10m]))")?;
    let gap =
        prometheus.query("count_over_time(up{job=\"app\"}[10m]) - sum_over_time(up{job=\"app\"}[10m])")?;
    let resets: f64 = resets.iter().map(|series| series.value).sum();
    let missed: f64 = gap.iter().map(|series| series.value).sum();
    let what = format!("(d) {missed} scrapes found no Collector, and {resets} counters went back");
    checks.check(resets == 0.0 && missed >= 2.0, what);
    Ok(())
}
