//! When request i must start: arrivals on an absolute schedule, decided before the run.

use crate::draws::{Stream, exponential};
use inflight_strategies::units::Rate;
use std::time::Duration;

/// How requests arrive in an open loop: they come when they come, whatever the answers do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Arrivals {
    /// Evenly spaced.
    Constant(Rate),
    /// Independent of each other: exponential gaps.
    Poisson(Rate),
}

impl Arrivals {
    /// The mean rate.
    pub fn rate(self) -> Rate {
        match self {
            Arrivals::Constant(rate) | Arrivals::Poisson(rate) => rate,
        }
    }

    /// The same process with time running `1/factor` times as fast: every rate divided by `factor`.
    pub fn scaled(self, factor: f64) -> Option<Arrivals> {
        let rate = Rate::per_second(self.rate().as_per_second() / factor)?;
        Some(match self {
            Arrivals::Constant(_) => Arrivals::Constant(rate),
            Arrivals::Poisson(_) => Arrivals::Poisson(rate),
        })
    }

    /// The schedule of a run with `seed`: the intended start of request 0, 1, … after the run's beginning, up to
    /// `duration`. It never needs more memory than one number.
    pub fn schedule(self, seed: u64, duration: Duration) -> impl Iterator<Item = (u64, Duration)> + Send {
        let stream = Stream::new(seed, "arrivals");
        let gap = 1e9 / self.rate().as_per_second();
        let mut drawn = 0.0;
        let start = move |i: u64| match self {
            // By multiplication, not by addition: the millionth request is as exact as the first.
            Arrivals::Constant(_) => i as f64 * gap,
            Arrivals::Poisson(_) => {
                drawn += exponential(&mut stream.dice(i)) * gap;
                drawn
            }
        };
        (0..)
            .scan(start, |start, i| Some((i, Duration::from_nanos(start(i).round() as u64))))
            .take_while(move |(_, at)| *at < duration)
    }
}

/// How long to measure, and how.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Workload {
    /// How requests arrive.
    pub arrivals: Arrivals,
    /// How long they arrive, warm-up included.
    pub duration: Duration,
    /// How much of the beginning is not counted.
    pub warmup: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(arrivals: Arrivals, seed: u64) -> Vec<(u64, Duration)> {
        arrivals.schedule(seed, Duration::from_secs(100)).collect()
    }

    #[test]
    fn constant_arrivals_stand_on_a_grid() {
        let rate = Rate::per_second(3.0).expect("a rate");
        let all = schedule(Arrivals::Constant(rate), 1);
        assert_eq!(all.len(), 300);
        assert_eq!(all[299], (299, Duration::from_nanos(99_666_666_667)));
    }

    #[test]
    fn poisson_arrivals_are_poisson_and_repeat() {
        let arrivals = Arrivals::Poisson(Rate::per_second(200.0).expect("a rate"));
        let all = schedule(arrivals, 7);
        assert_eq!(all, schedule(arrivals, 7));
        assert_ne!(all, schedule(arrivals, 8));
        // 20,000 expected, standard deviation 141.
        assert!(all.len().abs_diff(20_000) < 600, "{}", all.len());
        // Kolmogorov–Smirnov on the gaps against Exp(200/s): critical value 1.63/√n at 1 %.
        let mut gaps: Vec<f64> = all.windows(2).map(|w| (w[1].1 - w[0].1).as_secs_f64()).collect();
        gaps.sort_by(f64::total_cmp);
        let n = gaps.len() as f64;
        let distance = gaps
            .iter()
            .enumerate()
            .map(|(i, gap)| (1.0 - libm::exp(-200.0 * gap) - (i as f64 + 0.5) / n).abs())
            .fold(0.0, f64::max);
        assert!(distance < 1.63 / n.sqrt(), "{distance}");
    }
}
