//! Several opinions about the same figures, one row per strategy: what was measured, what the twin did, what formulas say.

use super::{
    labels::spread,
    scale::{Scale, Unit},
    svg::{Svg, escape, px},
};
use crate::report::mark::Mark;

/// Whose figure it is: every one has a shape of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::report) enum Opinion {
    /// A filled dot.
    Measured,
    /// A ring.
    Twin,
    /// A cross.
    Theory,
}

/// The figures of one strategy.
#[derive(Clone, Debug)]
pub(in crate::report) struct Row<'a> {
    /// How it is told from the others.
    pub mark: &'a Mark,
    /// Its name.
    pub name: &'a str,
    /// What a figure is called, and what each opinion says.
    pub figures: Vec<(&'static str, Vec<(Opinion, f64)>)>,
}

/// The chart: all rows on one logarithmic scale.
#[derive(Clone, Debug)]
pub(in crate::report) struct Dots<'a> {
    /// What the figures are.
    pub unit: Unit,
    /// From top to bottom.
    pub rows: Vec<Row<'a>>,
    /// The opinions that are there, with their names.
    pub legend: Vec<(Opinion, &'static str)>,
}

const WIDTH: f64 = 1160.0;
const LEFT: f64 = 190.0;
const RIGHT: f64 = WIDTH - 20.0;
const TOP: f64 = 26.0;
const ROW: f64 = 36.0;

impl Dots<'_> {
    /// The chart; `label` says in a sentence what is to be seen.
    pub(in crate::report) fn svg(&self, label: &str) -> String {
        let floor = TOP + ROW * self.rows.len() as f64;
        let values =
            self.rows.iter().flat_map(|row| &row.figures).flat_map(|figure| figure.1.iter().map(|o| o.1));
        let x = Scale::log_around(values).to(LEFT, RIGHT);
        let mut svg = Svg::new(WIDTH, floor + 22.0);
        for (value, text) in x.ticks(10, self.unit) {
            svg.line("g", (x.at(value), TOP), (x.at(value), floor));
            svg.text("t", (x.at(value), floor + 15.0), "middle", &text);
        }
        self.legend(&mut svg);
        for (number, row) in self.rows.iter().enumerate() {
            draw(&mut svg, row, x, TOP + ROW * number as f64);
        }
        svg.line("ba", (LEFT, floor), (RIGHT, floor));
        svg.fluid(label)
    }

    fn legend(&self, svg: &mut Svg) {
        let mut at = LEFT;
        for (opinion, name) in &self.legend {
            shape(svg, *opinion, "in", (at + 5.0, 9.0));
            svg.text("t nm", (at + 16.0, 12.6), "start", name);
            at += 30.0 + 6.2 * name.chars().count() as f64;
        }
    }
}

fn draw(svg: &mut Svg, row: &Row<'_>, x: Scale, top: f64) {
    let middle = top + ROW * 0.62;
    let code = escape(&row.mark.code).into_owned();
    svg.line("g", (LEFT, middle), (RIGHT, middle));
    svg.raw(&super::curves::chip(row.mark, 0.0, middle));
    let name: String = row.name.chars().take(22).collect();
    svg.text("t nm", (28.0, middle + 3.6), "start", &name);
    let wanted: Vec<f64> = row.figures.iter().filter_map(|f| f.1.first()).map(|o| x.at(o.1)).collect();
    let places = spread(&wanted, 26.0, LEFT, RIGHT);
    for ((name, opinions), place) in row.figures.iter().filter(|f| !f.1.is_empty()).zip(places) {
        svg.text("t", (place, top + 10.0), "middle", name);
        for (opinion, value) in opinions {
            shape(svg, *opinion, &format!("k{code}"), (x.at(*value), middle));
        }
    }
}

fn shape(svg: &mut Svg, opinion: Opinion, class: &str, (x, y): (f64, f64)) {
    match opinion {
        Opinion::Measured if class == "in" => svg.dot("pt", (x, y), 4.0),
        Opinion::Measured => svg.dot(&format!("cb {class}"), (x, y), 4.0),
        Opinion::Twin if class == "in" => svg.dot("ring in", (x, y), 6.2),
        Opinion::Twin => svg.dot(&format!("ring2 {class}"), (x, y), 6.2),
        Opinion::Theory => {
            let [left, right, top, bottom] = [x - 6.0, x + 6.0, y - 6.0, y + 6.0].map(px);
            svg.path("cross", &format!("M{left} {top}L{right} {bottom}M{left} {bottom}L{right} {top}"), "");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::mark::marks;
    use expect_test::expect_file;

    #[test]
    fn opinions_are_drawn_as_they_were() {
        let marks = marks(&["async", "sync"]);
        let figure = |name, values: [f64; 3]| {
            (name, [Opinion::Measured, Opinion::Twin, Opinion::Theory].into_iter().zip(values).collect())
        };
        let row = |i: usize, name| Row {
            mark: &marks[i],
            name,
            figures: vec![
                figure("p50", [75.0, 74.9, 75.3]),
                figure("p99", [119.0, 118.0, 130.0]),
                ("p95", Vec::new()),
            ],
        };
        let dots = Dots {
            unit: Unit::Millis,
            rows: vec![row(0, "async"), row(1, "sync")],
            legend: vec![
                (Opinion::Measured, "measured"),
                (Opinion::Twin, "twin"),
                (Opinion::Theory, "theory"),
            ],
        };
        expect_file!["golden/dots.svg"].assert_eq(&dots.svg("three opinions"));
    }
}
