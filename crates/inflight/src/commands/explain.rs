//! `inflight explain`: what the lab knows, topic by topic.

use super::{BadInput, Exit};
use crate::{
    cli,
    terminal::{print, width},
};
use inflight_lab::{
    experiment::did_you_mean,
    manual,
    theory::catalogue::{self, FORMULAS},
};
use std::fmt::Write as _;

/// Something that can be explained, with entries that have names.
struct Topic {
    name: &'static str,
    /// What one of its entries is called.
    entry: &'static str,
    about: &'static str,
    entries: fn() -> Vec<&'static str>,
    /// The entry of this number in so many columns.
    text: fn(usize, usize) -> String,
}

const TOPICS: [Topic; 2] = [
    Topic {
        name: "strategies",
        entry: "strategy",
        about: "what each does, which failure it answers, when it harms, its knobs, where it comes from",
        entries: || manual::pages().map(|page| page.name).collect(),
        text: |index, width| manual::pages().nth(index).map_or(String::new(), |p| manual::explain(p, width)),
    },
    Topic {
        name: "theory",
        entry: "formula",
        about: "formulas that stand beside a measurement: what each gives, where it holds, an example",
        entries: || FORMULAS.iter().map(|formula| formula.name).collect(),
        text: |index, width| catalogue::explain(FORMULAS[index], width),
    },
];

pub(super) fn run(flags: &cli::Explain) -> anyhow::Result<Exit> {
    let text = match (&flags.topic, &flags.name) {
        (None, _) => overview(),
        (Some(topic), Some(name)) => {
            let topic = &TOPICS[find("topic", topic, &TOPICS.map(|topic| topic.name))?];
            (topic.text)(find(topic.entry, name, &(topic.entries)())?, width())
        }
        (Some(name), None) => topic_or_entry(name)?,
    };
    print(&text);
    Ok(Exit::Done)
}

/// All of a topic; or one entry, of whichever topic has it.
fn topic_or_entry(name: &str) -> anyhow::Result<String> {
    if let Some(topic) = TOPICS.iter().find(|topic| topic.name == name) {
        return Ok(all_of(topic));
    }
    let entry = |topic: &Topic| {
        let index = (topic.entries)().iter().position(|known| *known == name)?;
        Some((topic.text)(index, width()))
    };
    TOPICS.iter().find_map(entry).ok_or_else(|| {
        let known: Vec<&str> =
            TOPICS.iter().flat_map(|t| (t.entries)().into_iter().chain([t.name])).collect();
        let guess = guess(name, &known);
        BadInput(format!("error: nothing is known about {name:?}.{guess} `inflight explain` lists what is"))
            .into()
    })
}

fn overview() -> String {
    let mut out = String::from("Topics (inflight explain TOPIC, inflight explain NAME)\n");
    for topic in &TOPICS {
        let _ = writeln!(out, "  {}\n      {}", topic.name, topic.about);
        for names in (topic.entries)().chunks(5) {
            let _ = writeln!(out, "      {}", names.join(", "));
        }
    }
    out
}

fn all_of(topic: &Topic) -> String {
    let count = (topic.entries)().len();
    (0..count).map(|index| (topic.text)(index, width())).collect::<Vec<_>>().join("\n")
}

/// The place of `name` among what is known; otherwise what it may have been meant to be.
fn find(what: &str, name: &str, known: &[&str]) -> anyhow::Result<usize> {
    known.iter().position(|known| *known == name).ok_or_else(|| {
        let guess = guess(name, known);
        BadInput(format!("error: no {what} {name:?}.{guess} There is {}", known.join(", "))).into()
    })
}

fn guess(name: &str, known: &[&str]) -> String {
    did_you_mean(name, known).map_or(String::new(), |meant| format!(" did you mean {meant}?"))
}
