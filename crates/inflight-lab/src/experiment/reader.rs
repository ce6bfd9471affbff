//! Reads tables and values out of TOML, noting everything that is wrong instead of stopping at the first.

use super::{
    diagnostics::{Diagnostic, did_you_mean},
    spec::MAX_DATA,
};
use crate::claim::Mistake;
use inflight_strategies::units::{self, ParseError, Ratio};
use std::{cell::RefCell, ops::Range, str::FromStr, time::Duration};
use toml::{Spanned, de::DeTable, de::DeValue};

/// Reads a file that a document refers to; the error is for people.
pub type ReadFile<'a> = &'a dyn Fn(&str) -> Result<String, String>;

/// Where problems are noted.
#[derive(Default, Debug)]
pub(super) struct Problems(RefCell<Vec<Diagnostic>>);

impl Problems {
    pub(super) fn note(
        &self,
        span: Range<usize>,
        message: impl Into<String>,
        label: impl Into<String>,
        notes: Vec<String>,
    ) {
        self.0.borrow_mut().push(Diagnostic { span, message: message.into(), label: label.into(), notes });
    }

    pub(super) fn into_list(self) -> Vec<Diagnostic> {
        let mut list = self.0.into_inner();
        list.sort_by_key(|d| (d.span.start, d.span.end));
        list.dedup();
        list
    }
}

/// A table: its keys are taken one by one, and what is left over in the end is unknown.
pub(super) struct Table<'p, 'i> {
    problems: &'p Problems,
    name: String,
    span: Range<usize>,
    entries: &'p DeTable<'i>,
    known: Vec<&'static str>,
}

/// A value in a table or an array, with the name by which messages call it.
pub(super) struct Value<'p, 'i> {
    problems: &'p Problems,
    pub(super) name: String,
    node: &'p Spanned<DeValue<'i>>,
}

impl<'p, 'i> Table<'p, 'i> {
    pub(super) fn new(
        problems: &'p Problems,
        name: impl Into<String>,
        span: Range<usize>,
        entries: &'p DeTable<'i>,
    ) -> Self {
        Table { problems, name: name.into(), span, entries, known: Vec::new() }
    }

    /// The value of `key`, if it is there.
    pub(super) fn optional(&mut self, key: &'static str) -> Option<Value<'p, 'i>> {
        self.known.push(key);
        let node = self.entries.get(key)?;
        Some(Value { problems: self.problems, name: key.into(), node })
    }

    /// The value of `key`; a problem if it is missing.
    pub(super) fn required(&mut self, key: &'static str) -> Option<Value<'p, 'i>> {
        self.required_as(key, &format!("`{key} = …`"))
    }

    /// The same, with what to add in the file's own notation.
    pub(super) fn required_as(&mut self, key: &'static str, notation: &str) -> Option<Value<'p, 'i>> {
        let value = self.optional(key);
        if value.is_none() {
            let message = format!("{} lacks `{key}`", self.name);
            self.problems.note(self.span.clone(), message, format!("add {notation}"), vec![]);
        }
        value
    }

    /// Whether `key` is there.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// Notes the keys that nobody asked for.
    pub(super) fn finish(self) {
        for key in self.entries.keys() {
            let word: &str = key.get_ref();
            if self.known.contains(&word) {
                continue;
            }
            let label = match did_you_mean(word, &self.known) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => "not known here".into(),
            };
            let keys = format!("keys of {}: {}", self.name, self.known.join(", "));
            self.problems.note(
                key.span(),
                format!("unknown key `{}` in {}", clip(word), self.name),
                label,
                vec![keys],
            );
        }
    }
}

impl<'p, 'i> Value<'p, 'i> {
    /// A value that stands alone.
    pub(super) fn new(problems: &'p Problems, name: &str, node: &'p Spanned<DeValue<'i>>) -> Self {
        Value { problems, name: name.into(), node }
    }

    pub(super) fn span(&self) -> Range<usize> {
        self.node.span()
    }

    /// Notes that this value is not what it should be.
    pub(super) fn wrong(&self, expected: &str) {
        let found = match self.node.get_ref() {
            DeValue::String(text) => format!("{:?}", clip(text)),
            DeValue::Integer(n) => clip(n.as_str()).to_string(),
            DeValue::Float(x) => clip(x.as_str()).to_string(),
            DeValue::Array(_) => "a list".into(),
            other => format!("a {}", other.type_str()),
        };
        let message = format!("`{}` cannot be {found}", self.name);
        self.problems.note(self.span(), message, format!("expected {expected}"), vec![]);
    }

    /// Notes a problem with this value's meaning.
    pub(super) fn problem(&self, message: impl Into<String>, label: impl Into<String>) {
        self.problems.note(self.span(), message, label, vec![]);
    }

    /// Notes a mistake inside this value, which is the string `text`.
    pub(super) fn mistake(&self, text: &str, mistake: Mistake) {
        let place = self.span();
        // One quote or three; anything else, such as an escape, and only the whole text has a place.
        let quotes = match place.len().checked_sub(text.len()) {
            Some(2) => 1,
            Some(6) => 3,
            _ => 0,
        };
        let Mistake { span, message, label, notes } = mistake.moved(place.start + quotes);
        self.problems.note(if quotes > 0 { span } else { place }, message, label, notes);
    }

    /// The values of a table whose keys are names, each called by its key.
    pub(super) fn entries(&self) -> Option<Vec<Value<'p, 'i>>> {
        let Some(entries) = self.node.get_ref().as_table() else {
            self.wrong("a table: { … }");
            return None;
        };
        let named = entries.iter().map(|(key, node)| {
            let name: &str = key.get_ref();
            Value { problems: self.problems, name: clip(name).to_string(), node }
        });
        Some(named.collect())
    }

    /// Whether it is text.
    pub(super) fn is_string(&self) -> bool {
        self.node.get_ref().is_str()
    }

    /// Whether it is a table.
    pub(super) fn is_table(&self) -> bool {
        self.node.get_ref().is_table()
    }

    pub(super) fn string(&self) -> Option<&'p str> {
        let text = self.node.get_ref().as_str();
        if text.is_none() {
            self.wrong("text in quotes");
        }
        text
    }

    /// A quantity in text, with its unit.
    pub(super) fn quantity<T: FromStr<Err = ParseError>>(&self) -> Option<T> {
        self.unit(|text| text.parse())
    }

    pub(super) fn duration(&self) -> Option<Duration> {
        self.unit(units::parse_duration)
    }

    /// A duration above zero.
    pub(super) fn positive_duration(&self) -> Option<Duration> {
        let duration = self.duration()?;
        if duration.is_zero() {
            self.wrong("a duration above zero");
            return None;
        }
        Some(duration)
    }

    fn unit<T>(&self, parse: impl Fn(&str) -> Result<T, ParseError>) -> Option<T> {
        // The message for a bare number is the same: what was expected shows the unit.
        let parsed = parse(self.node.get_ref().as_str().unwrap_or(""));
        parsed.map_err(|ParseError(expected)| self.wrong(expected)).ok()
    }

    pub(super) fn ratio(&self) -> Option<Ratio> {
        self.quantity()
    }

    /// A rate per second, which can be zero.
    pub(super) fn rate_or_zero(&self) -> Option<f64> {
        self.unit(|text| match text.trim() {
            "0/s" => Ok(0.0),
            other => other.parse::<units::Rate>().map(units::Rate::as_per_second),
        })
    }

    /// A whole number in a range.
    pub(super) fn count(&self, range: std::ops::RangeInclusive<u32>) -> Option<u32> {
        let n = self.node.get_ref().as_integer().and_then(|n| {
            let digits = n.as_str().replace('_', "");
            u32::from_str_radix(&digits, n.radix()).ok()
        });
        let n = n.filter(|n| range.contains(n));
        if n.is_none() {
            self.wrong(&format!("a whole number from {} to {}", range.start(), range.end()));
        }
        n
    }

    /// `true` or `false`.
    pub(super) fn flag(&self) -> Option<bool> {
        let flag = self.node.get_ref().as_bool();
        if flag.is_none() {
            self.wrong("true or false");
        }
        flag
    }

    /// A whole number that fits in 64 bits.
    pub(super) fn seed(&self) -> Option<u64> {
        let n = self
            .node
            .get_ref()
            .as_integer()
            .and_then(|n| u64::from_str_radix(&n.as_str().replace('_', ""), n.radix()).ok());
        if n.is_none() {
            self.wrong("a whole number from 0 to 18446744073709551615");
        }
        n
    }

    /// A number without a unit, above zero.
    pub(super) fn positive_number(&self, most: f64) -> Option<f64> {
        self.number(|x| x > 0.0 && x <= most, &format!("a number above 0 and at most {most}"))
    }

    /// A number without a unit from 0 to 1.
    pub(super) fn fraction(&self) -> Option<f64> {
        self.number(|x| (0.0..=1.0).contains(&x), "a number from 0 to 1")
    }

    fn number(&self, is_good: impl Fn(f64) -> bool, expected: &str) -> Option<f64> {
        let value = match self.node.get_ref() {
            DeValue::Integer(n) => n.as_str().replace('_', "").parse::<f64>().ok(),
            DeValue::Float(x) => x.as_str().replace('_', "").parse().ok(),
            _ => None,
        };
        let value = value.filter(|x| is_good(*x));
        if value.is_none() {
            self.wrong(expected);
        }
        value
    }

    pub(super) fn list(&self) -> Option<Vec<Value<'p, 'i>>> {
        let Some(array) = self.node.get_ref().as_array() else {
            self.wrong("a list: [ … ]");
            return None;
        };
        let named = |node| Value { problems: self.problems, name: self.name.clone(), node };
        Some(array.iter().map(named).collect())
    }

    /// Two values.
    pub(super) fn pair(&self) -> Option<[Value<'p, 'i>; 2]> {
        let pair = self.list()?.try_into();
        if pair.is_err() {
            self.wrong("two values: [from, to]");
        }
        pair.ok()
    }

    pub(super) fn table(&self, name: impl Into<String>) -> Option<Table<'p, 'i>> {
        let Some(entries) = self.node.get_ref().as_table() else {
            self.wrong("a table: { … }");
            return None;
        };
        Some(Table::new(self.problems, name, self.span(), entries))
    }

    /// One of several words.
    pub(super) fn word(&self, words: &[&'static str]) -> Option<&'static str> {
        let Some(word) = self.node.get_ref().as_str() else {
            self.wrong(&format!("one of {}", quoted(words)));
            return None;
        };
        self.known(word, self.span(), words)
    }

    /// One of several kinds, externally tagged: `{ kind = … }` with exactly one key. Returns the kind and its value.
    pub(super) fn tagged(&self, kinds: &[&'static str]) -> Option<(&'static str, Value<'p, 'i>)> {
        match self.node.get_ref() {
            DeValue::Table(table) if table.len() == 1 => {
                let (key, node) = table.iter().next()?;
                let kind = self.known(key.get_ref(), key.span(), kinds)?;
                Some((kind, Value { problems: self.problems, name: kind.into(), node }))
            }
            DeValue::Table(table) if table.len() > 1 => {
                let found: Vec<String> =
                    table.keys().map(|k| format!("{{ {} = … }}", clip(k.get_ref()))).collect();
                let message = format!("`{}` has {} kinds at once", self.name, found.len());
                self.problem(message, format!("each on its own: {}", found.join(", ")));
                None
            }
            DeValue::String(word) => {
                let kind = self.known(word, self.span(), kinds)?;
                self.problem(format!("`{kind}` needs a value"), format!("expected {{ {kind} = … }}"));
                None
            }
            _ => {
                self.wrong(&format!("exactly one of {{ {} }}", alternatives(kinds)));
                None
            }
        }
    }

    /// A word that stands alone, if this is one of them.
    pub(super) fn is_word(&self, word: &str) -> bool {
        self.node.get_ref().as_str() == Some(word)
    }

    /// The one of `known` that `word` is; a problem, with a guess, if it is none.
    fn known(&self, word: &str, span: Range<usize>, known: &[&'static str]) -> Option<&'static str> {
        let found = known.iter().find(|k| **k == word).copied();
        if found.is_none() {
            let label = match did_you_mean(word, known) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => "not known here".into(),
            };
            let message = format!("`{}` knows no `{}`", self.name, clip(word));
            self.problems.note(span, message, label, vec![format!("there is: {}", known.join(", "))]);
        }
        found
    }
}

/// `{ file = "name" }`: the file's text, as `parse` understands it; `label` says what was expected of it.
pub(super) fn file_beside<T>(
    value: &Value<'_, '_>,
    read_file: ReadFile<'_>,
    label: &str,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Option<T> {
    let mut table = value.table(format!("`{}`", value.name))?;
    let file = table.required("file");
    table.finish();
    let file = file?;
    let name = file.string()?;
    // A run is saved with the files that it needs: they must have a place beside it.
    if name.starts_with(['/', '\\']) || name.contains(':') || name.split(['/', '\\']).any(|part| part == "..")
    {
        file.wrong("the name of a file beside this one or below it");
        return None;
    }
    let small = |text: String| match text.len() > MAX_DATA {
        true => Err("it is larger than 16 MiB".into()),
        false => Ok(text),
    };
    let parsed = read_file(name).and_then(small).and_then(|text| parse(&text));
    parsed.map_err(|why| file.problem(format!("cannot use {name:?}: {why}"), label)).ok()
}

fn quoted(words: &[&str]) -> String {
    words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ")
}

fn alternatives(kinds: &[&str]) -> String {
    kinds.iter().map(|kind| format!("{kind} = …")).collect::<Vec<_>>().join(" | ")
}

/// The beginning of a text that may be long.
fn clip(text: &str) -> &str {
    match text.char_indices().nth(40) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}

/// `Some(None)` for what is absent, `None` for what is there and wrong.
pub(super) fn transpose<T>(read: Option<Option<T>>) -> Option<Option<T>> {
    match read {
        None => Some(None),
        Some(value) => value.map(Some),
    }
}
