//! The schedule of a run: the intended start of every request, one after the other.

use super::{
    arrivals::{Arrivals, Gaps},
    curve::Curve,
};
use crate::draws::{Stream, exponential, normal, rounded};
use std::{sync::Arc, time::Duration};

/// The number and the intended start of every request, in order; see [`Arrivals::schedule`].
#[derive(Clone, Debug)]
pub struct Schedule {
    points: Points,
    next: u64,
    end: Duration,
}

/// Where the next point comes from. Gaps are in nanoseconds.
#[derive(Clone, Debug)]
enum Points {
    Constant { gap: f64 },
    Poisson { stream: Stream, gap: f64, drawn: f64 },
    Renewal { stream: Stream, gap: f64, drawn: f64, gaps: Gaps },
    Curve { stream: Option<Stream>, curve: Curve },
    Recorded(Arc<[Duration]>),
}

impl Schedule {
    pub(super) fn new(arrivals: &Arrivals, seed: u64, end: Duration) -> Schedule {
        let stream = Stream::new(seed, "arrivals");
        let gap = 1e9 / arrivals.rate().as_per_second();
        let points = match arrivals {
            Arrivals::Constant(_) => Points::Constant { gap },
            Arrivals::Poisson(_) => Points::Poisson { stream, gap, drawn: 0.0 },
            Arrivals::Renewal(_, gaps) => Points::Renewal { stream, gap, drawn: 0.0, gaps: *gaps },
            Arrivals::Bursts(_) | Arrivals::Stages { .. } | Arrivals::OnOff(_) => {
                let is_random = !matches!(arrivals, Arrivals::Stages { random: false, .. });
                let curve = Curve::of(arrivals, seed).expect("these three have a curve");
                Points::Curve { stream: is_random.then_some(stream), curve }
            }
            Arrivals::Recorded(all) => Points::Recorded(all.clone()),
        };
        Schedule { points, next: 0, end }
    }
}

/// A gap with mean one.
fn drawn_gap(gaps: Gaps, stream: Stream, i: u64) -> f64 {
    let dice = &mut stream.dice(i);
    match gaps {
        Gaps::Pareto(shape) => (shape - 1.0) / shape * libm::exp(exponential(dice) / shape),
        Gaps::Lognormal(sigma) => libm::exp(sigma * normal(dice) - 0.5 * sigma * sigma),
    }
}

impl Points {
    /// Point number `i`, asked for in order.
    fn point(&mut self, i: u64, end: Duration) -> Option<Duration> {
        let nanos = match self {
            // By multiplication, not by addition: the millionth request is as exact as the first.
            Points::Constant { gap } => i as f64 * *gap,
            Points::Poisson { stream, gap, drawn } => {
                *drawn += exponential(&mut stream.dice(i)) * *gap;
                *drawn
            }
            Points::Renewal { stream, gap, drawn, gaps } => {
                *drawn += drawn_gap(*gaps, *stream, i) * *gap;
                *drawn
            }
            Points::Curve { stream, curve } => {
                // Evenly spaced ones stand where the area is 0, 1, 2, …
                let even = if i == 0 { 0.0 } else { 1.0 };
                let area = stream.map_or(even, |stream| exponential(&mut stream.dice(i)));
                curve.advance(area, end.as_secs_f64())? * 1e9
            }
            Points::Recorded(all) => return all.get(usize::try_from(i).ok()?).copied(),
        };
        Some(Duration::from_nanos(rounded(nanos)))
    }
}

impl Iterator for Schedule {
    type Item = (u64, Duration);

    fn next(&mut self) -> Option<(u64, Duration)> {
        let i = self.next;
        let at = self.points.point(i, self.end).filter(|at| *at < self.end);
        if at.is_none() {
            // Nothing comes after the end, however often it is asked for.
            self.end = Duration::ZERO;
        }
        self.next = i + 1;
        at.map(|at| (i, at))
    }
}
