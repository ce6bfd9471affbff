//! The program from outside: as a process, over HTTP, by its files.

mod app;
mod client;
mod metrics;
mod program;
mod wait;

mod check;
mod cli;
mod connections;
mod contract;
mod cut_short;
mod draws;
mod driver;
mod environment;
mod explain;
mod help;
mod http2;
mod lifecycle;
mod load;
mod otlp;
mod permits;
mod run;
mod saved;
mod secure;
mod series;
mod sim;
mod strategies;
mod suite;
mod tune;
mod usage;
mod verdicts;
mod wrong;
