//! From text to a typed document, or to everything that is wrong with it.

use super::{
    diagnostics::Diagnostics,
    reader::{Problems, Table, Value},
};
use crate::{
    dependency::{ContentionSpec, Latency, MAX_LATENCY, Profile, Slowdown, Stragglers},
    stack::{Calls, EndpointSpec, LayerSpec},
    workload::{Arrivals, Workload},
};
use inflight_strategies::{
    limit, timeout,
    units::{self, Ratio, format_duration},
};
use std::{collections::BTreeSet, time::Duration};
use toml::de::DeTable;

/// The largest file that is read, in bytes.
pub const MAX_FILE: usize = 1 << 20;
/// The most endpoints or arms in a file.
pub const MAX_ENDPOINTS: usize = 64;
/// The most requests that one arm of an experiment may offer.
pub const MAX_REQUESTS: f64 = 1e9;

/// Reads a file that a document refers to; the error is for people.
pub type ReadFile<'a> = &'a dyn Fn(&str) -> Result<String, String>;

/// An experiment or a configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// What the experiment asks.
    pub question: Option<String>,
    /// Where the question comes from.
    pub source: Option<String>,
    /// Decides everything random.
    pub seed: u64,
    /// 1, or less for a wind tunnel: every duration below has been multiplied by this, every rate divided.
    pub time_scale: f64,
    /// Service A.
    pub service_a: Profile,
    /// Service B.
    pub service_b: Profile,
    /// What to offer; only experiments have one.
    pub workload: Option<Workload>,
    /// The endpoints, or arms.
    pub endpoints: Vec<EndpointSpec>,
}

impl Document {
    /// Reads `text`; `file` is its name for messages, `read_file` fetches files that it refers to.
    pub fn read(text: &str, file: &str, read_file: ReadFile<'_>) -> Result<Document, Diagnostics> {
        let problems = Problems::default();
        let mut document = None;
        if text.len() > MAX_FILE {
            problems.note(0..0, "the file is larger than 1 MiB", "too large", vec![]);
        } else {
            let (root, errors) = DeTable::parse_recoverable(text);
            for error in &errors {
                let span = error.span().unwrap_or(0..0);
                problems.note(span, format!("not TOML: {}", error.message()), "", vec![]);
            }
            // After a syntax error the rest may be read wrongly: say only what is certain.
            if errors.is_empty() {
                let name = "the file";
                let reader = SpecReader { read_file };
                document =
                    reader.document(Table::new(&problems, name, text.len()..text.len(), root.get_ref()));
            }
        }
        let list = problems.into_list();
        match document {
            Some(document) if list.is_empty() => Ok(document),
            _ => Err(Diagnostics { file: file.into(), text: text.into(), list }),
        }
    }

    /// Whether this is an experiment (and not only a configuration).
    pub fn is_experiment(&self) -> bool {
        self.workload.is_some()
    }
}

/// The layers that can stand in a stack.
pub const fn layer_kinds() -> &'static [&'static str] {
    &["limit", "timeout"]
}

const LATENCIES: &[&str] = &["constant", "uniform", "exponential", "lognormal", "pareto", "empirical"];
/// Beside the word "none".
const CONTENTIONS: &[&str] = &["pool", "mutex", "sharing", "memory", "usl"];

struct SpecReader<'f> {
    read_file: ReadFile<'f>,
}

impl SpecReader<'_> {
    fn document(&self, mut root: Table<'_, '_>) -> Option<Document> {
        let question = root.optional("question").map(|v| v.string().map(str::to_string));
        let source = root.optional("source").map(|v| v.string().map(str::to_string));
        let seed = root.optional("seed").map_or(Some(1), |v| v.seed());
        let time_scale = root.optional("time-scale").map_or(Some(1.0), |v| v.positive_number(1.0));
        let is_experiment = root.has("arm") || root.has("workload");
        let workload = is_experiment.then(|| {
            let value =
                root.required_as("workload", "a table `[workload]`: arms are measured under a load")?;
            self.workload(&value, time_scale.unwrap_or(1.0))
        });
        let services = root.optional("service").map(|v| self.services(&v));
        let list = if is_experiment { "arm" } else { "endpoint" };
        let endpoints =
            root.required_as(list, &format!("a table `[[{list}]]`")).and_then(|v| self.endpoints(&v, list));
        root.finish();
        let (service_a, service_b) = services.unwrap_or_else(|| Some(default_services()))?;
        let document = Document {
            question: transpose(question)?,
            source: transpose(source)?,
            seed: seed?,
            time_scale: time_scale?,
            service_a,
            service_b,
            workload: transpose(workload)?,
            endpoints: endpoints?,
        };
        Some(document.scaled())
    }

    fn workload(&self, value: &Value<'_, '_>, time_scale: f64) -> Option<Workload> {
        let mut table = value.table("[workload]")?;
        let arrivals = table.required("arrivals").and_then(|v| self.arrivals(&v, time_scale));
        let duration_value = table.required("duration");
        let duration = duration_value.as_ref().and_then(Value::positive_duration);
        let warmup_value = table.optional("warmup");
        let warmup = warmup_value.as_ref().map_or(Some(Duration::ZERO), Value::duration);
        table.finish();
        let workload = Workload { arrivals: arrivals?, duration: duration?, warmup: warmup? };
        if let Some(value) = warmup_value.filter(|_| workload.warmup >= workload.duration) {
            value.wrong("less than `duration`: nothing would be counted");
        }
        let offered = workload.arrivals.rate().as_per_second() * workload.duration.as_secs_f64();
        if let Some(value) = duration_value.filter(|_| offered > MAX_REQUESTS) {
            value.wrong("at most 1000000000 requests in all");
        }
        Some(workload)
    }

    fn arrivals(&self, value: &Value<'_, '_>, time_scale: f64) -> Option<Arrivals> {
        let (kind, process) = value.tagged(&["constant", "poisson"])?;
        let mut table = process.table(format!("`{kind}`"))?;
        let rate_value = table.required("rate");
        table.finish();
        let rate_value = rate_value?;
        let rate = rate_value.quantity()?;
        let arrivals = if kind == "constant" { Arrivals::Constant(rate) } else { Arrivals::Poisson(rate) };
        if arrivals.scaled(time_scale).is_none() {
            rate_value.wrong("a rate that stays below 10000000/s when divided by `time-scale`");
            return None;
        }
        Some(arrivals)
    }

    fn services(&self, value: &Value<'_, '_>) -> Option<(Profile, Profile)> {
        let (default_a, default_b) = default_services();
        let mut table = value.table("[service]")?;
        let a = table.optional("a").map_or(Some(default_a.clone()), |v| self.profile(&v, default_a));
        let b = table.optional("b").map_or(Some(default_b.clone()), |v| self.profile(&v, default_b));
        table.finish();
        Some((a?, b?))
    }

    fn profile(&self, value: &Value<'_, '_>, default: Profile) -> Option<Profile> {
        let mut table = value.table(format!("[service.{}]", value.name))?;
        let latency = table.optional("latency").map_or(Some(default.latency), |v| self.latency(&v));
        let stragglers = table.optional("stragglers").map(|v| stragglers(&v));
        let errors = table.optional("errors").map_or(Some(default.errors), |v| v.ratio());
        let contention = table.optional("contention").map_or(Some(default.contention), |v| contention(&v));
        table.finish();
        Some(Profile {
            latency: latency?,
            stragglers: transpose(stragglers)?,
            errors: errors?,
            contention: contention?,
        })
    }

    fn latency(&self, value: &Value<'_, '_>) -> Option<Latency> {
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
            _ => self.empirical(&inner)?,
        };
        bounded(&inner, &latency).then_some(latency)
    }

    /// `empirical = { file = "b.csv" }`: lines of `quantile, latency`, such as `p99, 1.2s`; `#` begins a comment.
    fn empirical(&self, value: &Value<'_, '_>) -> Option<Latency> {
        let mut table = value.table("`empirical`")?;
        let file = table.required("file");
        table.finish();
        let file = file?;
        let name = file.string()?;
        // A run is saved with the files that it needs: they must have a place beside it.
        if name.starts_with(['/', '\\'])
            || name.contains(':')
            || name.split(['/', '\\']).any(|part| part == "..")
        {
            file.wrong("the name of a file beside this one or below it");
            return None;
        }
        let parsed = (self.read_file)(name).and_then(|text| quantiles(&text));
        parsed
            .map_err(|why| file.problem(format!("cannot use {name:?}: {why}"), "the file of quantiles"))
            .ok()
    }

    fn endpoints(&self, value: &Value<'_, '_>, kind: &str) -> Option<Vec<EndpointSpec>> {
        let list = value.list()?;
        if list.is_empty() || list.len() > MAX_ENDPOINTS {
            value.problem(format!("{} tables `[[{kind}]]`", list.len()), "expected 1 to 64 of them");
        }
        let mut names = BTreeSet::new();
        let read: Vec<_> = list.iter().map(|v| self.endpoint(v, kind, &mut names)).collect();
        read.into_iter().collect()
    }

    fn endpoint(
        &self,
        value: &Value<'_, '_>,
        kind: &str,
        names: &mut BTreeSet<String>,
    ) -> Option<EndpointSpec> {
        let mut table = value.table(format!("[[{kind}]]"))?;
        let name = table.required("name").and_then(|v| endpoint_name(&v, names));
        let calls = table.required("calls").and_then(|v| match v.word(&["sequential", "parallel"])? {
            "sequential" => Some(Calls::Sequential),
            _ => Some(Calls::Parallel),
        });
        let mut stack = |key| table.optional(key).map_or(Some(vec![]), |v| self.layers(&v));
        let (whole, a, b) = (stack("whole"), stack("a"), stack("b"));
        table.finish();
        Some(EndpointSpec { name: name?, calls: calls?, whole: whole?, a: a?, b: b? })
    }

    fn layers(&self, value: &Value<'_, '_>) -> Option<Vec<LayerSpec>> {
        let list = value.list()?;
        if list.len() > 16 {
            value.wrong("at most 16 layers");
        }
        let read: Vec<_> = list.iter().map(|v| self.layer(v)).collect();
        read.into_iter().collect()
    }

    fn layer(&self, value: &Value<'_, '_>) -> Option<LayerSpec> {
        let (kind, inner) = value.tagged(layer_kinds())?;
        let mut table = inner.table(format!("`{kind}`"))?;
        let layer = match kind {
            "limit" => limit_layer(&mut table).map(LayerSpec::Limit),
            _ => timeout_layer(&mut table).map(LayerSpec::Timeout),
        };
        table.finish();
        let valid = match &layer {
            Some(LayerSpec::Limit(c)) => c.validate(),
            Some(LayerSpec::Timeout(c)) => c.validate(),
            None => Ok(()),
        };
        valid.map_err(|why| inner.problem(format!("`{kind}` makes no sense"), why)).ok().and(layer)
    }
}

impl Document {
    /// Runs the wind tunnel: durations shorter, rates higher, by `time_scale`.
    fn scaled(mut self) -> Document {
        let factor = self.time_scale;
        self.service_a = self.service_a.scaled(factor);
        self.service_b = self.service_b.scaled(factor);
        self.endpoints = self.endpoints.iter().map(|e| e.scaled(factor)).collect();
        self.workload = self.workload.map(|w| Workload {
            arrivals: w.arrivals.scaled(factor).expect("checked when it was read"),
            duration: w.duration.mul_f64(factor),
            warmup: w.warmup.mul_f64(factor),
        });
        self
    }
}

fn default_services() -> (Profile, Profile) {
    (Profile::service_a(), Profile::service_b())
}

/// `Some(None)` for what is absent, `None` for what is there and wrong.
fn transpose<T>(read: Option<Option<T>>) -> Option<Option<T>> {
    match read {
        None => Some(None),
        Some(value) => value.map(Some),
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

fn endpoint_name(value: &Value<'_, '_>, names: &mut BTreeSet<String>) -> Option<String> {
    const RESERVED: [&str; 2] = ["health", "metrics"];
    let name = value.string()?;
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() || name.len() > 40 || !name.chars().all(legal) || RESERVED.contains(&name) {
        value.wrong("1 to 40 of a-z, 0-9 and -, and neither health nor metrics: it becomes the path");
        return None;
    }
    if !names.insert(name.into()) {
        value.problem(format!("the name `{name}` is taken"), "another one has it already");
        return None;
    }
    Some(name.into())
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
            .and_then(|v| v.count(1..=limit::MAX_PERMITS))
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

fn limit_layer(table: &mut Table<'_, '_>) -> Option<limit::Config> {
    let permits = table.required("permits").and_then(|v| v.count(1..=limit::MAX_PERMITS));
    let queue =
        table.optional("queue").map_or(Some(limit::Queue::Bounded(limit::DEFAULT_QUEUE)), |v| queue(&v));
    let max_wait = table.optional("max-wait").map(|v| v.positive_duration());
    Some(limit::Config { permits: permits?, queue: queue?, max_wait: transpose(max_wait)? })
}

fn queue(value: &Value<'_, '_>) -> Option<limit::Queue> {
    if value.is_string() {
        return value.word(&["unbounded"]).map(|_| limit::Queue::Unbounded);
    }
    value.count(0..=limit::MAX_PERMITS).map(limit::Queue::Bounded)
}

fn timeout_layer(table: &mut Table<'_, '_>) -> Option<timeout::Config> {
    let after = table.required("after").and_then(|v| v.positive_duration());
    let late = table.optional("late").map_or(Some("cancel"), |v| v.word(&["cancel", "detach"]));
    let late = if late? == "detach" { timeout::Late::Detach } else { timeout::Late::Cancel };
    Some(timeout::Config { after: after?, late })
}

/// Reads a file of quantiles; see [`SpecReader::empirical`].
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
