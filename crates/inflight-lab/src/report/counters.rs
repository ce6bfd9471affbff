//! What virtual worlds counted.

use super::{
    figures::{grouped, right},
    terminal::{Ink, Tone},
};
use crate::sim::{Counts, Trace};
use std::fmt::Write as _;

/// One column: its heading and its text, from what a world counted and the requests that were sent in it.
type Column = (&'static str, fn(&Counts, u64) -> String);

const COLUMNS: [Column; 6] = [
    ("requests", |_, requests| grouped(requests)),
    ("tasks", |counts, _| grouped(counts.tasks)),
    ("polls", |counts, _| grouped(counts.polls)),
    ("a request", |counts, requests| format!("{:.2}", counts.polls as f64 / requests.max(1) as f64)),
    ("timers", |counts, _| grouped(counts.timers)),
    ("cancelled", |counts, _| grouped(counts.cancelled)),
];
const WIDTH: usize = 12;

/// A line for each world: its arm's name, requests that were sent in it, what it counted.
pub fn counters(worlds: &[(&str, u64, &Trace)], ink: &dyn Ink) -> String {
    let line = |name: &str, cells: Vec<String>| {
        let cells: String = cells.iter().map(|cell| right(cell, WIDTH)).collect();
        format!("     {name:18}{cells}")
    };
    let head = line("endpoint", COLUMNS.iter().map(|column| column.0.to_string()).collect());
    let mut out = format!("{}\n", ink.paint(Tone::Quiet, &head));
    for (name, requests, trace) in worlds {
        let cells = COLUMNS.iter().map(|column| column.1(&trace.counts, *requests)).collect();
        let _ = writeln!(out, "{}", line(&format!("/{name}"), cells));
    }
    out
}
