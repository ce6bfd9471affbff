//! Bars 3 and 4: what requests cost the client, in processor time and in memory.

use super::clients::{Ask, Client, Kind};
use super::figures::median;
use super::target::Target;
use super::{Bench, show};
use anyhow::Result;

/// Requests per client processor second at full speed.
pub(super) fn cheap(bench: &mut Bench) -> Result<()> {
    let (rounds, seconds) = if bench.is_quick { (1, 4) } else { (3, 10) };
    for connections in [64, 1000] {
        println!(
            "\n  full speed, {connections} connections, {rounds} × {seconds} s: requests per client CPU-second"
        );
        let mut found: Vec<(Kind, f64)> = Vec::new();
        for client in bench.everyone().filter(|client| client.kind != Kind::OhaCorrected) {
            match per_cpu_second(bench, client, connections, rounds, seconds) {
                Ok(per_s) => {
                    println!("  {:<10}{per_s:>10.0}", client.kind.name());
                    found.push((client.kind, per_s));
                }
                Err(error) => println!("  {:<10}{error:#}", client.kind.name()),
            }
        }
        judge(bench, connections, &found);
    }
    Ok(())
}

fn judge(bench: &mut Bench, connections: u32, found: &[(Kind, f64)]) {
    let of = |kind| found.iter().find(|row| row.0 == kind).map(|row| row.1);
    let Some(ours) = of(Kind::Ours) else {
        bench.bars.check(false, format!("{connections} connections: ours was not measured"));
        return;
    };
    if connections == 64 {
        bench.bars.check(ours >= 85_000.0, format!("64 connections: {ours:.0} per CPU-second (bar ≥ 85000)"));
    }
    let least = if connections == 64 { 0.8 } else { 0.75 };
    if let Some(wrk) = of(Kind::Wrk) {
        let ratio = ours / wrk;
        bench
            .bars
            .check(ratio >= least, format!("{connections} connections: {ratio:.2} × wrk (bar ≥ {least})"));
    }
    if let (1000, Some(oha)) = (connections, of(Kind::Oha)) {
        bench.bars.check(ours >= oha, format!("1000 connections: {:.2} × oha (bar ≥ 1)", ours / oha));
    }
}

fn per_cpu_second(
    bench: &Bench,
    client: &Client,
    connections: u32,
    rounds: usize,
    seconds: u32,
) -> Result<f64> {
    let mut figures = Vec::new();
    for round in 0..rounds {
        let name = format!("cheap-{connections}-{round}");
        let target = Target::start(
            &format!("{name}-target-{}", client.kind.name()),
            &[],
            &bench.cores,
            &bench.folder,
        )?;
        let ask = Ask { url: target.url("/"), rate: None, connections: Some(connections), seconds };
        let told = client.run(&name, &ask, &bench.cores, &bench.folder)?;
        figures.push(told.requests / told.used.cpu_s);
    }
    Ok(median(figures))
}

/// Memory with 10,000 requests in flight, and what a hundred times as many requests add.
pub(super) fn small(bench: &mut Bench) -> Result<()> {
    println!("\n  10,000 requests in flight: the most memory resident, MiB");
    let kinds: &[Kind] = match bench.is_quick {
        true => &[Kind::Ours, Kind::Wrk],
        false => &[Kind::Ours, Kind::Wrk, Kind::H2load, Kind::Oha, Kind::Vegeta, Kind::Hey],
    };
    let mut ours = f64::NAN;
    for client in bench.everyone().filter(|client| kinds.contains(&client.kind)) {
        match in_flight(bench, client) {
            Ok((peak, note)) => {
                println!("  {:<10}{:>10}{note}", client.kind.name(), show(peak));
                ours = if client.kind == Kind::Ours { peak } else { ours };
            }
            Err(error) => println!("  {:<10}{error:#}", client.kind.name()),
        }
    }
    bench.bars.check(ours <= 47.0, format!("10,000 in flight: {} MiB (bar ≤ 47 MiB)", show(ours)));
    growth(bench)
}

fn in_flight(bench: &Bench, client: &Client) -> Result<(f64, String)> {
    let target =
        Target::start(&format!("small-target-{}", client.kind.name()), &[], &bench.cores, &bench.folder)?;
    // 2,000/s for 7 s, each answered after 5 s: 10,000 in flight from the fifth second on.
    let rate = (client.kind == Kind::Ours).then_some(2000);
    let connections = (client.kind != Kind::Ours).then_some(10_000);
    let ask = Ask { url: target.url("/after/5s"), rate, connections, seconds: 7 };
    let told = client.run("small", &ask, &bench.cores, &bench.folder)?;
    let peak = told.json["load"][0]["in_flight_peak"].as_f64();
    let note = peak.map_or(String::new(), |peak| format!("  (peak in flight {peak})"));
    Ok((told.used.peak_mib(f64::INFINITY), note))
}

/// How much more memory is resident after a hundred times the requests, ten times if it has to be quick.
fn growth(bench: &mut Bench) -> Result<()> {
    const FEW: f64 = 1e5;
    let many = FEW * if bench.is_quick { 10.0 } else { 100.0 };
    let measure = |seconds: u32| {
        let name = format!("growth-{seconds}");
        let target = Target::start(&format!("{name}-target"), &[], &bench.cores, &bench.folder)?;
        let ask = Ask { url: target.url("/"), rate: None, connections: Some(64), seconds };
        bench.ours().run(&name, &ask, &bench.cores, &bench.folder)
    };
    // However fast the machine is.
    let seconds = (many / measure(1)?.requests).ceil().clamp(1.0, 600.0);
    let told = measure(seconds as u32 + 1)?;
    let after = |requests: f64| told.used.peak_mib((seconds + 1.0) * requests / told.requests);
    let (few, many) = ((FEW, after(FEW)), (many, after(many)));
    bench.bars.check(
        many.1 - few.1 <= 1.0,
        format!(
            "memory from {:.1e} to {:.1e} requests: {} → {} MiB (bar: 1 MiB more)",
            few.0,
            many.0,
            show(few.1),
            show(many.1)
        ),
    );
    Ok(())
}
