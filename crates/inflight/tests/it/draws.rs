//! Draws seen from outside: what happens to request `id` is known before it is sent.

use crate::{
    app::App,
    client::{Response, all_at_once},
};
use inflight_lab::{
    call::Which,
    dependency::{Fates, Profile},
};
use serde_json::Value;
use std::time::Duration;

/// The seed of the built-in configuration.
const SEED: u64 = 1;

/// What is drawn for a request to the built-in configuration, in whole milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Drawn {
    pub(crate) id: u64,
    pub(crate) a_ms: u64,
    /// `None`: B fails.
    pub(crate) b_ms: Option<u64>,
}

fn whole_ms(duration: Duration) -> u64 {
    ((duration.as_micros() + 500) / 1000) as u64
}

/// What is drawn for each of `ids`.
pub(crate) fn drawn(ids: impl IntoIterator<Item = u64>) -> impl Iterator<Item = Drawn> {
    let (a, b) = (Fates::new(SEED, Which::A), Fates::new(SEED, Which::B));
    let (service_a, service_b) = (Profile::service_a(), Profile::service_b());
    ids.into_iter().map(move |id| Drawn {
        id,
        a_ms: whole_ms(a.of(&service_a, id).expect("A never fails")),
        b_ms: b.of(&service_b, id).map(whole_ms),
    })
}

fn field(answer: &Response, path: &str) -> Option<u64> {
    answer.json().pointer(path).and_then(Value::as_u64)
}

#[test]
fn a_request_has_the_same_draws_on_every_endpoint_and_they_are_those_of_the_lab() {
    let app = App::built_in(&[], &[]);
    let ids = 100..125;
    let paths = ["/sync", "/async", "/async-limited", "/async-timeout", "/async-timeout-detached"];
    std::thread::scope(|scope| {
        for path in paths {
            let (ids, address) = (ids.clone(), app.address);
            scope.spawn(move || {
                for ((id, answer), expected) in all_at_once(address, path, ids.clone()).iter().zip(drawn(ids))
                {
                    assert_eq!(answer.status == 503, expected.b_ms.is_none(), "{path} {id}");
                    if answer.status == 200 {
                        let found = Drawn {
                            id: *id,
                            a_ms: field(answer, "/serviceAData/sleepMs").expect("a number"),
                            b_ms: field(answer, "/serviceBData/sleepMs"),
                        };
                        assert_eq!(found, expected, "{path}");
                    }
                }
            });
        }
    });
}

fn median(mut values: Vec<u64>) -> f64 {
    values.sort_unstable();
    let (low, high) = (values[(values.len() - 1) / 2], values[values.len() / 2]);
    (low + high) as f64 / 2.0
}

/// `totalMs` of the good answers to requests `0..n`: for each the shorter of two, so that what a busy machine adds to one of
/// them is left out.
fn totals(app: &App, path: &str, n: u64) -> Vec<u64> {
    let ask = |ids: std::ops::Range<u64>| {
        let good =
            |(_, answer): &(u64, Response)| (answer.status == 200).then(|| field(answer, "/totalMs"))?;
        all_at_once(app.address, path, ids).iter().filter_map(good).collect::<Vec<u64>>()
    };
    let twice = |ids: std::ops::Range<u64>| ask(ids.clone()).into_iter().zip(ask(ids)).map(|(a, b)| a.min(b));
    twice(0..n / 2).chain(twice(n / 2..n)).collect()
}

#[test]
fn sync_takes_the_mean_of_a_longer_than_async_at_the_median() {
    // A is U(50, 150) ms and always shorter than B: A + B against max(A, B) differ by A, 100 ms on average.
    let app = App::built_in(&[], &[]);
    let n = 810;
    let good = || drawn(0..n).filter_map(|d| Some((d.a_ms, d.b_ms?)));
    let foreseen = median(good().map(|(a, b)| a + b).collect()) - median(good().map(|(_, b)| b).collect());
    let [sync, both] = std::thread::scope(|scope| {
        let ask = |path| {
            let app = &app;
            scope.spawn(move || median(totals(app, path, n)))
        };
        [ask("/sync"), ask("/async")].map(|asked| asked.join().expect("no panic"))
    });
    let seen = sync - both;
    assert!((seen - 100.0).abs() <= 10.0, "{seen} ms; by the draws it is {foreseen} ms");
    assert!((seen - foreseen).abs() <= 10.0, "{seen} ms; by the draws it is {foreseen} ms");
}

#[test]
fn a_deadline_of_600_ms_lets_31_7_percent_through_and_5_percent_fail() {
    // P(good) = 0.95 / 3. With n = 5,000 three standard deviations are 1.97 points.
    let app = App::built_in(&[], &[]);
    let n = 5000;
    let batch = |i| all_at_once(app.address, "/async-timeout", i * 500..(i + 1) * 500);
    let answers: Vec<(u64, Response)> = (0..n / 500).flat_map(batch).collect();
    let share = |status| answers.iter().filter(|(_, a)| a.status == status).count() as f64 / n as f64;
    assert!((share(200) - 0.95 / 3.0).abs() <= 0.02, "{} good", share(200));
    assert!((share(503) - 0.05).abs() <= 0.01, "{} failed", share(503));
    // Request by request. What is drawn within 50 ms of the deadline may fall on either side; of the others a machine
    // that is very busy may bring a few on the wrong one.
    let astray = answers.iter().zip(drawn(0..n)).filter(|((_, answer), drawn)| match drawn.b_ms {
        None => answer.status != 503,
        Some(b) if b <= 550 => answer.status != 200,
        Some(b) if b >= 650 => answer.status != 408,
        Some(_) => !matches!(answer.status, 200 | 408),
    });
    let astray: Vec<_> = astray.map(|((id, answer), drawn)| (id, answer.status, drawn.b_ms)).collect();
    assert!(astray.len() <= n as usize / 100, "{} astray, such as {:?}", astray.len(), &astray[..5]);
}
