//! An outcome as a page: one file, complete without a network and without scripts, to be read, printed and kept.
//!
//! The title is the result. Then: what was asked and answered, verdicts, where each strategy breaks, one row per strategy with the
//! cause left of the effect, the whole tail, live beside twin and theory, numbers, method and limits. Every chart has a sentence
//! and a table. The same outcome renders to the same bytes.

mod arms;
mod head;
mod knee;
mod method;
mod numbers;
mod opinions;
mod row;
mod series;
mod table;
mod tail;
mod verdicts;

use super::{
    chart::escape,
    mark::{Mark, marks},
};
use crate::experiment::{ExperimentOutcome, RunOutcome};
use arms::Arms;
use std::fmt::Write as _;

const STYLE: &str = include_str!("style.css");
/// What a script can add: a theme by the address, a button that copies. Nothing is missing without it.
const SCRIPT: &str = include_str!("page.js");
/// Hatchings: nothing known, timed out, refused.
const PATTERNS: &str = include_str!("patterns.svg");

/// The page of a run.
pub fn page(run: &RunOutcome) -> String {
    let mut names: Vec<&str> = Vec::new();
    for arm in run.experiments.iter().flat_map(|experiment| &experiment.arms) {
        if !names.contains(&arm.name.as_str()) {
            names.push(&arm.name);
        }
    }
    let marks = marks(&names);
    let mut out = String::with_capacity(1 << 18);
    let title = escape(&head::title(run)).into_owned();
    let _ = write!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title} · Inflight run {}</title>\n<link rel=\"icon\" href=\"data:,\">\n<style>\n{STYLE}{}</style>\n</head>\n<body>\n{PATTERNS}<main>\n",
        escape(&run.id),
        colours(&marks)
    );
    out.push_str(&head::html(run));
    for (number, experiment) in run.experiments.iter().enumerate() {
        let arms = Arms::new(experiment, &names, &marks, number);
        out.push_str(&section(run, experiment, &arms));
    }
    out.push_str(&method::html(run));
    let _ = write!(
        out,
        "<footer><span>One file: no network, no script needed.</span><span>Made by Inflight {}</span></footer>\n</main>\n<script>\n{SCRIPT}</script>\n</body>\n</html>\n",
        escape(&run.version)
    );
    out
}

/// All about one experiment.
fn section(run: &RunOutcome, experiment: &ExperimentOutcome, arms: &Arms<'_>) -> String {
    let class = if run.experiments.len() == 1 { "exp only" } else { "exp" };
    let mut out = format!(
        "<section class=\"{class}\" id=\"{}\" aria-label=\"{}\">\n",
        arms.id(""),
        escape(&experiment.name)
    );
    out.push_str(&head::experiment(run, experiment));
    out.push_str(&verdicts::html(experiment, arms));
    out.push_str(&knee::html(experiment, arms));
    out.push_str(&row::html(experiment, arms));
    out.push_str(&tail::html(experiment, arms));
    out.push_str(&opinions::html(run, experiment, arms));
    out.push_str(&numbers::html(experiment, arms));
    out.push_str("</section>\n");
    out
}

/// The colours of the marks for both themes, and a class for each.
fn colours(marks: &[Mark]) -> String {
    let variables = |dark: bool| {
        let one = |mark: &Mark| {
            let colour = if dark { mark.dark } else { mark.light };
            format!("--{0}: {1}; --{0}-i: {2}; ", mark.code, colour.css(), colour.ink())
        };
        marks.iter().map(one).collect::<String>()
    };
    let (light, dark) = (variables(false), variables(true));
    let classes: String =
        marks.iter().map(|m| format!(".k{0} {{ --c: var(--{0}); --i: var(--{0}-i); }}\n", m.code)).collect();
    format!(
        ":root {{ {light}}}\n@media screen and (prefers-color-scheme: dark) {{ :root:not([data-theme=light]) {{ {dark}}} }}\n\
         @media screen {{ :root[data-theme=dark] {{ {dark}}} }}\n{classes}"
    )
}
