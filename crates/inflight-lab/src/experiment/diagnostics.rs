//! What is wrong with a file: all of it, each with its place, its text and what to do.

use std::{fmt, ops::Range};

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Where, in bytes of the text.
    pub span: Range<usize>,
    /// What, in one sentence without a full stop.
    pub message: String,
    /// What stands under the caret: what was expected.
    pub label: String,
    /// Further lines: which keys there are, which command explains them.
    pub notes: Vec<String>,
}

/// A text with everything that is wrong with it, in order of place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostics {
    /// The file's name as the user gave it.
    pub file: String,
    /// Its text.
    pub text: String,
    /// What is wrong; never empty.
    pub list: Vec<Diagnostic>,
}

impl Diagnostics {
    /// Line and column, from 1, of a byte; columns count characters.
    fn place(&self, at: usize) -> (usize, usize) {
        let before = &self.text[..floor(&self.text, at)];
        let line_start = before.rfind('\n').map_or(0, |i| i + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }
}

/// The nearest boundary of characters at or before `at`.
fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|&i| text.is_char_boundary(i)).unwrap_or(0)
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for diagnostic in &self.list {
            self.fmt_one(diagnostic, f)?;
            writeln!(f)?;
        }
        let n = self.list.len();
        write!(f, "{}: {n} problem{}", self.file, if n == 1 { "" } else { "s" })
    }
}

/// No more than this many characters of a line are shown.
const MAX_SHOWN: usize = 160;

impl Diagnostics {
    fn fmt_one(&self, diagnostic: &Diagnostic, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, column) = self.place(diagnostic.span.start);
        let source = self.text.lines().nth(line - 1).unwrap_or("");
        let shown: String =
            source.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_SHOWN).collect();
        let start = floor(&self.text, diagnostic.span.start);
        let end = floor(&self.text, diagnostic.span.end).max(start);
        let marked = self.text[start..end].lines().next().unwrap_or("").chars().count();
        let carets = "^".repeat(marked.clamp(1, MAX_SHOWN.saturating_sub(column).max(1)));
        let gutter = " ".repeat(line.to_string().len());
        writeln!(f, "error: {}", diagnostic.message)?;
        writeln!(f, "{gutter}--> {}:{line}:{column}", self.file)?;
        writeln!(f, "{gutter} |")?;
        writeln!(f, "{line} | {shown}")?;
        let indent = " ".repeat((column - 1).min(MAX_SHOWN));
        writeln!(f, "{gutter} | {}", format!("{indent}{carets} {}", diagnostic.label).trim_end())?;
        diagnostic.notes.iter().try_for_each(|note| writeln!(f, "{gutter} = {note}"))
    }
}

/// The one of `known` that `word` was probably meant to be.
pub(super) fn did_you_mean<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let likeness = |candidate: &&str| strsim::damerau_levenshtein(&word.to_lowercase(), candidate);
    let best = known.iter().min_by_key(|k| likeness(k))?;
    // A third of the letters may be wrong, and at least two.
    (likeness(best) <= (word.chars().count() / 3).max(2)).then_some(*best)
}
