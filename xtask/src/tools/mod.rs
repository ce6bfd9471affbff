//! The real tools of the chain: k6 and the Collector from pinned Go modules, Prometheus from Debian. Each is made
//! once and then taken from the cache, which is keyed by version.

mod debian;
mod go;

pub(crate) use debian::{Packages, mirror};
pub(crate) use go::fnv1a;

use crate::checkout;
use crate::report::step;
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Where the tools are.
pub(crate) struct Tools {
    /// The k6 of the image that compose.yaml names.
    pub k6: PathBuf,
    /// The Collector of deploy/otel-collector/builder.yaml.
    pub collector: PathBuf,
    /// Some Prometheus 2 or 3.
    pub prometheus: PathBuf,
}

impl Tools {
    /// Takes each tool from the cache, or makes it.
    pub(crate) fn ready() -> Result<Self> {
        let cache = checkout::cache()?;
        Ok(Self { k6: go::k6(&cache)?, collector: go::collector(&cache)?, prometheus: prometheus(&cache)? })
    }

    /// The first line that each says about its version.
    pub(crate) fn versions(&self) -> Result<Vec<String>> {
        let ask = |program: &Path, argument: &str| -> Result<String> {
            let text = crate::process::output(Command::new(program).arg(argument))?;
            Ok(text.lines().next().unwrap_or_default().to_owned())
        };
        Ok(vec![
            ask(&self.k6, "version")?,
            ask(&self.collector, "--version")?,
            ask(&self.prometheus, "--version")?,
        ])
    }
}

/// The vegeta that ours is compared with.
pub(crate) const VEGETA_VERSION: &str = "12.13.0";
/// The oha that ours is compared with.
const OHA_VERSION: &str = "1.16.0";

/// The k6 of the image that compose.yaml names.
pub(crate) fn k6(cache: &Path) -> Result<PathBuf> {
    go::k6(cache)
}

/// vegeta from its Go module.
pub(crate) fn vegeta(cache: &Path) -> Result<PathBuf> {
    go::vegeta(cache, VEGETA_VERSION)
}

/// oha from its crate, with its own lock file.
pub(crate) fn oha(cache: &Path) -> Result<PathBuf> {
    let folder = cached(cache, &format!("oha-{OHA_VERSION}"), |folder| {
        let mut command = Command::new(std::env::var_os("CARGO").as_deref().unwrap_or("cargo".as_ref()));
        command
            .args(["install", "oha", "--locked", "--version", &format!("={OHA_VERSION}"), "--root"])
            .arg(folder);
        crate::process::run("cargo-install", &mut command, folder, Duration::from_secs(1800))
    })?;
    Ok(folder.join("bin/oha"))
}

/// `cargo xtask tools`.
pub(crate) fn run() -> Result<bool> {
    crate::interrupt::install()?;
    for version in Tools::ready()?.versions()? {
        println!("{version}");
    }
    Ok(true)
}

/// A Prometheus from PATH, else Debian's package, unpacked and not installed: no service is started.
fn prometheus(cache: &Path) -> Result<PathBuf> {
    if let Some(path) = crate::process::on_path("prometheus") {
        return Ok(path);
    }
    let folder = cached(cache, "prometheus-debian", |folder| {
        Packages::of_this_system(folder).unpack(&["prometheus"], folder).context(
            "no `prometheus` on PATH, and Debian's package cannot be had; install Prometheus and try again",
        )
    })?;
    Ok(folder.join("usr/bin/prometheus"))
}

/// Whether some version of a tool has been made.
pub(crate) fn is_cached(cache: &Path, tool: &str) -> bool {
    let is_it = |name: &str| name.strip_prefix(tool).is_some_and(|version| version.starts_with('-'));
    let entries = std::fs::read_dir(cache).into_iter().flatten().flatten();
    entries.into_iter().any(|entry| entry.file_name().to_str().is_some_and(is_it))
}

/// The folder `name` of the cache; `make` fills it if it is not there. A half-made one is never left under its name.
pub(crate) fn cached(cache: &Path, name: &str, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let folder = cache.join(name);
    if folder.is_dir() {
        return Ok(folder);
    }
    let making = cache.join(format!(".making-{name}-{}", std::process::id()));
    crate::interrupt::remember_folder(&making);
    std::fs::create_dir_all(&making).with_context(|| format!("cannot create {}", making.display()))?;
    let made = step(format!("makes {name}"), || make(&making));
    let kept = made.and_then(|()| {
        // If another run was faster, its result is as good as ours.
        if folder.is_dir() {
            Ok(())
        } else {
            std::fs::rename(&making, &folder).context("cannot fill the cache")
        }
    });
    // Empty or half-made: nobody will look for it.
    let _ = std::fs::remove_dir_all(&making);
    crate::interrupt::forget_folder(&making);
    kept.map(|()| folder)
}
