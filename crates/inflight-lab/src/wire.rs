//! What a driver sees of requests on their connections, beyond how they ended: when they were really sent, what they waited
//! for before that, when the answer began. Its memory does not grow with the number of requests.

use crate::record::{Ending, Reply, Sample, histogram, note};
use hdrhistogram::Histogram;
use inflight_strategies::rt::Instant;
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// One request on its connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wire {
    /// When its first byte was handed to the system; `None`: it never was.
    pub sent: Option<Instant>,
    /// How long it waited for a connection because there were as many as there may be.
    pub waited: Option<Duration>,
    /// How long its connection took to open, if one was opened for it.
    pub connect: Option<Duration>,
    /// When the answer's first byte was read.
    pub first_byte: Option<Instant>,
    /// The answer's status; 0 without an answer.
    pub status: u16,
    /// Its class in a mix of requests, from 0.
    pub class: u8,
    /// The answer's length in bytes, head included.
    pub received: u64,
}

/// The most classes that a mix may have.
pub const MAX_CLASSES: usize = 16;

/// A request that was sent later than this is counted as late.
pub const LATE: Duration = Duration::from_millis(1);

/// The books of what [`Wire`] tells, over the counted time.
#[derive(Clone, Debug)]
pub struct Wires {
    /// Requests that were sent.
    pub sent: u64,
    /// Requests that were not, by what became of them.
    pub not_sent: BTreeMap<Ending, u64>,
    /// Requests that were sent more than [`LATE`] after their intended start, whatever the reason.
    pub late: u64,
    /// Requests that were begun more than [`LATE`] after their intended start: the driver itself was late.
    pub begun_late: u64,
    /// Waits for a connection, of those who had to wait for one.
    pub connection_wait: Histogram<u64>,
    /// How long connections took to open.
    pub connect: Histogram<u64>,
    /// From sending to the answer's first byte.
    pub first_byte: Histogram<u64>,
    /// From sending to the answer's end: what a driver without a schedule would have called the latency.
    pub from_sent: Histogram<u64>,
    /// Answers by status.
    pub statuses: BTreeMap<u16, u64>,
    /// Every class of the mix, in its order.
    pub classes: Vec<Class>,
    /// Bytes received.
    pub received: u64,
    /// Answers by the second in which their request was due, since the run's start; the warm-up is included.
    pub seconds: Vec<Second>,
}

/// The requests of one class of a mix.
#[derive(Clone, Debug)]
pub struct Class {
    /// What became of them.
    pub endings: BTreeMap<Ending, u64>,
    /// Latency of every answer from the intended start.
    pub answered: Histogram<u64>,
}

/// The answered requests that were due in one second.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Second {
    /// Their latencies from the intended start.
    pub intended: Coarse,
    /// Their latencies from sending.
    pub sent: Coarse,
}

impl Wires {
    /// Books for a mix of so many classes, at most [`MAX_CLASSES`].
    pub fn new(classes: usize) -> Wires {
        let class = Class { endings: BTreeMap::new(), answered: histogram() };
        Wires {
            sent: 0,
            not_sent: BTreeMap::new(),
            late: 0,
            begun_late: 0,
            connection_wait: histogram(),
            connect: histogram(),
            first_byte: histogram(),
            from_sent: histogram(),
            statuses: BTreeMap::new(),
            classes: vec![class; classes.clamp(1, MAX_CLASSES)],
            received: 0,
            seconds: Vec::new(),
        }
    }

    /// Notes a request of a run that began at `start`. Of what is not counted only the seconds are kept.
    pub(crate) fn note(&mut self, start: Instant, sample: &Sample, wire: &Wire, is_counted: bool) {
        let ending = sample.reply.ending;
        if let Some(sent) = wire.sent.filter(|_| ending.is_answer()) {
            let second = self.second((sample.intended - start).as_secs() as usize);
            second.intended.record(sample.done - sample.intended);
            second.sent.record(sample.done - sent);
            if is_counted {
                self.note_answer(sample, sent, wire);
            }
        }
        if is_counted {
            self.note_sending(sample, wire);
        }
    }

    fn note_answer(&mut self, sample: &Sample, sent: Instant, wire: &Wire) {
        note(&mut self.from_sent, sample.done - sent);
        if let Some(first) = wire.first_byte {
            note(&mut self.first_byte, first - sent);
        }
        if let Some(class) = self.classes.get_mut(usize::from(wire.class)) {
            note(&mut class.answered, sample.done - sample.intended);
        }
        *self.statuses.entry(wire.status).or_default() += 1;
    }

    fn note_sending(&mut self, sample: &Sample, wire: &Wire) {
        let ending = sample.reply.ending;
        match wire.sent {
            Some(sent) => {
                self.sent += 1;
                self.late += u64::from(sent - sample.intended > LATE);
            }
            None => *self.not_sent.entry(ending).or_default() += 1,
        }
        self.begun_late += u64::from(sample.sent - sample.intended > LATE);
        self.received += wire.received;
        wire.waited.into_iter().for_each(|wait| note(&mut self.connection_wait, wait));
        wire.connect.into_iter().for_each(|took| note(&mut self.connect, took));
        if let Some(class) = self.classes.get_mut(usize::from(wire.class)) {
            *class.endings.entry(ending).or_default() += 1;
        }
    }

    /// A counted request that was never begun.
    pub(crate) fn skip(&mut self) {
        *self.not_sent.entry(Ending::Unsent).or_default() += 1;
    }

    fn second(&mut self, number: usize) -> &mut Second {
        if number >= self.seconds.len() {
            self.seconds.resize(number + 1, Second::default());
        }
        &mut self.seconds[number]
    }

    /// Adds the books of another part of the same run.
    pub(crate) fn merge(&mut self, other: &Wires) {
        self.sent += other.sent;
        self.late += other.late;
        self.begun_late += other.begun_late;
        self.received += other.received;
        add_counts(&mut self.not_sent, &other.not_sent);
        add_counts(&mut self.statuses, &other.statuses);
        let pairs = [
            (&mut self.connection_wait, &other.connection_wait),
            (&mut self.connect, &other.connect),
            (&mut self.first_byte, &other.first_byte),
            (&mut self.from_sent, &other.from_sent),
        ];
        pairs.into_iter().for_each(|(to, from)| add_histogram(to, from));
        for (to, from) in self.classes.iter_mut().zip(&other.classes) {
            add_counts(&mut to.endings, &from.endings);
            add_histogram(&mut to.answered, &from.answered);
        }
        for (number, from) in other.seconds.iter().enumerate() {
            let to = self.second(number);
            to.intended.merge(&from.intended);
            to.sent.merge(&from.sent);
        }
    }
}

/// Adds counts to counts.
pub(crate) fn add_counts<K: Ord + Copy>(to: &mut BTreeMap<K, u64>, from: &BTreeMap<K, u64>) {
    from.iter().for_each(|(key, count)| *to.entry(*key).or_default() += count);
}

/// Adds one histogram of the lab to another.
pub(crate) fn add_histogram(to: &mut Histogram<u64>, from: &Histogram<u64>) {
    to.add(from).expect("all histograms have the same bounds");
}

/// A histogram of microseconds that is as small as what is in it: values below 128 are exact, larger ones to 1/64 of
/// themselves. It merges without loss.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coarse {
    /// Place and count of every bucket that is not empty. Shared by books and their copies until one of them goes on.
    counts: Arc<BTreeMap<u16, u32>>,
    count: u64,
    max: u64,
}

/// Buckets per power of two, as a power of two.
const BITS: u32 = 6;

impl Coarse {
    fn place(micros: u64) -> u16 {
        let shift = (63 - (micros | 1).leading_zeros()).saturating_sub(BITS);
        // At most 58 powers of two of 64 places each, and the first.
        ((u64::from(shift) << BITS) + (micros >> shift)) as u16
    }

    /// The largest value that has this place.
    fn highest(place: u16) -> u64 {
        let shift = (place >> BITS).saturating_sub(1);
        let base = u64::from(place) - (u64::from(shift) << BITS);
        (base << shift) + ((1 << shift) - 1)
    }

    fn record(&mut self, duration: Duration) {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        *Arc::make_mut(&mut self.counts).entry(Coarse::place(micros)).or_default() += 1;
        self.count += 1;
        self.max = self.max.max(micros);
    }

    fn merge(&mut self, other: &Coarse) {
        let counts = Arc::make_mut(&mut self.counts);
        other.counts.iter().for_each(|(place, count)| *counts.entry(*place).or_default() += count);
        self.count += other.count;
        self.max = self.max.max(other.max);
    }

    /// How many values there are.
    pub fn len(&self) -> u64 {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The largest value in microseconds.
    pub fn max(&self) -> u64 {
        self.max
    }

    /// A value in microseconds that a share `quantile` of all values do not exceed, at most 1/64 above the true one; 0 if
    /// there are none.
    pub fn quantile(&self, quantile: f64) -> u64 {
        let rank = ((quantile * self.count as f64).ceil() as u64).max(1);
        let mut seen = 0;
        for (&place, &count) in &*self.counts {
            seen += u64::from(count);
            if seen >= rank {
                return Coarse::highest(place).min(self.max);
            }
        }
        0
    }
}

impl Reply {
    /// What a target says that saw no more than the wire.
    pub fn over(ending: Ending, wire: Wire) -> Reply {
        Reply { wire: Some(wire), ..Reply::new(ending) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(values: &[u64]) -> Coarse {
        let mut coarse = Coarse::default();
        values.iter().for_each(|&micros| coarse.record(Duration::from_micros(micros)));
        coarse
    }

    proptest! {
        /// Every quantile is that of the sorted values, or at most 1/64 above it.
        #[test]
        fn quantiles_are_at_most_a_64th_above_the_true_ones(mut values in proptest::collection::vec(0u64..5_000_000_000, 1..200), q in 0.0f64..=1.0) {
            let coarse = of(&values);
            values.sort_unstable();
            let rank = ((q * values.len() as f64).ceil() as usize).clamp(1, values.len());
            let (truth, seen) = (values[rank - 1], coarse.quantile(q));
            prop_assert!(truth <= seen && seen <= truth + truth / 64, "{truth} {seen}");
        }

        /// Two parts merged are the whole.
        #[test]
        fn parts_merge_to_the_whole(values in proptest::collection::vec(0u64..10_000_000, 0..100), cut in 0usize..100) {
            let (left, right) = values.split_at(cut.min(values.len()));
            let mut merged = of(left);
            merged.merge(&of(right));
            prop_assert_eq!(merged, of(&values));
        }

        /// A place holds the values up to its highest, and the next place begins right after.
        #[test]
        fn places_are_in_order_and_without_gaps(micros in 0u64..u64::MAX / 2) {
            let place = Coarse::place(micros);
            let highest = Coarse::highest(place);
            prop_assert!(micros <= highest);
            prop_assert_eq!(Coarse::place(highest), place);
            prop_assert_eq!(Coarse::place(highest + 1), place + 1);
        }
    }
}
