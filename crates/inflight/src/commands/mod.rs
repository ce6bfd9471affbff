//! One file per command. Each returns how the program ends.

mod again;
mod check;
mod compare;
mod doctor;
mod expect;
mod explain;
mod healthcheck;
mod json;
mod library;
mod list;
mod load;
mod measured;
mod report;
mod round;
mod run;
mod runs;
mod serve;
mod show;
mod sim;
mod suite;
mod swept;
mod target;
mod target_app;
mod tune;
mod under_way;
mod workers;

use crate::{
    cli::{Cli, Command},
    driver::raise_open_files,
    terminal::{print, say},
};
use clap::CommandFactory as _;
use inflight_lab::experiment::RunOutcome;
use std::process::ExitCode;

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It did what it was asked; a refuted claim included.
    Done = 0,
    /// It could not.
    Failed = 1,
    /// What it was given cannot be used.
    BadInput = 2,
    /// It measured, and something that was expected does not hold.
    Missed = 3,
    /// It measured, but the figures cannot be trusted.
    Invalid = 4,
    /// It was interrupted, and has shown what there was.
    Interrupted = 130,
}

impl Exit {
    /// How a run ends that found this.
    fn of(outcome: &RunOutcome) -> Exit {
        match outcome {
            _ if !outcome.complete => Exit::Interrupted,
            _ if !outcome.validity.problems.is_empty() => Exit::Invalid,
            _ => Exit::Done,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// What the user gave that cannot be used: exit 2 instead of 1.
#[derive(Debug)]
struct BadInput(String);

impl std::fmt::Display for BadInput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadInput {}

/// Runs a command and says what went wrong, once.
pub fn dispatch(cli: Cli) -> Exit {
    let result = match cli.command {
        None => Ok(welcome()),
        Some(Command::Run(flags)) => run::run(&flags),
        Some(Command::Sim(flags)) => sim::run(&flags),
        Some(Command::Tune(flags)) => tune::run(&flags),
        Some(Command::Serve(flags)) => serve::run(&flags),
        Some(Command::Load(flags)) => load::run(&flags),
        Some(Command::Target(flags)) => target::run(&flags),
        Some(Command::Check(flags)) => check::run(&flags),
        Some(Command::Show(flags)) => show::run(&flags),
        Some(Command::Report(flags)) => report::run(&flags),
        Some(Command::Compare(flags)) => compare::run(&flags),
        Some(Command::List(flags)) => list::run(&flags),
        Some(Command::Explain(flags)) => explain::run(&flags),
        Some(Command::Doctor) => doctor::run(),
        Some(Command::Healthcheck(flags)) => healthcheck::run(&flags),
        Some(Command::Completions { shell }) => Ok(completions(shell)),
        Some(Command::Man) => man(),
    };
    result.unwrap_or_else(|error| {
        if let Some(bad) = error.downcast_ref::<BadInput>() {
            say(&bad.0);
            return Exit::BadInput;
        }
        say(&format!("error: {error:#}"));
        Exit::Failed
    })
}

fn welcome() -> Exit {
    print(
        "Inflight, a concurrency laboratory. Latency shows the effect. Inflight shows the cause.\n\
         It measures what limits, queues and timeouts do to a service, and says what it saw.\n\
         Results are kept in ./runs; `inflight help` lists the commands.\n\n\
         \x20 inflight run                     answer the five questions by measurement, in two minutes\n\
         \x20 inflight sim                     the same in virtual time, in an instant\n\
         \x20 inflight serve                   serve the endpoints on http://127.0.0.1:8080\n\
         \x20 inflight load http://127.0.0.1:8080/async --rate 30/s    drive one of them\n",
    );
    Exit::Done
}

fn completions(shell: clap_complete::Shell) -> Exit {
    let mut out = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "inflight", &mut out);
    print(&String::from_utf8_lossy(&out));
    Exit::Done
}

fn man() -> anyhow::Result<Exit> {
    let mut out = Vec::new();
    clap_mangen::Man::new(Cli::command()).render(&mut out)?;
    print(&String::from_utf8_lossy(&out));
    Ok(Exit::Done)
}

/// A variable of the environment, if it is set and text.
fn env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// A runtime with `workers` threads, or one per processor.
fn runtime(workers: Option<u16>) -> anyhow::Result<tokio::runtime::Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if let Some(workers) = workers {
        builder.worker_threads(workers.into());
    }
    Ok(builder.enable_all().build()?)
}

/// Done at the first Ctrl-C. It is heard from the moment of this call, not only once it is waited for.
fn interrupted() -> anyhow::Result<impl Future<Output = ()> + Send> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        interrupt.recv().await;
    })
}
