//! A profile's text taken apart, and put together again as an experiment with the limit that was found: what `run` measures
//! and `serve` serves.

use super::{
    candidate::Candidate,
    objective::{Objective, TUNED},
};
use inflight_strategies::units::format_duration;
use std::{fmt::Write as _, time::Duration};
use toml::de::{DeTable, DeValue};

/// The parts of a profile that go on: what the services are like, and how requests arrive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// `[service.a]` and `[service.b]`, as far as they are there.
    pub services: String,
    /// The lines of `[workload]` but for how long it lasts; `None` if there is no such table.
    pub traffic: Option<String>,
}

/// How long an experiment lasts, and how fast its time runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Times {
    /// How long requests arrive.
    pub duration: Duration,
    /// How much of that is not counted.
    pub warmup: Duration,
    /// The wind tunnel's scale.
    pub scale: f64,
}

impl Written {
    /// Takes `text`, which is TOML, apart.
    pub fn of(text: &str) -> Written {
        let (root, _) = DeTable::parse_recoverable(text);
        let table = |key: &str| root.get_ref().get(key).and_then(|value| value.get_ref().as_table());
        let service = |name: &str| {
            let inside = table("service")?.get(name)?.get_ref().as_table()?;
            Some(format!("[service.{name}]\n{}", lines(text, inside, &[])))
        };
        let services: Vec<String> = ["a", "b"].into_iter().filter_map(service).collect();
        Written {
            services: services.join("\n"),
            traffic: table("workload").map(|inside| lines(text, inside, &["duration", "warmup"])),
        }
    }

    /// `text` with an endpoint, if it has none: then it is a whole document, and all that is wrong with it keeps its place.
    pub fn completed(text: &str) -> String {
        let (root, _) = DeTable::parse_recoverable(text);
        let has = |key: &str| root.get_ref().contains_key(key);
        let kind = if has("workload") { "arm" } else { "endpoint" };
        match has("arm") || has("endpoint") {
            true => text.into(),
            false => format!("{text}\n[[{kind}]]\nname = \"async\"\ncalls = \"parallel\"\n"),
        }
    }

    /// An experiment with these services under `traffic`, with `best` as its arm, and `objective` as what is claimed of it.
    pub fn experiment(
        &self,
        head: &str,
        traffic: &str,
        (seed, times): (u64, Times),
        (best, objective): (&Candidate, Option<&Objective>),
    ) -> String {
        let mut out = String::from(head);
        let _ = writeln!(out, "seed = {seed}");
        if times.scale != 1.0 {
            let _ = writeln!(out, "time-scale = {}", times.scale);
        }
        let time = |duration: Duration| format!("\"{}ms\"", duration.as_millis());
        let _ = write!(
            out,
            "\n[workload]\n{traffic}duration = {}\nwarmup = {}\n\n{}\n{}",
            time(times.duration),
            time(times.warmup),
            self.services,
            arm(best)
        );
        for (name, claim) in
            ["latency", "goodput"].iter().zip(objective.map(Objective::claims).into_iter().flatten())
        {
            let _ = write!(out, "\n[[hypothesis]]\nname = \"{name}\"\nclaim = \"{claim}\"\n");
        }
        out
    }
}

/// A candidate as an arm.
fn arm(best: &Candidate) -> String {
    let time = |ns| format_duration(Duration::from_nanos(ns));
    let Candidate { permits, queue, max_wait_ns, timeout_ns } = *best;
    format!(
        "[[arm]]\nname = \"{TUNED}\"\ncalls = \"parallel\"\nwhole = [ {{ timeout = {{ after = \"{}\" }} }} ]\n\
         b = [ {{ limit = {{ permits = {permits}, queue = {queue}, max-wait = \"{}\" }} }} ]\n",
        time(timeout_ns),
        time(max_wait_ns)
    )
}

/// The keys of `table` but for `without`, a line each.
fn lines(text: &str, table: &DeTable<'_>, without: &[&str]) -> String {
    let kept = table.iter().filter(|(key, _)| !without.contains(&key.get_ref().as_ref()));
    kept.map(|(key, value)| format!("{} = {}\n", key.get_ref(), inline(text, value.span(), value.get_ref())))
        .collect()
}

/// A value on one line: as it was written, or, if it was spread over headers, as a table in braces.
fn inline(text: &str, span: std::ops::Range<usize>, value: &DeValue<'_>) -> String {
    match value {
        DeValue::Table(table) => {
            let parts: Vec<String> = table
                .iter()
                .map(|(key, value)| {
                    format!("{} = {}", key.get_ref(), inline(text, value.span(), value.get_ref()))
                })
                .collect();
            format!("{{ {} }}", parts.join(", "))
        }
        DeValue::Array(list) => {
            let parts: Vec<String> =
                list.iter().map(|entry| inline(text, entry.span(), entry.get_ref())).collect();
            format!("[{}]", parts.join(", "))
        }
        _ => text.get(span).unwrap_or_default().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::Document;
    use inflight_strategies::units::Ratio;

    const BEST: Candidate =
        Candidate { permits: 22, queue: 10, max_wait_ns: 300_000_000, timeout_ns: 2_000_000_000 };
    const PROFILE: &str = r#"
question = "?"
time-scale = 0.1
[workload]
arrivals = { poisson = { rate = "24/s" } } # steady
duration = "220s"
[service.a.latency]
constant = "50ms"
[service.b]
latency.uniform = ["300ms", "1200ms"]
contention = { memory = { knee = 20, slope = 0.06 } }
[[service.b.faults]]
pause = { at = "1s", for = "2s" }
[[arm]]
name = "async"
calls = "parallel"
"#;

    #[test]
    fn services_and_traffic_survive_whatever_way_they_are_written() {
        let written = Written::of(PROFILE);
        let times = Times { duration: Duration::from_secs(220), warmup: Duration::ZERO, scale: 0.1 };
        let traffic = written.traffic.clone().expect("a workload");
        let goodput = Ratio::new(0.9).expect("a share");
        let objective = Objective { order: 0.99, latency: Duration::from_secs(2), goodput };
        let text = written.experiment("", &traffic, (1, times), (&BEST, Some(&objective)));
        let read = |text: &str| {
            Document::read(text, "x.toml", &|_| Err("no files".into())).unwrap_or_else(|e| panic!("{e}"))
        };
        let (was, is) = (read(PROFILE), read(&text));
        assert_eq!((was.service_a, was.service_b), (is.service_a, is.service_b), "{text}");
        assert_eq!((was.workload, was.seed), (is.workload, is.seed), "{text}");
        assert_eq!(is.endpoints, [BEST.endpoint().scaled(0.1)]);
        let claims: Vec<&str> = is.hypotheses.iter().map(|hypothesis| hypothesis.text.as_str()).collect();
        assert_eq!(claims, ["p99 <= 2s", "goodput >= 90% of offered"]);
    }

    #[test]
    fn what_is_not_there_is_left_out() {
        let written = Written::of("[service.b]\nerrors = \"0%\"\n");
        assert_eq!(written.services, "[service.b]\nerrors = \"0%\"\n");
        assert_eq!(written.traffic, None);
    }
}
