//! `inflight run`: the main job. Starts the app, drives every arm over HTTP with the same arrivals, prints and saves.

use super::{
    Exit, interrupted,
    library::Source,
    measured::{Subject, outcome, progress},
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
    experiment::{ArmOutcome, Document, RunOutcome, RunWorld},
    load::Driver,
    log::MAX_ENTRIES,
    record::Record,
    report, twin,
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
    let mut exit = Exit::Done;
    for source in &sources {
        let outcome = runtime.block_on(measure(source, flags))?;
        exit = match outcome {
            _ if !outcome.complete => Exit::Interrupted,
            _ if !outcome.validity.problems.is_empty() => Exit::Invalid,
            _ => exit,
        };
        if exit == Exit::Interrupted {
            break;
        }
    }
    runtime.shutdown_background();
    Ok(exit)
}

async fn measure(source: &Source, flags: &cli::Run) -> anyhow::Result<RunOutcome> {
    let dir = RunDir::create(&flags.runs.dir)?;
    dir.write("experiment.toml", source.text.as_bytes())?;
    source.files.iter().try_for_each(|(name, text)| dir.write(name, text.as_bytes()))?;
    let document = &source.document;
    let workload = document.workload.clone().expect("only experiments get here");
    let is_chosen = |name: &str| flags.only.is_empty() || flags.only.iter().any(|only| only == name);
    let arms: Vec<&str> =
        document.endpoints.iter().map(|e| e.name.as_str()).filter(|n| is_chosen(n)).collect();
    let seconds = (workload.duration + LEAD).as_secs_f64() * arms.len() as f64;
    say(&format!("run {}  {}  {} arms, about {seconds:.0} s", dir.id, source.name, arms.len()));
    let mut records: Vec<(&str, Record)> = Vec::new();
    let mut interrupt = std::pin::pin!(interrupted()?);
    let mut complete = true;
    let timers = timer_error::measure(&live::World::new(tokio::runtime::Handle::current())).await;
    for arm in arms {
        let driver = prepare(document.seed, workload.clone());
        let (record, ended) = measure_arm(&driver, &dir, arm, interrupt.as_mut()).await?;
        complete = ended;
        if ended || record.offered > 0 {
            records.push((arm, record));
        }
        if !complete {
            say("interrupted: showing what was measured");
            break;
        }
    }
    let subject = Subject {
        id: dir.id.clone(),
        experiment: source.name.clone(),
        question: document.question.clone(),
        started_unix_s: dir.started_unix_s,
        world: RunWorld::Live,
        seed: document.seed,
        time_scale: document.time_scale,
    };
    let mut outcome = outcome(subject, &workload, &records, complete);
    outcome.timers = timers;
    ArmOutcome::set_theory(&mut outcome.arms, document);
    set_beside_twins(&mut outcome, document, &records);
    save(&dir, &outcome, &records)?;
    show(&dir, &outcome, flags)?;
    Ok(outcome)
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
    dir: &RunDir,
    arm: &str,
    interrupt: Pin<&mut impl Future>,
) -> anyhow::Result<(Record, bool)> {
    let app = TargetApp::start(&dir.path.join("experiment.toml"))?;
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
fn set_beside_twins(outcome: &mut RunOutcome, document: &Document, records: &[(&str, Record)]) {
    for (arm, (name, record)) in outcome.arms.iter_mut().zip(records) {
        let number = document.number_of(name).expect("only arms of the document are measured");
        arm.twin = record.log.as_ref().map(|log| twin::of(document, number, log, outcome.timers.as_ref()));
    }
}

pub(super) fn save<N: AsRef<str>>(
    dir: &RunDir,
    outcome: &RunOutcome,
    records: &[(N, Record)],
) -> anyhow::Result<()> {
    let mut json = serde_json::to_vec_pretty(outcome)?;
    json.push(b'\n');
    dir.write("run.json", &json)?;
    dir.write("latency.hlog", &histogram_log(records)?)?;
    for (name, record) in records {
        if let Some(log) = &record.log {
            dir.write(&format!("{}.requests.csv", name.as_ref()), log.csv().as_bytes())?;
        }
    }
    dir.write("report.txt", report::result(outcome, 100, &report::Plain).as_bytes())
}

/// Latencies in the interval-log format of HdrHistogram, in microseconds, one line per arm and kind.
pub(super) fn histogram_log<N: AsRef<str>>(records: &[(N, Record)]) -> anyhow::Result<Vec<u8>> {
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

fn show(dir: &RunDir, outcome: &RunOutcome, flags: &cli::Run) -> anyhow::Result<()> {
    if flags.json {
        print(&format!("{}\n", serde_json::to_string_pretty(outcome)?));
        return Ok(());
    }
    say("");
    let path = dir.path.display();
    print(&report::result(outcome, width(), &*ink()));
    let only: String = flags.only.iter().map(|arm| format!(" --only {arm}")).collect();
    print(&format!(
        "\nData   {path}/run.json, latency.hlog, *.requests.csv\nRerun  inflight run {path}/experiment.toml{only}\n"
    ));
    Ok(())
}
