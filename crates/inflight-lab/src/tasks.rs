//! Calls of services that are under way inside a target, whether anybody waits for them or not: what a deadline that only
//! stops waiting leaves behind.

use crate::{
    call::{Place, Sink},
    claim::What,
    course,
    experiment::Document,
    workload::Workload,
};
use inflight_strategies::{event::Event, rt::Instant};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Whether a hypothesis of `document` speaks of tasks.
pub fn wanted(document: &Document) -> bool {
    let is_tasks = |what| matches!(what, What::Tasks(_));
    document.hypotheses.iter().any(|hypothesis| hypothesis.claim.quantities().any(|q| is_tasks(q.what)))
}

/// The most that were under way at once in each tick of a round.
#[derive(Clone, Debug)]
pub struct Series {
    start: Instant,
    tick: Duration,
    now: u32,
    most: Vec<u32>,
}

impl Series {
    /// Of a round of `workload` that begins at `start`.
    pub fn new(start: Instant, workload: &Workload) -> Series {
        Series { start, tick: course::lengths(workload.duration).0, now: 0, most: Vec::new() }
    }

    /// From `at` on, `value` are under way.
    pub fn set(&mut self, at: Instant, value: u32) {
        self.until(at);
        self.now = value;
        if let Some(last) = self.most.last_mut() {
            *last = (*last).max(value);
        }
    }

    /// One value for each tick up to `ticks`; it stands still in ticks without news.
    pub fn ticks(mut self, ticks: usize) -> Vec<u32> {
        self.most.resize(ticks, self.now);
        self.most
    }

    fn until(&mut self, at: Instant) {
        let index = ((at - self.start).as_nanos() / self.tick.as_nanos().max(1)) as usize;
        if index >= self.most.len() {
            self.most.resize(index + 1, self.now);
        }
    }
}

/// Counts the calls of services, and tells another sink.
pub(crate) struct Counted {
    inner: Arc<dyn Sink>,
    series: Mutex<Series>,
}

impl Counted {
    pub(crate) fn new(inner: Arc<dyn Sink>, series: Series) -> Counted {
        Counted { inner, series: Mutex::new(series) }
    }

    /// What was counted so far.
    pub(crate) fn series(&self) -> Series {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Series> {
        self.series.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink for Counted {
    fn on_event(&self, endpoint: usize, place: Place, call: u64, at: Instant, event: Event) {
        if let Place::Service(_) = place {
            let mut series = self.lock();
            let now = match event {
                Event::Started => series.now + 1,
                Event::Finished { .. } => series.now.saturating_sub(1),
                _ => series.now,
            };
            series.set(at, now);
        }
        self.inner.on_event(endpoint, place, call, at, event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::Arrivals;
    use inflight_strategies::units::Rate;

    #[test]
    fn each_tick_has_its_most_and_silence_stands_still() {
        let arrivals = Arrivals::Constant(Rate::per_second(1.0).expect("a rate"));
        let workload = Workload::open(arrivals, Duration::from_secs(1), Duration::ZERO);
        let at = |ms: u64| Instant::from_nanos(ms * 1_000_000);
        let mut series = Series::new(at(0), &workload);
        assert_eq!(series.tick, Duration::from_millis(10));
        for (ms, value) in [(1, 1), (5, 2), (9, 0), (32, 3)] {
            series.set(at(ms), value);
        }
        assert_eq!(series.ticks(6), [2, 0, 0, 3, 3, 3]);
    }
}
