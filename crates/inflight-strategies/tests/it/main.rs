//! Strategies through their public API: a script of calls in, a timeline of decisions out, in virtual time.

mod contract;
mod limit;
mod queue;
mod script;
mod timeout;
