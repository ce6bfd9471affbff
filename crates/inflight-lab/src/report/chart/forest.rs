//! The forest plot of one verdict: dots are rounds, the bar is the interval, the shaded band is where the claim is true.

use super::{scale::Scale, svg::Svg};

/// One verdict's figures, all in the same unit.
#[derive(Clone, Debug)]
pub(in crate::report) struct Forest<'a> {
    /// The estimate.
    pub value: f64,
    /// Its interval; an end is open if the truth lies beyond what could be measured. `None` if there is no interval.
    pub interval: Option<(Option<f64>, Option<f64>)>,
    /// The rounds.
    pub rounds: &'a [f64],
    /// Where the claim is true: from, to; `None` for an open end.
    pub limits: (Option<f64>, Option<f64>),
    /// How a value is written.
    pub text: fn(f64) -> String,
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
        let (left, right) = (
            self.limits.0.map_or(EDGE, |low| scale.at(low)),
            self.limits.1.map_or(WIDTH - EDGE, |high| scale.at(high)),
        );
        svg.rect("mg", (left, 3.0), (right, FLOOR));
        svg.line("ba", (EDGE, FLOOR), (WIDTH - EDGE, FLOOR));
        let edges = self.edges();
        let places: Vec<f64> = edges.iter().map(|edge| scale.at(*edge)).collect();
        let apart = places.windows(2).all(|two| two[1] - two[0] > 34.0);
        for (edge, x) in edges.iter().zip(&places) {
            svg.line("ze", (*x, 3.0), (*x, 38.0));
            if apart {
                let x = x.clamp(EDGE + 8.0, WIDTH - EDGE - 8.0);
                svg.text("t", (x, 49.0), "middle", &(self.text)(*edge));
            }
        }
        if let ([low, high], false) = (&edges[..], apart) {
            let x = ((places[0] + places[1]) / 2.0).clamp(EDGE + 30.0, WIDTH - EDGE - 30.0);
            svg.text("t", (x, 49.0), "middle", &format!("{} to {}", (self.text)(*low), (self.text)(*high)));
        }
        for round in self.rounds {
            svg.dot("rd", (scale.at(*round), 11.0), 2.6);
        }
        if let Some((low, high)) = self.interval {
            let low = low.map_or(EDGE, |low| scale.at(low));
            let high = high.map_or(WIDTH - EDGE, |high| scale.at(high));
            svg.line(&format!("cl {}", self.class), (low, 23.5), (high, 23.5));
        }
        svg.dot("pt", (scale.at(self.value), 23.5), 4.6);
        svg.fluid(label)
    }

    fn edges(&self) -> Vec<f64> {
        [self.limits.0, self.limits.1].into_iter().flatten().collect()
    }

    /// Wide enough for everything that is drawn, and for a look at both sides of every edge.
    fn scale(&self) -> Scale {
        let ends = self.interval.into_iter().flat_map(|(low, high)| [low, high]).flatten();
        let all = self.rounds.iter().copied().chain(self.edges()).chain(ends).chain([self.value]);
        let finite = all.filter(|v| v.is_finite());
        let (low, high) = finite.fold((f64::MAX, f64::MIN), |(low, high), v| (low.min(v), high.max(v)));
        let room = ((high - low) * 0.14).max(high.abs().max(low.abs()) * 0.02).max(1e-9);
        Scale::linear(low - room, high + room).to(EDGE, WIDTH - EDGE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::figures::number;
    use expect_test::expect_file;

    #[test]
    fn a_forest_plot_is_drawn_as_it_was() {
        let rounds = [0.62, 0.7, 0.66, 0.71];
        let below = Forest {
            value: 0.67,
            interval: Some((Some(0.61), Some(0.73))),
            rounds: &rounds,
            limits: (None, Some(0.8)),
            text: number,
            class: "h",
        };
        expect_file!["golden/forest-below.svg"].assert_eq(&below.svg("0.67 of it, below 0.8"));
        let within = Forest { limits: (Some(0.66), Some(0.7)), class: "n", ..below.clone() };
        expect_file!["golden/forest-between.svg"].assert_eq(&within.svg("about two thirds"));
        let censored = Forest { limits: (Some(0.5), None), interval: Some((Some(0.6), None)), ..below };
        expect_file!["golden/forest-censored.svg"].assert_eq(&censored.svg("at least 0.67"));
    }

    #[test]
    fn nothing_is_drawn_outside_of_the_plot() {
        for (value, edge) in [(0.0, 0.0), (1e9, -3.0), (-1e-9, 5.0)] {
            let forest = Forest {
                value,
                interval: None,
                rounds: &[],
                limits: (Some(edge), None),
                text: number,
                class: "r",
            };
            let scale = forest.scale();
            assert!(scale.at(value) > EDGE && scale.at(edge) < WIDTH - EDGE, "{value} {edge}");
        }
    }
}
