//! Shows outcomes. It knows nothing but saved outcomes: the same outcome renders to the same bytes.

mod counters;
mod live;
mod load;
mod sweep;
mod text;
mod theory;
mod twin;

pub use counters::counters;
pub use live::{Around, Moment, live};
pub use load::{blocks, by_second_csv, load, problems};
pub use sweep::{sweep, sweep_csv};
pub use text::{Colour, Ink, Plain, Tone, result, spark, table};
