//! The lock files of workspaces beside the main one know what the project's crates depend on now. Nobody builds these workspaces
//! in the gate, and a lock file that lags behind keeps their commands from starting.

use super::{Rule, Text, Violation, line_of};

const LOCK: Rule = Rule {
    why: "`--locked` refuses to build that workspace, and no gate tells",
    remedy: "build it once without `--locked` and commit its Cargo.lock",
};

/// Applies the rule.
pub(super) fn check(files: &[Text]) -> Vec<Violation> {
    let beside = files.iter().filter(|file| file.path.ends_with("/Cargo.lock"));
    beside.flat_map(|lock| missing(lock, files)).collect()
}

fn missing(lock: &Text, files: &[Text]) -> Vec<Violation> {
    let mut found = Vec::new();
    for package in lock.text.split("[[package]]").skip(1) {
        let Some(name) = package.lines().find_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'))
        else {
            continue;
        };
        let manifest = format!("crates/{name}/Cargo.toml");
        let Some(manifest) = files.iter().find(|file| file.path == manifest) else { continue };
        for dependency in dependencies(&manifest.text) {
            // A version follows the name where there are several.
            let is_locked = |line: &str| {
                line.trim_start()
                    .strip_prefix('"')
                    .is_some_and(|line| line.split(['"', ' ']).next() == Some(dependency))
            };
            if !package.lines().any(is_locked) {
                let line = line_of(&lock.text, &format!("name = \"{name}\""));
                found.push(LOCK.broken(lock, line, format!("`{name}` depends on `{dependency}`")));
            }
        }
    }
    found
}

/// What a crate needs whatever its features are.
fn dependencies(manifest: &str) -> impl Iterator<Item = &str> {
    let lines = manifest.lines().skip_while(|line| *line != "[dependencies]").skip(1);
    let lines = lines.take_while(|line| !line.starts_with('['));
    let needed = lines.filter(|line| !line.starts_with('#') && !line.contains("optional = true"));
    needed.filter_map(|line| line.split(['.', '=', ' ']).next()).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{file, told};
    use super::*;

    #[test]
    fn a_lock_file_that_lags_behind_is_told() {
        let manifest = "[dependencies]\nlibm.workspace = true\nslab = \"0.4\"\n# one\ntokio = { version = \"1\", optional = true }\n\n[dev-dependencies]\nhyper = \"1\"\n";
        let lock = "[[package]]\nname = \"lab\"\ndependencies = [\n \"libm 0.2.16\",\n]\n\n[[package]]\nname = \"libm\"\n";
        let crates = file("crates/lab/Cargo.toml", manifest);
        let files = [file("bench/peers/Cargo.lock", lock), file("Cargo.lock", lock), crates];
        assert_eq!(told(check, &files), ["bench/peers/Cargo.lock:2: `lab` depends on `slab`"]);
    }
}
