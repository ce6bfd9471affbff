//! Arrival processes of an open loop, as configured.

use super::{curve::Curve, schedule::Schedule};
use inflight_strategies::units::{MAX_RATE, Rate};
use std::{sync::Arc, time::Duration};

/// How requests arrive in an open loop: they come when they come, whatever the answers do.
#[derive(Clone, Debug, PartialEq)]
pub enum Arrivals {
    /// Evenly spaced.
    Constant(Rate),
    /// Independent of each other: exponential gaps.
    Poisson(Rate),
    /// Independent gaps of another shape than the exponential.
    Renewal(Rate, Gaps),
    /// Poisson arrivals whose rate jumps up now and then.
    Bursts(Bursts),
    /// A rate that changes by plan; the last rate stays.
    Stages {
        /// One after the other; at least one.
        stages: Vec<Stage>,
        /// Poisson inside if true, evenly spaced under the rate's curve if not.
        random: bool,
    },
    /// Poisson arrivals whose rate jumps between two values at random times (a Markov-modulated Poisson process).
    OnOff(OnOff),
    /// Offsets from the beginning of the run, not decreasing; at least one.
    Recorded(Arc<[Duration]>),
}

/// The shape of the gaps of a renewal process; their mean is the rate's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Gaps {
    /// Pareto with this exponent, above 1: P(gap > x) = (min/x)^shape. No variance for shape ≤ 2.
    Pareto(f64),
    /// Lognormal; this is σ, the standard deviation of the gaps' logarithm.
    Lognormal(f64),
}

/// A base rate, and a burst rate for a while.
#[derive(Clone, Debug, PartialEq)]
pub struct Bursts {
    /// The rate between bursts.
    pub base: Rate,
    /// The rate in a burst.
    pub burst: Rate,
    /// How long a burst lasts.
    pub length: Duration,
    /// When bursts begin.
    pub when: When,
    /// Each burst begins later than that by a random share of this: uniform. Bursts never touch.
    pub jitter: Duration,
}

/// When bursts begin, without jitter.
#[derive(Clone, Debug, PartialEq)]
pub enum When {
    /// At this time, at twice this time, and so on.
    Every(Duration),
    /// At these times, increasing.
    At(Vec<Duration>),
}

/// A piece of a plan.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stage {
    /// How long it lasts.
    pub duration: Duration,
    /// The rate at its end.
    pub rate: Rate,
    /// Whether the rate goes there in a straight line from the stage before, or is there from the first moment.
    pub ramp: bool,
}

/// Two states with exponential sojourns. The first state is drawn from the stationary distribution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OnOff {
    /// The rate while on.
    pub rate: Rate,
    /// The rate while off; `None`: nothing arrives.
    pub off_rate: Option<Rate>,
    /// The mean time on.
    pub on: Duration,
    /// The mean time off.
    pub off: Duration,
}

impl OnOff {
    /// The share of the time that is spent on.
    pub fn share_on(&self) -> f64 {
        self.on.as_secs_f64() / (self.on + self.off).as_secs_f64()
    }
}

fn clamped(rate: f64) -> Rate {
    Rate::per_second(rate.clamp(f64::MIN_POSITIVE, MAX_RATE)).expect("clamped to a rate")
}

impl Arrivals {
    /// The highest rate: that of bursts, of the steepest stage, of the busiest second that was recorded.
    pub fn peak(&self) -> Rate {
        let higher = |a: Rate, b: Rate| if b > a { b } else { a };
        match self {
            Arrivals::Constant(rate) | Arrivals::Poisson(rate) | Arrivals::Renewal(rate, _) => *rate,
            Arrivals::Bursts(bursts) => higher(bursts.base, bursts.burst),
            Arrivals::Stages { stages, .. } => {
                stages.iter().map(|stage| stage.rate).reduce(higher).unwrap_or_else(|| self.rate())
            }
            Arrivals::OnOff(on_off) => on_off.off_rate.map_or(on_off.rate, |off| higher(on_off.rate, off)),
            Arrivals::Recorded(all) => {
                let until = |at: Duration| all.partition_point(|other| *other < at + Duration::from_secs(1));
                let busiest = all.iter().enumerate().map(|(i, at)| until(*at) - i).max();
                clamped(busiest.unwrap_or(0) as f64)
            }
        }
    }

    /// The mean rate: of the process in the long run; of stages and of bursts at given times, over the plan; of recorded
    /// arrivals, over the record.
    pub fn rate(&self) -> Rate {
        match self {
            Arrivals::Constant(rate) | Arrivals::Poisson(rate) | Arrivals::Renewal(rate, _) => *rate,
            Arrivals::Bursts(Bursts { base, burst, length, when: When::Every(every), .. }) => {
                let share = length.as_secs_f64() / every.as_secs_f64();
                let (base, burst) = (base.as_per_second(), burst.as_per_second());
                clamped(base + (burst - base) * share)
            }
            Arrivals::Bursts(Bursts { when: When::At(times), length, .. }) => {
                let end = times.last().map_or(*length, |last| *last + *length);
                clamped(self.expected(end) / end.as_secs_f64())
            }
            Arrivals::Stages { stages, .. } => {
                let whole: Duration = stages.iter().map(|stage| stage.duration).sum();
                clamped(self.expected(whole) / whole.as_secs_f64())
            }
            Arrivals::OnOff(o) => {
                let off = o.off_rate.map_or(0.0, Rate::as_per_second);
                clamped(off + (o.rate.as_per_second() - off) * o.share_on())
            }
            Arrivals::Recorded(all) => {
                let span = all.last().map_or(0.0, Duration::as_secs_f64);
                clamped(all.len() as f64 / span.max(1e-9))
            }
        }
    }

    /// How many requests are expected in the first `duration` of a run, the randomness of jitter and sojourns averaged
    /// out over the long run.
    pub fn expected(&self, duration: Duration) -> f64 {
        match self {
            Arrivals::Stages { .. } | Arrivals::Bursts(Bursts { when: When::At(_), .. }) => {
                let curve = Curve::of(self, 0).expect("stages and bursts have a curve");
                curve.area(duration.as_secs_f64())
            }
            Arrivals::Recorded(all) => all.partition_point(|at| *at < duration) as f64,
            _ => self.rate().as_per_second() * duration.as_secs_f64(),
        }
    }

    /// The same process with time running `1/factor` times as fast: every rate divided by `factor`, every duration
    /// multiplied. `None` if a rate would be out of bounds.
    pub fn scaled(&self, factor: f64) -> Option<Arrivals> {
        let slower = |rate: Rate| Rate::per_second(rate.as_per_second() / factor);
        let longer = |d: Duration| d.mul_f64(factor);
        Some(match self {
            Arrivals::Constant(rate) => Arrivals::Constant(slower(*rate)?),
            Arrivals::Poisson(rate) => Arrivals::Poisson(slower(*rate)?),
            Arrivals::Renewal(rate, gaps) => Arrivals::Renewal(slower(*rate)?, *gaps),
            Arrivals::Bursts(b) => Arrivals::Bursts(Bursts {
                base: slower(b.base)?,
                burst: slower(b.burst)?,
                length: longer(b.length),
                when: match &b.when {
                    When::Every(every) => When::Every(longer(*every)),
                    When::At(times) => When::At(times.iter().copied().map(longer).collect()),
                },
                jitter: longer(b.jitter),
            }),
            Arrivals::Stages { stages, random } => {
                let stage = |s: &Stage| {
                    Some(Stage { duration: longer(s.duration), rate: slower(s.rate)?, ramp: s.ramp })
                };
                let stages: Option<Vec<Stage>> = stages.iter().map(stage).collect();
                Arrivals::Stages { stages: stages?, random: *random }
            }
            Arrivals::OnOff(o) => {
                let off_rate = o.off_rate.map_or(Some(None), |rate| slower(rate).map(Some));
                Arrivals::OnOff(OnOff {
                    rate: slower(o.rate)?,
                    off_rate: off_rate?,
                    on: longer(o.on),
                    off: longer(o.off),
                })
            }
            Arrivals::Recorded(all) => Arrivals::Recorded(all.iter().copied().map(longer).collect()),
        })
    }

    /// The schedule of a run with `seed`: the intended start of request 0, 1, … after the run's beginning, up to
    /// `duration`. Its memory does not grow with the number of requests.
    pub fn schedule(&self, seed: u64, duration: Duration) -> Schedule {
        Schedule::new(self, seed, duration)
    }
}
