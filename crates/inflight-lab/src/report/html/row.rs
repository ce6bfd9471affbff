//! One row per strategy: the cause left (in flight, waiting for a permit), the effect right (latency, good answers), all on shared
//! scales, and below what happened and what that means.

use super::{
    arms::{Arms, header},
    series::{self, Columns, Line},
    table::{Cell, Table},
};
use crate::{
    bins::edge_us,
    experiment::{ArmOutcome, ExperimentOutcome, Slice},
    record::Ending,
    report::{
        chart::{Heat, Panel, Scale, Span, Stroke, Trace, Unit, escape},
        figures::{figure, grouped, millis, number, whole_percent},
        mark::Mark,
        measured::{Measured, Quantile},
        recovery::{offered_in, recovery},
    },
};
use std::fmt::Write as _;

/// What all rows have in common.
struct Frame<'a> {
    seconds: f64,
    /// The objective, in milliseconds.
    objective: Option<f64>,
    spans: &'a [Span],
    in_flight: Scale,
    wait: Scale,
    latency: Scale,
    rate: Scale,
    columns: Columns,
    /// How many bins the heatmaps have, and the largest count.
    heat: (u16, u32),
}

/// The section.
pub(super) fn html(experiment: &ExperimentOutcome, arms: &Arms<'_>) -> String {
    let spans = series::spans(experiment);
    let frame = Frame::of(experiment, &spans);
    let mut out = arms.section("arms", "One row per strategy", &introduction(experiment));
    out.push_str("<div class=\"rows\">\n");
    out.push_str(
        "<div class=\"rhead\" aria-hidden=\"true\"><span><em>&nbsp;</em>Strategy</span><span><em>CAUSE</em>In flight<small>most at once, \
         log</small></span><span><em>&nbsp;</em>Wait for a permit<small>p50, bold p99, log</small></span><span><em class=\"e\">EFFECT</em>Latency\
         <small>heatmap, p50, p95, bold p99, log</small></span><span><em>&nbsp;</em>Goodput, /s<small>good; grey other; dashed offered\
         </small></span><span><em>&nbsp;</em>Over all</span></div>\n",
    );
    for number in 0..arms.all.len() {
        out.push_str(&row(&frame, experiment, arms, number));
    }
    out.push_str("</div></section>\n");
    out
}

/// What is seen, and which phases are shaded.
fn introduction(experiment: &ExperimentOutcome) -> String {
    let mut out = match experiment.rounds.done {
        0 | 1 => "The only round, warm-up included; the same arrivals for all, the same scales in every row."
            .to_string(),
        n => format!(
            "Round 1 of {n}, warm-up included; the same arrivals for all, the same scales in every row."
        ),
    };
    if !experiment.phases.is_empty() {
        let told = |i: usize| {
            let phase = &experiment.phases[i];
            let [from, to] = [phase.from_ns, phase.to_ns].map(|ns| number(ns as f64 / 1e9));
            let rate = number(offered_in(experiment, i));
            format!("{} ({rate}/s, {from} to {to} s)", phase.name)
        };
        let shown: Vec<String> = (0..experiment.phases.len().min(6)).map(told).collect();
        let _ = write!(out, " Phases: {}.", shown.join(", "));
    }
    if let Some(ns) = experiment.objective_ns {
        let _ = write!(
            out,
            " The dashed line is the objective, {}: goodput counts what met it.",
            millis(ns as f64 / 1e6)
        );
    }
    out
}

impl<'a> Frame<'a> {
    fn of(experiment: &ExperimentOutcome, spans: &'a [Span]) -> Frame<'a> {
        let arms = || experiment.arms.iter();
        let most = arms().flat_map(|arm| arm.timeline.in_flight.iter().copied()).max().unwrap_or(1);
        let waits = arms().flat_map(|arm| arm.timeline.slices.iter().filter_map(|slice| slice.wait_p99_ns));
        let offered = arms().flat_map(|arm| series::rate(&arm.timeline, &arm.timeline.offered));
        let rate = offered.filter_map(|point| point.1).fold(1.0, f64::max);
        let heats =
            || arms().map(|arm| &arm.heat).filter(|heat| heat.counts.iter().any(|row| !row.is_empty()));
        let first = heats().map(|heat| heat.first_bin).min().unwrap_or(0);
        let end = |heat: &crate::experiment::Heat| {
            heat.first_bin + heat.counts.iter().map(Vec::len).max().unwrap_or(0) as u32
        };
        let end = heats().map(end).max().unwrap_or(first + 8).max(first + 8);
        let seconds = series::seconds(experiment);
        let slice_ns = heats().map(|heat| heat.slice_ns).max().unwrap_or(1_000_000_000);
        let columns = Columns::of(seconds, slice_ns, first);
        let counts = heats().flat_map(|heat| columns.heat(heat)).flatten().map(|(_, count)| count);
        let count = counts.max().unwrap_or(1);
        Frame {
            seconds,
            objective: experiment.objective_ns.map(|ns| ns as f64 / 1e6),
            spans,
            // The peak has its figure above it.
            in_flight: Scale::log(1.0, libm::pow(f64::from(most.max(6)), 1.22)),
            wait: Scale::log(1.0, waits.max().map_or(10.0, |ns| ns as f64 / 1e6 * 1.5).max(10.0)),
            latency: Scale::log(edge_us(first) / 1e3, edge_us(end) / 1e3),
            rate: Scale::linear(0.0, rate * 1.15),
            columns,
            heat: ((end - first) as u16, count),
        }
    }

    fn panel<'p>(&'p self, width: f64, y: Scale, unit: Unit, mark: &'p Mark) -> Panel<'p> {
        Panel {
            width,
            seconds: self.seconds,
            y,
            unit,
            mark,
            spans: self.spans,
            heat: None,
            traces: Vec::new(),
            level: None,
            peak: None,
            events: Vec::new(),
            unknown: Vec::new(),
            note: None,
        }
    }

    /// Points that are within the frame.
    fn cut(&self, line: Line) -> Line {
        line.into_iter().filter(|(at, _)| *at <= self.seconds).collect()
    }
}

fn row(frame: &Frame<'_>, experiment: &ExperimentOutcome, arms: &Arms<'_>, number: usize) -> String {
    let (arm, mark) = arms.all[number];
    let class = if number + 1 == arms.all.len() { "row last" } else { "row" };
    let mut out = format!(
        "<article class=\"{class}\" id=\"{}\"><div class=\"id\">{}{}</div>",
        arms.id(&format!("arm-{}", arm.name)),
        arms.part(&header(arm, mark)),
        arm.stack.as_ref().map_or(String::new(), |stack| format!("<p>{}</p>", escape(stack)))
    );
    let events = numbered(frame, arm);
    for (title, sentence, svg) in [
        in_flight(frame, arm, mark, &events),
        wait(frame, arm, mark),
        latency(frame, arm, mark, &events),
        goodput(frame, arm, mark),
    ] {
        let _ = write!(
            out,
            "<figure>{svg}<figcaption><b>{title}.</b> {}</figcaption></figure>",
            escape(&sentence)
        );
    }
    out.push_str(&overall(experiment, arm));
    out.push_str(&happened(arm));
    out.push_str(&table(experiment, arm).folded());
    out.push_str("</article>\n");
    out
}

/// A title, a sentence, a chart.
type Figure = (&'static str, String, String);

/// Events of the first round with their numbers, as far as they can be told apart in a small chart.
fn numbered(frame: &Frame<'_>, arm: &ArmOutcome) -> Vec<(f64, u32)> {
    let all = arm.events.iter().take(MOST_EVENTS).enumerate();
    let events = all.map(|(i, event)| (event.at_ns as f64 / 1e9, i as u32 + 1));
    events.filter(|(at, _)| *at <= frame.seconds).collect()
}

const MOST_EVENTS: usize = 6;

fn in_flight(frame: &Frame<'_>, arm: &ArmOutcome, mark: &Mark, events: &[(f64, u32)]) -> Figure {
    let sentence = format!(
        "/{}: {} in flight on average, {} at most.",
        arm.name,
        figure(arm.in_flight_mean),
        grouped(u64::from(arm.in_flight_peak))
    );
    let peak = series::peak(&arm.timeline).map(|(at, most)| (at, f64::from(most), grouped(u64::from(most))));
    let panel = Panel {
        traces: vec![Trace { stroke: Stroke::Filled, points: frame.cut(series::in_flight(&arm.timeline)) }],
        peak: peak.filter(|(at, ..)| *at <= frame.seconds),
        events: events.to_vec(),
        ..frame.panel(232.0, frame.in_flight, Unit::Count, mark)
    };
    let svg = panel.svg(&sentence);
    ("In flight", sentence, svg)
}

fn wait(frame: &Frame<'_>, arm: &ArmOutcome, mark: &Mark) -> Figure {
    let line = |of: fn(&Slice) -> Option<u64>| frame.cut(frame.columns.line(&arm.timeline, of));
    let (sentence, note) = match Measured::wait(arm, Quantile::P99) {
        Some(wait) => (
            format!("/{}: one of 100 waited longer than {} for a permit.", arm.name, millis(wait.value)),
            None,
        ),
        None => (format!("/{}: nothing waits for a permit.", arm.name), Some("no permit")),
    };
    let panel = Panel {
        traces: vec![
            Trace { stroke: Stroke::Second, points: line(|slice| slice.wait_p50_ns) },
            Trace { stroke: Stroke::Main, points: line(|slice| slice.wait_p99_ns) },
        ],
        note,
        ..frame.panel(168.0, frame.wait, Unit::Millis, mark)
    };
    let svg = panel.svg(&sentence);
    ("Wait for a permit", sentence, svg)
}

fn latency(frame: &Frame<'_>, arm: &ArmOutcome, mark: &Mark, events: &[(f64, u32)]) -> Figure {
    let line = |quantile, of: fn(&Slice) -> Option<u64>| frame.cut(frame.columns.latency(arm, quantile, of));
    let sentence = match Measured::latency(arm, Quantile::P99) {
        Some(p99) => {
            let bound = if p99.is_lower_bound { "at least " } else { "" };
            let median = millis(arm.completed.p50_ns as f64 / 1e6);
            format!(
                "/{}: half of the good answers took up to {median}, p99 is {bound}{}.",
                arm.name,
                millis(p99.value)
            )
        }
        None => format!("/{}: not one good answer.", arm.name),
    };
    let (bins, most) = frame.heat;
    let columns = frame.columns.heat(&arm.heat);
    let panel = Panel {
        heat: Some(Heat { columns: &columns, bins, most }),
        traces: vec![
            Trace { stroke: Stroke::Ink, points: line(0.5, |slice| slice.p50_ns) },
            Trace { stroke: Stroke::Ink, points: line(0.95, |slice| slice.p95_ns) },
            Trace { stroke: Stroke::InkMain, points: line(0.99, |slice| slice.p99_ns) },
        ],
        events: events.to_vec(),
        unknown: series::unknown(&arm.timeline, frame.seconds),
        level: frame.objective,
        ..frame.panel(268.0, frame.latency, Unit::Millis, mark)
    };
    let svg = panel.svg(&sentence);
    ("Latency", sentence, svg)
}

fn goodput(frame: &Frame<'_>, arm: &ArmOutcome, mark: &Mark) -> Figure {
    let rate = |counts: &[u32]| frame.cut(series::rate(&arm.timeline, counts));
    let sentence = format!(
        "/{}: {} good answers per second, {} of what was offered.",
        arm.name,
        figure(arm.goodput_per_s),
        whole_percent(arm.share(Ending::Completed))
    );
    let panel = Panel {
        traces: vec![
            Trace { stroke: Stroke::Filled, points: rate(&arm.timeline.completed) },
            Trace { stroke: Stroke::Quiet, points: rate(&arm.timeline.other) },
            Trace { stroke: Stroke::Offered, points: rate(&arm.timeline.offered) },
        ],
        ..frame.panel(178.0, frame.rate, Unit::Count, mark)
    };
    let svg = panel.svg(&sentence);
    ("Goodput", sentence, svg)
}

/// Three figures, and what became of all requests.
fn overall(experiment: &ExperimentOutcome, arm: &ArmOutcome) -> String {
    let latency = |quantile| {
        Measured::latency(arm, quantile).map_or("–".into(), |measured| {
            let bound = if measured.is_lower_bound { "≥ " } else { "" };
            format!("{bound}{}", millis(measured.value))
        })
    };
    let mut figures = vec![
        ("p50", latency(Quantile::P50)),
        ("p99", latency(Quantile::P99)),
        ("goodput", format!("{}/s", figure(arm.goodput_per_s))),
    ];
    figures.extend(recovery(experiment, arm).map(|recovery| ("recovers", recovery.to_string())));
    let figures: String = figures
        .iter()
        .map(|(name, text)| format!("<div><dt>{name}</dt><dd>{}</dd></div>", escape(text)))
        .collect();
    format!("<div class=\"nums\"><dl>{figures}</dl>{}</div>", outcomes(arm))
}

/// What became of all requests, as a bar and in words.
fn outcomes(arm: &ArmOutcome) -> String {
    const KINDS: [(&str, &str, &[Ending]); 5] = [
        ("good", "o-good", &[Ending::Completed]),
        ("timed out", "o-late", &[Ending::TimedOut, Ending::Abandoned]),
        ("shed", "o-shed", &[Ending::Rejected]),
        (
            "failed",
            "o-failed",
            &[
                Ending::Failed,
                Ending::Refused,
                Ending::Unreachable,
                Ending::Tls,
                Ending::Reset,
                Ending::Protocol,
                Ending::Exhausted,
            ],
        ),
        ("no answer", "o-open", &[Ending::Unfinished, Ending::Unsent]),
    ];
    let (mut bar, mut words, mut at) = (String::new(), Vec::new(), 0.0);
    for (name, class, endings) in KINDS {
        let share: f64 = endings.iter().map(|ending| arm.share(*ending)).sum();
        if share <= 0.0 {
            continue;
        }
        let _ = write!(
            bar,
            "<rect class=\"{class}\" x=\"{:.1}\" y=\"0\" width=\"{:.1}\" height=\"9\"/>",
            at * 120.0,
            share * 120.0
        );
        at += share;
        words.push(format!("{} {name}", whole_percent(share)));
    }
    let words = words.join(", ");
    format!(
        "<svg viewBox=\"0 0 120 9\" width=\"100%\" height=\"9\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"Outcomes: {0}\">{bar}</svg><small>{0}</small>",
        escape(&words)
    )
}

/// What happened in the round, by number, and what it means.
fn happened(arm: &ArmOutcome) -> String {
    let events = arm.events.iter().take(MOST_EVENTS).enumerate();
    let mut parts: Vec<String> = events
        .map(|(i, event)| format!("<span class=\"no\">{}</span> {}", i + 1, escape(&event.text)))
        .collect();
    parts.extend(arm.findings.iter().map(|finding| format!("<b>{}</b>", escape(&finding.text))));
    if parts.is_empty() { String::new() } else { format!("<p class=\"what\">{}</p>", parts.join(" · ")) }
}

/// The charts of a row as one table: at most 40 moments.
fn table(experiment: &ExperimentOutcome, arm: &ArmOutcome) -> Table {
    const MOST: usize = 40;
    let timeline = &arm.timeline;
    let ticks = (timeline.slice_ns / timeline.tick_ns.max(1)).max(1) as usize;
    let slices = timeline.slices.len().max(timeline.in_flight.len().div_ceil(ticks));
    let stride = slices.div_ceil(MOST).max(1);
    let seconds = timeline.slice_ns as f64 / 1e9;
    let ms = |ns: Option<u64>| Cell::from(ns.map_or("–".to_string(), |ns| figure(ns as f64 / 1e6)));
    let row = |i: usize| {
        let slice = timeline.slices.get(i).copied().unwrap_or_default();
        let within =
            |counts: &[u32]| counts.iter().skip(i * ticks).take(ticks).copied().collect::<Vec<u32>>();
        let per_second = |counts: &[u32]| {
            figure(within(counts).iter().map(|n| f64::from(*n)).sum::<f64>() / seconds.max(1e-9))
        };
        let most = within(&timeline.in_flight).into_iter().max().unwrap_or(0);
        let cells = vec![
            grouped(u64::from(most)).into(),
            ms(slice.wait_p50_ns),
            ms(slice.wait_p99_ns),
            ms(slice.p50_ns),
            ms(slice.p95_ns),
            ms(slice.p99_ns),
            per_second(&timeline.completed).into(),
            per_second(&timeline.other).into(),
            per_second(&timeline.offered).into(),
        ];
        (format!("{:.1} s", i as f64 * seconds), cells)
    };
    let every = if stride > 1 { format!(", every {stride}th slice") } else { String::new() };
    Table {
        caption: format!(
            "{}, /{}: the first round in slices of {}{every}. Latencies and waits in ms, rates per second.",
            experiment.name,
            arm.name,
            millis(seconds * 1e3)
        ),
        head: [
            "from",
            "in flight",
            "wait p50",
            "wait p99",
            "p50",
            "p95",
            "p99",
            "good/s",
            "other/s",
            "offered/s",
        ]
        .map(String::from)
        .into(),
        rows: (0..slices).step_by(stride).map(row).collect(),
    }
}
