//! How many calls of the services are under way inside a target, tick by tick, whether anybody waits for them or not: work
//! that outlives its caller is seen here and nowhere else.

use crate::{
    call::{Place, Sink},
    course::lengths,
    record::Record,
    workload::Workload,
};
use inflight_strategies::{event::Event, rt::Instant};
use std::sync::{Arc, Mutex, PoisonError};

/// Counts, and hands every event on.
pub struct Census {
    tick_ns: u64,
    /// No ticks are kept beyond so many.
    most: usize,
    next: Arc<dyn Sink>,
    counted: Mutex<Counted>,
}

#[derive(Default)]
struct Counted {
    under_way: u32,
    peaks: Vec<u32>,
}

impl Census {
    /// Of a run of `workload` that begins with the world; `next` hears every event, too.
    pub fn new(workload: &Workload, next: Arc<dyn Sink>) -> Arc<Census> {
        let tick = lengths(workload.duration).0;
        let most = ((workload.duration * 4 + workload.patience).as_nanos() / tick.as_nanos()) as usize;
        Arc::new(Census { tick_ns: tick.as_nanos() as u64, most, next, counted: Mutex::default() })
    }

    /// Writes what was counted into the run's books.
    pub fn close(&self, record: &mut Record) {
        let counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let mut peaks = counted.peaks.clone();
        peaks.resize(peaks.len().max(record.timeline.len()), counted.under_way);
        record.tasks = Some(peaks);
    }
}

impl Counted {
    fn move_by(&mut self, by: i32, tick: usize, most: usize) {
        let before = self.under_way;
        self.under_way = before.saturating_add_signed(by);
        if tick >= most {
            return;
        }
        if tick >= self.peaks.len() {
            // Between two events the number stands still.
            self.peaks.resize(tick + 1, before);
        }
        self.peaks[tick] = self.peaks[tick].max(self.under_way);
    }
}

impl Sink for Census {
    fn on_event(&self, endpoint: usize, place: Place, call: u64, at: Instant, event: Event) {
        let by = match (place, &event) {
            (Place::Service(_), Event::Started) => 1,
            (Place::Service(_), Event::Finished { .. }) => -1,
            _ => 0,
        };
        if by != 0 {
            let tick = (at.as_nanos() / self.tick_ns) as usize;
            self.counted.lock().unwrap_or_else(PoisonError::into_inner).move_by(by, tick, self.most);
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
