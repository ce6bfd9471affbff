//! What must hold of a run: one figure, one comparison, one quantity with its unit, such as `p99 < 200ms` or `errors < 1%`.

use super::figures::{LoadFigures, QUANTILES, Spread};
use crate::{experiment::did_you_mean, record::Ending};
use inflight_strategies::units::{Rate, Ratio, format_duration, parse_duration};
use serde::Serialize;
use std::{fmt, time::Duration};

/// An expectation.
#[derive(Clone, Debug, PartialEq)]
pub struct Expectation {
    text: String,
    figure: Figure,
    is_below: bool,
    /// Whether equality is enough.
    or_equal: bool,
    bound: f64,
}

/// What can be expected of. Times are in nanoseconds, rates per second, shares from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Figure {
    /// A quantile of the latency from the intended start, by its place in [`QUANTILES`]; from sending if true.
    Quantile(usize, bool),
    Mean(bool),
    Max(bool),
    /// Lateness of the driver at the 99th percentile.
    Lateness,
    /// The share of requests that were not completed.
    Errors,
    /// Good answers per second.
    Rate,
}

/// What a run says to an expectation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Answer {
    /// Whether it held; `None` if there were too few requests to say.
    pub holds: Option<bool>,
    /// The figure, in words.
    pub found: String,
}

const NAMES: [&str; 16] = [
    "p50",
    "p75",
    "p90",
    "p95",
    "p99",
    "p99.9",
    "p99.99",
    "mean",
    "max",
    "sent-p50",
    "sent-p95",
    "sent-p99",
    "sent-p99.9",
    "lateness",
    "errors",
    "rate",
];

impl Expectation {
    /// Reads one. The error is for people.
    pub fn parse(text: &str) -> Result<Expectation, String> {
        let at = text
            .find(['<', '>'])
            .ok_or_else(|| format!("{text:?} compares nothing: expected such as 'p99 < 200ms'"))?;
        let (name, rest) = (text[..at].trim(), &text[at..]);
        let or_equal = rest[1..].starts_with('=');
        let quantity = rest[1..].trim_start_matches('=').trim();
        let figure = figure(name).ok_or_else(|| {
            let guess =
                did_you_mean(name, &NAMES).map_or(String::new(), |meant| format!(" Did you mean {meant}?"));
            format!("{text:?}: no figure {name:?}.{guess} There is {}", NAMES.join(", "))
        })?;
        let bound = figure
            .bound(quantity)
            .map_err(|expected| format!("{text:?}: {quantity:?}: expected {expected}"))?;
        Ok(Expectation { text: text.trim().into(), figure, is_below: rest.starts_with('<'), or_equal, bound })
    }

    /// What `found` says to it. A figure that is only a lower bound can refute an upper limit, but not confirm it.
    pub fn judge(&self, found: &LoadFigures) -> Answer {
        let Some((value, is_bound)) = self.figure.of(found) else {
            return Answer { holds: None, found: "too few requests to say".into() };
        };
        let is_met = match (self.is_below, self.or_equal) {
            (true, false) => value < self.bound,
            (true, true) => value <= self.bound,
            (false, false) => value > self.bound,
            (false, true) => value >= self.bound,
        };
        // Whatever is at least this may also be more.
        let holds = match (is_bound, self.is_below) {
            (false, _) => Some(is_met),
            (true, true) => {
                if is_met {
                    None
                } else {
                    Some(false)
                }
            }
            (true, false) => {
                if is_met {
                    Some(true)
                } else {
                    None
                }
            }
        };
        let sign = if is_bound { "≥ " } else { "" };
        Answer { holds, found: format!("{sign}{}", self.figure.show(value)) }
    }
}

impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn figure(name: &str) -> Option<Figure> {
    let (is_sent, plain) = name.strip_prefix("sent-").map_or((false, name), |plain| (true, plain));
    let quantile = QUANTILES.iter().position(|(_, known)| *known == plain);
    Some(match (plain, is_sent) {
        ("mean", _) => Figure::Mean(is_sent),
        ("max", _) => Figure::Max(is_sent),
        ("lateness", false) => Figure::Lateness,
        ("errors", false) => Figure::Errors,
        ("rate", false) => Figure::Rate,
        _ => Figure::Quantile(quantile?, is_sent),
    })
}

impl Figure {
    fn bound(self, quantity: &str) -> Result<f64, &'static str> {
        match self {
            Figure::Errors => quantity.parse::<Ratio>().map(Ratio::value).map_err(|e| e.0),
            Figure::Rate => quantity.parse::<Rate>().map(Rate::as_per_second).map_err(|e| e.0),
            _ => parse_duration(quantity).map(|time| time.as_nanos() as f64).map_err(|e| e.0),
        }
    }

    /// The figure and whether it is only a lower bound; `None` if it was not measured.
    fn of(self, found: &LoadFigures) -> Option<(f64, bool)> {
        let spread = |is_sent: bool| -> Option<&Spread> {
            if is_sent { found.wire.as_ref().map(|wire| &wire.sent) } else { Some(&found.intended) }
        };
        match self {
            Figure::Quantile(i, is_sent) => {
                let spread = spread(is_sent)?;
                Some((spread.told()[i]? as f64, spread.is_bound(QUANTILES[i].0)))
            }
            Figure::Mean(is_sent) => spread(is_sent).and_then(|s| Some((s.mean_ns? as f64, s.censored > 0))),
            Figure::Max(is_sent) => spread(is_sent).and_then(|s| {
                Some((
                    s.max_ns.into_iter().chain((s.censored > 0).then_some(s.bound_ns)).max()? as f64,
                    s.censored > 0,
                ))
            }),
            Figure::Lateness => Some((found.lateness.p99_ns? as f64, false)),
            Figure::Errors => {
                let bad = found.offered - found.ended(Ending::Completed).min(found.offered);
                (found.offered > 0).then(|| (bad as f64 / found.offered as f64, false))
            }
            Figure::Rate => {
                Some((found.ended(Ending::Completed) as f64 / (found.counted_ns.max(1) as f64 / 1e9), false))
            }
        }
    }

    fn show(self, value: f64) -> String {
        match self {
            Figure::Errors => format!("{:.2}%", value * 100.0),
            Figure::Rate => format!("{value:.1}/s"),
            _ => format_duration(Duration::from_nanos(value as u64)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Tick, histogram};
    use expect_test::expect;
    use std::collections::BTreeMap;

    /// 2,000 answers from 1 to 2,000 ms; so many more were never answered.
    fn found(unanswered: u64) -> LoadFigures {
        let mut all = histogram();
        (1..=2000_u64).for_each(|ms| all.record(ms * 1000).expect("in bounds"));
        let endings = BTreeMap::from([(Ending::Completed, 2000), (Ending::Unfinished, unanswered)]);
        LoadFigures {
            name: "x".into(),
            offered: 2000 + unanswered,
            endings,
            counted_ns: 10_000_000_000,
            in_flight_peak: 1,
            intended: Spread::of(&all, unanswered, Duration::from_secs(5)),
            lateness: Spread::of(&all, 0, Duration::ZERO),
            wire: None,
            audit: None,
            tick_ns: 100_000_000,
            timeline: vec![Tick::default()],
        }
    }

    fn judge(text: &str, unanswered: u64) -> String {
        let answer = Expectation::parse(text).expect("readable").judge(&found(unanswered));
        let word = match answer.holds {
            Some(true) => "holds",
            Some(false) => "missed",
            None => "open",
        };
        format!("{text}: {word}, {}\n", answer.found)
    }

    #[test]
    fn figures_are_compared_with_quantities() {
        let all: String = [
            ("p50 < 1s", 0),
            ("p50 < 1001ms", 0),
            ("p99 <= 2s", 0),
            ("max > 2s", 0),
            ("errors < 1%", 10),
            ("errors < 1%", 100),
            ("rate >= 200/s", 0),
            ("p99.99 < 1h", 0),
            ("sent-p99 < 1s", 0),
            ("lateness < 1ms", 0),
        ]
        .map(|(text, unanswered)| judge(text, unanswered))
        .concat();
        expect![[r#"
            p50 < 1s: missed, 1s
            p50 < 1001ms: holds, 1s
            p99 <= 2s: holds, 1.98s
            max > 2s: holds, 2.001s
            errors < 1%: holds, 0.50%
            errors < 1%: missed, 4.76%
            rate >= 200/s: holds, 200.0/s
            p99.99 < 1h: open, too few requests to say
            sent-p99 < 1s: open, too few requests to say
            lateness < 1ms: missed, 1.98s
        "#]]
        .assert_eq(&all);
    }

    #[test]
    fn a_lower_bound_refutes_but_never_confirms_an_upper_limit() {
        let all = ["p99 < 1s", "p99 < 10s", "p99 > 1s", "p99 > 10s", "p50 < 10s"]
            .map(|text| judge(text, 500))
            .concat();
        expect![[r#"
            p99 < 1s: missed, ≥ 5s
            p99 < 10s: open, ≥ 5s
            p99 > 1s: holds, ≥ 5s
            p99 > 10s: open, ≥ 5s
            p50 < 10s: holds, 1.25s
        "#]]
        .assert_eq(&all);
    }

    #[test]
    fn what_cannot_be_read_is_said_once_with_what_to_do() {
        let said = ["p99", "p98 < 1s", "p99 < 200", "errors < 0.01", "lateness < 5%", "ratte > 5/s"]
            .map(|text| Expectation::parse(text).expect_err("wrong") + "\n")
            .concat();
        expect![[r#"
            "p99" compares nothing: expected such as 'p99 < 200ms'
            "p98 < 1s": no figure "p98". Did you mean p90? There is p50, p75, p90, p95, p99, p99.9, p99.99, mean, max, sent-p50, sent-p95, sent-p99, sent-p99.9, lateness, errors, rate
            "p99 < 200": "200": expected a duration such as "250ms", "1.5s" or "2m" (ns, us, ms, s, m, h; at most 100 days)
            "errors < 0.01": "0.01": expected a share such as "5%", between 0% and 100%
            "lateness < 5%": "5%": expected a duration such as "250ms", "1.5s" or "2m" (ns, us, ms, s, m, h; at most 100 days)
            "ratte > 5/s": no figure "ratte". Did you mean rate? There is p50, p75, p90, p95, p99, p99.9, p99.99, mean, max, sent-p50, sent-p95, sent-p99, sent-p99.9, lateness, errors, rate
        "#]].assert_eq(&said);
    }
}
