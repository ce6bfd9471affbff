//! A small chart over time, many of which stand in rows: what was in flight, how long requests waited, what came out.

use super::{
    heat::Heat,
    labels::spread,
    scale::{Scale, Unit},
    svg::{Svg, area, polyline},
};
use crate::report::mark::Mark;

/// A stretch of time with a class of its own: a phase.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::report) struct Span {
    /// Seconds.
    pub from: f64,
    /// Seconds.
    pub to: f64,
    /// "ov" for too much load, "bd" for a quiet shade.
    pub class: &'static str,
}

/// How a line is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::report) enum Stroke {
    /// In the strategy's colour, thick.
    Main,
    /// In the strategy's colour, thin and pale.
    Second,
    /// In the strategy's colour, with the area below it.
    Filled,
    /// In the ink of the text, thin or thick, with a halo: above a heatmap.
    Ink,
    /// The same, thick.
    InkMain,
    /// Grey dashes: what was offered.
    Offered,
    /// Grey: what came besides.
    Quiet,
}

/// A line over time: seconds, value.
#[derive(Clone, Debug)]
pub(in crate::report) struct Trace {
    /// How it is drawn.
    pub stroke: Stroke,
    /// A point without a value is a gap.
    pub points: Vec<(f64, Option<f64>)>,
}

/// One small chart.
#[derive(Clone, Debug)]
pub(in crate::report) struct Panel<'a> {
    /// Pixels of its own.
    pub width: f64,
    /// How long it was, in seconds.
    pub seconds: f64,
    /// From bottom to top.
    pub y: Scale,
    /// What its figures are.
    pub unit: Unit,
    /// Whose it is.
    pub mark: &'a Mark,
    /// Phases.
    pub spans: &'a [Span],
    /// A map behind the lines.
    pub heat: Option<Heat<'a>>,
    /// The lines.
    pub traces: Vec<Trace>,
    /// A value that they are held against.
    pub level: Option<f64>,
    /// A value that stands out: seconds, value, its text.
    pub peak: Option<(f64, f64, String)>,
    /// Moments with their numbers, in seconds.
    pub events: Vec<(f64, u32)>,
    /// Stretches of which nothing is known: hatched, never zero.
    pub unknown: Vec<(f64, f64)>,
    /// What stands there instead of lines, if there can be none.
    pub note: Option<&'a str>,
}

/// Where the time begins: the figures of the axis stand before.
const LEFT: f64 = 34.0;
/// Space at the right.
const RIGHT: f64 = 4.0;
/// Every panel of a row is as high.
pub(in crate::report) const HEIGHT: f64 = 76.0;
const TOP: f64 = 6.0;
/// Radius of an event's number.
const BADGE: f64 = 6.5;
const FLOOR: f64 = HEIGHT - 4.0;

impl Panel<'_> {
    fn x(&self) -> Scale {
        Scale::linear(0.0, self.seconds).to(LEFT, self.width - RIGHT)
    }

    /// The chart; `label` says in a sentence what is to be seen.
    pub(in crate::report) fn svg(&self, label: &str) -> String {
        let (x, y) = (self.x(), self.y.to(FLOOR, TOP));
        let mut svg = Svg::new(self.width, HEIGHT);
        for span in self.spans {
            svg.rect(span.class, (x.at(span.from), 0.0), (x.at(span.to), HEIGHT));
        }
        for (value, text) in y.ticks(3, self.unit) {
            let at = y.at(value);
            svg.line("g", (LEFT, at), (self.width, at));
            svg.text("t", (LEFT - 4.0, at + 3.2), "end", &text);
        }
        for (from, to) in &self.unknown {
            svg.rect("un", (x.at(*from), TOP), (x.at(*to), FLOOR));
        }
        if let Some(note) = self.note {
            svg.text("t", ((LEFT + self.width) / 2.0, HEIGHT / 2.0 + 3.0), "middle", note);
            return svg.cropped(label);
        }
        if let Some(heat) = &self.heat {
            svg.raw(&heat.svg((x.at(0.0), TOP), (x.at(self.seconds), FLOOR)));
        }
        if let Some(level) = self.level {
            svg.line("slo", (LEFT, y.at(level)), (self.width - RIGHT, y.at(level)));
        }
        for trace in &self.traces {
            self.draw(&mut svg, trace, x, y);
        }
        self.peak(&mut svg, x, y);
        self.events(&mut svg, x);
        self.time(&mut svg, x);
        svg.cropped(label)
    }

    /// The seconds, below the frame: the page shows them in the last row only, and everywhere on a narrow screen.
    fn time(&self, svg: &mut Svg, x: Scale) {
        let ticks = x.ticks(4, Unit::Count);
        for (i, (value, text)) in ticks.iter().enumerate() {
            let is_last = i + 1 == ticks.len();
            let text = if is_last { format!("{text} s") } else { text.clone() };
            let anchor = if is_last && x.at(*value) > self.width - 20.0 { "end" } else { "middle" };
            svg.text("t", (x.at(*value), HEIGHT + 11.0), anchor, &text);
        }
    }

    fn draw(&self, svg: &mut Svg, trace: &Trace, x: Scale, y: Scale) {
        let points: Vec<Option<(f64, f64)>> =
            trace.points.iter().map(|(at, value)| value.map(|value| (x.at(*at), y.at(value)))).collect();
        let line = polyline(&points);
        let code = &self.mark.code;
        match trace.stroke {
            Stroke::Main => svg.path(&format!("l w2 k{code}"), &line, ""),
            Stroke::Second => svg.path(&format!("l w1 pa k{code}"), &line, ""),
            Stroke::Filled => {
                svg.path(&format!("fi k{code}"), &area(&points, FLOOR), "");
                svg.path(&format!("l w2 k{code}"), &line, "");
            }
            Stroke::Ink => {
                svg.path("l hl w3", &line, "");
                svg.path("l in w1", &line, "");
            }
            Stroke::InkMain => {
                svg.path("l hl w4", &line, "");
                svg.path("l in w2", &line, "");
            }
            Stroke::Offered => svg.path("l of w1", &line, ""),
            Stroke::Quiet => svg.path("l mu w1", &line, ""),
        }
    }

    fn peak(&self, svg: &mut Svg, x: Scale, y: Scale) {
        let Some((at, value, text)) = &self.peak else { return };
        let (at, place) = (x.at(*at), y.at(*value));
        svg.dot(&format!("cb k{}", self.mark.code), (at, place), 2.4);
        let half = text.chars().count() as f64 * 3.2;
        let above = if place > TOP + 9.0 { place - 5.0 } else { place + 13.0 };
        svg.text("v", (at.clamp(LEFT + half, self.width - RIGHT - half), above), "middle", text);
    }

    /// A line where each happened, and its number as near above as the others allow.
    fn events(&self, svg: &mut Svg, x: Scale) {
        let wanted: Vec<f64> = self.events.iter().map(|(seconds, _)| x.at(*seconds)).collect();
        let places = spread(&wanted, 2.0 * BADGE + 0.5, LEFT - BADGE, self.width - RIGHT - BADGE);
        for ((at, place), (_, number)) in wanted.iter().zip(places).zip(&self.events) {
            svg.line("ev", (*at, 0.0), (*at, FLOOR));
            svg.dot("eb", (place, 7.0), BADGE);
            svg.text("en", (place, 10.4), "middle", &number.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::mark::marks;
    use expect_test::expect_file;

    #[test]
    fn panels_are_drawn_as_they_were() {
        let marks = marks(&["async-limited"]);
        let spans = [Span { from: 2.0, to: 4.0, class: "ov" }];
        let points = |values: [Option<f64>; 5]| (0..5).map(|i| f64::from(i) + 0.5).zip(values).collect();
        let panel = Panel {
            width: 232.0,
            seconds: 5.0,
            y: Scale::log(1.0, 1000.0),
            unit: Unit::Count,
            mark: &marks[0],
            spans: &spans,
            heat: None,
            traces: vec![Trace {
                stroke: Stroke::Filled,
                points: points([Some(3.0), Some(20.0), Some(600.0), None, Some(4.0)]),
            }],
            level: Some(20.0),
            peak: Some((2.5, 600.0, "600".into())),
            events: vec![(2.1, 1)],
            unknown: vec![(3.0, 4.0)],
            note: None,
        };
        expect_file!["golden/panel.svg"].assert_eq(&panel.svg("in flight, at most 600"));
        let columns = vec![vec![(1, 4), (2, 90)], vec![(3, 50)]];
        let latency = Panel {
            heat: Some(Heat { columns: &columns, bins: 4, most: 90 }),
            unit: Unit::Millis,
            traces: [
                Stroke::Ink,
                Stroke::InkMain,
                Stroke::Offered,
                Stroke::Quiet,
                Stroke::Main,
                Stroke::Second,
            ]
            .map(|stroke| Trace { stroke, points: points([Some(5.0); 5]) })
            .into(),
            peak: None,
            ..panel.clone()
        };
        expect_file!["golden/panel-latency.svg"].assert_eq(&latency.svg("latency"));
        let none = Panel { note: Some("no permit"), ..panel };
        expect_file!["golden/panel-note.svg"].assert_eq(&none.svg("no permit"));
    }
}
