//! `inflight sim`: the same bytes whenever and however it runs; sweeps, traces, and what it keeps.

use crate::{
    program::{Dir, Program, Said, Talk, inflight},
    run::{EXPERIMENT, outcome, runs},
    wait::eventually,
};
use expect_test::{Expect, expect};
use inflight_lab::experiment::{RunOutcome, RunWorld, SweepOutcome};
use rustix::process::Signal;
use std::{fs, process::Stdio};

/// What `inflight sim` says about [`EXPERIMENT`].
fn sim(dir: &Dir, args: &[&str]) -> Said {
    dir.file("mine.toml", EXPERIMENT);
    let mut command = inflight();
    command.current_dir(dir.path()).args(["sim", "mine.toml"]).args(args);
    Said::by(command)
}

/// Its result, which must be one.
fn result(args: &[&str]) -> String {
    let said = sim(&Dir::new(), args);
    assert_eq!(said.code, 0, "{said:?}");
    said.stdout
}

#[test]
fn the_same_seed_gives_the_same_bytes_with_any_number_of_threads() {
    for args in [
        &["--rounds", "3", "--json"][..],
        &["--sweep", "rate=100/s,120/s", "--seeds", "3", "--json"],
        &["--trace", "5"],
    ] {
        let first = result(&[args, &["--threads", "1"]].concat());
        assert_eq!(first, result(&[args, &["--threads", "2"]].concat()));
        assert_eq!(first, result(args));
    }
}

#[test]
fn rounds_have_seeds_of_their_own_and_add_up() {
    let run = |args: &[&str]| -> RunOutcome {
        serde_json::from_str(&result(&[args, &["--json"]].concat())).expect("an outcome")
    };
    let together = run(&["--seed", "7", "--rounds", "3"]);
    let [experiment] = &together.experiments[..] else { panic!("one experiment") };
    assert_eq!((experiment.rounds.planned, experiment.rounds.done), (3, 3));
    for (number, arm) in experiment.arms.iter().enumerate() {
        assert_eq!(arm.offered, arm.rounds.iter().map(|round| round.offered).sum::<u64>());
        for (round, seed) in arm.rounds.iter().zip(["7", "8", "9"]) {
            let alone = run(&["--seed", seed, "--rounds", "1"]);
            assert_eq!(round, &alone.experiments[0].arms[number].rounds[0]);
            assert_eq!(round.seed.to_string(), seed);
        }
    }
}

#[test]
fn another_seed_gives_other_events() {
    let hash = |seed: &str| {
        let run: RunOutcome = serde_json::from_str(&result(&["--json", "--seed", seed])).expect("an outcome");
        let RunWorld::Virtual(time) = run.world else { panic!("{:?}", run.world) };
        assert!(time.elapsed_ns >= 2 * 1_200_000_000, "two arms of 1.2 s");
        time.hash
    };
    assert_eq!(hash("7"), hash("7"));
    assert_ne!(hash("7"), hash("8"));
}

#[test]
fn nothing_is_kept_unless_asked_and_then_like_a_run() {
    let dir = Dir::new();
    let said = sim(&dir, &[]);
    assert_eq!((said.code, runs(&dir).len()), (0, 0), "{said:?}");
    assert!(said.stderr.contains("times as fast as real time"), "{said:?}");
    let kept = sim(&dir, &["--save", "--set", "rate=60/s", "--only", "both"]);
    let [path] = &runs(&dir)[..] else { panic!("one run: {kept:?}") };
    let run = outcome(path);
    assert!(matches!(run.world, RunWorld::Virtual(_)) && run.experiments[0].arms.len() == 1, "{run:?}");
    let saved = fs::read_to_string(path.join("experiment.toml")).expect("experiment.toml");
    assert_eq!(saved, EXPERIMENT.replace("120/s", "60/s"));
    let mut show = inflight();
    show.current_dir(dir.path()).arg("show");
    assert_eq!(Said::by(show).stdout, kept.stdout);
}

/// A run that was saved with schema 2, and the report that it had then.
const OLD_RUN: &str = include_str!("../../../../docs/results/four-endpoints.json");

#[test]
fn runs_of_older_schemas_are_still_shown() {
    let mut json: serde_json::Value = serde_json::from_str(OLD_RUN).expect("JSON");
    let mut shown = Vec::new();
    for schema in [2, 1] {
        let dir = Dir::new();
        if schema == 1 {
            // It knew no world but the live one.
            json["schema"] = 1.into();
            json.as_object_mut().expect("a table").remove("world");
        }
        fs::create_dir_all(dir.path().join("runs/old")).expect("a folder");
        dir.file("runs/old/run.json", json.to_string());
        let mut show = inflight();
        show.current_dir(dir.path()).args(["show", "old"]);
        let said = Said::by(show);
        assert_eq!((said.code, said.stdout.contains("no machine")), (0, false), "{said:?}");
        shown.push(said.stdout);
    }
    assert_eq!(shown[0], shown[1]);
}

#[test]
fn several_experiments_are_one_run() {
    let dir = Dir::new();
    dir.file("other.toml", EXPERIMENT);
    let said = sim(&dir, &["other.toml", "mine.toml", "--save", "--only", "both"]);
    let [path] = &runs(&dir)[..] else { panic!("one run: {said:?}") };
    let names: Vec<String> = outcome(path).experiments.into_iter().map(|e| e.name).collect();
    assert_eq!(names, ["mine", "other", "mine"]);
    for folder in ["mine", "other", "mine-2"] {
        assert_eq!(
            fs::read_to_string(path.join(folder).join("experiment.toml")).expect("a file"),
            EXPERIMENT
        );
    }
}

#[test]
fn a_sweep_has_a_row_for_every_arm_of_every_cell() {
    let args = ["--sweep", "rate=60/s..120/s/60/s", "--sweep", "b.errors=0%,10%", "--seeds", "4"];
    let swept: SweepOutcome =
        serde_json::from_str(&result(&[&args[..], &["--json"]].concat())).expect("a sweep");
    let rows: Vec<String> =
        swept.rows.iter().map(|row| format!("{} {}", row.levels.join(" "), row.arm)).collect();
    let expected = [
        "60/s 0% one-by-one",
        "60/s 0% both",
        "60/s 10% one-by-one",
        "60/s 10% both",
        "120/s 0% one-by-one",
        "120/s 0% both",
        "120/s 10% one-by-one",
        "120/s 10% both",
    ];
    assert_eq!(rows, expected);
    // The same arrivals for both arms, and no failures where there are none.
    for pair in swept.rows.chunks(2) {
        assert_eq!(pair[0].offered, pair[1].offered);
        assert_eq!(pair[0].levels[1] == "0%", pair[0].failed.value == 0.0, "{:?}", pair[0]);
        assert!(pair[0].in_flight.half_width.is_some_and(|half| half > 0.0));
    }
    let csv = result(&[&args[..], &["--csv"]].concat());
    assert_eq!(csv.lines().count(), 1 + expected.len());
    let table = result(&args);
    assert!(expected.iter().all(|row| table.contains(row.rsplit(' ').next().expect("an arm"))), "{table}");
}

#[test]
fn a_trace_file_is_json_with_the_requests_asked_for() {
    let dir = Dir::new();
    let said = sim(&dir, &["--trace", "3..4", "--trace-file", "lives.json"]);
    assert_eq!(said.code, 0, "{said:?}");
    let text = fs::read_to_string(dir.path().join("lives.json")).expect("lives.json");
    let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let events = json["traceEvents"].as_array().expect("a list");
    let mut requests: Vec<u64> =
        events.iter().filter_map(|event| event["args"]["request"].as_u64()).collect();
    requests.sort_unstable();
    requests.dedup();
    assert_eq!(requests, [3, 4]);
}

#[test]
fn counters_say_what_every_virtual_world_did() {
    let text = result(&["--counters", "--only", "both"]);
    let line = text.lines().last().expect("a line");
    let cells: Vec<&str> = line.split_whitespace().collect();
    // Three tasks for every request: its own, A and B; and the driver is one more.
    let number = |cell: &str| cell.replace(',', "").parse::<u64>().unwrap_or_else(|_| panic!("{line}"));
    assert_eq!((cells[0], number(cells[2])), ("/both", 3 * number(cells[1]) + 1), "{text}");
}

#[test]
fn an_interrupted_sweep_shows_the_rows_that_are_complete() {
    let dir = Dir::new();
    dir.file("mine.toml", EXPERIMENT);
    let mut command = inflight();
    // The second row would take minutes of real time.
    command.current_dir(dir.path()).args(["sim", "mine.toml", "--only", "both", "--threads", "1"]);
    command.args(["--sweep", "duration=1s,1000h", "--seeds", "1", "--json"]);
    command.stdout(Stdio::piped());
    let mut program = Program::start(command);
    let stdout = Talk::hear(program.child.stdout.take().expect("piped"));
    program.begun();
    program.signal(Signal::INT);
    assert_eq!(program.code(), 130, "{}", program.stderr.text());
    let swept: SweepOutcome = eventually("the result is printed", || serde_json::from_str(&stdout.text()));
    assert!(!swept.complete && swept.rows.len() < 2, "{swept:?}");
    assert!(swept.rows.iter().all(|row| row.levels == ["1s"]), "{swept:?}");
}

/// What is said about arguments that cannot be used.
fn check(args: &[&str], expected: Expect) {
    expected.assert_eq(&sim(&Dir::new(), args).text());
}

#[test]
fn a_factor_that_is_none_is_bad_input() {
    check(
        &["--sweep", "ratte=1/s"],
        expect![[r#"
        exit 2
        --- stderr
        error: the experiment has no value `ratte`; did you mean `rate`? Its values: question, seed, workload.arrivals, workload.arrivals.poisson, workload.arrivals.poisson.rate, workload.duration, workload.warmup, service.a.latency, service.a.latency.constant, service.b.latency, service.b.latency.uniform, service.b.latency.uniform.0, service.b.latency.uniform.1, service.b.errors, arm.one-by-one.name, arm.one-by-one.calls, arm.both.name, arm.both.calls
    "#]],
    );
    check(
        &["--sweep", "rate"],
        expect![[r#"
        exit 2
        --- stderr
        error: "rate" is no factor: expected KEY=VALUE,VALUE,… or KEY=FROM..TO/STEP or KEY=FROM..TO*FACTOR, such as rate=10/s,20/s or permits=5..40/5
    "#]],
    );
    check(
        &["--sweep", "name=x"],
        expect![[r#"
        exit 2
        --- stderr
        error: `name` could be arm.one-by-one.name or arm.both.name: say more of its path, or `*.name` for all of them
    "#]],
    );
    check(
        &["--sweep", "rate=10/s,fast"],
        expect![[r#"
        exit 2
        --- stderr
        error: `rate` cannot be "fast"
         --> mine.toml:4:33
          |
        4 | arrivals = { poisson = { rate = "fast" } }
          |                                 ^^^^^^ expected a rate such as "200/s" or "120/m", above zero and at most 10000000/s

        mine.toml: 1 problem
        with rate=fast
    "#]],
    );
    check(
        &["--set", "rate=1/s,2/s"],
        expect![[r#"
        exit 2
        --- stderr
        error: --set rate: one value, not 2; --sweep takes several
    "#]],
    );
    check(
        &["--sweep", "rate=1/s..9000/s/1/s", "--seeds", "100"],
        expect![[r#"
        exit 2
        --- stderr
        error: 9000 cells and 1800000 jobs (arms × cells × seeds): at most 10000 and 100000
    "#]],
    );
    check(
        &["--trace", "5..4"],
        expect![[r#"
        exit 2
        --- stderr
        error: invalid value '5..4' for '--trace <N[..M]>': expected a request's number such as 17, or 100..199, at most 10000 of them

        For more information, try '--help'.
    "#]],
    );
}
