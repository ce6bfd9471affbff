//! Opinions about services with a line in front: pools, limits, locks.

use super::{
    Impatient, Mdc, Mg1, Mgc, Mmc, Mmck, NotApplicable, Patience, ServiceTime, Value,
    catalogue::{ERLANG_C, Formula, IMPATIENCE, M_D_C, M_M_C_K, MEAN_OF_M_G_C, POLLACZEK_KHINCHINE},
    not_applicable::Result,
    numeric::integral,
    opinion::{Accuracy, ORDERS, Opinion, Quantity, exact, in_flight},
};
use crate::dependency::Profile;

/// A line, first come first served.
#[derive(Clone, Copy, Debug)]
pub(super) struct Queue {
    /// How many are served at once.
    pub servers: u32,
    /// How many may wait; `None`: as many as come.
    pub places: Option<u32>,
    /// How long one may wait, in seconds.
    pub max_wait: Option<f64>,
    /// Whether requests that fail at once wait like the others. They hold nobody up either way.
    pub errors_wait: bool,
}

/// What arrives at a line: all of it, and those that have work to do.
#[derive(Clone, Copy)]
struct Load {
    all: f64,
    working: f64,
    mean: f64,
    errors_wait: bool,
}

/// A pool or a limit. Requests that fail at once take no server's time: whoever waits, waits as if only the others came.
pub(super) fn queue(queue: Queue, service: &Profile, rate: f64) -> Result<Vec<Opinion>> {
    let time = ServiceTime::from(service);
    let working = rate * (1.0 - service.errors.value());
    let load = Load { all: rate, working, mean: time.mean()?, errors_wait: queue.errors_wait };
    if let Some(max_wait) = queue.max_wait {
        return impatient(queue, max_wait, &time, load);
    }
    match (queue.places, Mmc::new(queue.servers, working, load.mean)) {
        (None, Err(because)) => Err(because),
        (Some(places), unbounded) if unbounded.as_ref().map_or(true, |q| reaches(q, places)) => {
            bounded(queue.servers, places, &time, load)
        }
        (_, unbounded) => steady(queue.servers, &time, load, &unbounded?),
    }
}

/// Whether the bound of the queue is ever felt: more often than once in 10⁹ requests.
fn reaches(unbounded: &Mmc, places: u32) -> bool {
    let log_share =
        libm::log(unbounded.wait_probability()) + f64::from(places) * libm::log(unbounded.utilisation());
    log_share > libm::log(1e-9)
}

/// What a formula says about waiting.
struct Line {
    formula: &'static Formula,
    accuracy: Accuracy,
    share: Result<f64>,
    mean_wait: Result<f64>,
    waits: [Result<f64>; 3],
    sojourns: [Result<f64>; 3],
}

/// M/M/c.
fn exponential(queue: &Mmc) -> Line {
    Line {
        formula: &ERLANG_C,
        accuracy: Accuracy::Exact,
        share: Ok(queue.wait_probability()),
        mean_wait: Ok(queue.mean_wait()),
        waits: ORDERS.map(|p| queue.wait_quantile(p)),
        sojourns: ORDERS.map(|p| queue.sojourn_quantile(p)),
    }
}

/// M/D/c.
fn constant(servers: u32, load: Load) -> Result<Line> {
    let queue = Mdc::new(servers, load.working, load.mean)?;
    let distribution = queue.waits();
    let waits = ORDERS.map(|p| distribution.quantile(p));
    Ok(Line {
        formula: &M_D_C,
        accuracy: Accuracy::Exact,
        share: Ok(queue.wait_probability()),
        mean_wait: Ok(queue.mean_wait()),
        waits,
        sojourns: waits.map(|wait| wait.map(|wait| wait + load.mean)),
    })
}

/// M/G/1.
fn single(time: &ServiceTime, load: Load) -> Result<Line> {
    let queue = Mg1::new(load.working, time.clone())?;
    Ok(Line {
        formula: &POLLACZEK_KHINCHINE,
        accuracy: Accuracy::Exact,
        share: Ok(queue.utilisation()),
        mean_wait: queue.mean_wait(),
        waits: ORDERS.map(|p| queue.wait_quantile(p)),
        sojourns: ORDERS.map(|p| queue.sojourn_quantile(p)),
    })
}

/// M/G/c.
fn general(servers: u32, time: &ServiceTime, load: Load) -> Result<Line> {
    let scv = time.scv()?;
    let queue = Mgc::new(servers, load.working, load.mean, scv)?;
    Ok(Line {
        formula: &MEAN_OF_M_G_C,
        accuracy: Accuracy::Within(match scv <= 1.0 {
            true => {
                "1% (means, sojourn times), 2% (share that waits), 4% (percentiles of the wait) where it was checked"
            }
            false => "an unknown error: service times vary more than the exponential",
        }),
        share: queue.wait_probability(),
        mean_wait: Ok(queue.mean_wait()),
        waits: ORDERS.map(|p| queue.wait_quantile(p)),
        sojourns: match queue.sojourn_quantiles(time, ORDERS) {
            Ok(sojourns) => sojourns.map(Ok),
            Err(because) => [Err(because); 3],
        },
    })
}

/// A line without a bound, or with one that is not felt.
fn steady(servers: u32, time: &ServiceTime, load: Load, unbounded: &Mmc) -> Result<Vec<Opinion>> {
    let line = if time.is_exponential() {
        exponential(unbounded)
    } else if time.is_constant() {
        constant(servers, load)?
    } else if servers == 1 {
        single(time, load)?
    } else {
        general(servers, time, load)?
    };
    let Line { formula, accuracy, .. } = line;
    let say = |quantity, answer| Opinion { quantity, answer, accuracy, formula };
    let mut all = vec![
        exact(Quantity::Utilisation, formula, Ok(Value::Share(unbounded.utilisation()))),
        load.in_flight(accuracy, line.mean_wait),
        exact(Quantity::Goodput, formula, Ok(Value::PerSecond(load.working))),
        say(Quantity::WaitProbability, line.share.map(Value::Share)),
        say(Quantity::MeanWait, line.mean_wait.map(Value::Seconds)),
        say(Quantity::MeanLatency, line.mean_wait.map(|wait| Value::Seconds(wait + load.mean))),
    ];
    for (i, p) in ORDERS.into_iter().enumerate() {
        all.push(say(Quantity::WaitQuantile(p), line.waits[i].map(Value::Seconds)));
        all.push(say(Quantity::LatencyQuantile(p), line.sojourns[i].map(Value::Seconds)));
    }
    Ok(all)
}

impl Load {
    /// Those that fail at once are inside only while they wait, if they do.
    fn in_flight(self, accuracy: Accuracy, mean_wait: Result<f64>) -> Opinion {
        let waiting = if self.errors_wait { self.all } else { self.working };
        let inside = mean_wait.map(|wait| wait + self.working * self.mean / waiting);
        in_flight(accuracy, waiting, inside)
    }

    /// With a bound on the line, the formulas hold if all that come have work to do.
    fn without_errors(self) -> Result<f64> {
        match self.all == self.working {
            true => Ok(self.all),
            false => {
                Err(NotApplicable::NoFormula("requests that fail at once share a bounded queue with others"))
            }
        }
    }
}

/// A line with a bound that is felt: M/M/c/K.
fn bounded(servers: u32, places: u32, time: &ServiceTime, load: Load) -> Result<Vec<Opinion>> {
    if !time.is_exponential() {
        return Err(NotApplicable::NotExponential);
    }
    let queue = Mmck::new(servers, places, load.without_errors()?, load.mean)?;
    let say = |quantity, value| exact(quantity, &M_M_C_K, Ok(value));
    let mut all = vec![
        in_flight(Accuracy::Exact, queue.throughput(), Ok(queue.mean_sojourn())),
        say(Quantity::Goodput, Value::PerSecond(queue.throughput())),
        say(Quantity::Rejected, Value::Share(queue.loss_probability())),
        say(Quantity::MeanWait, Value::Seconds(queue.mean_wait())),
        say(Quantity::MeanLatency, Value::Seconds(queue.mean_sojourn())),
    ];
    all.extend(
        ORDERS
            .map(|p| exact(Quantity::WaitQuantile(p), &M_M_C_K, queue.wait_quantile(p).map(Value::Seconds))),
    );
    Ok(all)
}

/// A line that is left after a while: M/M/c+D.
fn impatient(queue: Queue, max_wait: f64, time: &ServiceTime, load: Load) -> Result<Vec<Opinion>> {
    if !time.is_exponential() {
        return Err(NotApplicable::NotExponential);
    }
    let rate = load.without_errors()?;
    // So many are in line at the very most: those that came within the longest wait, and ten standard deviations.
    let most = rate * max_wait + 10.0 * (rate * max_wait).sqrt() + 10.0;
    if queue.places.is_some_and(|places| f64::from(places) < most) {
        return Err(NotApplicable::NoFormula("the queue has a bound and the wait another"));
    }
    let line = Impatient::new(queue.servers, rate, load.mean, Patience::Constant(max_wait))?;
    let served = line.goodput() / rate;
    let wait = (line.mean_wait() - max_wait * line.timeout_probability()) / served;
    let say = |quantity, value| exact(quantity, &IMPATIENCE, Ok(value));
    let mut all = vec![
        in_flight(Accuracy::Exact, rate, Ok(line.mean_wait() + served * load.mean)),
        say(Quantity::Goodput, Value::PerSecond(line.goodput())),
        say(Quantity::TimedOut, Value::Share(line.timeout_probability())),
        say(Quantity::MeanWait, Value::Seconds(wait)),
        say(Quantity::MeanLatency, Value::Seconds(wait + load.mean)),
    ];
    all.extend(ORDERS.map(|p| {
        exact(Quantity::WaitQuantile(p), &IMPATIENCE, line.served_wait_quantile(p).map(Value::Seconds))
    }));
    Ok(all)
}

/// A lock that every request holds for `hold` seconds, whatever else it does afterwards: M/D/1.
pub(super) fn lock(hold: f64, service: &Profile, rate: f64) -> Result<Vec<Opinion>> {
    let time = ServiceTime::from(service);
    let working = rate * (1.0 - service.errors.value());
    let queue = Mdc::new(1, working, hold)?;
    // Work that is shorter than the hold takes as long as that: E[max(X, hold)] = E[X] + ∫₀^hold P(X ≤ t)dt.
    let work = time.mean()? + integral(0.0, hold, 1e-12, &|t| 1.0 - time.tail(t));
    let sojourn = queue.mean_wait() + work;
    let say = |quantity, value| exact(quantity, &M_D_C, Ok(value));
    let mut all = vec![
        say(Quantity::Utilisation, Value::Share(working * hold)),
        in_flight(Accuracy::Exact, working, Ok(sojourn)),
        say(Quantity::Goodput, Value::PerSecond(working)),
        say(Quantity::MeanWait, Value::Seconds(queue.mean_wait())),
        say(Quantity::MeanLatency, Value::Seconds(sojourn)),
    ];
    let waits = queue.waits();
    all.extend(
        ORDERS.map(|p| exact(Quantity::WaitQuantile(p), &M_D_C, waits.quantile(p).map(Value::Seconds))),
    );
    Ok(all)
}
