//! Prometheus' text format, read back.

use std::collections::BTreeMap;

/// Series by name and labels, as `/metrics` has them: `http_inflight{endpoint="/sync"}`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Metrics(pub(crate) BTreeMap<String, f64>);

impl Metrics {
    pub(crate) fn read(text: &str) -> Metrics {
        let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        let series = lines.map(|line| {
            let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no value in {line:?}"));
            let value = value.parse().unwrap_or_else(|_| panic!("no number in {line:?}"));
            (series.to_string(), value)
        });
        Metrics(series.collect())
    }

    /// The value of exactly this series, 0 if it is not there.
    pub(crate) fn value(&self, series: &str) -> f64 {
        self.0.get(series).copied().unwrap_or(0.0)
    }

    /// The sum of all series of this name.
    pub(crate) fn sum(&self, name: &str) -> f64 {
        let of_name = |series: &str| series.split('{').next() == Some(name);
        self.0.iter().filter(|(series, _)| of_name(series)).map(|(_, value)| value).sum()
    }

    /// Whether there is any series of this metric, histograms by their parts included.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.keys().any(|series| {
            let found = series.split('{').next().unwrap_or("");
            found == name || found.strip_suffix("_count") == Some(name)
        })
    }

    /// Requests that ended, by path and status.
    pub(crate) fn requests(&self, path: &str, status: u16) -> f64 {
        self.value(&format!("http_requests_total{{endpoint=\"{path}\",status=\"{status}\"}}"))
    }

    /// Requests inside an endpoint.
    pub(crate) fn inflight(&self, path: &str) -> f64 {
        self.value(&format!("http_inflight{{endpoint=\"{path}\"}}"))
    }

    /// Calls inside a service.
    pub(crate) fn service_inflight(&self, service: &str) -> f64 {
        self.value(&format!("service_inflight{{service=\"{service}\"}}"))
    }
}
