//! When requests start: at times of their own (an open loop), or when users have thought about the last answer (a
//! closed loop). Everything is decided by (seed, stream, id) before anything runs.

mod arrivals;
mod curve;
mod phases;
mod recorded;
mod schedule;
mod users;
mod words;

pub use arrivals::{Arrivals, Bursts, Gaps, OnOff, Stage, When};
pub use phases::NamedStretch;
pub use recorded::{MAX_RECORDED, recorded};
pub use schedule::Schedule;
pub use users::{MAX_RETRIES, Pause, Retry, Users};

use inflight_strategies::units::{Rate, scaled};
use std::time::Duration;

/// Who decides when a request starts.
#[derive(Clone, Debug, PartialEq)]
pub enum Traffic {
    /// Open loop: a schedule, whatever the answers do.
    Open(Arrivals),
    /// Closed loop: users who wait for an answer and think before they ask again.
    Closed(Users),
}

/// What is offered, how long to measure, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct Workload {
    /// What makes requests start.
    pub traffic: Traffic,
    /// What a user does about an answer that is not good; `None`: nothing.
    pub retry: Option<Retry>,
    /// How long requests start, warm-up included.
    pub duration: Duration,
    /// How much of the beginning is not counted.
    pub warmup: Duration,
    /// How long answers are waited for after the last request was due. What is not there then counts as unfinished. Live runs
    /// and their twins wait equally long, so that they close their books alike.
    pub patience: Duration,
    /// A good answer that took longer is no goodput; `None`: every good answer is.
    pub objective: Option<Duration>,
    /// Stretches to which its file gives a name; see [`Workload::phases`].
    pub named: Vec<NamedStretch>,
    /// Stretches of which books are kept beside those of the whole, from and to since the beginning.
    pub watched: Vec<(Duration, Duration)>,
}

/// The patience of a workload that names none.
pub const PATIENCE: Duration = Duration::from_secs(5);

impl Workload {
    /// An open loop without retries.
    pub fn open(arrivals: Arrivals, duration: Duration, warmup: Duration) -> Workload {
        let traffic = Traffic::Open(arrivals);
        Workload {
            traffic,
            retry: None,
            duration,
            warmup,
            patience: PATIENCE,
            objective: None,
            named: Vec::new(),
            watched: Vec::new(),
        }
    }

    /// The mean arrival rate of an open loop; a closed loop has none of its own.
    pub fn rate(&self) -> Option<Rate> {
        match &self.traffic {
            Traffic::Open(arrivals) => Some(arrivals.rate()),
            Traffic::Closed(_) => None,
        }
    }

    /// The same workload with every duration multiplied by `factor` and every rate divided by it; `None` if a rate would
    /// be out of bounds.
    pub fn scaled(&self, factor: f64) -> Option<Workload> {
        Some(Workload {
            traffic: match &self.traffic {
                Traffic::Open(arrivals) => Traffic::Open(arrivals.scaled(factor)?),
                Traffic::Closed(users) => Traffic::Closed(users.scaled(factor)),
            },
            retry: self.retry.map(|retry| retry.scaled(factor)),
            duration: self.duration.mul_f64(factor),
            warmup: self.warmup.mul_f64(factor),
            patience: self.patience.mul_f64(factor),
            objective: self.objective.map(|objective| scaled(objective, factor)),
            named: self
                .named
                .iter()
                .map(|s| NamedStretch::new(&s.name, s.from.mul_f64(factor), s.to.mul_f64(factor)))
                .collect(),
            watched: self
                .watched
                .iter()
                .map(|(from, to)| (from.mul_f64(factor), to.mul_f64(factor)))
                .collect(),
        })
    }
}
