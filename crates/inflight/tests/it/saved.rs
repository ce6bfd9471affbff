//! `inflight report`, `compare` and `list` on runs that were saved; and that `run.json` is what its schema says.

use crate::{
    program::{Dir, Said, inflight},
    run::{EXPERIMENT, outcome, runs},
};
use expect_test::expect;
use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

/// A limit that is in the way, and a knee curve.
const LIMITED: &str = r#"
question = "Is the limit in the way?"
rounds   = 8
sweep    = "rate=20/s,40/s,60/s"
[workload]
arrivals = { poisson = { rate = "40/s" } }
duration = "12s"
warmup   = "2s"
[service.b]
latency = { exponential = "100ms" }
[[arm]]
name  = "async"
calls = "parallel"
[[arm]]
name  = "limited"
calls = "parallel"
b     = [ { limit = { permits = 5, queue = 10, max-wait = "200ms" } } ]
[[hypothesis]]
name  = "sheds"
claim = "goodput(limited) < goodput(async)"
[[hypothesis]]
name  = "short"
claim = "p99(limited) < 2s"
"#;

fn said(dir: &Dir, args: &[&str]) -> Said {
    let mut command = inflight();
    command.current_dir(dir.path()).args(args);
    Said::by(command)
}

/// A directory with a saved run of each of `texts`, in their order.
fn saved(texts: &[&str]) -> (Dir, Vec<String>) {
    let dir = Dir::new();
    let mut ids = Vec::new();
    for text in texts {
        dir.file("mine.toml", text);
        let said = said(&dir, &["sim", "mine.toml", "--save"]);
        assert_eq!(said.code, 0, "{said:?}");
        let name = |path: &PathBuf| path.file_name().expect("an id").to_string_lossy().into_owned();
        let id = runs(&dir).iter().map(name).find(|id| !ids.contains(id)).expect("a new run");
        ids.push(id);
    }
    (dir, ids)
}

/// What of `file` is not as the published schema of run.json says.
fn violations(file: &Path) -> Vec<String> {
    let schema = serde_json::from_str(include_str!("../../../../docs/run.schema.json")).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let run = serde_json::from_str(&fs::read_to_string(file).expect("run.json")).expect("JSON");
    validator.iter_errors(&run).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

#[test]
fn run_json_is_what_its_schema_says() {
    let (dir, ids) = saved(&[EXPERIMENT, LIMITED]);
    for id in &ids {
        assert_eq!(violations(&dir.path().join("runs").join(id).join("run.json")), [""; 0]);
    }
    let live = said(&dir, &["run", "mine.toml", "--rounds", "1", "--only", "limited", "--json"]);
    let file = dir.file("live.json", &live.stdout);
    assert_eq!(violations(&file), [""; 0], "{}", live.stderr);
    let wrong = live.stdout.replacen("\"complete\": true", "\"complete\": 1", 1);
    assert_eq!(violations(&dir.file("wrong.json", wrong)).len(), 1, "the schema can say no");
}

#[test]
fn the_page_of_a_saved_run_is_written_again_and_shown() {
    let (dir, ids) = saved(&[LIMITED]);
    let page = dir.path().join("runs").join(&ids[0]).join("report.html");
    let first = fs::read(&page).expect("a page");
    fs::remove_file(&page).expect("it was there");
    let again = said(&dir, &["report"]);
    assert_eq!((again.code, again.stdout), (0, format!("runs/{}/report.html\n", ids[0])));
    assert_eq!(fs::read(&page).expect("a page"), first, "the same run, the same bytes");
    assert_eq!(said(&dir, &["report", &ids[0], "-o", "-"]).stdout.as_bytes(), first);
    assert!(String::from_utf8_lossy(&first).contains("id=\"e1-knee\""), "the knee curve is drawn");
    assert!(outcome(&runs(&dir)[0]).experiments[0].sweep.as_ref().is_some_and(|s| s.rows.len() == 6));
}

#[test]
fn the_browser_is_whatever_the_system_opens_files_with() {
    let (dir, ids) = saved(&[EXPERIMENT]);
    let opened = dir.path().join("opened");
    let script = dir.file("xdg-open", format!("#!/bin/sh\necho \"$1\" > {}\n", opened.display()));
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("it is ours");
    let report = |path: &Path| {
        let mut command = inflight();
        command.current_dir(dir.path()).env("PATH", path).args(["report", "--open", "-o", "page.html"]);
        Said::by(command)
    };
    assert_eq!(report(dir.path()).code, 0);
    assert_eq!(fs::read_to_string(&opened).expect("it was asked to"), "page.html\n");
    let none = report(&dir.path().join("nowhere"));
    assert_eq!((none.code, none.stdout.as_str()), (1, "page.html\n"), "{ids:?}: the page is there anyhow");
}

#[test]
fn a_run_that_got_worse_shuts_the_gate() {
    let slower = LIMITED.replace("exponential = \"100ms\"", "exponential = \"160ms\"");
    let (dir, ids) = saved(&[LIMITED, &slower]);
    let compare = |a: &str, b: &str| said(&dir, &["compare", a, b, "--gate"]).code;
    assert_eq!((compare(&ids[0], &ids[1]), compare(&ids[0], &ids[0])), (3, 0));
    let told = said(&dir, &["compare", &ids[0], &ids[1]]);
    assert!(told.code == 0 && told.stdout.contains("worse"), "{told:?}");
    let json: serde_json::Value =
        serde_json::from_str(&said(&dir, &["compare", &ids[0], &ids[1], "--json"]).stdout).expect("JSON");
    assert!(json["rows"].as_array().is_some_and(|rows| !rows.is_empty()), "{json}");
}

#[test]
fn runs_that_cannot_be_compared_say_so() {
    let (dir, ids) = saved(&[LIMITED, EXPERIMENT]);
    let said = |args: &[&str]| {
        let said = said(&dir, args);
        (said.code, ids.iter().fold(said.stderr, |text, id| text.replace(id, "ID")))
    };
    let (code, text) = said(&["compare", &ids[0], &ids[1]]);
    assert_eq!(code, 2);
    expect![[r#"
        error: ID and ID have no arm of an experiment in common
    "#]]
    .assert_eq(&text);
    let (code, text) = said(&["compare", &ids[0], "nope"]);
    assert_eq!(code, 2);
    expect![[r#"
        error: no run "nope" in runs; `inflight list` shows them
    "#]]
    .assert_eq(&text);
}

#[test]
fn what_was_saved_is_listed_with_its_verdicts() {
    let (dir, ids) = saved(&[LIMITED]);
    let text = said(&dir, &["list", "runs"]).stdout.replace(&ids[0], "ID");
    expect![[r#"
        Runs in runs (inflight show ID)
          ID  mine              seed 1  2 hold
    "#]]
    .assert_eq(&text);
    let experiments = said(&dir, &["list", "experiments"]).stdout;
    assert!(experiments.contains("    repro-brooker-retries\n") && !experiments.contains("Runs in"));
    let strategies = said(&dir, &["list", "strategies"]).stdout;
    assert!(strategies.starts_with("Strategies (inflight explain NAME)\n"), "{strategies}");
}

#[test]
fn a_run_of_built_in_experiments_is_repeated_by_its_name() {
    let dir = Dir::new();
    let said = said(&dir, &["sim", "sync-or-async", "--rounds", "2", "--json"]);
    let run: inflight_lab::experiment::RunOutcome = serde_json::from_str(&said.stdout).expect("an outcome");
    assert_eq!(run.rerun.as_deref(), Some("inflight sim sync-or-async --seed 1 --rounds 2"));
}
