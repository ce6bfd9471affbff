//! Why the limit is where it is: what theory says about the service and its traffic.

use super::{
    candidate::Candidate,
    problem::{Problem, capacity},
};
use crate::{
    dependency::ContentionSpec,
    theory::{Equilibria, equilibria},
};

/// What explains `best`, in sentences without a full stop; figures are those of a fluid, which knows no chance.
pub(super) fn cause(problem: &Problem, best: &Candidate) -> Vec<String> {
    let (rate, load) = (problem.rate, problem.load());
    let mut told = vec![format!(
        "Little's law: {rate:.1}/s of {:.0} ms each keep {load:.1} requests at B when nothing slows them down",
        problem.work * 1e3
    )];
    match capacity(&problem.document.service_b, problem.work) {
        None => told.push(
            "B only sleeps: it has no knee, so no limit makes it faster; the limit bounds what a bad moment can hold".into(),
        ),
        Some((knee, most)) => told.extend(against(problem, best, knee, most)),
    }
    told
}

/// The same for a service that can do `most` per second, with `knee` inside if it is at its best somewhere.
fn against(problem: &Problem, best: &Candidate, knee: Option<f64>, most: f64) -> Vec<String> {
    let (rate, highest) = (problem.rate, problem.highest_rate());
    let mut told = vec![match knee {
        Some(knee) => format!(
            "the knee: B does at most {most:.1}/s, with {knee:.1} inside; the limit of {} lets it do {:.1}/s",
            best.permits,
            throughput(problem, best.permits).unwrap_or(most)
        ),
        None => format!("B does at most {most:.1}/s, whatever the concurrency"),
    }];
    if rate >= most {
        told.push(format!(
            "more arrives than B can do ({:.0} %): the rest must be refused",
            rate / most * 100.0
        ));
    } else if highest >= most {
        told.push(format!(
            "bursts of {highest:.0}/s are more than that: what is too much must wait or be refused"
        ));
    }
    if let ContentionSpec::Shared(slowdown) = problem.document.service_b.contention {
        told.extend(equilibria(slowdown, rate, problem.work).ok().map(|points| settles(&points, best)));
    }
    told
}

/// Where the number inside settles without a limit, and what the limit keeps it from.
fn settles(points: &Equilibria, best: &Candidate) -> String {
    match points.tipping {
        None => format!(
            "without a limit {:.1} inside is where it settles, and always comes back to",
            points.stable
        ),
        Some(tipping) => format!(
            "without a limit {:.1} inside is stable, but beyond the tipping point of {tipping:.0} it grows for ever; a limit of {} {}",
            points.stable,
            best.permits,
            if f64::from(best.permits) < tipping { "never lets it get there" } else { "is beyond it" }
        ),
    }
}

/// What B does per second with `n` inside, if they share its speed.
fn throughput(problem: &Problem, n: u32) -> Option<f64> {
    match problem.document.service_b.contention {
        ContentionSpec::Shared(slowdown) => Some(f64::from(n) * slowdown.rate(n) / problem.work),
        ContentionSpec::Pool { servers } => Some(f64::from(n.min(servers)) / problem.work),
        ContentionSpec::None | ContentionSpec::Mutex { .. } => None,
    }
}
