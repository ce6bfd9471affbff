//! What becomes of a load's books: tables, JSON, files, and the exit code.

use super::super::{
    Exit,
    measured::{Subject, outcome},
    run::{histogram_log, save},
    runs::RunDir,
};
use super::{drive::Driven, figures};
use crate::{
    cli,
    telemetry::load_text,
    terminal::{ink, print, width},
};
use anyhow::Context as _;
use inflight_lab::{
    experiment::{RunOutcome, RunWorld},
    load::{
        expect::{Answer, Expectation},
        figures::LoadFigures,
    },
    report,
    workload::Workload,
};
use std::path::Path;

pub(super) fn show(
    flags: &cli::Load,
    workload: &Workload,
    driven: &Driven,
    expectations: &[Expectation],
) -> anyhow::Result<Exit> {
    let figures = figures(driven, flags);
    let dir = flags.save.then(|| RunDir::create(&flags.runs.dir)).transpose()?;
    let outcome = summary(flags, workload, driven, &figures, dir.as_ref());
    let answers = judge(expectations, &figures);
    if let Some(dir) = &dir {
        save(dir, &outcome, &driven.records)?;
        dir.write("load.json", &json(&figures)?)?;
    }
    files(flags, driven, &figures)?;
    let is_csv_only = flags.csv.as_deref() == Some(Path::new("-"));
    if flags.json {
        print(&document(&outcome, &figures, &answers)?);
    } else if !is_csv_only {
        print(&report::result(&outcome, width(), &*ink()));
        print(&format!("\n{}", report::load(&figures, width(), &*ink())));
        answers.iter().for_each(|line| print(&format!("{}\n", line.text())));
        dir.iter().for_each(|dir| {
            print(&format!("\nData   {}/run.json, load.json, latency.hlog\n", dir.path.display()))
        });
    }
    Ok(exit(driven.is_complete, &outcome, &answers))
}

/// An expectation of one target, and what it says.
struct Line {
    target: String,
    expected: String,
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
    driven: &Driven,
    figures: &[LoadFigures],
    dir: Option<&RunDir>,
) -> RunOutcome {
    let subject = Subject {
        id: dir.map_or("load".into(), |dir| dir.id.clone()),
        experiment: "load".into(),
        question: None,
        started_unix_s: dir.map_or(0, |dir| dir.started_unix_s),
        world: RunWorld::Live,
        seed: flags.seed,
        time_scale: 1.0,
    };
    let mut outcome = outcome(subject, workload, &driven.records, driven.is_complete);
    outcome.validity.problems.extend(report::problems(figures));
    outcome
}

fn json(figures: &[LoadFigures]) -> anyhow::Result<Vec<u8>> {
    let mut text = serde_json::to_vec_pretty(figures)?;
    text.push(b'\n');
    Ok(text)
}

/// The outcome as `run` prints it, with what only a load has.
fn document(outcome: &RunOutcome, figures: &[LoadFigures], answers: &[Line]) -> anyhow::Result<String> {
    let mut document = serde_json::to_value(outcome)?;
    document["load"] = serde_json::to_value(figures)?;
    let line = |line: &Line| {
        serde_json::json!({
            "target": line.target, "expected": line.expected, "holds": line.answer.holds, "found": line.answer.found
        })
    };
    document["expectations"] = answers.iter().map(line).collect();
    Ok(format!("{}\n", serde_json::to_string_pretty(&document)?))
}

fn files(flags: &cli::Load, driven: &Driven, figures: &[LoadFigures]) -> anyhow::Result<()> {
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
        write(path, &histogram_log(&driven.records)?)?;
    }
    if let Some(path) = &flags.prometheus {
        write(path, load_text::exposition(figures).as_bytes())?;
    }
    Ok(())
}
