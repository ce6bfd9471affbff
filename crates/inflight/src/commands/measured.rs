//! What `run` and `load` have in common: what becomes of a measurement's books.

use super::library::Source;
use crate::awake::Awake;
use inflight_lab::{
    audit::steal,
    experiment::{
        ArmOutcome, Document, ExperimentOutcome, Phase, RoundFigures, Rounds, RunOutcome, RunWorld, SCHEMA,
        Validity,
    },
    judge::{Judge, answer, judge_virtually},
    record::Record,
    twin::TimerError,
    workload::Workload,
};
use std::time::Duration;

/// The books of one arm: all its rounds together, and the figures of each.
#[derive(Debug)]
pub(super) struct Books {
    pub(super) name: String,
    pub(super) rounds: Vec<RoundFigures>,
    /// Timeline and log are those of the first round.
    pub(super) together: Record,
}

impl Books {
    /// Books whose first round, with this seed, is `record`.
    pub(super) fn open(name: &str, seed: u64, record: Record) -> Books {
        Books { name: name.into(), rounds: vec![RoundFigures::of(seed, &record, &[])], together: record }
    }

    /// Adds a round to the books of the arm `name` in `all`, or opens them.
    fn add(all: &mut Vec<Books>, name: &str, figures: RoundFigures, record: Record) {
        match all.iter_mut().find(|books| books.name == name) {
            Some(books) => {
                books.rounds.push(figures);
                books.together.absorb(&record);
            }
            None => all.push(Books { name: name.into(), rounds: vec![figures], together: record }),
        }
    }

    /// How long was counted in one round.
    fn counted(&self) -> Duration {
        self.together.counted() / self.rounds.len() as u32
    }

    fn outcome(&self) -> ArmOutcome {
        ArmOutcome { rounds: self.rounds.clone(), ..ArmOutcome::of(&self.name, &self.together) }
    }
}

/// An experiment while it is measured, round by round. Memory does not grow with the number of rounds.
#[derive(Debug)]
pub(super) struct Session {
    /// The experiment, so prepared that its rounds keep the books that its hypotheses need.
    pub(super) document: Document,
    /// All rounds so far, by arm.
    pub(super) books: Vec<Books>,
    pub(super) judge: Judge,
    phases: Vec<Phase>,
    rounds: Rounds,
    /// How many rounds were measured again.
    repeated: u32,
}

impl Session {
    pub(super) fn open(document: &Document) -> Session {
        let (judge, prepared) = Judge::plan(document, document.rounds);
        Session {
            phases: document.phases(),
            document: prepared,
            books: Vec::new(),
            judge,
            rounds: Rounds { planned: document.rounds, done: 0 },
            repeated: 0,
        }
    }

    /// Whether the first arm is to be measured twice in each round: where there is something to judge, and rounds to judge
    /// it by.
    pub(super) fn wants_control(&self) -> bool {
        self.document.control && self.rounds.planned > 1 && !self.judge.is_idle()
    }

    /// The seed of round `number`, from 0.
    pub(super) fn seed(&self, number: u32) -> u64 {
        self.document.seed.wrapping_add(u64::from(number))
    }

    /// Takes the next round: every arm by its name, and the first arm measured again.
    pub(super) fn on_round(&mut self, records: Vec<(&str, Record)>, control: Option<(&Record, &str)>) {
        let books: Vec<(&str, &Record)> = records.iter().map(|(name, record)| (*name, record)).collect();
        self.judge.on_round(&books);
        if let Some((again, name)) = control {
            books
                .iter()
                .filter(|(arm, _)| *arm == name)
                .for_each(|(_, one)| self.judge.on_control(one, again));
        }
        self.take(records);
        self.rounds.done += 1;
    }

    /// A round was measured, and will be again instead of being taken.
    pub(super) fn on_repeat(&mut self) {
        self.repeated += 1;
    }

    /// Takes a round that was cut short: it counts only if there is no other, for it is not of the same length.
    pub(super) fn on_cut_round(&mut self, records: Vec<(&str, Record)>) {
        if self.rounds.done == 0 {
            self.take(records);
        }
    }

    fn take(&mut self, records: Vec<(&str, Record)>) {
        let seed = self.seed(self.rounds.done);
        for (name, record) in records {
            let figures = RoundFigures::of(seed, &record, &self.phases);
            Books::add(&mut self.books, name, figures, record);
        }
        self.books.sort_by_key(|books| self.document.number_of(&books.name));
    }

    /// What was found; twins are left open. Claims about cells are judged now, if all rounds are done.
    pub(super) fn outcome(&self, source: &Source) -> anyhow::Result<ExperimentOutcome> {
        let mut outcome = Subject::of(source).outcome(&self.books, self.rounds);
        outcome.phases = self.phases.clone();
        outcome.verdicts = self.judge.verdicts();
        if self.rounds.done == self.rounds.planned {
            for cell in source.cells()? {
                for verdict in judge_virtually(&cell)? {
                    let asked = outcome.verdicts.iter_mut().filter(|asked| asked.name == verdict.name);
                    asked.for_each(|asked| *asked = verdict.clone());
                }
            }
        }
        outcome.answer = match &self.document.answer {
            Some(answer) => Some(answer.of(&outcome, &self.document.hypotheses)),
            None => answer(&outcome.verdicts),
        };
        outcome.controls = self.judge.controls();
        outcome.controls.extend(steal(&outcome.arms, self.repeated));
        let differs = outcome.controls.iter().filter(|c| !c.ok && c.name.starts_with("A/A"));
        outcome.validity.problems.extend(differs.map(|control| control.text.clone()));
        outcome.set_known(&source.document);
        outcome.set_diagnosis(&source.document);
        Ok(outcome)
    }
}

/// What a run was: everything but its experiments.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) id: String,
    pub(super) started_unix_s: u64,
    /// Where: see [`machine`].
    pub(super) machine: String,
    pub(super) world: RunWorld,
    pub(super) timers: Option<TimerError>,
    /// The command that repeats it, if no file is needed.
    pub(super) rerun: Option<String>,
}

impl Run {
    /// With its experiments.
    pub(super) fn outcome(self, experiments: Vec<ExperimentOutcome>, complete: bool) -> RunOutcome {
        RunOutcome {
            schema: SCHEMA,
            id: self.id,
            version: env!("CARGO_PKG_VERSION").into(),
            started_unix_s: self.started_unix_s,
            machine: self.machine,
            world: self.world,
            timers: self.timers,
            rerun: self.rerun,
            complete,
            validity: Validity::of_all(&experiments),
            experiments,
        }
    }
}

/// What an experiment was: everything but what was measured.
#[derive(Clone, Debug)]
pub(super) struct Subject<'a> {
    pub(super) name: &'a str,
    pub(super) question: Option<&'a str>,
    pub(super) source: Option<&'a str>,
    pub(super) seed: u64,
    pub(super) time_scale: f64,
    pub(super) workload: &'a Workload,
}

impl<'a> Subject<'a> {
    /// The experiment in `source`.
    pub(super) fn of(source: &'a Source) -> Subject<'a> {
        let document = &source.document;
        Subject {
            name: &source.name,
            question: document.question.as_deref(),
            source: document.source.as_deref(),
            seed: document.seed,
            time_scale: document.time_scale,
            workload: document.workload.as_ref().expect("only experiments get here"),
        }
    }

    /// Sums the books of every arm up.
    pub(super) fn outcome(self, books: &[Books], rounds: Rounds) -> ExperimentOutcome {
        let arms: Vec<ArmOutcome> = books.iter().map(Books::outcome).collect();
        ExperimentOutcome {
            name: self.name.into(),
            question: self.question.map(str::to_string),
            source: self.source.map(str::to_string),
            seed: self.seed,
            time_scale: self.time_scale,
            workload: self.workload.to_string(),
            objective_ns: self.workload.objective.map(|objective| objective.as_nanos() as u64),
            phases: Vec::new(),
            warmup_ns: self.workload.warmup.as_nanos() as u64,
            counted_ns: books.iter().map(|books| books.counted().as_nanos() as u64).max().unwrap_or(0),
            rounds,
            validity: Validity::of(&arms),
            arms,
            verdicts: Vec::new(),
            controls: Vec::new(),
            sweep: None,
            answer: None,
        }
    }
}

/// This machine in a few words, and whether its processors are kept from halting.
pub(super) fn machine(awake: &Awake) -> String {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let system = rustix::system::uname();
    let text = |c: &std::ffi::CStr| c.to_string_lossy().into_owned();
    let awake = if awake.keeps() { ", kept awake" } else { "" };
    format!("{processors} processors{awake}, {} {}", text(system.sysname()), text(system.release()))
}
