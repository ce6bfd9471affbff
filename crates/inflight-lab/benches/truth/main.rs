//! The virtual world against queueing theory: every row of the tables in `published.rs`, simulated with the product's own
//! code.
//!
//! `cargo bench -p inflight-lab --bench truth [-- quick] [WORD…]`; words choose models by what their names contain.
//!
//! **Design.** A model is run as 20 independent replications (seeds 1 to 20) of 500,000 requests, 10,000 with `quick`, and
//! of at least 100 relaxation times: shorter ones see too few congested hours for a t interval. Each starts empty and its
//! first 12 relaxation times are not counted: a backlog decays like e^(−t/τ), for M/M/c with τ ≈ S/(c(1 − √ρ)²), which is
//! 40,000 requests at ρ = 0.99; so the start's bias is e⁻¹² of what it was. Requests count by arrival, whenever they end,
//! so none is censored. Every model has its own draws. The interval is Student's over the replications.
//! Percentiles are checked without estimating any: the share of requests within the theory's percentile is a mean.
//! t is turned into z by Wallace's transformation (1959), so that "above 3" means what it means for a normal variate.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a bench measures with the machine's clock and reads its arguments"
)]
#![allow(clippy::print_stdout, reason = "its figures are its output")]

mod closed;
mod estimate;
mod models;
mod open;
mod published;
mod tally;

use estimate::Estimate;
use models::{Load, Model};
use std::{
    process::ExitCode,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

/// Independent replications of every model.
const REPLICATIONS: usize = 20;
/// With `quick`, a model that needs more requests per replication is left out.
const QUICK_MOST: u64 = 200_000;
/// No z beyond this; with `quick`, whose few requests are another draw than the many, none beyond Bonferroni's limit.
const LIMIT: f64 = 3.0;
/// Fewer expected events than this (all replications together) are no mean that Student's t could judge.
const FEWEST: f64 = 1000.0;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    // `cargo test --benches` runs benches too: then it only has to start.
    if !words.iter().any(|word| word == "--bench") {
        return ExitCode::SUCCESS;
    }
    let quick = words.iter().any(|word| word == "quick");
    let requests = if quick { 10_000 } else { 500_000 };
    let names: Vec<&String> = words.iter().filter(|w| !w.starts_with("--") && *w != "quick").collect();
    let is_chosen = |m: &Model| names.is_empty() || names.iter().any(|word| m.name.contains(word.as_str()));
    let chosen: Vec<Model> = models::all().into_iter().filter(is_chosen).collect();
    let began = Instant::now();
    println!("{REPLICATIONS} replications; times in ms");
    println!(
        "{:<34}{:<26}{:>12}{:>14}{:>11}{:>7}",
        "model", "quantity", "theory", "simulated", "± 95 %", "z"
    );
    let mut summary = Summary::default();
    for model in &chosen {
        if quick && model.fewest() > QUICK_MOST {
            summary.models_left_out += 1;
            continue;
        }
        measure(model, model.fewest().max(requests), &mut summary);
    }
    let models = chosen.len() - summary.models_left_out;
    let (millions, seconds) = (summary.requests / 1e6, began.elapsed().as_secs_f64());
    println!("{models} models, {millions:.1} million requests counted, {seconds:.0} s");
    if summary.print(quick) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Simulates a model, `requests` per replication, and prints its rows.
fn measure(model: &Model, requests: u64, summary: &mut Summary) {
    let results = replicate(model, requests);
    let counted = requests as f64 * REPLICATIONS as f64;
    summary.requests += counted;
    for (index, row) in model.rows.iter().enumerate() {
        if row.quantity.is_share() && row.theory.min(1.0 - row.theory) * counted < FEWEST {
            summary.rows_left_out += 1;
            continue;
        }
        let values: Vec<f64> = results.iter().map(|replication| replication[index]).collect();
        let estimate = Estimate::of(&values);
        let z = estimate.z(row.theory, row.half_width);
        let mark = if z.abs() <= LIMIT { "" } else { "  beyond 3" };
        println!(
            "{:<34}{:<26}{:>12.6}{:>14.6}{:>11.6}{z:>+7.2}{mark}",
            model.name,
            row.quantity.to_string(),
            row.theory,
            estimate.mean,
            estimate.half_width()
        );
        summary.scores.push(z);
    }
}

/// The quantities of every replication, on all processors; the result does not depend on their number.
fn replicate(model: &Model, requests: u64) -> Vec<Vec<f64>> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let (next, results) = (AtomicUsize::new(0), Mutex::new(vec![Vec::new(); REPLICATIONS]));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= REPLICATIONS {
                        break;
                    }
                    let seed = index as u64 + 1;
                    let values = match &model.load {
                        Load::Open(load) => open::replicate(model, load, seed, requests),
                        Load::Closed(load) => closed::replicate(model, load, seed, requests),
                    };
                    results.lock().expect("no panic under the lock")[index] = values;
                }
            });
        }
    });
    results.into_inner().expect("no panic under the lock")
}

/// All scores, and what they say together.
#[derive(Default)]
struct Summary {
    requests: f64,
    scores: Vec<f64>,
    rows_left_out: usize,
    models_left_out: usize,
}

impl Summary {
    /// Prints it; whether all is well.
    fn print(&self, quick: bool) -> bool {
        let n = self.scores.len() as f64;
        let share = |limit: f64| self.scores.iter().filter(|z| z.abs() > limit).count() as f64 / n;
        let most = self.scores.iter().map(|z| z.abs()).fold(0.0, f64::max);
        let mean = self.scores.iter().sum::<f64>() / n;
        let square = self.scores.iter().map(|z| z * z).sum::<f64>() / n;
        let bonferroni = estimate::normal_quantile(1.0 - 0.025 / n);
        let limit = if quick { bonferroni } else { LIMIT };
        println!(
            "{n} rows, largest |z| {most:.2}, limit {limit:.2}: {}",
            if most <= limit { "OK" } else { "MISSED" }
        );
        println!(
            "if all is unbiased: mean z 0 (here {mean:+.3}), mean z² 1 (here {square:.3}), 4.6 % beyond 2 (here \
             {:.1} %), 0.27 % beyond 3 (here {:.2} %). Rows of one model share their draws, so these spread more than \
             for independent scores.",
            share(2.0) * 100.0,
            share(3.0) * 100.0
        );
        println!("the largest of {n} independent scores stays below {bonferroni:.2} with 95 % (Bonferroni)");
        if self.rows_left_out > 0 {
            println!("{} rows left out: fewer than {FEWEST} events expected", self.rows_left_out);
        }
        if self.models_left_out > 0 {
            println!("{} models left out: their start takes longer than a quick run", self.models_left_out);
        }
        n > 0.0 && most <= limit
    }
}
