//! `--selftest`: the driver against built-in targets, each a process of its own.

use super::super::{Exit, target_app::TargetApp};
use super::drive::Targets;
use crate::{
    cli,
    terminal::{print, say},
};
use inflight_lab::{
    load::{
        figures::LoadFigures,
        selftest::{Comparison, Trial, trials},
    },
    report,
};
use inflight_strategies::units::format_duration;

/// One test, done.
struct Tested {
    trial: Trial,
    figures: LoadFigures,
    all: Vec<Comparison>,
}

impl Tested {
    fn is_right(&self) -> bool {
        self.trial.is_whole(&self.figures) && self.all.iter().all(Comparison::is_right)
    }
}

pub(super) async fn run(flags: &cli::Load) -> anyhow::Result<Exit> {
    let mut done = Vec::new();
    for trial in trials(flags.seed, flags.duration / 2) {
        say(&format!("  {}, {}", trial.name, format_duration(trial.workload.duration)));
        let Some(tested) = test(trial, flags).await? else { return Ok(Exit::Interrupted) };
        done.push(tested);
    }
    if flags.json {
        let of = |tested: &Tested| {
            serde_json::json!({
                "test": tested.trial.name, "right": tested.is_right(), "comparisons": tested.all, "load": tested.figures,
            })
        };
        let document: Vec<_> = done.iter().map(of).collect();
        print(&format!("{}\n", serde_json::to_string_pretty(&document)?));
    } else {
        print(&text(&done));
    }
    Ok(if done.iter().all(Tested::is_right) { Exit::Done } else { Exit::Invalid })
}

/// `None` if it was interrupted.
async fn test(trial: Trial, flags: &cli::Load) -> anyhow::Result<Option<Tested>> {
    let target = TargetApp::start_with(&arguments(&trial))?;
    let url = format!("http://{}{}", target.address, trial.path);
    let targets = Targets::one(&url, trial.seed).await?;
    let driven = targets.drive(&trial.workload).await?;
    if !driven.is_complete {
        return Ok(None);
    }
    let figures = super::figures(&driven, &targets, flags).remove(0);
    let all = trial.compare(&figures);
    Ok(Some(Tested { trial, figures, all }))
}

/// The target's command line.
fn arguments(trial: &Trial) -> Vec<String> {
    let mut arguments = vec!["target".into(), "--seed".into(), trial.seed.to_string()];
    if let Some(stalls) = &trial.stalls {
        let (start, end) = stalls.nth(0);
        for (flag, time) in [("--stall", end - start), ("--every", stalls.every), ("--first", stalls.first)] {
            arguments.extend([flag.into(), format_duration(time)]);
        }
    }
    arguments
}

fn text(done: &[Tested]) -> String {
    let mut out = format!(
        "{:<17}{:<8}{:>12}{:>12}{:>12}{:>12}\n",
        "", "", "truth ms", "found ms", "off ms", "allowed ms"
    );
    for tested in done {
        let ms = |ns: f64| format!("{:.2}", ns / 1e6);
        for (i, one) in tested.all.iter().enumerate() {
            let name = if i == 0 { tested.trial.name } else { "" };
            let found = one.found_ns.map_or("–".into(), |ns| ms(ns as f64));
            let off = one
                .found_ns
                .map_or("–".into(), |ns| format!("{:+.2}", (ns as f64 - one.truth_ns as f64) / 1e6));
            let (truth, allowed) = (ms(one.truth_ns as f64), ms(one.allowed_ns as f64));
            let sign = if one.is_right() { "✓" } else { "✗" };
            out.push_str(&format!(
                "{name:<17}{:<8}{truth:>12}{found:>12}{off:>12}{allowed:>12}  {sign}\n",
                one.figure
            ));
        }
        if !tested.trial.is_whole(&tested.figures) {
            let sum: u64 = tested.figures.endings.values().sum();
            out.push_str(&format!(
                "  ✗ {} offered, {sum} ended, {:?}\n",
                tested.figures.offered, tested.figures.endings
            ));
        }
        if tested.figures.lateness.p99_ns.is_some_and(|late| late > 1_000_000) {
            let late = tested.figures.lateness.p99_ns.map_or(String::new(), |late| ms(late as f64));
            out.push_str(&format!("  ! requests were begun late, {late} ms at p99: is the machine busy?\n"));
        }
        report::problems(std::slice::from_ref(&tested.figures))
            .iter()
            .for_each(|why| out.push_str(&format!("  ! {why}\n")));
    }
    let right = done.iter().filter(|tested| tested.is_right()).count();
    out.push_str(&format!("\n{right} of {} targets were told as they are\n", done.len()));
    out
}
