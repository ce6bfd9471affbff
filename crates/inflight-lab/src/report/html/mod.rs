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
    let _ = writeln!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title} · Inflight run {}</title>\n<link rel=\"icon\" href=\"data:,\">\n<style>\n{STYLE}{}</style>\n</head>\n<body>\n{PATTERNS}<main>",
        escape(&run.id),
        colours(&marks)
    );
    out.push_str(&head::html(run));
    for (number, experiment) in run.experiments.iter().enumerate() {
        let arms = Arms::new(experiment, &names, &marks, number, run.experiments.len() == 1);
        out.push_str(&section(run, experiment, &arms));
    }
    out.push_str(&method::html(run));
    let _ = writeln!(
        out,
        "<footer><span>One file: no network, no script needed.</span><span>Made by Inflight {}</span></footer>\n</main>\n<script>\n{SCRIPT}</script>\n</body>\n</html>",
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::testing::sample;
    use expect_test::expect_file;

    #[test]
    fn a_page_is_the_same_bytes_each_time() {
        let run = sample();
        expect_file!["golden/page.html"].assert_eq(&page(&run));
        assert_eq!(page(&run.clone()), page(&run));
    }

    #[test]
    fn a_page_of_twelve_strategies_stays_below_600_kilobytes() {
        let mut run = sample();
        let arms = &mut run.experiments[0].arms;
        for number in 0..9 {
            let mut arm = arms[number % 3].clone();
            arm.name = format!("arm-{number}");
            arms.push(arm);
        }
        for arm in arms {
            // As long as a run can be: timelines and slices at their bounds, and requests in every bin.
            let timeline = &mut arm.timeline;
            for counts in
                [&mut timeline.offered, &mut timeline.completed, &mut timeline.other, &mut timeline.in_flight]
            {
                *counts = (0..2500).map(|tick| 20 + (tick * 7919) % 97).collect();
            }
            (timeline.tick_ns, timeline.slice_ns) = (100_000_000, 1_000_000_000);
            timeline.slices = (0..250).map(|i| timeline.slices[(i * 7) % 19]).collect();
            arm.heat.counts =
                (0..250).map(|i| (0..24).map(|bin| (i * 31 + bin * 17) % 13).collect()).collect();
        }
        run.experiments[0].counted_ns = 250_000_000_000;
        let bytes = page(&run).len();
        assert!(bytes < 600_000, "{bytes}");
    }

    #[test]
    fn a_page_needs_no_network_and_nothing_in_it_is_taken_for_a_tag() {
        let mut run = sample();
        run.experiments[0].question = Some("<script>alert(1)</script> & \"more\"".into());
        let page = page(&run);
        assert!(!page.contains("<script>alert"));
        for outside in ["http:", "https:", "src=", "@import", "//cdn"] {
            assert!(!page.contains(outside), "{outside}");
        }
    }

    #[test]
    fn every_chart_has_a_sentence() {
        let page = page(&sample());
        let charts = page.matches("<svg").count();
        let told = page.matches("role=\"img\" aria-label=\"").count();
        let silent = page.matches("aria-hidden=\"true\"><defs>").count();
        let maps = page.matches("preserveAspectRatio=\"none\"><path class=\"hm ").count()
            + page.matches("preserveAspectRatio=\"none\"></svg>").count();
        let tallies = page.matches("class=\"tally\"").count();
        assert_eq!(charts - maps - silent, told - tallies, "{charts} charts");
        assert!(!page.contains("aria-label=\"\""));
    }
}
