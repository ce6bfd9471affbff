//! Verdict cards: the claim, a forest plot, the figure with its interval, what was compared.

use super::{
    arms::Arms,
    table::{Cell, Table},
};
use crate::{
    experiment::{Effect, ExperimentOutcome, Unit, Verdict, VerdictKind},
    report::{
        chart::{Forest, escape},
        figures::number,
        tally,
    },
};
use std::fmt::Write as _;

/// The class of everything that shows a verdict.
pub(super) fn class(kind: VerdictKind) -> &'static str {
    match kind {
        VerdictKind::Holds => "h",
        VerdictKind::Refuted => "r",
        VerdictKind::Undecided => "n",
    }
}

/// The word of a verdict with its sign.
pub(super) fn word(kind: VerdictKind) -> String {
    format!("{} {}", tally::sign(kind), kind.to_string().to_uppercase())
}

/// The section; empty if there were no hypotheses.
pub(super) fn html(experiment: &ExperimentOutcome, arms: &Arms<'_>) -> String {
    if experiment.verdicts.is_empty() {
        return String::new();
    }
    let about = "Each claim was written down before the run, and is judged by nothing but the interval of its effect and the margin: \
                 dots are rounds, the bar is the interval, the band is where the claim is true. A refuted claim is a result, not a failure.";
    let mut out = arms.section("verdicts", "Verdicts", about);
    out.push_str("<div class=\"vgrid\">\n");
    experiment.verdicts.iter().for_each(|verdict| out.push_str(&card(verdict, arms)));
    out.push_str("</div>\n");
    out.push_str(&table(experiment).folded());
    out.push_str("</section>\n");
    out
}

fn card(verdict: &Verdict, arms: &Arms<'_>) -> String {
    let class = class(verdict.verdict);
    let mut out = format!(
        "<article class=\"vc\" id=\"{}\"><header><span class=\"hid\">{}</span><span class=\"bdg {class}\">{}</span></header>{}",
        arms.id(&verdict.name),
        escape(&verdict.name),
        word(verdict.verdict),
        arms.part(&escape(&verdict.title))
    );
    match &verdict.effect {
        Some(effect) => out.push_str(&figures(verdict, effect, class)),
        None => out.push_str("<p class=\"big\">–</p>"),
    }
    let _ = write!(out, "<p class=\"ci\">{}</p>", escape(&because(verdict)));
    let _ = write!(out, "<p><code>{}</code></p>", escape(&verdict.claim));
    let evidence = evidence(verdict, arms);
    let _ = writeln!(out, "<p class=\"wh\">{}{evidence}</p></article>", escape(&verdict.comparison));
    out
}

/// The plot and the estimate.
fn figures(verdict: &Verdict, effect: &Effect, class: &str) -> String {
    let plot = if effect.unit == Unit::Rounds && verdict.rounds.iter().all(|r| *r == 0.0 || *r == 1.0) {
        rounds(&verdict.rounds)
    } else {
        forest(verdict, effect, class)
    };
    let (value, unit) = tally::estimate(verdict).unwrap_or_default();
    let mut interval = tally::interval(effect, " to ");
    if !interval.is_empty() {
        interval = format!("{} interval {interval}, {} rounds", tally::confidence(effect), verdict.n);
    }
    format!(
        "{plot}<p class=\"big\">{} <small>{}</small></p><p class=\"ci\">{}</p>",
        escape(&value),
        unit,
        escape(&interval)
    )
}

/// A tick or a cross for each round.
fn rounds(rounds: &[f64]) -> String {
    let yes = rounds.iter().filter(|round| **round == 1.0).count();
    let one = |round: &f64| if *round == 1.0 { "<i class=\"y\">✓</i>" } else { "<i>✕</i>" };
    let all: String = rounds.iter().take(40).map(one).collect();
    format!("<div class=\"tally\" role=\"img\" aria-label=\"{yes} of {} rounds\">{all}</div>", rounds.len())
}

fn forest(verdict: &Verdict, effect: &Effect, class: &str) -> String {
    let margin = verdict.margin.map_or((None, None), |margin| (margin.low, margin.high));
    let interval = (effect.low.is_some() || effect.high.is_some()).then_some((effect.low, effect.high));
    let (value, unit) = tally::estimate(verdict).unwrap_or_default();
    let label = format!(
        "Effect {value} {unit}, interval {}; {} rounds.",
        tally::interval(effect, " to "),
        verdict.rounds.len()
    );
    let forest = Forest {
        value: effect.value,
        interval,
        rounds: &verdict.rounds,
        limits: margin,
        text: tally::writer(effect.unit),
        class,
    };
    forest.svg(&label)
}

/// Why, and what would be needed to know more.
fn because(verdict: &Verdict) -> String {
    let more = verdict
        .needs_more
        .map_or(String::new(), |n| format!(" About {n} more rounds would probably decide it."));
    let stop = if verdict.why.ends_with('.') || more.is_empty() { "" } else { "." };
    format!("{}{stop}{more}", verdict.why)
}

/// Links to the rows of the arms that were compared.
fn evidence(verdict: &Verdict, arms: &Arms<'_>) -> String {
    let mut names = arms.named_in(&verdict.comparison);
    names.dedup();
    let link =
        |name: &&str| format!("<a href=\"#{}\">/{}</a>", arms.id(&format!("arm-{name}")), escape(name));
    let links: Vec<String> = names.iter().take(3).map(link).collect();
    if links.is_empty() { String::new() } else { format!(" · evidence: {}", links.join(", ")) }
}

fn table(experiment: &ExperimentOutcome) -> Table {
    let row = |verdict: &Verdict| {
        let effect = verdict.effect.as_ref();
        let margin = verdict.margin.zip(effect).map_or(String::new(), |(margin, effect)| {
            let write = tally::writer(effect.unit);
            match (margin.low, margin.high) {
                (Some(low), Some(high)) => format!("{} to {}", write(low), write(high)),
                (Some(low), None) => format!("≥ {}", write(low)),
                (None, Some(high)) => format!("≤ {}", write(high)),
                (None, None) => "anywhere".into(),
            }
        });
        let rounds: Vec<String> = verdict.rounds.iter().take(12).map(|round| number(*round)).collect();
        let cells = [
            verdict.verdict.to_string(),
            tally::estimate(verdict).map_or("–".into(), |(value, unit)| format!("{value} {unit}")),
            effect.map_or(String::new(), |effect| tally::interval(effect, " to ")),
            margin,
            rounds.join(" · "),
        ];
        (escape(&format!("{} {}", verdict.name, verdict.title)).into_owned(), cells.map(Cell::from).into())
    };
    Table {
        caption: format!(
            "{}: every hypothesis with its effect, interval, margin and rounds.",
            experiment.name
        ),
        head: ["Hypothesis", "Verdict", "Effect", "Interval", "Holds if", "Rounds"].map(String::from).into(),
        rows: experiment.verdicts.iter().map(row).collect(),
    }
}
