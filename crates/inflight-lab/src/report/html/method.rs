//! How it was measured, and what it cannot say.

use crate::{
    experiment::{RunOutcome, RunWorld},
    report::{chart::escape, figures::number},
};
use std::fmt::Write as _;

/// The section.
pub(super) fn html(run: &RunOutcome) -> String {
    let mut out = String::from(
        "<section class=\"exp\" id=\"method\" aria-label=\"Method and limits\"><h2>Method and limits</h2>\n<div class=\"cols\">\n<div>\
         <h3>How latency is measured</h3><p>From the moment a request was due, not from when it was sent: a driver that is late cannot hide \
         a wait. A percentile that lies among requests that were cut short is a lower bound and marked with ≥.</p>\
         <h3>What in flight means</h3><p>Requests that were sent and not yet answered: those that wait and those that are served. Lines show \
         the most at once in each stretch of time, so no peak is lost. A hatched stretch had requests in flight and no good answer: nobody \
         knows a latency there, and it is not zero.</p>\
         <h3>Goodput</h3><p>Answers that succeeded, per second of the counted time.</p>\
         <h3>Verdicts</h3><p>All strategies of a round get the same requests: the same arrivals, the same draws of the services. So effects \
         are taken round by round, and the interval is over rounds. A claim holds if the whole interval is where the claim says, is refuted \
         if the whole interval is where it says it is not, and is undecided otherwise. No verdict is given before the planned rounds.</p></div>\n<div>",
    );
    out.push_str("<h3>What this run cannot say</h3><ul>");
    for limit in limits(run) {
        let _ = write!(out, "<li>{}</li>", escape(&limit));
    }
    out.push_str("</ul>");
    out.push_str(&controls(run));
    out.push_str("</div>\n</div>\n</section>\n");
    out
}

/// What the figures must not be taken for.
fn limits(run: &RunOutcome) -> Vec<String> {
    let mut limits = Vec::new();
    match &run.world {
        RunWorld::Live => limits.push(format!(
            "Driver and target shared one machine ({}) and talked over loopback: no network, one kernel, common caches.",
            run.machine
        )),
        RunWorld::Virtual(time) => limits.push(format!(
            "It took place in virtual time: strategies, services and driver are the same code as live, but timers, scheduler and HTTP cost \
             nothing. `inflight run` measures that part. Events {}.",
            time.hash
        )),
    }
    limits.push(
        "The services are models: they hold for these service times and this contention, and for yours only as far as yours are alike."
            .into(),
    );
    let scales: Vec<f64> =
        run.experiments.iter().map(|experiment| experiment.time_scale).filter(|s| *s != 1.0).collect();
    if let Some(scale) = scales.first() {
        limits.push(format!(
            "It is a wind tunnel: durations are {scale} times those of the file and rates {} times. What costs real time (timers, HTTP) \
             therefore weighs that much more than in the original.",
            number(1.0 / scale)
        ));
    }
    if run.experiments.iter().any(|experiment| experiment.rounds.done < 2) {
        limits.push(
            "With one round there is no spread between rounds: its figures have no interval of that kind."
                .into(),
        );
    }
    if run.experiments.iter().any(|experiment| experiment.sweep.is_some()) {
        limits.push("Knee curves are always from virtual time, whatever the rest of the run is.".into());
    }
    if !run.complete {
        limits.push("It was interrupted: what is missing may have looked different.".into());
    }
    limits.extend(run.validity.problems.iter().map(|problem| format!("Invalid: {problem}.")));
    limits
}

/// Every control with what was found.
fn controls(run: &RunOutcome) -> String {
    let mut out = String::new();
    for experiment in run.experiments.iter().filter(|experiment| !experiment.controls.is_empty()) {
        let _ = write!(out, "<h3>Controls of {}</h3><ul class=\"chk\">", escape(&experiment.name));
        for control in &experiment.controls {
            let class = if control.ok { "" } else { " class=\"bad\"" };
            let _ = write!(out, "<li{class}>{}</li>", escape(&format!("{}: {}", control.name, control.text)));
        }
        out.push_str("</ul>");
    }
    out
}
