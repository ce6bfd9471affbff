//! The variables of compose.yaml stand in .env.example and in the Dockerfile with the same defaults.

use super::{Rule, Text, Violation, line_of};

const UNEQUAL: Rule = Rule {
    why: "the same default is written in several files, and who changes one of them believes what it says",
    remedy: "write the same default in compose.yaml, .env.example (as a comment) and the Dockerfile's ARG",
};

const COMPOSE: &str = "compose.yaml";

/// Applies the rule.
pub(super) fn check(files: &[Text]) -> Vec<Violation> {
    let file = |path: &str| files.iter().find(|file| file.path == path);
    let Some(compose) = file(COMPOSE) else { return Vec::new() };
    let mut found = Vec::new();
    for (name, default) in variables(&compose.text) {
        let tell = |other: &str, written: &str| {
            let what = format!("{other} has no line `{written}`");
            UNEQUAL.broken(compose, line_of(&compose.text, &format!("${{{name}:-{default}}}")), what)
        };
        let example = format!("#{name}={default}");
        if let Some(list) = file(".env.example").filter(|list| !has_line(list, &example)) {
            found.push(tell(&list.path, &example));
        }
        let argument = format!("ARG {name}={default}");
        let named = |text: &&Text| text.text.contains(&format!("ARG {name}="));
        if let Some(dockerfile) = file("Dockerfile").filter(named).filter(|text| !has_line(text, &argument)) {
            found.push(tell(&dockerfile.path, &argument));
        }
    }
    found
}

fn has_line(file: &Text, line: &str) -> bool {
    file.text.lines().any(|one| one.trim_end() == line)
}

/// Every `${NAME:-default}`, once each.
fn variables(compose: &str) -> Vec<(&str, &str)> {
    let inside = compose.split("${").skip(1).filter_map(|rest| rest.split_once('}'));
    let mut found: Vec<_> = inside.filter_map(|(inside, _)| inside.split_once(":-")).collect();
    found.sort_unstable();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::super::testing::{file, told};
    use super::*;

    #[test]
    fn defaults_that_differ_are_told() {
        let compose = file(COMPOSE, "a: ${PORT:-8080}:${PORT:-8080}\nb: ${RUST:-rust:1.95}\n");
        let example = |text| file(".env.example", text);
        let docker = |text| file("Dockerfile", text);
        let good = [compose, example("#PORT=8080\n#RUST=rust:1.95\n"), docker("ARG RUST=rust:1.95\n")];
        assert_eq!(told(check, &good), [""; 0]);
        let [compose, ..] = good;
        let bad = [compose, example("#PORT=80\n#RUST=rust:1.95"), docker("ARG RUST=rust:1.94")];
        let expected = [
            "compose.yaml:1: .env.example has no line `#PORT=8080`",
            "compose.yaml:2: Dockerfile has no line `ARG RUST=rust:1.95`",
        ];
        assert_eq!(told(check, &bad), expected);
    }
}
