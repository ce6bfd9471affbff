//! Several curves in one frame, each named beside its end: what happens to every strategy as the load grows, and the whole tail.

use super::{
    labels::spread,
    scale::{Scale, Unit},
    svg::{Svg, escape, polyline, px},
};
use crate::report::mark::Mark;
use std::fmt::Write as _;

/// One curve.
#[derive(Clone, Debug)]
pub(in crate::report) struct Curve<'a> {
    /// How it is told from the others.
    pub mark: &'a Mark,
    /// What stands beside its end.
    pub name: &'a str,
    /// Points from left to right; one without a value is a gap.
    pub points: Vec<(f64, Option<f64>)>,
    /// How far its interval reaches from each point, if there is one.
    pub half_widths: Vec<Option<f64>>,
}

/// A value that curves are held against.
#[derive(Clone, Debug)]
pub(in crate::report) enum Reference {
    /// A line from left to right with its name.
    Level(f64, String),
    /// A line from top to bottom with its name.
    Place(f64, String),
    /// A line from one point to another with its name: what would be if nothing were lost.
    Ideal((f64, f64), (f64, f64), String),
}

/// The frame, and what is in it.
#[derive(Clone, Debug)]
pub(in crate::report) struct Curves<'a> {
    /// Width and height in pixels of its own.
    pub size: (f64, f64),
    /// From left to right.
    pub x: Scale,
    /// What the figures below are.
    pub x_unit: Unit,
    /// What stands below them.
    pub x_title: &'a str,
    /// From bottom to top.
    pub y: Scale,
    /// What the figures at the left are.
    pub y_unit: Unit,
    /// The curves.
    pub curves: Vec<Curve<'a>>,
    /// What they are held against.
    pub references: Vec<Reference>,
}

const LEFT: f64 = 48.0;
const TOP: f64 = 24.0;
const BOTTOM: f64 = 40.0;
/// A label's height with the space to the next.
const LABEL: f64 = 17.0;

impl Curves<'_> {
    /// The chart; `label` says in a sentence what is to be seen.
    pub(in crate::report) fn svg(&self, label: &str) -> String {
        let (width, height) = self.size;
        let longest = self.curves.iter().map(|c| c.name.chars().count()).max().unwrap_or(0);
        let right = width - 48.0 - 6.0 * longest.min(22) as f64;
        let (x, y) = (self.x.to(LEFT, right), self.y.to(height - BOTTOM, TOP));
        let mut svg = Svg::new(width, height);
        self.axes(&mut svg, x, y, right);
        for reference in &self.references {
            refer(&mut svg, reference, (x, y), right, height - BOTTOM);
        }
        for curve in &self.curves {
            band(&mut svg, curve, x, y);
        }
        // The first is the most important: it is drawn last, above the others.
        for curve in self.curves.iter().rev() {
            let points = placed(curve, x, y);
            let dash = match curve.mark.dash {
                "" => String::new(),
                dash => format!(r#"stroke-dasharray="{dash}""#),
            };
            svg.path(&format!("l w2 k{}", curve.mark.code), &polyline(&points), &dash);
        }
        self.names(&mut svg, (x, y), right, height - BOTTOM);
        svg.fluid(label)
    }

    fn axes(&self, svg: &mut Svg, x: Scale, y: Scale, right: f64) {
        let floor = self.size.1 - BOTTOM;
        for (value, text) in y.ticks(7, self.y_unit) {
            let at = y.at(value);
            svg.line("g", (LEFT, at), (right, at));
            svg.text("t", (LEFT - 6.0, at + 3.5), "end", &text);
        }
        for (value, text) in x.ticks(8, self.x_unit) {
            let at = x.at(value);
            svg.line("g", (at, floor), (at, floor + 4.0));
            svg.text("t", (at, floor + 16.0), "middle", &text);
        }
        svg.line("ba", (LEFT, floor), (right, floor));
        svg.text("t", ((LEFT + right) / 2.0, self.size.1 - 6.0), "middle", self.x_title);
    }

    /// The names beside the ends. A curve that ends early is named at its last point.
    fn names(&self, svg: &mut Svg, (x, y): (Scale, Scale), right: f64, floor: f64) {
        let end = |curve: &Curve<'_>| placed(curve, x, y).into_iter().flatten().last();
        let ends: Vec<(&Curve<'_>, (f64, f64))> =
            self.curves.iter().filter_map(|curve| Some((curve, end(curve)?))).collect();
        let wanted: Vec<f64> = ends.iter().map(|(_, at)| at.1).collect();
        let places = spread(&wanted, LABEL, TOP - 4.0, floor - 2.0);
        for ((curve, (from, at)), place) in ends.iter().zip(&places) {
            let leader = format!(
                "M{} {}L{} {}L{} {}",
                px(*from),
                px(*at),
                px(right),
                px(*at),
                px(right + 14.0),
                px(*place)
            );
            svg.path(&format!("l w1 ld k{}", curve.mark.code), &leader, "");
            svg.raw(&chip(curve.mark, right + 15.0, *place));
            let name: String = curve.name.chars().take(22).collect();
            svg.text("t nm", (right + 42.0, place + 3.6), "start", &name);
        }
    }
}

/// A mark as a small plate with its two letters.
pub(super) fn chip(mark: &Mark, x: f64, y: f64) -> String {
    let mut out = String::new();
    let code = escape(&mark.code);
    let _ = write!(
        out,
        r#"<rect class="cb k{code}" x="{}" y="{}" width="22" height="15" rx="4"/><text class="ch k{code}" x="{}" y="{}" text-anchor="middle">{code}</text>"#,
        px(x),
        px(y - 7.5),
        px(x + 11.0),
        px(y + 3.6)
    );
    out
}

fn placed(curve: &Curve<'_>, x: Scale, y: Scale) -> Vec<Option<(f64, f64)>> {
    curve.points.iter().map(|(at, value)| value.map(|value| (x.at(*at), y.at(value)))).collect()
}

/// The interval around a curve, as an area.
fn band(svg: &mut Svg, curve: &Curve<'_>, x: Scale, y: Scale) {
    let edge = |sign: f64| {
        let all = curve.points.iter().zip(&curve.half_widths);
        all.filter_map(move |((at, value), half)| Some((x.at(*at), y.at((*value)? + sign * (*half)?))))
    };
    let (upper, lower): (Vec<_>, Vec<_>) = (edge(1.0).collect(), edge(-1.0).collect());
    if upper.len() > 1 {
        let outline: Vec<Option<(f64, f64)>> =
            upper.into_iter().chain(lower.into_iter().rev()).map(Some).collect();
        svg.path(&format!("bn k{}", curve.mark.code), &format!("{}Z", polyline(&outline)), "");
    }
}

fn refer(svg: &mut Svg, reference: &Reference, (x, y): (Scale, Scale), right: f64, floor: f64) {
    match reference {
        Reference::Level(value, name) => {
            let at = y.at(*value);
            svg.line("slo", (LEFT, at), (right, at));
            svg.text("t st", (LEFT + 6.0, at - 4.0), "start", name);
        }
        Reference::Ideal(from, to, name) => {
            let [from, to] = [from, to].map(|point| (x.at(point.0), y.at(point.1)));
            svg.path("l of w1", &polyline(&[Some(from), Some(to)]), "");
            svg.text("t", (to.0 - 8.0, to.1 + 4.0), "end", name);
        }
        Reference::Place(value, name) => {
            let at = x.at(*value);
            svg.rect("ov", (at, TOP), (right, floor));
            svg.line("kn", (at, TOP - 4.0), (at, floor));
            svg.text("t kt", (at.clamp(LEFT + 60.0, right - 40.0), TOP - 10.0), "middle", name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::mark::marks;
    use expect_test::expect_file;

    #[test]
    fn curves_are_drawn_as_they_were() {
        let marks = marks(&["async", "async-limited"]);
        let curve = |i: usize, name, values: [Option<f64>; 4]| Curve {
            mark: &marks[i],
            name,
            points: [10.0, 20.0, 30.0, 40.0].into_iter().zip(values).collect(),
            half_widths: vec![Some(4.0), Some(8.0), Some(30.0), None],
        };
        let chart = Curves {
            size: (560.0, 320.0),
            x: Scale::linear(10.0, 40.0),
            x_unit: Unit::Count,
            x_title: "offered load, requests/s",
            y: Scale::log(20.0, 2000.0),
            y_unit: Unit::Millis,
            curves: vec![
                curve(0, "/async", [Some(40.0), Some(90.0), Some(900.0), Some(1900.0)]),
                curve(1, "/async-limited", [Some(40.0), None, Some(80.0), Some(85.0)]),
            ],
            references: vec![
                Reference::Level(250.0, "objective 250 ms".into()),
                Reference::Place(28.0, "knee".into()),
            ],
        };
        expect_file!["golden/curves.svg"].assert_eq(&chart.svg("p99 against load"));
    }
}
