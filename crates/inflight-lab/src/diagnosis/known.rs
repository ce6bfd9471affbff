//! What an experiment's file says about an arm before anything is measured.

use super::{Known, Subject, events, findings};
use crate::{
    dependency::{ContentionSpec, Slowdown},
    experiment::{Document, ExperimentOutcome},
    stack::LayerSpec,
    theory::Usl,
};
use inflight_strategies::limit::Permits;

impl Known {
    /// What `document` says about its arm number `arm`.
    pub fn of(document: &Document, arm: usize) -> Known {
        let endpoint = &document.endpoints[arm];
        let limit = [&endpoint.whole, &endpoint.b].into_iter().flatten().find_map(|layer| match layer {
            LayerSpec::Limit(config) => match config.permits {
                Permits::Fixed(permits) => Some(permits),
                Permits::Adaptive(_) => None,
            },
            _ => None,
        });
        let objective = document.workload.as_ref().and_then(|workload| workload.objective);
        Known {
            knee: knee(document.service_b.contention),
            limit,
            objective_ns: objective.map(|objective| objective.as_nanos() as u64),
        }
    }
}

/// In service beyond which capacity grows no more, or falls. Whoever is in service is in flight.
fn knee(contention: ContentionSpec) -> Option<u32> {
    match contention {
        ContentionSpec::None | ContentionSpec::Mutex { .. } => None,
        ContentionSpec::Pool { servers } => Some(servers),
        ContentionSpec::Shared(Slowdown::Sharing { capacity }) => Some(capacity),
        ContentionSpec::Shared(Slowdown::Memory { knee, .. }) => Some(knee),
        ContentionSpec::Shared(Slowdown::Usl { sigma, kappa }) => {
            Usl { sigma, kappa, gamma: 1.0 }.peak().ok().map(|peak| peak as u32)
        }
    }
}

impl ExperimentOutcome {
    /// Sets beside every arm of a run of the experiment `document` what happened in its first round, and what that means.
    pub fn set_diagnosis(&mut self, document: &Document) {
        for arm in &mut self.arms {
            let Some(number) = document.number_of(&arm.name) else { continue };
            let subject = Subject {
                timeline: &arm.timeline,
                phases: &self.phases,
                warmup_ns: self.warmup_ns,
                end_ns: self.warmup_ns + self.counted_ns,
                known: Known::of(document, number),
            };
            let events = events(&subject);
            arm.findings = findings(&subject, &events);
            arm.events = events;
        }
    }
}
