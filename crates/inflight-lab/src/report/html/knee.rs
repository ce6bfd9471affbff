//! Where each strategy breaks: what is in flight, latency and good answers as one factor of the experiment, such as the load,
//! grows.

use super::{
    arms::{Arms, chip},
    table::{Cell, Table},
};
use crate::{
    experiment::{ExperimentOutcome, Row, SweepOutcome},
    report::{
        chart::{Curve, Curves, Reference, Scale, Unit, escape},
        figures::{figure, number},
        mark::Mark,
    },
    stats::Estimate,
};

/// The section; empty if there was no sweep.
pub(super) fn html(experiment: &ExperimentOutcome, arms: &Arms<'_>) -> String {
    let Some(sweep) = experiment.sweep.as_ref().filter(|sweep| !sweep.rows.is_empty()) else {
        return String::new();
    };
    let figures = match levels(sweep) {
        Some(levels) => {
            let all =
                [&IN_FLIGHT, &P99, &GOODPUT].map(|chart| charted(experiment, sweep, arms, &levels, chart));
            format!("<div class=\"three\">{}</div>", all.concat())
        }
        None => String::new(),
    };
    let tunnel = match sweep.time_scale {
        Some(1.0) | None => String::new(),
        Some(scale) => {
            format!(
                " Levels are as in the file: rates in the wind tunnel are {} times as high.",
                number(1.0 / scale)
            )
        }
    };
    let about = format!(
        "A sweep of its own over {}, in virtual time, {} replications per point; the shades are 95 % intervals. Past the knee a bounded \
         strategy keeps working; an unbounded one turns every further request into waiting.{tunnel}",
        sweep.factors.join(" and "),
        sweep.replications
    );
    let section = arms.section("knee", "Where each strategy breaks", &about);
    format!("{section}{figures}{}</section>\n", table(sweep, arms).folded())
}

/// The levels of the only factor as numbers; `None` if there are several factors or a level is no number.
fn levels(sweep: &SweepOutcome) -> Option<Vec<f64>> {
    if sweep.factors.len() != 1 {
        return None;
    }
    let mut levels: Vec<f64> = sweep.rows.iter().map(level_of).collect::<Option<_>>()?;
    levels.sort_by(f64::total_cmp);
    levels.dedup();
    (levels.len() > 1).then_some(levels)
}

/// One of the charts.
struct Chart {
    title: &'static str,
    aside: &'static str,
    unit: Unit,
    /// What its curves are held against.
    against: Against,
    of: fn(&Row) -> Option<Estimate>,
}

/// What curves are held against, and so on which scale.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Against {
    /// Nothing, on a logarithmic scale.
    Nothing,
    /// The objective, on a logarithmic scale.
    Objective,
    /// What is offered, on a linear scale.
    Offered,
}

const IN_FLIGHT: Chart = Chart {
    title: "In flight",
    aside: "requests, log scale",
    unit: Unit::Count,
    against: Against::Nothing,
    of: |row| Some(row.in_flight),
};
const P99: Chart = Chart {
    title: "p99 of good answers",
    aside: "ms, log scale",
    unit: Unit::Millis,
    against: Against::Objective,
    of: |row| row.p99_ms,
};
const GOODPUT: Chart = Chart {
    title: "Goodput",
    aside: "good answers per second",
    unit: Unit::Count,
    against: Against::Offered,
    of: |row| Some(row.goodput_per_s),
};

fn charted(
    experiment: &ExperimentOutcome,
    sweep: &SweepOutcome,
    arms: &Arms<'_>,
    levels: &[f64],
    chart: &Chart,
) -> String {
    let curves: Vec<Curve<'_>> =
        arms.all.iter().filter_map(|(arm, mark)| curve(sweep, &arm.name, mark, chart)).collect();
    let values = || curves.iter().flat_map(|curve| curve.points.iter().filter_map(|point| point.1));
    let is_rate = sweep.rows.iter().all(|row| row.levels[0].ends_with("/s"));
    let (low, high) = (levels[0], levels[levels.len() - 1]);
    let scale = sweep.time_scale.unwrap_or(1.0);
    let knee = knee(sweep, levels).filter(|_| is_rate);
    let knee = knee.map(|at| Reference::Place(at, format!("knee ≈ {}/s", number(at))));
    let (y, mut references) = match chart.against {
        Against::Nothing => (Scale::log_around(values()), Vec::new()),
        Against::Objective => {
            let objective = experiment.objective_ns.map(|ns| ns as f64 / 1e6);
            (Scale::log_around(values().chain(objective)), super::tail::objective(experiment))
        }
        Against::Offered => {
            let top = values().fold(0.0, f64::max) * 1.12;
            let (from, to) = ((low, low / scale), (high.min(top * scale), (high / scale).min(top)));
            let ideal = Reference::Ideal(from, to, "offered".into());
            (Scale::linear(0.0, top), if is_rate { vec![ideal] } else { Vec::new() })
        }
    };
    references.extend(knee);
    let x_title = title(sweep, is_rate);
    let summary = summary(&curves, chart, &x_title);
    let drawing = Curves {
        size: (410.0, 320.0),
        x: Scale::linear(low, high),
        x_unit: Unit::Count,
        x_title: &x_title,
        y,
        y_unit: chart.unit,
        curves,
        references,
    };
    format!(
        "<figure><figcaption><b>{}</b> {}. {}</figcaption><div class=\"wide\">{}</div></figure>",
        chart.title,
        chart.aside,
        escape(&summary),
        drawing.svg(&format!("{}: {summary}", chart.title))
    )
}

/// The highest level at which some strategy still answers nearly as large a share of what is offered as at the lowest level; `None`
/// if it does so to the end.
fn knee(sweep: &SweepOutcome, levels: &[f64]) -> Option<f64> {
    let best = |level: f64| {
        let rows = sweep.rows.iter().filter(|row| level_of(row) == Some(level));
        rows.map(|row| row.goodput_per_s.value / level).fold(0.0, f64::max)
    };
    let enough = NEARLY * best(levels[0]);
    let broken = levels.iter().position(|level| best(*level) < enough)?;
    broken.checked_sub(1).map(|last| levels[last])
}

const NEARLY: f64 = 0.95;

/// The level of the only factor of a row as a number, if it is one.
fn level_of(row: &Row) -> Option<f64> {
    let text = row.levels.first()?;
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    text[..digits].parse().ok()
}

fn title(sweep: &SweepOutcome, is_rate: bool) -> String {
    let factor = sweep.factors[0].rsplit('.').next().unwrap_or_default();
    if is_rate { format!("{factor}, requests/s") } else { factor.to_string() }
}

fn curve<'a>(sweep: &SweepOutcome, name: &'a str, mark: &'a Mark, chart: &Chart) -> Option<Curve<'a>> {
    let rows = sweep.rows.iter().filter(|row| row.arm == name);
    let mut all: Vec<(f64, Option<Estimate>)> =
        rows.filter_map(|row| Some((level_of(row)?, (chart.of)(row)))).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    (!all.is_empty()).then(|| Curve {
        mark,
        name,
        points: all.iter().map(|(at, estimate)| (*at, estimate.map(|e| e.value))).collect(),
        half_widths: all.iter().map(|(_, estimate)| estimate.and_then(|e| e.half_width)).collect(),
    })
}

/// What becomes of the best and of the worst at the right end.
fn summary(curves: &[Curve<'_>], chart: &Chart, x: &str) -> String {
    let last = |curve: &Curve<'_>| curve.points.iter().rev().find_map(|point| point.1);
    let ends: Vec<(&str, f64)> = curves.iter().filter_map(|curve| Some((curve.name, last(curve)?))).collect();
    let low = ends.iter().min_by(|a, b| a.1.total_cmp(&b.1));
    let high = ends.iter().max_by(|a, b| a.1.total_cmp(&b.1));
    let unit = match chart.against {
        Against::Nothing => "",
        Against::Objective => " ms",
        Against::Offered => "/s",
    };
    match low.zip(high) {
        Some((low, high)) if ends.len() > 1 => format!(
            "At the highest {}: {}{unit} for /{}, {}{unit} for /{}.",
            x.split([',', ' ']).next().unwrap_or_default(),
            figure(low.1),
            low.0,
            figure(high.1),
            high.0
        ),
        _ => String::new(),
    }
}

fn table(sweep: &SweepOutcome, arms: &Arms<'_>) -> Table {
    let text = |estimate: Option<Estimate>| match estimate {
        None => Cell::from("–".to_string()),
        Some(Estimate { value, half_width }) => Cell {
            text: figure(value),
            aside: half_width.map_or(String::new(), |half| format!("± {}", figure(half))),
            ..Cell::default()
        },
    };
    let row = |row: &Row| {
        let mark = arms
            .all
            .iter()
            .find(|(arm, _)| arm.name == row.arm)
            .map_or(String::new(), |(_, mark)| chip(mark));
        let header = format!("{mark}{} · /{}", escape(&row.levels.join(" · ")), escape(&row.arm));
        let mut cells = vec![
            text(Some(row.in_flight)),
            text(row.p50_ms),
            text(row.p99_ms),
            text(Some(row.goodput_per_s)),
        ];
        let state = if row.doubtful > 0 {
            format!("in {} of {} none", row.doubtful, sweep.replications)
        } else {
            "yes".into()
        };
        cells.push(state.into());
        (header, cells)
    };
    Table {
        caption: format!("{}: the sweep, point by point.", sweep.experiment),
        head: ["Point", "in flight", "p50, ms", "p99, ms", "goodput, /s", "steady state"]
            .map(String::from)
            .into(),
        rows: sweep.rows.iter().take(400).map(row).collect(),
    }
}
