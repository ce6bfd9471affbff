//! From a name or a path to a problem: what the service is like, what arrives, what is asked.

use crate::{
    cli,
    commands::{
        BadInput,
        library::{Source, read},
        suite::EXPERIMENTS,
    },
};
use inflight_lab::{
    experiment::{MAX_DATA, did_you_mean},
    theory::ServiceTime,
    tune::{Candidate, Effort, Latencies, Objective, Problem, Times, Written},
    workload::{Arrivals, Bursts, Traffic, When, Workload},
};
use inflight_strategies::units::{Rate, Ratio, format_duration};
use std::{fmt::Write as _, path::Path, time::Duration};

/// Name and text of every built-in profile.
const PROFILES: [(&str, &str); 3] = [
    ("sleep", include_str!("../../../../../experiments/profiles/sleep.toml")),
    ("memory-cliff", include_str!("../../../../../experiments/profiles/memory-cliff.toml")),
    ("usl", include_str!("../../../../../experiments/profiles/usl.toml")),
];
/// Of the goodput that is possible, this share is asked for if nothing is said.
const GOODPUT: f64 = 0.99;
/// How long a real run may take, in seconds.
const CHECK_SECONDS: f64 = 27.0;
/// In a wind tunnel work is not shorter than this on average, in seconds: a timer's error would show.
const SHORTEST_WORK: f64 = 0.075;
/// Nor do more requests arrive than this per second, unless they do so without it.
const FASTEST: f64 = 1000.0;

/// A service whose limit is sought.
#[derive(Debug)]
pub(super) struct Profile {
    pub(super) name: String,
    written: Written,
    /// What arrives, as lines of a file; known for sure once it has been asked for.
    traffic: Option<String>,
    seed: u64,
    /// How long its own traffic lasts: what follows a plan must last as long as the plan.
    own: Times,
    /// Name and text of the files that it refers to.
    pub(super) files: Vec<(String, String)>,
}

/// Reads the profile that `flags` name and puts what they ask to it.
pub(super) fn posed(flags: &cli::Tune) -> anyhow::Result<(Profile, Problem)> {
    let profile = profile(flags)?;
    let any = Candidate { permits: 1, queue: 0, max_wait_ns: 1_000_000, timeout_ns: 1_000_000 };
    let source = profile.experiment("", (&any, None), profile.own)?;
    let ceiling = 1.0 - source.document.service_b.errors.value();
    let goodput = Ratio::new(GOODPUT * ceiling).expect("a share of a share");
    let effort = if flags.quick { Effort::QUICK } else { Effort::FULL };
    let usual = Objective { order: 0.99, latency: Duration::from_secs(2), goodput };
    let objective =
        usual.read(&flags.objective).map_err(|error| BadInput(format!("error: the objective: {error}")))?;
    let problem =
        Problem::new(source.document, objective, effort).map_err(|e| BadInput(format!("error: {e}")))?;
    Ok((profile, problem))
}

fn profile(flags: &cli::Tune) -> anyhow::Result<Profile> {
    let path = Path::new(&flags.profile);
    let is_measured = path.extension().is_some_and(|end| end == "csv" || end == "hlog");
    let profile = if is_measured { measured(path)? } else { described(&flags.profile)? };
    let traffic = asked_traffic(flags).or(profile.traffic).ok_or_else(|| {
        BadInput(format!(
            "error: {} does not say how many requests arrive: say it with --rate",
            flags.profile
        ))
    })?;
    Ok(Profile { traffic: Some(traffic), seed: flags.seed.unwrap_or(profile.seed), ..profile })
}

const MINUTE: Times = Times { duration: Duration::from_secs(60), warmup: Duration::ZERO, scale: 1.0 };

/// A profile, an experiment or a configuration: by name, or a file.
fn described(name: &str) -> anyhow::Result<Profile> {
    let built_in = PROFILES.iter().chain(EXPERIMENTS).find(|known| known.0 == name);
    let text = match built_in {
        Some((_, text)) => (*text).to_string(),
        None if Path::new(name).exists() || name.contains(['/', '.']) => read_text(Path::new(name))?,
        None => return Err(unknown(name)),
    };
    let source = Source::read(Written::completed(&text), name)?;
    let (document, written) = (source.document, Written::of(&text));
    // What was read is in the wind tunnel's time, if the file has one.
    let long = |duration: Duration| duration.div_f64(document.time_scale);
    let times = |w: Workload| Times { duration: long(w.duration), warmup: long(w.warmup), scale: 1.0 };
    Ok(Profile {
        name: source.name,
        traffic: written.traffic.clone(),
        written,
        seed: document.seed,
        own: document.workload.map_or(MINUTE, times),
        files: source.files,
    })
}

fn unknown(name: &str) -> anyhow::Error {
    let known: Vec<&str> = PROFILES.iter().map(|known| known.0).collect();
    let guess = did_you_mean(name, &known).map_or(String::new(), |meant| format!(" did you mean {meant}?"));
    let known = known.join(", ");
    BadInput(format!("error: no profile {name:?}.{guess} There is {known}; or give a file's path")).into()
}

/// A service that takes as long as was measured, and of which no more is known.
fn measured(path: &Path) -> anyhow::Result<Profile> {
    let shown = path.display();
    let text = read_text(path)?;
    let is_log = path.extension().is_some_and(|end| end == "hlog");
    let latencies = if is_log { Latencies::of_log(&text) } else { Latencies::read(&text) }
        .map_err(|why| BadInput(format!("error: cannot use {shown}: {why}")))?;
    let name = path.file_stem().map_or("measured".into(), |stem| stem.to_string_lossy().into_owned());
    let file = format!("{name}.quantiles.csv");
    let services = format!(
        "[service.b]\nlatency = {{ empirical = {{ file = \"{file}\" }} }}\nerrors = \"{:.3}%\"\n",
        latencies.errors * 100.0
    );
    let written = Written { services, traffic: None };
    let files = vec![(file, latencies.quantiles)];
    Ok(Profile { name, written, traffic: None, seed: 1, own: MINUTE, files })
}

fn read_text(path: &Path) -> anyhow::Result<String> {
    let text = read(path, MAX_DATA);
    Ok(text.map_err(|e| BadInput(format!("error: cannot read {}: {e}", path.display())))?)
}

/// The traffic that was asked for, as lines of a file.
fn asked_traffic(flags: &cli::Tune) -> Option<String> {
    let rate = flags.rate?;
    let told = |rate: Rate| format!("\"{}/s\"", rate.as_per_second());
    let time = |duration| format!("\"{}\"", format_duration(duration));
    Some(match flags.burst {
        None => format!("arrivals = {{ poisson = {{ rate = {} }} }}\n", told(rate)),
        Some(burst) => format!(
            "arrivals = {{ bursts = {{ base = {}, burst = {}, length = {}, every = {} }} }}\n",
            told(rate),
            told(burst),
            time(flags.burst_length),
            time(flags.burst_every)
        ),
    })
}

impl Profile {
    /// An experiment with `best` as its arm; `head` stands before it.
    fn experiment(
        &self,
        head: &str,
        best: (&Candidate, Option<&Objective>),
        times: Times,
    ) -> anyhow::Result<Source> {
        let traffic = self.traffic.as_deref().unwrap_or_default();
        let text = self.written.experiment(head, traffic, (self.seed, times), best);
        Source::with_files(text, &format!("{}-tuned", self.name), self.files.clone())
    }

    /// What was found as an experiment in the file's own time: for `run`, and for `serve`.
    pub(super) fn tuned(&self, problem: &Problem, best: &Candidate) -> anyhow::Result<Source> {
        let mut head = format!("# Found by `inflight tune` for the profile {}: {best}.\n", self.name);
        let _ = writeln!(head, "question = \"Is it so that {}?\"", problem.objective);
        let workload = problem.workload();
        let times = Times { duration: workload.duration, warmup: workload.warmup, scale: 1.0 };
        self.experiment(&head, (best, Some(&problem.objective)), times)
    }

    /// A real run of it that takes about half a minute at most.
    pub(super) fn check(&self, problem: &Problem, best: &Candidate) -> anyhow::Result<Source> {
        let head = format!("question = \"Does what was found hold: {}?\"\n", problem.objective);
        self.experiment(&head, (best, None), check_times(problem))
    }
}

/// As long a run as the time allows, in a wind tunnel that the timers can bear.
fn check_times(problem: &Problem) -> Times {
    let workload = problem.workload();
    let planned = workload.duration.as_secs_f64();
    let mean = ServiceTime::from(&problem.document.service_b).mean().unwrap_or(problem.work);
    let bearable = (SHORTEST_WORK / mean).max(problem.highest_rate() / FASTEST);
    let needed = match &workload.traffic {
        // Whole periods or a whole plan: it may have to be faster than one would like.
        Traffic::Open(Arrivals::Bursts(Bursts { when: When::Every(every), .. })) => 2.2 * every.as_secs_f64(),
        Traffic::Open(Arrivals::Poisson(_) | Arrivals::Constant(_) | Arrivals::Renewal(..)) => 0.0,
        _ => planned,
    };
    let scale = bearable.min(CHECK_SECONDS / needed.max(1e-9)).clamp(0.01, 1.0);
    let scale = (scale * 1000.0).round() / 1000.0;
    let duration = if needed == planned { planned } else { CHECK_SECONDS / scale };
    let warmup = if needed == planned { workload.warmup } else { Duration::from_secs_f64(duration / 10.0) };
    Times { duration: Duration::from_secs_f64(duration), warmup, scale }
}
