//! What is wrong with a file: all of it, each with its place, its text and what to do.

use std::{fmt, ops::Range};
use unicode_width::UnicodeWidthStr as _;

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

/// No more problems than this are shown; the rest is counted.
const MAX_PROBLEMS: usize = 20;
/// No more characters than this are shown of a line or a message.
const MAX_SHOWN: usize = 160;

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = Lines::of(&self.text);
        for diagnostic in self.list.iter().take(MAX_PROBLEMS) {
            self.fmt_one(&lines, diagnostic, f)?;
            writeln!(f)?;
        }
        let n = self.list.len();
        if n > MAX_PROBLEMS {
            writeln!(f, "… and {} more", n - MAX_PROBLEMS)?;
        }
        write!(f, "{}: {n} problem{}", self.file, if n == 1 { "" } else { "s" })
    }
}

impl Diagnostics {
    fn fmt_one(&self, lines: &Lines<'_>, diagnostic: &Diagnostic, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { line, column, source } = lines.place(diagnostic.span.start);
        let end = lines.floor(diagnostic.span.end).max(lines.floor(diagnostic.span.start));
        let marked = &self.text[lines.floor(diagnostic.span.start)..end];
        let marked = marked.lines().next().unwrap_or("").chars().count().max(1);
        // A long line is shown from a little before the place.
        let skipped = if column > MAX_SHOWN / 2 { column - MAX_SHOWN / 4 } else { 0 };
        let shown: String = source.chars().skip(skipped).take(MAX_SHOWN).map(blank_control).collect();
        let ellipsis = if skipped > 0 { "…" } else { "" };
        // Some characters are two columns wide on a terminal, some none.
        let before: String = shown.chars().take(column - 1 - skipped).collect();
        let under: String = shown.chars().skip(column - 1 - skipped).take(marked).collect();
        let indent = " ".repeat(before.width() + ellipsis.width());
        let carets = "^".repeat(under.width().max(1));
        let gutter = " ".repeat(line.to_string().len());
        writeln!(f, "error: {}", clean(&diagnostic.message))?;
        writeln!(f, "{gutter}--> {}:{line}:{column}", self.file)?;
        writeln!(f, "{gutter} |")?;
        writeln!(f, "{}", format!("{line} | {ellipsis}{shown}").trim_end())?;
        writeln!(f, "{}", format!("{gutter} | {indent}{carets} {}", clean(&diagnostic.label)).trim_end())?;
        diagnostic.notes.iter().try_for_each(|note| writeln!(f, "{gutter} = {}", clean(note)))
    }
}

/// Characters that would move what stands around them: controls, marks of direction, the byte order mark.
fn moves_text(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

fn blank_control(c: char) -> char {
    if moves_text(c) { ' ' } else { c }
}

/// What came from the file cannot move the cursor, nor fill the screen.
fn clean(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars().take(2 * MAX_SHOWN) {
        if moves_text(c) { out.extend(c.escape_unicode()) } else { out.push(c) }
    }
    if text.chars().nth(2 * MAX_SHOWN).is_some() {
        out.push('…');
    }
    out
}

/// Where the lines of a text begin.
struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

/// A place in a text: line and column from 1, in characters, and the line itself.
struct Place<'t> {
    line: usize,
    column: usize,
    source: &'t str,
}

impl<'t> Lines<'t> {
    fn of(text: &'t str) -> Lines<'t> {
        // A byte order mark is no part of the first line.
        let first = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        let starts = std::iter::once(first).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Lines { text, starts }
    }

    /// The nearest boundary of characters at or before `at`.
    fn floor(&self, at: usize) -> usize {
        (0..=at.min(self.text.len())).rev().find(|&i| self.text.is_char_boundary(i)).unwrap_or(0)
    }

    fn place(&self, at: usize) -> Place<'t> {
        let at = self.floor(at);
        let line = self.starts.partition_point(|start| *start <= at).max(1);
        let start = self.starts[line - 1];
        let source = self.text[start..].lines().next().unwrap_or("");
        let column = self.text[start..at.max(start)].chars().count() + 1;
        Place { line, column, source }
    }
}

/// The one of `known` that `word` was probably meant to be.
pub fn did_you_mean<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let likeness = |candidate: &&str| strsim::damerau_levenshtein(&word.to_lowercase(), candidate);
    let best = known.iter().min_by_key(|k| likeness(k))?;
    // A third of the letters may be wrong, or two, but never all of them.
    let letters = word.chars().count();
    (likeness(best) <= (letters / 3).max(2).min(letters.saturating_sub(1))).then_some(*best)
}
