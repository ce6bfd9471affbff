//! A run in several parts: together they are the whole.

use inflight_lab::{
    load::Share,
    record::{Ending, Record, Recorder, Reply, Sample},
    wire::Wire,
    workload::{Arrivals, Workload},
};
use inflight_strategies::{rt::Instant, units::Rate};
use proptest::prelude::*;
use std::{
    sync::{Arc, atomic::AtomicU32},
    time::Duration,
};

const MS: fn(u64) -> Duration = Duration::from_millis;

fn at(ms: u64) -> Instant {
    Instant::ZERO + MS(ms)
}

fn workload() -> Workload {
    Workload::open(Arrivals::Constant(Rate::per_second(1.0).expect("a rate")), MS(1000), MS(100))
}

/// Request number `id`: due at `intended`, sent so much later, over after so long.
fn sample(id: u64, (intended, late, took, ending): (u64, u64, u64, usize)) -> Sample {
    let sent = at(intended + late);
    let wire = Wire {
        sent: (late < 15).then_some(sent),
        waited: (late > 10).then(|| MS(late)),
        first_byte: Some(sent + MS(took / 2)),
        status: 200 + (took % 3) as u16,
        received: took,
        ..Wire::default()
    };
    let reply = Reply { wire: Some(wire), ..Reply::new(Ending::ALL[ending]) };
    Sample { id, intended: at(intended), sent, done: sent + MS(took), reply }
}

/// What can be compared of books.
fn figures(record: &Record) -> impl PartialEq + std::fmt::Debug + use<> {
    let wires = record.wires.as_deref().expect("books of connections").clone();
    let numbers = (record.offered, record.begun, record.endings.clone(), record.in_flight_peak());
    let histograms = (record.completed.clone(), record.answered.clone(), record.lateness.clone());
    let of_wires = (wires.sent, wires.not_sent, wires.late, wires.statuses, wires.received, wires.seconds);
    let more = (wires.connection_wait, wires.first_byte, wires.from_sent, record.timeline.clone());
    (numbers, histograms, of_wires, more, (record.in_flight_mean() * 1e9) as u64, record.lambda_w() as f32)
}

proptest! {
    /// Every request belongs to exactly one of the shares, and each has its part.
    #[test]
    fn shares_are_a_partition(of in 1u32..20, i in any::<u64>()) {
        let having = (0..of).filter(|&number| Share { number, of }.has(i)).count();
        prop_assert_eq!(having, 1);
        prop_assert!(Share::WHOLE.has(i));
    }

    /// Whatever happens to the requests: the books of shares, merged, say what the books of all would have said.
    #[test]
    fn merged_books_are_those_of_the_whole(
        requests in proptest::collection::vec((0u64..900, 0u64..20, 0u64..90, 0usize..Ending::ALL.len()), 1..60),
        of in 1u32..4,
    ) {
        let new = || <Recorder>::new(at(0), &workload()).with_wires(1);
        let everywhere = Arc::new(AtomicU32::new(0));
        let whole = new();
        let parts: Vec<Recorder> = (0..of).map(|_| new().sharing(everywhere.clone())).collect();
        let mut steps = Vec::new();
        for (id, request) in requests.into_iter().enumerate() {
            let sample = sample(id as u64, request);
            steps.extend([(sample.sent, 0, sample), (sample.done, 1, sample)]);
        }
        steps.sort_by_key(|(when, kind, sample)| (*when, *kind, sample.id));
        for (now, kind, sample) in steps {
            let part = &parts[(sample.id % u64::from(of)) as usize];
            for recorder in [&whole, part] {
                if kind == 0 { recorder.begin(sample.intended, now) } else { recorder.end(&sample) }
            }
        }
        let merged = parts.iter().map(|part| part.close(at(2000))).reduce(|mut all, part| {
            all.merge(part);
            all
        });
        let (mut merged, mut whole) = (merged.expect("a part"), whole.close(at(2000)));
        // In ticks without news a part knows the number in flight only as it was when it looked last.
        for record in [&mut merged, &mut whole] {
            record.timeline.iter_mut().for_each(|tick| tick.in_flight = 0);
            let last = record.timeline.iter().rposition(|tick| tick.offered + tick.completed + tick.other > 0);
            record.timeline.truncate(last.map_or(0, |last| last + 1));
        }
        prop_assert_eq!(figures(&merged), figures(&whole));
    }
}
