//! Two logs of the same requests side by side. Pure: nothing here knows which one was live.

use crate::{
    log::{Entry, Log},
    record::Ending,
    stack::Calls,
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, time::Duration};

/// Live requests beside the same requests of a twin, in the counted time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Comparison {
    /// Requests that were answered the same way in both: what the residual is taken over.
    pub compared: u64,
    /// Requests that ended otherwise, such as a timeout that was decided the other way.
    pub differing: Vec<Differing>,
    /// Requests that ended in one of the two only.
    pub missing: u64,
    /// Live latency − twin latency, request by request.
    pub residual: Residual,
    /// What the residual is made of. The means of the parts sum to the mean of the residual.
    pub parts: Parts,
    /// Latency of the good answers of the live run.
    pub live: Percentiles,
    /// Latency of the good answers of the twin.
    pub twin: Percentiles,
}

/// Requests that ended one way in the live run and another in its twin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Differing {
    /// How they ended in the live run.
    pub live: Ending,
    /// How they ended in the twin.
    pub twin: Ending,
    /// How many.
    pub count: u64,
}

/// Live − twin in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Residual {
    /// Mean, with its sign.
    pub mean_ns: i64,
    /// Median, with its sign.
    pub median_ns: i64,
    /// Median of the absolute value.
    pub p50_ns: u64,
    /// 99th percentile of the absolute value.
    pub p99_ns: u64,
    /// Largest absolute value.
    pub max_ns: u64,
}

/// One part of the residual in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Mean, with its sign.
    pub mean_ns: i64,
    /// 99th percentile of the absolute value.
    pub p99_ns: u64,
}

/// What the residual is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Parts {
    /// Sent later than intended.
    pub late: Part,
    /// HTTP: from sent to done, without what was inside the target.
    pub http: Part,
    /// Timers: how much longer the services of a good answer took (A + B, or the longer one if they are called at the same
    /// time), or the time limit that ended the request.
    pub timers: Part,
    /// Waiting for permits.
    pub waits: Part,
    /// The rest: tasks that waited for a processor.
    pub rest: Part,
}

/// Percentiles of latencies in nanoseconds, exact (nearest rank).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Percentiles {
    /// Median.
    pub p50_ns: u64,
    /// 95th percentile.
    pub p95_ns: u64,
    /// 99th percentile.
    pub p99_ns: u64,
}

impl Percentiles {
    fn of(mut nanos: Vec<u64>) -> Percentiles {
        nanos.sort_unstable();
        let at = |share| nearest_rank(&nanos, share).copied().unwrap_or(0);
        Percentiles { p50_ns: at(0.5), p95_ns: at(0.95), p99_ns: at(0.99) }
    }

    /// The three, lowest first.
    pub fn all(&self) -> [u64; 3] {
        [self.p50_ns, self.p95_ns, self.p99_ns]
    }
}

impl Comparison {
    /// `live` beside `twin`, whose endpoint calls its services as `calls` says. `None` if no request ended the same way.
    pub fn of(live: &Log, twin: &Log, calls: Calls) -> Option<Comparison> {
        let pairs = Pairs::of(live, twin);
        let rows: Vec<[i64; 6]> = pairs
            .same
            .iter()
            .map(|(live, twin)| difference(parts(live, calls), parts(twin, calls)))
            .collect();
        let column = |of: usize| -> Vec<i64> { rows.iter().map(|row| row[of]).collect() };
        let part = |of| Some(Part { mean_ns: mean(&column(of))?, p99_ns: residual(column(of))?.p99_ns });
        let good = |log: &[&Entry]| {
            let good = log.iter().filter(|entry| entry.reply.ending == Ending::Completed);
            Percentiles::of(good.map(|entry| nanos(entry.latency) as u64).collect())
        };
        Some(Comparison {
            compared: rows.len() as u64,
            differing: pairs.differing(),
            missing: pairs.missing,
            residual: residual(column(0))?,
            parts: Parts {
                late: part(1)?,
                http: part(2)?,
                timers: part(3)?,
                waits: part(4)?,
                rest: part(5)?,
            },
            live: good(&pairs.live),
            twin: good(&pairs.twin),
        })
    }

    /// How far the live percentiles are from the twin's: (live − twin)/twin at p50, p95 and p99.
    pub fn relative(&self) -> [f64; 3] {
        let (live, twin) = (self.live.all(), self.twin.all());
        std::array::from_fn(|i| if twin[i] == 0 { 0.0 } else { live[i] as f64 / twin[i] as f64 - 1.0 })
    }
}

/// The counted requests of two logs, matched by their numbers.
struct Pairs<'l> {
    live: Vec<&'l Entry>,
    twin: Vec<&'l Entry>,
    same: Vec<(&'l Entry, &'l Entry)>,
    other: BTreeMap<(Ending, Ending), u64>,
    missing: u64,
}

impl<'l> Pairs<'l> {
    fn of(live: &'l Log, twin: &'l Log) -> Pairs<'l> {
        // A live run that was interrupted has counted less than its twin.
        let is_counted = |entry: &&Entry| live.from <= entry.intended && entry.intended < live.to;
        let sorted = |log: &'l Log| {
            let mut counted: Vec<&Entry> = log.entries.iter().filter(is_counted).collect();
            counted.sort_unstable_by_key(|entry| entry.id);
            counted
        };
        let mut pairs = Pairs {
            live: sorted(live),
            twin: sorted(twin),
            same: Vec::new(),
            other: BTreeMap::new(),
            missing: 0,
        };
        let mut of_twin = pairs.twin.iter().peekable();
        let mut matched = 0;
        for &live in &pairs.live {
            while of_twin.next_if(|twin| twin.id < live.id).is_some() {}
            let Some(&twin) = of_twin.next_if(|twin| twin.id == live.id) else { continue };
            matched += 1;
            match (live.reply.ending, twin.reply.ending) {
                (one, other) if one == other && one.is_answer() => pairs.same.push((live, twin)),
                (one, other) => *pairs.other.entry((one, other)).or_default() += 1,
            }
        }
        pairs.missing = (pairs.live.len() + pairs.twin.len() - 2 * matched) as u64;
        pairs
    }

    fn differing(&self) -> Vec<Differing> {
        self.other.iter().map(|(&(live, twin), &count)| Differing { live, twin, count }).collect()
    }
}

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

/// One latency and its parts, in nanoseconds: the whole, late, HTTP, timers, waits, the rest.
fn parts(entry: &Entry, calls: Calls) -> [i64; 6] {
    let reply = entry.reply;
    let part = |duration: Option<Duration>| duration.map_or(0, nanos);
    let [latency, late] = [entry.latency, entry.late].map(nanos);
    // A target that does not tell has HTTP and all else in one.
    let inside = part(reply.inside);
    let (a, b) = (part(reply.a), part(reply.b));
    let (timers, waits) = match (reply.ending, calls) {
        (Ending::TimedOut, _) => (inside, 0),
        (Ending::Completed, Calls::Sequential) => (a + b, part(reply.wait)),
        (Ending::Completed, Calls::Parallel | Calls::Joined) => (a.max(b), part(reply.wait)),
        // A failure cancels the other call, whose time then is nobody's.
        _ => (0, part(reply.wait)),
    };
    [latency, late, latency - late - inside, timers, waits, inside - timers - waits]
}

fn difference(live: [i64; 6], twin: [i64; 6]) -> [i64; 6] {
    std::array::from_fn(|i| live[i] - twin[i])
}

fn mean(values: &[i64]) -> Option<i64> {
    let sum: i128 = values.iter().map(|&value| i128::from(value)).sum();
    (!values.is_empty()).then(|| (sum / values.len() as i128) as i64)
}

/// The value at `share` (0 to 1) of sorted values: the nearest rank.
pub(super) fn nearest_rank<T>(sorted: &[T], share: f64) -> Option<&T> {
    let rank = libm::ceil(share * sorted.len() as f64) as usize;
    sorted.get(rank.max(1) - 1)
}

fn residual(mut values: Vec<i64>) -> Option<Residual> {
    let mean_ns = mean(&values)?;
    values.sort_unstable();
    let median_ns = *nearest_rank(&values, 0.5)?;
    let mut sizes: Vec<u64> = values.into_iter().map(i64::unsigned_abs).collect();
    sizes.sort_unstable();
    let at = |share| nearest_rank(&sizes, share).copied();
    Some(Residual { mean_ns, median_ns, p50_ns: at(0.5)?, p99_ns: at(0.99)?, max_ns: at(1.0)? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Reply;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    /// A request of 100 ms: 10 late, 20 of HTTP, 30 of A at the same time as 40 of B, which waited 5.
    fn entry(id: u64, ending: Ending) -> Entry {
        let reply = Reply {
            wait: Some(MS(5)),
            a: Some(MS(30)),
            b: Some(MS(40)),
            inside: Some(MS(70)),
            ..Reply::new(ending)
        };
        Entry { id, intended: MS(id), late: MS(10), latency: MS(100), reply }
    }

    fn log(entries: Vec<Entry>) -> Log {
        Log { entries, to: MS(1000), ..Log::new(0) }
    }

    #[test]
    fn the_parts_sum_to_the_latency() {
        let ms = |calls, ending| parts(&entry(0, ending), calls).map(|ns| ns / 1_000_000);
        assert_eq!(ms(Calls::Parallel, Ending::Completed), [100, 10, 20, 40, 5, 25]);
        assert_eq!(ms(Calls::Sequential, Ending::Completed), [100, 10, 20, 70, 5, -5]);
        assert_eq!(ms(Calls::Parallel, Ending::TimedOut), [100, 10, 20, 70, 0, 0]);
        assert_eq!(ms(Calls::Parallel, Ending::Failed), [100, 10, 20, 0, 5, 65]);
    }

    #[test]
    fn requests_that_end_otherwise_are_counted_and_not_compared() {
        let live = log(vec![
            entry(3, Ending::Completed),
            entry(1, Ending::TimedOut),
            entry(0, Ending::Completed),
            entry(5, Ending::Reset),
        ]);
        let twin = log((0..5).map(|id| entry(id, Ending::Completed)).collect());
        let found = Comparison::of(&live, &twin, Calls::Parallel).expect("two are the same");
        let differing = Differing { live: Ending::TimedOut, twin: Ending::Completed, count: 1 };
        assert_eq!((found.compared, found.differing), (2, vec![differing]));
        // 2 and 4 are the twin's only, 5 is the live run's only.
        assert_eq!(found.missing, 3);
        assert_eq!(Comparison::of(&live, &log(vec![]), Calls::Parallel), None);
    }

    #[test]
    fn the_residual_has_a_sign_and_its_percentiles_are_of_its_size() {
        let values: Vec<i64> = (-50..=49).collect();
        let found = residual(values).expect("a hundred");
        // The sum is −50; sizes are 0, 1, 1, 2, 2, …, 49, 49, 50.
        assert_eq!((found.mean_ns, found.median_ns), (0, -1));
        assert_eq!((found.p50_ns, found.p99_ns, found.max_ns), (25, 49, 50));
    }

    #[test]
    fn only_the_time_that_the_live_run_counted_is_compared() {
        let all = log((0..10).map(|id| entry(id, Ending::Completed)).collect());
        let live = Log { from: MS(2), to: MS(6), ..all.clone() };
        let found = Comparison::of(&live, &all, Calls::Parallel).expect("four");
        assert_eq!((found.compared, found.missing), (4, 0));
    }
}
