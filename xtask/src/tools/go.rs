//! Tools built from pinned Go modules. `go install module@version` refuses modules with `replace` lines and asks for
//! more than the module itself, so the module's own folder is copied and built there, with its own go.sum.

use super::cached;
use crate::checkout;
use crate::process::{output, run};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const K6_MODULE: &str = "go.k6.io/k6/v2";
const VEGETA_MODULE: &str = "github.com/tsenart/vegeta/v12";
const BUILDER_MODULE: &str = "go.opentelemetry.io/collector/cmd/builder";
const MANIFEST: &str = "deploy/otel-collector/builder.yaml";

/// A cold build of either takes 2 minutes on two idle cores.
const BUILD_LIMIT: Duration = Duration::from_secs(1800);

/// The k6 of the version that compose.yaml names.
pub(super) fn k6(cache: &Path) -> Result<PathBuf> {
    let version = k6_version(&checkout::read("compose.yaml")?)?;
    let folder = cached(cache, &format!("k6-{version}"), |folder| {
        build_module(K6_MODULE, &version, &folder.join("k6"), folder)
    })?;
    Ok(folder.join("k6"))
}

/// A load generator to compare ours with.
pub(super) fn vegeta(cache: &Path, version: &str) -> Result<PathBuf> {
    let folder = cached(cache, &format!("vegeta-{version}"), |folder| {
        build_module(VEGETA_MODULE, version, &folder.join("vegeta"), folder)
    })?;
    Ok(folder.join("vegeta"))
}

/// The Collector of the manifest in deploy/. The cache knows it by its version and by the manifest's text.
pub(super) fn collector(cache: &Path) -> Result<PathBuf> {
    let manifest = checkout::read(MANIFEST)?;
    let version = manifest_version(&manifest)?;
    let name = format!("otelcol-{version}-{:016x}", fnv1a(&manifest));
    let folder = cached(cache, &name, |folder| {
        let builder = folder.join("builder");
        build_module(BUILDER_MODULE, &version, &builder, folder)?;
        let mut command = Command::new(&builder);
        // The manifest's output_path is relative: it lands here.
        command
            .arg("--config")
            .arg(checkout::root().join(MANIFEST))
            .current_dir(folder)
            .env("CGO_ENABLED", "0");
        run("collector-builder", &mut command, folder, BUILD_LIMIT)?;
        std::fs::rename(folder.join("build/otelcol"), folder.join("otelcol"))
            .context("the Collector builder left no build/otelcol")?;
        for rest in ["build", "builder"] {
            remove(&folder.join(rest))?;
        }
        Ok(())
    })?;
    Ok(folder.join("otelcol"))
}

/// Builds the main package of `module@v<version>` into `binary`.
fn build_module(module: &str, version: &str, binary: &Path, folder: &Path) -> Result<()> {
    let wanted = format!("{module}@v{version}");
    let mut download = Command::new("go");
    download.args(["mod", "download", "-json", &wanted]).current_dir(folder);
    let answer = output(&mut download).with_context(|| {
        format!("cannot get {wanted}; building it needs Go 1.25 or newer and a module proxy")
    })?;
    let answer: serde_json::Value = serde_json::from_str(&answer).context("`go mod download -json`")?;
    let source = answer["Dir"].as_str().context("`go mod download -json` names no Dir")?;
    // The module cache is read-only, and a build writes to go.sum's folder.
    let copy = folder.join("source");
    output(Command::new("cp").arg("-r").arg(source).arg(&copy))?;
    output(Command::new("chmod").args(["-R", "u+w"]).arg(&copy))?;
    let mut build = Command::new("go");
    build
        .args(["build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o"])
        .arg(binary)
        .arg(".")
        .current_dir(&copy)
        .env("CGO_ENABLED", "0");
    run("go-build", &mut build, folder, BUILD_LIMIT)?;
    remove(&copy)
}

fn remove(path: &Path) -> Result<()> {
    let removed = if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
    removed.with_context(|| format!("cannot remove {}", path.display()))
}

/// The version in `grafana/k6:<version>`.
fn k6_version(compose: &str) -> Result<String> {
    let (_, rest) = compose.split_once("grafana/k6:").context("compose.yaml names no grafana/k6 image")?;
    let version: String = rest.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
    if version.is_empty() {
        bail!("compose.yaml names grafana/k6 without a version");
    }
    Ok(version)
}

/// `dist.version` of a builder manifest.
fn manifest_version(manifest: &str) -> Result<String> {
    let line = manifest.lines().find_map(|line| line.trim().strip_prefix("version:"));
    Ok(line.with_context(|| format!("{MANIFEST} has no dist.version"))?.trim().to_owned())
}

/// FNV-1a, 64 bits: a name for a text. Constants: the FNV authors' offset basis and prime.
pub(crate) fn fnv1a(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn k6_version_is_the_images() {
        assert_eq!(k6_version("image: ${K6_IMAGE:-grafana/k6:2.2.0}\n").unwrap(), "2.2.0");
        assert!(k6_version("image: grafana/k6:latest").is_err());
        assert!(k6_version("image: x").is_err());
    }

    #[test]
    fn fnv1a_of_known_texts() {
        // Test vectors of the FNV authors.
        assert_eq!(fnv1a(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a("foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn one_collector_version_everywhere() {
        let manifest = checkout::read(MANIFEST).unwrap();
        let version = manifest_version(&manifest).unwrap();
        let compose = checkout::read("compose.yaml").unwrap();
        assert!(compose.contains(&format!("otel/opentelemetry-collector-contrib:{version}}}")));
        for line in manifest.lines().filter(|line| line.contains("gomod:") && !line.contains("/confmap/")) {
            assert!(line.ends_with(&format!(" v{version}")), "{line}");
        }
    }
}
