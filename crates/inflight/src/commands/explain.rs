//! `inflight explain`: what the lab knows, topic by topic.

use super::{BadInput, Exit};
use crate::{
    cli,
    terminal::{print, width},
};
use inflight_lab::{
    experiment::did_you_mean,
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

const TOPICS: [Topic; 1] = [Topic {
    name: "theory",
    entry: "formula",
    about: "formulas that stand beside a measurement: what each gives, where it holds, an example",
    entries: || FORMULAS.iter().map(|formula| formula.name).collect(),
    text: |index, width| catalogue::explain(FORMULAS[index], width),
}];

pub(super) fn run(flags: &cli::Explain) -> anyhow::Result<Exit> {
    let text = match &flags.topic {
        None => overview(),
        Some(name) => {
            let topics = TOPICS.map(|topic| topic.name);
            let topic = &TOPICS[find("topic", name, &topics)?];
            match &flags.name {
                None => all_of(topic),
                Some(name) => (topic.text)(find(topic.entry, name, &(topic.entries)())?, width()),
            }
        }
    };
    print(&text);
    Ok(Exit::Done)
}

fn overview() -> String {
    let mut out = String::from("Topics (inflight explain TOPIC [NAME])\n");
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
        let guess =
            did_you_mean(name, known).map_or(String::new(), |meant| format!(" did you mean {meant}?"));
        BadInput(format!("error: no {what} {name:?}.{guess} There is {}", known.join(", "))).into()
    })
}
