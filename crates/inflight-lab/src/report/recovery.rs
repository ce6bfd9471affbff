//! When an arm was as before, after the phase with the most load.

use crate::experiment::{ArmOutcome, EventKind, ExperimentOutcome};
use std::fmt;

/// After the phase with the most load.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Recovery {
    /// In flight never passed what was usual.
    AtOnce,
    /// It came back to what was usual after so many seconds.
    After(f64),
    /// It had not when the round was over.
    Never,
}

impl fmt::Display for Recovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Recovery::AtOnce => f.write_str("at once"),
            Recovery::After(seconds) => write!(f, "{seconds:.1} s"),
            Recovery::Never => f.write_str("never"),
        }
    }
}

/// From the events of the first round; `None` if no phase had clearly more load than another, or none follows it.
pub(super) fn recovery(experiment: &ExperimentOutcome, arm: &ArmOutcome) -> Option<Recovery> {
    let rates: Vec<f64> = (0..experiment.phases.len()).map(|i| offered_in(experiment, i)).collect();
    let (most, least) =
        rates.iter().fold((0.0, f64::MAX), |(most, least), rate| (rate.max(most), rate.min(least)));
    let last = rates.iter().rposition(|rate| *rate > 0.9 * most).filter(|_| most > 1.25 * least)?;
    let end_ns = experiment.phases[last].to_ns;
    experiment.phases.get(last + 1).filter(|next| next.to_ns > end_ns)?;
    let at =
        |kind: EventKind| arm.events.iter().filter(move |event| event.kind == kind).map(|event| event.at_ns);
    let Some(passed) = at(EventKind::InFlightPassed).next() else { return Some(Recovery::AtOnce) };
    Some(match at(EventKind::InFlightFell).rfind(|fell| *fell > passed) {
        Some(fell) if fell <= end_ns => Recovery::AtOnce,
        Some(fell) => Recovery::After((fell - end_ns) as f64 / 1e9),
        None => Recovery::Never,
    })
}

/// Requests per second that were offered in phase number `phase`: the same for all arms under an open loop.
pub(super) fn offered_in(experiment: &ExperimentOutcome, phase: usize) -> f64 {
    let phase = &experiment.phases[phase];
    let Some(arm) = experiment.arms.first().filter(|arm| arm.timeline.tick_ns > 0) else { return 0.0 };
    let tick = arm.timeline.tick_ns;
    let (from, to) = ((phase.from_ns / tick) as usize, phase.to_ns.div_ceil(tick) as usize);
    let ticks = arm.timeline.offered.iter().skip(from).take(to.saturating_sub(from));
    let length = (phase.to_ns.saturating_sub(phase.from_ns) as f64 / 1e9).max(1e-9);
    ticks.map(|n| f64::from(*n)).sum::<f64>() / length
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::testing::sample;

    #[test]
    fn an_arm_recovers_at_once_later_or_never() {
        let run = sample();
        let experiment = &run.experiments[0];
        let found: Vec<String> = experiment
            .arms
            .iter()
            .map(|arm| recovery(experiment, arm).map_or("–".into(), |recovery| recovery.to_string()))
            .collect();
        assert_eq!(found, ["never", "1.5 s", "at once"]);
        let flat = ExperimentOutcome { phases: Vec::new(), ..experiment.clone() };
        assert_eq!(recovery(&flat, &flat.arms[0]), None);
    }
}
