//! PID rejector: turns away the share of arrivals that keeps inflow and outflow equal.
//!
//! **What it does.** Counts, interval by interval, the calls that come in and the calls that are done. The error is the
//! excess of inflow over outflow in relation to outflow; while the queue is empty it is at most the negative share of permits
//! that are free, so that the rejector lets go as soon as there is room. A proportional, an integral and a derivative term
//! move the share of arrivals that is turned away, between 0 and 95 %.
//!
//! **Which failure it answers.** Rules on the wait alone (CoDel) and additive steps (AIMD) swing: they reject too much, then
//! too little. A controller with an integral term settles at the share that the overload asks for.
//!
//! **When it harms.** With few calls per interval the flows are noise, and so is the share. It turns calls away at their
//! arrival, also the ones that a short burst would have let wait.
//!
//! **Knobs.** Written `{ limit = { permits = 20, queue = { pid = { … } } } }`.
//!
//! | knob | unit | default | whose |
//! |---|---|---|---|
//! | `interval` | duration | `"500ms"` | ours |
//! | `kp` | per step of the error, 0 to 10 | `0.1` | ours |
//! | `ki` | per interval and error, 0 to 10 | `0.05` | ours |
//! | `kd` | per change of the step, 0 to 10 | `0` | ours |
//!
//! **Where it comes from.** In the manner of the rejector of Uber's Cinnamon (2023), which is described in public as a PID
//! controller on the queue's inflow and outflow with a correction for free permits. Its exact error and gains are not
//! published: this is **our own reading**, no reference, and no oracle exists for it.
//!
//! **Slow services.** An interval should see at least a dozen calls end: at 20/s that is 500 ms, at 2000/s 10 ms would do.

use crate::rt::Instant;
use crate::units;
use std::time::Duration;

/// The most that is turned away: some calls must pass, or nothing is learned.
pub const MAX_SHARE: f64 = 0.95;

/// Intervals without arrivals that are made up for, at most.
const MOST_IDLE: u128 = 1000;

/// How often, and how strongly.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Config {
    /// How long flows are counted.
    pub interval: Duration,
    /// Share per unit of change of the error.
    pub kp: f64,
    /// Share per unit of error and interval.
    pub ki: f64,
    /// Share per unit of change of the change.
    pub kd: f64,
}

impl Default for Config {
    fn default() -> Self {
        Config { interval: Duration::from_millis(500), kp: 0.1, ki: 0.05, kd: 0.0 }
    }
}

impl Config {
    pub(super) fn validate(&self) -> Result<(), &'static str> {
        let gains = [self.kp, self.ki, self.kd];
        if self.interval.is_zero() || !gains.iter().all(|k| (0.0..=10.0).contains(k)) {
            return Err("`pid` needs an `interval` above zero and gains from 0 to 10");
        }
        Ok(())
    }

    pub(super) fn scaled(self, factor: f64) -> Config {
        Config { interval: units::scaled(self.interval, factor), ..self }
    }
}

/// What the rejector sees of the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// Calls that wait.
    pub waiting: u32,
    /// Permits that are out.
    pub out: u32,
    /// The limit.
    pub limit: u32,
}

/// Decides at each arrival.
#[derive(Clone, Copy, Debug)]
pub struct Pid {
    config: Config,
    ends: Instant,
    inflow: u32,
    outflow: u32,
    errors: [f64; 2],
    share: f64,
}

impl Pid {
    /// A controller at rest.
    pub fn new(config: Config) -> Pid {
        let ends = Instant::ZERO + config.interval;
        Pid { config, ends, inflow: 0, outflow: 0, errors: [0.0; 2], share: 0.0 }
    }

    /// A call comes at `now`: the share of arrivals to turn away, 0 to [`MAX_SHARE`].
    pub fn on_arrival(&mut self, now: Instant, view: View) -> f64 {
        if now >= self.ends {
            self.step(view);
            // Intervals in which nobody came let it go as well; after so many it has.
            let idle = (now - self.ends).as_nanos() / self.config.interval.as_nanos().max(1);
            (0..idle.min(MOST_IDLE)).for_each(|_| self.step(view));
            self.ends = now + self.config.interval;
        }
        self.inflow += 1;
        self.share
    }

    /// A call is done.
    pub fn on_done(&mut self) {
        self.outflow += 1;
    }

    /// One step of the controller in its incremental form: the share itself is the integral.
    fn step(&mut self, view: View) {
        let outflow = f64::from(self.outflow.max(1));
        // What was turned away is inflow as well: it is what the error would be without it that must be met.
        let excess = (f64::from(self.inflow) * (1.0 - self.share) - outflow) / outflow;
        let free = f64::from(view.limit.saturating_sub(view.out)) / f64::from(view.limit.max(1));
        let error = if view.waiting == 0 { excess.min(0.0) - free } else { excess.max(0.0) };
        let [last, before] = self.errors;
        let Config { kp, ki, kd, .. } = self.config;
        let change = kp * (error - last) + ki * error + kd * (error - 2.0 * last + before);
        self.share = (self.share + change).clamp(0.0, MAX_SHARE);
        self.errors = [error, last];
        (self.inflow, self.outflow) = (0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server of `capacity` calls per interval, offered `load` per interval: the shares turned away, interval by interval.
    fn shares(load: u32, capacity: u32, intervals: u32) -> Vec<f64> {
        let config = Config::default();
        let mut pid = Pid::new(config);
        let (mut waiting, mut now) = (0.0, Instant::ZERO);
        let mut shares = Vec::new();
        for _ in 0..intervals {
            let view = View { waiting: waiting as u32, out: capacity.min(load), limit: capacity };
            let mut share = 0.0;
            for _ in 0..load {
                share = pid.on_arrival(now, view);
                waiting += 1.0 - share;
            }
            let done = waiting.min(f64::from(capacity)) as u32;
            (0..done).for_each(|_| pid.on_done());
            waiting -= f64::from(done);
            now = now + config.interval;
            shares.push(share);
        }
        shares
    }

    #[test]
    fn below_capacity_nothing_is_turned_away() {
        assert!(shares(80, 100, 200).iter().all(|share| *share == 0.0));
    }

    #[test]
    fn under_overload_the_share_settles_at_the_excess() {
        // Twice the capacity: half must go. The queue that built up meanwhile asks for a little more until it is gone.
        let shares = shares(200, 100, 2000);
        let tail = &shares[1500..];
        let mean = tail.iter().sum::<f64>() / tail.len() as f64;
        assert!((mean - 0.5).abs() < 0.05, "{mean}");
    }
}
