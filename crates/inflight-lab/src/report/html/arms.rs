//! The arms of one experiment with their marks, and the names of places on the page.

use crate::{
    experiment::{ArmOutcome, ExperimentOutcome},
    report::{chart::escape, mark::Mark},
};

/// The arms of an experiment.
#[derive(Debug)]
pub(super) struct Arms<'a> {
    /// In their file's order, each with its mark.
    pub all: Vec<(&'a ArmOutcome, &'a Mark)>,
    number: usize,
    /// Whether it is the only experiment of the page: its headings are one level higher.
    is_only: bool,
}

impl<'a> Arms<'a> {
    /// Of experiment `number` of a run whose arms are called `names` and marked with `marks`.
    pub(super) fn new(
        experiment: &'a ExperimentOutcome,
        names: &[&str],
        marks: &'a [Mark],
        number: usize,
        is_only: bool,
    ) -> Arms<'a> {
        let mark = |arm: &ArmOutcome| {
            let at = names.iter().position(|name| *name == arm.name).expect("all names were collected");
            &marks[at]
        };
        Arms { all: experiment.arms.iter().map(|arm| (arm, mark(arm))).collect(), number, is_only }
    }

    /// A place of this experiment on the page.
    pub(super) fn id(&self, name: &str) -> String {
        let all = format!("e{}-{name}", self.number + 1);
        all.trim_end_matches('-').chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect()
    }

    /// How a section begins: its place, its heading, what it shows.
    pub(super) fn section(&self, id: &str, title: &str, about: &str) -> String {
        let level = if self.is_only { 2 } else { 3 };
        format!(
            "<section id=\"{}\"><h{level} class=\"s\">{title}</h{level}>\n<p class=\"sa\">{}</p>\n",
            self.id(id),
            escape(about)
        )
    }

    /// The heading of a part of a section.
    pub(super) fn part(&self, title: &str) -> String {
        let level = if self.is_only { 3 } else { 4 };
        format!("<h{level} class=\"p\">{title}</h{level}>")
    }

    /// The arms that `text` names as `/name`, the longest name first where one begins like another.
    pub(super) fn named_in(&self, text: &str) -> Vec<&'a str> {
        let names = text.split('/').skip(1).filter_map(|rest| {
            let begins = |arm: &&ArmOutcome| rest.starts_with(&arm.name);
            self.all.iter().map(|(arm, _)| *arm).filter(begins).max_by_key(|arm| arm.name.len())
        });
        names.map(|arm| arm.name.as_str()).collect()
    }
}

/// A mark as a plate.
pub(super) fn chip(mark: &Mark) -> String {
    format!(r#"<span class="chip k{0}">{0}</span>"#, mark.code)
}

/// An arm's mark and name, as a row's header.
pub(super) fn header(arm: &ArmOutcome, mark: &Mark) -> String {
    format!("{}/{}", chip(mark), escape(&arm.name))
}
