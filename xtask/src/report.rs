//! What a command says: steps with their time, and checks with ✓ or ✗ and their figures.

use std::fmt::Display;
use std::time::Instant;

/// The checks of one command, printed as they are made.
#[derive(Default)]
pub(crate) struct Checks {
    held: usize,
    missed: Vec<String>,
    open: usize,
}

impl Checks {
    /// Prints one check and keeps its result.
    pub(crate) fn check(&mut self, holds: bool, what: impl Display) {
        println!("  {} {what}", if holds { "✓" } else { "✗" });
        if holds {
            self.held += 1;
        } else {
            self.missed.push(what.to_string());
        }
    }

    /// Prints a figure that cannot be judged here, and why not: it is not missed, and not shown.
    pub(crate) fn leave_open(&mut self, what: impl Display, why: impl Display) {
        println!("  ? {what}: not judged, {why}");
        self.open += 1;
    }

    /// True while no check was missed.
    pub(crate) fn all_hold(&self) -> bool {
        self.missed.is_empty()
    }

    /// The last lines: how many hold, and every miss once more; whether everything was shown to hold.
    pub(crate) fn conclude(&self, took: &Stopwatch) -> bool {
        println!();
        for missed in &self.missed {
            println!("✗ {missed}");
        }
        let total = self.held + self.missed.len();
        let open =
            if self.open > 0 { format!(", {} could not be judged here", self.open) } else { String::new() };
        println!("{} of {total} checks hold{open}, {took}", self.held);
        self.all_hold() && self.open == 0
    }
}

/// Time since a start, printed as seconds.
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts now.
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// Seconds since the start.
    pub(crate) fn seconds(&self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }
}

impl Display for Stopwatch {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{:.1} s", self.seconds())
    }
}

/// Prints a heading.
pub(crate) fn heading(text: impl Display) {
    println!("\n{text}");
}

/// Runs one step and prints what it was and how long it took.
pub(crate) fn step<T>(what: impl Display, work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
    let watch = Stopwatch::start();
    let value = work().map_err(|error| error.context(what.to_string()))?;
    println!("  · {what} ({watch})");
    Ok(value)
}
