//! The beginning of a page: the result as its title, what it means in sentences, what was measured, whether to trust it, how to
//! repeat it.

use super::verdicts::class;
use crate::{
    experiment::{ArmOutcome, ExperimentOutcome, RunOutcome, RunWorld, Verdict},
    report::{
        chart::escape,
        figures::{counted, figure, grouped, millis, number},
        measured::{Measured, Quantile},
        rerun::rerun,
        tally,
    },
};
use inflight_strategies::units::format_duration;
use std::{fmt::Write as _, time::Duration};

/// The result in one line.
pub(super) fn title(run: &RunOutcome) -> String {
    let verdicts: Vec<&Verdict> =
        run.experiments.iter().flat_map(|experiment| &experiment.verdicts).collect();
    let tally = tally::sentence(&verdicts);
    match &run.experiments[..] {
        [only] if tally.is_empty() => only.question.clone().unwrap_or_else(|| only.name.clone()),
        [_] => tally,
        all => {
            let answers = all.iter().filter(|experiment| experiment.answer.is_some()).count();
            let asked = counted(all.len(), "question");
            let asked = if answers > 0 { format!("{asked}, {}", counted(answers, "answer")) } else { asked };
            if tally.is_empty() { asked } else { format!("{asked}: {tally}") }
        }
    }
}

/// The top of the page.
pub(super) fn html(run: &RunOutcome) -> String {
    let mut out = String::from("<div class=\"top\"><b>Inflight</b>");
    let _ = write!(out, "<span>run <span class=\"mono\">{}</span></span>", escape(&run.id));
    if run.started_unix_s > 0 {
        let _ = write!(out, "<span>{}</span>", date(run.started_unix_s));
    }
    let _ = writeln!(out, "{}</div>\n<h1>{}</h1>", navigation(run), escape(&title(run)));
    out.push_str(&banner(run));
    match &run.experiments[..] {
        [only] => out.push_str(&lead(only)),
        all => {
            out.push_str("<p class=\"lead\">Latency shows the effect. Inflight shows the cause.</p>\n");
            out.push_str(&answers(all));
        }
    }
    out.push_str(&meta(run));
    out.push_str(&controls(run));
    let _ = writeln!(
        out,
        "<div class=\"cmd\"><code>{}</code><button type=\"button\" hidden>Copy</button></div>",
        escape(&rerun(run))
    );
    out
}

fn navigation(run: &RunOutcome) -> String {
    let [only] = &run.experiments[..] else { return String::new() };
    let places = [
        ("verdicts", "Verdicts", !only.verdicts.is_empty()),
        ("knee", "Knee", only.sweep.is_some()),
        ("arms", "Strategies", true),
        ("tail", "Tail", true),
        ("opinions", "Twin and theory", super::opinions::are_there(only)),
        ("numbers", "Numbers", true),
    ];
    let links = places.iter().filter(|place| place.2);
    let links: String = links.map(|(id, name, _)| format!("<a href=\"#e1-{id}\">{name}</a>")).collect();
    format!("<nav aria-label=\"On this page\">{links}<a href=\"#method\">Method</a></nav>")
}

/// Why not to trust it, if so.
fn banner(run: &RunOutcome) -> String {
    let mut out = String::new();
    if !run.complete {
        out.push_str(
            "<div class=\"banner\"><b>Interrupted.</b> Not everything that was planned was measured.</div>\n",
        );
    }
    if !run.validity.problems.is_empty() {
        let all: String =
            run.validity.problems.iter().map(|problem| format!("<li>{}</li>", escape(problem))).collect();
        let _ = writeln!(
            out,
            "<div class=\"banner\"><b>Invalid.</b> These figures cannot be trusted:<ul>{all}</ul></div>"
        );
    }
    out
}

/// The answers of several experiments, each with its verdicts.
fn answers(all: &[ExperimentOutcome]) -> String {
    let mut out = String::from("<ol class=\"answers\">\n");
    for (number, experiment) in all.iter().enumerate() {
        let id = number + 1;
        let question = experiment.question.as_deref().unwrap_or(&experiment.name);
        let answer = experiment.answer.as_deref().unwrap_or("No answer was worked out: see its figures.");
        let verdicts: String = experiment
            .verdicts
            .iter()
            .map(|verdict| {
                let (name, kind) = (escape(&verdict.name), verdict.verdict);
                // Who cannot see it hears what stands there, and then what it means.
                let text = format!("{} {name}", tally::sign(kind));
                let label = format!("{text}, {kind}: {}", escape(&verdict.title));
                let class = class(kind);
                format!("<a class=\"bdg {class}\" href=\"#e{id}-{name}\" aria-label=\"{label}\">{text}</a>")
            })
            .collect();
        let _ = writeln!(
            out,
            "<li><div class=\"q\"><a href=\"#e{id}\">{}</a></div><div class=\"a\">{}</div><div class=\"v\">{verdicts}</div></li>",
            escape(question),
            escape(answer)
        );
    }
    out.push_str("</ol>\n");
    out
}

/// What it means, in sentences with numbers.
fn lead(experiment: &ExperimentOutcome) -> String {
    let mut out = String::new();
    // If there are verdicts, the title is the result, and the question comes here.
    if let Some(question) = experiment.question.as_ref().filter(|_| !experiment.verdicts.is_empty()) {
        let _ = writeln!(out, "<p class=\"lead\"><b>{}</b></p>", escape(question));
    }
    if let Some(answer) = &experiment.answer {
        let _ = writeln!(out, "<p class=\"lead\">{}</p>", escape(answer));
    }
    let _ = writeln!(
        out,
        "<p class=\"lead\">{}Latency shows the effect. Inflight shows the cause.</p>",
        extremes(experiment)
    );
    out
}

/// The arm that had the most in flight, and the one with the most good answers.
fn extremes(experiment: &ExperimentOutcome) -> String {
    let offered = |arm: &ArmOutcome| {
        let rounds = arm.rounds.len().max(1) as f64;
        arm.offered as f64 / rounds / (experiment.counted_ns as f64 / 1e9).max(1e-9)
    };
    let p99 = |arm: &ArmOutcome| {
        Measured::latency(arm, Quantile::P99).map_or("no good answer".into(), |p99| {
            let at_least = if p99.is_lower_bound { "at least " } else { "" };
            format!("a p99 of {at_least}{}", millis(p99.value))
        })
    };
    let by = |of: fn(&ArmOutcome) -> f64| {
        experiment.arms.iter().reduce(|best, arm| if of(arm) > of(best) { arm } else { best })
    };
    let Some((fullest, best)) = by(|arm| f64::from(arm.in_flight_peak)).zip(by(|arm| arm.goodput_per_s))
    else {
        return String::new();
    };
    let told = |arm: &ArmOutcome, verb: &str| {
        format!(
            "<b>/{}</b> {verb} {} in flight, with {}, and gave {} good answers of {} offered per second. ",
            escape(&arm.name),
            grouped(u64::from(arm.in_flight_peak)),
            p99(arm),
            figure(arm.goodput_per_s),
            figure(offered(arm))
        )
    };
    let mut out = told(fullest, "had up to");
    if best.name != fullest.name {
        out.push_str(&told(best, "had at most"));
    }
    out
}

/// Machine, design, load, version.
fn meta(run: &RunOutcome) -> String {
    let mut all = vec![("Machine", run.machine.clone())];
    if let RunWorld::Virtual(time) = &run.world {
        all[0] = (
            "World",
            format!("virtual time: {} in all", format_duration(Duration::from_nanos(time.elapsed_ns))),
        );
    }
    let first = run.experiments.first();
    if let (Some(only), 1) = (first, run.experiments.len()) {
        all.push(("Design", design(only)));
        all.push(("Load", only.workload.clone()));
        all.push(("Seed", only.seed.to_string()));
    } else {
        let arms = run.experiments.iter().map(|experiment| experiment.arms.len()).sum();
        all.push((
            "Design",
            format!("{}, {}", counted(run.experiments.len(), "experiment"), counted(arms, "arm")),
        ));
    }
    if let Some(scale) = first.map(|first| first.time_scale).filter(|scale| *scale != 1.0) {
        all.push(("Time-scale", format!("{scale}: durations ×{scale}, rates ×{}", number(1.0 / scale))));
    }
    all.push(("Version", format!("Inflight {}", run.version)));
    let all: String = all
        .iter()
        .map(|(name, text)| format!("<div><dt>{name}</dt><dd>{}</dd></div>", escape(text)))
        .collect();
    format!("<dl class=\"meta\">{all}</dl>\n")
}

fn design(experiment: &ExperimentOutcome) -> String {
    let counted_time = format_duration(Duration::from_nanos(experiment.counted_ns));
    let rounds = counted(experiment.rounds.done as usize, "round");
    format!("{} × {rounds}, {counted_time} counted in each", counted(experiment.arms.len(), "arm"))
}

/// What shows that it can be trusted.
fn controls(run: &RunOutcome) -> String {
    let several = run.experiments.len() > 1;
    let all: String = run
        .experiments
        .iter()
        .flat_map(|experiment| experiment.controls.iter().map(move |control| (experiment, control)))
        // A control that held is told once for one experiment; of several, the page's top tells what did not.
        .filter(|(_, control)| !several || !control.ok)
        .map(|(experiment, control)| {
            let whose = if several { format!("{}: ", experiment.name) } else { String::new() };
            let class = if control.ok { "" } else { " class=\"bad\"" };
            format!("<li{class}>{}</li>", escape(&format!("{whose}{}: {}", control.name, control.text)))
        })
        .collect();
    let held = run
        .experiments
        .iter()
        .flat_map(|experiment| &experiment.controls)
        .filter(|control| control.ok)
        .count();
    let all =
        if several && held > 0 { format!("<li>{} held</li>{all}", counted(held, "control")) } else { all };
    if all.is_empty() { all } else { format!("<ul class=\"chk\" aria-label=\"Controls\">{all}</ul>\n") }
}

/// How the section of one of several experiments begins.
pub(super) fn experiment(run: &RunOutcome, experiment: &ExperimentOutcome) -> String {
    let mut out = String::new();
    if run.experiments.len() > 1 {
        let question = experiment.question.as_deref().unwrap_or(&experiment.name);
        let _ = writeln!(out, "<h2>{}</h2>", escape(question));
        if let Some(answer) = &experiment.answer {
            let _ = writeln!(out, "<p class=\"answer\">{}</p>", escape(answer));
        }
        let verdicts: Vec<&Verdict> = experiment.verdicts.iter().collect();
        let tally = tally::sentence(&verdicts);
        let tally = if tally.is_empty() { tally } else { format!("{tally}. ") };
        let _ = writeln!(
            out,
            "<p class=\"about\">{}<span class=\"mono\">{}</span>: {}; {}; seed {}</p>",
            escape(&tally),
            escape(&experiment.name),
            escape(&experiment.workload),
            escape(&design(experiment)),
            experiment.seed
        );
    }
    if let Some(source) = &experiment.source {
        let _ = writeln!(out, "<p class=\"about\">Where the question comes from: {}</p>", escape(source));
    }
    let silent: Vec<&str> =
        experiment.verdicts.iter().filter(|v| v.effect.is_none()).map(|v| v.name.as_str()).collect();
    if !silent.is_empty() {
        let _ = writeln!(
            out,
            "<p class=\"about\">Nothing could be measured for {}.</p>",
            escape(&silent.join(", "))
        );
    }
    out
}

/// Seconds since 1970 as "25 Nov 2026, 22:31 UTC": the calendar by days since 1 March of year 0 (Howard Hinnant's algorithm).
fn date(unix_s: u64) -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let days = unix_s / 86_400 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 2 } else { month - 10 };
    let year = year_of_era + era * 400 + u64::from(month < 2);
    let (hour, minute) = (unix_s / 3600 % 24, unix_s / 60 % 60);
    format!("{day} {} {year}, {hour:02}:{minute:02} UTC", MONTHS[month as usize])
}

#[cfg(test)]
mod tests {
    use super::date;

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(date(0), "1 Jan 1970, 00:00 UTC");
        assert_eq!(date(951_782_400), "29 Feb 2000, 00:00 UTC");
        assert_eq!(date(1_795_645_871), "25 Nov 2026, 22:31 UTC");
        assert_eq!(date(1_767_225_599), "31 Dec 2025, 23:59 UTC");
    }
}
