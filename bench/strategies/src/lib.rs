//! Calls that do nothing, behind each strategy and behind its peers.

mod call;
mod lanes;

pub use lanes::{LANES, Lane, Whose};
