//! `cargo xtask twin`: live arms beside their twins at three rates, with the bounds that a quiet machine keeps.
//!
//! The original lab's delays at their real length, no wind tunnel. The limit has as many permits as keep it equally busy at
//! every rate (85 %): with too few, its queue would grow for ever, live as well as in virtual time.

use crate::{
    checkout::WorkDir,
    program,
    report::{Checks, Stopwatch, heading},
};
use inflight_lab::{
    experiment::ArmOutcome,
    report::{self, Plain},
    twin::{Comparison, Twin},
};
use std::fs;

/// Requests per second, and the permits of the limit.
const RATES: [(u32, u32); 3] = [(24, 20), (100, 84), (300, 250)];
/// The residual's median and 99th percentile, in milliseconds.
const MAX_RESIDUAL_MS: [f64; 2] = [0.5, 2.0];
/// A machine whose driver is later than this at p99 is too busy to tell a residual of such a size from its own delays.
const MAX_LATE_MS: f64 = 1.0;
/// How far percentiles may be apart without and with calibration, in percent.
const MAX_APART: [f64; 2] = [1.0, 0.3];

const EXPERIMENT: &str = r#"
question = "What does the real system add to its twin at RATE/s?"
[workload]
arrivals = { poisson = { rate = "RATE/s" } }
duration = "32s"
warmup   = "2s"
[[arm]]
name  = "sync"
calls = "sequential"
[[arm]]
name  = "async"
calls = "parallel"
[[arm]]
name  = "async-limited"
calls = "parallel"
b     = [ { limit = { permits = PERMITS, queue = "unbounded" } } ]
[[arm]]
name  = "async-timeout"
calls = "parallel"
whole = [ { timeout = { after = "600ms" } } ]
[[arm]]
name  = "async-timeout-detached"
calls = "parallel"
whole = [ { timeout = { after = "600ms", late = "detach" } } ]
"#;

/// Measures, prints, and holds the figures to their bounds.
pub(crate) fn run() -> anyhow::Result<bool> {
    let (took, work) = (Stopwatch::start(), WorkDir::create("twin")?);
    program::build()?;
    let mut checks = Checks::default();
    for (rate, permits) in RATES {
        heading(format!("{rate}/s"));
        let text = EXPERIMENT.replace("RATE", &rate.to_string()).replace("PERMITS", &permits.to_string());
        let file = work.path().join(format!("twin-{rate}.toml"));
        fs::write(&file, text)?;
        let runs = work.path().join("runs");
        let outcome =
            program::outcome(["run".as_ref(), file.as_os_str(), "--runs".as_ref(), runs.as_os_str()])?;
        print!("{}", report::result(&outcome, 100, &Plain));
        let arms = outcome.experiments.iter().flat_map(|experiment| &experiment.arms);
        arms.for_each(|arm| check(&mut checks, rate, arm));
    }
    Ok(checks.conclude(&took))
}

fn check(checks: &mut Checks, rate: u32, arm: &ArmOutcome) {
    let of = format!("{rate}/s /{}", arm.name);
    let Some(Twin::Compared { exact, calibrated }) = &arm.twin else {
        return checks.check(false, format!("{of}: has a twin"));
    };
    let ms = |ns: f64| ns / 1e6;
    let parts = &exact.parts;
    let named = [
        ("late", parts.late),
        ("HTTP", parts.http),
        ("timers", parts.timers),
        ("waits", parts.waits),
        ("rest", parts.rest),
    ];
    let named = named.map(|(name, part)| format!("{name} {:+.3}", ms(part.mean_ns as f64)));
    let driver = ms(arm.lateness.p99_ns as f64);
    println!("  · {of}: its mean in ms: {}; driver {driver:.1} ms late at p99", named.join(", "));
    let residual = [exact.residual.p50_ns, exact.residual.p99_ns].map(|ns| ms(ns as f64));
    for ((what, found), most) in ["median", "p99"].into_iter().zip(residual).zip(MAX_RESIDUAL_MS) {
        let what = format!("{of}: {what} of the residual {found:.3} ms, at most {most} ms");
        if found > most && driver > MAX_LATE_MS {
            checks.leave_open(
                what,
                format_args!("the machine is too busy: its driver is {driver:.1} ms late at p99"),
            );
        } else {
            checks.check(found <= most, what);
        }
    }
    let both = [("", Some(exact)), (" calibrated", calibrated.as_ref())];
    for ((how, found), most) in both.into_iter().zip(MAX_APART) {
        let apart = found.map_or(f64::INFINITY, |found| farthest(found));
        checks.check(apart <= most, format!("{of}: percentiles{how} {apart:.3} % apart, at most {most} %"));
    }
}

/// By how much p50, p95 and p99 differ at most, in percent.
fn farthest(found: &Comparison) -> f64 {
    found.relative().into_iter().map(|share| share.abs() * 100.0).fold(0.0, f64::max)
}
