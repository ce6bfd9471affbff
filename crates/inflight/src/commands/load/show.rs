//! What becomes of a load's books: tables, JSON, files, and the exit code.

use super::super::{
    Exit,
    json::{json, print_json},
    measured::{Books, Run, Subject, machine},
    run::{histogram_log, save_run},
    runs::RunDir,
};
use super::drive::Driven;
use crate::{
    awake::Awake,
    cli,
    telemetry::load_text,
    terminal::{ink, print, width},
};
use anyhow::Context as _;
use inflight_lab::{
    experiment::{Rounds, RunOutcome, RunWorld},
    load::{
        expect::{Answer, Expectation},
        figures::LoadFigures,
    },
    record::Record,
    report,
    workload::Workload,
};
use serde::Serialize;
use std::path::Path;

pub(super) fn show(
    flags: &cli::Load,
    workload: &Workload,
    Driven { records, is_complete }: Driven,
    figures: &[LoadFigures],
    expectations: &[Expectation],
    awake: &Awake,
) -> anyhow::Result<Exit> {
    let dir = flags.save.then(|| RunDir::create(&flags.runs.dir)).transpose()?;
    let open = |(name, record): (String, Record)| Books::open(&name, flags.seed, record);
    let books: Vec<Books> = records.into_iter().map(open).collect();
    let outcome = summary(flags, workload, is_complete, &books, dir.as_ref(), awake);
    let answers = judge(expectations, figures);
    if let Some(dir) = &dir {
        save_run(dir, &outcome)?;
        dir.write("latency.hlog", &histogram_log(&books)?)?;
        dir.write("load.json", json(&figures)?.as_bytes())?;
    }
    files(flags, &books, figures)?;
    if flags.json {
        print_json(&Document { outcome: &outcome, load: figures, expectations: &answers })?;
    } else if flags.csv.as_deref() != Some(Path::new("-")) {
        print(&report::result(&outcome, width(), &*ink()));
        print(&format!("\n{}", report::load(figures, width(), &*ink())));
        answers.iter().for_each(|line| print(&format!("{}\n", line.text())));
        dir.iter().for_each(|dir| {
            print(&format!("\nData   {}/run.json, load.json, latency.hlog\n", dir.path.display()));
        });
    }
    Ok(exit(is_complete, &outcome, &answers))
}

/// An expectation of one target, and what it says.
#[derive(Serialize)]
struct Line {
    target: String,
    expected: String,
    #[serde(flatten)]
    answer: Answer,
}

impl Line {
    fn text(&self) -> String {
        let (sign, word) = match self.answer.holds {
            Some(true) => ("✓", "holds"),
            Some(false) => ("✗", "MISSED"),
            None => ("✗", "UNDECIDED"),
        };
        format!("{sign} /{}  {}  {word}: {}", self.target, self.expected, self.answer.found)
    }
}

fn judge(expectations: &[Expectation], figures: &[LoadFigures]) -> Vec<Line> {
    let line = |figures: &LoadFigures, expected: &Expectation| Line {
        target: figures.name.clone(),
        expected: expected.to_string(),
        answer: expected.judge(figures),
    };
    figures
        .iter()
        .flat_map(|figures| expectations.iter().map(move |expected| line(figures, expected)))
        .collect()
}

/// Interrupted before all else; figures that cannot be trusted can miss no expectation.
fn exit(is_complete: bool, outcome: &RunOutcome, answers: &[Line]) -> Exit {
    if !is_complete {
        Exit::Interrupted
    } else if !outcome.validity.problems.is_empty() {
        Exit::Invalid
    } else if answers.iter().any(|line| line.answer.holds != Some(true)) {
        Exit::Missed
    } else {
        Exit::Done
    }
}

fn summary(
    flags: &cli::Load,
    workload: &Workload,
    is_complete: bool,
    books: &[Books],
    dir: Option<&RunDir>,
    awake: &Awake,
) -> RunOutcome {
    let subject =
        Subject { name: "load", question: None, source: None, seed: flags.seed, time_scale: 1.0, workload };
    let rounds = Rounds { planned: 1, done: u32::from(is_complete) };
    let run = Run {
        rerun: None,
        id: dir.map_or("load".into(), |dir| dir.id.clone()),
        started_unix_s: dir.map_or(0, |dir| dir.started_unix_s),
        machine: machine(awake),
        world: RunWorld::Live,
        timers: None,
    };
    run.outcome(vec![subject.outcome(books, rounds)], is_complete)
}

/// The outcome as `run` prints it, with what only a load has.
#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    outcome: &'a RunOutcome,
    load: &'a [LoadFigures],
    expectations: &'a [Line],
}

fn files(flags: &cli::Load, books: &[Books], figures: &[LoadFigures]) -> anyhow::Result<()> {
    let write = |path: &Path, text: &[u8]| {
        if path == Path::new("-") {
            print(&String::from_utf8_lossy(text));
            return Ok(());
        }
        std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
    };
    if let Some(path) = &flags.csv {
        write(path, report::by_second_csv(figures).as_bytes())?;
    }
    if let Some(path) = &flags.hdr {
        write(path, &histogram_log(books)?)?;
    }
    if let Some(path) = &flags.prometheus {
        write(path, load_text::exposition(figures).as_bytes())?;
    }
    Ok(())
}
