//! The strategies and the lab touch nothing outside of themselves: no files, no environment, no network, no clock of
//! the runtime, no terminal. That is what lets the same code run in virtual time.

use super::{Rule, Text, Violation};

const WALL: Rule = Rule {
    why: "this crate does no IO and reads no clock; only then does the same code run live and in virtual time",
    remedy: "take the value as an argument, or move the code to crates/inflight, the shell",
};

const BEHIND_THE_WALL: &[&str] = &["crates/inflight-strategies/src/", "crates/inflight-lab/src/"];
/// The door in the wall: a world for those who ask for one by a feature.
const DOOR: &str = "crates/inflight-strategies/src/tokio.rs";
/// Crates that a manifest behind the wall must not name; an empty list: none at all, but for those of features.
const MANIFESTS: &[(&str, &[&str])] = &[
    ("crates/inflight-strategies/Cargo.toml", &[]),
    (
        "crates/inflight-lab/Cargo.toml",
        &["tokio", "hyper", "hyper-util", "ureq", "rustix", "clap", "opentelemetry", "inflight"],
    ),
];
const MODULES_OF_STD: &[&str] = &["fs", "env", "net", "process"];
/// Neither reads nor tells anything: it ends everything.
const ABORT: &str = "std::process::abort()";
const BANNED: &[&str] = &["tokio::net", "tokio::time", "println!", "eprint!", "print!"];

/// Applies the rule.
pub(super) fn check(files: &[Text]) -> Vec<Violation> {
    let behind =
        |file: &&Text| file.path != DOOR && BEHIND_THE_WALL.iter().any(|wall| file.path.starts_with(wall));
    let mut found = Vec::new();
    for file in files.iter().filter(behind) {
        for (index, line) in file.text.lines().enumerate() {
            if let Some(banned) = banned(line) {
                found.push(WALL.broken(file, index + 1, format!("`{banned}`")));
            }
        }
    }
    for (path, banned) in MANIFESTS {
        found.extend(
            files.iter().filter(|file| file.path == *path).flat_map(|file| dependencies(file, banned)),
        );
    }
    found
}

/// The dependencies of a manifest that it must not have. Those of its tests are free.
fn dependencies(manifest: &Text, banned: &[&str]) -> Vec<Violation> {
    let mut inside = false;
    let mut found = Vec::new();
    for (index, line) in manifest.text.lines().enumerate() {
        if line.starts_with('[') {
            inside =
                line.starts_with("[dependencies") || (line.starts_with("[target") && !line.contains("dev-"));
            continue;
        }
        let name = line.split(['.', '=', ' ']).next().unwrap_or_default();
        let is_name = inside && !name.is_empty() && !name.starts_with('#');
        let everything = banned.is_empty() && !line.contains("optional = true");
        if is_name && (everything || banned.contains(&name)) {
            found.push(WALL.broken(manifest, index + 1, format!("depends on `{name}`")));
        }
    }
    found
}

/// What a line of code mentions that it must not, if anything. Comments may.
fn banned(line: &str) -> Option<String> {
    let code = line.split("//").next().unwrap_or_default().replace(ABORT, "");
    if let Some(word) = BANNED.iter().find(|word| code.contains(*word)) {
        return Some((*word).to_owned());
    }
    let (_, inside) = code.split_once("std::")?;
    let mut names = inside.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|name| !name.is_empty());
    // `std::fs::read`, or `use std::{fmt, fs}`.
    let of_std = |name: &&str| MODULES_OF_STD.contains(name);
    let module = if inside.starts_with('{') { names.find(of_std) } else { names.next().filter(of_std) };
    module.map(|module| format!("std::{module}"))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{file, told};
    use super::*;

    #[test]
    fn io_behind_the_wall_is_told() {
        let text = "use std::{fmt, fs};\n// std::env in a comment\nlet x = std::env::args();\nuse std::sync::Arc;\nprintln!();\n";
        let files = [file("crates/inflight-lab/src/a.rs", text), file("crates/inflight/src/b.rs", text)];
        let expected = ["1: `std::fs`", "3: `std::env`", "5: `println!`"];
        assert_eq!(told(check, &files), expected.map(|end| format!("crates/inflight-lab/src/a.rs:{end}")));
    }

    #[test]
    fn dependencies_behind_the_wall_are_told() {
        let text =
            "[dependencies]\nlibm.workspace = true\ntokio = \"1\"\n\n[dev-dependencies]\nhyper = \"1\"\n";
        let lab = file("crates/inflight-lab/Cargo.toml", text);
        assert_eq!(told(check, &[lab]), ["crates/inflight-lab/Cargo.toml:3: depends on `tokio`"]);
        let strategies = file("crates/inflight-strategies/Cargo.toml", text);
        assert_eq!(told(check, &[strategies]).len(), 2, "none at all");
    }

    #[test]
    fn names_that_only_look_like_it_are_free() {
        for line in [
            "use std::fmt;",
            "my_std::fs_like()",
            "use std::sync::{mpsc, Arc};",
            "std::future::Future",
            ABORT,
        ] {
            assert_eq!(banned(line), None, "{line}");
        }
    }
}
