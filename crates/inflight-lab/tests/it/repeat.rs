//! The same seed, the same run: whichever thread, however many beside it. And Little's law, in whole nanoseconds.

use crate::worlds::document;
use inflight_lab::{
    call::{Place, Sink},
    experiment::Document,
    sim::{self, Trace},
    trial,
};
use inflight_strategies::{event::Event, rt::Instant};
use std::sync::{Arc, Mutex};

/// Everything that the lab has, in five seconds: two tasks, a limit, a timeout, a memory cliff, errors.
fn experiment(seed: u64) -> Document {
    let head = format!("seed = {seed}\n");
    let rest = r#"
[service.b]
latency    = { uniform = ["300ms", "1200ms"] }
errors     = "5%"
contention = { memory = { knee = 10, slope = 0.06 } }

[workload]
arrivals = { poisson = { rate = "30/s" } }
duration = "5s"
warmup   = "1s"

[[arm]]
name  = "guarded"
calls = "parallel"
whole = [ { timeout = { after = "2s" } } ]
b     = [ { limit = { permits = 15 } } ]
"#;
    document(&(head + rest))
}

/// Every event that anybody told, folded.
#[derive(Default)]
struct Digest(Mutex<u64>);

impl Sink for Digest {
    fn on_event(&self, _: usize, place: Place, call: u64, at: Instant, event: &Event) {
        let mut digest = self.0.lock().expect("no panic under the lock");
        let text = format!("{place:?} {call} {at:?} {event:?}");
        *digest = text.bytes().fold(*digest, |h, byte| (h ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    }
}

/// The hash of every poll and the digest of every event.
fn run(seed: u64) -> (Trace, u64) {
    let digest = Arc::new(Digest::default());
    let ran = trial::run(&experiment(seed), 0, sim::Settings::default(), digest.clone());
    let (_, trace) = ran.unwrap_or_else(|stuck| panic!("seed {seed}: {stuck}"));
    let digest = *digest.0.lock().expect("no panic");
    (trace, digest)
}

#[test]
fn the_same_seed_gives_the_same_run_in_one_thread_and_in_two_for_1000_seeds() {
    let one: Vec<_> = (0..1000).map(run).collect();
    let two: Vec<_> = std::thread::scope(|scope| {
        let halves = [0..500, 500..1000].map(|seeds| scope.spawn(|| seeds.map(run).collect::<Vec<_>>()));
        halves.into_iter().flat_map(|half| half.join().expect("no panic")).collect()
    });
    for (seed, (alone, beside)) in one.iter().zip(&two).enumerate() {
        assert_eq!(alone, beside, "seed {seed}");
    }
    let mut digests: Vec<u64> = one.iter().map(|(_, digest)| *digest).collect();
    digests.sort_unstable();
    digests.dedup();
    assert_eq!(digests.len(), 1000, "another seed is another run");
}

/// The number inside, integrated as it changes, and the times that the inside told when they were over.
#[derive(Default)]
struct Inside(Mutex<Integral>);

#[derive(Clone, Copy, Default)]
struct Integral {
    inside: u128,
    since: Instant,
    area: u128,
    sojourns: u128,
    finished: u64,
}

impl Sink for Inside {
    fn on_event(&self, _: usize, place: Place, _: u64, at: Instant, event: &Event) {
        if place != Place::Endpoint {
            return;
        }
        let mut now = self.0.lock().expect("no panic under the lock");
        now.area += now.inside * (at - now.since).as_nanos();
        now.since = at;
        match event {
            Event::Started => now.inside += 1,
            Event::Finished { took, .. } => {
                now.inside -= 1;
                now.sojourns += took.as_nanos();
                now.finished += 1;
            }
            _ => {}
        }
    }
}

#[test]
fn the_sum_of_sojourns_is_the_integral_of_the_number_inside() {
    for seed in 0..50 {
        let inside = Arc::new(Inside::default());
        trial::run(&experiment(seed), 0, sim::Settings::default(), inside.clone()).expect("it ends");
        let end = *inside.0.lock().expect("no panic");
        assert!(end.finished > 90 && end.sojourns > 0, "seed {seed}: {} requests", end.finished);
        assert_eq!((end.inside, end.area), (0, end.sojourns), "seed {seed}");
    }
}
