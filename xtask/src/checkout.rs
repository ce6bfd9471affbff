//! Where things are: the checkout, the cache of built tools, and a work folder per run.

use crate::interrupt;
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The root of the checkout that this xtask was built from.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the checkout").to_path_buf()
}

/// The folder of built and fetched tools; it outlives checkouts.
pub(crate) fn cache() -> Result<PathBuf> {
    let chosen = std::env::var_os("INFLIGHT_CACHE").map(PathBuf::from);
    let user = || {
        let xdg = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        let base = xdg.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
        base.map(|base| base.join("inflight"))
    };
    let cache = chosen
        .or_else(user)
        .context("neither INFLIGHT_CACHE nor HOME is set: nowhere to keep built tools")?;
    std::fs::create_dir_all(&cache)
        .with_context(|| format!("cannot create the cache {}", cache.display()))?;
    Ok(cache)
}

/// Reads a file of the checkout.
pub(crate) fn read(path: &str) -> Result<String> {
    let full = root().join(path);
    std::fs::read_to_string(&full).with_context(|| format!("cannot read {}", full.display()))
}

/// The folder that one run works in. Goes away with the run, unless it is kept.
pub(crate) struct WorkDir {
    path: PathBuf,
    keep: bool,
}

impl WorkDir {
    /// A fresh folder below the system's folder for temporary files.
    pub(crate) fn create(purpose: &str) -> Result<Self> {
        let path = std::env::temp_dir().join(format!("inflight-{purpose}-{}", std::process::id()));
        std::fs::create_dir_all(&path).with_context(|| format!("cannot create {}", path.display()))?;
        interrupt::remember_folder(&path);
        Ok(Self { path, keep: false })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Leaves it in place and says so.
    pub(crate) fn keep(&mut self) {
        if !self.keep {
            println!("  the work folder with all logs stays at {}", self.path.display());
            interrupt::forget_folder(&self.path);
        }
        self.keep = true;
    }
}

impl Drop for WorkDir {
    fn drop(&mut self) {
        if !self.keep {
            remove_folder(&self.path);
        }
    }
}

/// Removes a folder of temporary files, if it can be: nobody is harmed by one that stays.
pub(crate) fn remove_folder(folder: &Path) {
    // A Docker engine that is interrupted in the middle of a build leaves network namespaces mounted.
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let points = mounts.lines().filter_map(|line| line.split(' ').nth(1));
    for point in points.filter(|point| Path::new(point).starts_with(folder)) {
        let _ = Command::new("umount").arg(point).status();
    }
    let _ = std::fs::remove_dir_all(folder);
}
