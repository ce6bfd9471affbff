//! The same seed, the same bytes: in debug, release and native builds, with and without fused multiply-add in the C
//! library, in one thread and in two, and a second time.

use crate::checkout;
use anyhow::{Context, Result, ensure};
use std::{ffi::OsStr, process::Command};

/// Takes the fused variants of the C library's functions away, in the words of old and new glibc.
const NO_FMA: &str = "glibc.cpu.hwcaps=-FMA,-FMA4,-AVX2,-AVX512F,-FMA_Usable,-FMA4_Usable,-AVX2_Usable";
/// Builds: name, arguments of cargo, flags of rustc.
const BUILDS: [(&str, &[&str], &str); 3] = [
    ("debug", &[], ""),
    ("release", &["--release"], ""),
    ("native", &["--release", "--target-dir", "target/native"], "-C target-cpu=native"),
];

/// Builds, runs and compares; whether all agree.
pub(crate) fn run() -> Result<bool> {
    println!(
        "{:<10}{:<10}{:<9}{:<18}{:<18}the C library's ln",
        "build", "C library", "threads", "worlds", "draws"
    );
    let mut lines: Vec<[String; 3]> = Vec::new();
    for (name, arguments, flags) in BUILDS {
        for (library, tunables) in [("as it is", ""), ("no FMA", NO_FMA)] {
            for threads in ["1", "2"] {
                let hashes = hashes(arguments, flags, tunables, threads)?;
                println!(
                    "{name:<10}{library:<10}{threads:<9}{:<18}{:<18}{}",
                    hashes[0], hashes[1], hashes[2]
                );
                lines.push(hashes);
            }
        }
    }
    let is_same = lines.iter().all(|line| line[..2] == lines[0][..2]);
    let is_foreign_same = lines.iter().all(|line| line[2] == lines[0][2]);
    println!("worlds and draws: {}", if is_same { "all the same" } else { "DIFFERENT" });
    println!(
        "the C library's own logarithm, which the lab does not use: {}",
        if is_foreign_same {
            "the same here (no FMA on this machine, or another C library)"
        } else {
            "different"
        }
    );
    Ok(is_same)
}

/// What one build prints.
fn hashes(arguments: &[&str], flags: &str, tunables: &str, threads: &str) -> Result<[String; 3]> {
    let cargo = std::env::var_os("CARGO");
    let mut command = Command::new(cargo.as_deref().unwrap_or(OsStr::new("cargo")));
    command.current_dir(checkout::root()).args([
        "run",
        "--quiet",
        "-p",
        "inflight-lab",
        "--example",
        "hashes",
    ]);
    command.args(arguments).args(["--", threads]).env("GLIBC_TUNABLES", tunables);
    if !flags.is_empty() {
        command.env("RUSTFLAGS", flags);
    }
    let output = command.output().context("cannot start cargo")?;
    ensure!(output.status.success(), "the build failed:\n{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).context("hashes are text")?;
    let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    words.try_into().map_err(|words| anyhow::anyhow!("three hashes were expected: {words:?}"))
}
