//! Shows outcomes. It knows nothing but saved outcomes: the same outcome renders to the same bytes.

mod text;

pub use text::{Colour, Ink, Plain, Tone, result, spark, table};
