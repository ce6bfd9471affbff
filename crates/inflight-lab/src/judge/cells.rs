//! Claims about a cell of a sweep: the experiment with other levels, always in virtual time.

use super::Judge;
use crate::{
    census::Census,
    experiment::{Document, Verdict},
    record::Record,
    sim::{Settings, Stuck},
    trial,
};
use std::sync::Arc;

/// Runs the rounds of `document` in virtual time, as far as its hypotheses speak of arms, and judges them.
///
/// # Panics
/// If `document` has no workload.
pub fn judge_virtually(document: &Document) -> Result<Vec<Verdict>, Stuck> {
    let (mut judge, prepared) = Judge::plan(document, document.rounds);
    let named = |name: &str| {
        document.hypotheses.iter().any(|h| h.claim.quantities().any(|quantity| quantity.arm == name))
    };
    let arms: Vec<usize> =
        (0..document.endpoints.len()).filter(|arm| named(&document.endpoints[*arm].name)).collect();
    let workload = document.workload.as_ref().expect("an experiment has a workload");
    for round in 0..document.rounds {
        let seed = document.seed.wrapping_add(u64::from(round));
        let document = Document { seed, ..prepared.clone() };
        let run = |arm: &usize| {
            let census = Census::new(workload, Arc::new(()));
            let (mut record, _) = trial::run(&document, *arm, Settings::default(), census.clone())?;
            census.close(&mut record);
            Ok(record)
        };
        let records: Vec<Record> = arms.iter().map(run).collect::<Result<_, Stuck>>()?;
        let names = arms.iter().map(|arm| document.endpoints[*arm].name.as_str());
        judge.on_round(&names.zip(&records).collect::<Vec<_>>());
    }
    Ok(judge.verdicts())
}
