//! From rounds to verdicts.
//!
//! In each round every arm gets the same requests (common random numbers), so figures are compared round by round: what is
//! left is an effect per round, and the interval of their mean is Student's. A time or a number of one arm alone is that of the
//! middle round, and its interval lies between two of them. Of a single round the interval is that of sectioning: the same
//! figures in ten sections of it. A verdict follows from the interval and the margin, and from nothing
//! else; before all planned rounds are in there is none. Several hypotheses share one error rate by Holm's rule.
//!
//! docs/statistics.md says why, and what was measured about it.

mod cells;
mod decide;
mod evidence;
mod say;
mod view;

pub use cells::judge_virtually;
pub use decide::{CONFIDENCE, Form};
pub use say::answer;

use crate::{
    claim::{Claim, Measured, Shape, Side, Stat, Test, What},
    experiment::{Control, Document, Effect, Hypothesis, Phase, Unit, Verdict},
    record::Record,
    stats::{correlation_time, mser5},
};
use decide::Judged;
use std::{collections::BTreeMap, time::Duration};
use view::{View, returned, stretches};

/// How many sections a single round has (see docs/statistics.md: fewer and longer ones are better than more).
pub const SECTIONS: u32 = 10;
/// A section must be so many times as long as what is in flight is remembered: 50 was enough in a queue at 90 %.
const MEMORIES: f64 = 50.0;
/// A/A: the same arm twice may differ by this share before a run is called invalid.
const SAME: f64 = 0.05;

/// Books of an experiment's hypotheses.
#[derive(Clone, Debug)]
pub struct Judge {
    cases: Vec<Case>,
    phases: Vec<Phase>,
    planned: u32,
    done: u32,
    controls: Vec<Pair>,
    /// In flight by tick, summed over the rounds.
    courses: BTreeMap<String, Vec<f64>>,
    warmup_share: f64,
    is_stationary: bool,
    time_scale: f64,
}

/// A hypothesis and what was measured for it.
#[derive(Clone, Debug)]
struct Case {
    hypothesis: Hypothesis,
    rounds: Vec<Option<Figures>>,
    sections: Vec<Option<Figures>>,
}

/// Both sides of a claim in one round or section.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Figures {
    left: Measured,
    right: Measured,
}

/// One figure of the same arm, measured twice.
#[derive(Clone, Debug)]
struct Pair {
    name: &'static str,
    effects: Vec<f64>,
}

/// What of a claim's arm is watched beside the whole of a round.
fn watched(document: &Document, planned: u32) -> Vec<(Duration, Duration)> {
    let Some(workload) = &document.workload else { return Vec::new() };
    let scopes = document.hypotheses.iter().filter_map(|hypothesis| hypothesis.claim.scope.as_ref());
    let mut all: Vec<(Duration, Duration)> = scopes.flat_map(|scope| stretches(document, scope)).collect();
    all.sort_unstable();
    all.dedup();
    if planned == 1 && !document.hypotheses.is_empty() {
        let length = workload.duration - workload.warmup;
        let edge = |i: u32| workload.warmup + length * i / SECTIONS;
        all.extend((0..SECTIONS).map(|i| (edge(i), edge(i + 1))));
    }
    all
}

impl Judge {
    /// Of the hypotheses of `document`, to be measured in `planned` rounds; also the document whose rounds keep the books that
    /// are needed.
    pub fn plan(document: &Document, planned: u32) -> (Judge, Document) {
        let mut prepared = document.clone();
        if let Some(workload) = &mut prepared.workload {
            workload.watched = watched(document, planned);
        }
        let case = |hypothesis: &Hypothesis| Case {
            hypothesis: hypothesis.clone(),
            rounds: Vec::new(),
            sections: Vec::new(),
        };
        let faults = document.service_a.faults.len() + document.service_b.faults.len();
        let phases = document.phases();
        let warmup_share = document.workload.as_ref().map_or(0.0, |workload| {
            workload.warmup.as_secs_f64() / workload.duration.as_secs_f64().max(1e-9)
        });
        let judge = Judge {
            cases: document.hypotheses.iter().map(case).collect(),
            is_stationary: faults == 0 && phases.is_empty(),
            phases,
            planned,
            done: 0,
            controls: ["p50", "p99", "goodput"].map(|name| Pair { name, effects: Vec::new() }).into(),
            courses: BTreeMap::new(),
            warmup_share,
            time_scale: document.time_scale,
        };
        (judge, prepared)
    }

    /// Whether there is anything to judge.
    pub fn is_idle(&self) -> bool {
        self.cases.is_empty()
    }

    /// Whether any hypothesis speaks of tasks.
    pub fn wants_tasks(&self) -> bool {
        let is_tasks = |what| matches!(what, What::Tasks(_));
        self.cases.iter().any(|case| case.hypothesis.claim.quantities().any(|q| is_tasks(q.what)))
    }

    /// Takes the books of a round, of every arm that was measured.
    pub fn on_round(&mut self, books: &[(&str, &Record)]) {
        let find = |arm: &str| books.iter().find(|(name, _)| *name == arm).map(|(_, record)| *record);
        for case in &mut self.cases {
            let claim = &case.hypothesis.claim;
            case.rounds.push(measure(claim, &self.phases, &find));
            if self.planned == 1 && can_be_sectioned(claim) {
                let section =
                    |i: u32| sides(claim, &|arm| Some(View::part(find(arm)?, section_of(find(arm)?, i)?)));
                case.sections = (0..SECTIONS).map(section).collect();
            }
        }
        for (name, record) in books {
            let course = self.courses.entry((*name).into()).or_default();
            let from = (record.from - record.start()).as_nanos() / record.tick_length().as_nanos();
            let to = (record.to - record.start()).as_nanos() / record.tick_length().as_nanos();
            let counted = record.timeline.iter().take(to as usize).skip(from as usize);
            for (i, tick) in counted.enumerate() {
                match course.get_mut(i) {
                    Some(sum) => *sum += f64::from(tick.in_flight),
                    None => course.push(f64::from(tick.in_flight)),
                }
            }
        }
        self.done += 1;
    }

    /// Takes the books of the same arm, measured twice in a round: the A/A control.
    pub fn on_control(&mut self, one: &Record, two: &Record) {
        let quantile = |record: &Record, q| record.completed.value_at_quantile(q) as f64;
        let figures =
            |record: &Record| [quantile(record, 0.5), quantile(record, 0.99), record.in_time as f64];
        for ((pair, one), two) in self.controls.iter_mut().zip(figures(one)).zip(figures(two)) {
            if one > 0.0 && two > 0.0 {
                pair.effects.push(libm::log(two / one));
            }
        }
    }

    /// The verdicts on all hypotheses.
    pub fn verdicts(&self) -> Vec<Verdict> {
        let judged: Vec<Judged> = self.cases.iter().map(|case| self.judged(case)).collect();
        let chances: Vec<f64> = judged.iter().filter_map(Judged::chance).collect();
        let mut levels = crate::stats::holm(&chances, CONFIDENCE).into_iter();
        judged
            .iter()
            .zip(&self.cases)
            .map(|(judged, case)| {
                let level = judged.chance().and_then(|_| levels.next()).unwrap_or(CONFIDENCE);
                let mut verdict = judged.verdict(&case.hypothesis, level);
                let scaled = [Unit::Ms, Unit::PerSecond, Unit::CountPerSecond];
                let is_scaled = |effect: &Effect| self.time_scale != 1.0 && scaled.contains(&effect.unit);
                if verdict.effect.as_ref().is_some_and(is_scaled) {
                    verdict.why += &format!(" (at time-scale {})", self.time_scale);
                }
                verdict
            })
            .collect()
    }

    fn judged(&self, case: &Case) -> Judged {
        let doubt = match self.planned {
            1 => case.hypothesis.claim.quantities().find_map(|quantity| self.doubt(&quantity.arm)),
            _ => None,
        };
        Judged::of(&case.hypothesis.claim, &case.rounds, &case.sections, (self.done, self.planned), doubt)
    }

    /// Whether in flight of `arm` was steady in the counted time, as far as it should be.
    fn has_settled(&self, arm: &str) -> bool {
        !self.is_stationary || self.courses.get(arm).is_none_or(|course| mser5(course).is_some())
    }

    /// Why sections of a single round of `arm` say nothing, if so.
    fn doubt(&self, arm: &str) -> Option<String> {
        if !self.has_settled(arm) {
            return Some(format!(
                "/{arm} has not settled in this one round, so sections of it say nothing: measure more rounds"
            ));
        }
        let course = self.courses.get(arm)?;
        let memory = correlation_time(course) * f64::from(SECTIONS) / course.len() as f64;
        (memory * MEMORIES > 1.0).then(|| {
            format!(
                "what is in flight in /{arm} is remembered too long for sections of one round: measure more rounds, or one {} times as long",
                if memory.is_finite() { (memory * MEMORIES).ceil().to_string() } else { "many".into() }
            )
        })
    }

    /// What shows whether the rounds can be trusted: the A/A control, and whether the warm-up was long enough.
    pub fn controls(&self) -> Vec<Control> {
        let mut controls: Vec<Control> = self.controls.iter().filter_map(|pair| pair.control()).collect();
        if self.is_stationary && self.done > 0 && !self.cases.is_empty() {
            controls.push(self.warmup());
        }
        controls
    }

    fn warmup(&self) -> Control {
        let unsettled: Vec<String> =
            self.courses.keys().filter(|arm| !self.has_settled(arm)).map(|arm| format!("/{arm}")).collect();
        let text = match &unsettled[..] {
            [] => "every arm has settled when counting begins (MSER-5)".into(),
            arms => format!(
                "{} has not settled (MSER-5): its figures are those of a run of this length, not of a steady state",
                arms.join(", ")
            ),
        };
        let share = ("warmup_share".to_string(), self.warmup_share);
        Control { name: "warm-up".into(), ok: unsettled.is_empty(), text, figures: BTreeMap::from([share]) }
    }
}

impl Pair {
    /// `None` if it was not measured often enough.
    fn control(&self) -> Option<Control> {
        let spread = crate::stats::Spread::of_rounds(&self.effects)?;
        let (low, high) = spread.interval(CONFIDENCE);
        let percent = |x: f64| (libm::exp(x) - 1.0) * 100.0;
        let is_same = low <= libm::log(1.0 + SAME) && high >= libm::log(1.0 - SAME);
        // An interval that reaches beyond both ends could hide a difference of that size.
        let is_noisy = low < libm::log(1.0 - SAME) && high > libm::log(1.0 + SAME);
        let noise = if is_noisy { ": too few rounds, or too short, to see 5 %" } else { "" };
        let text = format!(
            "the same arm twice: {} differs by {:+.1} % ({:+.1} to {:+.1}) over {} rounds{noise}",
            self.name,
            percent(spread.value),
            percent(low),
            percent(high),
            self.effects.len()
        )
        .replace('-', "−");
        let figures = [("value_percent", spread.value), ("low_percent", low), ("high_percent", high)];
        Some(Control {
            name: format!("A/A {}", self.name),
            ok: is_same,
            text,
            figures: figures.map(|(name, x)| (name.to_string(), percent(x))).into(),
        })
    }
}

fn section_of(record: &Record, i: u32) -> Option<&crate::course::Stretch> {
    let first = record.course.stretches.len().checked_sub(SECTIONS as usize)?;
    record.course.stretches.get(first + i as usize)
}

/// Whether a figure of a section is an estimate of the same figure of the whole: a peak and a slope are not.
fn can_be_sectioned(claim: &Claim) -> bool {
    let can = |what| match what {
        What::Latency(stat, _) | What::Wait(stat) => stat != Stat::Max,
        What::InFlight(shape) | What::Tasks(shape) => shape == Shape::Mean,
        What::Goodput | What::Throughput | What::Offered | What::Share(_) => true,
    };
    claim.scope.is_none() && claim.quantities().all(|quantity| can(quantity.what))
}

/// What both sides of `claim` were in a round.
fn measure<'r>(
    claim: &Claim,
    phases: &[Phase],
    find: &dyn Fn(&str) -> Option<&'r Record>,
) -> Option<Figures> {
    if matches!(claim.test, Test::Returns { .. }) {
        let (_, quantity) = claim.left.terms.first()?;
        let is_back = returned(find(&quantity.arm)?, quantity, phases, &claim.test)?;
        let left = Measured::exactly(f64::from(u8::from(is_back)));
        return Some(Figures { left, right: Measured::exactly(0.0) });
    }
    match &claim.scope {
        None => sides(claim, &|arm| find(arm).map(View::whole)),
        Some(scope) => {
            let spans: Vec<(u64, u64)> = spans(phases, scope, find, claim)?;
            let books: BTreeMap<&str, (&Record, crate::course::Stretch)> = claim
                .quantities()
                .filter_map(|q| Some((q.arm.as_str(), (find(&q.arm)?, together(find(&q.arm)?, &spans)?))))
                .collect();
            sides(claim, &|arm| books.get(arm).map(|(record, stretch)| View::part(record, stretch)))
        }
    }
}

/// The stretches of a scope, in nanoseconds since the beginning.
fn spans<'r>(
    phases: &[Phase],
    scope: &crate::claim::Scope,
    find: &dyn Fn(&str) -> Option<&'r Record>,
    claim: &Claim,
) -> Option<Vec<(u64, u64)>> {
    let record = claim.quantities().find_map(|q| find(&q.arm))?;
    let end = (record.to - record.start()).as_nanos() as u64;
    let all: Vec<(u64, u64)> =
        phases.iter().filter(|p| p.name == scope.phase).map(|p| (p.from_ns, p.to_ns)).collect();
    if !scope.is_after {
        return Some(all);
    }
    let next = |i: usize| all.get(i + 1).map_or(end, |(from, _)| *from);
    Some(all.iter().enumerate().map(|(i, (_, to))| (*to, next(i))).collect())
}

/// The books of all these stretches of a round together. In flight by ticks is that of the first.
fn together(record: &Record, spans: &[(u64, u64)]) -> Option<crate::course::Stretch> {
    let of = |stretch: &&crate::course::Stretch| {
        let from = (stretch.from - record.start()).as_nanos() as u64;
        let to = (stretch.to - record.start()).as_nanos() as u64;
        spans.contains(&(from, to))
    };
    let mut matching = record.course.stretches.iter().filter(of);
    let mut first = matching.next()?.clone();
    matching.for_each(|stretch| first.absorb(stretch));
    Some(first)
}

/// Both sides of a comparison: their quantities, without what stands there as a number.
fn sides<'v>(claim: &Claim, view: &dyn Fn(&str) -> Option<View<'v>>) -> Option<Figures> {
    let zero = Measured::exactly(0.0);
    let right = match &claim.test {
        Test::Order { right, .. } | Test::Equal { right, .. } => sum(right, claim.is_ratio(), view)?,
        Test::Inside { .. } | Test::Returns { .. } => zero,
    };
    Some(Figures { left: sum(&claim.left, false, view)?, right })
}

/// The quantities of a side together; `plain`: without their factors, which a ratio has in its margin.
fn sum<'v>(side: &Side, plain: bool, view: &dyn Fn(&str) -> Option<View<'v>>) -> Option<Measured> {
    let mut total = Measured::exactly(0.0);
    for (factor, quantity) in &side.terms {
        let Measured { value, is_lower_bound } = view(&quantity.arm)?.measure(quantity.what)?;
        total.value += if plain { value } else { factor * value };
        total.is_lower_bound |= is_lower_bound;
    }
    Some(total)
}

#[cfg(test)]
mod tests;
