//! How far each knob, and the traffic, can move before the objective breaks, everything else left as it is.

use super::{
    candidate::{Candidate, Knob},
    effort::Effort,
    objective::Clause,
    problem::{Problem, Trial},
    score::Score,
    search::{FRESH, Round},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// How much more traffic is tried, in per cent of what is asked for.
const MORE: [u32; 9] = [100, 105, 110, 115, 120, 130, 140, 160, 200];
/// How much less, where nothing meets the objective.
const LESS: [u32; 9] = [20, 40, 50, 60, 70, 80, 90, 95, 100];

/// What moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Axis {
    /// A knob of the candidate.
    Knob(Knob),
    /// How much arrives, in per cent of what was asked for.
    Traffic,
}

impl Axis {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Axis::Knob(knob) => knob.name(),
            Axis::Traffic => "traffic",
        }
    }

    /// `value` on it as text.
    pub fn text(self, value: u64) -> String {
        match self {
            Axis::Knob(knob) => knob.text(value),
            Axis::Traffic => format!("{value}%"),
        }
    }
}

/// One step on an axis.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Where.
    pub value: u64,
    /// Whether the objective is met there with every seed.
    pub holds: bool,
    /// The headroom.
    pub headroom: f64,
    /// The clause that is nearest to breaking, or broken the most.
    pub tightest: Clause,
}

/// How far something can move.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Margin {
    /// What moves.
    pub axis: Axis,
    /// Where it stands.
    pub value: u64,
    /// Everything that was tried, the smallest value first.
    pub steps: Vec<Step>,
}

impl Margin {
    /// The steps around the value, without a gap, at which the objective holds; `None` if it doesn't at the value itself.
    fn flat(&self) -> Option<(usize, usize)> {
        let at = self.steps.iter().position(|step| step.value == self.value)?;
        let holds = |i: &usize| self.steps[*i].holds;
        let low = (0..=at).rev().take_while(holds).last()?;
        let high = (at..self.steps.len()).take_while(holds).last()?;
        Some((low, high))
    }

    /// The smallest and the largest value of the flat region: nothing between them breaks the objective.
    pub fn region(&self) -> Option<(u64, u64)> {
        self.flat().map(|(low, high)| (self.steps[low].value, self.steps[high].value))
    }

    /// The largest value at which the objective holds at all.
    pub fn most(&self) -> Option<u64> {
        self.steps.iter().filter(|step| step.holds).map(|step| step.value).max()
    }

    /// The first value below the region that was tried and breaks the objective, and which clause breaks.
    pub fn breaks_below(&self) -> Option<Step> {
        self.flat().and_then(|(low, _)| low.checked_sub(1)).map(|i| self.steps[i])
    }

    /// The same above.
    pub fn breaks_above(&self) -> Option<Step> {
        self.flat().and_then(|(_, high)| self.steps.get(high + 1)).copied()
    }
}

/// What is to be tried around a candidate.
#[derive(Clone, Debug, PartialEq)]
pub struct Scan {
    axes: Vec<(Axis, Levels)>,
    seeds: u64,
}

/// Where an axis stands, and the candidate and the per cent of traffic that this means.
type Levels = Vec<(u64, Candidate, u32)>;

impl Scan {
    /// Around `best`; if that does not meet the objective, only how much less traffic it could hold.
    pub fn around(best: Candidate, is_feasible: bool, problem: &Problem) -> Scan {
        let Effort { seeds: [.., seeds], steps, .. } = problem.effort;
        if !is_feasible {
            return Scan { axes: traffic(best, &LESS, problem).into_iter().collect(), seeds };
        }
        let knob = |knob: Knob| {
            let places: BTreeSet<Candidate> =
                (-steps..=steps).map(|strides| best.moved(knob, step(knob, steps), strides)).collect();
            let levels = places.into_iter().map(|candidate| (candidate.get(knob), candidate, 100)).collect();
            (Axis::Knob(knob), levels)
        };
        let knobs = Knob::ALL.into_iter().map(knob);
        Scan { axes: knobs.chain(traffic(best, &MORE, problem)).collect(), seeds }
    }

    /// Its trials.
    pub fn round(&self) -> Round {
        let places = self.axes.iter().flat_map(|(_, levels)| levels);
        let trials = places.flat_map(|(_, candidate, percent)| {
            let (candidate, percent) = (Some(*candidate), *percent);
            (FRESH..FRESH + self.seeds).map(move |replication| Trial { candidate, percent, replication })
        });
        Round { name: "margins", trials: trials.collect() }
    }

    /// What the trials' scores say, in their order.
    ///
    /// # Panics
    /// If there is not one score for each trial.
    pub fn margins(&self, best: Candidate, problem: &Problem, scores: &[Score]) -> Vec<Margin> {
        let mut chunks = scores.chunks_exact(self.seeds as usize);
        let mut margin = |axis: Axis, levels: &Levels| {
            let step = |(value, ..): &(u64, Candidate, u32)| {
                let standing = problem.standing(chunks.next().expect("one score for each trial"));
                let (holds, headroom) = (standing.is_feasible(), standing.headroom);
                Step { value: *value, holds, headroom, tightest: standing.tightest }
            };
            let steps = levels.iter().map(step).collect();
            let value = match axis {
                Axis::Knob(knob) => best.get(knob),
                Axis::Traffic => 100,
            };
            Margin { axis, value, steps }
        };
        self.axes.iter().map(|(axis, levels)| margin(*axis, levels)).collect()
    }
}

/// The traffic as an axis, where it has a rate.
fn traffic(best: Candidate, percents: &[u32], problem: &Problem) -> Option<(Axis, Levels)> {
    let levels = percents.iter().map(|percent| (u64::from(*percent), best, *percent)).collect();
    problem.can_be_faster().then_some((Axis::Traffic, levels))
}

/// How far apart steps are: `steps` of them reach a quarter and four times the value for a limit, further for the others.
fn step(knob: Knob, steps: i32) -> f64 {
    let reach = match knob {
        Knob::Limit => 4.0,
        Knob::Queue | Knob::Wait => 24.0,
        Knob::Timeout => 5.0,
    };
    libm::pow(reach, 1.0 / f64::from(steps))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn margin(value: u64, steps: &[(u64, bool)]) -> Margin {
        let step = |(value, holds): &(u64, bool)| Step {
            value: *value,
            holds: *holds,
            headroom: 0.0,
            tightest: Clause::Latency,
        };
        Margin { axis: Axis::Knob(Knob::Limit), value, steps: steps.iter().map(step).collect() }
    }

    #[test]
    fn the_region_has_no_gap_and_its_ends_say_where_it_breaks() {
        let gap = margin(20, &[(5, true), (10, false), (15, true), (20, true), (25, true), (30, false)]);
        assert_eq!(gap.region(), Some((15, 25)));
        assert_eq!(gap.breaks_below().map(|step| step.value), Some(10));
        assert_eq!(gap.breaks_above().map(|step| step.value), Some(30));
        let open = margin(20, &[(10, true), (20, true)]);
        assert_eq!((open.region(), open.breaks_below(), open.breaks_above()), (Some((10, 20)), None, None));
        assert_eq!(margin(20, &[(10, true), (20, false)]).region(), None);
    }
}
