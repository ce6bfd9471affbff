//! The flags of every command. Nothing happens here.

mod load;

pub use load::Load;

use clap::{Args, Parser, Subcommand, ValueEnum};
use inflight_lab::{
    experiment::{MAX_ROUNDS, VerdictKind},
    trace::MAX_WATCHED,
};
use inflight_strategies::units::{ParseError, Rate, parse_duration};
use std::{net::IpAddr, ops::RangeInclusive, path::PathBuf, str::FromStr, time::Duration};

/// Latency shows the effect. Inflight shows the cause.
#[derive(Debug, Parser)]
#[command(name = "inflight", version, max_term_width = 100, after_help = EXIT_CODES)]
pub struct Cli {
    /// What to do; without it: a few words and examples.
    #[command(subcommand)]
    pub command: Option<Command>,
}

const EXIT_CODES: &str = "\
Exit codes: 0 measured, 1 failed, 2 bad input or usage, 3 an expectation was missed, 4 the run is invalid, 130 interrupted.";

/// A command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Measure an experiment for real: start the app, drive every arm over HTTP, print and save the result
    Run(Run),
    /// Run experiments in virtual time: the same code and the same draws, thousands of times as fast; sweeps, traces
    Sim(Sim),
    /// Find the limit, queue, wait and timeout that meet an objective: in virtual time, then checked for real
    Tune(Tune),
    /// Serve the endpoints
    Serve(Serve),
    /// Drive any HTTP target, on schedule, whatever it does
    Load(Box<Load>),
    /// Serve a target whose behaviour is known exactly, to try load drivers on
    Target(Target),
    /// Say all that is wrong with experiments and configurations
    Check(Check),
    /// Print a saved run again
    Show(Show),
    /// Write the report of a saved run: one page that needs no network and no script
    Report(Report),
    /// Set two saved runs side by side: every figure with its difference, the interval of that, and what it means
    Compare(Compare),
    /// List the experiments that are built in, the runs that were saved, or the strategies
    List(List),
    /// Explain what the lab knows: a strategy, or a formula of queueing theory
    Explain(Explain),
    /// Look at this machine: how late its timers are, and what else gets between a run and its figures
    Doctor,
    /// Ask a running app for its health: exit 0 if it is well, 1 if not
    Healthcheck(Healthcheck),
    /// Print the completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page (roff)
    Man,
}

/// What `run` and `sim` may do otherwise than the experiment says.
#[derive(Args, Clone, Copy, Debug)]
pub struct Choice {
    /// Decide everything random anew [default: the experiment's]
    #[arg(long)]
    pub seed: Option<u64>,
    /// Measure every arm so often, each time with other requests [default: the experiment's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_ROUNDS)))]
    pub rounds: Option<u32>,
    /// Print everything about every experiment, not only the answers of several
    #[arg(long)]
    pub details: bool,
    /// In which scale of time
    #[arg(long, value_enum, default_value_t = Profile::Experiment)]
    pub profile: Profile,
}

/// A scale of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Profile {
    /// The experiment's own: most are wind tunnels, many times shorter than what they are about
    Experiment,
    /// Real delays and rates, as in the original lab: takes as long as it says
    Full,
}

/// Flags of what is measured on this machine.
#[derive(Args, Clone, Copy, Debug)]
pub struct Machine {
    /// What processors do while nobody needs them: halt, or poll, which keeps them awake for shorter waits [default: poll under a
    /// hypervisor, else halt]
    #[arg(long, value_name = "HOW", hide_possible_values = true)]
    pub idle: Option<Idle>,
}

/// What processors do while nobody needs them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Idle {
    /// Sleep: whoever wakes on one waits for it, under a hypervisor perhaps for long
    Halt,
    /// Stay awake, by threads that let everybody else pass: costs electricity and credits
    Poll,
}

/// What a verdict is expected to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// Of which hypothesis; `None`: of each.
    pub name: Option<String>,
    /// What.
    pub verdict: VerdictKind,
}

impl FromStr for Expectation {
    type Err = String;
    fn from_str(text: &str) -> Result<Expectation, String> {
        const EXPECTED: &str =
            "expected NAME=VERDICT, such as all=holds or H1=refuted; verdicts are holds, refuted, undecided";
        let (name, word) = text.split_once('=').ok_or(EXPECTED)?;
        let verdict =
            VerdictKind::ALL.into_iter().find(|kind| kind.to_string() == word.trim()).ok_or(EXPECTED)?;
        let name = Some(name.trim()).filter(|name| *name != "all").map(str::to_string);
        Ok(Expectation { name, verdict })
    }
}

/// Flags of `run`.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  inflight run\n  inflight run memory-cliff --seed 7\n  inflight run ./mine.toml --json"
)]
pub struct Run {
    /// Names of built-in experiments or groups of them (see `inflight list`), or files
    #[arg(value_name = "EXPERIMENT", default_value = "tour")]
    pub experiments: Vec<String>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub choice: Choice,
    /// Measure only these arms
    #[arg(long, value_name = "ARM")]
    pub only: Vec<String>,
    /// End with 3 unless this hypothesis, or all of them, has this verdict
    #[arg(long, value_name = "NAME=VERDICT")]
    pub expect: Vec<Expectation>,
    /// Print run.json instead of tables
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub machine: Machine,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub runs: Runs,
}

/// Flags of `sim`.
#[derive(Args, Debug)]
#[command(
    after_help = "KEY is the end of a value's path in the file, such as rate, workload.rate or async-limited.permits; *.permits \
means every such value. VALUES are a list with commas or a range: 10/s,20/s,40/s or 5..40/5 or 1..1000*10.\n\nExamples:\n  \
inflight sim\n  inflight sim memory-cliff --sweep rate=10/s..30/s/2/s --seeds 20\n  \
inflight sim memory-cliff --set rate=30/s --only async-limited --trace 17\n  \
inflight sim four-endpoints --trace-file lives.json"
)]
pub struct Sim {
    /// Names of built-in experiments or groups of them (see `inflight list`), or files
    #[arg(value_name = "EXPERIMENT", default_value = "tour")]
    pub experiments: Vec<String>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub choice: Choice,
    /// Run only these arms
    #[arg(long, value_name = "ARM")]
    pub only: Vec<String>,
    /// Set a value of the experiment
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Run every arm with each of these values; several of them: with every combination
    #[arg(long, value_name = "KEY=VALUES")]
    pub sweep: Vec<String>,
    /// Run everything with so many seeds, the same for all: means and 95 % intervals [default: 10 with --sweep]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub seeds: Option<u32>,
    /// Threads [default: one per processor]; the result is the same with any number
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// End with 3 unless this hypothesis, or all of them, has this verdict
    #[arg(long, value_name = "NAME=VERDICT", conflicts_with_all = ["csv", "sweep", "seeds"])]
    pub expect: Vec<Expectation>,
    /// Print JSON instead of tables
    #[arg(long)]
    pub json: bool,
    /// Print a sweep as CSV instead of a table
    #[arg(long, conflicts_with = "json")]
    pub csv: bool,
    /// Print the life of this request, or of these, instead of tables
    #[arg(long, value_name = "N[..M]", value_parser = requests, conflicts_with_all = ["json", "csv", "sweep", "seeds"])]
    pub trace: Option<RangeInclusive<u64>>,
    /// Write the lives of the requests of --trace, or of the first 10000, for Perfetto or Chrome
    #[arg(long, value_name = "FILE", conflicts_with_all = ["csv", "sweep", "seeds"])]
    pub trace_file: Option<PathBuf>,
    /// Print what the virtual worlds counted
    #[arg(long, conflicts_with_all = ["json", "csv", "sweep", "seeds"])]
    pub counters: bool,
    /// Keep the result, like `run` does
    #[arg(long, conflicts_with_all = ["csv", "sweep", "seeds"])]
    pub save: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub runs: Runs,
}

/// Flags of `tune`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  inflight tune memory-cliff\n  \
inflight tune usl 'p99 <= 2s and goodput >= 90% of offered' --rate 15/s\n  \
inflight tune memory-cliff 'goodput >= 80% of offered' --rate 20/s --burst 60/s --burst-length 5s --burst-every 60s\n  \
inflight tune mine.toml -o tuned.toml && inflight serve --config tuned.toml\n  \
inflight tune runs/k3f9/async.requests.csv --rate 24/s --no-check\n\n\
Built-in profiles: sleep, memory-cliff, usl. Exit code 3: nothing meets the objective, or the real run does not.")]
pub struct Tune {
    /// A built-in profile, a file with [service.b] (an experiment, a configuration, or nothing else), or measured latencies
    /// (.csv, or .hlog in microseconds)
    #[arg(value_name = "PROFILE", default_value = "memory-cliff")]
    pub profile: String,
    /// Claims with `and` between them: what a percentile of good answers must not exceed, and the least share of the offered
    /// requests that gets one, such as 'p99 <= 1s and goodput >= 90% of offered' [default for goodput: 99 % of those that B does
    /// not fail by itself]
    #[arg(value_name = "OBJECTIVE", default_value = "p99 <= 2s")]
    pub objective: String,
    /// How many requests arrive, Poisson [default: the profile's traffic]
    #[arg(long, value_name = "RATE")]
    pub rate: Option<Rate>,
    /// How many arrive in a burst
    #[arg(long, value_name = "RATE", requires = "rate")]
    pub burst: Option<Rate>,
    /// How long a burst lasts
    #[arg(long, value_name = "TIME", default_value = "5s", requires = "burst", value_parser = positive_duration)]
    pub burst_length: Duration,
    /// How often a burst begins
    #[arg(long, value_name = "TIME", default_value = "60s", requires = "burst", value_parser = positive_duration)]
    pub burst_every: Duration,
    /// Decide everything random anew [default: the profile's]
    #[arg(long)]
    pub seed: Option<u64>,
    /// Threads [default: one per processor]; the result is the same with any number
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// A first look, some twenty times as fast: fewer seeds, shorter trials, coarser margins
    #[arg(long)]
    pub quick: bool,
    /// Leave out the real run at the end, of about half a minute
    #[arg(long)]
    pub no_check: bool,
    /// Write what was found as an experiment: for `inflight run`, and for `inflight serve --config`
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Print JSON instead of tables
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub machine: Machine,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub runs: Runs,
}

/// Where runs are kept.
#[derive(Args, Debug)]
pub struct Runs {
    /// Where runs are kept
    #[arg(long = "runs", value_name = "DIR", default_value = "runs")]
    pub dir: PathBuf,
}

/// Flags of `serve`.
#[derive(Args, Debug)]
#[command(
    after_help = "Environment: PORT, B_CONCURRENCY_LIMIT, ASYNC_TIMEOUT_MS, OTEL_EXPORTER_OTLP_ENDPOINT, \
OTEL_SERVICE_NAME, OTEL_TRACES_EXPORTER, OTEL_METRIC_EXPORT_INTERVAL.\n\nExamples:\n  inflight serve\n  \
inflight serve --print-config > mine.toml && inflight serve --config mine.toml\n  \
B_CONCURRENCY_LIMIT=50 inflight serve --port 9000"
)]
pub struct Serve {
    /// A configuration (or an experiment, whose arms are then served) [default: the original lab's]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print the configuration, with the environment applied, and stop
    #[arg(long)]
    pub print_config: bool,
    /// The address to listen on; 0.0.0.0 lets other machines in
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub bind: IpAddr,
    /// The port to listen on, 0 for any free one [default: PORT, or 8080]
    #[arg(long)]
    pub port: Option<u16>,
    /// Threads that run the endpoints [default: one per processor]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub workers: Option<u16>,
    /// Connections at once [default: what the limit on open files leaves]
    #[arg(long, value_name = "N")]
    pub max_connections: Option<u32>,
    /// How long a client may take to send a request's head, and an idle connection is kept
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = positive_duration)]
    pub header_timeout: Duration,
    /// How long to wait, when stopped, for what is in flight
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration)]
    pub drain: Duration,
    /// Record when requests arrive, one file per endpoint: what `arrivals = { recorded = … }` of an experiment reads
    #[arg(long, value_name = "DIR")]
    pub record_arrivals: Option<PathBuf>,
    /// Decide everything random in the services anew [default: the configuration's]
    #[arg(long)]
    pub seed: Option<u64>,
    /// Stop when standard input ends: for programs that start this one and may die
    #[arg(long, hide = true)]
    pub until_stdin_closes: bool,
}

/// Flags of `target`.
#[derive(Args, Debug)]
#[command(
    after_help = "Paths: / at once; /after/20ms so long after, whatever else is in flight; /single/constant/5ms and \
/single/exponential/5ms\nby a single server, first come, first served; /arrivals when requests arrived, in nanoseconds since the \
first.\n\nExamples:\n  inflight target --port 9000 --stall 500ms --every 5s\n  \
inflight load http://127.0.0.1:9000/ --rate 500/s --arrivals constant -d 30s"
)]
pub struct Target {
    /// The address to listen on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub bind: IpAddr,
    /// The port to listen on, 0 for any free one
    #[arg(long, default_value_t = 0)]
    pub port: u16,
    /// Stop altogether now and then for so long: "500ms", or "100ms..900ms" for any time between
    #[arg(long, value_name = "TIME[..TIME]", value_parser = span)]
    pub stall: Option<(Duration, Duration)>,
    /// From the beginning of one stall to the next
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = positive_duration)]
    pub every: Duration,
    /// When the first stall begins, after the first request
    #[arg(long, value_name = "TIME", default_value = "2500ms", value_parser = duration)]
    pub first: Duration,
    /// Decides random work and random stalls
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Never sleep: arrivals are told to the microsecond, for a whole processor
    #[arg(long)]
    pub spin: bool,
    /// Stop when standard input ends: for programs that start this one and may die
    #[arg(long, hide = true)]
    pub until_stdin_closes: bool,
}

/// Flags of `check`.
#[derive(Args, Debug)]
pub struct Check {
    /// Files, or - for standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

/// Flags of `show`.
#[derive(Args, Debug)]
pub struct Show {
    /// The run's id [default: the latest]
    pub run: Option<String>,
    /// Print run.json
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub runs: Runs,
}

/// Flags of `report`.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  inflight report\n  inflight report --open\n  inflight report k3f9 -o k3f9.html"
)]
pub struct Report {
    /// The run's id [default: the latest]
    pub run: Option<String>,
    /// Where to write it, - for standard output [default: report.html beside the run]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Show it in the browser as well
    #[arg(long)]
    pub open: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub runs: Runs,
}

/// Flags of `compare`.
#[derive(Args, Debug)]
#[command(
    after_help = "A run is named by its id, or by the path of its directory or of its run.json. Figures are better or worse if the whole \
interval of their difference is, the same if it is within 5 %, and otherwise nobody can tell.\n\nExamples:\n  \
inflight compare j7d1 k3f9\n  inflight compare baseline/run.json k3f9 --gate"
)]
pub struct Compare {
    /// The run to compare with
    pub a: String,
    /// The run that is compared with it
    pub b: String,
    /// Exit with 3 if a figure got worse, and with 2 if the runs are not comparable
    #[arg(long)]
    pub gate: bool,
    /// Print JSON instead of tables
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub runs: Runs,
}

/// Flags of `list`.
#[derive(Args, Debug)]
pub struct List {
    /// What [default: experiments and runs]
    #[arg(value_enum)]
    pub what: Option<Listed>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub runs: Runs,
}

/// What can be listed.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listed {
    /// What can be run
    Experiments,
    /// What was run
    Runs,
    /// What can stand in a stack
    Strategies,
}

/// Flags of `explain`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  inflight explain codel\n  inflight explain theory erlang-c")]
pub struct Explain {
    /// What about: a topic, or one of its entries [default: a list of them]
    pub topic: Option<String>,
    /// One of the topic's entries [default: all]
    pub name: Option<String>,
}

/// Flags of `healthcheck`.
#[derive(Args, Debug)]
pub struct Healthcheck {
    /// What to ask [default: http://127.0.0.1:$PORT/health]
    #[arg(long)]
    pub url: Option<String>,
}

fn duration(text: &str) -> Result<Duration, ParseError> {
    parse_duration(text)
}

fn positive_duration(text: &str) -> Result<Duration, ParseError> {
    parse_duration(text)?.checked_sub(Duration::from_nanos(1)).ok_or(ParseError("a duration above zero"))?;
    parse_duration(text)
}

/// A time, or any between two.
fn span(text: &str) -> Result<(Duration, Duration), ParseError> {
    let (least, most) = text.split_once("..").unwrap_or((text, text));
    let span = (positive_duration(least)?, positive_duration(most)?);
    if span.0 > span.1 {
        Err(ParseError("the shorter time first, such as \"100ms..900ms\""))
    } else {
        Ok(span)
    }
}

/// One request, or from one to another.
fn requests(text: &str) -> Result<RangeInclusive<u64>, String> {
    let (first, last) = text.split_once("..").unwrap_or((text, text));
    let ids = first.parse().ok().zip(last.parse().ok()).map(|(first, last): (u64, u64)| first..=last);
    let is_good = |ids: &RangeInclusive<u64>| {
        ids.end().checked_sub(*ids.start()).is_some_and(|more| more < MAX_WATCHED)
    };
    ids.filter(is_good).ok_or_else(|| {
        format!("expected a request's number such as 17, or 100..199, at most {MAX_WATCHED} of them")
    })
}
