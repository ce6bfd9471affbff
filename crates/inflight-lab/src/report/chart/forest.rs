//! The forest plot of one verdict: dots are rounds, the bar is the interval, the shaded band is where the claim is true.

use super::{scale::Scale, svg::Svg};
use crate::report::figures::number;

/// Where a claim is true.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::report) enum Limits {
    /// Below this.
    Below(f64),
    /// Above this.
    Above(f64),
    /// Between these.
    Between(f64, f64),
}

impl Limits {
    fn edges(self) -> Vec<f64> {
        match self {
            Limits::Below(edge) | Limits::Above(edge) => vec![edge],
            Limits::Between(low, high) => vec![low, high],
        }
    }
}

/// One verdict's figures, all in the same unit.
#[derive(Clone, Debug)]
pub(in crate::report) struct Forest<'a> {
    /// The estimate.
    pub value: f64,
    /// Its interval; none if there was only one round.
    pub interval: Option<(f64, f64)>,
    /// Whether the values are lower bounds: the bar then has no upper end.
    pub censored: bool,
    /// The rounds.
    pub rounds: &'a [f64],
    /// Where the claim is true.
    pub limits: Limits,
    /// The class of the bar.
    pub class: &'a str,
}

const WIDTH: f64 = 300.0;
const EDGE: f64 = 10.0;
const FLOOR: f64 = 34.5;

impl Forest<'_> {
    /// The plot; `label` says in a sentence what is to be seen.
    pub(in crate::report) fn svg(&self, label: &str) -> String {
        let scale = self.scale();
        let mut svg = Svg::new(WIDTH, 52.0);
        let (left, right) = match self.limits {
            Limits::Below(edge) => (EDGE, scale.at(edge)),
            Limits::Above(edge) => (scale.at(edge), WIDTH - EDGE),
            Limits::Between(low, high) => (scale.at(low), scale.at(high)),
        };
        svg.rect("mg", (left, 3.0), (right, FLOOR));
        svg.line("ba", (EDGE, FLOOR), (WIDTH - EDGE, FLOOR));
        let edges = self.limits.edges();
        let places: Vec<f64> = edges.iter().map(|edge| scale.at(*edge)).collect();
        let apart = places.windows(2).all(|two| two[1] - two[0] > 34.0);
        for (edge, x) in edges.iter().zip(&places) {
            svg.line("ze", (*x, 3.0), (*x, 38.0));
            if apart {
                let x = x.clamp(EDGE + 8.0, WIDTH - EDGE - 8.0);
                svg.text("t", (x, 49.0), "middle", &number(*edge));
            }
        }
        if let ([low, high], false) = (&edges[..], apart) {
            let x = ((places[0] + places[1]) / 2.0).clamp(EDGE + 30.0, WIDTH - EDGE - 30.0);
            svg.text("t", (x, 49.0), "middle", &format!("{} to {}", number(*low), number(*high)));
        }
        for round in self.rounds {
            svg.dot("rd", (scale.at(*round), 11.0), 2.6);
        }
        if let Some((low, high)) = self.interval {
            let high = if self.censored { WIDTH - EDGE } else { scale.at(high) };
            svg.line(&format!("cl {}", self.class), (scale.at(low), 23.5), (high, 23.5));
        }
        svg.dot("pt", (scale.at(self.value), 23.5), 4.6);
        svg.fluid(label)
    }

    /// Wide enough for everything that is drawn, and for a look at both sides of every edge.
    fn scale(&self) -> Scale {
        let (low, high) = self.interval.unwrap_or((self.value, self.value));
        let edges = self.limits.edges();
        let all = self.rounds.iter().copied().chain(edges).chain([self.value, low, high]);
        let finite = all.filter(|v| v.is_finite());
        let (low, high) = finite.fold((f64::MAX, f64::MIN), |(low, high), v| (low.min(v), high.max(v)));
        let room = ((high - low) * 0.14).max(high.abs().max(low.abs()) * 0.02).max(1e-9);
        Scale::linear(low - room, high + room).to(EDGE, WIDTH - EDGE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect_file;

    #[test]
    fn a_forest_plot_is_drawn_as_it_was() {
        let rounds = [0.62, 0.7, 0.66, 0.71];
        let below = Forest {
            value: 0.67,
            interval: Some((0.61, 0.73)),
            censored: false,
            rounds: &rounds,
            limits: Limits::Below(0.8),
            class: "h",
        };
        expect_file!["golden/forest-below.svg"].assert_eq(&below.svg("0.67 of it, below 0.8"));
        let within = Forest { limits: Limits::Between(0.66, 0.7), class: "n", ..below.clone() };
        expect_file!["golden/forest-between.svg"].assert_eq(&within.svg("about two thirds"));
        let censored = Forest { limits: Limits::Above(0.5), censored: true, interval: None, ..below };
        expect_file!["golden/forest-censored.svg"].assert_eq(&censored.svg("at least 0.67"));
    }

    #[test]
    fn nothing_is_drawn_outside_of_the_plot() {
        for (value, edge) in [(0.0, 0.0), (1e9, -3.0), (-1e-9, 5.0)] {
            let forest = Forest {
                value,
                interval: None,
                censored: false,
                rounds: &[],
                limits: Limits::Above(edge),
                class: "r",
            };
            let scale = forest.scale();
            assert!(scale.at(value) > EDGE && scale.at(edge) < WIDTH - EDGE, "{value} {edge}");
        }
    }
}
