//! The map is true: every file and every item that ARCHITECTURE.md names is there.

use super::{Rule, Text, Violation};

const MAP: Rule = Rule {
    why: "a newcomer finds their way by this page alone; a name that leads nowhere costs more than none",
    remedy: "name what is there now, or drop the line",
};

const PAGE: &str = "ARCHITECTURE.md";
/// What can define a name that the page uses.
const DEFINITIONS: &[&str] = &["fn", "struct", "enum", "trait", "type", "const", "mod"];

/// Applies the rule.
pub(super) fn check(files: &[Text]) -> Vec<Violation> {
    let Some(page) = files.iter().find(|file| file.path == PAGE) else {
        return vec![MAP.broken_at(PAGE, 1, "there is no such page")];
    };
    let mut found = Vec::new();
    for (index, line) in page.text.lines().enumerate() {
        // Every second piece stands between backticks.
        for name in line.split('`').skip(1).step_by(2).filter(|name| !is_there(name, files)) {
            found.push(MAP.broken(page, index + 1, format!("`{name}` is not there")));
        }
    }
    found
}

/// Whether a name leads somewhere. Only paths of Rust files and of items are names: the rest is prose.
fn is_there(name: &str, files: &[Text]) -> bool {
    if name.contains([' ', '<', '(', '*']) || name.contains("NAME") {
        return true;
    }
    if name.ends_with(".rs") {
        return files.iter().any(|file| file.path == name || file.path.ends_with(&format!("/{name}")));
    }
    match name.rsplit_once("::") {
        Some((_, item)) => {
            files.iter().filter(|file| file.path.ends_with(".rs")).any(|f| defines(&f.text, item))
        }
        None => true,
    }
}

fn defines(text: &str, item: &str) -> bool {
    text.lines().any(|line| {
        let words: Vec<&str> = line.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
        words.windows(2).any(|pair| DEFINITIONS.contains(&pair[0]) && pair[1] == item)
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{file, told};
    use super::*;

    #[test]
    fn names_that_lead_nowhere_are_told() {
        let page =
            "`rt.rs` and `gone.rs`\n`load::OpenLoop::run`, `load::OpenLoop::walk`, `prose`, `cargo x::y z`\n";
        let code = "impl OpenLoop {\n    pub async fn run(&self) {}\n}\n";
        let files = [file(PAGE, page), file("crates/a/src/rt.rs", code)];
        let expected = [":1: `gone.rs` is not there", ":2: `load::OpenLoop::walk` is not there"];
        assert_eq!(told(check, &files), expected.map(|end| format!("{PAGE}{end}")));
    }
}
