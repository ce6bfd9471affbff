//! What Grafana would ask: the queries of a dashboard's JSON, with its variables filled in.

use anyhow::{Context, Result};
use serde_json::Value;

/// One PromQL expression of a dashboard.
#[derive(Debug, PartialEq)]
pub(crate) struct Query {
    /// The panel, annotation or variable that asks it.
    pub place: String,
    /// As it stands in the file, variables and all.
    pub expression: String,
}

/// Every PromQL expression of a dashboard: panels (rows and collapsed rows too), annotations, variables.
pub(crate) fn queries(dashboard: &str) -> Result<Vec<Query>> {
    let dashboard: Value = serde_json::from_str(dashboard).context("a dashboard is JSON")?;
    let mut found = Vec::new();
    for panel in list(&dashboard["panels"]) {
        of_panel(panel, &mut found);
    }
    for annotation in list(&dashboard["annotations"]["list"]) {
        push(&mut found, "annotation", &annotation["name"], &annotation["expr"]);
        push(&mut found, "annotation", &annotation["name"], &annotation["target"]["expr"]);
    }
    for variable in list(&dashboard["templating"]["list"]) {
        let text =
            variable["query"].as_str().or_else(|| variable["query"]["query"].as_str()).unwrap_or_default();
        if variable["type"] == "query" {
            push(&mut found, "variable", &variable["name"], &Value::from(inside_label_values(text)));
        }
    }
    Ok(found)
}

fn of_panel(panel: &Value, found: &mut Vec<Query>) {
    for target in list(&panel["targets"]) {
        push(found, "panel", &panel["title"], &target["expr"]);
    }
    for inner in list(&panel["panels"]) {
        of_panel(inner, found);
    }
}

fn push(found: &mut Vec<Query>, sort: &str, name: &Value, expression: &Value) {
    if let Some(expression) = expression.as_str().filter(|text| !text.is_empty()) {
        let place = format!("{sort} “{}”", name.as_str().unwrap_or_default());
        found.push(Query { place, expression: expression.to_owned() });
    }
}

/// `label_values(metric{…}, label)` asks for the series of `metric{…}`.
fn inside_label_values(text: &str) -> String {
    let inside = text.strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(')'));
    match inside.and_then(|inside| inside.rsplit_once(',')) {
        Some((selector, _label)) => selector.trim().to_owned(),
        None => text.to_owned(),
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Fills in Grafana's variables: its own intervals, and "all" for those of the dashboard.
pub(crate) fn substitute(expression: &str, range_seconds: u64) -> String {
    let range = format!("{range_seconds}s");
    let value = |name: &str| match name {
        "__rate_interval" => "15s".to_owned(),
        "__interval" => "3s".to_owned(),
        "__interval_ms" => "3000".to_owned(),
        "__range" => range.clone(),
        "__range_s" => range_seconds.to_string(),
        "__range_ms" => (range_seconds * 1000).to_string(),
        _ => ".*".to_owned(),
    };
    let mut filled = String::new();
    let mut rest = expression;
    while let Some((before, after)) = rest.split_once('$') {
        filled.push_str(before);
        let (name, behind) = variable(after);
        // A `$` that names nothing stays: it ends a regular expression.
        filled.push_str(&if name.is_empty() { "$".to_owned() } else { value(name) });
        rest = behind;
    }
    filled + rest
}

/// The name of the variable behind a `$`, and what follows it: `name`, `{name}`, `{name:format}`.
fn variable(text: &str) -> (&str, &str) {
    if let Some((inside, behind)) = text.strip_prefix('{').and_then(|text| text.split_once('}')) {
        return (inside.split(':').next().unwrap_or_default(), behind);
    }
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    text.split_at(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_found_wherever_they_hide() {
        let dashboard = r#"{
            "panels": [
                {"title": "rps", "targets": [{"expr": "a"}, {"expr": "b"}]},
                {"type": "row", "title": "more", "panels": [{"title": "deep", "targets": [{"expr": "c"}]}]},
                {"title": "text only"}
            ],
            "annotations": {"list": [{"name": "phases", "expr": "d"}, {"name": "built in", "datasource": "x"}]},
            "templating": {"list": [
                {"type": "query", "name": "endpoint", "query": {"query": "label_values(e{job=\"x\"}, endpoint)"}},
                {"type": "custom", "name": "quantile", "query": "0.5, 0.9"}
            ]}
        }"#;
        let found: Vec<String> = queries(dashboard)
            .unwrap()
            .into_iter()
            .map(|q| format!("{}: {}", q.place, q.expression))
            .collect();
        assert_eq!(
            found,
            [
                "panel “rps”: a",
                "panel “rps”: b",
                "panel “deep”: c",
                "annotation “phases”: d",
                "variable “endpoint”: e{job=\"x\"}"
            ]
        );
    }

    #[test]
    fn every_variable_is_filled_in() {
        let fill = |text| substitute(text, 60);
        assert_eq!(fill("rate(m[$__rate_interval])"), "rate(m[15s])");
        assert_eq!(fill("increase(m[${__range}]) / $__range_s"), "increase(m[60s]) / 60");
        assert_eq!(fill("m{e=~\"$endpoint\",s=~\"${status:regex}\"}"), "m{e=~\".*\",s=~\".*\"}");
        assert_eq!(fill("m{s=~\"5..$\"}"), "m{s=~\"5..$\"}");
        assert_eq!(fill("$"), "$");
    }
}
