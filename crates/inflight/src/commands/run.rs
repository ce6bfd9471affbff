//! `inflight run`: the main job. Starts the app, drives every arm over HTTP with the same arrivals, prints and saves.

use super::{
    Exit, interrupted,
    json::json,
    library::Source,
    measured::{Run, Subject, progress},
    raise_open_files,
    runs::RunDir,
    runtime,
    target_app::TargetApp,
};
use crate::{
    cli,
    http_client::{HttpTarget, Options},
    live,
    terminal::{StatusLine, ink, print, say, width},
    timer_error,
};
use hdrhistogram::serialization::{V2DeflateSerializer, interval_log::IntervalLogWriterBuilder};
use http::Uri;
use inflight_lab::{
    experiment::{Document, ExperimentOutcome, RunOutcome, RunWorld},
    load::Driver,
    log::MAX_ENTRIES,
    record::Record,
    report,
    twin::{self, TimerError},
    workload::Workload,
};
use inflight_strategies::rt::{Clock as _, First, Instant, race};
use std::{pin::Pin, time::Duration};

/// Time for the first connection before the first request is due.
const LEAD: Duration = Duration::from_millis(200);

pub(super) fn run(flags: &cli::Run) -> anyhow::Result<Exit> {
    // Everything is read before anything is measured: a mistake in the last file costs no minutes.
    let sources: Vec<Source> = flags
        .experiments
        .iter()
        .map(|name| Source::chosen(name, flags.seed, &flags.only))
        .collect::<anyhow::Result<_>>()?;
    raise_open_files();
    let runtime = runtime(None)?;
    let outcome = runtime.block_on(measure(&sources, flags))?;
    runtime.shutdown_background();
    Ok(Exit::of(&outcome))
}

/// Measures every experiment, one after the other, and shows and saves what was found as one run.
async fn measure(sources: &[Source], flags: &cli::Run) -> anyhow::Result<RunOutcome> {
    let dir = RunDir::create(&flags.runs.dir)?;
    let folders = folders(sources);
    let mut interrupt = std::pin::pin!(interrupted()?);
    let timers = timer_error::measure(&live::World::new(tokio::runtime::Handle::current())).await;
    let (mut experiments, mut complete) = (Vec::new(), true);
    for (source, folder) in sources.iter().zip(&folders) {
        let place = Place { dir: &dir, folder };
        let (experiment, ended) =
            measure_experiment(source, flags, place, timers.as_ref(), interrupt.as_mut()).await?;
        experiments.push(experiment);
        complete = ended;
        if !complete {
            say("interrupted: showing what was measured");
            break;
        }
    }
    let run = Run { id: dir.id.clone(), started_unix_s: dir.started_unix_s, world: RunWorld::Live, timers };
    let outcome = run.outcome(experiments, complete);
    save_run(&dir, &outcome)?;
    show(&dir, &folders, &outcome, flags)?;
    Ok(outcome)
}

/// Where the files of an experiment lie.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub(super) dir: &'a RunDir,
    pub(super) folder: &'a str,
}

impl Place<'_> {
    fn write(self, name: &str, content: &[u8]) -> anyhow::Result<()> {
        self.dir.write(&format!("{}{name}", self.folder), content)
    }

    /// Saves the experiment itself, so that it can be repeated.
    pub(super) fn save_source(self, source: &Source) -> anyhow::Result<()> {
        self.write("experiment.toml", source.text.as_bytes())?;
        source.files.iter().try_for_each(|(name, text)| self.write(name, text.as_bytes()))
    }

    /// Saves what belongs to an experiment's arms.
    pub(super) fn save_records<N: AsRef<str>>(self, records: &[(N, Record)]) -> anyhow::Result<()> {
        self.write("latency.hlog", &histogram_log(records)?)?;
        for (name, record) in records {
            if let Some(log) = &record.log {
                let name = name.as_ref();
                self.write(&format!("{name}.requests.csv"), log.csv().as_bytes())?;
            }
        }
        Ok(())
    }
}

/// The folder of each experiment in a run's directory: none for a single one, else its name, and a number if that is taken.
pub(super) fn folders(sources: &[Source]) -> Vec<String> {
    let mut folders: Vec<String> = Vec::new();
    for source in sources {
        let named = |n: usize| match n {
            1 => format!("{}/", source.name),
            n => format!("{}-{n}/", source.name),
        };
        let free = (1..).map(named).find(|name| !folders.contains(name)).expect("numbers do not end");
        folders.push(if sources.len() > 1 { free } else { String::new() });
    }
    folders
}

/// One experiment. Also tells whether it was measured to its end.
async fn measure_experiment(
    source: &Source,
    flags: &cli::Run,
    place: Place<'_>,
    timers: Option<&TimerError>,
    mut interrupt: Pin<&mut impl Future>,
) -> anyhow::Result<(ExperimentOutcome, bool)> {
    place.save_source(source)?;
    let document = &source.document;
    let workload = document.workload.clone().expect("only experiments get here");
    let arms: Vec<&str> =
        source.arms(&flags.only).iter().map(|arm| document.endpoints[*arm].name.as_str()).collect();
    let seconds = (workload.duration + LEAD).as_secs_f64() * arms.len() as f64;
    say(&format!("run {}  {}  {} arms, about {seconds:.0} s", place.dir.id, source.name, arms.len()));
    let mut records: Vec<(&str, Record)> = Vec::new();
    let mut complete = true;
    for arm in arms {
        let driver = prepare(document.seed, workload.clone());
        let (record, ended) = measure_arm(&driver, place, arm, interrupt.as_mut()).await?;
        complete = ended;
        if ended || record.offered > 0 {
            records.push((arm, record));
        }
        if !complete {
            break;
        }
    }
    let mut outcome = Subject::of(source).outcome(&records, complete);
    outcome.set_theory(document);
    outcome.set_diagnosis(document);
    set_beside_twins(&mut outcome, document, &records, timers);
    place.save_records(&records)?;
    Ok((outcome, complete))
}

/// The driver of one arm.
fn prepare(seed: u64, workload: Workload) -> Driver<live::World> {
    let world = live::World::new(tokio::runtime::Handle::current());
    Driver { start: Instant::ZERO, world, workload, seed }
}

/// One arm in a process of its own, so that no arm inherits what another left behind. Also tells whether it was measured to
/// its end.
async fn measure_arm(
    driver: &Driver<live::World>,
    place: Place<'_>,
    arm: &str,
    interrupt: Pin<&mut impl Future>,
) -> anyhow::Result<(Record, bool)> {
    let app = TargetApp::start(&place.dir.path.join(format!("{}experiment.toml", place.folder)))?;
    let url: Uri = format!("http://{}/{arm}", app.address).parse()?;
    let options = Options { connections: 20_000, numbered: true };
    let world = driver.world.clone();
    let target = HttpTarget::new(world.clone(), &url, app.address, &options)?;
    let driver = Driver { start: world.now() + LEAD, ..driver.clone() };
    let recorder = driver.logging_recorder(MAX_ENTRIES);
    let progress = tokio::spawn(progress(format!("/{arm}  "), vec![recorder.clone()], driver.clone()));
    let ended = race(driver.run(&target, &recorder), interrupt).await;
    progress.abort();
    StatusLine::new().clear();
    match ended {
        First::Left(record) => {
            say(&format!("  /{arm}: {} requests offered and accounted for", record.offered));
            Ok((record, true))
        }
        First::Right(_) => Ok((recorder.close(world.now()), false)),
    }
}

/// Gives every arm its twin: the same requests in virtual time.
fn set_beside_twins(
    outcome: &mut ExperimentOutcome,
    document: &Document,
    records: &[(&str, Record)],
    timers: Option<&TimerError>,
) {
    for (arm, (name, record)) in outcome.arms.iter_mut().zip(records) {
        let number = document.number_of(name).expect("only arms of the document are measured");
        arm.twin = record.log.as_ref().map(|log| twin::of(document, number, log, timers));
    }
}

/// Saves what is about the whole run.
pub(super) fn save_run(dir: &RunDir, outcome: &RunOutcome) -> anyhow::Result<()> {
    dir.write("run.json", json(outcome)?.as_bytes())?;
    dir.write("report.txt", report::result(outcome, 100, &report::Plain).as_bytes())
}

/// Latencies in the interval-log format of HdrHistogram, in microseconds, one line per arm and kind.
fn histogram_log<N: AsRef<str>>(records: &[(N, Record)]) -> anyhow::Result<Vec<u8>> {
    let (mut out, mut serializer) = (Vec::new(), V2DeflateSerializer::new());
    let mut log = IntervalLogWriterBuilder::new()
        .add_comment("latency from the intended start, in microseconds")
        .begin_log_with(&mut out, &mut serializer)?;
    for (name, record) in records {
        let name = name.as_ref();
        for (kind, histogram) in [("completed", &record.completed), ("answered", &record.answered)] {
            let tag = format!("{name}.{kind}");
            let tag = hdrhistogram::serialization::interval_log::Tag::new(&tag);
            let write = log.write_histogram(histogram, Duration::ZERO, record.counted(), tag);
            write.map_err(|e| anyhow::anyhow!("histogram of {name}: {e:?}"))?;
        }
    }
    Ok(out)
}

fn show(dir: &RunDir, folders: &[String], outcome: &RunOutcome, flags: &cli::Run) -> anyhow::Result<()> {
    if flags.json {
        print(&json(outcome)?);
        return Ok(());
    }
    say("");
    let path = dir.path.display();
    print(&report::result(outcome, width(), &*ink()));
    let only: String = flags.only.iter().map(|arm| format!(" --only {arm}")).collect();
    let files: String = folders.iter().map(|folder| format!(" {path}/{folder}experiment.toml")).collect();
    print(&format!(
        "\nData   {path}/run.json, latency.hlog, *.requests.csv\nRerun  inflight run{files}{only}\n"
    ));
    Ok(())
}
