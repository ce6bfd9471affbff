//! The clients: ours and its peers, each asked in its own words and understood in its own words.

use super::cores::Cores;
use super::figures::{quantile, sorted};
use super::usage::{Used, measure};
use crate::process::{on_path, output};
use crate::tools;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// A load generator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Ours,
    Wrk,
    Wrk2,
    Oha,
    /// oha with `--latency-correction`.
    OhaCorrected,
    Vegeta,
    H2load,
    Hey,
    K6,
}

/// What a client is asked to do.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    pub url: String,
    /// Requests per second; `None`: as fast as it can.
    pub rate: Option<u32>,
    /// Connections, workers or VUs at most; `None`: its default for an open loop, for us unlimited.
    pub connections: Option<u32>,
    pub seconds: u32,
}

/// What a client said, and what it used.
pub(super) struct Told {
    /// Requests that it says were answered.
    pub requests: f64,
    /// Its percentiles in milliseconds: 50, 95, 99, 99.9; NaN where it tells none.
    pub ms: [f64; 4],
    pub used: Used,
    /// Its JSON, for ours.
    pub json: Value,
}

/// A client that is there.
pub(super) struct Client {
    pub kind: Kind,
    program: PathBuf,
}

impl Client {
    /// Ours, which must have been built.
    pub(super) fn ours() -> Client {
        Client { kind: Kind::Ours, program: super::inflight() }
    }

    /// Finds the peers, or makes them if that is wanted; says of those that are missing why.
    pub(super) fn peers(cache: &Path, may_build: bool) -> Vec<Client> {
        let kinds = [
            Kind::Wrk,
            Kind::Wrk2,
            Kind::OhaCorrected,
            Kind::Oha,
            Kind::Vegeta,
            Kind::H2load,
            Kind::Hey,
            Kind::K6,
        ];
        let mut found = Vec::new();
        for kind in kinds {
            match kind.find(cache, may_build) {
                Ok(program) => {
                    println!("  {:<8} {}", kind.name(), kind.version(&program));
                    found.push(Client { kind, program });
                }
                Err(error) => println!("  {:<8} skipped: {error:#}", kind.name()),
            }
        }
        found
    }

    /// Runs it. Its files in `folder` begin with `name`.
    pub(super) fn run(&self, name: &str, ask: &Ask, cores: &Cores, folder: &Path) -> Result<Told> {
        let name = format!("{name}-{}", self.kind.name());
        let mut command = self.kind.command(&self.program, ask, cores, folder, &name)?;
        let limit = Duration::from_secs(u64::from(ask.seconds) + 40);
        let used = measure(&name, &mut command, folder, limit)?;
        let told = self.kind.understand(&self.program, used, folder, &name);
        told.with_context(|| format!("{name} cannot be understood"))
    }
}

impl Kind {
    /// How it is called in tables.
    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Ours => "inflight",
            Kind::Wrk => "wrk",
            Kind::Wrk2 => "wrk2",
            Kind::Oha => "oha",
            Kind::OhaCorrected => "oha-lc",
            Kind::Vegeta => "vegeta",
            Kind::H2load => "h2load",
            Kind::Hey => "hey",
            Kind::K6 => "k6",
        }
    }

    /// Whether it can be asked for a rate.
    pub(super) fn is_paced(self) -> bool {
        self != Kind::Wrk
    }

    fn find(self, cache: &Path, may_build: bool) -> Result<PathBuf> {
        if let Some(made) = self.made_from().filter(|_| !may_build)
            && !tools::is_cached(cache, made)
        {
            bail!("not built yet: leave out `installed`");
        }
        let installed =
            |program: &str, how: &str| on_path(program).with_context(|| format!("not on PATH; {how}"));
        match self {
            Kind::Ours => Ok(super::inflight()),
            Kind::Wrk => installed("wrk", "Debian's package is wrk"),
            Kind::Wrk2 => installed("wrk2", "no registry has it; build giltene/wrk2 and name it wrk2"),
            Kind::H2load => installed("h2load", "Debian's package is nghttp2-client"),
            Kind::Hey => installed("hey", "Debian's package is hey"),
            Kind::Oha | Kind::OhaCorrected => tools::oha(cache),
            Kind::Vegeta => tools::vegeta(cache),
            Kind::K6 => tools::k6(cache),
        }
    }

    /// What it is built from, if no package has it.
    fn made_from(self) -> Option<&'static str> {
        match self {
            Kind::Oha | Kind::OhaCorrected => Some("oha"),
            Kind::Vegeta => Some("vegeta"),
            Kind::K6 => Some("k6"),
            _ => None,
        }
    }

    fn version(self, program: &Path) -> String {
        let said = |arguments: &[&str]| {
            let text = Command::new(program).args(arguments).output().map(|o| [o.stdout, o.stderr].concat());
            let text = String::from_utf8_lossy(&text.unwrap_or_default()).into_owned();
            text.lines()
                .find(|line| line.chars().any(|c| c.is_ascii_digit()))
                .unwrap_or("")
                .trim()
                .to_string()
        };
        match self {
            Kind::K6 => said(&["version"]),
            Kind::Wrk | Kind::Wrk2 => said(&["-v"]),
            Kind::Hey => {
                let asked = output(Command::new("dpkg-query").args(["-W", "-f=${Version}", "hey"]));
                format!("Debian {}", asked.unwrap_or_else(|_| "unknown".into()))
            }
            Kind::Vegeta => tools::VEGETA_VERSION.into(),
            _ => said(&["--version"]),
        }
    }

    fn command(self, program: &Path, ask: &Ask, cores: &Cores, folder: &Path, name: &str) -> Result<Command> {
        let mut command = cores.client(program);
        let seconds = format!("{}s", ask.seconds);
        let (url, connections) = (ask.url.as_str(), ask.connections.map(|c| c.to_string()));
        let at_most = connections.as_deref().unwrap_or("1000");
        let file = |end: &str| folder.join(format!("{name}.{end}")).to_string_lossy().into_owned();
        match self {
            Kind::Ours => ours(&mut command, ask),
            Kind::Wrk => drop(command.args(["-t1", "-c", at_most, "-d", &seconds, "--latency", url])),
            Kind::Wrk2 => {
                let rate = ask.rate.map_or("1000000".into(), |rate| rate.to_string());
                command.args(["-t1", "-c", at_most, "-d", &seconds, "-R", &rate, "--latency", url]);
            }
            Kind::Oha | Kind::OhaCorrected => {
                command.args(["--no-tui", "--output-format", "json", "-z", &seconds, "-c", at_most, url]);
                if let Some(rate) = ask.rate {
                    command.args(["-q", &rate.to_string()]);
                }
                if self == Kind::OhaCorrected && ask.rate.is_some() {
                    command.arg("--latency-correction");
                }
            }
            Kind::Vegeta => {
                let targets = file("targets");
                std::fs::write(&targets, format!("GET {url}\n")).context("cannot write vegeta's targets")?;
                let rate = ask.rate.unwrap_or(0).to_string();
                command.args([
                    "-cpus",
                    "1",
                    "attack",
                    "-rate",
                    &rate,
                    "-duration",
                    &seconds,
                    "-targets",
                    &targets,
                ]);
                command.args(["-output", &file("bin"), "-max-workers", at_most]);
            }
            Kind::H2load => {
                command.args(["--h1", "-t1", "-c", at_most, "-D", &ask.seconds.to_string()]);
                if let Some(rate) = ask.rate {
                    let each = f64::from(rate) / f64::from(ask.connections.unwrap_or(1000));
                    command.arg(format!("--rps={each}")).arg(format!("--log-file={}", file("log")));
                }
                command.arg(url);
            }
            Kind::Hey => {
                command.args(["-cpus", "1", "-z", &seconds, "-c", at_most]);
                if let Some(rate) = ask.rate {
                    let each = f64::from(rate) / f64::from(ask.connections.unwrap_or(1000));
                    command.args(["-q", &each.to_string(), "-o", "csv"]);
                }
                command.arg(url);
            }
            Kind::K6 => {
                let script = file("js");
                std::fs::write(&script, k6_script(ask, at_most)).context("cannot write k6's script")?;
                command.args(["run", "--quiet", "--no-usage-report", &script]).env("GOMAXPROCS", "1");
            }
        }
        Ok(command)
    }

    fn understand(self, program: &Path, used: Used, folder: &Path, name: &str) -> Result<Told> {
        let file = |end: &str| folder.join(format!("{name}.{end}"));
        let (requests, ms, json) = match self {
            Kind::Ours => understand_ours(&used)?,
            Kind::Wrk | Kind::Wrk2 => understand_wrk(&used.stdout)?,
            Kind::Oha | Kind::OhaCorrected => understand_oha(&used.stdout)?,
            Kind::Vegeta => {
                let report =
                    output(Command::new(program).args(["report", "-type", "json"]).arg(file("bin")))?;
                understand_vegeta(&report)?
            }
            Kind::H2load => understand_h2load(&used.stdout, &file("log"))?,
            Kind::Hey => understand_hey(&used.stdout)?,
            Kind::K6 => understand_k6(&used.stdout)?,
        };
        let _ = std::fs::remove_file(file("bin"));
        Ok(Told { requests, ms, json, used })
    }
}

/// A constant rate, or as many users without a thought as there are connections.
fn ours(command: &mut Command, ask: &Ask) {
    command.args(["load", &ask.url, "--json", "-d", &format!("{}s", ask.seconds)]);
    if let Some(rate) = ask.rate {
        command.args(["--arrivals", "constant", "--rate", &format!("{rate}/s")]);
    } else {
        command.args(["--users", &ask.connections.unwrap_or(64).to_string()]);
    }
    if let Some(connections) = ask.connections {
        command.args(["-c", &connections.to_string()]);
    }
}

fn k6_script(ask: &Ask, vus: &str) -> String {
    let seconds = ask.seconds;
    let scenario = match ask.rate {
        Some(rate) => format!(
            "executor: 'constant-arrival-rate', rate: {rate}, timeUnit: '1s', duration: '{seconds}s', preAllocatedVUs: {vus}, \
             maxVUs: {vus}"
        ),
        None => format!("executor: 'constant-vus', vus: {vus}, duration: '{seconds}s'"),
    };
    format!(
        "import http from 'k6/http';\n\
         export const options = {{ scenarios: {{ s: {{ {scenario} }} }}, discardResponseBodies: true,\n\
         summaryTrendStats: ['p(50)', 'p(95)', 'p(99)', 'p(99.9)'] }};\n\
         export default function () {{ http.get('{}'); }}\n\
         export function handleSummary(data) {{ return {{ stdout: JSON.stringify(data.metrics) }}; }}\n",
        ask.url
    )
}

type Understood = (f64, [f64; 4], Value);

fn understand_ours(used: &Used) -> Result<Understood> {
    if !matches!(used.code, Some(0 | 4)) {
        bail!("inflight load ended with {:?}: {}", used.code, used.stdout);
    }
    let json: Value = serde_json::from_str(&used.stdout)?;
    let spread = &json["load"][0]["intended"];
    let ms =
        ["p50_ns", "p95_ns", "p99_ns", "p999_ns"].map(|key| spread[key].as_f64().unwrap_or(f64::NAN) / 1e6);
    let answered = spread["count"].as_f64().unwrap_or(0.0);
    Ok((answered, ms, json))
}

/// The number before a unit of time, in milliseconds.
fn millis(text: &str) -> Option<f64> {
    let end = text.find(|c: char| c.is_ascii_alphabetic())?;
    let number: f64 = text[..end].parse().ok()?;
    Some(match &text[end..] {
        "us" => number / 1e3,
        "ms" => number,
        "s" => number * 1e3,
        "m" => number * 6e4,
        _ => return None,
    })
}

fn understand_wrk(text: &str) -> Result<Understood> {
    let at = |share: &[&str]| {
        let line = text.lines().map(str::trim).find(|line| share.iter().any(|share| line.starts_with(share)));
        line.and_then(|line| millis(line.split_whitespace().last()?)).unwrap_or(f64::NAN)
    };
    let line = text.lines().find(|line| line.contains(" requests in ")).context("no `requests in`")?;
    let requests = line.split_whitespace().next().and_then(|n| n.parse().ok()).context("no number")?;
    let ms = [at(&["50%", "50.000%"]), f64::NAN, at(&["99%", "99.000%"]), at(&["99.900%"])];
    Ok((requests, ms, Value::Null))
}

fn understand_oha(text: &str) -> Result<Understood> {
    let json: Value = serde_json::from_str(text)?;
    let at = |key: &str| json["latencyPercentiles"][key].as_f64().unwrap_or(f64::NAN) * 1e3;
    let counts = json["statusCodeDistribution"].as_object().context("no statusCodeDistribution")?;
    let requests = counts.values().filter_map(Value::as_f64).sum();
    Ok((requests, ["p50", "p95", "p99", "p99.9"].map(at), Value::Null))
}

fn understand_vegeta(text: &str) -> Result<Understood> {
    let json: Value = serde_json::from_str(text)?;
    let at = |key: &str| json["latencies"][key].as_f64().unwrap_or(f64::NAN) / 1e6;
    let requests = json["requests"].as_f64().context("no requests")?;
    let good = json["success"].as_f64().unwrap_or(1.0);
    Ok((requests * good, [at("50th"), at("95th"), at("99th"), f64::NAN], Value::Null))
}

/// From what it logs, since Debian's version prints no percentiles.
fn understand_h2load(text: &str, log: &Path) -> Result<Understood> {
    let line = text.lines().find(|line| line.starts_with("requests:")).context("no `requests:`")?;
    let done = line.split(", ").find_map(|part| part.strip_suffix(" succeeded"));
    let requests = done.and_then(|n| n.trim().parse().ok()).context("no number")?;
    let log = std::fs::read_to_string(log).unwrap_or_default();
    let micros = log.lines().filter_map(|line| line.split('\t').nth(2)?.trim().parse::<f64>().ok());
    Ok((requests, percentiles(micros.map(|us| us / 1e3).collect()), Value::Null))
}

fn understand_hey(text: &str) -> Result<Understood> {
    if text.starts_with("response-time") {
        let seconds = text.lines().skip(1).filter_map(|line| line.split(',').next()?.parse::<f64>().ok());
        let ms: Vec<f64> = seconds.map(|s| s * 1e3).collect();
        return Ok((ms.len() as f64, percentiles(ms), Value::Null));
    }
    let line = text.lines().map(str::trim).find(|line| line.starts_with("[200]")).context("no [200]")?;
    let requests = line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).context("no number")?;
    Ok((requests, [f64::NAN; 4], Value::Null))
}

fn understand_k6(text: &str) -> Result<Understood> {
    let start = text.find('{').context("no JSON")?;
    let json: Value = serde_json::from_str(&text[start..])?;
    let at = |key: &str| json["http_req_duration"]["values"][key].as_f64().unwrap_or(f64::NAN);
    let requests = json["http_reqs"]["values"]["count"].as_f64().context("no http_reqs")?;
    Ok((requests, ["p(50)", "p(95)", "p(99)", "p(99.9)"].map(at), Value::Null))
}

fn percentiles(ms: Vec<f64>) -> [f64; 4] {
    let ms = sorted(ms);
    [0.5, 0.95, 0.99, 0.999].map(|q| quantile(&ms, q))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrk_is_understood() {
        let text = "Running 1s test @ http://x/\n  Latency Distribution\n     50%  820.00us\n     75%    1.00ms\n     \
                    99%  443.70ms\n  70507 requests in 1.00s, 7.00MB read\nRequests/sec: 70507.00\n";
        let (requests, ms, _) = understand_wrk(text).unwrap();
        assert_eq!((requests, ms[0], ms[2]), (70507.0, 0.82, 443.7));
    }

    #[test]
    fn hey_is_understood_by_its_list() {
        let (requests, ms, _) = understand_hey("response-time,DNS+dialup\n0.0010,0\n0.0030,0\n").unwrap();
        assert_eq!((requests, ms[0], ms[3]), (2.0, 1.0, 3.0));
    }

    #[test]
    fn times_have_units() {
        assert_eq!([millis("1.50s"), millis("820us"), millis("7")], [Some(1500.0), Some(0.82), None]);
    }
}
