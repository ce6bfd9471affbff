//! Verdicts on figures that are made up, and on runs in virtual time.

use super::{Figures, Judge, decide::Judged};
use crate::{
    claim::{Claim, Measured, Names},
    experiment::{Document, Hypothesis, Verdict, VerdictKind},
    sim::Settings,
    trial,
};
use expect_test::{Expect, expect};
use std::sync::Arc;

const NAMES: Names<'static> = Names { arms: &["a", "b"], phases: Some(&["burst"]) };

fn hypothesis(text: &str) -> Hypothesis {
    let claim = Claim::read(text, NAMES).unwrap_or_else(|e| panic!("{text}: {e:?}"));
    Hypothesis {
        name: "H1".into(),
        text: text.into(),
        title: claim.sentence(),
        claim,
        expected: VerdictKind::Holds,
    }
}

/// The verdict on `text` after rounds in which both sides were these.
fn judged(text: &str, rounds: &[(f64, f64)], is_cut: [bool; 2]) -> Verdict {
    let hypothesis = hypothesis(text);
    let measured = |value, is_lower_bound| Measured { value, is_lower_bound };
    let figures: Vec<Option<Figures>> = rounds
        .iter()
        .map(|(l, r)| Some(Figures { left: measured(*l, is_cut[0]), right: measured(*r, is_cut[1]) }))
        .collect();
    let n = rounds.len() as u32;
    Judged::of(&hypothesis.claim, &figures, &[], (n, n), None).verdict(&hypothesis, 0.95)
}

fn check(text: &str, rounds: &[(f64, f64)], is_cut: [bool; 2], expected: Expect) {
    let verdict = judged(text, rounds, is_cut);
    expected.assert_eq(&format!("{}: {}", verdict.verdict, verdict.why));
}

#[test]
fn a_verdict_follows_from_the_interval_and_the_margin() {
    let whole = [false; 2];
    let half = [(50.0, 100.0), (52.0, 100.0), (49.0, 100.0), (51.0, 100.0)];
    check(
        "p99(a) < 0.8 * p99(b)",
        &half,
        whole,
        expect!["holds: ×0.505 (×0.485 to ×0.526), all of it below ×0.8"],
    );
    check(
        "p99(a) < 0.4 * p99(b)",
        &half,
        whole,
        expect!["refuted: ×0.505 (×0.485 to ×0.526), none of it below ×0.4"],
    );
    check(
        "p99(a) < 0.51 * p99(b)",
        &half,
        whole,
        expect![
            "undecided: ×0.505 (×0.485 to ×0.526), partly below ×0.51: about 29 more rounds would probably decide it"
        ],
    );
    check(
        "p99(a) < p99(b)",
        &half,
        whole,
        expect!["holds: −49.5 ms (−51.55 ms to −47.45 ms), all of it below 0 ms"],
    );
    check(
        "p99(a) - p99(b) > 10ms",
        &half,
        whole,
        expect!["refuted: −49.5 ms (−51.55 ms to −47.45 ms), none of it above 10 ms"],
    );
    check(
        "p99(a) = p99(b) within 5%",
        &[(100.0, 101.0), (99.0, 100.0), (101.0, 100.0)],
        whole,
        expect!["holds: ×0.997 (×0.969 to ×1.03), all of it between ×0.95 and ×1.05"],
    );
    check(
        "goodput(a) >= 95% of offered",
        &[(9.4, 10.0), (9.3, 10.0), (9.2, 10.0)],
        whole,
        expect![
            "undecided: 93 % (90.52 % to 95.48 %), partly above 95 %: about 1 more round would probably decide it"
        ],
    );
    check(
        "share(a, 408) in 66%..70%",
        &[(0.68, 0.0), (0.685, 0.0), (0.675, 0.0)],
        whole,
        expect!["holds: 68 % (66.76 % to 69.24 %), all of it between 66 % and 70 %"],
    );
}

#[test]
fn what_was_cut_short_decides_only_one_way() {
    let rounds = [(300.0, 100.0), (310.0, 100.0), (305.0, 100.0)];
    check(
        "p99(a) < p99(b)",
        &rounds,
        [true, false],
        expect!["refuted: at least 205 ms (193 ms or more), none of it below 0 ms"],
    );
    check(
        "p99(a) > p99(b)",
        &rounds,
        [true, false],
        expect!["holds: at least 205 ms (193 ms or more), all of it above 0 ms"],
    );
    check(
        "p99(b) < p99(a)",
        &rounds,
        [false, true],
        expect![
            "undecided: at most 205 ms (217 ms or less), partly below 0 ms: more rounds would not decide it"
        ],
    );
    check(
        "p99(a) > p99(b)",
        &rounds,
        [true, true],
        expect!["undecided: perhaps 205 ms, partly above 0 ms: more rounds would not decide it"],
    );
}

#[test]
fn one_arm_alone_is_judged_by_its_middle_round() {
    // One round that is far worse moves the mean, and not the middle.
    let times = [1.0, 1.1, 1.2, 1.1, 1.3, 1.0, 1.2, 40.0];
    let rounds = |n: usize| times[..n].iter().map(|s| (s * 1e3, 0.0)).collect::<Vec<_>>();
    check(
        "p99(a) < 45s",
        &rounds(8),
        [false; 2],
        expect!["holds: 1150 ms (1000 ms to 3791 ms), all of it below 45000 ms"],
    );
    check(
        "p99(a) < 1s",
        &rounds(7),
        [false; 2],
        expect![
            "undecided: 1100 ms (1000 ms to 1227 ms), partly below 1000 ms: about 1 more round would probably decide it"
        ],
    );
    check(
        "p99(a) < 2s",
        &rounds(8),
        [false; 2],
        expect![
            "undecided: 1150 ms (1000 ms to 3791 ms), partly below 2000 ms: about 4 more rounds would probably decide it"
        ],
    );
    // Five rounds that agree are too few for 95 %.
    check(
        "p99(a) < 2s",
        &rounds(5),
        [false; 2],
        expect![
            "undecided: 1100 ms in the middle round, and too few rounds for a 95 % interval of it: about 1 more round would probably decide it"
        ],
    );
}

#[test]
fn so_many_rounds_must_agree_that_more_than_half_do() {
    let yes = |n: usize, of: usize| (0..of).map(|i| (f64::from(u8::from(i < n)), 0.0)).collect::<Vec<_>>();
    check(
        "recovers(a) within 20s",
        &yes(6, 6),
        [false; 2],
        expect!["holds: 100 % of rounds (60.97 % to 100 %), all of it above 50 % of rounds"],
    );
    check(
        "recovers(a) within 20s",
        &yes(0, 6),
        [false; 2],
        expect!["refuted: 0 % of rounds (0 % to 39.03 %), none of it above 50 % of rounds"],
    );
    check(
        "recovers(a) within 20s",
        &yes(3, 3),
        [false; 2],
        expect![
            "undecided: 100 % of rounds (43.85 % to 100 %), partly above 50 % of rounds: about 3 more rounds would probably decide it"
        ],
    );
}

#[test]
fn equal_figures_are_on_the_edge_of_less_and_inside_at_most() {
    let same = [(5.0, 5.0), (7.0, 7.0)];
    assert_eq!(judged("p99(a) < p99(b)", &same, [false; 2]).verdict, VerdictKind::Refuted);
    assert_eq!(judged("p99(a) <= p99(b)", &same, [false; 2]).verdict, VerdictKind::Holds);
}

/// Everything about a run of `rounds` rounds of this experiment, in virtual time.
fn run(text: &str, rounds: u32) -> Vec<Verdict> {
    let document =
        Document::read(text, "x.toml", &|_| Err("no files".into())).unwrap_or_else(|e| panic!("{e}"));
    let (mut judge, prepared) = Judge::plan(&document, rounds);
    for round in 0..rounds {
        let document = Document { seed: prepared.seed + u64::from(round), ..prepared.clone() };
        let arms = 0..document.endpoints.len();
        let records: Vec<_> = arms
            .map(|arm| trial::run(&document, arm, Settings::default(), Arc::new(())).expect("it ends").0)
            .collect();
        let names = document.endpoints.iter().map(|arm| arm.name.as_str());
        judge.on_round(&names.zip(&records).collect::<Vec<_>>());
    }
    judge.verdicts()
}

const BURSTS: &str = r#"
[workload]
arrivals = { bursts = { base = "15/s", burst = "60/s", length = "5s", at = ["30s"] } }
duration = "90s"
warmup   = "5s"
[service.b]
contention = { pool = { servers = 20 } }
errors = "0%"
[[arm]]
name  = "async"
calls = "parallel"
[[arm]]
name  = "limited"
calls = "parallel"
b     = [ { limit = { permits = 20, queue = 0 } } ]
[[hypothesis]]
name  = "grows"
claim = "slope(inflight(async)) > 10/s within burst"
[[hypothesis]]
name  = "stays"
claim = "peak(inflight(limited)) <= 30"
[[hypothesis]]
name  = "recovers"
claim = "recovers(async) within 20s"
[[hypothesis]]
name  = "later"
claim = "p99(async) > 2 * p99(limited) within burst"
[[hypothesis]]
name  = "before"
claim = "p99(async) = p99(limited) within 5% during base"
[[hypothesis]]
name  = "sheds"
claim = "share(limited, rejected) in 30%..70% within burst"
"#;

#[test]
fn phases_of_a_burst_are_judged_on_their_own() {
    let verdicts = run(BURSTS, 6);
    let said: Vec<String> = verdicts.iter().map(|v| format!("{} {}", v.name, v.verdict)).collect();
    let expected =
        ["grows holds", "stays holds", "recovers holds", "later holds", "before holds", "sheds holds"];
    assert_eq!(said, expected, "{verdicts:#?}");
}

/// The A/A control of six rounds of an arm beside six of `again`, by name: whether it held.
fn control(again: &str) -> Vec<(String, bool)> {
    let head = BURSTS.split("[[arm]]").next().expect("a beginning");
    let head = head.replace(
        "bursts = { base = \"15/s\", burst = \"60/s\", length = \"5s\", at = [\"30s\"] }",
        "poisson = { rate = \"15/s\" }",
    );
    let text = |latency: &str, errors: &str| {
        let head = head.replace(
            "errors = \"0%\"",
            &format!("errors = \"{errors}\"\nlatency = {{ exponential = \"{latency}\" }}"),
        );
        head + "[[arm]]\nname = \"async\"\ncalls = \"parallel\"\n[[hypothesis]]\nname = \"H\"\nclaim = \"p50 < 9s\"\n"
    };
    let (latency, errors) = again.split_once(' ').expect("two words");
    let [one, two] = [text("300ms", "0%"), text(latency, errors)].map(|text| {
        Document::read(&text, "test", &|_| Err("no files".into())).unwrap_or_else(|e| panic!("{e}"))
    });
    let (mut judge, _) = Judge::plan(&one, 6);
    for round in 0..6 {
        let of = |document: &Document, seed: u64| {
            let document = Document { seed, ..document.clone() };
            trial::run(&document, 0, Settings::default(), Arc::new(())).expect("it ends").0
        };
        let (one, two) = (of(&one, round), of(&two, round + 1000));
        judge.on_round(&[("async", &one)]);
        judge.on_control(&one, &two);
    }
    let controls = judge.controls().into_iter().filter(|control| control.name.starts_with("A/A"));
    controls.map(|control| (control.name, control.ok)).collect()
}

#[test]
fn the_same_arm_twice_passes_and_another_one_does_not() {
    let held = |again: &str| control(again).iter().map(|(_, ok)| *ok).collect::<Vec<_>>();
    // p50, p99, goodput. Luck alone is no difference; half more time, or a fifth that fails, is one.
    assert_eq!(held("300ms 0%"), [true, true, true]);
    assert_eq!(held("450ms 0%"), [false, false, true]);
    assert_eq!(held("300ms 20%"), [true, true, false]);
}

#[test]
fn before_the_last_planned_round_there_is_no_verdict() {
    let hypothesis = hypothesis("p99(a) < p99(b)");
    let side = Measured::exactly;
    let figures = vec![Some(Figures { left: side(1.0), right: side(2.0) }); 3];
    let verdict = Judged::of(&hypothesis.claim, &figures, &[], (3, 10), None).verdict(&hypothesis, 0.95);
    assert_eq!((verdict.verdict, verdict.needs_more), (VerdictKind::Undecided, Some(7)));
    expect!["3 of 10 planned rounds were measured: no verdict before the last; so far −1 ms"]
        .assert_eq(&verdict.why);
}

#[test]
fn one_round_is_judged_by_its_sections() {
    let text = BURSTS
        .replace(
            "bursts = { base = \"15/s\", burst = \"60/s\", length = \"5s\", at = [\"30s\"] }",
            "poisson = { rate = \"40/s\" }",
        )
        .replace("90s", "400s");
    let head = text.split("[[hypothesis]]").next().expect("a beginning").to_string();
    let text = head + "[[hypothesis]]\nname = \"less\"\nclaim = \"goodput(limited) < 30/s\"\n";
    let verdict = run(&text, 1).remove(0);
    assert_eq!((verdict.verdict, verdict.n), (VerdictKind::Holds, 10), "{verdict:?}");
}

#[test]
fn a_quantile_that_too_few_requests_support_has_no_verdict() {
    let text = BURSTS.split("[[hypothesis]]").next().expect("a beginning").to_string();
    let text = text + "[[hypothesis]]\nname = \"far\"\nclaim = \"p99.99(async) < 100s\"\n";
    let verdict = run(&text, 4).remove(0);
    assert_eq!((verdict.verdict, verdict.effect), (VerdictKind::Undecided, None), "{}", verdict.why);
}
