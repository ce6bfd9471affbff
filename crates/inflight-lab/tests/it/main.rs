//! The lab through its public API, in virtual time.

mod arrivals;
mod contention;
mod diagnosis;
mod endpoints;
#[path = "../reference/event_loop.rs"]
mod event_loop;
mod experiment_files;
mod faults;
mod limits;
mod manual;
mod reference;
mod repeat;
mod retries;
mod shares;
mod tokio_paused;
mod trace;
mod twin;
mod users;
mod worlds;
