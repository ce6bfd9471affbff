//! Explanations in columns: a label on the left, wrapped text beside it.

use std::fmt::Write as _;

/// Columns before the text.
pub(crate) const INDENT: usize = 11;

/// Appends `text` in `width` columns beside `label`; nothing if there is none.
pub(crate) fn labelled(out: &mut String, label: &str, text: &str, width: usize) {
    if text.is_empty() {
        return;
    }
    for (index, line) in wrapped(text, width.saturating_sub(INDENT)).iter().enumerate() {
        let label = if index == 0 { label } else { "" };
        let _ = writeln!(out, "{}", format!("  {label:9}{line}").trim_end());
    }
}

/// `text` in lines of at most `width` characters, broken between words; what follows two blanks begins a line.
pub(crate) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![];
    for piece in text.split("  ") {
        let mut line = String::new();
        for word in piece.split_whitespace() {
            if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(line);
    }
    lines
}
