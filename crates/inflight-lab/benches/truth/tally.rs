//! What is measured, and its sums over one replication.

use std::{fmt, time::Duration};

/// A quantity of a model. Times in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Quantity {
    /// Mean wait of those who were served.
    Wait,
    /// Mean of their wait squared.
    WaitSquared,
    /// Mean time from arrival to end of those who were served.
    Sojourn,
    /// Time average of the number waiting.
    Waiting,
    /// Time average of the number inside.
    Inside,
    /// Share of the served that waited at all.
    Delayed,
    /// The percentile `.0` of the wait is `.1`: the share that waited no longer.
    WaitPercentile(f64, f64),
    /// The same of the sojourn time.
    SojournPercentile(f64, f64),
    /// Share that was refused or gave up.
    Lost,
    /// Mean time in the queue of all, lost ones included.
    Queued,
    /// Mean of sojourn time over work, for work from `.0` to `.1` ms.
    Slowdown(f64, f64),
    /// Share that sent a second attempt.
    Hedged,
    /// Requests served per second.
    Throughput,
}

impl Quantity {
    /// Whether it counts events.
    pub(crate) fn is_share(self) -> bool {
        use Quantity::*;
        matches!(self, Delayed | WaitPercentile(..) | SojournPercentile(..) | Lost | Hedged)
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Quantity::Wait => f.write_str("wait"),
            Quantity::WaitSquared => f.write_str("wait²"),
            Quantity::Sojourn => f.write_str("sojourn"),
            Quantity::Waiting => f.write_str("number waiting"),
            Quantity::Inside => f.write_str("number inside"),
            Quantity::Delayed => f.write_str("P(wait)"),
            Quantity::WaitPercentile(_, at) => write!(f, "P(wait ≤ {at})"),
            Quantity::SojournPercentile(_, at) => write!(f, "P(sojourn ≤ {at})"),
            Quantity::Lost => f.write_str("P(lost)"),
            Quantity::Queued => f.write_str("time in queue, all"),
            Quantity::Slowdown(from, to) => write!(f, "slowdown, {from} to {to} ms"),
            Quantity::Hedged => f.write_str("P(second attempt)"),
            Quantity::Throughput => f.write_str("throughput /s"),
        }
    }
}

/// A request that ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// The work that was drawn for it.
    pub(crate) work: Duration,
    /// From arrival to end.
    pub(crate) sojourn: Duration,
    /// Refused, or gave up in the queue.
    pub(crate) is_lost: bool,
    /// A second attempt was sent.
    pub(crate) is_hedged: bool,
}

/// Sums for a list of quantities.
#[derive(Clone, Debug)]
pub(crate) struct Tally {
    sums: Vec<(Quantity, f64, u64)>,
}

impl Tally {
    /// Nothing counted yet.
    pub(crate) fn new(quantities: impl Iterator<Item = Quantity>) -> Tally {
        Tally { sums: quantities.map(|quantity| (quantity, 0.0, 0)).collect() }
    }

    /// Counts a request.
    pub(crate) fn add(&mut self, sample: &Sample) {
        let ms = |d: Duration| d.as_nanos() as f64 / 1e6;
        let (sojourn, work) = (ms(sample.sojourn), ms(sample.work));
        // Exact: both are whole nanoseconds.
        let wait = if sample.is_lost { sojourn } else { ms(sample.sojourn.saturating_sub(sample.work)) };
        let is_served = !sample.is_lost;
        let share = |is_one: bool| f64::from(u8::from(is_one));
        for (quantity, sum, count) in &mut self.sums {
            let (is_counted, value) = match *quantity {
                Quantity::Wait => (is_served, wait),
                Quantity::WaitSquared => (is_served, wait * wait),
                Quantity::Sojourn => (is_served, sojourn),
                Quantity::Waiting | Quantity::Queued => (true, wait),
                Quantity::Inside => (true, sojourn),
                Quantity::Delayed => (is_served, share(wait > 0.0)),
                Quantity::WaitPercentile(_, at) => (is_served, share(wait <= at)),
                Quantity::SojournPercentile(_, at) => (is_served, share(sojourn <= at)),
                Quantity::Lost => (true, share(sample.is_lost)),
                Quantity::Slowdown(from, to) => (from <= work && work < to, sojourn / work),
                Quantity::Hedged => (true, share(sample.is_hedged)),
                Quantity::Throughput => (is_served, 1.0),
            };
            if is_counted {
                *sum += value;
                *count += 1;
            }
        }
    }

    /// The quantities, if the counted requests arrived (or, in a closed loop, ended) within `span`.
    pub(crate) fn values(&self, span: Duration) -> Vec<f64> {
        let value = |&(quantity, sum, count): &(Quantity, f64, u64)| match quantity {
            Quantity::Waiting | Quantity::Inside => sum / (span.as_secs_f64() * 1e3),
            Quantity::Throughput => sum / span.as_secs_f64(),
            _ => sum / count as f64,
        };
        self.sums.iter().map(value).collect()
    }
}
