//! `[workload]` in a file: arrivals or users, retries, how long.

use super::{
    diagnostics::Diagnostics,
    profile::latency,
    reader::{Problems, ReadFile, Table, Value, file_beside, transpose},
    spec::MAX_REQUESTS,
};
use crate::dependency::Latency;
use crate::workload::{
    Arrivals, Bursts, Gaps, MAX_RETRIES, NamedStretch, OnOff, PATIENCE, Pause, Retry, Stage, Traffic, Users,
    When, Workload, recorded,
};
use inflight_strategies::units::Rate;
use std::time::Duration;
use toml::{Spanned, de::DeTable, de::DeValue};

const PROCESSES: &[&str] =
    &["constant", "poisson", "bursts", "stages", "on-off", "pareto", "lognormal", "recorded"];
/// A process that changes faster than this is called by another name.
const SHORTEST: Duration = Duration::from_millis(1);
/// The most stages, and the most bursts at given times.
const MAX_PIECES: usize = 1000;
/// The most phases with a name.
const MAX_PHASES: usize = 20;
/// The most users.
const MAX_USERS: u32 = 100_000;

/// Reads `[workload]`; its values are not scaled yet, but will bear it.
pub(super) fn workload(value: &Value<'_, '_>, time_scale: f64, read_file: ReadFile<'_>) -> Option<Workload> {
    let mut table = value.table("[workload]")?;
    let traffic = traffic(&mut table, time_scale, read_file);
    let retry = table.optional("retry").map(|v| retry(&v));
    let duration_value = table.required("duration");
    let duration = duration_value.as_ref().and_then(Value::positive_duration);
    let warmup_value = table.optional("warmup");
    let warmup = warmup_value.as_ref().map_or(Some(Duration::ZERO), Value::duration);
    let patience = table.optional("patience").map_or(Some(PATIENCE), |v| v.duration());
    let objective = table.optional("objective").map(|v| v.positive_duration());
    let named = table.optional("phases").map_or(Some(Vec::new()), |v| named(&v));
    table.finish();
    let workload = Workload {
        traffic: traffic?,
        retry: transpose(retry)?,
        duration: duration?,
        warmup: warmup?,
        patience: patience?,
        objective: transpose(objective)?,
        named: named?,
        watched: Vec::new(),
    };
    if let Some(value) = warmup_value.filter(|_| workload.warmup >= workload.duration) {
        value.wrong("less than `duration`: nothing would be counted");
    }
    if let Some(value) = duration_value.filter(|_| offered(&workload) > MAX_REQUESTS) {
        let expected = match workload.traffic {
            Traffic::Open(_) => "at most 1000000000 requests in all",
            Traffic::Closed(_) => "at most 1000000000 thoughts in all: fewer users or longer thoughts",
        };
        value.wrong(expected);
    }
    Some(workload)
}

/// `phases = { overload = ["30s", "60s"] }`
fn named(value: &Value<'_, '_>) -> Option<Vec<NamedStretch>> {
    let entries = value.entries()?;
    if entries.len() > MAX_PHASES {
        value.wrong("at most 20 phases");
    }
    let read: Vec<Option<NamedStretch>> = entries.iter().map(stretch).collect();
    read.into_iter().collect()
}

fn stretch(value: &Value<'_, '_>) -> Option<NamedStretch> {
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !value.name.starts_with(|c: char| c.is_ascii_lowercase()) || !value.name.chars().all(legal) {
        value.problem(format!("a phase cannot be called `{}`", value.name), "expected a-z, 0-9 and -");
        return None;
    }
    let [from, to] = value.pair()?;
    let (from, end) = (from.duration()?, to.duration()?);
    if from >= end {
        to.wrong("later than where the phase begins");
        return None;
    }
    Some(NamedStretch::new(&value.name, from, end))
}

/// How many requests a workload offers; at most, if that depends on the answers.
fn offered(workload: &Workload) -> f64 {
    match &workload.traffic {
        Traffic::Open(arrivals) => arrivals.expected(workload.duration),
        Traffic::Closed(users) => {
            let thoughts = workload.duration.as_secs_f64() / typical(&users.think).as_secs_f64();
            f64::from(users.count) * thoughts
        }
    }
}

/// The length of a thought, roughly: what bounds the number of thoughts.
fn typical(think: &Latency) -> Duration {
    match think {
        Latency::Constant(d) | Latency::Exponential(d) => *d,
        Latency::Uniform(low, high) => (*low + *high) / 2,
        Latency::Lognormal { median, .. } => *median,
        Latency::Pareto { min, .. } => *min,
        Latency::Empirical(quantiles) => {
            let between = quantiles.windows(2).map(|w| ((w[0].1 + w[1].1) / 2).mul_f64(w[1].0 - w[0].0));
            between.sum()
        }
    }
}

fn traffic(table: &mut Table<'_, '_>, time_scale: f64, read_file: ReadFile<'_>) -> Option<Traffic> {
    let Some(users_value) = table.optional("users") else {
        let value = table.required_as("arrivals", "`arrivals = …` (or `users = …` for a closed loop)")?;
        return arrivals(&value, time_scale, read_file).map(Traffic::Open);
    };
    if let Some(both) = table.optional("arrivals") {
        both.problem("`arrivals` and `users` at once", "requests start by one of them: leave the other out");
    }
    users(&users_value, read_file).map(Traffic::Closed)
}

fn users(value: &Value<'_, '_>, read_file: ReadFile<'_>) -> Option<Users> {
    let mut table = value.table("`users`")?;
    let count = table.required("count").and_then(|v| v.count(1..=MAX_USERS));
    let think = table.required("think").and_then(|v| latency(&v, read_file));
    table.finish();
    Some(Users { count: count?, think: think? })
}

fn retry(value: &Value<'_, '_>) -> Option<Retry> {
    let mut table = value.table("`retry`")?;
    let most = table.required("most").and_then(|v| v.count(1..=MAX_RETRIES));
    let pause = table.required("pause").and_then(|v| pause(&v));
    table.finish();
    Some(Retry { most: most?, pause: pause? })
}

fn pause(value: &Value<'_, '_>) -> Option<Pause> {
    let (kind, inner) = value.tagged(&["fixed", "backoff"])?;
    if kind == "fixed" {
        return inner.duration().map(Pause::Fixed);
    }
    let mut table = inner.table("`backoff`")?;
    let first = table.required("first").and_then(|v| v.positive_duration());
    let cap = table.required("cap").and_then(|v| v.positive_duration());
    table.finish();
    Some(Pause::Backoff { first: first?, cap: cap? })
}

/// Reads arrivals that stand alone, as `inflight load --arrivals` takes them: `poisson = { rate = "20/s" }`. `name` is what the
/// text is called in messages.
pub fn read_arrivals(text: &str, name: &str, read_file: ReadFile<'_>) -> Result<Arrivals, Diagnostics> {
    let problems = Problems::default();
    let (root, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        problems.note(error.span().unwrap_or(0..0), format!("not TOML: {}", error.message()), "", vec![]);
    }
    let node = Spanned::new(0..text.len(), DeValue::Table(root.into_inner()));
    let value = Value::new(&problems, "arrivals", &node);
    let read = if errors.is_empty() { arrivals(&value, 1.0, read_file) } else { None };
    let list = problems.into_list();
    match read {
        Some(arrivals) if list.is_empty() => Ok(arrivals),
        _ => Err(Diagnostics { file: name.into(), text: text.into(), list }),
    }
}

fn arrivals(value: &Value<'_, '_>, time_scale: f64, read_file: ReadFile<'_>) -> Option<Arrivals> {
    let (kind, process) = value.tagged(PROCESSES)?;
    let arrivals = match kind {
        "constant" => Arrivals::Constant(alone(&process)?),
        "poisson" => Arrivals::Poisson(alone(&process)?),
        "bursts" => Arrivals::Bursts(bursts(&process)?),
        "stages" => stages(&process)?,
        "on-off" => Arrivals::OnOff(on_off(&process)?),
        "recorded" => record(&process, read_file)?,
        _ => {
            let mut table = process.table(format!("`{kind}`"))?;
            let rate = table.required("rate").and_then(|v| v.quantity());
            let gaps = match kind {
                "pareto" => table.required("shape").and_then(|v| shape(&v)).map(Gaps::Pareto),
                _ => table.required("sigma").and_then(|v| v.positive_number(5.0)).map(Gaps::Lognormal),
            };
            table.finish();
            Arrivals::Renewal(rate?, gaps?)
        }
    };
    if arrivals.scaled(time_scale).is_none() {
        process.problem(
            format!("a rate of `{kind}` is too high for this `time-scale`"),
            "expected rates that stay below 10000000/s when divided by `time-scale`",
        );
        return None;
    }
    Some(arrivals)
}

/// A table with nothing but a rate.
fn alone(value: &Value<'_, '_>) -> Option<Rate> {
    let mut table = value.table(format!("`{}`", value.name))?;
    let rate = table.required("rate").and_then(|v| v.quantity());
    table.finish();
    rate
}

/// A Pareto exponent for which there is a mean.
fn shape(value: &Value<'_, '_>) -> Option<f64> {
    let shape = value.positive_number(100.0)?;
    if shape <= 1.0 {
        value.wrong("a number above 1: gaps have no mean otherwise");
        return None;
    }
    Some(shape)
}

fn lasting(value: &Value<'_, '_>) -> Option<Duration> {
    let duration = value.duration()?;
    if duration < SHORTEST {
        value.wrong("at least \"1ms\"");
        return None;
    }
    Some(duration)
}

fn bursts(value: &Value<'_, '_>) -> Option<Bursts> {
    let mut table = value.table("`bursts`")?;
    let base = table.required("base").and_then(|v| v.quantity());
    let burst = table.required("burst").and_then(|v| v.quantity());
    let length = table.required("length").and_then(|v| lasting(&v));
    let jitter = table.optional("jitter").map_or(Some(Duration::ZERO), |v| v.duration());
    let at = table.optional("at");
    let every = match at {
        None => table.required_as("every", "`every = …` or `at = [ … ]`"),
        Some(_) => table.optional("every"),
    };
    table.finish();
    if let (Some(at), Some(_)) = (&at, &every) {
        at.problem("`at` and `every` at once", "bursts begin by one of them: leave the other out");
        return None;
    }
    let (length, jitter) = (length?, jitter?);
    let when = match (&at, &every) {
        (Some(at), _) => When::At(times(at, length + jitter)?),
        (None, every) => {
            let every = every.as_ref()?;
            let period = every.duration()?;
            if period < length + jitter {
                every.wrong("at least `length` and `jitter` together: bursts never touch");
                return None;
            }
            When::Every(period)
        }
    };
    Some(Bursts { base: base?, burst: burst?, length, when, jitter })
}

/// Times that increase by at least `apart`.
fn times(value: &Value<'_, '_>, apart: Duration) -> Option<Vec<Duration>> {
    let list = pieces(value)?;
    let mut times: Vec<Duration> = Vec::new();
    for value in &list {
        let at = value.duration()?;
        if times.last().is_some_and(|last| *last + apart > at) {
            value.wrong("later than the burst before, with its `length` and `jitter`");
            return None;
        }
        times.push(at);
    }
    Some(times)
}

/// A list that is neither empty nor too long.
fn pieces<'p, 'i>(value: &Value<'p, 'i>) -> Option<Vec<Value<'p, 'i>>> {
    let list = value.list()?;
    if list.is_empty() || list.len() > MAX_PIECES {
        value.problem(format!("`{}` has {} entries", value.name, list.len()), "expected 1 to 1000");
        return None;
    }
    Some(list)
}

/// `stages = [ … ]`, or `stages = { constant = [ … ] }` for evenly spaced requests.
fn stages(value: &Value<'_, '_>) -> Option<Arrivals> {
    let (random, inner) = match value.is_table() {
        true => {
            value.tagged(&["constant", "poisson"]).map(|(kind, inner)| (kind == "poisson", Some(inner)))?
        }
        false => (true, None),
    };
    let list = pieces(inner.as_ref().unwrap_or(value))?;
    let read: Vec<Option<Stage>> = list.iter().map(stage).collect();
    let stages: Option<Vec<Stage>> = read.into_iter().collect();
    Some(Arrivals::Stages { stages: stages?, random })
}

fn stage(value: &Value<'_, '_>) -> Option<Stage> {
    let mut table = value.table("a stage")?;
    let duration = table.required("duration").and_then(|v| lasting(&v));
    let target = table.optional("ramp-to");
    let rate_value = match target {
        None => table.required_as("rate", "`rate = …` or `ramp-to = …`"),
        Some(_) => table.optional("rate"),
    };
    table.finish();
    let rate = match (&target, &rate_value) {
        (Some(target), Some(_)) => {
            target.problem("`rate` and `ramp-to` at once", "a stage has one of them: leave the other out");
            None
        }
        (value, other) => value.as_ref().or(other.as_ref()).and_then(|v| v.quantity()),
    };
    Some(Stage { duration: duration?, rate: rate?, ramp: target.is_some() })
}

fn on_off(value: &Value<'_, '_>) -> Option<OnOff> {
    let mut table = value.table("`on-off`")?;
    let rate = table.required("rate").and_then(|v| v.quantity());
    let off_rate = table.optional("off-rate").map(|v| v.quantity());
    let on = table.required("on").and_then(|v| lasting(&v));
    let off = table.required("off").and_then(|v| lasting(&v));
    table.finish();
    Some(OnOff { rate: rate?, off_rate: transpose(off_rate)?, on: on?, off: off? })
}

fn record(value: &Value<'_, '_>, read_file: ReadFile<'_>) -> Option<Arrivals> {
    let label =
        "expected a file beside this one, with an offset such as `1.25` (seconds) or `1250ms` per line";
    file_beside(value, read_file, label, recorded)
}
