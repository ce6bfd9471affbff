//! Measured latencies as a file of quantiles, which is what a service can be given.

use base64::Engine as _;
use hdrhistogram::{
    Histogram,
    serialization::{
        Deserializer,
        interval_log::{IntervalLogIterator, LogEntry},
    },
};
use inflight_strategies::units::{format_duration, parse_duration};
use std::{fmt::Write as _, time::Duration};

/// Fewer do not show a 99th percentile.
pub const MIN_LATENCIES: usize = 200;

/// What a file of latencies says.
#[derive(Clone, Debug, PartialEq)]
pub struct Latencies {
    /// Lines such as `p99, 1.2s`, from `p0` to `p100`.
    pub quantiles: String,
    /// The share that failed, if the file says so.
    pub errors: f64,
}

impl Latencies {
    /// Reads a file of quantiles, which is left as it is; the requests of a run (`*.requests.csv`), of which the time that
    /// Service B took is used; or latencies, one on each line, such as `312ms`.
    pub fn read(text: &str) -> Result<Latencies, String> {
        let first = content(text).next().map_or("", |(_, line)| line);
        if first.starts_with('p') {
            return Ok(Latencies { quantiles: text.into(), errors: 0.0 });
        }
        if first.starts_with("id,") {
            return requests(text, first);
        }
        let read = |(number, line): (usize, &str)| {
            parse_duration(line).map_err(|error| format!("line {number}: {error}"))
        };
        let all = content(text).map(read).collect::<Result<Vec<Duration>, String>>()?;
        Ok(Latencies { quantiles: quantiles(all)?, errors: 0.0 })
    }

    /// Reads HdrHistogram's interval log, in microseconds: what is tagged as completed, as a run's own log does; without such a
    /// tag all of it.
    pub fn of_log(text: &str) -> Result<Latencies, String> {
        let mut all: Vec<(bool, Histogram<u64>)> = Vec::new();
        for entry in IntervalLogIterator::new(text.as_bytes()) {
            let entry = entry.map_err(|_| "it is no interval log of HdrHistogram")?;
            let LogEntry::Interval(interval) = entry else { continue };
            let bytes = base64::engine::general_purpose::STANDARD
                .decode(interval.encoded_histogram())
                .map_err(|error| format!("a histogram is no base64: {error}"))?;
            let read = Deserializer::new().deserialize(&mut bytes.as_slice());
            let histogram = read.map_err(|error| format!("a histogram cannot be read: {error}"))?;
            let is_completed = interval.tag().is_some_and(|tag| tag.as_str().ends_with("completed"));
            all.push((is_completed, histogram));
        }
        let tagged = all.iter().any(|(is_completed, _)| *is_completed);
        let mut together = crate::record::histogram();
        for (_, histogram) in all.iter().filter(|(is_completed, _)| *is_completed == tagged) {
            together.add(histogram).map_err(|error| format!("a histogram is of another kind: {error}"))?;
        }
        if together.len() < MIN_LATENCIES as u64 {
            return Err(format!("{} latencies, at least {MIN_LATENCIES} are needed", together.len()));
        }
        let at = |per_cent: f64| match per_cent {
            0.0 => together.min(),
            _ => together.value_at_quantile(per_cent / 100.0),
        };
        Ok(Latencies { quantiles: grid(|per_cent| Duration::from_micros(at(per_cent))), errors: 0.0 })
    }
}

/// The lines that say something, without their comments, and their numbers.
fn content(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let bare = text.lines().map(|line| line.split('#').next().map_or("", str::trim));
    (1..).zip(bare).filter(|(_, line)| !line.is_empty())
}

/// The requests of a run: how long B took, and how many failed.
fn requests(text: &str, head: &str) -> Result<Latencies, String> {
    let column = |name: &str| {
        let found = head.split(',').position(|column| column == name);
        found.ok_or(format!("there is no column {name}: expected the requests of a run"))
    };
    let (ending, took) = (column("ending")?, column("b_us")?);
    let (mut good, mut failed) = (Vec::new(), 0_usize);
    for (number, line) in content(text).skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let field = |i: usize| fields.get(i).copied().unwrap_or("");
        match field(ending) {
            "failed" => failed += 1,
            "completed" => {
                let micros: u64 = field(took)
                    .parse()
                    .map_err(|_| format!("line {number}: {:?} is no number of microseconds", field(took)))?;
                good.push(Duration::from_micros(micros));
            }
            _ => {}
        }
    }
    let errors = failed as f64 / (failed + good.len()).max(1) as f64;
    Ok(Latencies { quantiles: quantiles(good)?, errors })
}

/// The quantiles of latencies, one by one.
fn quantiles(mut all: Vec<Duration>) -> Result<String, String> {
    if all.len() < MIN_LATENCIES {
        return Err(format!("{} latencies, at least {MIN_LATENCIES} are needed", all.len()));
    }
    all.sort();
    Ok(grid(|per_cent| all[((all.len() - 1) as f64 * per_cent / 100.0).round() as usize]))
}

/// Per cents in steps of one, and finer near the end, each with what it is.
fn grid(at: impl Fn(f64) -> Duration) -> String {
    let fine = [99.5, 99.9, 99.99, 100.0];
    let mut out = String::from("# quantile, latency\n");
    for per_cent in (0..100).map(f64::from).chain(fine) {
        let _ = writeln!(out, "p{per_cent}, {}", format_duration(at(per_cent)));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quantiles_of_raw_latencies_are_theirs() {
        let text: String = (0..=1000).rev().map(|ms| format!("{ms}ms # one\n")).collect();
        let read = Latencies::read(&text).expect("a thousand of them");
        let line =
            |start: &str| read.quantiles.lines().find(|line| line.starts_with(start)).map(str::to_string);
        assert_eq!(line("p0,").as_deref(), Some("p0, 0s"));
        assert_eq!(line("p50,").as_deref(), Some("p50, 500ms"));
        assert_eq!(line("p99.9,").as_deref(), Some("p99.9, 999ms"));
        assert_eq!(line("p100,").as_deref(), Some("p100, 1s"));
    }

    #[test]
    fn of_a_runs_requests_it_takes_what_b_took_and_how_many_failed() {
        let mut text = String::from("id,intended_us,late_us,latency_us,ending,wait_us,a_us,b_us,inside_us\n");
        for i in 0..300 {
            let (ending, b) = if i % 10 == 0 { ("failed", "") } else { ("completed", "7000") };
            let _ = writeln!(text, "{i},0,0,9999,{ending},,1,{b},1");
        }
        let read = Latencies::read(&text).expect("a run's requests");
        assert_eq!(read.errors, 0.1);
        assert!(read.quantiles.contains("p50, 7ms\n"), "{}", read.quantiles);
    }

    #[test]
    fn what_cannot_be_used_is_told_with_its_line() {
        let error = |text: &str| Latencies::read(text).expect_err("wrong");
        assert!(error("1ms\n# a comment\n2\n").starts_with("line 3: expected a duration"));
        assert_eq!(error("1ms\n2ms\n"), "2 latencies, at least 200 are needed");
        assert!(error("id,ending\n").starts_with("there is no column b_us"));
        assert_eq!(
            Latencies::read("p0, 1ms\np100, 2ms\n").map(|l| l.quantiles),
            Ok("p0, 1ms\np100, 2ms\n".into())
        );
    }
}
