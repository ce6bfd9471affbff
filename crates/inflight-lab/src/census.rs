//! How many calls of the services are under way inside a target, tick by tick, whether anybody waits for them or not: work
//! that outlives its caller is seen here and nowhere else.

use crate::{
    call::{Place, Sink},
    course::lengths,
    record::Record,
    workload::Workload,
};
use inflight_strategies::{event::Event, rt::Instant};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// The most that were under way at once in each tick of a round.
#[derive(Clone, Debug)]
pub struct Peaks {
    tick_ns: u64,
    /// No ticks are kept beyond so many.
    most: usize,
    under_way: u32,
    peaks: Vec<u32>,
}

impl Peaks {
    /// Of a round of `workload`.
    pub fn new(workload: &Workload) -> Peaks {
        let tick = lengths(workload.duration).0;
        let most = ((workload.duration * 4 + workload.patience).as_nanos() / tick.as_nanos()) as usize;
        Peaks { tick_ns: tick.as_nanos() as u64, most, under_way: 0, peaks: Vec::new() }
    }

    /// So long after the round's start, and until more is said, `under_way` are.
    pub fn set(&mut self, since: Duration, under_way: u32) {
        let before = std::mem::replace(&mut self.under_way, under_way);
        // A round is shorter than 584 years; a division of 64 bits is a tenth of the price of one of 128.
        let tick = (since.as_nanos() as u64 / self.tick_ns) as usize;
        if tick >= self.most {
            return;
        }
        if tick >= self.peaks.len() {
            // Between two events the number stands still.
            self.peaks.resize(tick + 1, before);
        }
        self.peaks[tick] = self.peaks[tick].max(under_way);
    }

    /// Writes what was counted into the round's books.
    pub fn close(mut self, record: &mut Record) {
        self.peaks.resize(self.peaks.len().max(record.timeline.len()), self.under_way);
        record.tasks = Some(self.peaks);
    }
}

/// Counts, and hands every event on.
pub struct Census {
    next: Arc<dyn Sink>,
    peaks: Mutex<Peaks>,
}

impl Census {
    /// Of a run of `workload` that begins with the world; `next` hears every event, too.
    pub fn new(workload: &Workload, next: Arc<dyn Sink>) -> Arc<Census> {
        Arc::new(Census { next, peaks: Mutex::new(Peaks::new(workload)) })
    }

    /// Writes what was counted into the run's books.
    pub fn close(&self, record: &mut Record) {
        self.peaks.lock().unwrap_or_else(PoisonError::into_inner).clone().close(record);
    }
}

impl Sink for Census {
    fn on_event(&self, endpoint: usize, place: Place, call: u64, at: Instant, event: &Event) {
        let by = match (place, event) {
            (Place::Service(_), Event::Started) => 1,
            (Place::Service(_), Event::Finished { .. }) => -1,
            _ => 0,
        };
        if by != 0 {
            let mut peaks = self.peaks.lock().unwrap_or_else(PoisonError::into_inner);
            let under_way = peaks.under_way.saturating_add_signed(by);
            peaks.set(at - Instant::ZERO, under_way);
        }
        if self.next.listens() {
            self.next.on_event(endpoint, place, call, at, event);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{experiment::Document, sim::Settings, trial};

    /// One request after the other, each given up after 100 ms, whose B takes a second.
    fn tasks(late: &str) -> Vec<u32> {
        let text = format!(
            r#"
[workload]
arrivals = {{ constant = {{ rate = "5/s" }} }}
duration = "10s"
[service.a]
latency = {{ constant = "10ms" }}
[service.b]
latency = {{ constant = "1s" }}
errors  = "0%"
[[arm]]
name  = "one"
calls = "parallel"
whole = [ {{ timeout = {{ after = "100ms", late = "{late}" }} }} ]
"#
        );
        let document =
            Document::read(&text, "x", &|_| Err("no files".into())).unwrap_or_else(|e| panic!("{e}"));
        let census = Census::new(document.workload.as_ref().expect("a workload"), Arc::new(()));
        let (mut record, _) = trial::run(&document, 0, Settings::default(), census.clone()).expect("it ends");
        census.close(&mut record);
        record.tasks.expect("they were counted")
    }

    #[test]
    fn work_that_outlives_its_caller_is_counted() {
        // Cancelled work is gone before the next request comes; detached work is there for a second: five of them, and an A.
        let most = |tasks: &[u32]| tasks.iter().copied().max();
        assert_eq!(most(&tasks("cancel")), Some(2));
        assert_eq!(most(&tasks("detach")), Some(6));
    }
}
