//! Debian packages: installed, or downloaded and unpacked without that, from this system's release or from another one.

use crate::process::{on_path, output, run};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(300);

/// Where packages come from.
pub(crate) struct Packages {
    /// Options that point apt to the right lists.
    options: Vec<String>,
    folder: PathBuf,
}

impl Packages {
    /// This system's own sources. Logs go to `folder`.
    pub(crate) fn of_this_system(folder: &Path) -> Self {
        Self { options: Vec::new(), folder: folder.to_path_buf() }
    }

    /// Another Debian release, from the mirror that this system uses, with lists of its own below `folder`.
    pub(crate) fn of_release(release: &str, folder: &Path) -> Result<Self> {
        let apt = folder.join(format!("apt-{release}"));
        for part in ["lists/partial", "archives/partial"] {
            std::fs::create_dir_all(apt.join(part)).context("cannot create apt's folders")?;
        }
        let sources = apt.join("sources.list");
        std::fs::write(&sources, format!("deb {} {release} main\n", mirror()?))
            .context("cannot write apt's sources")?;
        let option = |name: &str, path: &Path| format!("{name}={}", path.display());
        let options = vec![
            option("Dir::Etc::SourceList", &sources),
            option("Dir::Etc::SourceParts", Path::new("/dev/null")),
            option("Dir::State::Lists", &apt.join("lists")),
            option("Dir::Cache", &apt),
        ];
        let packages = Self { options, folder: folder.to_path_buf() };
        packages.update()?;
        Ok(packages)
    }

    /// Downloads packages (not what they depend on) and unpacks them into `target`.
    pub(crate) fn unpack(&self, names: &[&str], target: &Path) -> Result<()> {
        if on_path("apt-get").is_none() || on_path("dpkg-deb").is_none() {
            bail!("this is not a Debian system: no apt-get, no dpkg-deb");
        }
        let debs = self.folder.join("debs");
        std::fs::create_dir_all(&debs).context("cannot create a folder for packages")?;
        self.with_lists(|| self.download(names, &debs))?;
        for deb in std::fs::read_dir(&debs).context("cannot list the packages")? {
            let deb = deb.context("cannot list the packages")?.path();
            output(Command::new("dpkg-deb").arg("-x").arg(&deb).arg(target))?;
        }
        std::fs::remove_dir_all(&debs).context("cannot remove the packages")
    }

    /// Installs packages and what they depend on.
    pub(crate) fn install(&self, names: &[&str]) -> Result<()> {
        self.with_lists(|| {
            let mut install = self.apt("install");
            install.args(["-y", "--no-install-recommends"]).args(names);
            run("apt-install", install.env("DEBIAN_FRONTEND", "noninteractive"), &self.folder, LIMIT)
        })
    }

    /// Does what needs lists of packages. Lists that are missing or older than the mirror are the usual reason why it fails: it is
    /// done again with new ones.
    fn with_lists(&self, work: impl Fn() -> Result<()>) -> Result<()> {
        work().or_else(|first| {
            self.update().context(first)?;
            work()
        })
    }

    fn download(&self, names: &[&str], into: &Path) -> Result<()> {
        run("apt-download", self.apt("download").args(names).current_dir(into), &self.folder, LIMIT)
    }

    fn update(&self) -> Result<()> {
        run("apt-update", &mut self.apt("update"), &self.folder, LIMIT)
    }

    fn apt(&self, verb: &str) -> Command {
        let mut command = Command::new("apt-get");
        // Root's downloads would go through a user that may not write into our folder.
        command.args(["-q", "-o", "APT::Sandbox::User=root"]);
        for option in &self.options {
            command.args(["-o", option]);
        }
        command.arg(verb);
        command
    }
}

/// The mirror of Debian that this system uses.
pub(crate) fn mirror() -> Result<String> {
    let sites =
        output(Command::new("apt-get").args(["indextargets", "--format", "$(SITE)", "Origin: Debian"]))?;
    let site = sites.lines().find(|site| site.trim_end_matches('/').ends_with("/debian"));
    Ok(site.context("apt knows no Debian mirror")?.to_owned())
}
