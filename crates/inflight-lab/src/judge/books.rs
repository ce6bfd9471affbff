//! The books of an experiment, round by round: what its outcome is made of. Memory does not grow with the number of rounds.

use super::Judge;
use crate::{
    experiment::{ArmOutcome, Document, ExperimentOutcome, RoundFigures, Rounds, Validity},
    record::Record,
};

/// The books of an experiment.
#[derive(Debug)]
pub struct Books {
    name: String,
    document: Document,
    judge: Judge,
    planned: u32,
    done: u32,
    arms: Vec<ArmBooks>,
}

/// All rounds of an arm together.
#[derive(Debug)]
struct ArmBooks {
    name: String,
    record: Option<Record>,
    rounds: Vec<RoundFigures>,
}

impl Books {
    /// Of the experiment `document`, called `name`, whose `arms` are to be measured in `planned` rounds. Also the document
    /// with which to measure them: its rounds keep the books that its hypotheses need.
    pub fn open(name: &str, document: &Document, arms: &[usize], planned: u32) -> (Books, Document) {
        let (judge, prepared) = Judge::plan(document, planned);
        let arm = |number: &usize| ArmBooks {
            name: document.endpoints[*number].name.clone(),
            record: None,
            rounds: Vec::new(),
        };
        let arms = arms.iter().map(arm).collect();
        (Books { name: name.into(), document: document.clone(), judge, planned, done: 0, arms }, prepared)
    }

    /// Whether the same arm should be measured twice in each round, to see what differs by chance: where there is something
    /// to judge, and rounds to judge it by.
    pub fn wants_control(&self) -> bool {
        self.planned > 1 && !self.document.hypotheses.is_empty()
    }

    /// The seed of round `round`, from 0.
    pub fn seed(&self, round: u32) -> u64 {
        self.document.seed.wrapping_add(u64::from(round))
    }

    /// Takes the records of the next round, of every arm in their order, and of the first one measured again.
    pub fn on_round(&mut self, records: Vec<Record>, control: Option<&Record>) {
        let books: Vec<(&str, &Record)> =
            self.arms.iter().map(|arm| arm.name.as_str()).zip(&records).collect();
        self.judge.on_round(&books);
        if let (Some(control), Some(first)) = (control, records.first()) {
            self.judge.on_control(first, control);
        }
        self.take(records);
        self.done += 1;
    }

    /// Takes the records of a round that was cut short: they count only if there is no other.
    pub fn on_cut_round(&mut self, records: Vec<Record>) {
        if self.done == 0 {
            self.take(records);
        }
    }

    fn take(&mut self, records: Vec<Record>) {
        let (seed, phases) = (self.seed(self.done), self.document.phases());
        for (arm, record) in self.arms.iter_mut().zip(records) {
            arm.rounds.push(RoundFigures::of(seed, &record, &phases));
            match &mut arm.record {
                Some(all) => all.absorb(&record),
                None => arm.record = Some(record),
            }
        }
    }

    /// Every arm that was measured: its name, and all its rounds together.
    pub fn records(&self) -> Vec<(&str, &Record)> {
        self.arms.iter().filter_map(|arm| Some((arm.name.as_str(), arm.record.as_ref()?))).collect()
    }

    /// What was found so far. Theory, twins and diagnosis are left open.
    pub fn outcome(&self) -> ExperimentOutcome {
        let document = &self.document;
        let workload = document.workload.as_ref().expect("an experiment has a workload");
        let arm = |arm: &ArmBooks| {
            let whole = ArmOutcome::of(&arm.name, arm.record.as_ref()?);
            Some(ArmOutcome { rounds: arm.rounds.clone(), ..whole })
        };
        let arms: Vec<ArmOutcome> = self.arms.iter().filter_map(arm).collect();
        let counted = |arm: &ArmBooks| Some(arm.record.as_ref()?.counted() / arm.rounds.len().max(1) as u32);
        let controls = self.judge.controls();
        let differs = controls.iter().filter(|c| !c.ok && c.name.starts_with("A/A")).map(|c| c.text.clone());
        let problems = arms.iter().flat_map(ArmOutcome::problems).chain(differs).collect();
        let verdicts = self.judge.verdicts();
        ExperimentOutcome {
            name: self.name.clone(),
            question: document.question.clone(),
            source: document.source.clone(),
            seed: document.seed,
            time_scale: document.time_scale,
            workload: workload.to_string(),
            phases: document.phases(),
            warmup_ns: workload.warmup.as_nanos() as u64,
            counted_ns: self.arms.iter().filter_map(counted).max().map_or(0, |d| d.as_nanos() as u64),
            rounds: Rounds { planned: self.planned, done: self.done },
            validity: Validity { problems },
            arms,
            answer: super::say::answer(&verdicts),
            verdicts,
            controls,
            sweep: None,
        }
    }
}
