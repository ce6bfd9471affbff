#![allow(missing_docs, clippy::print_stdout, clippy::disallowed_macros)]
use inflight::driver::*;
use inflight_lab::{audit::Audit, dependency::Latency, workload::*, record::Ending};
use std::time::Duration;
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let get = |i: usize| a[i].parse::<f64>().unwrap();
    raise_open_files();
    // drive HOST:PORT PATH MODE(rate or users) N SECONDS CONNS WORKERS
    let secs = Duration::from_secs_f64(get(5));
    let w = match a[3].as_str() {
        "rate" => Workload::open(Arrivals::Constant(inflight_strategies::units::Rate::per_second(get(4)).unwrap()), secs, Duration::ZERO),
        _ => Workload { traffic: Traffic::Closed(Users { count: get(4) as u32, think: Latency::Constant(Duration::ZERO) }), ..Workload::open(Arrivals::Constant(inflight_strategies::units::Rate::per_second(1.0).unwrap()), secs, Duration::ZERO) },
    };
    let mut plan = Plan::get(w, 1, Peer::Tcp(a[1].parse().unwrap()), &a[1], &a[2]);
    plan.connections = get(6) as usize;
    plan.workers = a.get(7).map(|w| w.parse().unwrap());
    let rt = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut run = plan.start(Epoch::now(), inflight_strategies::rt::Instant::from_nanos(50_000_000)).unwrap();
    let (record, effort) = rt.block_on(run.ended()).unwrap();
    let audit = Audit::of(&record, effort).unwrap();
    let q = |h: &hdrhistogram::Histogram<u64>| format!("p50 {} p95 {} p99 {} p99.9 {} max {}", h.value_at_quantile(0.5), h.value_at_quantile(0.95), h.value_at_quantile(0.99), h.value_at_quantile(0.999), h.max());
    let wires = record.wires.as_ref().unwrap();
    println!("offered {} endings {:?}", record.offered, record.endings);
    println!("completed {}", q(&record.completed));
    println!("from sent {}", q(&wires.from_sent));
    println!("lateness  {}", q(&record.lateness));
    println!("{audit:#?}");
    println!("per cpu s {:.0}", record.endings.get(&Ending::Completed).copied().unwrap_or(0) as f64 / (audit.effort.cpu_ns as f64 / 1e9));
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    println!("{}", status.lines().filter(|l| l.starts_with("VmHWM")).collect::<String>());
}
