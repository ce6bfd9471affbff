//! Verdicts in words.

use super::figures::{number, signed};
use crate::experiment::{Censored, Effect, Unit, Verdict, VerdictKind};

/// How many of the verdicts are of this kind.
pub(super) fn count<'a>(verdicts: impl IntoIterator<Item = &'a Verdict>, kind: VerdictKind) -> usize {
    verdicts.into_iter().filter(|verdict| verdict.verdict == kind).count()
}

/// "3 hypotheses hold, 4 are refuted, 1 is undecided"; empty if there are none.
pub(super) fn sentence(verdicts: &[&Verdict]) -> String {
    let mut parts: Vec<String> = Vec::new();
    for kind in VerdictKind::ALL {
        let n = count(verdicts.iter().copied(), kind);
        if n == 0 {
            continue;
        }
        let noun = match (parts.is_empty(), n) {
            (true, 1) => " hypothesis",
            (true, _) => " hypotheses",
            (false, _) => "",
        };
        let verb = match (kind, n) {
            (VerdictKind::Holds, 1) => "holds",
            (VerdictKind::Holds, _) => "hold",
            (VerdictKind::Refuted, 1) => "is refuted",
            (VerdictKind::Refuted, _) => "are refuted",
            (VerdictKind::Undecided, 1) => "is undecided",
            (VerdictKind::Undecided, _) => "are undecided",
        };
        parts.push(format!("{n}{noun} {verb}"));
    }
    parts.join(", ")
}

/// "3 hold, 4 refuted, 1 undecided"; empty if there are none.
pub fn short<'a>(verdicts: impl IntoIterator<Item = &'a Verdict> + Clone) -> String {
    let words = [
        (VerdictKind::Holds, "hold"),
        (VerdictKind::Refuted, "refuted"),
        (VerdictKind::Undecided, "undecided"),
    ];
    let parts = words.into_iter().filter_map(|(kind, word)| match count(verdicts.clone(), kind) {
        0 => None,
        1 if kind == VerdictKind::Holds => Some("1 holds".to_string()),
        n => Some(format!("{n} {word}")),
    });
    parts.collect::<Vec<_>>().join(", ")
}

/// A verdict's sign: colour never stands alone.
pub(super) fn sign(kind: VerdictKind) -> &'static str {
    match kind {
        VerdictKind::Holds => "✓",
        VerdictKind::Refuted => "✕",
        VerdictKind::Undecided => "~",
    }
}

/// How values of a unit are written: "67 %", "×0.83", "+43".
pub(super) fn writer(unit: Unit) -> fn(f64) -> String {
    match unit {
        Unit::Share | Unit::Rounds => |value| format!("{} %", number(value * 100.0)),
        Unit::Ratio => |value| format!("×{}", number(value)),
        Unit::CountPerSecond => signed,
        Unit::Ms | Unit::PerSecond | Unit::Count => number,
    }
}

/// What stands behind a value; empty where the value says it already.
fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Ms => "ms",
        Unit::PerSecond => "/s",
        Unit::CountPerSecond => "more each second",
        Unit::Count | Unit::Rounds | Unit::Share | Unit::Ratio => "",
    }
}

/// "≥ ", "≤ " or nothing.
fn bound(effect: &Effect) -> &'static str {
    match effect.censored {
        Some(Censored::Below) => "≥ ",
        Some(Censored::Above) => "≤ ",
        Some(Censored::Both) | None => "",
    }
}

/// The estimate without its unit: "≥ 1,816".
fn value(effect: &Effect) -> String {
    format!("{}{}", bound(effect), writer(effect.unit)(effect.value))
}

/// The estimate of a verdict and its unit: "≥ 1,816" and "ms", "4 of 6" and "rounds".
pub(super) fn estimate(verdict: &Verdict) -> Option<(String, &'static str)> {
    let effect = verdict.effect.as_ref()?;
    let is_yes_or_no =
        !verdict.rounds.is_empty() && verdict.rounds.iter().all(|round| *round == 0.0 || *round == 1.0);
    if effect.unit == Unit::Rounds && is_yes_or_no {
        let yes = verdict.rounds.iter().filter(|round| **round == 1.0).count();
        return Some((format!("{yes} of {}", verdict.rounds.len()), "rounds"));
    }
    Some((value(effect), unit(effect.unit)))
}

/// The interval without its unit, `to` between its ends: "28 to 58"; empty if there is none.
pub(super) fn interval(effect: &Effect, to: &str) -> String {
    let write = writer(effect.unit);
    match (effect.low, effect.high) {
        (Some(low), Some(high)) => format!("{}{to}{}", write(low), write(high)),
        (Some(low), None) => format!("≥ {}", write(low)),
        (None, Some(high)) => format!("≤ {}", write(high)),
        (None, None) => String::new(),
    }
}

/// How sure the interval is: "95 %".
pub(super) fn confidence(effect: &Effect) -> String {
    format!("{} %", number(libm::round(effect.confidence * 1000.0) / 10.0))
}

#[cfg(test)]
pub(super) mod testing {
    use super::*;
    use crate::experiment::Margin;

    /// A verdict like many.
    pub(in crate::report) fn verdict(name: &str, kind: VerdictKind) -> Verdict {
        Verdict {
            name: name.into(),
            claim: "p99(async-limited) < 0.8 * p99(async)".into(),
            title: "A limit shortens the tail by a fifth".into(),
            verdict: kind,
            effect: Some(Effect {
                value: 0.671,
                unit: Unit::Ratio,
                low: Some(0.61),
                high: Some(0.73),
                confidence: 0.95,
                censored: None,
            }),
            margin: Some(Margin { low: None, high: Some(0.8) }),
            rounds: vec![0.62, 0.7, 0.66, 0.71],
            n: 4,
            needs_more: None,
            why: "the whole interval is below 0.8".into(),
            comparison: "/async-limited ÷ /async, p99".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{testing::verdict, *};

    #[test]
    fn verdicts_are_counted_in_words() {
        use VerdictKind::{Holds, Refuted, Undecided};
        let all = [Holds, Refuted, Refuted, Undecided].map(|kind| verdict("H", kind));
        let all: Vec<&Verdict> = all.iter().collect();
        assert_eq!(sentence(&all), "1 hypothesis holds, 2 are refuted, 1 is undecided");
        assert_eq!(sentence(&all[1..3]), "2 hypotheses are refuted");
        assert_eq!(sentence(&[]), "");
        assert_eq!(short(all.iter().copied()), "1 holds, 2 refuted, 1 undecided");
    }

    #[test]
    fn effects_carry_their_unit_and_their_bounds() {
        let effect = verdict("H", VerdictKind::Holds).effect.expect("one");
        assert_eq!([value(&effect), interval(&effect, " to ")], ["×0.671", "×0.61 to ×0.73"]);
        let at_least = Effect { unit: Unit::Share, censored: Some(Censored::Below), high: None, ..effect };
        assert_eq!([value(&at_least), interval(&at_least, " to ")], ["≥ 67.1 %", "≥ 61 %"]);
        assert_eq!(confidence(&Effect { confidence: 0.983_33, ..effect }), "98.3 %");
    }
}
