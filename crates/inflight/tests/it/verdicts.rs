//! Hypotheses in files, their verdicts, and what `--expect` makes of them.

use crate::{
    program::{Dir, Said, inflight},
    run::outcome,
    run::runs,
};
use inflight_lab::experiment::{RunOutcome, VerdictKind};

/// A limit in front of a pool as large as itself: it moves the line and changes nothing else.
const EXPERIMENT: &str = r#"
question = "Does a limit in front of a pool change anything?"
rounds   = 6
[workload]
arrivals = { bursts = { base = "15/s", burst = "45/s", length = "5s", at = ["20s"] } }
duration = "60s"
warmup   = "5s"
[service.b]
contention = { pool = { servers = 20 } }
[[arm]]
name  = "async"
calls = "parallel"
[[arm]]
name  = "limited"
calls = "parallel"
b     = [ { limit = { permits = 20, queue = "unbounded" } } ]
[[hypothesis]]
name  = "same"
claim = "p99(limited) = p99(async) within 5%"
[[hypothesis]]
name  = "wait"
claim = "p99(wait(limited)) > 10ms within burst"
[[hypothesis]]
name  = "back"
claim = "recovers(limited) within 30s"
[[hypothesis]]
name  = "less"
claim = "p50(limited) < 0.5 * p50(async) @ permits=19"
"#;

fn sim(args: &[&str]) -> (Dir, Said) {
    let dir = Dir::new();
    dir.file("mine.toml", EXPERIMENT);
    let mut command = inflight();
    command.current_dir(dir.path()).args(["sim", "mine.toml"]).args(args);
    (dir, Said::by(command))
}

#[test]
fn verdicts_are_the_same_bytes_with_any_number_of_threads_and_are_kept() {
    let (dir, said) = sim(&["--json", "--threads", "1", "--save"]);
    let run: RunOutcome = serde_json::from_str(&said.stdout).unwrap_or_else(|e| panic!("{e}: {said:?}"));
    assert_eq!(outcome(&runs(&dir)[0]), run);
    let experiment = &run.experiments[0];
    let kinds: Vec<(&str, VerdictKind)> =
        experiment.verdicts.iter().map(|verdict| (verdict.name.as_str(), verdict.verdict)).collect();
    let (holds, refuted) = (VerdictKind::Holds, VerdictKind::Refuted);
    assert_eq!(
        kinds,
        [("same", holds), ("wait", holds), ("back", holds), ("less", refuted)],
        "{experiment:#?}"
    );
    assert_eq!((experiment.rounds.done, experiment.arms[0].rounds.len()), (6, 6));
    let controls: Vec<&str> = experiment.controls.iter().map(|control| control.name.as_str()).collect();
    assert_eq!(controls, ["A/A p50", "A/A p99", "A/A goodput"]);
    let verdicts = |args: &[&str]| {
        let run: RunOutcome = serde_json::from_str(&sim(args).1.stdout).expect("an outcome");
        run.experiments[0].verdicts.clone()
    };
    assert_eq!(verdicts(&["--json", "--threads", "2"]), experiment.verdicts);
}

#[test]
fn what_was_expected_decides_how_the_program_ends() {
    for (expected, code) in [
        (&["same=holds", "less=refuted"][..], 0),
        (&["all=holds"], 3),
        (&["same=refuted"], 3),
        (&["sane=holds"], 2),
        (&["same=perhaps"], 2),
    ] {
        let args: Vec<&str> = expected.iter().flat_map(|one| ["--expect", one]).collect();
        let said = sim(&args).1;
        assert_eq!(said.code, code, "{expected:?}: {said:?}");
    }
}

#[test]
fn a_cell_that_cannot_be_is_told_before_anything_runs() {
    let dir = Dir::new();
    dir.file("mine.toml", EXPERIMENT.replace("permits=19", "permits=0"));
    for command in ["check", "sim"] {
        let mut program = inflight();
        program.current_dir(dir.path()).args([command, "mine.toml"]);
        let said = Said::by(program);
        assert_eq!(said.code, 2, "{said:?}");
        assert!(said.stderr.ends_with("in a claim about permits=0\n"), "{}", said.stderr);
    }
}

#[test]
fn an_arm_that_is_left_out_leaves_its_claims_undecided() {
    let said = sim(&["--only", "async", "--json"]).1;
    let run: RunOutcome = serde_json::from_str(&said.stdout).unwrap_or_else(|e| panic!("{e}: {said:?}"));
    let kinds: Vec<VerdictKind> = run.experiments[0].verdicts.iter().map(|v| v.verdict).collect();
    assert_eq!(kinds[..3], [VerdictKind::Undecided; 3]);
}
