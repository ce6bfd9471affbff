//! The experiments that are built in, and documents from files.

use super::BadInput;
use inflight_lab::experiment::{Document, MAX_FILE, did_you_mean};
use std::{cell::RefCell, fs, io::Read as _, path::Path};

/// Name and text of every built-in experiment.
pub(super) const EXPERIMENTS: [(&str, &str); 4] = [
    ("four-endpoints", include_str!("../../../../experiments/four-endpoints.toml")),
    ("memory-cliff", include_str!("../../../../experiments/memory-cliff.toml")),
    ("queues", include_str!("../../../../experiments/queues.toml")),
    ("adaptive-limits", include_str!("../../../../experiments/adaptive-limits.toml")),
];

/// A document with the text that it was read from.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) name: String,
    pub(super) text: String,
    pub(super) document: Document,
    /// Name and text of the files that it refers to.
    pub(super) files: Vec<(String, String)>,
}

impl Source {
    /// Reads `text`, called `file` in messages; what it refers to is looked for beside it.
    pub(super) fn read(text: String, file: &str) -> anyhow::Result<Source> {
        let beside = Path::new(file).parent().unwrap_or(Path::new("")).to_path_buf();
        let files = RefCell::new(Vec::new());
        let read_file = |name: &str| {
            let text = read(&beside.join(name)).map_err(|e| e.to_string())?;
            files.borrow_mut().push((name.to_string(), text.clone()));
            Ok(text)
        };
        let name =
            Path::new(file).file_stem().map_or(file.into(), |stem| stem.to_string_lossy().into_owned());
        match Document::read(&text, file, &read_file) {
            Ok(document) => Ok(Source { name, text, document, files: files.into_inner() }),
            Err(diagnostics) => Err(BadInput(diagnostics.to_string()).into()),
        }
    }

    /// A file, or `-` for standard input.
    pub(super) fn file(path: &Path) -> anyhow::Result<Source> {
        let text = read(path).map_err(|e| BadInput(format!("error: cannot read {}: {e}", path.display())))?;
        Source::read(text, &path.to_string_lossy())
    }

    /// A built-in experiment by name, or a file.
    pub(super) fn experiment(name: &str) -> anyhow::Result<Source> {
        let built_in = EXPERIMENTS.iter().find(|known| known.0 == name);
        let source = match built_in {
            Some((name, text)) => Source::read((*text).into(), name)?,
            None if Path::new(name).exists() || name.contains(['/', '.']) => Source::file(Path::new(name))?,
            None => {
                let known: Vec<&str> = EXPERIMENTS.iter().map(|known| known.0).collect();
                let guess = did_you_mean(name, &known)
                    .map_or(String::new(), |meant| format!(" did you mean {meant}?"));
                let known = known.join(", ");
                let what =
                    format!("error: no experiment {name:?}.{guess} There is {known}; or give a file's path");
                return Err(BadInput(what).into());
            }
        };
        if !source.document.is_experiment() {
            let what = format!("error: {name} is a configuration, not an experiment: it has no [workload]");
            return Err(BadInput(format!("{what}; serve it with `inflight serve --config {name}`")).into());
        }
        Ok(source)
    }
}

/// Reads at most [`MAX_FILE`] bytes and one more, so that what is too large is seen to be.
fn read(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    let most = MAX_FILE as u64 + 1;
    if path == Path::new("-") {
        std::io::stdin().lock().take(most).read_to_string(&mut text)?;
    } else {
        fs::File::open(path)?.take(most).read_to_string(&mut text)?;
    }
    Ok(text)
}
