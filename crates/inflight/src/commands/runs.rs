//! The directories in which runs are kept.

use super::BadInput;
use anyhow::Context as _;
use inflight_lab::experiment::RunOutcome;
use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

/// The directory of one run.
#[derive(Debug)]
pub(super) struct RunDir {
    pub(super) id: String,
    pub(super) path: PathBuf,
    pub(super) started_unix_s: u64,
}

impl RunDir {
    /// Makes a new one below `runs`. Its id is four letters that are hard to confuse.
    pub(super) fn create(runs: &Path) -> anyhow::Result<RunDir> {
        fs::create_dir_all(runs).with_context(|| format!("cannot make the directory {}", runs.display()))?;
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut seed = since.as_nanos() as u64 ^ (u64::from(std::process::id()) << 40);
        for _ in 0..100 {
            let id = id(seed);
            let path = runs.join(&id);
            match fs::create_dir(&path) {
                Ok(()) => return Ok(RunDir { id, path, started_unix_s: since.as_secs() }),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                    seed = seed.wrapping_add(1)
                }
                Err(error) => return Err(error).with_context(|| format!("cannot make {}", path.display())),
            }
        }
        anyhow::bail!("no free run id below {}: move old runs away", runs.display())
    }

    /// Writes a file whole or not at all: an interrupted run leaves no half of it.
    pub(super) fn write(&self, name: &str, content: &[u8]) -> anyhow::Result<()> {
        let (path, part) = (self.path.join(name), self.path.join(format!("{name}.part")));
        let write = || {
            fs::create_dir_all(path.parent().unwrap_or(&self.path))?;
            let mut file = fs::File::create(&part)?;
            file.write_all(content)?;
            file.sync_all()?;
            fs::rename(&part, &path)
        };
        write().with_context(|| format!("cannot write {}", path.display()))
    }
}

fn id(seed: u64) -> String {
    const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz023456789";
    // Any mixing will do: the low bits of the time are the ones that differ.
    let mixed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 24;
    (0..4).map(|i| char::from(LETTERS[(mixed >> (5 * i)) as usize & 31])).collect()
}

/// Reads a saved run.
pub(super) fn read(dir: &Path) -> anyhow::Result<RunOutcome> {
    read_file(&dir.join("run.json"))
}

fn read_file(path: &Path) -> anyhow::Result<RunOutcome> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    RunOutcome::read(&text).with_context(|| path.display().to_string())
}

/// The name of a run's page.
pub(super) const PAGE: &str = "report.html";

/// The run with this id below `runs`, or the latest.
pub(super) fn chosen(runs: &Path, id: Option<&str>) -> anyhow::Result<RunOutcome> {
    match id {
        Some(id) if id.contains(['/', '\\']) || id.starts_with('.') => {
            Err(BadInput(format!("error: {id:?} is not a run's id; `inflight list` shows them")).into())
        }
        Some(id) if !runs.join(id).is_dir() => {
            let what = format!("error: no run {id:?} in {}; `inflight list` shows them", runs.display());
            Err(BadInput(what).into())
        }
        Some(id) => read(&runs.join(id)),
        None => all(runs).pop().ok_or_else(|| {
            BadInput(format!("error: no runs in {}; `inflight run` makes one", runs.display())).into()
        }),
    }
}

/// The run with this id below `runs`, or the one in a directory or a file that is named by its path.
pub(super) fn named(runs: &Path, name: &str) -> anyhow::Result<RunOutcome> {
    let path = Path::new(name);
    match path {
        path if path.is_file() => read_file(path),
        path if name.contains(['/', '\\']) && path.is_dir() => read(path),
        _ => chosen(runs, Some(name)),
    }
}

/// The latest run before `run` of the same experiments.
pub(super) fn before(runs: &Path, run: &RunOutcome) -> Option<String> {
    let names = |run: &RunOutcome| run.experiments.iter().map(|e| e.name.clone()).collect::<Vec<String>>();
    let mut earlier = all(runs).into_iter().filter(|one| one.id != run.id && names(one) == names(run));
    earlier.rfind(|one| one.started_unix_s <= run.started_unix_s).map(|one| one.id)
}

/// Every readable run below `runs`, oldest first.
pub(super) fn all(runs: &Path) -> Vec<RunOutcome> {
    let entries = fs::read_dir(runs).into_iter().flatten().flatten();
    let mut all: Vec<RunOutcome> = entries.filter_map(|entry| read(&entry.path()).ok()).collect();
    all.sort_by(|a, b| (a.started_unix_s, &a.id).cmp(&(b.started_unix_s, &b.id)));
    all
}
