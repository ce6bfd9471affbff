//! Changes one value in a file's text and leaves the rest, comments included, as it is.

use toml::de::{DeTable, DeValue};

/// Sets `key` of every `layer` that stands anywhere around endpoint `endpoint` to `value` (as TOML text). Returns the new
/// text and how many values were set.
pub fn set_in_layer(text: &str, endpoint: &str, layer: &str, key: &str, value: &str) -> (String, usize) {
    let (document, _) = DeTable::parse_recoverable(text);
    let mut spans = Vec::new();
    for list in ["endpoint", "arm"] {
        let tables = document.get_ref().get(list).and_then(|v| v.get_ref().as_array());
        for table in tables.into_iter().flatten().filter_map(|t| t.get_ref().as_table()) {
            if table.get("name").and_then(|n| n.get_ref().as_str()) == Some(endpoint) {
                ["whole", "a", "b"].iter().filter_map(|stack| table.get(*stack)).for_each(|stack| {
                    spans.extend(places(stack.get_ref(), layer, key));
                });
            }
        }
    }
    let mut text = text.to_string();
    spans.sort_by_key(|span: &std::ops::Range<usize>| span.start);
    for span in spans.iter().rev() {
        text.replace_range(span.clone(), value);
    }
    (text, spans.len())
}

/// Sets `key` of the file itself to `value`, in its place or as a new first line.
pub fn set_in_root(text: &str, key: &str, value: &str) -> String {
    let (document, _) = DeTable::parse_recoverable(text);
    match document.get_ref().get(key) {
        Some(found) => {
            let mut text = text.to_string();
            text.replace_range(found.span(), value);
            text
        }
        None => format!("{key} = {value}\n{text}"),
    }
}

/// Where `key` of each `layer` in a stack stands.
fn places(stack: &DeValue<'_>, layer: &str, key: &str) -> Vec<std::ops::Range<usize>> {
    let layers = stack.as_array().into_iter().flatten();
    layers
        .filter_map(|l| {
            l.get_ref().as_table()?.get(layer)?.get_ref().as_table()?.get(key).map(toml::Spanned::span)
        })
        .collect()
}
