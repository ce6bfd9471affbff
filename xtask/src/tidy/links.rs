//! A link from one page of the project to another leads somewhere.

use super::{Rule, Text, Violation};
use crate::checkout;
use std::path::{Path, PathBuf};

const DEAD: Rule =
    Rule { why: "the reader ends at an error page", remedy: "correct the path, or write the page" };

/// Applies the rule.
pub(super) fn check(files: &[Text]) -> Vec<Violation> {
    let root = checkout::root();
    check_with(files, &|path| root.join(path).exists())
}

fn check_with(files: &[Text], exists: &dyn Fn(&Path) -> bool) -> Vec<Violation> {
    let mut found = Vec::new();
    for file in files.iter().filter(|file| file.path.ends_with(".md")) {
        for (line, target) in links(&file.text) {
            if !exists(&resolve(&file.path, target)) {
                found.push(DEAD.broken(file, line, format!("the link to `{target}` leads nowhere")));
            }
        }
    }
    found
}

/// Links to files of the project, with their line (from 1). Code is skipped, so are addresses and anchors.
fn links(page: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut fenced = false;
    for (index, line) in page.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        // Every second piece between back-ticks is code.
        for prose in line.split('`').step_by(2) {
            found.extend(targets(prose).map(|target| (index + 1, target)));
        }
        // `[text with `code`](target)` is cut in the middle of its text, which does no harm.
    }
    found
}

fn targets(prose: &str) -> impl Iterator<Item = &str> {
    let behind = prose.split("](").skip(1);
    let target = behind.filter_map(|rest| rest.split([')', ' ']).next());
    target
        .map(|target| target.split('#').next().unwrap_or_default())
        .filter(|target| !target.is_empty() && !target.contains("://") && !target.starts_with("mailto:"))
}

/// The linked path, relative to the root.
fn resolve(page: &str, target: &str) -> PathBuf {
    match target.strip_prefix('/') {
        Some(from_root) => PathBuf::from(from_root),
        None => Path::new(page).parent().unwrap_or(Path::new("")).join(target),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::file;
    use super::*;

    #[test]
    fn dead_links_are_told() {
        let page = "[a](adr/1.md#x) [b](gone.md)\n[web](https://x.y/z) [here](#top)\n`[code](no.md)` [`c`](also-gone.md)\n```\n[fenced](no.md)\n```\n[up](../README.md \"title\")\n";
        let exists = |path: &Path| ["docs/adr/1.md", "docs/../README.md"].contains(&path.to_str().unwrap());
        let found = check_with(&[file("docs/index.md", page)], &exists);
        let told: Vec<String> = found.iter().map(|one| format!("{}: {}", one.line, one.what)).collect();
        assert_eq!(
            told,
            ["1: the link to `gone.md` leads nowhere", "3: the link to `also-gone.md` leads nowhere"]
        );
    }
}
