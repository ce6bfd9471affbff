//! A request's life as text.

use super::in_words;
use crate::{
    call::{Step, Which},
    dependency::Fates,
    experiment::Document,
};
use inflight_strategies::{event::Event, rt::Instant, service::Outcome};
use std::{fmt::Write as _, time::Duration};

/// What was drawn for request `id`, whatever an arm makes of it.
pub fn draws(document: &Document, id: u64) -> String {
    let drawn = |which, profile| match Fates::new(document.seed, which).of(profile, id) {
        Some(work) => format!("service {} {} of work", which.name(), ms(work)),
        None => format!("service {} fails", which.name()),
    };
    let (a, b) = (drawn(Which::A, &document.service_a), drawn(Which::B, &document.service_b));
    format!("request {id}, seed {}; drawn: {a}, {b}", document.seed)
}

/// The steps of a life, one per line, in milliseconds since its first.
pub fn life(arm: &str, steps: &[Step]) -> String {
    let Some(first) = steps.first() else { return format!("/{arm}  there was no such request\n") };
    let mut out = format!("/{arm}  starts {} into the run\n", ms(first.at - Instant::ZERO));
    let width = steps.iter().map(|step| in_words(step.place).chars().count()).max().unwrap_or(0);
    for step in steps {
        let (since, place) = (ms(step.at - first.at), in_words(step.place));
        let _ = writeln!(out, "{since:>18}  {place:width$}  {}", told(step.event));
    }
    out
}

/// An event in words. What only some strategies say is shown as they say it.
fn told(event: Event) -> String {
    if let Event::Rejected(why) = event {
        return format!("rejected: {why}");
    }
    match event {
        Event::Started => "starts".into(),
        Event::Finished { outcome, took } => format!("{} after {}", ended(outcome), ms(took)),
        Event::Admitted { waited: Duration::ZERO } => "admitted at once".into(),
        Event::Admitted { waited } => format!("admitted after a wait of {}", ms(waited)),
        Event::Withdrawn { waited } => format!("withdrawn after a wait of {}", ms(waited)),
        Event::TimedOut { after, detached: false } => {
            format!("time is up after {}; the work is cancelled", ms(after))
        }
        Event::TimedOut { after, detached: true } => {
            format!("time is up after {}; the work goes on", ms(after))
        }
        other => format!("{other:?}"),
    }
}

fn ended(outcome: Outcome) -> String {
    match outcome {
        Outcome::Rejected(why) => format!("rejected ({why})"),
        Outcome::TimedOut => "timed out".into(),
        other => format!("{other:?}").to_lowercase(),
    }
}

/// Milliseconds to the nanosecond.
fn ms(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    format!("{}.{:06} ms", nanos / 1_000_000, nanos % 1_000_000)
}
