//! From text to a typed document, or to everything that is wrong with it.

use super::{
    answer::{Answer, answer},
    diagnostics::Diagnostics,
    factor::{Factor, FactorError},
    hypotheses::{Hypothesis, hypotheses, phases},
    layers::layer,
    profile::profile,
    reader::{Problems, ReadFile, Table, Value, transpose},
    retries::check_shared_budgets,
    workload::workload,
};
use crate::{
    dependency::Profile,
    stack::{Calls, EndpointSpec, LayerSpec},
    workload::Workload,
};
use std::collections::BTreeSet;
use toml::de::DeTable;

/// The largest file that is read, in bytes.
pub const MAX_FILE: usize = 1 << 20;
/// The largest file that a document refers to, in bytes.
pub const MAX_DATA: usize = 16 << 20;
/// The most endpoints or arms in a file.
pub const MAX_ENDPOINTS: usize = 64;
/// The most requests that one arm of an experiment may offer.
pub const MAX_REQUESTS: f64 = 1e9;

/// The most rounds of an experiment.
pub const MAX_ROUNDS: u32 = 1000;

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
    /// How often every arm is measured, each time with a seed of its own.
    pub rounds: u32,
    /// Whether all arms of a round are measured at the same time.
    pub together: bool,
    /// Whether the first arm is measured twice in each round, to see what differs by chance (A/A).
    pub control: bool,
    /// What to offer; only experiments have one.
    pub workload: Option<Workload>,
    /// The endpoints, or arms.
    pub endpoints: Vec<EndpointSpec>,
    /// What is claimed, before anything is measured.
    pub hypotheses: Vec<Hypothesis>,
    /// What follows if all of them come out as expected.
    pub answer: Option<Answer>,
    /// Over which factor a knee curve is drawn: every arm at each of these levels, in virtual time.
    pub sweep: Option<Factor>,
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

    /// The number of the endpoint, or arm, `name`.
    pub fn number_of(&self, name: &str) -> Option<usize> {
        self.endpoints.iter().position(|endpoint| endpoint.name == name)
    }

    /// Whether this is an experiment (and not only a configuration).
    pub fn is_experiment(&self) -> bool {
        self.workload.is_some()
    }
}

struct SpecReader<'f> {
    read_file: ReadFile<'f>,
}

impl SpecReader<'_> {
    fn document(&self, mut root: Table<'_, '_>) -> Option<Document> {
        let question = root.optional("question").map(|v| v.string().map(str::to_string));
        let source = root.optional("source").map(|v| v.string().map(str::to_string));
        let seed = root.optional("seed").map_or(Some(1), |v| v.seed());
        let time_scale = root.optional("time-scale").map_or(Some(1.0), |v| v.positive_number(1.0));
        let rounds = root.optional("rounds").map_or(Some(1), |v| v.count(1..=MAX_ROUNDS));
        let control = root.optional("control").map_or(Some(true), |v| v.flag());
        let together = root.optional("together").map_or(Some(false), |v| v.flag());
        let is_experiment = root.has("arm") || root.has("workload");
        let workload = is_experiment.then(|| {
            let value =
                root.required_as("workload", "a table `[workload]`: arms are measured under a load")?;
            workload(&value, time_scale.unwrap_or(1.0), self.read_file)
        });
        let services = root.optional("service").map(|v| self.services(&v));
        let list = if is_experiment { "arm" } else { "endpoint" };
        let endpoints =
            root.required_as(list, &format!("a table `[[{list}]]`")).and_then(|v| self.endpoints(&v, list));
        let services = services.unwrap_or_else(|| Some(default_services()));
        let workload: Option<Option<Workload>> = transpose(workload);
        let claims = root.optional("hypothesis");
        let answer_value = root.optional("answer");
        let sweep = root.optional("sweep").map(|v| knee(&v));
        root.finish();
        // Names in claims can be told from mistakes only if what they name is known.
        let phases = match (&workload, &services) {
            (Some(Some(workload)), Some((a, b))) => Some(phases(workload, a.faults.iter().chain(&b.faults))),
            _ => None,
        };
        let hypotheses = claims.map_or(Some(Vec::new()), |claims| {
            let arms: Vec<&str> = endpoints.as_ref()?.iter().map(|arm| arm.name.as_str()).collect();
            hypotheses(&claims, &arms, phases.as_deref())
        });
        let answer = answer_value.map_or(Some(None), |value| {
            let arms: Vec<&str> = endpoints.as_ref()?.iter().map(|arm| arm.name.as_str()).collect();
            answer(&value, &arms).map(Some)
        });
        let (service_a, service_b) = services?;
        let document = Document {
            question: transpose(question)?,
            source: transpose(source)?,
            seed: seed?,
            time_scale: time_scale?,
            rounds: rounds?,
            together: together?,
            control: control?,
            service_a,
            service_b,
            workload: workload?,
            endpoints: endpoints?,
            hypotheses: hypotheses?,
            answer: answer?,
            sweep: transpose(sweep)?,
        };
        Some(document.scaled())
    }

    fn services(&self, value: &Value<'_, '_>) -> Option<(Profile, Profile)> {
        let (default_a, default_b) = default_services();
        let mut table = value.table("[service]")?;
        let a =
            table.optional("a").map_or(Some(default_a.clone()), |v| profile(&v, default_a, self.read_file));
        let b =
            table.optional("b").map_or(Some(default_b.clone()), |v| profile(&v, default_b, self.read_file));
        table.finish();
        Some((a?, b?))
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
        let calls =
            table.required("calls").and_then(|v| match v.word(&["sequential", "parallel", "joined"])? {
                "sequential" => Some(Calls::Sequential),
                "joined" => Some(Calls::Joined),
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
        let read: Vec<_> = list.iter().map(layer).collect();
        let layers: Vec<LayerSpec> = read.into_iter().collect::<Option<_>>()?;
        check_shared_budgets(&list, &layers);
        Some(layers)
    }
}

impl Document {
    /// Runs the wind tunnel: durations shorter, rates higher, by `time_scale`.
    fn scaled(mut self) -> Document {
        let factor = self.time_scale;
        self.service_a = self.service_a.scaled(factor);
        self.service_b = self.service_b.scaled(factor);
        self.hypotheses.iter_mut().for_each(|hypothesis| hypothesis.claim = hypothesis.claim.scaled(factor));
        self.endpoints = self.endpoints.iter().map(|e| e.scaled(factor)).collect();
        self.workload = self.workload.map(|w| w.scaled(factor).expect("checked when it was read"));
        self
    }
}

/// The most levels of a knee curve.
const MAX_KNEE: usize = 50;

/// Reads `sweep`: a factor as on a command line.
fn knee(value: &Value<'_, '_>) -> Option<Factor> {
    let factor = Factor::parse(value.string()?).map_err(|error| match error {
        FactorError::Notation { expected, .. } => value.wrong(expected),
        other => value.problem(other.to_string(), ""),
    });
    let factor = factor.ok()?;
    if !(2..=MAX_KNEE).contains(&factor.levels.len()) {
        value.wrong("2 to 50 levels");
        return None;
    }
    Some(factor)
}

fn default_services() -> (Profile, Profile) {
    (Profile::service_a(), Profile::service_b())
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
