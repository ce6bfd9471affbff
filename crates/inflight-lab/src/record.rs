//! What became of the requests: one outcome each, latency from the intended start, and the driver's own honesty.

pub use crate::{
    ending::{Ending, Experience, Reply, Sample},
    recorder::Recorder,
};

use crate::{
    audit::Effort,
    bins::micros,
    course::{Course, lengths},
    log::Log,
    wire::{Wires, add_counts, add_histogram},
    workload::{Traffic, Workload},
};
use hdrhistogram::Histogram;
use inflight_strategies::rt::Instant;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

/// A histogram of durations in microseconds, 3 significant digits, 1 µs to 1 h.
pub fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 3_600_000_000, 3).expect("constant bounds are valid")
}

pub(crate) fn note(histogram: &mut Histogram<u64>, duration: Duration) {
    note_us(histogram, micros(duration));
}

fn note_us(histogram: &mut Histogram<u64>, micros: u64) {
    histogram.saturating_record(micros.max(1));
}

/// What happened in one tick of a run: in a tenth of a second, or less in short runs and more in long ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Tick {
    /// Requests that should have started.
    pub offered: u32,
    /// Good answers.
    pub completed: u32,
    /// Other endings.
    pub other: u32,
    /// The most that were in flight at once.
    pub in_flight: u32,
}

impl Tick {
    /// Several that follow each other as one.
    pub(crate) fn sum(ticks: &[Tick]) -> Tick {
        let mut all = Tick::default();
        ticks.iter().for_each(|tick| all.merge(tick));
        all
    }

    /// Adds what another part of the run saw in the same tick. All parts see the number in flight of the whole.
    pub(crate) fn merge(&mut self, other: &Tick) {
        self.offered += other.offered;
        self.completed += other.completed;
        self.other += other.other;
        self.in_flight = self.in_flight.max(other.in_flight);
    }
}

/// Everything that is kept about the requests of one arm. Memory does not grow with their number, unless they are logged.
#[derive(Clone, Debug)]
pub struct Record {
    /// When the counted part began: after the warm-up.
    pub from: Instant,
    /// When it ended: when the last request was due.
    pub to: Instant,
    /// Counted requests that should have started.
    pub offered: u64,
    /// How many of them did before the counted time was over: less than offered if the driver could not keep up.
    pub begun: u64,
    /// Counted requests by ending.
    pub endings: BTreeMap<Ending, u64>,
    /// Counted good answers that met the workload's objective; without one: all of them.
    pub in_time: u64,
    /// Latency of good answers, from the intended start.
    pub completed: Histogram<u64>,
    /// Latency of every answer, good or not, from the intended start.
    pub answered: Histogram<u64>,
    /// How late requests were sent.
    pub lateness: Histogram<u64>,
    /// Waits for a permit, where the target told.
    pub wait: Histogram<u64>,
    /// The whole run in ticks, warm-up included.
    pub timeline: Vec<Tick>,
    /// Latencies over time, and chosen stretches.
    pub course: Course,
    /// The most calls of services that were under way in each tick, where somebody counted.
    pub tasks: Option<Vec<u32>>,
    /// What users went through who retry; `None` if they don't.
    pub users: Option<Experience>,
    /// Every request, if that was asked for.
    pub log: Option<Log>,
    /// What was seen on connections, if the target has them.
    pub wires: Option<Box<Wires>>,
    /// What driving cost, if there was a machine that could tell.
    pub effort: Option<Effort>,
    /// Whether requests have a schedule that they can be late for.
    has_schedule: bool,
    objective: Duration,
    start: Instant,
    pub(crate) tick_ns: u64,
    /// The latest tick that was written to: when it begins, in nanoseconds since the start, and which it is.
    latest: (u64, usize),
    /// What is written into the books when somebody reads them.
    tally: Tally,
    in_flight: Gauge,
    /// The number in flight of the whole run, if these books are of a part of it.
    pub(crate) everywhere: Option<Arc<AtomicU32>>,
    sojourn_sum: Duration,
    /// How long was counted in other rounds whose books are in these.
    absorbed: Duration,
}

/// What is only counted while a run lasts. Most requests are sent on time and most do not wait: their place in a histogram
/// is known beforehand.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    endings: [u64; Ending::ALL.len()],
    on_time: u64,
    unwaited: u64,
}

/// Something that goes up and down, its integral over the counted time and its peak.
#[derive(Clone, Copy, Debug, Default)]
struct Gauge {
    value: u32,
    changed: Instant,
    nanos: u128,
    peak: u32,
}

impl Gauge {
    fn advance(&mut self, now: Instant, from: Instant, to: Instant) {
        let (a, b) = (self.changed.max(from), now.min(to));
        self.nanos += u128::from(self.value) * u128::from(b.as_nanos().saturating_sub(a.as_nanos()));
        self.changed = self.changed.max(now);
    }
}

impl Record {
    pub(crate) fn new(start: Instant, workload: &Workload) -> Self {
        Record {
            from: start + workload.warmup,
            to: start + workload.duration,
            offered: 0,
            begun: 0,
            endings: BTreeMap::new(),
            in_time: 0,
            completed: histogram(),
            answered: histogram(),
            lateness: histogram(),
            wait: histogram(),
            timeline: Vec::new(),
            users: workload.retry.map(|_| Experience { served: histogram(), gave_up: 0 }),
            has_schedule: matches!(workload.traffic, Traffic::Open(_)),
            objective: workload.objective.unwrap_or(Duration::MAX),
            log: None,
            course: Course::new(start, workload),
            tasks: None,
            wires: None,
            effort: None,
            start,
            tick_ns: lengths(workload.duration).0.as_nanos() as u64,
            latest: (0, 0),
            tally: Tally::default(),
            in_flight: Gauge { changed: start, ..Gauge::default() },
            everywhere: None,
            sojourn_sum: Duration::ZERO,
            absorbed: Duration::ZERO,
        }
    }

    /// How long was counted, in all rounds together.
    pub fn counted(&self) -> Duration {
        self.to - self.from + self.absorbed
    }

    /// The length of a tick of the timeline.
    pub fn tick_length(&self) -> Duration {
        Duration::from_nanos(self.tick_ns)
    }

    /// When the run began.
    pub fn start(&self) -> Instant {
        self.start
    }

    /// Adds the closed books of another round of the same workload. Timeline, course, log and wires stay those of this one.
    pub fn absorb(&mut self, other: &Record) {
        self.add(other);
        self.absorbed += other.counted();
        self.effort = self.effort.map(|effort| other.effort.map_or(effort, |other| effort.or_worse(other)));
    }

    /// Whether requests have a schedule that they can be late for.
    pub fn has_schedule(&self) -> bool {
        self.has_schedule
    }

    /// Requests that were offered in the whole run, warm-up included.
    pub fn offered_ever(&self) -> u64 {
        self.timeline.iter().map(|tick| u64::from(tick.offered)).sum()
    }

    /// The time average of the number in flight: an integral, kept as requests start and end.
    pub fn in_flight_mean(&self) -> f64 {
        self.in_flight.nanos as f64 / self.counted().as_nanos().max(1) as f64
    }

    /// The most that were in flight at once in the counted time.
    pub fn in_flight_peak(&self) -> u32 {
        self.in_flight.peak
    }

    /// How many are in flight now.
    pub(crate) fn in_flight_now(&self) -> u32 {
        self.in_flight.value
    }

    /// λ·W: arrivals per time, times their mean sojourn, from the log of requests. Little's law says that it equals
    /// [`Record::in_flight_mean`], up to those in flight at the edges.
    pub fn lambda_w(&self) -> f64 {
        self.sojourn_sum.as_secs_f64() / self.counted().as_secs_f64().max(1e-9)
    }

    fn tick(&mut self, at: Instant) -> &mut Tick {
        // This is asked three times per request, mostly for the tick of the time before.
        let since = at.as_nanos().saturating_sub(self.start.as_nanos());
        if since.wrapping_sub(self.latest.0) >= self.tick_ns || self.timeline.is_empty() {
            self.turn_to(since / self.tick_ns);
        }
        &mut self.timeline[self.latest.1]
    }

    #[cold]
    fn turn_to(&mut self, tick: u64) {
        let index = tick as usize;
        self.latest = (tick * self.tick_ns, index);
        if index >= self.timeline.len() {
            // The number in flight stands still in ticks without news.
            let still = Tick { in_flight: self.everywhere(), ..Tick::default() };
            self.timeline.resize(index + 1, still);
        }
    }

    fn is_counted(&self, intended: Instant) -> bool {
        self.from <= intended && intended < self.to
    }

    pub(crate) fn begin(&mut self, intended: Instant, now: Instant) {
        self.tick(intended.max(self.start)).offered += 1;
        self.course.on_begin(intended);
        if self.is_counted(intended) {
            self.offered += 1;
            self.begun += u64::from(now < self.to);
        }
        self.move_in_flight(now, 1);
    }

    /// A request that should have started at `intended` never will.
    pub(crate) fn skip(&mut self, intended: Instant) {
        self.tick(intended.max(self.start)).offered += 1;
        if self.is_counted(intended) {
            self.offered += 1;
            self.tally.endings[Ending::Unsent as usize] += 1;
            self.wires.iter_mut().for_each(|wires| wires.skip());
        }
    }

    /// The number in flight in the whole run.
    fn everywhere(&self) -> u32 {
        self.everywhere.as_ref().map_or(self.in_flight.value, |all| all.load(Ordering::Relaxed))
    }

    /// The tick of `now` is handed out: what else happens belongs there.
    fn move_in_flight(&mut self, now: Instant, by: i32) -> &mut Tick {
        self.course.on_in_flight(self.in_flight.changed, now, self.in_flight.value);
        self.in_flight.advance(now, self.from, self.to);
        self.in_flight.value = self.in_flight.value.checked_add_signed(by).expect("each start ends once");
        if let Some(all) = &self.everywhere {
            // Adding the two's complement is subtraction.
            all.fetch_add(by as u32, Ordering::Relaxed);
        }
        let value = self.everywhere();
        if self.from <= now && now < self.to {
            self.in_flight.peak = self.in_flight.peak.max(value);
        }
        let tick = self.tick(now);
        tick.in_flight = tick.in_flight.max(value);
        tick
    }

    pub(crate) fn end(&mut self, sample: &Sample) {
        let Sample { intended, sent, done, reply, .. } = *sample;
        if let Some(log) = &mut self.log {
            log.push(self.start, sample);
        }
        let (latency, wait) = (micros(done - intended), reply.wait.map(micros));
        self.course.on_end(sample, latency, wait);
        let tick = self.move_in_flight(done, -1);
        match reply.ending {
            Ending::Completed => tick.completed += 1,
            _ => tick.other += 1,
        }
        let is_counted = self.is_counted(intended);
        if let (Some(wires), Some(wire)) = (&mut self.wires, &reply.wire) {
            wires.note(self.start, sample, wire, is_counted);
        }
        if !is_counted {
            return;
        }
        self.tally.endings[reply.ending as usize] += 1;
        self.sojourn_sum += done - sent;
        if reply.ending == Ending::Completed {
            self.in_time += u64::from(done - intended <= self.objective);
            note_us(&mut self.completed, latency);
        } else if reply.ending.is_answer() {
            note_us(&mut self.answered, latency);
        }
        match micros(sent - intended) {
            _ if !self.has_schedule => {}
            0 => self.tally.on_time += 1,
            late => note_us(&mut self.lateness, late),
        }
        match wait {
            None => {}
            Some(0) => self.tally.unwaited += 1,
            Some(wait) => note_us(&mut self.wait, wait),
        }
    }

    /// Adds the closed books of another part of the same run: with books that [`Recorder::sharing`] made, nothing is lost.
    pub fn merge(&mut self, other: Record) {
        self.add(&other);
        if self.timeline.len() < other.timeline.len() {
            self.timeline.resize(other.timeline.len(), Tick::default());
        }
        self.timeline.iter_mut().zip(&other.timeline).for_each(|(to, from)| to.merge(from));
        self.course.merge(&other.course);
        if let (Some(to), Some(from)) = (&mut self.wires, &other.wires) {
            to.merge(from);
        }
        if let (Some(to), Some(from)) = (&mut self.log, other.log) {
            to.merge(from);
        }
        self.to = self.to.max(other.to);
    }

    /// Adds what is the same for parts and for rounds: numbers and distributions of requests.
    fn add(&mut self, other: &Record) {
        self.offered += other.offered;
        self.begun += other.begun;
        self.in_time += other.in_time;
        add_counts(&mut self.endings, &other.endings);
        let pairs = [
            (&mut self.completed, &other.completed),
            (&mut self.answered, &other.answered),
            (&mut self.lateness, &other.lateness),
            (&mut self.wait, &other.wait),
        ];
        pairs.into_iter().for_each(|(to, from)| add_histogram(to, from));
        if let (Some(to), Some(from)) = (&mut self.users, &other.users) {
            add_histogram(&mut to.served, &from.served);
            to.gave_up += from.gave_up;
        }
        self.in_flight.nanos += other.in_flight.nanos;
        self.in_flight.peak = self.in_flight.peak.max(other.in_flight.peak);
        self.sojourn_sum += other.sojourn_sum;
    }

    /// What the user went through whose first attempt was due at `intended`, if that is counted.
    pub(crate) fn user(&mut self, intended: Instant) -> Option<&mut Experience> {
        let is_counted = self.is_counted(intended);
        self.users.as_mut().filter(|_| is_counted)
    }

    /// Writes what was only counted into the books.
    pub(crate) fn settle(&mut self) {
        let Tally { endings, on_time, unwaited } = std::mem::take(&mut self.tally);
        let ended = Ending::ALL.into_iter().zip(endings).filter(|(_, count)| *count > 0);
        ended.for_each(|(ending, count)| *self.endings.entry(ending).or_default() += count);
        let shortest = [(&mut self.lateness, on_time), (&mut self.wait, unwaited)];
        for (histogram, count) in shortest.into_iter().filter(|(_, count)| *count > 0) {
            histogram.record_n(1, count).expect("1 µs is in bounds");
        }
    }

    /// Closes the books at `now`: whatever has not ended is unfinished.
    pub(crate) fn close(&mut self, now: Instant) {
        self.course.on_in_flight(self.in_flight.changed, now, self.in_flight.value);
        self.in_flight.advance(now, self.from, self.to);
        // Until now only the others were in there: most answers are good, and noted once.
        add_histogram(&mut self.answered, &self.completed);
        self.settle();
        // A run that was interrupted has counted until now.
        self.to = self.to.min(now).max(self.from);
        if let Some(log) = &mut self.log {
            (log.from, log.to) = (self.from - self.start, self.to - self.start);
        }
        let ended: u64 = self.endings.values().sum();
        if self.offered > ended {
            self.endings.insert(Ending::Unfinished, self.offered - ended);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::Arrivals;
    use inflight_strategies::units::Rate;
    use proptest::prelude::*;

    fn at(ms: u64) -> Instant {
        Instant::from_nanos(ms * 1_000_000)
    }

    fn workload(warmup_ms: u64, duration_ms: u64) -> Workload {
        let arrivals = Arrivals::Constant(Rate::per_second(1.0).expect("a rate"));
        Workload::open(arrivals, Duration::from_millis(duration_ms), Duration::from_millis(warmup_ms))
    }

    fn sample(intended: u64, sent: u64, done: u64, ending: Ending) -> Sample {
        let [intended, sent, done] = [intended, sent, done].map(at);
        Sample { id: 0, intended, sent, done, reply: Reply::new(ending) }
    }

    #[test]
    fn latency_runs_from_the_intended_start() {
        let recorder = <Recorder>::new(at(0), &workload(0, 1000));
        recorder.begin(at(100), at(150));
        recorder.end(&sample(100, 150, 300, Ending::Completed));
        let record = recorder.close(at(1000));
        assert_eq!(record.completed.max() / 1000, 200);
        assert_eq!(record.lateness.max() / 1000, 50);
        assert_eq!(record.in_flight_mean(), 0.15);
        assert_eq!(record.lambda_w(), 0.15);
    }

    #[test]
    fn goodput_is_what_meets_the_objective() {
        let within = Workload { objective: Some(Duration::from_millis(200)), ..workload(0, 1000) };
        let recorder = <Recorder>::new(at(0), &within);
        for took in [100, 200, 201] {
            recorder.begin(at(100), at(100));
            recorder.end(&sample(100, 100, 100 + took, Ending::Completed));
        }
        let record = recorder.close(at(1000));
        assert_eq!((record.in_time, record.endings[&Ending::Completed]), (2, 3));
    }

    proptest! {
        /// Whatever happens to the requests, the endings sum to the offered, and the integral of the number in flight
        /// equals the sum of sojourns when every request begins and ends in the counted time.
        #[test]
        fn offered_equals_sum_of_endings(requests in proptest::collection::vec((0u64..500, 0u64..20, 0u64..400, 0usize..12), 1..80)) {
            let recorder = <Recorder>::new(at(0), &workload(0, 1000));
            let mut steps = Vec::new();
            for &(intended, late, took, ending) in &requests {
                let s = sample(intended, intended + late, intended + late + took, Ending::ALL[ending]);
                steps.push((s.sent, 0, s));
                if s.reply.ending != Ending::Unfinished {
                    steps.push((s.done, 1, s));
                }
            }
            steps.sort_by_key(|step| (step.0, step.1));
            for (now, kind, s) in steps {
                if kind == 0 { recorder.begin(s.intended, now) } else { recorder.end(&s) }
            }
            let record = recorder.close(at(1000));
            prop_assert_eq!(record.offered, requests.len() as u64);
            prop_assert_eq!(record.endings.values().sum::<u64>(), record.offered);
            if !record.endings.contains_key(&Ending::Unfinished) {
                prop_assert!((record.in_flight_mean() - record.lambda_w()).abs() < 1e-9);
            }
        }
    }
}
