//! Shows outcomes. It knows nothing but saved outcomes: the same outcome renders to the same bytes.

mod counters;
mod sweep;
mod text;
mod theory;
mod tune;
mod twin;

pub use counters::counters;
pub use sweep::{sweep, sweep_csv};
pub use text::{Colour, Ink, Plain, Tone, result, spark, table};
pub use tune::tune;
