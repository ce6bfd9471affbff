//! Strategies as they are explained: the documentation of their modules, in columns.

use crate::columns::{INDENT, labelled, wrapped};
pub use inflight_strategies::MANUAL;
use inflight_strategies::manual::{Block, Page};
use std::fmt::Write as _;

/// The page of every strategy, family after family.
pub fn pages() -> impl Iterator<Item = &'static Page> {
    MANUAL.iter().flat_map(|family| family.pages)
}

/// Every strategy by name, and in a sentence what it is, in `width` columns.
pub fn table(width: usize) -> String {
    const NAME: usize = 21;
    let mut out = String::new();
    for family in MANUAL {
        let _ = writeln!(out, "\n  {}", family.name);
        for page in family.pages {
            let lines = wrapped(&plain(page.title()), width.saturating_sub(NAME + 2));
            for (index, line) in lines.iter().enumerate() {
                let name = if index == 0 { page.name } else { "" };
                let _ = writeln!(out, "    {name:NAME$}{line}", NAME = NAME - 2);
            }
        }
    }
    out
}

/// One strategy in `width` columns: what it does, which failure it answers, when it harms, its knobs, where it comes from.
pub fn explain(page: &Page, width: usize) -> String {
    let mut out = format!("{}\n", page.name);
    for line in wrapped(&plain(page.title()), width.saturating_sub(2)) {
        let _ = writeln!(out, "  {line}");
    }
    for block in page.blocks() {
        match block {
            Block::Text { label, text } => {
                let label = label.map(short);
                out.push_str(if label.is_some() { "\n" } else { "" });
                labelled(&mut out, label.unwrap_or_default(), &plain(&text), width);
            }
            Block::Table(rows) => rows.iter().for_each(|row| knob(&mut out, row, width)),
        }
    }
    out
}

/// What a paragraph answers, in a word.
fn short(label: &str) -> &str {
    match label {
        "What it does" => "does",
        "Which failure it answers" => "answers",
        "When it harms" => "harms",
        "Knobs" => "knobs",
        "Where it comes from" => "source",
        "Slow services" => "slow",
        other => other,
    }
}

/// A row of a table of knobs: its name, and beside it unit, default and whose default it is.
fn knob(out: &mut String, row: &[&str], width: usize) {
    const NAME: usize = 15;
    let cell = |index: usize| plain(row.get(index).copied().unwrap_or_default());
    let name = cell(0).replace('`', "");
    let default = match cell(2).as_str() {
        "required" => "required".into(),
        "none" => "default none".into(),
        default => match default.strip_prefix("none: ") {
            Some(instead) => format!("default: {instead}"),
            None => format!("default {}", default.replace('`', "")),
        },
    };
    let whose =
        Some(cell(3)).filter(|whose| whose != "–").map_or(String::new(), |whose| format!(" ({whose})"));
    let text = format!("{}; {default}{whose}", cell(1));
    for (index, line) in wrapped(&text, width.saturating_sub(INDENT + NAME)).iter().enumerate() {
        let name = if index == 0 { &name } else { "" };
        let _ = writeln!(out, "{:INDENT$}{name:NAME$}{line}", "");
    }
}

/// Markdown without its links and emphasis. What is code stays as it is.
fn plain(text: &str) -> String {
    let parts = text.split('`').enumerate();
    let without = |part: &str| part.replace('*', "");
    let parts: Vec<String> =
        parts.map(|(index, part)| if index % 2 == 1 { part.into() } else { without(part) }).collect();
    let mut out = String::new();
    let mut rest = parts.join("`");
    // A link is [text] or [text](target), outside of code.
    while let Some(open) = outside_of_code(&rest, '[') {
        let Some(close) = outside_of_code(&rest[open..], ']').map(|close| open + close) else { break };
        out.push_str(&rest[..open]);
        out.push_str(&rest[open + 1..close]);
        let after = &rest[close + 1..];
        let target = after.strip_prefix('(').and_then(|target| target.split_once(')'));
        rest = target.map_or(after, |(_, after)| after).to_string();
    }
    out + &rest
}

/// The place of the first `c` in `text` that is not between backticks.
fn outside_of_code(text: &str, c: char) -> Option<usize> {
    let mut in_code = false;
    text.char_indices().find_map(|(at, here)| {
        in_code ^= here == '`';
        (here == c && !in_code).then_some(at)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn a_strategy_is_explained_in_columns() {
        let page = pages().find(|page| page.name == "codel").expect("it is there");
        expect![[r#"
            codel
              CoDel for servers: drops whoever waited long while the queue stands.

              does     Watches the shortest wait of each interval. If even that was above
                       the target, the queue stands (it is not a burst that drains), and
                       during the next interval whoever waited more than twice the target is
                       dropped at its turn.

              answers  A standing queue: every call waits, none is served sooner, and
                       retries keep it standing.

              harms    With a target near the service time's own spread it drops from a
                       healthy system. It drops at the turn, so a call waits before it
                       learns that it waited for nothing; and it never drops the first call
                       of an interval.

              knobs    Written `{ limit = { permits = 20, queue = { codel = { … } } } }`.
                       target         duration: the shortest wait that is still fine;
                                      default "5ms" (folly)
                       interval       duration, longer than `target`; default "100ms"
                                      (folly)

              source   folly's `Codel` (used by Facebook's Thrift servers), a server-side
                       reading of Nichols and Jacobson's CoDel: it sloughs off by a fixed
                       wait, twice the target, instead of dropping ever more often.

              slow     The defaults are for calls of a millisecond. The wait of a healthy
                       queue scales with the service time, so for a mean of S take a target
                       of S/8 and an interval of at least a dozen targets: 100 ms and 1 s
                       for S = 750 ms.
        "#]]
        .assert_eq(&explain(page, 80));
    }

    #[test]
    fn links_and_emphasis_are_left_out_and_code_is_not() {
        let text =
            "as [`vegas`](super::vegas), *fed* with [windows](super::windowed): `[\"30%\", 2 * x]`, [`Late`]";
        assert_eq!(plain(text), "as `vegas`, fed with windows: `[\"30%\", 2 * x]`, `Late`");
    }

    #[test]
    fn nothing_is_wider_than_the_terminal() {
        let all: String = pages().map(|page| explain(page, 80)).collect::<String>() + &table(80);
        for line in all.lines() {
            assert!(line.chars().count() <= 80 && line.trim_end() == line, "{line:?}");
        }
    }
}
