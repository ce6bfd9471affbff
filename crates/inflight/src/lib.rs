//! The shell around the lab: the only part of Inflight that prints, exits, reads the environment and opens sockets.
//!
//! * [`live`]: the live world: wall clock with a fine timer, tokio's tasks.
//! * [`app`]: endpoints over HTTP: router, server loop, and the one function from failure to status.
//! * [`telemetry`]: what OpenTelemetry, Prometheus and traces get to see; every metric name is in one file.
//! * [`target`]: a target whose behaviour is known exactly, to try load drivers on.
//! * [`driver`]: the live load driver: its own threads, clock, sockets and HTTP.
//! * [`commands`]: one file per command; [`cli`] has their flags.

pub mod app;
mod awake;
mod backlog;
pub mod cli;
pub mod commands;
pub mod driver;
pub mod live;
mod processors;
mod standstill;
pub mod target;
pub mod telemetry;
pub mod terminal;
pub mod timer_error;
