//! Verdicts in plain sentences.

use crate::{
    claim::{Kind, amount, figure},
    experiment::{Censored, Effect, Margin, Unit, Verdict, VerdictKind},
};

/// A value of an effect with its unit.
fn value(x: f64, unit: Unit) -> String {
    match unit {
        Unit::Ms => amount(x, Kind::Time),
        Unit::PerSecond => amount(x, Kind::Rate),
        Unit::Share => amount(x, Kind::Share),
        Unit::Ratio => format!("×{}", figure(x)),
        Unit::Count => figure(x),
        Unit::CountPerSecond => format!("{}/s", figure(x)),
        Unit::Rounds => format!("{} % of rounds", figure(x * 100.0)),
    }
}

/// Why a verdict is what it is.
pub(super) fn why(
    silent: Option<&str>,
    kind: VerdictKind,
    effect: Option<&Effect>,
    margin: &Margin,
    needs_more: Option<u32>,
    (done, planned): (u32, u32),
) -> String {
    let lean = effect
        .filter(|_| done < planned && done > 0)
        .map(|effect| format!("; so far {}", value(effect.value, effect.unit)));
    if let Some(silent) = silent {
        return format!("{silent}{}", lean.unwrap_or_default());
    }
    let Some(effect) = effect else { return "nothing was measured".into() };
    let found = found(effect);
    let margin = edges(margin, effect.unit);
    let more = match (needs_more, effect.censored) {
        (_, Some(_)) => ": more rounds would not decide it".into(),
        (Some(n), None) => {
            format!(": about {n} more round{} would probably decide it", if n == 1 { "" } else { "s" })
        }
        (None, None) => ": it is too close to decide with any reasonable number of rounds".into(),
    };
    if (effect.low, effect.high, effect.censored) == (None, None, None) {
        let confidence = figure(effect.confidence * 100.0);
        return format!(
            "{found} in the middle round, and too few rounds for a {confidence} % interval of it{more}"
        );
    }
    match kind {
        VerdictKind::Holds => format!("{found}, all of it {margin}"),
        VerdictKind::Refuted => format!("{found}, none of it {margin}"),
        VerdictKind::Undecided => format!("{found}, partly {margin}{more}"),
    }
}

/// What all verdicts together say: how many hold, and what each found. `None` if there are none.
pub fn answer(verdicts: &[Verdict]) -> Option<String> {
    let sentence = |verdict: &Verdict| {
        let word = match verdict.verdict {
            VerdictKind::Holds => "Yes",
            VerdictKind::Refuted => "No",
            VerdictKind::Undecided => "Undecided",
        };
        let title = verdict.title.trim_end_matches('.');
        format!("{word}: {title}; {}.", verdict.why)
    };
    (!verdicts.is_empty()).then(|| verdicts.iter().map(sentence).collect::<Vec<_>>().join(" "))
}

/// The effect with its interval.
fn found(effect: &Effect) -> String {
    let unit = effect.unit;
    let estimate = value(effect.value, unit);
    let bound = match effect.censored {
        None => "",
        Some(Censored::Below) => "at least ",
        Some(Censored::Above) => "at most ",
        Some(Censored::Both) => "perhaps ",
    };
    // A share of rounds is an estimate of a probability: the ends of its interval are no rounds.
    let end = |x: f64| value(x, if unit == Unit::Rounds { Unit::Share } else { unit });
    let interval = match (effect.low, effect.high) {
        (Some(low), Some(high)) => format!(" ({} to {})", end(low), end(high)),
        (Some(low), None) => format!(" ({} or more)", end(low)),
        (None, Some(high)) => format!(" ({} or less)", end(high)),
        (None, None) => String::new(),
    };
    format!("{bound}{estimate}{interval}")
}

/// Where the claim says that the effect is.
fn edges(margin: &Margin, unit: Unit) -> String {
    match (margin.low, margin.high) {
        (Some(low), Some(high)) => format!("between {} and {}", value(low, unit), value(high, unit)),
        (Some(low), None) => format!("above {}", value(low, unit)),
        (None, Some(high)) => format!("below {}", value(high, unit)),
        (None, None) => "anywhere".into(),
    }
}
