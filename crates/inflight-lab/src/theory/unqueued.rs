//! Opinions about services in which nobody waits in line.

use super::{
    NotApplicable, ServiceTime, SleepingPair, Value,
    catalogue::{NO_QUEUE, PARALLEL_CALLS, PROCESSOR_SHARING, TIPPING_POINT},
    equilibria,
    not_applicable::Result,
    numeric::integral,
    opinion::{Accuracy, ORDERS, Opinion, Quantity, exact, in_flight},
    peak,
    sharing::Sharing,
};
use crate::{
    dependency::{ContentionSpec, Profile, Slowdown},
    stack::{EndpointSpec, LayerSpec},
    workload::Arrivals,
};

/// A service that only sleeps.
pub(super) fn sleeping(service: &Profile, rate: f64) -> Vec<Opinion> {
    let time = ServiceTime::from(service);
    let good = 1.0 - service.errors.value();
    let mut all = vec![
        in_flight(Accuracy::Exact, rate * good, time.mean()),
        exact(Quantity::Goodput, &NO_QUEUE, Ok(Value::PerSecond(rate * good))),
        exact(Quantity::MeanLatency, &NO_QUEUE, time.mean().map(Value::Seconds)),
    ];
    all.extend(
        ORDERS.map(|p| exact(Quantity::LatencyQuantile(p), &NO_QUEUE, time.quantile(p).map(Value::Seconds))),
    );
    all
}

/// Processor sharing: means only.
pub(super) fn sharing(processors: u32, service: &Profile, rate: f64) -> Result<Vec<Opinion>> {
    let working = rate * (1.0 - service.errors.value());
    let mean = ServiceTime::from(service).mean()?;
    let shared = Sharing::new(processors, working, mean)?;
    let mut all = vec![
        exact(
            Quantity::Utilisation,
            &PROCESSOR_SHARING,
            Ok(Value::Share(working * mean / f64::from(processors))),
        ),
        in_flight(Accuracy::Exact, working, Ok(shared.mean_sojourn())),
        exact(Quantity::Goodput, &PROCESSOR_SHARING, Ok(Value::PerSecond(working))),
        exact(Quantity::MeanLatency, &PROCESSOR_SHARING, Ok(Value::Seconds(shared.mean_sojourn()))),
    ];
    let none = NotApplicable::NoFormula("only the mean of processor sharing is known for any service time");
    all.extend(ORDERS.map(|p| exact(Quantity::LatencyQuantile(p), &PROCESSOR_SHARING, Err(none))));
    Ok(all)
}

/// A memory cliff or the Universal Scalability Law, nothing in front of it: where it settles and where it tips.
pub(super) fn tipping(slowdown: Slowdown, service: &Profile, rate: f64) -> Result<Vec<Opinion>> {
    let working = rate * (1.0 - service.errors.value());
    let work = ServiceTime::from(service).mean()?;
    let points = equilibria(slowdown, working, work)?;
    let never = NotApplicable::NoFormula("it always comes back: capacity stays above what arrives");
    let fluid =
        |quantity, answer| Opinion { quantity, answer, accuracy: Accuracy::Fluid, formula: &TIPPING_POINT };
    Ok(vec![
        fluid(Quantity::Capacity, Ok(Value::PerSecond(peak(slowdown, work)?.1))),
        fluid(Quantity::InFlight, Ok(Value::Count(points.stable))),
        fluid(Quantity::MeanLatency, Ok(Value::Seconds(points.stable / working))),
        fluid(Quantity::TippingPoint, points.tipping.map(Value::Count).ok_or(never)),
    ])
}

/// What theory says about an endpoint that calls two sleeping services, with nothing or a timeout around both.
pub fn endpoint_opinions(
    arrivals: &Arrivals,
    (a, b): (&Profile, &Profile),
    endpoint: &EndpointSpec,
) -> Result<Vec<Opinion>> {
    let rate = steady_rate(arrivals).ok_or(NotApplicable::NotPoisson)?;
    if !a.faults.is_empty() || !b.faults.is_empty() {
        return Err(NotApplicable::NoFormula("a service has scheduled faults: it is not in a steady state"));
    }
    let limit = match endpoint.whole.as_slice() {
        [] => None,
        [LayerSpec::Timeout(timeout)] => Some(timeout.after.as_secs_f64()),
        _ => return Err(NotApplicable::NoFormula("more is around the endpoint than one timeout")),
    };
    if !endpoint.a.is_empty() || !endpoint.b.is_empty() {
        return Err(NotApplicable::NoFormula("something is in front of one of the services"));
    }
    if a.contention != ContentionSpec::None || b.contention != ContentionSpec::None {
        return Err(NotApplicable::NoFormula("a service contends, so its latency depends on the load"));
    }
    let pair = SleepingPair::new(endpoint.calls, a, b);
    // The share of good answers that is in time.
    let timely = limit.map_or(1.0, |limit| 1.0 - pair.tail(limit));
    let mut all =
        vec![exact(Quantity::Goodput, &PARALLEL_CALLS, Ok(Value::PerSecond(rate * pair.success() * timely)))];
    match limit {
        None => {
            all.push(in_flight(Accuracy::Exact, rate, pair.mean_inside()));
            all.push(exact(Quantity::MeanLatency, &PARALLEL_CALLS, pair.mean().map(Value::Seconds)));
        }
        Some(limit) => {
            let late = pair.success() * (1.0 - timely);
            all.push(exact(Quantity::TimedOut, &PARALLEL_CALLS, Ok(Value::Share(late))));
            let inside = integral(0.0, limit, 1e-9 * limit, &|t| pair.tail(t));
            let mean = (inside - limit * (1.0 - timely)) / timely;
            let answer = if timely > 0.0 { Ok(Value::Seconds(mean)) } else { Err(NO_ANSWER) };
            all.push(exact(Quantity::MeanLatency, &PARALLEL_CALLS, answer));
        }
    }
    all.extend(ORDERS.map(|p| {
        let answer =
            if timely > 0.0 { pair.quantile(p * timely).map(Value::Seconds) } else { Err(NO_ANSWER) };
        exact(Quantity::LatencyQuantile(p), &PARALLEL_CALLS, answer)
    }));
    Ok(all)
}

/// The rate of arrivals that have one all the time.
fn steady_rate(arrivals: &Arrivals) -> Option<f64> {
    if let Arrivals::Poisson(rate) = arrivals {
        return Some(rate.as_per_second());
    }
    if let Arrivals::Constant(rate) = arrivals { Some(rate.as_per_second()) } else { None }
}

const NO_ANSWER: NotApplicable = NotApplicable::NoFormula("no answer is ever in time");

#[cfg(test)]
mod tests {
    use super::super::testing::agrees;
    use super::*;
    use crate::stack::Calls;
    use inflight_strategies::{
        timeout::{Config, Late},
        units::Rate,
    };
    use std::time::Duration;

    fn about(calls: Calls, whole: Vec<LayerSpec>) -> Vec<Opinion> {
        let endpoint = EndpointSpec { name: "e".into(), calls, whole, a: vec![], b: vec![] };
        let arrivals = Arrivals::Poisson(Rate::per_second(24.0).expect("a rate"));
        endpoint_opinions(&arrivals, (&Profile::service_a(), &Profile::service_b()), &endpoint).unwrap()
    }

    #[track_caller]
    fn says(all: &[Opinion], quantity: Quantity) -> f64 {
        let one = all.iter().find(|opinion| opinion.quantity == quantity).expect("an opinion");
        one.answer.expect("applicable").number()
    }

    #[test]
    fn in_an_open_loop_sync_has_more_in_flight_than_async_and_the_same_goodput() {
        let (sync, parallel) = (about(Calls::Sequential, vec![]), about(Calls::Parallel, vec![]));
        agrees(says(&sync, Quantity::InFlight), "19.5000");
        agrees(says(&parallel, Quantity::InFlight), "17.1000");
        agrees(says(&sync, Quantity::Goodput), "22.8000");
        agrees(says(&parallel, Quantity::Goodput), "22.8000");
    }

    #[test]
    fn a_timeout_of_600_ms_fails_68_percent_of_an_idle_system() {
        let timeout = LayerSpec::Timeout(Config { after: Duration::from_millis(600), late: Late::Cancel });
        let all = about(Calls::Parallel, vec![timeout]);
        agrees(says(&all, Quantity::Goodput) / 24.0, "0.316667");
        agrees(says(&all, Quantity::TimedOut), "0.633333");
        // What is in time is uniform between 300 and 600 ms.
        agrees(says(&all, Quantity::MeanLatency), "0.450000");
        agrees(says(&all, Quantity::LatencyQuantile(0.99)), "0.597000");
    }
}
