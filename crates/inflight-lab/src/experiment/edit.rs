//! Changes values in a file's text and leaves the rest, comments included, as it is.

use std::ops::Range;
use toml::de::{DeArray, DeTable, DeValue};

/// A value in a file: where it stands, and the path that leads to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The keys from the root. In a list, the name of an entry that has one, and the index of a value that is no table; an entry
    /// such as `{ limit = … }` needs neither, its key says enough.
    pub(super) path: Vec<String>,
    span: Range<usize>,
}

impl Place {
    /// Every value that can be replaced as a whole, in the file's order: what stands after a `=`, and what is inside of that.
    pub(super) fn all(text: &str) -> Vec<Place> {
        let (document, _) = DeTable::parse_recoverable(text);
        let mut walk = Walk { text, path: Vec::new(), found: Vec::new() };
        walk.table(document.get_ref());
        walk.found.sort_by_key(|place| place.span.start);
        walk.found
    }

    /// The path, with dots.
    pub(super) fn dotted(&self) -> String {
        self.path.join(".")
    }
}

struct Walk<'t> {
    text: &'t str,
    path: Vec<String>,
    found: Vec<Place>,
}

impl Walk<'_> {
    fn table(&mut self, table: &DeTable<'_>) {
        for (key, value) in table {
            self.step(key.get_ref(), |walk| walk.value(value.span(), value.get_ref()));
        }
    }

    fn value(&mut self, span: Range<usize>, value: &DeValue<'_>) {
        // A table under a header has no text of its own that could be replaced, nor has a list of such tables.
        let is_written = match value {
            DeValue::Table(_) => self.starts_with(&span, '{'),
            DeValue::Array(list) => {
                list.iter().all(|v| !v.get_ref().is_table() || self.starts_with(&v.span(), '{'))
            }
            _ => true,
        };
        if is_written {
            self.found.push(Place { path: self.path.clone(), span });
        }
        match value {
            DeValue::Table(table) => self.table(table),
            DeValue::Array(list) => self.list(list),
            _ => {}
        }
    }

    fn list(&mut self, list: &DeArray<'_>) {
        for (index, entry) in list.iter().enumerate() {
            match entry.get_ref() {
                DeValue::Table(table) => match table.get("name").and_then(|name| name.get_ref().as_str()) {
                    Some(name) => self.step(name, |walk| walk.table(table)),
                    None => self.table(table),
                },
                other => self.step(&index.to_string(), |walk| walk.value(entry.span(), other)),
            }
        }
    }

    fn step(&mut self, key: &str, into: impl FnOnce(&mut Self)) {
        self.path.push(key.into());
        into(self);
        self.path.pop();
    }

    fn starts_with(&self, span: &Range<usize>, c: char) -> bool {
        self.text.get(span.clone()).is_some_and(|text| text.starts_with(c))
    }
}

/// Replaces what stands at `places`, given in the text's order, by `value` (as TOML text).
pub(super) fn replace(text: &str, places: &[Place], value: &str) -> String {
    let mut text = text.to_string();
    places.iter().rev().for_each(|place| text.replace_range(place.span.clone(), value));
    text
}

/// Sets `key` of every `layer` that stands anywhere around endpoint `endpoint` to `value` (as TOML text). Returns the new
/// text and how many values were set.
pub fn set_in_layer(text: &str, endpoint: &str, layer: &str, key: &str, value: &str) -> (String, usize) {
    let is_meant = |place: &Place| match &place.path.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["endpoint" | "arm", name, "whole" | "a" | "b", kind, k] => {
            (*name, *kind, *k) == (endpoint, layer, key)
        }
        _ => false,
    };
    let places: Vec<Place> = Place::all(text).into_iter().filter(is_meant).collect();
    (replace(text, &places, value), places.len())
}

/// Sets `key` of the file itself to `value`, in its place or as a new first line.
pub fn set_in_root(text: &str, key: &str, value: &str) -> String {
    let places: Vec<Place> = Place::all(text).into_iter().filter(|place| place.path == [key]).collect();
    if places.is_empty() { format!("{key} = {value}\n{text}") } else { replace(text, &places, value) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
time-scale = 0.5 # a comment
[workload]
arrivals = { poisson = { rate = \"20/s\" } }
[service.b]
latency.uniform = [\"1ms\", \"2ms\"]
[[arm]]
name = \"one\"
b = [ { limit = { permits = 20 } }, { timeout = { after = \"1s\" } } ]
";

    #[test]
    fn every_value_has_a_path_and_headers_have_none() {
        let all: Vec<String> = Place::all(TEXT).iter().map(Place::dotted).collect();
        let expected = [
            "time-scale",
            "workload.arrivals",
            "workload.arrivals.poisson",
            "workload.arrivals.poisson.rate",
            "service.b.latency.uniform",
            "service.b.latency.uniform.0",
            "service.b.latency.uniform.1",
            "arm.one.name",
            "arm.one.b",
            "arm.one.b.limit",
            "arm.one.b.limit.permits",
            "arm.one.b.timeout",
            "arm.one.b.timeout.after",
        ];
        assert_eq!(all, expected);
    }

    #[test]
    fn what_is_replaced_is_the_value_and_nothing_else() {
        for place in Place::all(TEXT) {
            let mark = "\"MARK\"";
            let edited = replace(TEXT, std::slice::from_ref(&place), mark);
            let (before, after) = edited.split_once(mark).expect("it was set");
            assert!(TEXT.starts_with(before) && TEXT.ends_with(after), "{}", place.dotted());
            assert!(TEXT.len() > before.len() + after.len(), "{}", place.dotted());
        }
    }

    #[test]
    fn a_layers_key_is_set_around_its_endpoint_only() {
        let (text, set) = set_in_layer(TEXT, "one", "limit", "permits", "7");
        assert_eq!((text, set), (TEXT.replace("20 }", "7 }"), 1));
        assert_eq!(set_in_layer(TEXT, "two", "limit", "permits", "7"), (TEXT.into(), 0));
    }

    #[test]
    fn a_key_of_the_file_is_set_in_its_place_or_first() {
        assert_eq!(set_in_root(TEXT, "time-scale", "1"), TEXT.replace("0.5", "1"));
        assert_eq!(set_in_root(TEXT, "seed", "7"), format!("seed = 7\n{TEXT}"));
    }
}
