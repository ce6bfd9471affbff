//! Theory beside a run: the figures of an arm's tables as far as formulas give them, as plain data.

use super::{NotApplicable, Opinion, Quantity, Situation, endpoint_opinions, opinions};
use crate::{
    experiment::Document,
    workload::{Arrivals, Traffic},
};
use serde::{Deserialize, Serialize};

/// What formulas say about an arm. What is absent nobody can say.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Beside {
    /// Requests in flight, averaged over time.
    pub in_flight: Option<f64>,
    /// Good answers per second.
    pub goodput_per_s: Option<f64>,
    /// Median latency of good answers in nanoseconds.
    pub p50_ns: Option<u64>,
    /// 95th percentile of the latency of good answers in nanoseconds.
    pub p95_ns: Option<u64>,
    /// 99th percentile of the latency of good answers in nanoseconds.
    pub p99_ns: Option<u64>,
    /// The share that times out.
    pub timed_out: Option<f64>,
    /// Median wait for a permit in front of Service B in nanoseconds.
    pub wait_p50_ns: Option<u64>,
    /// 99th percentile of that wait in nanoseconds.
    pub wait_p99_ns: Option<u64>,
    /// The formulas that were used, by the names under which they are explained.
    pub formulas: Vec<String>,
    /// Why there is nothing, or not more, to say.
    pub because: Option<String>,
}

impl Beside {
    /// What theory says about arm number `arm` of an experiment.
    ///
    /// # Panics
    /// If `document` has no workload or no such arm.
    pub fn of(document: &Document, arm: usize) -> Beside {
        let workload = document.workload.as_ref().expect("an experiment has a workload");
        let arrivals = match &workload.traffic {
            Traffic::Open(arrivals) if workload.retry.is_none() => arrivals,
            Traffic::Open(_) => return Beside::silent("what users send again are no arrivals of their own"),
            Traffic::Closed(_) => return Beside::silent("arrivals depend on the answers: a closed loop"),
        };
        let mut beside = Beside::default();
        let endpoint = &document.endpoints[arm];
        let services = (&document.service_a, &document.service_b);
        let whole = endpoint_opinions(arrivals, services, endpoint);
        match whole {
            Ok(all) => all.iter().for_each(|opinion| beside.note(opinion, false)),
            Err(why) => {
                beside.because = Some(why.to_string());
                beside.note_waits(document, arm, arrivals);
            }
        }
        beside
    }

    fn silent(because: &str) -> Beside {
        Beside { because: Some(because.into()), ..Beside::default() }
    }

    /// What can be said about the waits in front of Service B, if all requests come there as they arrive.
    fn note_waits(&mut self, document: &Document, arm: usize, arrivals: &Arrivals) {
        let endpoint = &document.endpoints[arm];
        if endpoint.b.is_empty() || !endpoint.whole.is_empty() || !endpoint.a.is_empty() {
            return;
        }
        let situation = Situation { arrivals, service: &document.service_b, layers: &endpoint.b };
        match opinions(&situation) {
            Ok(all) => all.iter().for_each(|opinion| self.note(opinion, true)),
            Err(why @ NotApplicable::Unstable { .. }) => self.because = Some(why.to_string()),
            Err(_) => {}
        }
    }

    /// Takes an opinion over; `waits`: those about the waits, and no others.
    fn note(&mut self, opinion: &Opinion, waits: bool) {
        let Ok(value) = opinion.answer else { return };
        let number = value.number();
        let nanos = Some((number * 1e9).round() as u64);
        match (opinion.quantity, waits) {
            (Quantity::InFlight, false) => self.in_flight = Some(number),
            (Quantity::Goodput, false) => self.goodput_per_s = Some(number),
            (Quantity::TimedOut, false) => self.timed_out = Some(number),
            (Quantity::LatencyQuantile(0.5), false) => self.p50_ns = nanos,
            (Quantity::LatencyQuantile(0.95), false) => self.p95_ns = nanos,
            (Quantity::LatencyQuantile(0.99), false) => self.p99_ns = nanos,
            (Quantity::WaitQuantile(0.5), true) => self.wait_p50_ns = nanos,
            (Quantity::WaitQuantile(0.99), true) => self.wait_p99_ns = nanos,
            _ => return,
        }
        if !self.formulas.iter().any(|name| name == opinion.formula.name) {
            self.formulas.push(opinion.formula.name.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beside(rest: &str) -> Beside {
        let text = format!(
            "[workload]\narrivals = {{ poisson = {{ rate = \"20/s\" }} }}\nduration = \"10s\"\n{rest}"
        );
        let document = Document::read(&text, "test.toml", &|name| Err(format!("no {name}")));
        Beside::of(&document.unwrap_or_else(|problems| panic!("{problems}")), 0)
    }

    #[test]
    fn two_sleeping_services_are_known_in_full() {
        let parallel = beside("[[arm]]\nname = \"async\"\ncalls = \"parallel\"");
        // Little: λ(0.95·E max(A, B) + 0.05·0), and P(B ≤ t) = (t − 300)/900 for t > 150.
        assert_eq!(parallel.goodput_per_s, Some(19.0));
        let close = |is: Option<f64>, should: f64| is.is_some_and(|is| (is / should - 1.0).abs() < 1e-6);
        assert!(close(parallel.in_flight, 20.0 * 0.95 * 0.75), "{parallel:?}");
        assert!(close(parallel.p99_ns.map(|ns| ns as f64), 1.191e9), "{parallel:?}");
        assert_eq!((parallel.because, parallel.wait_p99_ns), (None, None));
        let timeout = beside(
            "[[arm]]\nname = \"t\"\ncalls = \"parallel\"\nwhole = [ { timeout = { after = \"600ms\" } } ]",
        );
        assert!(close(timeout.goodput_per_s, 20.0 * 0.95 / 3.0), "{timeout:?}");
        assert!(close(timeout.timed_out, 0.95 * 2.0 / 3.0), "{timeout:?}");
    }

    #[test]
    fn a_limit_has_waits_and_a_reason_for_the_rest() {
        let limited = "[[arm]]\nname = \"l\"\ncalls = \"parallel\"\nb = [ { limit = { permits = 20, queue = \"unbounded\" } } ]";
        let limited = beside(limited);
        assert_eq!(limited.wait_p50_ns, Some(0));
        assert!(limited.wait_p99_ns.is_some_and(|ns| ns > 0) && limited.p99_ns.is_none(), "{limited:?}");
        assert!(limited.because.is_some());
    }

    #[test]
    fn a_closed_loop_has_a_reason() {
        let text = "[workload]\nusers = { count = 5, think = { exponential = \"1s\" } }\nduration = \"10s\"\n[[arm]]\nname = \"a\"\ncalls = \"parallel\"";
        let document = Document::read(text, "test.toml", &|name| Err(format!("no {name}")));
        let beside = Beside::of(&document.unwrap_or_else(|problems| panic!("{problems}")), 0);
        assert_eq!((beside.in_flight, beside.formulas.len()), (None, 0));
        assert!(beside.because.is_some_and(|why| why.contains("closed loop")));
    }
}
