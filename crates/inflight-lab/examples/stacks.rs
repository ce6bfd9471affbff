//! Any three strategies, nested in any order around the whole, A or B, as a file would have it, under a thousand seeds: every
//! offered request has one outcome, nothing is left inside, and an idle system refuses nobody.
//!
//! `cargo run --release -p inflight-lab --example stacks [FIRST [COUNT]]` prints seeds and time, and every stack that broke the
//! contract with its seed.
#![allow(clippy::print_stdout, reason = "an example talks to its terminal")]

use inflight_lab::{
    call::{Call, Place, Sink, Which},
    dependency::Fates,
    draws::{Dice, Stream},
    experiment::Document,
    manual, sim, trial,
};
use inflight_strategies::{
    event::Event,
    rt::{Clock as _, Executor as _, Instant, Rng as _, Task as _, race},
    service::{Failure, Service as _},
};
use std::{
    process::ExitCode,
    sync::{Arc, Mutex},
    time::Duration,
};

/// Requests per stack.
const REQUESTS: u64 = 60;

fn main() -> ExitCode {
    let mut numbers = std::env::args().skip(1).map(|number| number.parse::<u64>().expect("a number"));
    let (first, count) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(1_000));
    #[allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "the program's own time")]
    let began = std::time::Instant::now();
    let broken: Vec<(u64, String)> = (first..first + count)
        .filter_map(|seed| keeps_the_contract(seed).err().map(|why| (seed, why)))
        .collect();
    for (seed, why) in &broken {
        println!("seed {seed}: {why}\n{}", stack(*seed));
    }
    println!(
        "seeds {first} to {}: {count} stacks of three of {} strategies, {REQUESTS} requests each, {} broke the contract; {:.1} s",
        first + count - 1,
        written().len(),
        broken.len(),
        began.elapsed().as_secs_f64()
    );
    if broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Every way of writing a strategy that the manual has, with its defaults.
fn written() -> Vec<String> {
    let examples = manual::pages().flat_map(|page| page.written());
    let mut all: Vec<String> =
        examples.map(|example| example.replace(", …", "").replace("{ … }", "{}")).collect();
    all.sort();
    all.dedup();
    all
}

fn below(dice: &mut Dice, n: usize) -> usize {
    (dice.unit() * n as f64) as usize
}

/// The file of this seed: three layers, each around the whole, A or B.
fn stack(seed: u64) -> String {
    let (all, mut dice) = (written(), Stream::new(seed, "stacks").dice(0));
    let mut lists = [const { Vec::new() }; 3];
    for _ in 0..3 {
        let layer = all[below(&mut dice, all.len())].clone();
        // Few permits, so that they are taken.
        let layer = layer.replace("permits = 20", &format!("permits = {}", below(&mut dice, 4) + 1));
        lists[below(&mut dice, 3)].push(layer);
    }
    let [whole, a, b] = lists.map(|list| list.join(", "));
    let calls = ["sequential", "parallel"][below(&mut dice, 2)];
    format!(
        "seed = {seed}\n[service.b]\nlatency = {{ exponential = \"100ms\" }}\nerrors = \"10%\"\n\
         contention = {{ memory = {{ knee = 3, slope = 0.5 }} }}\n[[endpoint]]\nname = \"x\"\n\
         calls = \"{calls}\"\nwhole = [ {whole} ]\na = [ {a} ]\nb = [ {b} ]\n"
    )
}

/// Requests that started and finished at the endpoint, and calls of A and B.
#[derive(Debug, Default)]
struct Ledger(Mutex<[[u64; 2]; 3]>);

impl Sink for Ledger {
    fn on_event(&self, _: usize, place: Place, _: u64, _: Instant, event: &Event) {
        let row = match place {
            Place::Endpoint => 0,
            Place::Service(Which::A) => 1,
            Place::Service(Which::B) => 2,
            Place::Layer { .. } => return,
        };
        let column = match event {
            Event::Started => 0,
            Event::Finished { .. } => 1,
            _ => return,
        };
        self.0.lock().expect("no panic under the lock")[row][column] += 1;
    }
}

/// Sends requests whose callers leave at any time, waits for an hour, and asks once more.
fn keeps_the_contract(seed: u64) -> Result<(), String> {
    let text = stack(seed);
    let document = Document::read(&text, "stack", &|_| Err("no file".into())).map_err(|d| d.to_string())?;
    let ran = sim::run(move |world| async move {
        let ledger = Arc::new(Ledger::default());
        let stack = trial::endpoint(&document, 0, &world, ledger.clone());
        let callers = Stream::new(seed, "callers");
        for id in 0..REQUESTS {
            let (stack, clock, mut dice) = (stack.clone(), world.clone(), callers.dice(id));
            let starts = Instant::ZERO + Duration::from_millis(below(&mut dice, 500) as u64);
            let leaves = starts + Duration::from_millis(below(&mut dice, 800) as u64);
            let caller = async move {
                clock.sleep_until(starts).await;
                let _either = race(stack.call(Call::new(id)), clock.sleep_until(leaves)).await;
            };
            world.spawn("caller", caller).detach();
        }
        world.sleep_until(Instant::ZERO + Duration::from_secs(3600)).await;
        let counts = *ledger.0.lock().expect("no panic under the lock");
        // One that B does not fail: a strategy may refuse what comes after a failure.
        let fates = Fates::new(seed, Which::B);
        let good = (REQUESTS..).find(|id| fates.of(&document.service_b, *id).is_some()).unwrap_or(REQUESTS);
        (counts, stack.call(Call::new(good)).await.err())
    });
    let ((counts, idle), _) = ran.map_err(|stuck| stuck.to_string())?;
    if counts[0] != [REQUESTS; 2] {
        return Err(format!("{REQUESTS} offered, started and finished: {:?}", counts[0]));
    }
    if let Some(left) = counts[1..].iter().find(|[started, finished]| started != finished) {
        return Err(format!("something is left inside: {left:?}"));
    }
    match idle {
        Some(Failure::Rejected(rejected)) => Err(format!("an idle system refuses: {rejected:?}")),
        _ => Ok(()),
    }
}
