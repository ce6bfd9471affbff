//! One line per request: what a run and its twin are compared by, and what can be looked at when a percentile surprises.

use crate::record::{Reply, Sample};
use inflight_strategies::rt::Instant;
use std::{fmt::Write as _, time::Duration};

/// The most requests that are kept of one arm; what comes after them is only counted.
pub const MAX_ENTRIES: usize = 1_000_000;

/// One request, over. Times are since the run's start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number in the schedule.
    pub id: u64,
    /// When it should have started.
    pub intended: Duration,
    /// How much later it did.
    pub late: Duration,
    /// From the intended start to the end.
    pub latency: Duration,
    /// What came back.
    pub reply: Reply,
}

/// The requests of one arm in the order in which they ended, those of the warm-up included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// The requests.
    pub entries: Vec<Entry>,
    /// How many more there were.
    pub cut: u64,
    /// When the counted part began, since the run's start.
    pub from: Duration,
    /// When it ended.
    pub to: Duration,
    /// How many are kept at most.
    pub most: usize,
}

impl Log {
    /// A log that keeps at most `most` requests.
    pub fn new(most: usize) -> Log {
        Log { entries: Vec::new(), cut: 0, from: Duration::ZERO, to: Duration::MAX, most }
    }

    /// Notes a request of the run that began at `start`.
    pub(crate) fn push(&mut self, start: Instant, sample: &Sample) {
        if self.entries.len() >= self.most {
            self.cut += 1;
            return;
        }
        let Sample { id, intended, sent, done, reply } = *sample;
        let (late, latency) = (sent - intended, done - intended);
        self.entries.push(Entry { id, intended: intended - start, late, latency, reply });
    }

    /// Adds the log of another part of the same run.
    pub(crate) fn merge(&mut self, other: Log) {
        self.cut += other.cut;
        self.entries.extend(other.entries);
        // Stable: what ended at the same time stays in the order of the parts.
        self.entries.sort_by_key(|entry| entry.intended + entry.latency);
        self.cut += self.entries.len().saturating_sub(self.most) as u64;
        self.entries.truncate(self.most);
        self.to = self.to.max(other.to);
    }

    /// As comma-separated values, a line of names first; microseconds, and nothing where there is no value.
    pub fn csv(&self) -> String {
        let mut out = String::from("id,intended_us,late_us,latency_us,ending,wait_us,a_us,b_us,inside_us\n");
        for entry in &self.entries {
            let Reply { ending, wait, a, b, inside, .. } = entry.reply;
            let [intended, late, latency] =
                [entry.intended, entry.late, entry.latency].map(|duration| duration.as_micros());
            let [wait, a, b, inside] = [wait, a, b, inside]
                .map(|part| part.map_or(String::new(), |duration| duration.as_micros().to_string()));
            let id = entry.id;
            let _ = writeln!(out, "{id},{intended},{late},{latency},{ending},{wait},{a},{b},{inside}");
        }
        if self.cut > 0 {
            let _ = writeln!(out, "# cut: {} more requests", self.cut);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Ending;

    fn sample(id: u64) -> Sample {
        let at = |us: u64| Instant::from_nanos((1000 + us) * 1000);
        let reply = Reply { wait: Some(Duration::from_micros(7)), ..Reply::new(Ending::TimedOut) };
        Sample { id, intended: at(id * 100), sent: at(id * 100 + 3), done: at(id * 100 + 250), reply }
    }

    #[test]
    fn a_log_is_cut_where_it_is_full_and_says_so() {
        let mut log = Log::new(2);
        (0..5).for_each(|id| log.push(Instant::from_nanos(1_000_000), &sample(id)));
        let lines: Vec<String> = log.csv().lines().map(str::to_string).collect();
        assert_eq!(
            lines[1..],
            ["0,0,3,250,timed out,7,,,", "1,100,3,250,timed out,7,,,", "# cut: 3 more requests"]
        );
    }
}
