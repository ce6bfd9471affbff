//! The lab through its public API, in virtual time.

mod contention;
mod endpoints;
mod experiment_files;
mod retries;
mod worlds;
