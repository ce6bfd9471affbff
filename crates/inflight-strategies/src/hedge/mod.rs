//! Hedging: when an answer is late, the same call is sent once more, and the first answer counts.
//!
//! **What it does.** Sends a further attempt after a delay: a fixed one, or a quantile of how long attempts take. The first
//! good answer is the answer, and all other attempts are cancelled by being dropped. An attempt that fails sends the next at
//! once; the last failure is the answer when none is left (a refused hedge hides none). A rejection ends the sending: the service has asked for less.
//! Every further attempt is paid from a budget, which can be that of the retries around it.
//!
//! **Which failure it answers.** A straggler that is slow by chance: another try would probably be fast. Hedging after p95 costs
//! at most 5 % more calls.
//!
//! **When it harms.** When calls are slow *because* of load: then it adds load, and a delay below the body of the latencies
//! collapses a pool. Without stragglers it buys nothing: U(300, 1200) ms has none. If losers are not cancelled every hedge is
//! paid in full; layers that detach their work (`timeout` with `late = "detach"`) do that.
//!
//! **Knobs.** Written `{ hedge = { after = "p95", … } }`.
//!
//! | knob | unit | default | whose |
//! |---|---|---|---|
//! | `after` | duration, or a quantile | required | – |
//! | `attempts` | calls in all, 2 to 8 | `2` | Dean and Barroso; gRPC caps at 5 |
//! | `budget` | as for [retries](crate::retry), or `"retry"`: that of the retry around it | `{ ratio = "5%" }` | ours, in the manner of Finagle's for backups |
//! | `min-samples` | calls; with a quantile | `100` | ours |
//! | `window` | duration; with a quantile | `"30s"` | Finagle |
//! | `floor` | duration; with a quantile | `"1ms"` | Finagle |
//!
//! **Where it comes from.** Dean and Barroso, "The Tail at Scale", 2013; Finagle's `BackupRequestFilter`; gRPC's proposal A6.
//! The quantile counts attempts that were cut short for what they are (Kaplan and Meier 1958): no survivor bias.
//!
//! **Slow services.** At 20/s a window of 30 s holds 600 calls: p99 is then decided by six of them. Use p95, or a fixed delay
//! above the body: 1.25 s for U(300, 1200) ms.

mod layer;
mod quantile;
pub mod tied;

pub use layer::{Hedge, HedgeLayer};
pub use quantile::Quantile;

use crate::{
    retry::{BudgetConfig, Ratio},
    rt::Instant,
    units::scaled,
};
use std::time::Duration;

/// The longest delay that can be asked for.
pub const MAX_DELAY: Duration = Duration::from_secs(3600);
/// The largest number of attempts.
pub const MAX_HEDGES: u32 = 8;

/// When another attempt is sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum After {
    /// Always after so long.
    Fixed(Duration),
    /// After the time by which this share of the attempts has ended.
    Quantile {
        /// The share, above 0 and below 1.
        q: f64,
        /// No hedges before so many attempts were seen.
        min_samples: u32,
        /// Attempts are remembered for one to two of these.
        window: Duration,
        /// The shortest delay.
        floor: Duration,
    },
}

impl After {
    /// The quantile `q` with the defaults of Finagle's filter.
    pub fn quantile(q: f64) -> After {
        After::Quantile {
            q,
            min_samples: 100,
            window: Duration::from_secs(30),
            floor: Duration::from_millis(1),
        }
    }
}

/// When, how often, and out of which budget.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Config {
    /// The delay before each further attempt.
    pub after: After,
    /// Calls in all, the first included.
    pub attempts: u32,
    /// What pays for the further ones.
    pub budget: BudgetConfig,
}

impl Config {
    /// One hedge after `after`, for at most 5 % of the requests.
    pub fn new(after: After) -> Config {
        let budget = BudgetConfig::Ratio(Ratio { ratio: 0.05, min: 0.0, ttl: Ratio::TTL });
        Config { after, attempts: 2, budget }
    }

    /// Whether the numbers make sense; the message says what would.
    pub fn validate(&self) -> Result<(), &'static str> {
        if self.attempts < 2 || self.attempts > MAX_HEDGES {
            return Err("`attempts` must be between 2 and 8: the first one counts");
        }
        match self.after {
            After::Fixed(delay) if delay > MAX_DELAY => Err("`after` must be at most 1h"),
            After::Quantile { q, .. } if !(q > 0.0 && q < 1.0) => {
                Err("`quantile` must be above 0% and below 100%")
            }
            After::Quantile { window, .. } if window < Duration::from_micros(1) || window > MAX_DELAY => {
                Err("`window` must be between 1us and 1h")
            }
            After::Quantile { floor, .. } if floor > MAX_DELAY => Err("`floor` must be at most 1h"),
            _ => self.budget.validate(),
        }
    }

    /// The same hedging with every duration multiplied by `factor`.
    pub fn scaled(&self, factor: f64) -> Config {
        let after = match self.after {
            After::Fixed(delay) => After::Fixed(scaled(delay, factor)),
            After::Quantile { q, min_samples, window, floor } => After::Quantile {
                q,
                min_samples,
                window: scaled(window, factor),
                floor: scaled(floor, factor),
            },
        };
        Config { after, budget: self.budget.scaled(factor), ..*self }
    }
}

/// When to hedge, as learned so far: the deciding half.
#[derive(Clone, Debug)]
pub struct Delay {
    config: After,
    quantile: Option<Quantile>,
}

impl Delay {
    /// A rule that has seen nothing.
    pub fn new(config: After) -> Delay {
        let quantile = match config {
            After::Fixed(_) => None,
            After::Quantile { q, min_samples, window, .. } => Some(Quantile::new(q, window, min_samples)),
        };
        Delay { config, quantile }
    }

    /// How long to wait for an attempt that begins now; `None`: for ever.
    pub fn next(&mut self, now: Instant) -> Option<Duration> {
        match (self.config, &mut self.quantile) {
            (After::Quantile { floor, .. }, Some(quantile)) => Some(quantile.estimate(now)?.max(floor)),
            (After::Fixed(delay), _) => Some(delay),
            _ => None,
        }
    }

    /// An attempt was over after `took`; `cut`: because nobody waited for it any more.
    pub fn on_attempt(&mut self, now: Instant, took: Duration, cut: bool) {
        match &mut self.quantile {
            Some(quantile) if cut => quantile.on_cut(now, took),
            Some(quantile) => quantile.on_end(now, took),
            None => {}
        }
    }
}
