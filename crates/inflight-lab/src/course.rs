//! The course of a run: latencies by slices of time, and the books of chosen stretches of it. What is kept does not grow
//! with the number of requests, and hardly with the length of the run.

use crate::{
    bins::Bins,
    record::{Ending, Sample},
    wire::add_counts,
    workload::Workload,
};
use inflight_strategies::rt::Instant;
use std::{collections::BTreeMap, time::Duration};

/// A timeline has about so many ticks at most.
const TICKS: u32 = 2500;
/// And about so many slices: each needs enough answers to speak of their 95th percentile.
const SLICES: u32 = 60;
/// No ticks or slices are kept that begin later than so many times the planned length of a run.
const LONGEST: u32 = 4;
/// Neither is shorter than this.
const SHORTEST: [Duration; 2] = [Duration::from_millis(10), Duration::from_millis(100)];

/// The lengths of ticks and slices of a run of length `duration`: 1, 2 or 5 times a power of ten.
pub fn lengths(duration: Duration) -> (Duration, Duration) {
    (rounded_up(duration / TICKS).max(SHORTEST[0]), rounded_up(duration / SLICES).max(SHORTEST[1]))
}

/// The length of a tick where every tenth of a second counts: exactly that, in runs of up to half a day.
pub fn fine_tick(duration: Duration) -> Duration {
    const MOST: u32 = 432_000;
    rounded_up(duration / MOST).max(Duration::from_millis(100))
}

/// The next longer duration of 1, 2 or 5 times a power of ten.
fn rounded_up(duration: Duration) -> Duration {
    let nanos = duration.as_nanos().max(1) as u64;
    let power = 10_u64.pow(nanos.ilog10());
    let step = [1, 2, 5, 10].iter().map(|step| step * power).find(|step| *step >= nanos);
    Duration::from_nanos(step.expect("ten times the power is more"))
}

/// Latencies over time, and stretches.
#[derive(Clone, Debug)]
pub struct Course {
    /// The length of a slice.
    pub slice: Duration,
    /// What ended in each slice.
    pub slices: Vec<SliceBins>,
    /// The chosen stretches.
    pub stretches: Vec<Stretch>,
    slice_ns: u64,
    start: Instant,
    objective: Duration,
    most: usize,
}

/// What ended in one slice.
#[derive(Clone, Debug, Default)]
pub struct SliceBins {
    /// Latencies of good answers from the intended start.
    pub completed: Bins,
    /// Waits for a permit.
    pub wait: Bins,
}

/// A stretch of a run: requests that should have started in it.
#[derive(Clone, Debug)]
pub struct Stretch {
    /// When it begins.
    pub from: Instant,
    /// When it ends.
    pub to: Instant,
    /// Requests that should have started in it.
    pub offered: u64,
    /// What became of those that ended.
    pub endings: BTreeMap<Ending, u64>,
    /// Good answers that met the workload's objective; without one: all of them.
    pub in_time: u64,
    /// Latency of good answers.
    pub completed: Bins<7>,
    /// Latency of every answer.
    pub answered: Bins<7>,
    /// Waits for a permit.
    pub wait: Bins<7>,
    /// The integral of the number in flight over it, in nanoseconds.
    pub in_flight_ns: u128,
}

impl Stretch {
    fn new(from: Instant, to: Instant) -> Stretch {
        Stretch {
            from,
            to,
            offered: 0,
            endings: BTreeMap::new(),
            in_time: 0,
            completed: Bins::default(),
            answered: Bins::default(),
            wait: Bins::default(),
            in_flight_ns: 0,
        }
    }

    fn holds(&self, at: Instant) -> bool {
        self.from <= at && at < self.to
    }

    /// How long it is.
    pub fn length(&self) -> Duration {
        self.to - self.from
    }

    /// Puts the books of `other` into these.
    pub fn absorb(&mut self, other: &Stretch) {
        self.offered += other.offered;
        self.in_time += other.in_time;
        add_counts(&mut self.endings, &other.endings);
        self.completed.add(&other.completed);
        self.answered.add(&other.answered);
        self.wait.add(&other.wait);
        self.in_flight_ns += other.in_flight_ns;
    }
}

impl Course {
    /// Of a run of `workload` that begins at `start`.
    pub(crate) fn new(start: Instant, workload: &Workload) -> Course {
        let slice = lengths(workload.duration).1;
        let most = (workload.duration * LONGEST).as_nanos() / slice.as_nanos() + 1;
        Course {
            slice,
            slice_ns: slice.as_nanos() as u64,
            slices: Vec::new(),
            stretches: workload
                .watched
                .iter()
                .map(|(from, to)| Stretch::new(start + *from, start + *to))
                .collect(),
            start,
            objective: workload.objective.unwrap_or(Duration::MAX),
            most: most as usize,
        }
    }

    /// Adds the course of another part of the same run.
    pub(crate) fn merge(&mut self, other: &Course) {
        if self.slices.len() < other.slices.len() {
            self.slices.resize_with(other.slices.len(), SliceBins::default);
        }
        for (own, more) in self.slices.iter_mut().zip(&other.slices) {
            own.completed.add(&more.completed);
            own.wait.add(&more.wait);
        }
        self.stretches.iter_mut().zip(&other.stretches).for_each(|(own, more)| own.absorb(more));
    }

    pub(crate) fn on_begin(&mut self, intended: Instant) {
        self.stretches.iter_mut().filter(|s| s.holds(intended)).for_each(|s| s.offered += 1);
    }

    /// `value` were in flight from `since` to `now`.
    pub(crate) fn on_in_flight(&mut self, since: Instant, now: Instant, value: u32) {
        for stretch in &mut self.stretches {
            let (a, b) = (since.max(stretch.from), now.min(stretch.to));
            stretch.in_flight_ns += u128::from(value) * (b - a).as_nanos();
        }
    }

    /// A request is over; its latency and its wait, if that is known, in microseconds.
    pub(crate) fn on_end(&mut self, sample: &Sample, latency: u64, wait: Option<u64>) {
        let Sample { intended, done, reply, .. } = *sample;
        let is_good = reply.ending == Ending::Completed;
        if is_good || wait.is_some() {
            let index = done.as_nanos().saturating_sub(self.start.as_nanos()) / self.slice_ns;
            if let Some(slice) = self.slice_at(index as usize) {
                if is_good {
                    slice.completed.note(latency);
                }
                if let Some(wait) = wait {
                    slice.wait.note(wait);
                }
            }
        }
        for stretch in self.stretches.iter_mut().filter(|stretch| stretch.holds(intended)) {
            *stretch.endings.entry(reply.ending).or_default() += 1;
            if is_good {
                stretch.in_time += u64::from(done - intended <= self.objective);
                stretch.completed.note(latency);
            }
            if reply.ending.is_answer() {
                stretch.answered.note(latency);
            }
            if let Some(wait) = wait {
                stretch.wait.note(wait);
            }
        }
    }

    fn slice_at(&mut self, index: usize) -> Option<&mut SliceBins> {
        if index >= self.slices.len() {
            if index >= self.most {
                return None;
            }
            self.slices.resize_with(index + 1, SliceBins::default);
        }
        self.slices.get_mut(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_and_slices_are_round_and_few() {
        let ms = |d: Duration| d.as_millis();
        for (seconds, tick, slice) in
            [(1, 10, 100), (17, 10, 500), (22, 10, 500), (170, 100, 5000), (600, 500, 10_000)]
        {
            let (t, s) = lengths(Duration::from_secs(seconds));
            assert_eq!((ms(t), ms(s)), (tick, slice), "{seconds}");
        }
        let fine = |seconds| ms(fine_tick(Duration::from_secs(seconds)));
        assert_eq!([fine(1), fine(3600), fine(43_200), fine(86_400)], [100, 100, 100, 200]);
        let (tick, slice) = lengths(Duration::from_secs(100_000_000));
        assert!(tick >= Duration::from_secs(40_000) && slice >= Duration::from_secs(400_000));
    }
}
