//! Questions to a Prometheus: instant and range queries, and what kind a metric is.

use crate::net;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A Prometheus that listens on loopback.
pub(crate) struct Prometheus {
    base: String,
    agent: ureq::Agent,
}

/// One series of an answer, with its newest value.
pub(crate) struct Series {
    /// All labels, `__name__` included.
    pub labels: BTreeMap<String, String>,
    /// The value; may be NaN.
    pub value: f64,
}

impl Prometheus {
    /// The one on this port.
    pub(crate) fn on_port(port: u16) -> Self {
        Self { base: format!("http://127.0.0.1:{port}"), agent: net::client(Duration::from_secs(10)) }
    }

    /// The page that answers 200 when queries do.
    pub(crate) fn ready_page(&self) -> String {
        format!("{}/-/ready", self.base)
    }

    /// What `expression` is now.
    pub(crate) fn query(&self, expression: &str) -> Result<Vec<Series>> {
        let answer = self.ask("/api/v1/query", &[("query", expression)])?;
        let rows = answer["result"].as_array().with_context(|| format!("no vector: {expression}"))?;
        rows.iter()
            .map(|row| Ok(Series { labels: labels(&row["metric"]), value: sample(&row["value"])? }))
            .collect()
    }

    /// The sum over all series, per value of `label`.
    pub(crate) fn sums(&self, expression: &str, label: &str) -> Result<BTreeMap<String, f64>> {
        let mut sums = BTreeMap::new();
        for series in self.query(expression)? {
            let key = series.labels.get(label).cloned().unwrap_or_default();
            *sums.entry(key).or_insert(0.0) += series.value;
        }
        Ok(sums)
    }

    /// The finite points of `expression` between two moments, over all series.
    pub(crate) fn finite_points(&self, expression: &str, from: f64, to: f64) -> Result<usize> {
        let (from, to) = (format!("{from:.3}"), format!("{to:.3}"));
        let ask = [("query", expression), ("start", &from), ("end", &to), ("step", "1")];
        let answer = self.ask("/api/v1/query_range", &ask)?;
        let rows = answer["result"].as_array().with_context(|| format!("no matrix: {expression}"))?;
        let points = rows.iter().filter_map(|row| row["values"].as_array()).flatten();
        points.map(sample).try_fold(0, |count, value| Ok(count + usize::from(value?.is_finite())))
    }

    /// The kind of a metric (`counter`, `gauge`, `histogram`), if a scrape has told it.
    pub(crate) fn kind(&self, metric: &str) -> Result<Option<String>> {
        let answer = self.ask("/api/v1/metadata", &[("metric", metric)])?;
        Ok(answer[metric][0]["type"].as_str().map(str::to_owned))
    }

    fn ask(&self, page: &str, parameters: &[(&str, &str)]) -> Result<Value> {
        let url = format!("{}{page}", self.base);
        let request = parameters
            .iter()
            .fold(self.agent.get(&url), |request, (name, value)| request.query(*name, *value));
        let mut answer = request.call().with_context(|| format!("GET {url}"))?;
        let body = answer.body_mut().read_to_string().with_context(|| format!("GET {url}"))?;
        let mut body: Value = serde_json::from_str(&body).with_context(|| format!("GET {url}: {body}"))?;
        if body["status"] != "success" {
            bail!("Prometheus refuses {parameters:?}: {}", body["error"]);
        }
        Ok(body["data"].take())
    }
}

/// Seconds since 1970, as Prometheus counts.
pub(crate) fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970").as_secs_f64()
}

fn labels(metric: &Value) -> BTreeMap<String, String> {
    let pairs = metric.as_object().into_iter().flatten();
    pairs.map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned())).collect()
}

/// `[time, "value"]`.
fn sample(pair: &Value) -> Result<f64> {
    let text = pair[1].as_str().with_context(|| format!("not a sample: {pair}"))?;
    text.parse().with_context(|| format!("not a number: {text}"))
}
