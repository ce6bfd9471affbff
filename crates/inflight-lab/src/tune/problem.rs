//! What is to be solved: a service under traffic, and what is asked of it.

use super::{
    candidate::{Candidate, unlimited},
    effort::Effort,
    objective::Objective,
    score::{Score, Standing},
};
use crate::{
    call::Sink,
    dependency::{ContentionSpec, Profile},
    experiment::Document,
    sim::{Settings, Stuck},
    theory::{NotApplicable, ServiceTime, peak},
    trial,
    workload::{Arrivals, Bursts, Traffic, When, Workload},
};
use inflight_strategies::units::Rate;
use std::{fmt, sync::Arc, time::Duration};

/// A trial sees so many bursts, at least.
const BURSTS: u32 = 3;
/// The most requests that a trial may offer.
pub const MAX_REQUESTS: f64 = 20_000.0;
/// How often tasks may be polled per offered request: a hundred times what any candidate needs.
const POLLS: f64 = 10_000.0;

/// A service under traffic, and what is asked of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// The services, the traffic and how long it lasts; the arms are those of the trials.
    pub document: Document,
    /// What is asked.
    pub objective: Objective,
    /// The mean work of an arriving request in seconds, those that fail at once included.
    pub work: f64,
    /// Arrivals per second, on average.
    pub rate: f64,
    /// What a search may cost.
    pub effort: Effort,
}

/// One run of one candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trial {
    /// Which; `None`: without any limit.
    pub candidate: Option<Candidate>,
    /// How many hundredths of the traffic's rate arrive.
    pub percent: u32,
    /// Decides, with the document's seed, everything random.
    pub replication: u64,
}

/// Why there is nothing to solve.
#[derive(Clone, Debug, PartialEq)]
pub enum Unsolvable {
    /// It has no arrivals of its own: users wait for answers.
    ClosedLoop,
    /// Its service has no mean to plan with.
    NoMean(NotApplicable),
    /// No limit can make up for the calls that the service fails by itself.
    FailsTooOften {
        /// The goodput if nothing else is lost.
        ceiling: f64,
        /// What is asked.
        goodput: f64,
    },
    /// A trial would have to be too long.
    TooLong {
        /// The requests that it would offer.
        requests: f64,
    },
}

impl fmt::Display for Unsolvable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unsolvable::ClosedLoop => {
                f.write_str("users wait for their answers, so there is no rate to hold: say one with --rate")
            }
            Unsolvable::NoMean(why) => write!(f, "service B's work cannot be planned with: {why}"),
            Unsolvable::FailsTooOften { ceiling, goodput } => write!(
                f,
                "B fails {:.3} % of its calls by itself, so at most {:.3} % can be good, whatever the limit: goodput >= {:.3} % leaves no room",
                (1.0 - ceiling) * 100.0,
                ceiling * 100.0,
                goodput * 100.0
            ),
            Unsolvable::TooLong { requests } => write!(
                f,
                "one trial would offer {requests:.0} requests to see {BURSTS} bursts, at most {MAX_REQUESTS:.0}: let bursts come more often"
            ),
        }
    }
}

impl std::error::Error for Unsolvable {}

impl Problem {
    /// How to ask `objective` of the services of `document` under its traffic. Steady traffic lasts as long as the statistics
    /// want it to; traffic that follows a plan lasts as long as the plan.
    ///
    /// # Panics
    /// If `document` has no workload.
    pub fn new(mut document: Document, objective: Objective, effort: Effort) -> Result<Problem, Unsolvable> {
        let b = &document.service_b;
        let mean = ServiceTime::from(b).mean().map_err(Unsolvable::NoMean)?;
        let (work, ceiling) = (mean * (1.0 - b.errors.value()), 1.0 - b.errors.value());
        let goodput = objective.goodput.value();
        if goodput >= ceiling {
            return Err(Unsolvable::FailsTooOften { ceiling, goodput });
        }
        let workload = document.workload.as_mut().expect("an experiment has a workload");
        let rate = workload.rate().ok_or(Unsolvable::ClosedLoop)?.as_per_second();
        lasting(workload, (rate, mean), effort.requests);
        let requests = workload.duration.as_secs_f64() * rate;
        if requests > MAX_REQUESTS {
            return Err(Unsolvable::TooLong { requests });
        }
        Ok(Problem { document, objective, work, rate, effort })
    }

    /// The goodput if nothing is lost but what B fails by itself.
    pub fn ceiling(&self) -> f64 {
        1.0 - self.document.service_b.errors.value()
    }

    /// Requests that would be at B at once if nothing slowed them down, by Little's law.
    pub fn load(&self) -> f64 {
        self.rate * self.work
    }

    /// The highest rate in the traffic, bursts included, if it has a steady one.
    pub fn highest_rate(&self) -> f64 {
        match self.arrivals() {
            Arrivals::Bursts(bursts) => bursts.burst.as_per_second().max(bursts.base.as_per_second()),
            arrivals => arrivals.rate().as_per_second(),
        }
    }

    /// How its requests arrive.
    pub fn arrivals(&self) -> &Arrivals {
        match &self.workload().traffic {
            Traffic::Open(arrivals) => arrivals,
            Traffic::Closed(_) => unreachable!("refused when it was made"),
        }
    }

    /// What is offered in a trial.
    pub fn workload(&self) -> &Workload {
        self.document.workload.as_ref().expect("an experiment has a workload")
    }

    /// Whether it has rates that can be raised in a trial.
    pub fn can_be_faster(&self) -> bool {
        !matches!(self.arrivals(), Arrivals::OnOff(_) | Arrivals::Recorded(_))
    }

    /// Runs `trial` in a virtual world.
    pub fn run(&self, trial: &Trial) -> Result<Score, Stuck> {
        let document = self.posed(trial);
        let most = document.workload.as_ref().map_or(0.0, |w| w.duration.as_secs_f64()) * self.rate;
        let polls = POLLS * (most * f64::from(trial.percent) / 100.0 + 1000.0);
        let settings = Settings { max_polls: polls as u64, ..Settings::default() };
        let sink: Arc<dyn Sink> = Arc::new(());
        let (record, _) = trial::run(&document, 0, settings, sink)?;
        Ok(Score::of(&record, self.objective.order, self.document.service_b.errors.value()))
    }

    /// The experiment of `trial`, with one arm.
    fn posed(&self, trial: &Trial) -> Document {
        let mut document = self.document.clone();
        document.seed = document.seed.wrapping_add(trial.replication);
        let endpoint = trial.candidate.map_or_else(|| unlimited("unlimited"), |c| c.endpoint());
        document.endpoints = vec![endpoint];
        if trial.percent != 100 {
            let workload = document.workload.as_mut().expect("an experiment has a workload");
            faster(workload, f64::from(trial.percent) / 100.0);
        }
        document
    }

    /// Sums up what a candidate did.
    pub fn standing(&self, scores: &[Score]) -> Standing {
        Standing::of(scores, &self.objective, self.ceiling())
    }
}

/// Sets how long `workload` lasts.
fn lasting(workload: &mut Workload, (rate, mean): (f64, f64), requests: f64) {
    let Traffic::Open(arrivals) = &workload.traffic else { return };
    let is_plan = matches!(
        arrivals,
        Arrivals::Stages { .. } | Arrivals::Recorded(_) | Arrivals::Bursts(Bursts { when: When::At(_), .. })
    );
    if is_plan {
        return;
    }
    let mut counted = (requests / rate).max(20.0 * mean);
    if let Arrivals::Bursts(Bursts { when: When::Every(every), .. }) = arrivals {
        counted = counted.max(f64::from(BURSTS) * every.as_secs_f64());
    }
    let warmup = (counted / 10.0).max(4.0 * mean);
    let neat = |seconds: f64| Duration::from_millis((seconds * 1e3).ceil() as u64);
    (workload.duration, workload.warmup) = (neat(counted + warmup), neat(warmup));
}

/// Lets `factor` times as many requests arrive, in the same pattern, where there is a rate that says how many.
fn faster(workload: &mut Workload, factor: f64) {
    let Traffic::Open(arrivals) = &mut workload.traffic else { return };
    let by = |rate: Rate| Rate::per_second(rate.as_per_second() * factor).unwrap_or(rate);
    match arrivals {
        Arrivals::Constant(rate) | Arrivals::Poisson(rate) | Arrivals::Renewal(rate, _) => *rate = by(*rate),
        Arrivals::Bursts(bursts) => (bursts.base, bursts.burst) = (by(bursts.base), by(bursts.burst)),
        Arrivals::Stages { stages, .. } => stages.iter_mut().for_each(|stage| stage.rate = by(stage.rate)),
        Arrivals::OnOff(_) | Arrivals::Recorded(_) => {}
    }
}

/// What B can do at best, per second, and with how many inside; `None` if nothing bounds it.
pub(super) fn capacity(b: &Profile, work: f64) -> Option<(Option<f64>, f64)> {
    match b.contention {
        ContentionSpec::None => None,
        ContentionSpec::Pool { servers } => Some((Some(servers.into()), f64::from(servers) / work)),
        ContentionSpec::Mutex { hold } => {
            Some((None, 1.0 / hold.as_secs_f64() / (1.0 - b.errors.value()).max(1e-9)))
        }
        ContentionSpec::Shared(slowdown) => peak(slowdown, work).ok(),
    }
}
