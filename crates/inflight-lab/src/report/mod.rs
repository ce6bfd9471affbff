//! Shows outcomes. It knows nothing but saved outcomes: the same outcome renders to the same bytes.

#[allow(dead_code, unused_imports)]
mod chart;
mod counters;
mod figures;
mod mark;
mod sweep;
mod text;
mod theory;
mod twin;

pub use counters::counters;
pub use mark::Colour;
pub use sweep::{sweep, sweep_csv};
pub use text::{Ink, Plain, Tone, result, spark, table};
