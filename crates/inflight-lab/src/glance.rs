//! A look at books that are still being kept, at a fraction of what a copy of them costs.

use crate::{
    record::{Ending, Record, Recorder, Tick, histogram},
    wire::{add_counts, add_histogram},
};
use hdrhistogram::Histogram;
use inflight_strategies::rt::Sharing;
use std::{collections::BTreeMap, time::Duration};

/// A look at books that are still being kept.
#[derive(Clone, Debug)]
pub struct Glance {
    /// Counted requests that have ended, by ending.
    pub endings: BTreeMap<Ending, u64>,
    /// Latency of every answer, from the intended start.
    pub answered: Histogram<u64>,
    /// Latency of every answer, from sending.
    pub from_sent: Histogram<u64>,
    /// How late requests were sent.
    pub lateness: Histogram<u64>,
    /// Requests in flight.
    pub in_flight: u32,
    /// The latest ticks, as many as make a second, and one more: the last has only begun.
    pub ticks: Vec<Tick>,
}

impl Default for Glance {
    fn default() -> Self {
        Glance {
            endings: BTreeMap::new(),
            answered: histogram(),
            from_sent: histogram(),
            lateness: histogram(),
            in_flight: 0,
            ticks: Vec::new(),
        }
    }
}

impl<S: Sharing> Recorder<S> {
    /// Adds what has been booked so far to `glance`. It looks at one thing after the other, so that nobody who books waits for long.
    pub fn glance(&self, glance: &mut Glance) {
        self.look(|record| glance.take_counts(record));
        self.look(|record| add_histogram(&mut glance.answered, &record.completed));
        self.look(|record| add_histogram(&mut glance.answered, &record.answered));
        self.look(|record| add_histogram(&mut glance.lateness, &record.lateness));
        self.look(|record| {
            record.wires.iter().for_each(|wires| add_histogram(&mut glance.from_sent, &wires.from_sent));
        });
    }
}

impl Glance {
    /// Of closed books.
    pub fn of(record: &Record) -> Glance {
        let mut glance = Glance {
            answered: record.answered.clone(),
            lateness: record.lateness.clone(),
            ..Glance::default()
        };
        glance.take_counts(record);
        if let Some(wires) = &record.wires {
            glance.from_sent.clone_from(&wires.from_sent);
        }
        glance
    }

    fn take_counts(&mut self, record: &Record) {
        add_counts(&mut self.endings, &record.endings);
        self.in_flight += record.in_flight_now();
        let most = Duration::from_secs(1).div_duration_f64(record.tick_length()).ceil() as usize + 1;
        let latest = &record.timeline[record.timeline.len().saturating_sub(most)..];
        if self.ticks.len() < latest.len() {
            self.ticks.resize(latest.len(), Tick::default());
        }
        // Parts of a run keep the same time: their latest ticks are the same ones, or nearly.
        let offset = self.ticks.len() - latest.len();
        self.ticks[offset..].iter_mut().zip(latest).for_each(|(to, from)| to.merge(from));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        record::{Reply, Sample},
        workload::{Arrivals, Workload},
    };
    use inflight_strategies::{rt::Instant, units::Rate};

    #[test]
    fn a_glance_at_the_end_says_what_the_books_say() {
        let arrivals = Arrivals::Constant(Rate::per_second(10.0).expect("a rate"));
        let workload = Workload::open(arrivals, Duration::from_secs(1000), Duration::ZERO);
        let recorder =
            <Recorder>::new(Instant::ZERO, &workload).with_wires(1).in_fine_ticks(workload.duration);
        let at = |ms: u64| Instant::from_nanos(ms * 1_000_000);
        for id in 0..100 {
            let intended = at(id * 100);
            let ending = if id % 10 == 0 { Ending::Failed } else { Ending::Completed };
            recorder.begin(intended, intended);
            let done = at(id * 100 + 30);
            recorder.end(&Sample { id, intended, sent: intended, done, reply: Reply::new(ending) });
        }
        let mut glance = Glance::default();
        recorder.glance(&mut glance);
        let record = recorder.close(at(10_000));
        let of_books = Glance::of(&record);
        assert_eq!(glance.endings, of_books.endings);
        assert_eq!((glance.answered.len(), glance.lateness.len()), (100, 100));
        assert_eq!(glance.answered, of_books.answered);
        assert_eq!(record.tick_length().as_millis(), 100, "a thousand seconds in tenths");
        let answered: u32 = glance.ticks.iter().map(|tick| tick.completed + tick.other).sum();
        assert_eq!((glance.ticks.len(), answered), (11, 11));
    }
}
