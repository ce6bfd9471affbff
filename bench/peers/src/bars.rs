//! Figures, and the bars that they must reach.

use std::process::ExitCode;

/// What was held to a bar so far. Every figure is printed as it comes, and those that missed once more in the end.
#[derive(Default)]
pub struct Bars {
    met: usize,
    missed: Vec<String>,
    not_measured: Vec<String>,
}

impl Bars {
    /// `figure` must not be below `bar`.
    pub fn at_least(&mut self, what: &str, figure: f64, bar: f64) {
        self.hold(what, figure, ("at least", bar), figure >= bar);
    }

    /// `figure` must not be above `bar`.
    pub fn at_most(&mut self, what: &str, figure: f64, bar: f64) {
        self.hold(what, figure, ("at most", bar), figure <= bar);
    }

    /// Something must be so.
    pub fn must_be(&mut self, what: &str, is_so: bool) {
        self.note(what, is_so, format!("{:<22}{:>10}", "", if is_so { "yes" } else { "no" }));
    }

    /// There is no figure, because …
    pub fn not_measured(&mut self, what: &str, because: &str) {
        println!("  {what:<66}not measured: {because}");
        self.not_measured.push(what.to_owned());
    }

    fn hold(&mut self, what: &str, figure: f64, (side, bar): (&str, f64), is_met: bool) {
        // As many digits as tell a figure from its bar.
        let digits = if bar >= 100.0 { 0 } else { 2 };
        self.note(what, is_met, format!("{:<22}{figure:>10.digits$}", format!("{side} {bar}")));
    }

    fn note(&mut self, what: &str, is_met: bool, row: String) {
        println!("  {what:<66}{row}  {}", if is_met { "MET" } else { "MISSED" });
        match is_met {
            true => self.met += 1,
            false => self.missed.push(what.to_owned()),
        }
    }

    /// The last word.
    pub fn conclude(self) -> ExitCode {
        let all = self.met + self.missed.len();
        println!("\n{} of {all} bars met", self.met);
        self.missed.iter().for_each(|what| println!("  MISSED: {what}"));
        self.not_measured.iter().for_each(|what| println!("  not measured: {what}"));
        if self.missed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}
