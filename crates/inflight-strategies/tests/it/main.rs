//! Strategies through their public API: a script of calls in, a timeline of decisions out, in virtual time.

mod admission;
mod breaker;
mod coalesce;
mod deadline;
mod examples;
mod hedge;
mod limit;
mod limit_contract;
mod peers;
mod queue;
mod retry;
mod script;
mod stacks;
mod timeout;
mod tower;
