//! Tables of a page. Every chart has one, for those who cannot see it and those who want its figures.

use crate::report::chart::escape;
use std::fmt::Write as _;

/// A table. Row headers are HTML; everything else is text.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// What it shows, in a sentence.
    pub caption: String,
    /// The names of the columns, that of the row headers first.
    pub head: Vec<String>,
    /// A header and its cells.
    pub rows: Vec<(String, Vec<Cell>)>,
}

/// A cell.
#[derive(Clone, Debug, Default)]
pub(super) struct Cell {
    /// The figure.
    pub text: String,
    /// What stands behind it, quietly: an interval.
    pub aside: String,
    /// What stands below it.
    pub below: String,
    /// Whether it is the best of its column.
    pub is_best: bool,
}

impl From<String> for Cell {
    fn from(text: String) -> Cell {
        Cell { text, ..Cell::default() }
    }
}

impl Table {
    /// The table in a place of its own that can be scrolled.
    pub(super) fn html(&self) -> String {
        let mut out = String::new();
        let caption = escape(&self.caption);
        let _ = write!(out, r#"<div class="scr" tabindex="0" role="region" aria-label="{caption}"><table>"#);
        let _ = write!(out, "<caption>{caption}</caption><thead><tr>");
        for title in &self.head {
            let _ = write!(out, r#"<th scope="col">{}</th>"#, escape(title));
        }
        out.push_str("</tr></thead><tbody>");
        for (header, cells) in &self.rows {
            let _ = write!(out, r#"<tr><th scope="row">{header}</th>"#);
            cells.iter().for_each(|cell| cell.write(&mut out));
            out.push_str("</tr>");
        }
        out.push_str("</tbody></table></div>\n");
        out
    }

    /// The same, folded away until it is asked for.
    pub(super) fn folded(&self) -> String {
        format!("<details><summary>The same as a table</summary>{}</details>\n", self.html())
    }
}

impl Cell {
    fn write(&self, out: &mut String) {
        out.push_str(if self.is_best { r#"<td class="best">"# } else { "<td>" });
        out.push_str(&escape(&self.text));
        if !self.aside.is_empty() {
            let _ = write!(out, " <i>{}</i>", escape(&self.aside));
        }
        if !self.below.is_empty() {
            let _ = write!(out, "<small>{}</small>", escape(&self.below));
        }
        out.push_str("</td>");
    }
}
