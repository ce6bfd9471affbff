//! The images that compose.yaml names: there, pulled, or made here around real binaries under the official name.

use super::engine::Engine;
use super::project::Project;
use crate::process::{on_path, output, run};
use crate::report::{Stopwatch, step};
use crate::tools::{Packages, Tools, mirror};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::collections::BTreeSet;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// The release that the official images of Rust and of distroless cc-debian12 are made of.
const RELEASE: &str = "bookworm";
/// The first release whose promtool can ask whether a Prometheus is ready.
const PROMETHEUS_RELEASE: &str = "trixie";
const LIMIT: Duration = Duration::from_secs(1800);
const NOBODY: u32 = 65534;
const PATH: &str = "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What there is to start services from.
pub(super) struct Images {
    /// Named by compose.yaml and not to be had.
    absent: BTreeSet<String>,
    stand_ins: Vec<String>,
}

impl Images {
    /// Whether the image of a service can be had; one that is built can.
    pub(super) fn has(&self, service: &Value) -> bool {
        let image = service["image"].as_str().unwrap_or_default();
        !service["build"].is_null() || !self.absent.contains(image)
    }

    /// Takes the stand-ins off an engine that others use: there, an official name must mean the official image.
    pub(super) fn remove_stand_ins(&self, engine: &Engine) -> Result<()> {
        if engine.is_shared() && !self.stand_ins.is_empty() {
            let mut remove = engine.docker();
            remove.args(["image", "rm", "--force"]).args(&self.stand_ins);
            step("removes the stand-ins from your engine", || output(&mut remove))?;
        }
        Ok(())
    }
}

/// Gets every image that the project starts from.
pub(super) fn ready(engine: &Engine, project: &Project<'_>, work: &Path) -> Result<Images> {
    let mut images = Images { absent: BTreeSet::new(), stand_ins: Vec::new() };
    let services = &project.defaults["services"];
    let argument = |name: &str| services["app"]["build"]["args"][name].as_str().map(str::to_owned);
    let image = |service: &str| services[service]["image"].as_str().map(str::to_owned);
    type Make = fn(&Path) -> Result<Vec<String>>;
    let wanted: [(Option<String>, Option<Make>); 6] = [
        (argument("RUST_IMAGE"), Some(rust)),
        (argument("RUNTIME_IMAGE"), Some(distroless)),
        (image("otel-collector"), Some(collector)),
        (image("prometheus"), Some(prometheus)),
        (image("k6"), Some(k6)),
        (image("grafana"), None),
    ];
    for (name, make) in wanted {
        let name = name.context("compose.yaml names no image where one was expected")?;
        if output(engine.docker().args(["image", "inspect", &name])).is_ok() {
            println!("  · {name}: there");
            continue;
        }
        let watch = Stopwatch::start();
        if engine.run("pull", engine.docker().args(["pull", "-q", &name]), LIMIT).is_ok() {
            println!("  · {name}: pulled ({watch})");
            continue;
        }
        let Some(make) = make else {
            println!("  · {name}: cannot be pulled, and there is nothing to make it of: LEFT OUT");
            images.absent.insert(name);
            continue;
        };
        step(format!("{name}: cannot be pulled, made here"), || import(engine, work, &name, make))?;
        images.stand_ins.push(name);
    }
    Ok(images)
}

/// Makes a root file system and gives it to the engine as an image.
fn import(engine: &Engine, work: &Path, name: &str, make: fn(&Path) -> Result<Vec<String>>) -> Result<()> {
    let folder = work.join("image");
    let root = folder.join("root");
    std::fs::create_dir_all(&root).context("cannot create a root file system")?;
    let changes = make(&root)?;
    let archive = folder.join("root.tar");
    let mut tar = Command::new("tar");
    tar.arg("--numeric-owner").arg("-C").arg(&root).arg("-cf").arg(&archive).arg(".");
    run("tar", &mut tar, work, LIMIT)?;
    let mut docker = engine.docker();
    docker.arg("import");
    for change in changes.iter().map(String::as_str).chain([PATH, "LABEL inflight.stand-in=true"]) {
        docker.args(["--change", change]);
    }
    engine.run("import", docker.arg(&archive).arg(name), LIMIT)?;
    std::fs::remove_dir_all(&folder).context("cannot remove a root file system")
}

/// A Debian with a C compiler and the Rust of this machine.
fn rust(root: &Path) -> Result<Vec<String>> {
    let tools = root.with_file_name("debootstrap");
    let mut command = match on_path("debootstrap") {
        Some(path) => Command::new(path),
        None => {
            Packages::of_this_system(root.parent().unwrap_or(root)).unpack(&["debootstrap"], &tools)?;
            let mut command = Command::new(tools.join("usr/sbin/debootstrap"));
            command.env("DEBOOTSTRAP_DIR", tools.join("usr/share/debootstrap"));
            command
        }
    };
    command.args(["--variant=minbase", "--include=gcc,libc6-dev,make,ca-certificates", RELEASE]);
    command.arg(root).arg(mirror()?);
    run("debootstrap", &mut command, root.parent().unwrap_or(root), LIMIT)?;
    let toolchain = output(Command::new("rustc").args(["--print", "sysroot"]))?;
    for part in ["bin", "lib", "libexec"] {
        let from = Path::new(toolchain.trim()).join(part);
        if from.is_dir() {
            output(Command::new("cp").arg("-a").arg(&from).arg(root.join("usr/local")))?;
        }
    }
    // Behind a proxy that signs for itself, cargo needs the certificates of this machine.
    let bundle = "etc/ssl/certs/ca-certificates.crt";
    if Path::new("/").join(bundle).is_file() {
        std::fs::copy(Path::new("/").join(bundle), root.join(bundle)).context("cannot copy the CA bundle")?;
    }
    Ok(Vec::new())
}

/// libc and little else, and a user who is nobody.
fn distroless(root: &Path) -> Result<Vec<String>> {
    Packages::of_release(RELEASE, root.parent().unwrap_or(root))?
        .unpack(&["libc6", "libgcc-s1", "netbase", "tzdata"], root)?;
    let users = "root:x:0:0:root:/:/sbin/nologin\nnobody:x:65534:65534::/:/sbin/nologin\nnonroot:x:65532:65532::/:/sbin/nologin\n";
    std::fs::write(root.join("etc/passwd"), users).context("cannot write the users")?;
    Ok(vec!["USER 65532".to_owned()])
}

/// Prometheus and promtool of a Debian package where the official image has them.
fn prometheus(root: &Path) -> Result<Vec<String>> {
    distroless(root)?;
    let aside = root.with_file_name("prometheus");
    Packages::of_release(PROMETHEUS_RELEASE, root.parent().unwrap_or(root))?
        .unpack(&["prometheus", "promtool"], &aside)?;
    for program in ["prometheus", "promtool"] {
        place(&aside.join("usr/bin").join(program), &root.join("bin").join(program))?;
    }
    let data = root.join("prometheus");
    std::fs::create_dir_all(&data).context("cannot create the data folder")?;
    chown(&data, Some(NOBODY), Some(NOBODY)).context("cannot give the data folder away")?;
    Ok(vec![
        format!("USER {NOBODY}"),
        "WORKDIR /prometheus".to_owned(),
        "ENTRYPOINT [\"/bin/prometheus\"]".to_owned(),
    ])
}

/// Our Collector, alone, as the official image has it.
fn collector(root: &Path) -> Result<Vec<String>> {
    place(&Tools::ready()?.collector, &root.join("otelcol-contrib"))?;
    Ok(vec!["USER 10001".to_owned(), "ENTRYPOINT [\"/otelcol-contrib\"]".to_owned()])
}

/// Our k6, alone.
fn k6(root: &Path) -> Result<Vec<String>> {
    place(&Tools::ready()?.k6, &root.join("usr/bin/k6"))?;
    Ok(vec!["USER 12345".to_owned(), "ENTRYPOINT [\"k6\"]".to_owned()])
}

fn place(program: &PathBuf, at: &Path) -> Result<()> {
    let Some(folder) = at.parent() else { bail!("{} is no place for a program", at.display()) };
    std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    std::fs::copy(program, at).with_context(|| format!("cannot copy {}", program.display())).map(drop)
}
