//! k6 as the project ships it, run for seconds instead of minutes, and what it says that it did.

use super::chain::Chain;
use crate::checkout;
use crate::process::Process;
use crate::report::Checks;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

const SCRIPT: &str = "k6/k6-4endpoints-equal-bursts.js";
/// k6's own code for "ran to the end, but a threshold was crossed". How fast this machine is is not asked here.
const THRESHOLDS_CROSSED: i32 = 99;
const LIMIT: Duration = Duration::from_secs(90);

/// What k6 counted at one endpoint.
#[derive(Clone, Default)]
pub(crate) struct Sent {
    /// Requests that left.
    pub requests: u64,
    /// Of these, requests that no answer came to and that were not given up: refused, reset.
    pub unanswered: u64,
    /// Percentiles in ms: p50, p95, p99.
    pub percentiles: [f64; 3],
}

/// What k6 counted, per endpoint.
#[derive(Clone)]
pub(crate) struct Summary {
    /// Keyed by path.
    pub endpoints: BTreeMap<String, Sent>,
    /// True if every threshold of the script held.
    pub thresholds_hold: bool,
}

impl Summary {
    /// Reads what the script wrote to SUMMARY_JSON.
    pub(crate) fn parse(text: &str, thresholds_hold: bool) -> Result<Self> {
        let summary: Value = serde_json::from_str(text).context("k6's summary is no JSON")?;
        let endpoints = summary["endpoints"].as_object().context("k6's summary has no endpoints")?;
        let number =
            |row: &Value, key: &str| row[key].as_u64().with_context(|| format!("k6's summary has no {key}"));
        let sent = |row: &Value| -> Result<Sent> {
            let percentile = |key: &str| row[key].as_f64().unwrap_or(f64::NAN);
            Ok(Sent {
                requests: number(row, "sent")?,
                unanswered: number(row, "no_answer")?,
                percentiles: ["p50_ms", "p95_ms", "p99_ms"].map(percentile),
            })
        };
        let endpoints =
            endpoints.iter().map(|(path, row)| Ok((path.clone(), sent(row)?))).collect::<Result<_>>()?;
        Ok(Self { endpoints, thresholds_hold })
    }

    /// The counts of two runs. Percentiles do not add up: they are left out.
    pub(super) fn plus(&self, other: &Self) -> Self {
        let mut endpoints = self.endpoints.clone();
        for (path, more) in &other.endpoints {
            let sent = endpoints.entry(path.clone()).or_default();
            sent.requests += more.requests;
            sent.unanswered += more.unanswered;
            sent.percentiles = [f64::NAN; 3];
        }
        Self { endpoints, thresholds_hold: self.thresholds_hold && other.thresholds_hold }
    }
}

/// A run of k6 that has not ended.
struct Run {
    process: Process,
    summary: PathBuf,
}

/// Half a minute with two bursts.
pub(super) fn calm(chain: &mut Chain) -> Result<Summary> {
    let run = start(chain, "k6-calm", "30s", "12")?;
    run.finish()
}

/// The same for a shorter time; the Collector is dead from second 5 to second 9.
pub(super) fn with_outage(chain: &mut Chain) -> Result<Summary> {
    let mut run = start(chain, "k6-outage", "16s", "12")?;
    std::thread::sleep(Duration::from_secs(5));
    chain.collector.kill()?;
    std::thread::sleep(Duration::from_secs(4));
    run.process.must_run().context("k6 was to load the app during the outage")?;
    chain.restart_collector()?;
    run.finish()
}

fn start(chain: &Chain, name: &str, duration: &str, rate: &str) -> Result<Run> {
    let summary = chain.work.join(format!("{name}.json"));
    let mut command = Command::new(&chain.k6);
    command
        .args(["run", "--quiet", "--no-color"])
        .arg(checkout::root().join(SCRIPT))
        .current_dir(&chain.work)
        .env("BASE_URL", chain.base_url())
        .env("DURATION", duration)
        .env("TARGET_RPS", rate)
        .env("BURST_COUNT", "2")
        .env("SEED", "1")
        .env("SUMMARY_JSON", &summary)
        .env("K6_NO_USAGE_REPORT", "true");
    Ok(Run { process: Process::start(name, &mut command, &chain.work)?, summary })
}

impl Run {
    fn finish(mut self) -> Result<Summary> {
        let status = self.process.wait(LIMIT)?;
        if !status.success() && status.code() != Some(THRESHOLDS_CROSSED) {
            bail!("k6 failed: {status}\n{}", self.process.last_lines(40));
        }
        let text = std::fs::read_to_string(&self.summary).with_context(|| {
            format!("k6 left no {}\n{}", self.summary.display(), self.process.last_lines(40))
        })?;
        Summary::parse(&text, status.success())
    }
}

/// k6's percentiles beside those that Prometheus computes from the buckets. Information, not a check: the buckets
/// are coarser, and k6 sees the network too.
pub(super) fn compare_percentiles(chain: &Chain, summary: &Summary) -> Result<()> {
    println!("  {:24} {:>24}   {:>24}", "", "k6 p50 / p95 / p99 ms", "Prometheus, from buckets");
    let per_quantile = ["0.5", "0.95", "0.99"].map(|quantile| {
        let buckets = "sum by (endpoint, le) (http_request_duration_ms_bucket)";
        chain.prometheus.sums(&format!("histogram_quantile({quantile}, {buckets})"), "endpoint")
    });
    let [p50, p95, p99] = per_quantile;
    let (p50, p95, p99) = (p50?, p95?, p99?);
    for (path, sent) in &summary.endpoints {
        let of = |quantile: &BTreeMap<String, f64>| quantile.get(path).copied().unwrap_or(f64::NAN);
        let own = sent.percentiles.map(|ms| format!("{ms:.0}")).join(" / ");
        let theirs = [&p50, &p95, &p99].map(|quantile| format!("{:.0}", of(quantile))).join(" / ");
        println!("  {path:24} {own:>24}   {theirs:>24}");
    }
    if !summary.thresholds_hold {
        println!("  (k6 saw a threshold crossed; that speaks of this machine's load and is not judged here)");
    }
    Ok(())
}

/// Every request that left must have been answered or given up.
pub(crate) fn check_answered(checks: &mut Checks, mark: &str, summary: &Summary) {
    let unanswered: u64 = summary.endpoints.values().map(|sent| sent.unanswered).sum();
    let sent: u64 = summary.endpoints.values().map(|sent| sent.requests).sum();
    checks.check(
        unanswered == 0 && sent > 0,
        format!("{mark} k6 sent {sent} requests, {unanswered} were refused or reset"),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries_are_read_and_added() {
        let text = r#"{"endpoints": {"/sync": {"sent": 3, "no_answer": 1, "p50_ms": 1.5, "p95_ms": null}}}"#;
        let summary = Summary::parse(text, true).unwrap();
        let sent = &summary.endpoints["/sync"];
        assert_eq!((sent.requests, sent.unanswered, sent.percentiles[0]), (3, 1, 1.5));
        assert!(sent.percentiles[1].is_nan());
        let both = summary.plus(&summary);
        assert_eq!((both.endpoints["/sync"].requests, both.endpoints["/sync"].unanswered), (6, 2));
        assert!(Summary::parse("{}", true).is_err());
        assert!(Summary::parse(r#"{"endpoints": {"/sync": {}}}"#, true).is_err());
    }
}
