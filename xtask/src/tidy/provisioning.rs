//! What Grafana finds at its start: data sources, dashboards and the references between them. Grafana itself says
//! nothing about a wrong reference until someone looks at an empty panel.

use super::{Rule, Text, Violation, line_of};
use serde_json::Value;
use std::collections::BTreeSet;
use yaml_rust2::{Yaml, YamlLoader};

const SYNTAX: Rule = Rule { why: "Grafana would not start, or skip the file", remedy: "correct the syntax" };
const REFERENCE: Rule = Rule {
    why: "a panel with an unknown data source shows nothing, without an error in the log",
    remedy: "use the uid of a data source in deploy/grafana/provisioning/datasources",
};
const IDENTITY: Rule = Rule {
    why: "Grafana recognises a provisioned dashboard by its uid and a panel by its id; links and saved state hang on them",
    remedy: "give every dashboard a uid of its own, and every panel an id of its own",
};
const CLASSIC: Rule = Rule {
    why: "file provisioning takes the classic format only; Grafana refuses what its newer editor exports",
    remedy: "export the dashboard as classic JSON",
};
const MOUNT: Rule = Rule {
    why: "the folder of a provider has to be mounted into Grafana's container",
    remedy: "make options.path and the volume in compose.yaml agree",
};
const MISSING: Rule =
    Rule { why: "the stack promises Grafana with a data source and a dashboard", remedy: "write it" };

const DATASOURCES: &str = "deploy/grafana/provisioning/datasources/";
const PROVIDERS: &str = "deploy/grafana/provisioning/dashboards/";
const DASHBOARDS: &str = "deploy/grafana/dashboards/";
/// Grafana's own sources: annotations and mixed panels.
const BUILT_IN: &[&str] = &["-- Grafana --", "-- Mixed --", "-- Dashboard --", "grafana"];

/// Applies the rule.
pub(super) fn check(files: &[Text]) -> Vec<Violation> {
    let mut found = Vec::new();
    let uids = datasource_uids(files, &mut found);
    check_providers(files, &mut found);
    let mut seen = BTreeSet::new();
    let dashboards: Vec<&Text> =
        below(files, DASHBOARDS).filter(|file| file.path.ends_with(".json")).collect();
    if dashboards.is_empty() {
        found.push(MISSING.broken_at(DASHBOARDS, 1, "there is no dashboard"));
    }
    for file in dashboards {
        match serde_json::from_str::<Value>(&file.text) {
            Ok(dashboard) => check_dashboard(file, &dashboard, &uids, &mut seen, &mut found),
            Err(error) => found.push(SYNTAX.broken(file, error.line(), error.to_string())),
        }
    }
    found
}

fn below<'a>(files: &'a [Text], folder: &'a str) -> impl Iterator<Item = &'a Text> {
    files.iter().filter(move |file| file.path.starts_with(folder))
}

/// All documents of the YAML files below a folder, with the file of each.
fn yaml<'a>(files: &'a [Text], folder: &'a str, found: &mut Vec<Violation>) -> Vec<(&'a Text, Yaml)> {
    let mut documents = Vec::new();
    for file in
        below(files, folder).filter(|file| file.path.ends_with(".yml") || file.path.ends_with(".yaml"))
    {
        match YamlLoader::load_from_str(&file.text) {
            Ok(parsed) => documents.extend(parsed.into_iter().map(|document| (file, document))),
            Err(error) => found.push(SYNTAX.broken(file, error.marker().line(), error.to_string())),
        }
    }
    documents
}

fn datasource_uids(files: &[Text], found: &mut Vec<Violation>) -> BTreeSet<String> {
    let mut uids = BTreeSet::new();
    let documents = yaml(files, DATASOURCES, found);
    if documents.is_empty() {
        found.push(MISSING.broken_at(DATASOURCES, 1, "there is no data source"));
    }
    for (file, document) in documents {
        for source in document["datasources"].as_vec().into_iter().flatten() {
            match source["uid"].as_str() {
                Some(uid) => drop(uids.insert(uid.to_owned())),
                None => found.push(REFERENCE.broken(file, 1, "a data source without a uid")),
            }
        }
    }
    uids
}

fn check_providers(files: &[Text], found: &mut Vec<Violation>) {
    let compose = files.iter().find(|file| file.path == "compose.yaml").map_or("", |file| &file.text);
    for (file, document) in yaml(files, PROVIDERS, found) {
        for provider in document["providers"].as_vec().into_iter().flatten() {
            let path = provider["options"]["path"].as_str().unwrap_or_default();
            if path.is_empty() || !compose.contains(&format!(":{path}:ro")) {
                let what = format!("compose.yaml mounts nothing at `{path}`");
                found.push(MOUNT.broken(file, line_of(&file.text, "path:"), what));
            }
        }
    }
}

fn check_dashboard(
    file: &Text,
    dashboard: &Value,
    uids: &BTreeSet<String>,
    seen: &mut BTreeSet<String>,
    found: &mut Vec<Violation>,
) {
    if dashboard["panels"].as_array().is_none() {
        found.push(CLASSIC.broken(file, 1, "no list `panels` at the top"));
    }
    match dashboard["uid"].as_str() {
        Some(uid) if !uid.is_empty() && seen.insert(uid.to_owned()) => {}
        uid => found.push(IDENTITY.broken(
            file,
            line_of(&file.text, "\"uid\""),
            format!("the dashboard's uid is {uid:?}"),
        )),
    }
    let mut ids = BTreeSet::new();
    for id in panel_ids(&dashboard["panels"]) {
        if !ids.insert(id) {
            let needle = format!("\"id\": {id}");
            found.push(IDENTITY.broken(
                file,
                line_of(&file.text, &needle),
                format!("two panels with the id {id}"),
            ));
        }
    }
    let mut references = BTreeSet::new();
    collect_references(dashboard, &mut references);
    for uid in references {
        let known = uids.contains(uid) || uid.starts_with('$') || BUILT_IN.contains(&uid);
        if !known {
            let what = format!("the data source `{uid}` is not provisioned");
            found.push(REFERENCE.broken(file, line_of(&file.text, &format!("\"{uid}\"")), what));
        }
    }
}

/// Ids of panels, those inside of collapsed rows too.
fn panel_ids(panels: &Value) -> Vec<i64> {
    let mut ids = Vec::new();
    for panel in panels.as_array().into_iter().flatten() {
        ids.extend(panel["id"].as_i64());
        ids.extend(panel_ids(&panel["panels"]));
    }
    ids
}

/// The uid of every `datasource` anywhere in a dashboard.
fn collect_references<'a>(value: &'a Value, uids: &mut BTreeSet<&'a str>) {
    match value {
        Value::Object(fields) => {
            for (key, inner) in fields {
                if key == "datasource" {
                    uids.extend(inner["uid"].as_str().or_else(|| inner.as_str()));
                }
                collect_references(inner, uids);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect_references(item, uids)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{file, told};
    use super::*;

    fn stack(dashboard: &str) -> Vec<Text> {
        vec![
            file("compose.yaml", "- ./deploy/grafana/dashboards:/boards:ro\n"),
            file("deploy/grafana/provisioning/datasources/a.yml", "datasources:\n  - uid: prometheus\n"),
            file(
                "deploy/grafana/provisioning/dashboards/a.yml",
                "providers:\n  - options: {path: /boards}\n",
            ),
            file("deploy/grafana/dashboards/a.json", dashboard),
        ]
    }

    #[test]
    fn a_consistent_stack_is_silent() {
        let dashboard = r#"{"uid": "a", "panels": [{"id": 1, "datasource": {"uid": "prometheus"}}],
            "annotations": {"list": [{"datasource": {"uid": "-- Grafana --"}}]}}"#;
        assert_eq!(told(check, &stack(dashboard)), [""; 0]);
    }

    #[test]
    fn every_broken_reference_is_told() {
        let dashboard = "{\"uid\": \"\",\n\"panels\": [{\"id\": 1, \"panels\": [{\"id\": 1}]},\n{\"datasource\": {\"uid\": \"other\"}}]}";
        let mut files = stack(dashboard);
        files[0].text.clear();
        let board = "deploy/grafana/dashboards/a.json";
        let expected = [
            "deploy/grafana/provisioning/dashboards/a.yml:2: compose.yaml mounts nothing at `/boards`"
                .to_owned(),
            format!("{board}:1: the dashboard's uid is Some(\"\")"),
            format!("{board}:2: two panels with the id 1"),
            format!("{board}:3: the data source `other` is not provisioned"),
        ];
        assert_eq!(told(check, &files), expected);
    }

    #[test]
    fn files_that_do_not_parse_or_are_not_there_are_told() {
        assert!(told(check, &stack("{"))[0].starts_with("deploy/grafana/dashboards/a.json:1: "));
        assert_eq!(told(check, &[]).len(), 2);
    }
}
