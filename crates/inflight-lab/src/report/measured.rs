//! The figures of an arm as they are shown: with an interval over its rounds, and as a lower bound where they are one.

use super::figures::{figure, number};
use crate::{
    experiment::{ArmOutcome, Latencies, RoundFigures},
    stats::Estimate,
};

/// One figure of an arm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Measured {
    /// Over all rounds together.
    pub value: f64,
    /// Half the width of the 95 % interval over the rounds, if there were several.
    pub half_width: Option<f64>,
    /// Whether the truth is this or more.
    pub is_lower_bound: bool,
}

impl Measured {
    /// `value` over all rounds, `of` in each of them.
    fn over(arm: &ArmOutcome, value: f64, of: impl Fn(&RoundFigures) -> f64) -> Measured {
        let rounds: Vec<f64> = arm.rounds.iter().map(of).collect();
        let half_width = Estimate::mean(&rounds).and_then(|estimate| estimate.half_width);
        Measured { value, half_width, is_lower_bound: false }
    }

    /// Requests in flight, averaged over time.
    pub(super) fn in_flight(arm: &ArmOutcome) -> Measured {
        Measured::over(arm, arm.in_flight_mean, |round| round.in_flight_mean)
    }

    /// Good answers per second.
    pub(super) fn goodput(arm: &ArmOutcome) -> Measured {
        Measured::over(arm, arm.goodput_per_s, |round| round.goodput_per_s)
    }

    /// A quantile of the latency of good answers in milliseconds; `None` if there were none.
    pub(super) fn latency(arm: &ArmOutcome, quantile: Quantile) -> Option<Measured> {
        let of = |latencies: &Latencies| quantile.of(latencies) as f64 / 1e6;
        let measured = Measured::over(arm, of(&arm.completed), |round| of(&round.completed));
        let is_lower_bound = arm.completed.is_lower_bound(quantile.share());
        (arm.completed.count > 0).then_some(Measured { is_lower_bound, ..measured })
    }

    /// A quantile of the wait for a permit in milliseconds, where there is one.
    pub(super) fn wait(arm: &ArmOutcome, quantile: Quantile) -> Option<Measured> {
        let of = |latencies: &Latencies| quantile.of(latencies) as f64 / 1e6;
        let each = |round: &RoundFigures| round.wait.as_ref().map_or(0.0, of);
        Some(Measured::over(arm, of(arm.wait.as_ref()?), each))
    }

    /// "184", "≥ 2,000".
    pub(super) fn value(&self) -> String {
        let at_least = if self.is_lower_bound { "≥ " } else { "" };
        format!("{at_least}{}", figure(self.value))
    }

    /// "± 10", or nothing: where there is no interval, or the figure is a bound that has none.
    pub(super) fn interval(&self) -> String {
        match self.half_width {
            Some(half) if !self.is_lower_bound => format!("± {}", spread(half)),
            _ => String::new(),
        }
    }
}

/// Half a width with two figures or so.
fn spread(half: f64) -> String {
    if half >= 9.95 { number(half.round()) } else { format!("{half:.1}") }
}

/// The quantiles that are shown everywhere, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quantile {
    /// The median.
    P50,
    /// 95 of 100 are below it.
    P95,
    /// 99 of 100 are below it.
    P99,
}

impl Quantile {
    /// All three.
    pub(super) const ALL: [Quantile; 3] = [Quantile::P50, Quantile::P95, Quantile::P99];

    /// Its name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Quantile::P50 => "p50",
            Quantile::P95 => "p95",
            Quantile::P99 => "p99",
        }
    }

    fn share(self) -> f64 {
        match self {
            Quantile::P50 => 0.5,
            Quantile::P95 => 0.95,
            Quantile::P99 => 0.99,
        }
    }

    /// Its value in nanoseconds.
    pub(super) fn of(self, latencies: &Latencies) -> u64 {
        match self {
            Quantile::P50 => latencies.p50_ns,
            Quantile::P95 => latencies.p95_ns,
            Quantile::P99 => latencies.p99_ns,
        }
    }
}
