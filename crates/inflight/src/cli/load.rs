//! The flags of `inflight load`.

use super::{Machine, Runs, duration, positive_duration};
use clap::Args;
use inflight_strategies::units::Rate;
use std::{net::IpAddr, path::PathBuf, time::Duration};

/// Flags of `load`.
#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub struct Load {
    /// What to drive, http:// or https://, such as http://127.0.0.1:8080/async; several get the same arrivals at the same time; {id}
    /// and {random:N} in a path stand for numbers
    #[arg(required_unless_present = "selftest", value_name = "URL")]
    pub urls: Vec<String>,

    /// Requests per time and target: "2000/s", "120/m" [default: 20/s]
    #[arg(short, long, help_heading = "When", conflicts_with = "users")]
    pub rate: Option<Rate>,
    /// How requests arrive: constant, poisson, or a process of docs/files.md, such as 'bursts = { … }' [default: poisson]
    #[arg(long, help_heading = "When", value_name = "PROCESS", conflicts_with = "users")]
    pub arrivals: Option<String>,
    /// A closed loop instead: so many users, each of whom waits for an answer before the next request
    #[arg(long, help_heading = "When", value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub users: Option<u32>,
    /// How long each user thinks before each request
    #[arg(long, help_heading = "When", value_name = "TIME", default_value = "0s", value_parser = duration, requires = "users")]
    pub think: Duration,
    /// How long requests arrive, warm-up included
    #[arg(short, long, help_heading = "When", value_name = "TIME", default_value = "10s", value_parser = positive_duration)]
    pub duration: Duration,
    /// How much of the beginning is not counted
    #[arg(long, help_heading = "When", value_name = "TIME", default_value = "0s", value_parser = duration)]
    pub warmup: Duration,
    /// How long to wait, in the end, for answers; what is not there then counts as unfinished
    #[arg(long, help_heading = "When", value_name = "TIME", default_value = "10s", value_parser = duration)]
    pub patience: Duration,
    /// Decides everything random: arrivals, mixes
    #[arg(long, help_heading = "When", default_value_t = 1)]
    pub seed: u64,

    /// The most connections to each target; requests that wait for one, or for a stream of one, are counted, and their wait is in
    /// their latency
    #[arg(short, long, help_heading = "What", value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub connections: u32,
    /// The method [default: GET, or POST with a body]
    #[arg(short = 'X', long, help_heading = "What", value_name = "METHOD")]
    pub method: Option<String>,
    /// A header, such as "accept: text/html"; may be given several times
    #[arg(short = 'H', long, help_heading = "What", value_name = "NAME: VALUE")]
    pub header: Vec<String>,
    /// The body, or @FILE
    #[arg(short, long, help_heading = "What", value_name = "TEXT")]
    pub body: Option<String>,
    /// A weighted mix of requests to one host, a line each: WEIGHT METHOD PATH and perhaps @BODY-FILE; up to 16
    #[arg(long, help_heading = "What", value_name = "FILE", conflicts_with_all = ["method", "body"])]
    pub mix: Option<PathBuf>,
    /// How long a request may take; what is not there then is abandoned, and took at least that long
    #[arg(long, help_heading = "What", value_name = "TIME", value_parser = positive_duration)]
    pub timeout: Option<Duration>,
    /// Speak HTTP/2: by agreement over TLS, at once without (prior knowledge)
    #[arg(long, help_heading = "What")]
    pub http2: bool,
    /// The most requests at once on a connection of HTTP/2; never more than the target allows
    #[arg(long, help_heading = "What", value_name = "N", default_value_t = 100, requires = "http2", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub streams: u32,
    /// Believe certificates below those in this PEM file, and no others [default: those that this system believes]
    #[arg(long, help_heading = "What", value_name = "FILE", conflicts_with = "insecure")]
    pub cacert: Option<PathBuf>,
    /// Believe every certificate
    #[arg(long, help_heading = "What")]
    pub insecure: bool,
    /// Connect to this socket instead of the URL's host
    #[arg(long, help_heading = "What", value_name = "PATH")]
    pub unix_socket: Option<PathBuf>,
    /// Addresses of this machine to connect from, in turn: each has ports of its own
    #[arg(long, help_heading = "What", value_name = "ADDRESSES", value_delimiter = ',')]
    pub source_addresses: Vec<IpAddr>,
    /// Threads per target that send [default: one for each 25000 requests per second at the peak, at most one per processor]
    #[arg(long, help_heading = "What", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub workers: Option<u16>,
    /// Drive a target that is not on this machine: you must be allowed to
    #[arg(long, help_heading = "What")]
    pub allow_remote: bool,

    /// What must hold, such as 'p99 < 200ms'; may be given several times; exit code 3 if one does not
    #[arg(long, help_heading = "Result", value_name = "CLAIM")]
    pub expect: Vec<String>,
    /// Search for the highest rate at which this holds, such as 'p99 < 200ms': probes of --duration each
    #[arg(long, help_heading = "Result", value_name = "CLAIM", conflicts_with_all = ["users", "expect", "save", "csv", "hdr", "prometheus"])]
    pub find_capacity: Option<String>,
    /// Probes per rate at most with --find-capacity; the majority decides
    #[arg(long, help_heading = "Result", value_name = "N", default_value_t = 3, requires = "find_capacity", value_parser = odd)]
    pub repeats: u32,
    /// Hold the driver to built-in targets whose behaviour is known: 20 s; exit code 4 if it is not right
    #[arg(long, help_heading = "Result", conflicts_with_all = ["urls", "find_capacity", "expect", "users"])]
    pub selftest: bool,
    /// Print JSON instead of tables
    #[arg(long, help_heading = "Result")]
    pub json: bool,
    /// Write a line per target and second, both answers side by side; - for standard output instead of tables
    #[arg(long, help_heading = "Result", value_name = "FILE")]
    pub csv: Option<PathBuf>,
    /// Write latencies as HdrHistogram's interval log, in microseconds
    #[arg(long, help_heading = "Result", value_name = "FILE")]
    pub hdr: Option<PathBuf>,
    /// Write the figures as Prometheus text, for a textfile collector
    #[arg(long, help_heading = "Result", value_name = "FILE")]
    pub prometheus: Option<PathBuf>,
    /// Send the driver's metrics to this OTLP collector while it goes on, such as http://localhost:4318 [default: what the
    /// usual OTEL_… variables say]
    #[arg(long, help_heading = "Result", value_name = "URL")]
    pub otlp: Option<String>,
    /// Keep the result, like `run` does: for `show` and `list`
    #[arg(long, help_heading = "Result")]
    pub save: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub machine: Machine,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub runs: Runs,
}

const HELP: &str = "\
Latency counts from when a request should have been sent: a target that stalls cannot hide it by keeping
the driver waiting. No sample is invented and none is left out; latency from the actual sending stands
beside it. See docs/load.md.

From other tools:
  wrk2 -c50 -d30s -R2000 URL     inflight load URL -c 50 -d 30s -r 2000/s --arrivals constant
  wrk -c64 -d10s URL             inflight load URL --users 64 -d 10s
  oha -q 500 -z 20s URL          inflight load URL -r 500/s -d 20s --arrivals constant
  k6 constant-arrival-rate       -r RATE --arrivals constant; ramping: --arrivals 'stages = […]'
  k6 thresholds                  --expect 'p99 < 200ms'

Examples:
  inflight load http://127.0.0.1:8080/async --rate 30/s --duration 20s
  inflight load http://127.0.0.1:8080/sync http://127.0.0.1:8080/async -r 1200/m -d 1m
  inflight load http://127.0.0.1:8080/async \\
    --arrivals 'on-off = { rate = \"100/s\", on = \"1s\", off = \"3s\" }'
  inflight load http://127.0.0.1:8080/async -r 30/s --expect 'p99 < 2s' --expect 'errors < 10%'
  inflight load http://127.0.0.1:8080/async --find-capacity 'p99 < 2s' -d 5s
  inflight load --selftest

Exit codes: 0 measured, 1 failed, 2 bad input or usage, 3 an expectation was missed, 4 the figures cannot
be trusted, 130 interrupted.";

/// An odd number, so that there is a majority.
fn odd(text: &str) -> Result<u32, String> {
    let number = text.parse().ok().filter(|n: &u32| n % 2 == 1 && *n <= 99);
    number.ok_or_else(|| "expected an odd number from 1 to 99".into())
}
