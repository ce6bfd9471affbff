//! Shows outcomes. It knows nothing but saved outcomes: the same outcome renders to the same bytes.

mod chart;
mod compare;
mod counters;
mod figures;
mod html;
mod live;
mod load;
mod mark;
mod measured;
mod recovery;
mod rerun;
mod sweep;
mod tally;
mod terminal;
#[cfg(test)]
pub(crate) mod testing;
mod tune;

pub use compare::{ComparedFigure, Comparison, Judgement, SAME_WITHIN, compare};
pub use counters::counters;
pub use html::page;
pub use live::{Around, Moment, live};
pub use load::{blocks, by_second_csv, load, problems};
pub use mark::Colour;
pub use sweep::{sweep, sweep_csv};
pub use tally::short as tally;
pub use terminal::{Ink, Plain, Tone, answers, result, spark, summary};
pub use tune::tune;
