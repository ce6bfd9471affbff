//! `[[hypothesis]]` in a file: what is claimed before anything is measured.

use super::{
    outcome::{Phase, VerdictKind},
    reader::Value,
    spec::Document,
};
use crate::{
    claim::{Claim, Names},
    workload::{NamedStretch, Workload},
};
use std::collections::BTreeSet;

/// The most hypotheses of an experiment.
pub const MAX_HYPOTHESES: usize = 100;

/// A claim with its name.
#[derive(Clone, Debug, PartialEq)]
pub struct Hypothesis {
    /// Its name, such as `H1`.
    pub name: String,
    /// The claim as it was written.
    pub text: String,
    /// The claim as a plain sentence: the file's own, or made from the claim.
    pub title: String,
    /// The claim, in the run's own scale.
    pub claim: Claim,
    /// What its author expects of it.
    pub expected: VerdictKind,
}

/// Reads `[[hypothesis]]`; `arms` are the names of the arms.
pub(super) fn hypotheses(
    value: &Value<'_, '_>,
    arms: &[&str],
    phases: Option<&[NamedStretch]>,
) -> Option<Vec<Hypothesis>> {
    let list = value.list()?;
    if list.len() > MAX_HYPOTHESES {
        value.wrong("at most 100 hypotheses");
    }
    let names =
        |phases: &'_ [NamedStretch]| -> BTreeSet<String> { phases.iter().map(|p| p.name.clone()).collect() };
    let known = phases.map(names);
    let phases: Option<Vec<&str>> = known.as_ref().map(|known| known.iter().map(String::as_str).collect());
    let mut taken = BTreeSet::new();
    let names = Names { arms, phases: phases.as_deref() };
    let read: Vec<Option<Hypothesis>> = list.iter().map(|v| hypothesis(v, names, &mut taken)).collect();
    read.into_iter().collect()
}

fn hypothesis(value: &Value<'_, '_>, names: Names<'_>, taken: &mut BTreeSet<String>) -> Option<Hypothesis> {
    let mut table = value.table("[[hypothesis]]")?;
    let name = table.required("name").and_then(|v| {
        let name = v.string()?;
        if name.is_empty() || name.len() > 40 || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        {
            v.wrong("1 to 40 letters, digits and -");
            return None;
        }
        if !taken.insert(name.into()) {
            v.problem(format!("the name `{name}` is taken"), "another hypothesis has it already");
        }
        Some(name)
    });
    let claim = table.required("claim").and_then(|v| {
        let text = v.string()?;
        let read = Claim::read(text, names);
        read.map_err(|mistakes| mistakes.into_iter().for_each(|mistake| v.mistake(text, mistake)))
            .ok()
            .map(|c| (text, c))
    });
    let title = table.optional("title").map(|v| v.string());
    let expected = table.optional("expect").map_or(Some(VerdictKind::Holds), |v| verdict(&v));
    table.finish();
    let (text, claim) = claim?;
    let title = title.map_or_else(|| Some(claim.sentence()), |title| title.map(str::to_string))?;
    Some(Hypothesis { name: name?.into(), text: text.into(), title, claim, expected: expected? })
}

fn verdict(value: &Value<'_, '_>) -> Option<VerdictKind> {
    let word = value.string()?;
    let found = VerdictKind::ALL.into_iter().find(|kind| kind.to_string() == word);
    if found.is_none() {
        value.wrong("\"holds\", \"refuted\" or \"undecided\"");
    }
    found
}

/// The phases of an experiment: those of its workload, and for each fault `fault` and `after-fault`.
pub(super) fn phases<'a>(
    workload: &Workload,
    faults: impl Iterator<Item = &'a crate::dependency::ScheduledFault>,
) -> Vec<NamedStretch> {
    let mut phases = workload.phases();
    for fault in faults.filter(|fault| fault.at < workload.duration) {
        let over = (fault.at + fault.length).min(workload.duration);
        phases.push(NamedStretch::new("fault", fault.at, over));
        if over < workload.duration {
            phases.push(NamedStretch::new("after-fault", over, workload.duration));
        }
    }
    // What is not counted belongs to no phase.
    phases.iter_mut().for_each(|phase| phase.from = phase.from.max(workload.warmup));
    phases.retain(|phase| phase.from < phase.to);
    phases.sort_by_key(|phase| (phase.from, phase.to));
    phases
}

impl Document {
    /// Named stretches of the workload, in order of their beginning.
    pub fn phases(&self) -> Vec<Phase> {
        let faults = self.service_a.faults.iter().chain(&self.service_b.faults);
        let all = self.workload.iter().flat_map(|workload| phases(workload, faults.clone()));
        let phase = |p: NamedStretch| Phase {
            name: p.name,
            from_ns: p.from.as_nanos() as u64,
            to_ns: p.to.as_nanos() as u64,
        };
        all.map(phase).collect()
    }
}
