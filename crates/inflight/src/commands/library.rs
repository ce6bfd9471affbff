//! The experiments that are built in, and documents from files.

use super::{
    BadInput,
    suite::{EXPERIMENTS, GROUPS, SUITE, members},
};
use crate::cli::{Choice, Profile};
use inflight_lab::experiment::{
    Document, Factor, MAX_DATA, MAX_FILE, Sweep, SweepError, did_you_mean, set_in_root, set_levels,
};
use std::{cell::RefCell, fs, io::Read as _, path::Path};

/// With how many seeds each point of a knee curve is run.
const KNEE_SEEDS: usize = 5;

/// A document with the text that it was read from.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) name: String,
    /// What it is called in messages: a path, or a built-in experiment's name.
    pub(super) file: String,
    pub(super) text: String,
    pub(super) document: Document,
    /// Name and text of the files that it refers to.
    pub(super) files: Vec<(String, String)>,
}

impl Source {
    /// Reads `text`, called `file` in messages; what it refers to is looked for beside it.
    pub(super) fn read(text: String, file: &str) -> anyhow::Result<Source> {
        let files = RefCell::new(Vec::new());
        let read_file = |name: &str| {
            let text = read_beside(file, name)?;
            files.borrow_mut().push((name.to_string(), text.clone()));
            Ok(text)
        };
        let name =
            Path::new(file).file_stem().map_or(file.into(), |stem| stem.to_string_lossy().into_owned());
        match Document::read(&text, file, &read_file) {
            Ok(document) => Ok(Source { name, file: file.into(), text, document, files: files.into_inner() }),
            Err(diagnostics) => Err(BadInput(diagnostics.to_string()).into()),
        }
    }

    /// Reads `text`, which refers to no files but these.
    pub(super) fn with_files(
        text: String,
        name: &str,
        files: Vec<(String, String)>,
    ) -> anyhow::Result<Source> {
        let read_file = |name: &str| {
            let found = files.iter().find(|file| file.0 == name);
            found.map(|(_, text)| text.clone()).ok_or_else(|| "there is no such file".to_string())
        };
        match Document::read(&text, name, &read_file) {
            Ok(document) => Ok(Source { name: name.into(), file: name.into(), text, document, files }),
            Err(diagnostics) => Err(BadInput(diagnostics.to_string()).into()),
        }
    }

    /// A file, or `-` for standard input.
    pub(super) fn file(path: &Path) -> anyhow::Result<Source> {
        let text = read(path, MAX_FILE)
            .map_err(|e| BadInput(format!("error: cannot read {}: {e}", path.display())))?;
        Source::read(text, &path.to_string_lossy())
    }

    /// A built-in experiment by name, or a file.
    pub(super) fn experiment(name: &str) -> anyhow::Result<Source> {
        let built_in = EXPERIMENTS.iter().find(|known| known.0 == name);
        let source = match built_in {
            Some((name, text)) => Source::read((*text).into(), name)?,
            None if Path::new(name).exists() || name.contains(['/', '.']) => Source::file(Path::new(name))?,
            None => {
                let groups = GROUPS.iter().map(|group| group.name).chain([SUITE]);
                let known: Vec<&str> = EXPERIMENTS.iter().map(|known| known.0).chain(groups).collect();
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

    /// The experiments that `names` stand for, each as it was chosen.
    pub(super) fn all_chosen(
        names: &[String],
        choice: &Choice,
        only: &[String],
    ) -> anyhow::Result<Vec<Source>> {
        let names = names.iter().flat_map(|name| members(name));
        names.map(|name| Source::chosen(name, choice, only)).collect()
    }

    /// The experiment `name` with another seed or number of rounds, if there is one, and with the arms that are to be run alone, if it has them.
    pub(super) fn chosen(name: &str, choice: &Choice, only: &[String]) -> anyhow::Result<Source> {
        let mut source = Source::experiment(name)?;
        let arms: Vec<&str> = source.document.endpoints.iter().map(|arm| arm.name.as_str()).collect();
        if let Some(unknown) = only.iter().find(|only| !arms.contains(&only.as_str())) {
            let what = format!("error: --only {unknown}: {name} has the arms {}", arms.join(", "));
            return Err(BadInput(what).into());
        }
        if choice.profile == Profile::Full {
            let text = set_in_root(&source.text, "time-scale", "1");
            source = Source { name: source.name, ..Source::read(text, &source.file)? };
        }
        if let Some(seed) = choice.seed {
            source.document.seed = seed;
            source.text = set_in_root(&source.text, "seed", &seed.to_string());
        }
        if let Some(rounds) = choice.rounds {
            source.document.rounds = rounds;
            source.text = set_in_root(&source.text, "rounds", &rounds.to_string());
        }
        // What is wrong with a cell is said before anything runs.
        source.cells()?;
        source.knee(only)?;
        Ok(source)
    }

    /// The same with some values set, each a `KEY=VALUE`.
    pub(super) fn set(self, values: &[String]) -> anyhow::Result<Source> {
        if values.is_empty() {
            return Ok(self);
        }
        let factors = factors(values)?;
        if let Some(factor) = factors.iter().find(|factor| factor.levels.len() != 1) {
            let what = format!(
                "error: --set {}: one value, not {}; --sweep takes several",
                factor.key,
                factor.levels.len()
            );
            return Err(BadInput(what).into());
        }
        let levels: Vec<String> = factors.iter().map(|factor| factor.levels[0].clone()).collect();
        let text = set_levels(&self.text, &factors, &levels).map_err(|e| BadInput(format!("error: {e}")))?;
        let set = Source::read(text, &self.file)?;
        Ok(Source { name: self.name, ..set })
    }

    /// The cells of which claims speak (`… @ rate=24/s`): the experiment with these levels, and with these claims alone.
    pub(super) fn cells(&self) -> anyhow::Result<Vec<Document>> {
        let mut cells: Vec<&Vec<(String, String)>> = Vec::new();
        for hypothesis in self.document.hypotheses.iter().filter(|h| !h.claim.cell.is_empty()) {
            if !cells.contains(&&hypothesis.claim.cell) {
                cells.push(&hypothesis.claim.cell);
            }
        }
        cells.into_iter().map(|cell| self.cell(cell)).collect()
    }

    fn cell(&self, cell: &[(String, String)]) -> anyhow::Result<Document> {
        let levels: Vec<String> = cell.iter().map(|(factor, level)| format!("{factor}={level}")).collect();
        let named = |what: String| BadInput(format!("{what}\nin a claim about {}", levels.join(", ")));
        let factors = factors(&levels)?;
        let values: Vec<String> = cell.iter().map(|(_, level)| level.clone()).collect();
        let text = set_levels(&self.text, &factors, &values).map_err(|e| named(format!("error: {e}")))?;
        let read = Source::read(text, &self.file).map_err(|e| named(e.to_string()))?;
        let mut document =
            Document { seed: self.document.seed, rounds: self.document.rounds, ..read.document };
        document.hypotheses.retain(|hypothesis| hypothesis.claim.cell == cell);
        document.hypotheses.iter_mut().for_each(|hypothesis| hypothesis.claim.cell.clear());
        Ok(document)
    }

    /// The sweep of the file's own knee curve, with the arms `only`, or all; `None` if it has none.
    pub(super) fn knee(&self, only: &[String]) -> anyhow::Result<Option<Sweep>> {
        let Some(factor) = &self.document.sweep else { return Ok(None) };
        self.sweep(vec![factor.clone()], self.arms(only), KNEE_SEEDS).map(Some)
    }

    /// A sweep over this experiment.
    pub(super) fn sweep(
        &self,
        factors: Vec<Factor>,
        arms: Vec<usize>,
        replications: usize,
    ) -> anyhow::Result<Sweep> {
        let read_file = |name: &str| match self.files.iter().find(|file| file.0 == name) {
            Some((_, text)) => Ok(text.clone()),
            None => read_beside(&self.file, name),
        };
        let planned = Sweep::plan((&self.text, &self.file, &read_file), factors, arms, replications);
        let plan = planned.map_err(|error| match error {
            SweepError::Levels { .. } => BadInput(error.to_string()),
            _ => BadInput(format!("error: {error}")),
        })?;
        Ok(plan)
    }

    /// The numbers of the arms that are to be run: those in `only`, or all.
    pub(super) fn arms(&self, only: &[String]) -> Vec<usize> {
        let is_chosen = |i: &usize| only.is_empty() || only.contains(&self.document.endpoints[*i].name);
        (0..self.document.endpoints.len()).filter(is_chosen).collect()
    }
}

/// Factors such as `KEY=VALUES`.
pub(super) fn factors(values: &[String]) -> anyhow::Result<Vec<Factor>> {
    let read = |value: &String| Factor::parse(value).map_err(|e| BadInput(format!("error: {e}")).into());
    values.iter().map(read).collect()
}

/// Reads the file `name` that `file` refers to: it is looked for beside it.
fn read_beside(file: &str, name: &str) -> Result<String, String> {
    let beside = Path::new(file).parent().unwrap_or(Path::new(""));
    read(&beside.join(name), MAX_DATA).map_err(|e| e.to_string())
}

/// Reads a file of at most `most` bytes.
pub(super) fn read_text(path: &Path, most: usize) -> std::io::Result<String> {
    let text = read(path, most)?;
    match text.len() > most {
        true => Err(std::io::Error::other(format!("larger than {most} bytes"))),
        false => Ok(text),
    }
}

/// Reads at most `most` bytes and one more, so that what is too large is seen to be.
pub(super) fn read(path: &Path, most: usize) -> std::io::Result<String> {
    let mut text = String::new();
    let most = most as u64 + 1;
    if path == Path::new("-") {
        std::io::stdin().lock().take(most).read_to_string(&mut text)?;
    } else {
        fs::File::open(path)?.take(most).read_to_string(&mut text)?;
    }
    Ok(text)
}
