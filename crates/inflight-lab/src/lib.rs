//! The world in which strategies are studied: text in, text out, no IO.
//!
//! In the order of a request's life:
//!
//! * [`workload`]: when request i must start;
//! * [`load`]: starts it then, whatever the target does;
//! * [`call`]: what a request is while it is inside, and who watches it;
//! * [`stack`]: from layers named in a file to a service; the one place that knows every strategy;
//! * [`dependency`]: Service A and B, which draw, contend, answer or fail;
//! * [`record`]: what became of it: one outcome, one latency from the intended start; [`log`]: request by request; [`glance`]: while it goes on; [`wire`]:
//!   what was seen on its connection; [`audit`]: what the driver says about itself.
//!
//! All of it runs in the live world and in [`sim`], the virtual one, without a line of difference; [`trial`] drives one arm
//! of an experiment there, and [`twin`] sets it beside the live one.
//!
//! What formulas say about the same system: [`theory`]. Which limit it wants: [`tune`].
//!
//! And of an experiment's: [`experiment`] reads the file and says all that is wrong with it, [`report`] shows the result.
//!
//! Everything is generic over [`inflight_strategies::rt::World`]. [`draws`] makes everything random about request i a pure
//! function of (seed, stream, i); [`timers`] keeps deadlines in order for every world.

pub mod audit;
pub mod bins;
pub mod call;
pub mod census;
pub mod claim;
mod columns;
pub mod course;
pub mod dependency;
pub mod diagnosis;
pub mod draws;
mod ending;
pub mod experiment;
pub mod glance;
pub mod judge;
pub mod load;
pub mod log;
mod luck;
pub mod manual;
mod pair;
pub mod record;
mod recorder;
pub mod report;
pub mod sim;
pub mod stack;
pub mod stats;
pub mod theory;
pub mod timers;
pub mod trace;
pub mod trial;
pub mod tune;
pub mod twin;
pub mod wire;
pub mod workload;
