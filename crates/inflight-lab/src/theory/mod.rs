//! What theory says, to be put beside what was measured: closed formulas and their numbers.
//!
//! Every result is a value or [`NotApplicable`], because …. Inside of this module times are seconds, rates are per second,
//! shares and percentiles' orders are between 0 and 1.
//!
//! * [`little`]'s law, which always holds;
//! * queues: [`Mmc`] (Erlang C), [`Mdc`], [`Mg1`] (Pollaczek–Khinchine), [`Mgc`] (approximations), with bounds: [`Mmck`],
//!   [`Impatient`], [`erlang_b`];
//! * without a queue: [`Sharing`] a processor, [`SleepingPair`] of services, [`Hedged`] calls;
//! * closed loops: [`repairman`], [`mean_value_analysis`];
//! * scalability: [`Usl`] and its [`Fit`], [`equilibria`] and tipping points.
//!
//! [`opinions`] and [`endpoint_opinions`] choose what applies to a configured system; [`catalogue`] explains every formula.

mod beside;
pub mod catalogue;
mod closed;
mod complex;
mod deterministic;
mod erlang;
mod hedge;
mod inversion;
pub mod little;
mod loss;
mod mdc;
mod mg1;
mod mgc;
mod mmc;
mod not_applicable;
mod numeric;
mod opinion;
mod patience;
mod queued;
mod service_time;
mod sharing;
#[cfg(test)]
mod testing;
mod tipping;
mod transform;
mod unlimited;
mod unqueued;
mod usl;
mod usl_fit;
mod value;

pub use beside::Beside;
pub use closed::{ClosedLoop, MAX_USERS, asymptotic_bounds, mean_value_analysis, repairman};
pub use erlang::{MAX_SERVERS, erlang_b, erlang_c};
pub use hedge::{Hedged, delay_at};
pub use loss::{MAX_PLACES, Mmck};
pub use mdc::{DeterministicWait, MAX_DETERMINISTIC_SERVERS, Mdc};
pub use mg1::Mg1;
pub use mgc::Mgc;
pub use mmc::Mmc;
pub use not_applicable::{NotApplicable, Result};
pub use opinion::{Accuracy, ORDERS, Opinion, Quantity, Situation, opinions};
pub use patience::{Impatient, Patience};
pub use service_time::ServiceTime;
pub use sharing::{Sharing, conditional_sojourn};
pub use tipping::{Equilibria, equilibria, peak};
pub use unlimited::{SleepingPair, success_within};
pub use unqueued::endpoint_opinions;
pub use usl::{CISCO, Fit, MAX_EXTRAPOLATION, MIN_MEASUREMENTS, Usl, cisco};
pub use value::Value;
