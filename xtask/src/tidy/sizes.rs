//! Files stay readable: code by its length, pages by theirs.

use super::{Rule, Text, Violation};

const CODE: Rule = Rule {
    why: "a file of this length hides a wall that should be there",
    remedy: "split it along what its parts know; 100 to 200 lines is the norm",
};
const PAGE: Rule = Rule {
    why: "a page that nobody reads to the end is not read at all",
    remedy: "keep what a newcomer needs here and move the rest to docs/",
};
const MISSING: Rule = Rule { why: "every reader looks for it at the root", remedy: "write it" };

/// The most lines that a hand-written source file has.
const MOST_LINES_OF_CODE: usize = 600;
const PAGES: &[(&str, usize)] = &[("ARCHITECTURE.md", 200), ("README.md", 120)];

/// Applies the rule.
pub(super) fn check(files: &[Text]) -> Vec<Violation> {
    let mut found = Vec::new();
    for file in files.iter().filter(|file| file.path.ends_with(".rs")) {
        found.extend(longer_than(file, MOST_LINES_OF_CODE, &CODE));
    }
    for (page, most) in PAGES {
        match files.iter().find(|file| file.path == *page) {
            Some(file) => found.extend(longer_than(file, *most, &PAGE)),
            None => found.push(MISSING.broken_at(page, 1, "there is no such page")),
        }
    }
    if !files.iter().any(|file| file.path == "CHANGELOG.md") {
        found.push(MISSING.broken_at("CHANGELOG.md", 1, "there is no such page"));
    }
    found
}

fn longer_than(file: &Text, most: usize, rule: &Rule) -> Option<Violation> {
    let lines = file.text.lines().count();
    (lines > most).then(|| rule.broken(file, most + 1, format!("{lines} lines, {most} is the most")))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{file, told};
    use super::*;

    #[test]
    fn long_files_and_missing_pages_are_told() {
        let code = |lines| file("crates/x/src/a.rs", &"\n".repeat(lines));
        let pages = [file("ARCHITECTURE.md", &"\n".repeat(201)), file("README.md", "")];
        let mut files: Vec<Text> = pages.into();
        files.push(code(600));
        let expected =
            ["ARCHITECTURE.md:201: 201 lines, 200 is the most", "CHANGELOG.md:1: there is no such page"];
        assert_eq!(told(check, &files), expected);
        files.push(code(601));
        assert_eq!(told(check, &files)[0], "crates/x/src/a.rs:601: 601 lines, 600 is the most");
    }
}
