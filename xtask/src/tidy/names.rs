//! One list of metric names. A dashboard with a misspelled name is an empty panel, and nobody is told.

use super::{Rule, Text, Violation, line_of, words};
use crate::grafana;
use std::collections::BTreeSet;
use yaml_rust2::{Yaml, YamlLoader};

const UNKNOWN: Rule = Rule {
    why: "no metric of the app has this name, so what asks for it shows nothing",
    remedy: "correct it, or add the metric to crates/inflight/src/telemetry/names.rs",
};
const NO_LIST: Rule = Rule {
    why: "every name that Grafana, Prometheus, k6 and the dashboard use is checked against it",
    remedy: "declare the metrics there: pub const NAME: &str = \"http_requests_total\";",
};

const LIST: &str = "crates/inflight/src/telemetry/names.rs";
/// Metrics that Prometheus and the Collector make themselves.
const FOREIGN: &[&str] = &["up", "scrape_", "otelcol_", "prometheus_", "target_info", "ALERTS"];
/// Words of PromQL that stand where a metric could.
const WORDS_OF_PROMQL: &[&str] = &[
    "and",
    "or",
    "unless",
    "by",
    "without",
    "on",
    "ignoring",
    "group_left",
    "group_right",
    "bool",
    "offset",
    "atan2",
    "inf",
    "nan",
    "sum",
    "min",
    "max",
    "avg",
    "count",
    "group",
    "stddev",
    "stdvar",
    "topk",
    "bottomk",
    "quantile",
    "count_values",
    "limitk",
    "limit_ratio",
];
/// Words that a list of labels follows.
const BEFORE_LABELS: &[&str] = &["by", "without", "on", "ignoring", "group_left", "group_right"];

/// Applies the rule.
pub(super) fn check(files: &[Text]) -> Vec<Violation> {
    let Some(names) = files.iter().find(|file| file.path == LIST).map(|file| Names::parse(&file.text)) else {
        return vec![NO_LIST.broken_at(LIST, 1, "there is no such file")];
    };
    let mut found = Vec::new();
    for file in files {
        let path = file.path.as_str();
        if path.starts_with("deploy/grafana/") && path.ends_with(".json") {
            // What is no JSON, the rule about provisioning tells.
            let queries = grafana::queries(&file.text).unwrap_or_default();
            in_promql(file, queries.iter().map(|query| query.expression.as_str()), &names, &mut found);
        } else if path.starts_with("deploy/prometheus/") {
            let expressions = rule_expressions(&file.text);
            in_promql(file, expressions.iter().map(String::as_str), &names, &mut found);
        } else if is_script(path) {
            in_script(file, &names, &mut found);
        }
    }
    found
}

/// Scripts of k6 and of the dashboard; not what others wrote.
fn is_script(path: &str) -> bool {
    let ours = path.starts_with("k6/") || path.starts_with("crates/inflight/src/web/");
    ours && !path.contains("/vendor/") && !path.ends_with(".md")
}

/// The names of the app's metrics.
struct Names(BTreeSet<String>);

impl Names {
    /// Reads the constants of the list.
    fn parse(list: &str) -> Self {
        let value = |line: &str| Some(line.split_once(": &str = \"")?.1.split('"').next()?.to_owned());
        Self(list.lines().filter(|line| line.contains("const ")).filter_map(value).collect())
    }

    /// Whether a series can have this name; those of a histogram end in one of three ways.
    fn know(&self, name: &str) -> bool {
        let base = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
        self.0.contains(name) || base.is_some_and(|base| self.0.contains(base))
    }

    /// Whether a word looks like one of ours: it begins as one of ours does, up to the first underscore.
    fn resemble(&self, word: &str) -> bool {
        let family = |name: &str| name.split_once('_').map(|(family, _)| family.to_owned());
        let of = family(word);
        of.is_some() && self.0.iter().any(|name| family(name) == of)
    }
}

fn in_promql<'a>(
    file: &Text,
    expressions: impl Iterator<Item = &'a str>,
    names: &Names,
    found: &mut Vec<Violation>,
) {
    let foreign =
        |name: &str| FOREIGN.iter().any(|one| name == *one || (one.ends_with('_') && name.starts_with(one)));
    let used: BTreeSet<&str> = expressions.flat_map(metrics_of).collect();
    for name in used.into_iter().filter(|name| !names.know(name) && !foreign(name)) {
        found.push(UNKNOWN.broken(file, line_of(&file.text, name), format!("`{name}`")));
    }
}

fn in_script(file: &Text, names: &Names, found: &mut Vec<Violation>) {
    // k6's built-in metrics, and those that a script declares for itself.
    let own = |word: &str| {
        word.starts_with("http_req") && !word.starts_with("http_request")
            || ["Counter", "Rate", "Gauge", "Trend"]
                .iter()
                .any(|kind| file.text.contains(&format!("new {kind}('{word}'")))
    };
    let mut told = BTreeSet::new();
    for (line, word) in words(&file.text) {
        if names.resemble(word) && !names.know(word) && !own(word) && told.insert(word) {
            found.push(UNKNOWN.broken(file, line, format!("`{word}`")));
        }
    }
}

/// Every `expr` of a file of Prometheus rules.
fn rule_expressions(text: &str) -> Vec<String> {
    fn collect(yaml: &Yaml, found: &mut Vec<String>) {
        for (key, value) in yaml.as_hash().into_iter().flatten() {
            if key.as_str() == Some("expr") {
                found.extend(value.as_str().map(str::to_owned));
            }
            collect(value, found);
        }
        yaml.as_vec().into_iter().flatten().for_each(|item| collect(item, found));
    }
    let mut found = Vec::new();
    YamlLoader::load_from_str(text)
        .unwrap_or_default()
        .iter()
        .for_each(|document| collect(document, &mut found));
    found
}

/// The metrics that a PromQL expression selects by name.
fn metrics_of(expression: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = expression.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = token_length(rest, first);
        let (token, behind) = rest.split_at(length);
        let behind = behind.trim_start();
        rest = behind;
        if !is_name_start(first) {
            continue;
        }
        if BEFORE_LABELS.contains(&token) && behind.starts_with('(') {
            rest = behind.split_once(')').map_or("", |(_labels, after)| after);
        } else if !behind.starts_with('(') && !WORDS_OF_PROMQL.contains(&token) {
            found.push(token);
        }
        rest = rest.trim_start();
    }
    found
}

fn is_name_start(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_' || c == ':'
}

/// The length in bytes of what begins with `first`: a string, a selector, a range, a variable, a number or a name.
fn token_length(text: &str, first: char) -> usize {
    let until = |close: char| text[1..].find(close).map_or(text.len(), |at| at + 1 + close.len_utf8());
    let while_in = |more: &str| {
        text[1..]
            .find(|c: char| !c.is_ascii_alphanumeric() && !more.contains(c))
            .map_or(text.len(), |at| at + 1)
    };
    match first {
        '"' | '\'' | '`' => until(first),
        // A selector's values are strings, and a closing brace inside one would end it early.
        '{' => selector_length(text),
        '[' => until(']'),
        '$' if text[1..].starts_with('{') => until('}'),
        '$' => while_in("_"),
        c if c.is_ascii_digit() => while_in("."),
        c if is_name_start(c) => while_in("_:"),
        c => c.len_utf8(),
    }
}

fn selector_length(text: &str) -> usize {
    let mut quoted = false;
    for (at, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '}' if !quoted => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{file, told};
    use super::*;

    #[test]
    fn metrics_of_an_expression() {
        for (expression, expected) in [
            (
                "sum by (endpoint) (rate(http_requests_total{status=~\"5..\"}[$__rate_interval]))",
                vec!["http_requests_total"],
            ),
            ("histogram_quantile(0.95, sum(rate(a_bucket{x=\"{}\"}[5m])) by (le))", vec!["a_bucket"]),
            ("a / on(x) group_left(y) b offset 5m or vector(0)", vec!["a", "b"]),
            ("a > bool 1e3 and ${quantile} < $x + 2", vec!["a"]),
            ("sum(a) / clamp_min(sum without (le) (b), 1)", vec!["a", "b"]),
        ] {
            assert_eq!(metrics_of(expression), expected, "{expression}");
        }
    }

    const LIST_TEXT: &str = "/// Requests.\npub const REQUESTS: &str = \"http_requests_total\";\n\
                             pub const WAIT: &str = \"serviceB_semaphore_wait_ms\";\n";

    #[test]
    fn unknown_names_are_told_where_they_stand() {
        let dashboard = "{\"panels\": [{\"targets\": [\n{\"expr\": \"up + http_requests_total + http_request_total\"},\n{\"expr\": \"serviceB_semaphore_wait_ms_bucket\"}]}]}";
        let rules = "groups:\n- rules:\n  - expr: rate(http_requests[5m])\n";
        let script =
            "const n = new Rate('http_own');\nthresholds: { http_req_duration: 1, http_requests_totl: 2 }\n";
        let files = [
            file(LIST, LIST_TEXT),
            file("deploy/grafana/dashboards/a.json", dashboard),
            file("deploy/prometheus/rules.yml", rules),
            file("k6/a.js", script),
            file("crates/inflight/src/web/vendor/x.js", "http_requests_totl"),
        ];
        let expected = [
            "deploy/grafana/dashboards/a.json:2: `http_request_total`",
            "deploy/prometheus/rules.yml:3: `http_requests`",
            "k6/a.js:2: `http_requests_totl`",
        ];
        assert_eq!(told(check, &files), expected);
        assert_eq!(told(check, &[]), [format!("{LIST}:1: there is no such file")]);
    }
}
