//! The shipped experiments: what comes out of each hypothesis is what its file expects.

use crate::program::{Dir, Said, inflight};
use inflight_lab::experiment::{Document, RunOutcome, VerdictKind};
use std::{collections::BTreeMap, fs, path::Path};

/// What the files expect, by experiment and hypothesis.
fn expected() -> BTreeMap<(String, String), VerdictKind> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../experiments");
    let mut all = BTreeMap::new();
    for entry in
        fs::read_dir(folder).expect("the experiments are there").map(|entry| entry.expect("readable"))
    {
        let path = entry.path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let (text, name) = (fs::read_to_string(&path).expect("text"), path.file_stem().expect("a name"));
        let name = name.to_string_lossy().into_owned();
        let document = Document::read(&text, &name, &|file| Err(format!("no {file}")));
        for hypothesis in document.unwrap_or_else(|d| panic!("{d}")).hypotheses {
            all.insert((name.clone(), hypothesis.name), hypothesis.expected);
        }
    }
    all
}

#[test]
fn every_hypothesis_comes_out_as_its_file_expects() {
    let dir = Dir::new();
    let mut command = inflight();
    command.current_dir(dir.path()).args(["sim", "suite", "--json"]);
    let said = Said::by(command);
    assert_eq!(said.code, 0, "{}", said.stderr);
    let run: RunOutcome = serde_json::from_str(&said.stdout).expect("an outcome");
    let expected = expected();
    let verdicts = run.experiments.iter().flat_map(|experiment| {
        experiment
            .verdicts
            .iter()
            .map(|verdict| ((experiment.name.clone(), verdict.name.clone()), verdict.verdict))
    });
    let found: BTreeMap<_, _> = verdicts.collect();
    assert_eq!(found.len(), expected.len(), "every hypothesis is in the suite, and judged");
    let otherwise: Vec<_> = expected.iter().filter(|(name, kind)| found.get(name) != Some(kind)).collect();
    assert!(otherwise.is_empty(), "{otherwise:?}");
}
