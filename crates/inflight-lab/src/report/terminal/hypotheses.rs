//! What became of the hypotheses, a line for each.

use super::{Ink, Tone, heading};
use crate::{
    experiment::{Verdict, VerdictKind},
    report::{
        figures::{left, right},
        tally,
    },
};
use std::fmt::Write as _;

const EFFECT: usize = 14;

/// The block; empty if there are none.
pub(super) fn block(verdicts: &[Verdict], width: usize, ink: &dyn Ink) -> String {
    let mut out = String::new();
    if verdicts.is_empty() {
        return out;
    }
    heading(&mut out, ink, "HYPOTHESES", "a refuted claim is a result, not a failure");
    let names = verdicts.iter().map(|verdict| verdict.name.chars().count()).max().unwrap_or(2).min(16);
    for verdict in verdicts {
        let _ = writeln!(out, "{}", line(verdict, names, width, ink));
    }
    for verdict in verdicts {
        if let Some(more) = verdict.needs_more {
            let text = format!("   {} needs about {more} more rounds", verdict.name);
            let _ = writeln!(out, "{}", ink.paint(Tone::Quiet, &text));
        }
    }
    out
}

fn line(verdict: &Verdict, names: usize, width: usize, ink: &dyn Ink) -> String {
    let tone = match verdict.verdict {
        VerdictKind::Holds => Tone::Good,
        VerdictKind::Refuted => Tone::Warning,
        VerdictKind::Undecided => Tone::Quiet,
    };
    let word = format!("{} {:9}", tally::sign(verdict.verdict), verdict.verdict.to_string());
    let (effect, unit) = tally::estimate(verdict).unwrap_or(("–".into(), ""));
    let effect = match unit.split(' ').next().unwrap_or_default() {
        "" => effect,
        unit => format!("{effect} {unit}"),
    };
    let (to, room) = if width >= 100 { (" to ", 18) } else { ("…", 13) };
    let interval = verdict.effect.as_ref().map_or(String::new(), |effect| tally::interval(effect, to));
    let title = width - 1 - 11 - 1 - names - 1 - EFFECT - 2 - room;
    let text = format!(
        " {} {} {}{}  {}",
        ink.paint(tone, &word),
        left(&verdict.name, names),
        left(&verdict.title, title),
        right(&effect, EFFECT),
        ink.paint(Tone::Quiet, &interval)
    );
    text.trim_end().to_string()
}
