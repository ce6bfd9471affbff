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
mod lifecycle;
mod load;
mod permits;
mod run;
mod saved;
mod series;
mod sim;
mod strategies;
mod suite;
mod tune;
mod usage;
mod verdicts;
mod wrong;
