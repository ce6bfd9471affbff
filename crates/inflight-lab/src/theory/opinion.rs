//! What theory says about a service in its surroundings: the third opinion beside a live and a virtual run.

use super::{
    NotApplicable, Value,
    catalogue::{Formula, LITTLE},
    not_applicable::Result,
    queued::{self, Queue},
    unqueued,
};
use crate::{
    dependency::{ContentionSpec, Profile, Slowdown},
    stack::LayerSpec,
    workload::Arrivals,
};
use inflight_strategies::{limit, queue};

/// What a formula says about one quantity.
#[derive(Clone, Copy, Debug)]
pub struct Opinion {
    /// About what.
    pub quantity: Quantity,
    /// What it says, or why it says nothing.
    pub answer: Result<Value>,
    /// How exact that is, if the formula's domain is kept to.
    pub accuracy: Accuracy,
    /// Which formula: its name, domain and source.
    pub formula: &'static Formula,
}

/// What an opinion is about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Quantity {
    /// Arriving work over capacity.
    Utilisation,
    /// The mean number of requests inside.
    InFlight,
    /// The share of requests that waits.
    WaitProbability,
    /// The mean wait of those that are let in.
    MeanWait,
    /// The wait that this share of requests does not exceed.
    WaitQuantile(f64),
    /// The mean latency of good answers.
    MeanLatency,
    /// The latency that this share of good answers does not exceed.
    LatencyQuantile(f64),
    /// The share that is rejected because the queue is full.
    Rejected,
    /// The share that gives up: in the queue, or because of a timeout.
    TimedOut,
    /// Good answers per second.
    Goodput,
    /// The number inside beyond which it grows for ever.
    TippingPoint,
    /// The highest throughput per second that the dependency can have, and never exceeds.
    Capacity,
}

/// How exact a formula is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accuracy {
    /// Exact in a steady state.
    Exact,
    /// An approximation; how far off it was where it was checked.
    Within(&'static str),
    /// A fluid view, which knows no chance.
    Fluid,
}

/// The percentiles that opinions are about.
pub const ORDERS: [f64; 3] = [0.5, 0.95, 0.99];

/// A service, what arrives and what is in front of it.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    /// How requests arrive.
    pub arrivals: &'a Arrivals,
    /// The service.
    pub service: &'a Profile,
    /// The layers around it, outermost first.
    pub layers: &'a [LayerSpec],
}

/// All that theory has to say about a situation, or why it has nothing to say at all.
pub fn opinions(situation: &Situation<'_>) -> Result<Vec<Opinion>> {
    let system = system(situation)?;
    let service = situation.service;
    if let (System::Unlimited, Arrivals::Constant(rate)) = (system, situation.arrivals) {
        // Without a queue the order of arrivals does not matter.
        return Ok(unqueued::sleeping(service, rate.as_per_second()));
    }
    let Arrivals::Poisson(rate) = situation.arrivals else { return Err(NotApplicable::NotPoisson) };
    let rate = rate.as_per_second();
    match system {
        System::Unlimited => Ok(unqueued::sleeping(service, rate)),
        System::Queue(queue) => queued::queue(queue, service, rate),
        System::Lock { hold } => queued::lock(hold, service, rate),
        System::Sharing { processors } => unqueued::sharing(processors, service, rate),
        System::Tipping(slowdown) => unqueued::tipping(slowdown, service, rate),
    }
}

/// What kind of system a situation is.
#[derive(Clone, Copy)]
enum System {
    Unlimited,
    Queue(Queue),
    Lock { hold: f64 },
    Sharing { processors: u32 },
    Tipping(Slowdown),
}

fn system(situation: &Situation<'_>) -> Result<System> {
    if !situation.service.faults.is_empty() {
        return Err(NotApplicable::NoFormula(
            "the service has scheduled faults: it is not in a steady state",
        ));
    }
    let contention = situation.service.contention;
    let limit = match situation.layers {
        [] => return Ok(alone(contention)),
        [LayerSpec::Limit(config)] => config,
        _ => return Err(NotApplicable::NoFormula("more is in front of the service than one limit")),
    };
    let harmless = match contention {
        ContentionSpec::None => u32::MAX,
        ContentionSpec::Pool { servers } => servers,
        ContentionSpec::Mutex { .. } => 1,
        ContentionSpec::Shared(Slowdown::Sharing { capacity }) => capacity,
        ContentionSpec::Shared(Slowdown::Memory { knee, .. }) => knee,
        ContentionSpec::Shared(Slowdown::Usl { .. }) => 1,
    };
    let line = Line::of(limit)?;
    if line.permits <= harmless {
        return Ok(System::Queue(line.behind(line.permits)));
    }
    match contention {
        // Where requests wait, in front of the limit or of the pool, does not matter; both are first come, first served.
        ContentionSpec::Pool { servers } if limit.max_wait.is_none() => {
            Ok(System::Queue(line.behind(servers)))
        }
        _ => Err(NotApplicable::NoFormula(
            "the limit lets in more than the dependency serves without a slowdown",
        )),
    }
}

fn alone(contention: ContentionSpec) -> System {
    match contention {
        ContentionSpec::None => System::Unlimited,
        ContentionSpec::Pool { servers } => {
            System::Queue(Queue { servers, places: None, max_wait: None, errors_wait: false })
        }
        ContentionSpec::Mutex { hold } => System::Lock { hold: hold.as_secs_f64() },
        ContentionSpec::Shared(Slowdown::Sharing { capacity }) => System::Sharing { processors: capacity },
        ContentionSpec::Shared(slowdown) => System::Tipping(slowdown),
    }
}

/// A limit that is a number and a line.
struct Line {
    permits: u32,
    /// How many may wait, if that is bounded.
    places: Option<u32>,
    max_wait: Option<f64>,
}

impl Line {
    fn of(limit: &limit::Config) -> Result<Line> {
        let limit::Permits::Fixed(permits) = limit.permits else {
            return Err(NotApplicable::NoFormula("the limit moves"));
        };
        let places = match limit.queue.bound {
            queue::Bound::Bounded(places) => Some(places),
            queue::Bound::Unbounded => None,
            queue::Bound::Little(_) => return Err(NotApplicable::NoFormula("the queue's bound moves")),
        };
        if !limit.queue.is_plain() || !limit.partitions.is_empty() {
            return Err(NotApplicable::NoFormula("the limit's line is more than first come, first served"));
        }
        Ok(Line { permits, places, max_wait: limit.max_wait.map(|wait| wait.as_secs_f64()) })
    }

    /// The queue in front of something that serves so many at once.
    fn behind(&self, servers: u32) -> Queue {
        let places = self.places.map(|places| places.saturating_add(self.permits - servers));
        Queue { servers, places, max_wait: self.max_wait, errors_wait: true }
    }
}

/// An opinion that is exact.
pub(super) fn exact(quantity: Quantity, formula: &'static Formula, answer: Result<Value>) -> Opinion {
    Opinion { quantity, answer, accuracy: Accuracy::Exact, formula }
}

/// The mean number inside by Little's law, as exact as the mean time inside.
pub(super) fn in_flight(accuracy: Accuracy, rate: f64, inside: Result<f64>) -> Opinion {
    let answer = inside.map(|seconds| Value::Count(rate * seconds));
    Opinion { quantity: Quantity::InFlight, answer, accuracy, formula: &LITTLE }
}

#[cfg(test)]
mod tests {
    use super::super::testing::agrees;
    use super::*;
    use crate::dependency::Latency;
    use inflight_strategies::{
        queue::Bound,
        units::{Rate, Ratio},
    };
    use std::time::Duration;

    fn exponential(contention: ContentionSpec) -> Profile {
        let latency = Latency::Exponential(Duration::from_millis(100));
        Profile { latency, stragglers: None, errors: Ratio::ZERO, contention, faults: Vec::new() }
    }

    fn about(service: &Profile, per_second: f64, layers: &[LayerSpec]) -> Result<Vec<Opinion>> {
        let arrivals = Arrivals::Poisson(Rate::per_second(per_second).expect("a rate"));
        opinions(&Situation { arrivals: &arrivals, service, layers })
    }

    #[track_caller]
    fn says(all: &[Opinion], quantity: Quantity) -> f64 {
        let one = all.iter().find(|opinion| opinion.quantity == quantity).expect("an opinion");
        one.answer.expect("applicable").number()
    }

    fn limit(permits: u32, bound: Bound, max_wait: Option<u64>) -> LayerSpec {
        let max_wait = max_wait.map(Duration::from_millis);
        LayerSpec::Limit(Box::new(limit::Config { max_wait, ..limit::Config::fixed(permits, bound) }))
    }

    #[test]
    fn a_limit_in_front_of_a_sleeping_service_is_a_pool() {
        let pool = about(&exponential(ContentionSpec::Pool { servers: 20 }), 180.0, &[]).unwrap();
        let twenty = limit(20, Bound::Bounded(10_000), None);
        let limited = about(&exponential(ContentionSpec::None), 180.0, &[twenty]).unwrap();
        for (quantity, printed) in [
            (Quantity::InFlight, "22.957"),
            (Quantity::WaitProbability, "0.550769"),
            (Quantity::MeanWait, "0.0275385"),
            (Quantity::WaitQuantile(0.99), "0.200437"),
            (Quantity::LatencyQuantile(0.99), "0.504162"),
        ] {
            agrees(says(&pool, quantity), printed);
            agrees(says(&limited, quantity), printed);
        }
    }

    #[test]
    fn bounds_of_queue_and_wait_are_seen() {
        let service = exponential(ContentionSpec::None);
        let places = about(&service, 240.0, &[limit(20, Bound::Bounded(20), None)]).unwrap();
        agrees(says(&places, Quantity::Rejected), "0.168210");
        let wait = about(&service, 240.0, &[limit(20, Bound::Unbounded, Some(100))]).unwrap();
        agrees(says(&wait, Quantity::TimedOut), "0.167747");
        agrees(says(&wait, Quantity::Goodput), "199.741");
        let both = about(&service, 240.0, &[limit(20, Bound::Bounded(5), Some(100))]);
        assert!(matches!(both, Err(NotApplicable::NoFormula(_))));
    }

    #[test]
    fn service_b_behind_twenty_permits_has_no_steady_state_at_30_per_second() {
        let twenty = [limit(20, Bound::Unbounded, None)];
        let over = about(&Profile::service_b(), 30.0, &twenty);
        assert!(
            matches!(over, Err(NotApplicable::Unstable { utilisation }) if (utilisation - 1.06875).abs() < 1e-9)
        );
        // A bound of the queue makes it steady, but nobody has a formula for that.
        let bounded = about(&Profile::service_b(), 30.0, &[limit(20, Bound::Bounded(10), None)]);
        assert_eq!(bounded.map(drop), Err(NotApplicable::NotExponential));
        let below = about(&Profile::service_b(), 24.0 / 0.95, &twenty).unwrap();
        agrees(says(&below, Quantity::MeanWait), "0.120508");
        // Little: all wait, 95 % of them work.
        agrees(says(&below, Quantity::InFlight) - 24.0 / 0.95 * says(&below, Quantity::MeanWait), "18.0000");
    }

    #[test]
    fn contention_of_every_kind_has_an_opinion() {
        let b = |contention| Profile { contention, ..Profile::service_b() };
        let sleeping = about(&b(ContentionSpec::None), 40.0, &[]).unwrap();
        agrees(says(&sleeping, Quantity::InFlight), "28.500");
        let shared =
            about(&b(ContentionSpec::Shared(Slowdown::Sharing { capacity: 20 })), 24.0 / 0.95, &[]).unwrap();
        agrees(says(&shared, Quantity::MeanLatency), "0.956538");
        let usl = Slowdown::Usl { sigma: 0.0, kappa: 0.002 };
        let usl = about(&b(ContentionSpec::Shared(usl)), 15.0, &[]).unwrap();
        agrees(says(&usl, Quantity::TippingPoint), "32");
        let hold = Duration::from_millis(30);
        let lock = about(&b(ContentionSpec::Mutex { hold }), 30.0 / 0.95, &[]).unwrap();
        // M/D/1 at 90 %: nine halves of the hold.
        agrees(says(&lock, Quantity::MeanWait), "0.13500");
        agrees(says(&lock, Quantity::MeanLatency), "0.88500");
        let one = about(&b(ContentionSpec::Pool { servers: 1 }), 0.8 / 0.75 / 0.95, &[]).unwrap();
        agrees(says(&one, Quantity::WaitQuantile(0.99)), "8.78097");
    }

    #[test]
    fn arrivals_that_are_not_poisson_have_no_wait_but_a_number_in_flight() {
        let arrivals = Arrivals::Constant(Rate::per_second(24.0).expect("a rate"));
        let about = |service| opinions(&Situation { arrivals: &arrivals, service, layers: &[] });
        let pool = exponential(ContentionSpec::Pool { servers: 20 });
        assert_eq!(about(&pool).map(drop), Err(NotApplicable::NotPoisson));
        let b = Profile::service_b();
        agrees(says(&about(&b).unwrap(), Quantity::InFlight), "17.100");
    }
}
