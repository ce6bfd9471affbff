//! Twins: what is found between two worlds that differ in something known.

use inflight_lab::{
    experiment::{ArmOutcome, Document},
    log::Log,
    sim::Settings,
    trial,
    twin::{self, Comparison, TimerError, Twin},
};
use std::time::Duration;

const WORKLOAD: &str = "\
[workload]
arrivals = { poisson = { rate = \"200/s\" } }
duration = \"20s\"
warmup   = \"2s\"
[service.b]
errors = \"0%\"
";
const PARALLEL: &str = "[[arm]]\nname = \"both\"\ncalls = \"parallel\"\n";
const SEQUENTIAL: &str = "[[arm]]\nname = \"one-by-one\"\ncalls = \"sequential\"\n";
const LIMITED: &str =
    "[[arm]]\nname = \"limited\"\ncalls = \"parallel\"\nb = [ { limit = { permits = 160 } } ]\n";
const TIMED: &str =
    "[[arm]]\nname = \"timed\"\ncalls = \"parallel\"\nwhole = [ { timeout = { after = \"600ms\" } } ]\n";

fn read(text: &str) -> Document {
    let nothing = |name: &str| Err(format!("no {name}"));
    Document::read(text, "test.toml", &nothing).unwrap_or_else(|d| panic!("{d}"))
}

fn document(arm: &str) -> Document {
    read(&format!("{WORKLOAD}{arm}"))
}

/// The requests of a world whose timers are late by `overshoot`: it stands for a live one.
fn live(document: &Document, overshoot: Duration) -> Log {
    let settings = Settings { overshoot, ..Settings::default() };
    let (record, _) = trial::run_logged(document, 0, settings, 100_000).expect("it ends");
    record.log.expect("it was asked for")
}

const LATE: Duration = Duration::from_millis(1);

fn beside_late_timers(document: &Document) -> (Comparison, Comparison) {
    let timers = TimerError::of(vec![LATE; 3]).expect("three of them");
    match twin::of(document, 0, &live(document, LATE), Some(&timers)) {
        Twin::Compared { exact, calibrated } => (*exact, *calibrated.expect("timers were given")),
        Twin::Refused(why) => panic!("{why}"),
    }
}

fn is_nothing(found: &Comparison) -> bool {
    found.residual.max_ns == 0
        && found.relative() == [0.0; 3]
        && found.differing.is_empty()
        && found.missing == 0
        && found.compared > 3000
}

#[test]
fn a_world_beside_itself_leaves_nothing() {
    for arm in [PARALLEL, SEQUENTIAL, LIMITED, TIMED] {
        let document = document(arm);
        let Twin::Compared { exact, calibrated: None } =
            twin::of(&document, 0, &live(&document, Duration::ZERO), None)
        else {
            panic!("it can be compared: {arm}")
        };
        assert!(is_nothing(&exact), "{arm}: {exact:?}");
    }
}

#[test]
fn a_calibrated_twin_knows_all_that_late_timers_do() {
    for arm in [PARALLEL, SEQUENTIAL, LIMITED, TIMED] {
        let (_, calibrated) = beside_late_timers(&document(arm));
        assert!(is_nothing(&calibrated), "{arm}: {calibrated:?}");
    }
}

#[test]
fn the_residual_is_the_sum_of_the_timers_on_a_requests_way() {
    // One timer until it is sent, then the longer of A and B, or both in turn. Evenly spaced: of two requests that are due
    // within one lateness, the second is sent with the first.
    for (arm, services) in [(PARALLEL, 1), (SEQUENTIAL, 2)] {
        let (exact, _) =
            beside_late_timers(&read(&format!("{WORKLOAD}{arm}").replace("poisson", "constant")));
        let ms = LATE.as_nanos() as i64;
        let (residual, parts) = (exact.residual, exact.parts);
        assert_eq!(
            (residual.mean_ns, residual.median_ns),
            ((1 + services) * ms, (1 + services) * ms),
            "{arm}"
        );
        assert_eq!((parts.late.mean_ns, parts.timers.mean_ns), (ms, services * ms), "{arm}");
        assert_eq!([parts.http.mean_ns, parts.waits.mean_ns, parts.rest.mean_ns], [0; 3], "{arm}");
    }
}

#[test]
fn a_time_limit_that_was_decided_the_other_way_is_counted() {
    // B and the limit are late by as much, so nothing is decided otherwise; a live B that takes 20 ms more is.
    let document = document(TIMED);
    let slow = self::document(&format!("latency = {{ uniform = [\"320ms\", \"1220ms\"] }}\n{TIMED}"));
    let Twin::Compared { exact, .. } = twin::of(&document, 0, &live(&slow, Duration::ZERO), None) else {
        panic!("it can be compared")
    };
    // B within 20 ms below the limit: 20/900 of 3,600 requests, standard deviation 9.
    let [other] = &exact.differing[..] else { panic!("one kind: {exact:?}") };
    assert!(other.count.abs_diff(80) < 30, "{other:?}");
    assert_eq!(
        exact.compared + other.count,
        live(&slow, Duration::ZERO).entries.len() as u64 - warm_up(&slow)
    );
}

fn warm_up(document: &Document) -> u64 {
    let log = live(document, Duration::ZERO);
    log.entries.iter().filter(|entry| entry.intended < log.from).count() as u64
}

#[test]
fn a_log_that_was_cut_has_no_twin_and_an_old_outcome_none_either() {
    let document = document(PARALLEL);
    let (record, _) = trial::run_logged(&document, 0, Settings::default(), 10).expect("it ends");
    let log = record.log.as_ref().expect("it was asked for");
    assert!(matches!(twin::of(&document, 0, log, None), Twin::Refused(_)));
    assert_eq!(ArmOutcome::of("both", &record).twin, None);
}
