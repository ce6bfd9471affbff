//! The project knows no machine: no home folders, and no hosts of package registries, which every tool finds by its
//! own configuration.

use super::{Rule, Text, Violation};

const HOST: Rule = Rule {
    why: "a registry is found by its client's configuration; where it is a mirror, this line is wrong",
    remedy: "name the package and the command that gets it, not the host",
};
const HOME: Rule = Rule {
    why: "this path exists on one machine",
    remedy: "use a path relative to the checkout, or a variable such as $HOME",
};

/// Spelled in two halves: this file is checked too.
const HOSTS: &[&str] = &[
    concat!("crates", ".io"),
    concat!("pypi", ".org"),
    concat!("pythonhosted", ".org"),
    concat!("npmjs", ".org"),
    concat!("npmjs", ".com"),
    concat!("proxy.golang", ".org"),
    concat!("sum.golang", ".org"),
    concat!("deb.debian", ".org"),
    concat!("rubygems", ".org"),
];
const HOMES: &[&str] = &[concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/Use", "rs/")];

/// Written by their tools, hosts included.
const LOCK_FILES: &[&str] = &["Cargo.lock", "package-lock.json", "go.sum"];

/// Applies the rule.
pub(super) fn check(files: &[Text]) -> Vec<Violation> {
    let mut found = Vec::new();
    for file in files {
        let name = file.path.rsplit('/').next().unwrap_or_default();
        if LOCK_FILES.contains(&name) {
            continue;
        }
        for (index, line) in file.text.lines().enumerate() {
            if let Some(host) = HOSTS.iter().find(|host| line.contains(*host)) {
                found.push(HOST.broken(file, index + 1, format!("the registry host {host}")));
            }
            if let Some(home) = HOMES.iter().find(|home| starts_a_path(line, home)) {
                found.push(HOME.broken(file, index + 1, format!("a path below {home}")));
            }
        }
    }
    found
}

/// Whether an absolute path in `line` begins with `home`: what stands before is no part of a path.
fn starts_a_path(line: &str, home: &str) -> bool {
    line.match_indices(home).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        before.is_none_or(|c| !c.is_alphanumeric() && !"/.-_~}$*".contains(c))
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{file, told};
    use super::*;

    #[test]
    fn hosts_and_homes_are_told_lock_files_are_not() {
        let (host, home) = (HOSTS[0], HOMES[1]);
        let text = format!("see {host}\nok\ncd {home}me/x\nassets{home}page.html\n");
        let files = [file("docs/a.md", &text), file("Cargo.lock", &text)];
        let expected =
            [format!("docs/a.md:1: the registry host {host}"), format!("docs/a.md:3: a path below {home}")];
        assert_eq!(told(check, &files), expected);
    }
}
