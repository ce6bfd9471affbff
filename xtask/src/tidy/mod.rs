//! `cargo xtask tidy`: rules of the house that no compiler checks. Each rule is a function from the project's text
//! files to violations, and each violation says what, why and what to do.

mod links;
mod locks;
mod map;
mod names;
mod ports;
mod provisioning;
mod sizes;
mod traces;
mod variables;
mod walls;

use crate::checkout;
use crate::process::output;
use anyhow::{Context, Result};
use std::fmt::{Display, Formatter};
use std::path::Path;
use std::process::Command;

/// A text file of the project.
pub(crate) struct Text {
    /// Relative to the root, with slashes.
    pub path: String,
    /// All of it.
    pub text: String,
}

/// One place where a rule is broken.
#[derive(Debug, PartialEq)]
pub(crate) struct Violation {
    path: String,
    line: usize,
    what: String,
    why: &'static str,
    remedy: &'static str,
}

impl Display for Violation {
    fn fmt(&self, out: &mut Formatter<'_>) -> std::fmt::Result {
        let Self { path, line, what, why, remedy } = self;
        write!(out, "{path}:{line}: {what}\n    why: {why}\n    do:  {remedy}")
    }
}

/// Why a rule exists and what to do when it is broken.
struct Rule {
    why: &'static str,
    remedy: &'static str,
}

impl Rule {
    /// Broken in `file` at this line (from 1).
    fn broken(&self, file: &Text, line: usize, what: impl Into<String>) -> Violation {
        self.broken_at(&file.path, line, what)
    }

    /// Broken in a file that need not exist.
    fn broken_at(&self, path: &str, line: usize, what: impl Into<String>) -> Violation {
        Violation { path: path.to_owned(), line, what: what.into(), why: self.why, remedy: self.remedy }
    }
}

/// A rule looks at all files.
type Check = fn(&[Text]) -> Vec<Violation>;

const RULES: &[(&str, Check)] = &[
    ("sizes of files and pages", sizes::check),
    ("metric names", names::check),
    ("ports on loopback", ports::check),
    ("variables and their defaults", variables::check),
    ("Grafana's provisioning", provisioning::check),
    ("traces of machines", traces::check),
    ("walls between crates", walls::check),
    ("links between pages", links::check),
    ("lock files beside the main one", locks::check),
    ("the map of the house", map::check),
];

/// Applies every rule. True if none is broken.
pub(crate) fn run() -> Result<bool> {
    let files = project_files(&checkout::root())?;
    let mut broken = 0;
    for (name, rule) in RULES {
        let violations = rule(&files);
        println!("{} {name}", if violations.is_empty() { "✓" } else { "✗" });
        for violation in &violations {
            println!("  {violation}");
        }
        broken += violations.len();
    }
    println!("{} rules, {} files, {broken} violations", RULES.len(), files.len());
    Ok(broken == 0)
}

/// The text files that git tracks or would track. Deleted, binary and huge ones are left out.
fn project_files(root: &Path) -> Result<Vec<Text>> {
    const HUGE: usize = 4 << 20;
    let mut git = Command::new("git");
    git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).current_dir(root);
    let listed = output(&mut git).context("tidy asks git which files belong to the project")?;
    let mut files = Vec::new();
    for path in listed.split_terminator('\0') {
        let Ok(bytes) = std::fs::read(root.join(path)) else { continue };
        if bytes.len() > HUGE {
            continue;
        }
        if let Ok(text) = String::from_utf8(bytes) {
            files.push(Text { path: path.to_owned(), text });
        }
    }
    Ok(files)
}

/// The line (from 1) where `needle` first stands.
fn line_of(text: &str, needle: &str) -> usize {
    text.lines().position(|line| line.contains(needle)).map_or(1, |line| line + 1)
}

/// The words of a text that could be names: letters, digits and underscores, with the line (from 1) of each.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().flat_map(|(index, line)| {
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        line.split(move |c| !is_part(c)).filter(|word| !word.is_empty()).map(move |word| (index + 1, word))
    })
}

/// For the tests of the rules: a file, and what a rule says about it.
#[cfg(test)]
mod testing {
    use super::{Check, Text};

    /// A small file.
    pub(super) fn file(path: &str, text: &str) -> Text {
        Text { path: path.to_owned(), text: text.to_owned() }
    }

    /// `path:line: what` of every violation.
    pub(super) fn told(check: Check, files: &[Text]) -> Vec<String> {
        check(files)
            .into_iter()
            .map(|found| format!("{}:{}: {}", found.path, found.line, found.what))
            .collect()
    }
}
