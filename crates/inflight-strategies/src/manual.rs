//! What the modules of this crate say about their strategies, for programs that explain them.
//!
//! The one source is the modules' own documentation: what you read in rustdoc is what a program can print.

/// Strategies of one kind.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// What they have in common.
    pub name: &'static str,
    /// Them.
    pub pages: &'static [Page],
}

/// What is said about one strategy.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// The strategy's name: where it can be written in a file, the one that it has there.
    pub name: &'static str,
    /// The text of its module.
    source: &'static str,
}

/// A part of a page. Text is Markdown without its line breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    /// A paragraph.
    Text {
        /// What it answers, such as "When it harms", if it says so.
        label: Option<&'static str>,
        /// The rest.
        text: String,
    },
    /// Knobs, or the rows of another table.
    Table(Vec<Vec<&'static str>>),
}

impl Page {
    /// The page of the strategy `name`, whose module is `source`.
    pub(crate) const fn new(name: &'static str, source: &'static str) -> Page {
        Page { name, source }
    }

    /// Its first line: what the strategy is called and what it is, in one sentence.
    pub fn title(&self) -> &'static str {
        self.lines().next().unwrap_or_default()
    }

    /// All that follows the first line; examples in Rust are left out.
    pub fn blocks(&self) -> Vec<Block> {
        let mut blocks = Vec::new();
        let mut paragraph = Vec::new();
        let mut in_code = false;
        for line in self.lines().skip(1).chain([""]) {
            in_code ^= line.starts_with("```");
            if in_code || line.starts_with("```") {
                continue;
            }
            if !line.is_empty() {
                paragraph.push(line);
            } else if !paragraph.is_empty() {
                blocks.push(block(&std::mem::take(&mut paragraph)));
            }
        }
        blocks
    }

    /// How it is written in a file: every `{ … }` after the word "written".
    pub fn written(&self) -> Vec<&'static str> {
        let mark = |line: &str| line.to_lowercase().find("written `").map(|at| at + "written `".len());
        let after = self.lines().filter_map(|line| mark(line).map(|at| &line[at..]));
        after.filter_map(|rest| rest.split_once('`').map(|(example, _)| example)).collect()
    }

    fn lines(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.source.lines().map_while(|line| line.strip_prefix("//!")).map(str::trim)
    }
}

fn block(lines: &[&'static str]) -> Block {
    if lines[0].starts_with('|') {
        let rows = lines.iter().filter(|line| !line.starts_with("|---"));
        let cells = |line: &&'static str| line.trim_matches('|').split('|').map(str::trim).collect();
        // The first row says what the columns are.
        return Block::Table(rows.skip(1).map(cells).collect());
    }
    let first = lines[0].strip_prefix("**").and_then(|rest| rest.split_once(".**"));
    match first {
        Some((label, rest)) => {
            let text: Vec<&str> = [rest.trim()].into_iter().chain(lines[1..].iter().copied()).collect();
            Block::Text { label: Some(label), text: text.join(" ").trim().into() }
        }
        None => Block::Text { label: None, text: lines.join(" ") },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MANUAL;

    fn pages() -> impl Iterator<Item = &'static Page> {
        MANUAL.iter().flat_map(|family| family.pages)
    }

    #[test]
    fn every_page_answers_the_five_questions_in_their_order() {
        let asked =
            ["What it does", "Which failure it answers", "When it harms", "Knobs", "Where it comes from"];
        for page in pages() {
            let answered: Vec<&str> = page
                .blocks()
                .iter()
                .filter_map(|block| match block {
                    Block::Text { label: Some(label), text } => Some((*label, text)),
                    _ => None,
                })
                .inspect(|(label, text)| assert!(!text.is_empty() || *label == "Knobs", "{}", page.name))
                .map(|(label, _)| label)
                .filter(|label| asked.contains(label))
                .collect();
            assert_eq!(answered, asked, "{}", page.name);
            assert!(page.title().ends_with('.') && page.title().contains(':'), "{}", page.title());
        }
    }

    #[test]
    fn every_table_of_knobs_has_four_columns() {
        for page in pages() {
            for block in page.blocks() {
                if let Block::Table(rows) = block {
                    assert!(rows.iter().all(|row| row.len() == 4), "{}: {rows:?}", page.name);
                }
            }
        }
    }

    #[test]
    fn names_are_unique() {
        let mut names: Vec<&str> = pages().map(|page| page.name).collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
    }
}
