//! What a search found, as text for a terminal: the answer first.

use super::{
    figures::{figure, grouped, percent, right},
    terminal::{BLOCKS, Ink, Tone, heading, wrapped as lines},
};
use crate::{
    stats::Estimate,
    tune::{Candidate, Check, Clause, Knob, Margin, Standing, Step, TuneOutcome},
};
use std::fmt::Write as _;

/// A search's outcome, `width` columns wide.
pub fn tune(outcome: &TuneOutcome, width: usize, ink: &dyn Ink) -> String {
    let mut out = answer(outcome, width, ink);
    out.push_str(&frontier(outcome, width, ink));
    out.push_str(&margins(outcome, width, ink));
    heading(&mut out, ink, "CAUSE", "what theory says about it");
    for sentence in &outcome.cause {
        out.push_str(&wrapped(sentence, width));
    }
    if let Some(check) = &outcome.check {
        out.push('\n');
        out.push_str(&checked(outcome, check, width, ink));
    }
    out
}

/// The answer, and how it came about.
fn answer(outcome: &TuneOutcome, width: usize, ink: &dyn Ink) -> String {
    let TuneOutcome { best, standing, objective, .. } = outcome;
    let asked = objective.objective();
    let title = format!("{}: {best}", outcome.profile);
    let mut out = String::new();
    let figures = format!(
        "{} {}, goodput {}",
        asked.percentile(),
        latency(standing.latency_ms).map_or("without a good answer".into(), |ms| format!("{ms} ms")),
        share(standing.goodput)
    );
    let seeds = format!("{} of {} seeds", standing.met, standing.seeds);
    if outcome.found {
        let _ = writeln!(out, "{}", ink.paint(Tone::Heading, &title));
        out.push_str(&paragraph(&format!("{figures}: meets {asked} with {seeds}"), width));
    } else {
        let what = format!("{}: nothing that was tried meets {asked} with every seed", outcome.profile);
        out.push_str(&ink.paint(Tone::Warning, &lines(&what, width, "")));
        let _ = writeln!(out, "\nThe nearest miss: {best}");
        out.push_str(&paragraph(&format!("{figures}: met with {seeds}; {}", missed(outcome)), width));
    }
    let how = format!(
        "{}; {} trials of {} candidates in virtual time, the figures from {} seeds that the search had not seen, ± 95 % by Student's t",
        outcome.traffic,
        grouped(outcome.trials as u64),
        grouped(outcome.candidates as u64),
        standing.seeds
    );
    out.push_str(&paragraph(&how, width));
    if !outcome.complete {
        let _ = writeln!(
            out,
            "{}",
            ink.paint(Tone::Warning, "! interrupted: the best so far, with the seeds that it had so far")
        );
    }
    out.push('\n');
    out
}

/// Which clause the nearest miss breaks, and what would mend it.
fn missed(outcome: &TuneOutcome) -> String {
    let clause = clause(outcome.standing.tightest, outcome);
    let less = outcome.margins.iter().find_map(Margin::most);
    match less {
        Some(percent) => format!("it is {clause} that breaks; with {percent}% of the traffic it would hold"),
        None => format!("it is {clause} that breaks"),
    }
}

fn clause(clause: Clause, outcome: &TuneOutcome) -> String {
    match clause {
        Clause::Latency => outcome.objective.objective().percentile(),
        Clause::Goodput => "goodput".into(),
    }
}

/// One column: its heading, its width, and from which width of the terminal on it is shown.
const COLUMNS: [(&str, usize, usize); 10] = [
    ("limit", 7, 0),
    ("queue", 7, 0),
    ("max-wait", 10, 0),
    ("timeout", 9, 0),
    ("p99 ms", 18, 0),
    ("goodput", 15, 0),
    ("shed", 7, 90),
    ("late", 7, 90),
    ("in flight", 11, 110),
    ("seeds", 8, 0),
];

fn frontier(outcome: &TuneOutcome, width: usize, ink: &dyn Ink) -> String {
    let mut out = String::new();
    let percentile = outcome.objective.objective().percentile();
    let what = format!("no candidate has both a shorter {percentile} and more goodput");
    heading(&mut out, ink, "FRONTIER", &what);
    let shown: Vec<usize> = (0..COLUMNS.len()).filter(|i| width >= COLUMNS[*i].2).collect();
    let head = |i: &usize| right(&COLUMNS[*i].0.replace("p99", &percentile), COLUMNS[*i].1);
    let line: String = shown.iter().map(head).collect();
    let _ = writeln!(out, "{}", ink.paint(Tone::Quiet, &line));
    let mut rows: Vec<(Option<Candidate>, Standing)> =
        outcome.frontier.iter().map(|(candidate, standing)| (Some(*candidate), *standing)).collect();
    if !rows.iter().any(|(candidate, _)| *candidate == Some(outcome.best)) {
        // The tightest of those that do as well as the best need not be on the frontier itself.
        rows.push((Some(outcome.best), outcome.standing));
        let key = |s: &Standing| s.latency_ms.map_or(f64::INFINITY, |e| e.value);
        rows.sort_by(|(_, x), (_, y)| key(x).total_cmp(&key(y)));
    }
    rows.extend(outcome.unlimited.map(|standing| (None, standing)));
    for (candidate, standing) in rows {
        let texts = row(candidate, &standing);
        let cells: String = shown.iter().map(|i| right(&texts[*i], COLUMNS[*i].1)).collect();
        let mark = if candidate == Some(outcome.best) { "▸" } else { " " };
        let _ = writeln!(out, "{}{}", ink.paint(Tone::Heading, mark), &cells[1..]);
    }
    out.push('\n');
    out
}

fn row(candidate: Option<Candidate>, standing: &Standing) -> [String; 10] {
    let knob = |knob: Knob| candidate.map_or("none".into(), |c| knob.text(c.get(knob)));
    [
        knob(Knob::Limit),
        knob(Knob::Queue),
        knob(Knob::Wait),
        knob(Knob::Timeout),
        latency(standing.latency_ms).unwrap_or("–".into()),
        share(standing.goodput),
        percent(standing.rejected),
        percent(standing.timed_out + standing.unfinished),
        figure(standing.in_flight),
        format!("{}/{}", standing.met, standing.seeds),
    ]
}

fn margins(outcome: &TuneOutcome, width: usize, ink: &dyn Ink) -> String {
    let mut out = String::new();
    if !outcome.found || outcome.margins.is_empty() {
        return out;
    }
    heading(
        &mut out,
        ink,
        "MARGINS",
        "how far each can move, all else as it is, before the objective breaks",
    );
    let regions: Vec<String> = outcome.margins.iter().map(region).collect();
    let widest = regions.iter().map(|text| text.chars().count()).max().unwrap_or(0);
    for (margin, region) in outcome.margins.iter().zip(&regions) {
        let name = margin.axis.name();
        let at = right(&margin.axis.text(margin.value), 7);
        let spark = right(&spark(margin), 25);
        let region = format!("{region}{}", " ".repeat(widest - region.chars().count()));
        let line = format!("  {name:8}{at}  {spark}  {region}  {}", breaks(margin, outcome));
        let _ = writeln!(out, "{}", clipped(line.trim_end(), width));
    }
    let _ = writeln!(
        out,
        "{}\n",
        ink.paint(
            Tone::Quiet,
            "  blocks: headroom at each step from small to large; a dot: the objective breaks"
        )
    );
    out
}

/// Where nothing breaks.
fn region(margin: &Margin) -> String {
    let text = |value| margin.axis.text(value);
    margin.region().map_or("nowhere".into(), |(low, high)| match low == high {
        true => format!("{} only", text(low)),
        false => format!("{} … {}", text(low), text(high)),
    })
}

/// What breaks at its ends.
fn breaks(margin: &Margin, outcome: &TuneOutcome) -> String {
    let end = |step: Option<Step>| {
        step.map(|step| format!("{} at {}", clause(step.tightest, outcome), margin.axis.text(step.value)))
    };
    let ends = [end(margin.breaks_below()), end(margin.breaks_above())];
    match ends.into_iter().flatten().collect::<Vec<_>>() {
        ends if ends.is_empty() => "nothing breaks".into(),
        ends => format!("breaks {}", ends.join(", ")),
    }
}

fn spark(margin: &Margin) -> String {
    let top = margin.steps.iter().map(|step| step.headroom).fold(1e-9, f64::max);
    let block = |step: &Step| match step.holds {
        true => BLOCKS[((step.headroom / top * 7.0).round() as usize).min(7)],
        false => '·',
    };
    margin.steps.iter().map(block).collect()
}

fn checked(outcome: &TuneOutcome, check: &Check, width: usize, ink: &dyn Ink) -> String {
    let mut out = String::new();
    heading(&mut out, ink, "CHECK", "a real run, over HTTP");
    let asked = outcome.objective.objective();
    let verdict = match check {
        _ if !check.complete => "interrupted",
        _ if !check.problems.is_empty() => "INVALID",
        _ if check.holds => "HOLDS",
        _ => "DOES NOT HOLD",
    };
    let figures = format!(
        "{verdict}: {} {}, goodput {:.2} %; {} requests at time-scale {}, figures in the file's time",
        asked.percentile(),
        check.latency_ms.map_or("without a good answer".into(), |ms| format!("{} ms", figure(ms))),
        check.goodput * 100.0,
        grouped(check.offered),
        check.time_scale
    );
    let tone = if verdict == "HOLDS" { Tone::Heading } else { Tone::Warning };
    let told = wrapped(&figures, width);
    out.push_str(&ink.paint(tone, told.trim_end()));
    out.push('\n');
    check.problems.iter().for_each(|problem| out.push_str(&wrapped(&format!("! {problem}"), width)));
    out
}

fn latency(estimate: Option<Estimate>) -> Option<String> {
    estimate.map(|Estimate { value, half_width }| match half_width {
        Some(half) => format!("{} ± {}", figure(value), figure(half)),
        None => figure(value),
    })
}

fn share(Estimate { value, half_width }: Estimate) -> String {
    let half = half_width.map_or(String::new(), |half| format!(" ± {:.2}", half * 100.0));
    format!("{:.2}%{half}", value * 100.0)
}

fn paragraph(text: &str, width: usize) -> String {
    lines(text, width, "") + "\n"
}

fn wrapped(text: &str, width: usize) -> String {
    lines(text, width - 2, "  ") + "\n"
}

fn clipped(line: &str, width: usize) -> String {
    line.chars().take(width).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        report::Plain,
        tune::{Asked, Axis},
    };
    use expect_test::expect;

    fn standing(ms: f64, goodput: f64, met: usize) -> Standing {
        let about = |value, half| Estimate { value, half_width: Some(half) };
        Standing {
            seeds: 20,
            met,
            headroom: 0.25,
            tightest: Clause::Goodput,
            latency_ms: Some(about(ms, 12.3)),
            worst_latency_ms: Some(ms + 50.0),
            goodput: about(goodput, 0.001),
            worst_goodput: goodput - 0.002,
            rejected: 0.01,
            timed_out: 0.0,
            unfinished: 0.0,
            in_flight: 18.4,
        }
    }

    fn outcome(found: bool) -> TuneOutcome {
        let best = Candidate { permits: 22, queue: 10, max_wait_ns: 300_000_000, timeout_ns: 2_000_000_000 };
        let step = |value, holds, headroom| Step { value, holds, headroom, tightest: Clause::Latency };
        let limit = Margin {
            axis: Axis::Knob(Knob::Limit),
            value: 22,
            steps: vec![step(20, false, -0.1), step(22, true, 0.25), step(25, true, 0.1)],
        };
        let traffic = Margin { axis: Axis::Traffic, value: 100, steps: vec![step(80, true, 0.1)] };
        let tighter = Candidate { permits: 15, ..best };
        let goodput = if found { 0.94 } else { 0.8 };
        TuneOutcome {
            schema: 1,
            version: "0".into(),
            profile: "mine".into(),
            objective: Asked { order: 0.99, latency_ns: 2_000_000_000, goodput: 0.9, ceiling: 0.95 },
            traffic: "open loop, Poisson 24/s".into(),
            seed: 1,
            trials: 7654,
            candidates: 1234,
            complete: true,
            found,
            best,
            standing: standing(1430.0, goodput, if found { 20 } else { 3 }),
            frontier: vec![(tighter, standing(1200.0, 0.7, 0)), (best, standing(1430.0, goodput, 20))],
            unlimited: Some(standing(12_345.0, 0.5, 1)),
            margins: vec![if found { limit } else { traffic }],
            cause: vec!["B only sleeps".into()],
            check: found.then(|| Check {
                run: "runs/x".into(),
                time_scale: 0.1,
                offered: 6000,
                latency_ms: Some(1450.0),
                goodput: 0.9391,
                holds: true,
                problems: vec![],
                complete: true,
            }),
        }
    }

    #[test]
    fn the_answer_comes_first_and_every_line_fits() {
        expect![[r#"
            mine: limit 22, queue 10, max-wait 300ms, timeout 2s
            p99 1,430 ± 12.3 ms, goodput 94.00% ± 0.10: meets p99 <= 2s and goodput >= 90%
            of offered with 20 of 20 seeds
            open loop, Poisson 24/s; 7,654 trials of 1,234 candidates in virtual time, the
            figures from 20 seeds that the search had not seen, ± 95 % by Student's t

            FRONTIER  no candidate has both a shorter p99 and more goodput
              limit  queue  max-wait  timeout            p99 ms        goodput   seeds
                 15     10     300ms       2s      1,200 ± 12.3  70.00% ± 0.10    0/20
            ▸    22     10     300ms       2s      1,430 ± 12.3  94.00% ± 0.10   20/20
               none   none      none     none     12,345 ± 12.3  50.00% ± 0.10    1/20

            MARGINS  how far each can move, all else as it is, before the objective breaks
              limit        22                        ·█▄  22 … 25  breaks p99 at 20
              blocks: headroom at each step from small to large; a dot: the objective breaks

            CAUSE  what theory says about it
              B only sleeps

            CHECK  a real run, over HTTP
              HOLDS: p99 1,450 ms, goodput 93.91 %; 6,000 requests at time-scale 0.1,
              figures in the file's time
        "#]]
        .assert_eq(&tune(&outcome(true), 80, &Plain));
        for found in [true, false] {
            for width in [80, 100, 120] {
                let text = tune(&outcome(found), width, &Plain);
                assert!(text.lines().all(|line| line.chars().count() <= width), "{width}: {text}");
            }
        }
    }

    #[test]
    fn a_miss_says_what_breaks_and_with_how_much_less_traffic_it_would_not() {
        let text = tune(&outcome(false), 100, &Plain);
        let head: Vec<&str> = text.lines().take(5).collect();
        expect![[r#"
            mine: nothing that was tried meets p99 <= 2s and goodput >= 90% of offered with every seed
            The nearest miss: limit 22, queue 10, max-wait 300ms, timeout 2s
            p99 1,430 ± 12.3 ms, goodput 80.00% ± 0.10: met with 3 of 20 seeds; it is goodput that breaks; with
            80% of the traffic it would hold
            open loop, Poisson 24/s; 7,654 trials of 1,234 candidates in virtual time, the figures from 20 seeds"#]].assert_eq(&head.join("\n"));
    }
}
