//! Services A and B in a file: latency, stragglers, errors, contention.

use super::{
    faults::faults,
    reader::{ReadFile, Table, Value, file_beside, transpose},
};
use crate::dependency::{ContentionSpec, Latency, MAX_LATENCY, Profile, Slowdown, Stragglers};
use inflight_strategies::{
    limit::MAX_PERMITS,
    units::{self, Ratio, format_duration},
};
use std::time::Duration;

const LATENCIES: &[&str] = &["constant", "uniform", "exponential", "lognormal", "pareto", "empirical"];
/// Beside the word "none".
const CONTENTIONS: &[&str] = &["pool", "mutex", "sharing", "memory", "usl"];

/// Reads `[service.a]` or `[service.b]`; what it does not say is as in `default`.
pub(super) fn profile(value: &Value<'_, '_>, default: Profile, read_file: ReadFile<'_>) -> Option<Profile> {
    let mut table = value.table(format!("[service.{}]", value.name))?;
    let latency = table.optional("latency").map_or(Some(default.latency), |v| latency(&v, read_file));
    let stragglers = table.optional("stragglers").map(|v| stragglers(&v));
    let errors = table.optional("errors").map_or(Some(default.errors), |v| v.ratio());
    let contention = table.optional("contention").map_or(Some(default.contention), |v| contention(&v));
    let faults_value = table.optional("faults");
    table.finish();
    let contention = contention?;
    let faults = faults_value.map_or(Some(default.faults), |v| faults(&v, &contention));
    Some(Profile {
        latency: latency?,
        stragglers: transpose(stragglers)?,
        errors: errors?,
        contention,
        faults: faults?,
    })
}

/// Reads a distribution of durations.
pub(super) fn latency(value: &Value<'_, '_>, read_file: ReadFile<'_>) -> Option<Latency> {
    let (kind, inner) = value.tagged(LATENCIES)?;
    let latency = match kind {
        "constant" => Latency::Constant(inner.duration()?),
        "uniform" => {
            let [low, high] = inner.pair()?;
            let (from, to) = (low.duration(), high.duration());
            Latency::Uniform(from?, at_least(&high, "the first value", from?, to?)?)
        }
        "exponential" => Latency::Exponential(inner.positive_duration()?),
        "lognormal" => {
            let mut table = inner.table("`lognormal`")?;
            let median = table.required("median").and_then(|v| v.positive_duration());
            let p99_value = table.required("p99");
            let p99 = p99_value.as_ref().and_then(Value::positive_duration);
            table.finish();
            Latency::Lognormal { median: median?, p99: at_least(&p99_value?, "`median`", median?, p99?)? }
        }
        "pareto" => {
            let mut table = inner.table("`pareto`")?;
            let min = table.required("min").and_then(|v| v.positive_duration());
            let shape = table.required("shape").and_then(|v| v.positive_number(100.0));
            table.finish();
            Latency::Pareto { min: min?, shape: shape? }
        }
        _ => empirical(&inner, read_file)?,
    };
    bounded(&inner, &latency).then_some(latency)
}

/// `empirical = { file = "b.csv" }`: lines of `quantile, latency`, such as `p99, 1.2s`; `#` begins a comment.
fn empirical(value: &Value<'_, '_>, read_file: ReadFile<'_>) -> Option<Latency> {
    file_beside(
        value,
        read_file,
        "expected a file beside this one, with lines such as `p99, 1.2s`",
        quantiles,
    )
}

/// Reads a file of quantiles; see [`empirical`].
fn quantiles(text: &str) -> Result<Latency, String> {
    let mut quantiles: Vec<(f64, Duration)> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or("").trim();
        if line.is_empty() {
            continue;
        }
        let parsed = line.split_once(',').and_then(|(share, latency)| {
            let share: f64 = share.trim().strip_prefix('p')?.parse().ok()?;
            Some((share / 100.0, units::parse_duration(latency).ok()?))
        });
        let (share, latency) = parsed.ok_or(format!("line {} is not like `p99, 1.2s`", number + 1))?;
        if quantiles.last().is_some_and(|(q, d)| *q >= share || *d > latency) {
            return Err(format!("line {} does not increase", number + 1));
        }
        quantiles.push((share, latency));
    }
    let ends = quantiles.first().map(|q| q.0).zip(quantiles.last().map(|q| q.0));
    match ends {
        Some((0.0, 1.0)) => Ok(Latency::Empirical(quantiles)),
        _ => Err("it must begin with p0 and end with p100".into()),
    }
}

/// `high`, if it is not less than `low`.
fn at_least(value: &Value<'_, '_>, what: &str, low: Duration, high: Duration) -> Option<Duration> {
    if high < low {
        let (low, high) = (format_duration(low), format_duration(high));
        value.problem(
            format!("`{}`: {high} is less than {what}, {low}", value.name),
            format!("at least {low}"),
        );
        return None;
    }
    Some(high)
}

fn bounded(value: &Value<'_, '_>, latency: &Latency) -> bool {
    let longest = match latency {
        Latency::Constant(d) | Latency::Uniform(_, d) | Latency::Exponential(d) => *d,
        Latency::Lognormal { p99, .. } => *p99,
        Latency::Pareto { min, .. } => *min,
        Latency::Empirical(quantiles) => quantiles.last().map_or(Duration::ZERO, |q| q.1),
    };
    if longest > MAX_LATENCY {
        value.problem(format!("`{}` is longer than 1h", value.name), "at most 1h");
    }
    longest <= MAX_LATENCY
}

/// `"3% x 5"`, or with `×`: this share takes this many times as long.
fn stragglers(value: &Value<'_, '_>) -> Option<Stragglers> {
    let parse = |text: &str| {
        let (share, factor) = text.split_once(['x', '×'])?;
        let factor: f64 = factor.trim().parse().ok().filter(|f| *f > 1.0 && *f <= 1000.0)?;
        Some(Stragglers { share: share.trim().parse::<Ratio>().ok()?, factor })
    };
    let parsed = value.string().and_then(parse);
    if parsed.is_none() {
        value.wrong("a share and a factor above 1, such as \"3% x 5\"");
    }
    parsed
}

fn contention(value: &Value<'_, '_>) -> Option<ContentionSpec> {
    if value.is_word("none") {
        return Some(ContentionSpec::None);
    }
    let (kind, inner) = value.tagged(CONTENTIONS)?;
    let mut table = inner.table(format!("`{kind}`"))?;
    let spec = match kind {
        "pool" => table
            .required("servers")
            .and_then(|v| v.count(1..=MAX_PERMITS))
            .map(|servers| ContentionSpec::Pool { servers }),
        "mutex" => table
            .required("hold")
            .and_then(|v| v.positive_duration())
            .map(|hold| ContentionSpec::Mutex { hold }),
        _ => slowdown(kind, &mut table).map(ContentionSpec::Shared),
    };
    table.finish();
    spec
}

fn slowdown(kind: &str, table: &mut Table<'_, '_>) -> Option<Slowdown> {
    match kind {
        "sharing" => {
            let capacity = table.required("capacity").and_then(|v| v.count(1..=1_000_000));
            Some(Slowdown::Sharing { capacity: capacity? })
        }
        "memory" => {
            let knee = table.required("knee").and_then(|v| v.count(1..=1_000_000));
            let slope = table.required("slope").and_then(|v| v.positive_number(1000.0));
            Some(Slowdown::Memory { knee: knee?, slope: slope? })
        }
        _ => {
            let sigma = table.required("sigma").and_then(|v| v.fraction());
            let kappa = table.required("kappa").and_then(|v| v.fraction());
            Some(Slowdown::Usl { sigma: sigma?, kappa: kappa? })
        }
    }
}
