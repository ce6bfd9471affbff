//! compose.yaml publishes nothing beyond this machine.

use super::{Rule, Text, Violation, line_of};
use yaml_rust2::{Yaml, YamlLoader};

const LOOPBACK: Rule = Rule {
    why: "Docker publishes on every interface and its rules bypass a host firewall; nothing here is hardened for that",
    remedy: "write \"127.0.0.1:host:container\"",
};
const SYNTAX: Rule = Rule { why: "compose would refuse it", remedy: "correct the YAML" };
const MISSING: Rule = Rule { why: "the README tells everyone to run it", remedy: "write it" };

const FILE: &str = "compose.yaml";

/// Applies the rule.
pub(super) fn check(files: &[Text]) -> Vec<Violation> {
    let Some(file) = files.iter().find(|file| file.path == FILE) else {
        return vec![MISSING.broken_at(FILE, 1, "there is no such file")];
    };
    let compose = match YamlLoader::load_from_str(&file.text) {
        Ok(documents) => documents.into_iter().next().unwrap_or(Yaml::Null),
        Err(error) => return vec![SYNTAX.broken(file, error.marker().line(), error.to_string())],
    };
    let services = compose["services"].as_hash().into_iter().flatten();
    let mut found = Vec::new();
    for (name, service) in services {
        let name = name.as_str().unwrap_or_default();
        if service["network_mode"].as_str() == Some("host") {
            found.push(LOOPBACK.broken(
                file,
                line_of(&file.text, "network_mode"),
                format!("{name} uses the host's network"),
            ));
        }
        for port in service["ports"].as_vec().into_iter().flatten().filter(|port| !is_on_loopback(port)) {
            let (text, needle) = written(port);
            let what = format!("{name} publishes {text} on every interface");
            found.push(LOOPBACK.broken(file, line_of(&file.text, &needle), what));
        }
    }
    found
}

fn is_on_loopback(port: &Yaml) -> bool {
    match port {
        Yaml::String(short) => short.starts_with("127.0.0.1:") || short.starts_with("[::1]:"),
        long => matches!(long["host_ip"].as_str(), Some("127.0.0.1" | "::1")),
    }
}

/// The port as it is written, and what to look for in the file.
fn written(port: &Yaml) -> (String, String) {
    match port {
        Yaml::String(short) => (short.clone(), short.clone()),
        Yaml::Integer(number) => (number.to_string(), number.to_string()),
        long => {
            let target = long["target"].as_i64().unwrap_or_default();
            (target.to_string(), format!("target: {target}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{file, told};
    use super::*;

    #[test]
    fn only_loopback_is_silent() {
        let text = "services:\n  a:\n    ports: [\"127.0.0.1:${P:-1}:1\"]\n  b:\n    ports:\n      - \"8080:80\"\n      - 9090\n      - target: 70\n        host_ip: 0.0.0.0\n      - target: 71\n        host_ip: 127.0.0.1\n";
        let expected = [
            "compose.yaml:6: b publishes 8080:80 on every interface",
            "compose.yaml:7: b publishes 9090 on every interface",
            "compose.yaml:8: b publishes 70 on every interface",
        ];
        assert_eq!(told(check, &[file(FILE, text)]), expected);
        assert_eq!(told(check, &[]), ["compose.yaml:1: there is no such file"]);
        assert!(told(check, &[file(FILE, "a: [")])[0].starts_with("compose.yaml:"));
    }
}
