//! `inflight run`: the main job. Starts the app, drives every arm over HTTP with the same arrivals, prints and saves.

use super::{
    Exit, again, expect, interrupted,
    json::{json, print_json},
    library::Source,
    measured::{Books, Run, Session, machine},
    raise_open_files,
    round::{LEAD, Round},
    runs::{self, PAGE, RunDir},
    runtime, swept,
    workers::Workers,
};
use crate::{
    awake::Awake,
    cli, live,
    terminal::{ink, print, say, width},
    timer_error,
};
use hdrhistogram::serialization::{V2DeflateSerializer, interval_log::IntervalLogWriterBuilder};
use inflight_lab::{
    audit::Loss,
    experiment::{Document, ExperimentOutcome, RunOutcome, RunWorld, SweepOutcome},
    record::{Ending, Record},
    report,
    twin::{self, TimerError},
    workload::Workload,
};
use std::{path::PathBuf, pin::Pin, time::Duration};

/// So many rounds of a run are measured again if processors were away for too much of them; that depends on nothing that was found.
const MOST_REPEATS: u32 = 2;

pub(super) fn run(flags: &cli::Run) -> anyhow::Result<Exit> {
    // Everything is read before anything is measured: a mistake in the last file costs no minutes.
    let sources = Source::all_chosen(&flags.experiments, &flags.choice, &flags.only)?;
    raise_open_files();
    let dir = RunDir::create(&flags.runs.dir)?;
    let Some(knees) = knees(&sources, &flags.only)? else { return Ok(Exit::Interrupted) };
    let runtime = runtime(None)?;
    let awake = Awake::new(flags.machine.idle);
    let seed = again::seed(&sources);
    let rerun = again::command("run", &flags.experiments, &flags.choice, (&flags.only, &[]), seed);
    let outcome = runtime.block_on(measure((&sources, rerun), knees, &flags.only, &dir, &awake))?;
    drop(awake);
    runtime.shutdown_background();
    show(&dir, &folders(&sources), &outcome, flags)?;
    Ok(expect::exit(&flags.expect, &outcome))
}

/// The knee curves of all experiments, before anything is measured: they need the processors. `None` if it was interrupted.
fn knees(sources: &[Source], only: &[String]) -> anyhow::Result<Option<Vec<Option<SweepOutcome>>>> {
    if sources.iter().all(|source| source.document.sweep.is_none()) {
        return Ok(Some(vec![None; sources.len()]));
    }
    let workers = Workers::new(None)?;
    let mut knees = Vec::new();
    for source in sources {
        knees.push(swept::knee(source, only, &workers)?);
        if knees.iter().flatten().any(|knee| !knee.complete) {
            return Ok(None);
        }
    }
    Ok(Some(knees))
}

/// Measures the arms `only` of every experiment, or all, one after the other, and saves what was found as one run, which `rerun`
/// repeats. `knees` are their knee curves, `awake` is whether processors are kept from halting.
pub(super) async fn measure(
    (sources, rerun): (&[Source], Option<String>),
    knees: Vec<Option<SweepOutcome>>,
    only: &[String],
    dir: &RunDir,
    awake: &Awake,
) -> anyhow::Result<RunOutcome> {
    let folders = folders(sources);
    let mut interrupt = std::pin::pin!(interrupted()?);
    let timers = timer_error::measure(&live::World::new(tokio::runtime::Handle::current())).await;
    let (mut experiments, mut complete, mut repeats) = (Vec::new(), true, MOST_REPEATS);
    for ((source, folder), knee) in sources.iter().zip(&folders).zip(knees) {
        let place = Place { dir, folder };
        let (experiment, ended) =
            measure_experiment(source, only, place, timers.as_ref(), &mut repeats, interrupt.as_mut())
                .await?;
        experiments.push(ExperimentOutcome { sweep: knee, ..experiment });
        complete = ended;
        if !complete {
            say("interrupted: showing what was measured");
            break;
        }
    }
    let (id, started_unix_s) = (dir.id.clone(), dir.started_unix_s);
    let (machine, world) = (machine(awake), RunWorld::Live);
    let run = Run { id, started_unix_s, machine, world, timers, rerun };
    let outcome = run.outcome(experiments, complete);
    save_run(dir, &outcome)?;
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

    /// Where one of them lies.
    fn path(self, name: &str) -> PathBuf {
        self.dir.path.join(format!("{}{name}", self.folder))
    }

    /// Saves what belongs to an experiment's arms.
    pub(super) fn save_books(self, books: &[Books]) -> anyhow::Result<()> {
        self.write("latency.hlog", &histogram_log(books)?)?;
        for Books { name, together, .. } in books {
            if let Some(log) = &together.log {
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

/// One experiment, some of whose rounds, but no more than `repeats`, are measured again if they were robbed. Also tells whether it
/// was measured to its end.
async fn measure_experiment(
    source: &Source,
    only: &[String],
    place: Place<'_>,
    timers: Option<&TimerError>,
    repeats: &mut u32,
    mut interrupt: Pin<&mut impl Future>,
) -> anyhow::Result<(ExperimentOutcome, bool)> {
    place.save_source(source)?;
    let document = &source.document;
    let mut session = Session::open(document);
    let workload = session.document.workload.clone().expect("only experiments get here");
    let arms: Vec<&str> =
        source.arms(only).iter().map(|arm| document.endpoints[*arm].name.as_str()).collect();
    let control = session.wants_control().then_some(arms[0]);
    let measured = arms.len() + usize::from(control.is_some());
    say(&format!("run {}  {}", place.dir.id, plan(document, &workload, measured, &source.name)));
    let file = place.path("experiment.toml");
    let mut complete = true;
    for number in 0..document.rounds {
        let label = match document.rounds {
            1 => String::new(),
            rounds => format!("round {} of {rounds}  ", number + 1),
        };
        let (together, logged, label) = (document.together, number == 0, label.as_str());
        let tasks = session.judge.wants_tasks();
        let seed = session.seed(number);
        let round = Round { file: &file, workload: &workload, seed, together, logged, tasks, label };
        // Another arm comes first in every round. The one that is measured twice is so as far apart as can be.
        let mut order = arms.clone();
        order.rotate_left(number as usize % arms.len());
        order.extend(control);
        let (mut records, ended) = loop {
            let (records, ended) = round.measure(&order, interrupt.as_mut()).await?;
            match robbed(&records).filter(|_| ended && *repeats > 0) {
                Some(loss) => say(&format!("{label}again: {loss}")),
                None => break (records, ended),
            }
            *repeats -= 1;
            session.on_repeat();
        };
        complete = ended;
        let again = control.filter(|_| ended).and_then(|name| Some((records.pop()?, name)));
        let named = arms_of(&order, records, ended);
        match ended {
            true => session.on_round(named, again.as_ref().map(|(record, name)| (record, *name))),
            false => session.on_cut_round(named),
        }
        if !complete {
            break;
        }
    }
    let mut outcome = session.outcome(source)?;
    let books = session.books;
    set_beside_twins(&mut outcome, document, &books, timers);
    place.save_books(&books)?;
    Ok((outcome, complete))
}

/// The most that processors lost while one of these arms was measured, if it was too much and no app was gone meanwhile: that would
/// be forgotten with the round.
fn robbed(records: &[Record]) -> Option<Loss> {
    const GONE: [Ending; 3] = [Ending::Refused, Ending::Unreachable, Ending::Reset];
    if records.iter().any(|record| GONE.iter().any(|ending| record.endings.contains_key(ending))) {
        return None;
    }
    records.iter().filter_map(|record| record.effort?.spoiled()).reduce(Loss::or_worse)
}

/// What will be done, in words.
fn plan(document: &Document, workload: &Workload, arms: usize, name: &str) -> String {
    let at_once = if document.together { arms } else { 1 };
    let turns = arms.div_ceil(at_once.max(1)) as f64 * f64::from(document.rounds);
    let seconds = (workload.duration + LEAD).as_secs_f64() * turns;
    let rounds = if document.rounds > 1 { format!(" in {} rounds", document.rounds) } else { String::new() };
    format!("{name}  {arms} arms{rounds}, about {seconds:.0} s")
}

/// The records of a round with the names of their arms, those left out of which nothing was measured.
fn arms_of<'a>(order: &[&'a str], records: Vec<Record>, ended: bool) -> Vec<(&'a str, Record)> {
    let measured = order.iter().copied().zip(records);
    measured.filter(|(_, record)| ended || record.offered > 0).collect()
}

/// Gives every arm its twin: the same requests in virtual time.
fn set_beside_twins(
    outcome: &mut ExperimentOutcome,
    document: &Document,
    books: &[Books],
    timers: Option<&TimerError>,
) {
    for (arm, books) in outcome.arms.iter_mut().zip(books) {
        let number = document.number_of(&books.name).expect("only arms of the document are measured");
        arm.twin = books.together.log.as_ref().map(|log| twin::of(document, number, log, timers));
    }
}

/// Saves what is about the whole run.
pub(super) fn save_run(dir: &RunDir, outcome: &RunOutcome) -> anyhow::Result<()> {
    dir.write("run.json", json(outcome)?.as_bytes())?;
    dir.write(PAGE, report::page(outcome).as_bytes())?;
    dir.write("report.txt", report::result(outcome, 100, &report::Plain).as_bytes())
}

/// Latencies in the interval-log format of HdrHistogram, in microseconds, one line per arm and kind.
pub(super) fn histogram_log(books: &[Books]) -> anyhow::Result<Vec<u8>> {
    let (mut out, mut serializer) = (Vec::new(), V2DeflateSerializer::new());
    let mut log = IntervalLogWriterBuilder::new()
        .add_comment("latency from the intended start, in microseconds")
        .begin_log_with(&mut out, &mut serializer)?;
    for Books { name, together: record, .. } in books {
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
        print_json(outcome)?;
        return Ok(());
    }
    say("");
    let path = dir.path.display();
    let shown = if flags.choice.details { report::result } else { report::summary };
    print(&shown(outcome, width(), &*ink()));
    let only: String = flags.only.iter().map(|arm| format!(" --only {arm}")).collect();
    let files: String = folders.iter().map(|folder| format!(" {path}/{folder}experiment.toml")).collect();
    let before = runs::before(&flags.runs.dir, outcome);
    let compare =
        before.map_or(String::new(), |id| format!("Compare  inflight compare {id} {}\n", outcome.id));
    let rerun = outcome.rerun.clone().unwrap_or_else(|| format!("inflight run{files}{only}"));
    print(&format!(
        "\nReport   {path}/{PAGE}\nData     {path}/run.json, latency.hlog, *.requests.csv\n{compare}Rerun    {rerun}\n"
    ));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use inflight_lab::{audit::Effort, record::Recorder, workload::Arrivals};
    use inflight_strategies::{rt::Instant, units::Rate};

    /// Books of a round of which so much was stolen, and in which one request ended so.
    fn round(stolen: f64, ending: Ending) -> Record {
        let rate = Rate::per_second(1.0).expect("a rate");
        let workload = Workload::open(Arrivals::Constant(rate), Duration::ZERO, Duration::ZERO);
        let mut record = <Recorder>::new(Instant::ZERO, &workload).close(Instant::ZERO);
        record.endings.insert(ending, 1);
        let (workers, realtime, cpu_ns, busiest_share) = (1, true, 0, 0.0);
        let (stolen_share, stood_still_share) = (Some(stolen), None);
        record.effort =
            Some(Effort { workers, realtime, cpu_ns, busiest_share, stolen_share, stood_still_share });
        record
    }

    #[test]
    fn a_robbed_round_is_measured_again_unless_an_app_was_gone() {
        let share = |records: &[Record]| robbed(records).map(|loss| loss.share);
        let (calm, robbed_one) = (round(0.01, Ending::Completed), round(0.2, Ending::TimedOut));
        assert_eq!(share(&[calm.clone(), robbed_one.clone()]), Some(0.2));
        assert_eq!(robbed(&[calm]), None);
        assert_eq!(robbed(&[robbed_one, round(0.2, Ending::Refused)]), None);
    }
}
