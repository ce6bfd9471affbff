//! `--find-capacity`: probes at rates that the search asks for.

use super::super::{BadInput, Exit};
use super::{ask, drive::Targets, figures};
use crate::{
    cli,
    terminal::{print, say},
};
use inflight_lab::{
    load::{
        expect::Expectation,
        search::{Capacity, Search, Step},
    },
    report,
    workload::{Arrivals, Traffic, Workload},
};
use inflight_strategies::units::{MAX_RATE, Rate};

/// The interval is narrower than this share of its lower end.
const PRECISION: f64 = 0.05;

pub(super) async fn run(flags: &cli::Load, targets: &Targets, objective: &str) -> anyhow::Result<Exit> {
    let objective = ask::expectations(&[objective.into()], "--find-capacity")?.remove(0);
    let workload = ask::workload(flags)?;
    if !matches!(workload.traffic, Traffic::Open(Arrivals::Constant(_) | Arrivals::Poisson(_))) {
        let why = "error: --find-capacity searches a rate: --arrivals must be constant or poisson";
        return Err(BadInput(why.into()).into());
    }
    let most = Rate::per_second(MAX_RATE).expect("the highest rate");
    let first = flags.rate.unwrap_or(ask::default_rate());
    let mut searching = Search { first, most, repeats: flags.repeats, precision: PRECISION }.begin();
    let targets = targets.unwatched();
    let mut seed = flags.seed;
    loop {
        let rate = match searching.step() {
            Step::Done(capacity) => return conclude(flags, &capacity, &objective, None),
            Step::Probe(rate) => rate,
        };
        let driven = targets.with_seed(seed).drive(&at(&workload, rate)).await?;
        if !driven.is_complete {
            return Ok(Exit::Interrupted);
        }
        seed += 1;
        let found = figures(&driven, &targets, flags);
        if let Some(why) = report::problems(&found).into_iter().next() {
            let capacity = searching.so_far();
            return conclude(flags, &capacity, &objective, Some(format!("at {rate} {why}")));
        }
        let answers: Vec<_> = found.iter().map(|figures| objective.judge(figures)).collect();
        let is_met = answers.iter().all(|answer| answer.holds == Some(true));
        let said: Vec<&str> = answers.iter().map(|answer| answer.found.as_str()).collect();
        say(&format!("  {rate:>12}  {}  {}", if is_met { "met   " } else { "missed" }, said.join(", ")));
        searching.on_probe(rate, is_met);
    }
}

/// The same at another rate.
fn at(workload: &Workload, rate: Rate) -> Workload {
    let traffic = match &workload.traffic {
        Traffic::Open(Arrivals::Constant(_)) => Traffic::Open(Arrivals::Constant(rate)),
        _ => Traffic::Open(Arrivals::Poisson(rate)),
    };
    Workload { traffic, ..workload.clone() }
}

fn conclude(
    flags: &cli::Load,
    capacity: &Capacity,
    objective: &Expectation,
    limit: Option<String>,
) -> anyhow::Result<Exit> {
    let exit = if limit.is_some() && capacity.missed_per_s.is_none() { Exit::Invalid } else { Exit::Done };
    if flags.json {
        let document = serde_json::json!({
            "objective": objective.to_string(), "capacity": capacity, "driver-limit": limit,
        });
        print(&format!("{}\n", serde_json::to_string_pretty(&document)?));
        return Ok(exit);
    }
    let text = match (capacity.met_per_s, capacity.missed_per_s) {
        (Some(met), Some(missed)) => format!("{objective} up to {met:.1}/s; missed at {missed:.1}/s\n"),
        (Some(met), None) => {
            format!("{objective} at {met:.1}/s still; it was not missed at any rate that was tried\n")
        }
        (None, Some(missed)) => format!("{objective} at no rate that was tried, down to {missed:.1}/s\n"),
        (None, None) => format!("{objective}: nothing was measured\n"),
    };
    print(&text);
    if let Some(why) = limit {
        print(&format!("! the search ended where the driver did: {why}\n"));
    }
    Ok(exit)
}
