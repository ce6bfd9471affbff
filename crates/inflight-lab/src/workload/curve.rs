//! A rate that changes with time, as straight pieces, and its inverse: when has the area under it grown by so much?
//!
//! Arrivals at a rate r(t) are those of a process of rate one, read on a clock that runs at r(t) (time rescaling): exact,
//! and no gap is lost where two pieces meet.

use super::arrivals::{Arrivals, Bursts, OnOff, Stage, When};
use crate::draws::{Stream, exponential};
use inflight_strategies::rt::Rng as _;
use std::time::Duration;

/// A straight piece: seconds, and requests per second at its two ends. The last piece of a curve may be infinitely long.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Piece {
    length: f64,
    from: f64,
    to: f64,
}

impl Piece {
    fn flat(length: f64, rate: f64) -> Piece {
        Piece { length, from: rate, to: rate }
    }

    fn slope(&self) -> f64 {
        (self.to - self.from) / self.length
    }

    /// The area under its first `time` seconds.
    fn area(&self, time: f64) -> f64 {
        if time == f64::INFINITY {
            return if self.from > 0.0 { f64::INFINITY } else { 0.0 };
        }
        time * (self.from + 0.5 * self.slope() * time)
    }

    /// How long it takes until the area is `area`, which it reaches.
    fn time(&self, area: f64) -> f64 {
        if area <= 0.0 {
            return 0.0;
        }
        // The solution of area = from·t + slope·t²/2 that loses no digits for a small slope.
        let root = (self.from * self.from + 2.0 * self.slope() * area).max(0.0);
        (2.0 * area / (self.from + libm::sqrt(root))).min(self.length)
    }
}

/// Where the next piece comes from.
#[derive(Clone, Debug)]
enum Source {
    Bursts { bursts: Bursts, offsets: Stream },
    Stages(Vec<Stage>),
    OnOff { process: OnOff, begins_on: bool, sojourns: Stream },
}

impl Source {
    /// Piece number `k`; every source goes on for ever.
    fn piece(&self, k: u64) -> Piece {
        match self {
            Source::Bursts { bursts, offsets } => burst_piece(bursts, *offsets, k),
            Source::Stages(stages) => stage_piece(stages, k),
            Source::OnOff { process, begins_on, sojourns } => {
                let is_on = k.is_multiple_of(2) == *begins_on;
                let (mean, rate) = match is_on {
                    true => (process.on, process.rate.as_per_second()),
                    false => (process.off, process.off_rate.map_or(0.0, |rate| rate.as_per_second())),
                };
                Piece::flat(exponential(&mut sojourns.dice(k)) * mean.as_secs_f64(), rate)
            }
        }
    }
}

/// Even pieces lead up to a burst, odd ones are bursts.
fn burst_piece(bursts: &Bursts, offsets: Stream, k: u64) -> Piece {
    let begin = |number: u64| {
        let planned = match &bursts.when {
            When::Every(every) => Some(every.as_secs_f64() * (number + 1) as f64),
            When::At(times) => times.get(number as usize).map(Duration::as_secs_f64),
        };
        planned.map(|at| at + bursts.jitter.as_secs_f64() * offsets.dice(number).unit())
    };
    let length = bursts.length.as_secs_f64();
    if !k.is_multiple_of(2) {
        return Piece::flat(length, bursts.burst.as_per_second());
    }
    let number = k / 2;
    let last_end = number.checked_sub(1).and_then(begin).map_or(0.0, |at| at + length);
    let next = begin(number).unwrap_or(f64::INFINITY);
    Piece::flat((next - last_end).max(0.0), bursts.base.as_per_second())
}

fn stage_piece(stages: &[Stage], k: u64) -> Piece {
    let at = |k: usize| stages.get(k).map(|stage| stage.rate.as_per_second());
    let last = stages.last().map_or(0.0, |stage| stage.rate.as_per_second());
    let Some(stage) = usize::try_from(k).ok().and_then(|k| stages.get(k)) else {
        return Piece::flat(f64::INFINITY, last);
    };
    let to = stage.rate.as_per_second();
    let before = (k as usize).checked_sub(1).and_then(at).unwrap_or(0.0);
    Piece { length: stage.duration.as_secs_f64(), from: if stage.ramp { before } else { to }, to }
}

/// A place on a curve that moves forward.
#[derive(Clone, Debug)]
pub(super) struct Curve {
    source: Source,
    number: u64,
    piece: Piece,
    /// Seconds before this piece.
    before: f64,
    /// The area of this piece that has been passed.
    passed: f64,
}

impl Curve {
    /// The curve of a process that has one.
    pub(super) fn of(arrivals: &Arrivals, seed: u64) -> Option<Curve> {
        let source = match arrivals {
            Arrivals::Bursts(bursts) => {
                Source::Bursts { bursts: bursts.clone(), offsets: Stream::new(seed, "arrivals.bursts") }
            }
            Arrivals::Stages { stages, .. } => Source::Stages(stages.clone()),
            Arrivals::OnOff(process) => {
                let begins_on = Stream::new(seed, "arrivals.state").dice(0).unit() < process.share_on();
                Source::OnOff {
                    process: *process,
                    begins_on,
                    sojourns: Stream::new(seed, "arrivals.sojourns"),
                }
            }
            _ => return None,
        };
        let piece = source.piece(0);
        Some(Curve { source, number: 0, piece, before: 0.0, passed: 0.0 })
    }

    /// Moves on by this area and tells when that is, in seconds; `None` if it is not before `end`.
    pub(super) fn advance(&mut self, mut area: f64, end: f64) -> Option<f64> {
        loop {
            let left = self.piece.area(self.piece.length) - self.passed;
            if area < left {
                self.passed += area;
                return Some(self.before + self.piece.time(self.passed)).filter(|at| *at < end);
            }
            area -= left;
            self.before += self.piece.length;
            if self.before >= end {
                return None;
            }
            self.number += 1;
            self.piece = self.source.piece(self.number);
            self.passed = 0.0;
        }
    }

    /// The area under its first `end` seconds, from its beginning.
    pub(super) fn area(mut self, end: f64) -> f64 {
        let mut sum = 0.0;
        while self.before < end {
            sum += self.piece.area(self.piece.length.min(end - self.before));
            self.before += self.piece.length;
            self.number += 1;
            self.piece = self.source.piece(self.number);
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Time and area are each other's inverse on every piece.
        #[test]
        fn time_inverts_area(length in 0.01f64..1e3, from in 0.0f64..1e4, to in 0.1f64..1e4, share in 0.0f64..1.0) {
            let piece = Piece { length, from, to };
            let area = piece.area(length) * share;
            prop_assert!((piece.area(piece.time(area)) - area).abs() <= 1e-9 * area.max(1.0));
        }
    }
}
