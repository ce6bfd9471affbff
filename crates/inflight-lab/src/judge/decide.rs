//! From effects to an interval, and from the interval and the margin to a verdict.

use super::{Figures, evidence::Evidence, say};
use crate::{
    claim::{Claim, Kind, Order, Test, What},
    experiment::{Censored, Effect, Hypothesis, Margin, Unit, Verdict, VerdictKind},
    stats::{Middle, Spread},
};

/// How sure all verdicts of an experiment together are.
pub const CONFIDENCE: f64 = 0.95;

/// How an effect is made of two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One divided by the other, on a logarithmic scale: ratios of rounds are averaged geometrically.
    Ratio,
    /// A time or a number alone: that of the middle round. Rounds in which a queue is long are much longer, and the interval of
    /// their mean, on whatever scale, holds the truth less often than it says.
    Level,
    /// A share of what was offered.
    Share,
    /// One minus the other, or one alone.
    Difference,
    /// The share of rounds in which it was so.
    Rounds,
}

/// A hypothesis with its effects, before it is judged.
#[derive(Clone, Debug)]
pub(super) struct Judged {
    claim: Claim,
    form: Form,
    /// Of each round, on the form's scale.
    effects: Vec<f64>,
    sections: u32,
    evidence: Option<Evidence>,
    value: Option<f64>,
    margin: Margin,
    censored: Option<Censored>,
    done: u32,
    planned: u32,
    /// Why nothing can be said, whatever was measured.
    silent: Option<String>,
}

impl Judged {
    pub(super) fn of(
        claim: &Claim,
        rounds: &[Option<Figures>],
        sections: &[Option<Figures>],
        (done, planned): (u32, u32),
        doubt: Option<String>,
    ) -> Judged {
        let all: Option<Vec<Figures>> = rounds.iter().copied().collect();
        let mut silent = silent(claim, rounds, done, planned);
        let figures = all.unwrap_or_default();
        let parts: Vec<Figures> = sections.iter().copied().collect::<Option<_>>().unwrap_or_default();
        let form = form(claim, figures.iter().chain(&parts));
        let effect = |figures: &Figures| effect(form, figures);
        let effects: Vec<f64> = figures.iter().map(effect).collect();
        let sections: Vec<f64> = parts.iter().map(effect).collect();
        let evidence = evidence(form, &effects, &sections, planned);
        let value = match &evidence {
            Some(Evidence::Middle(middle)) => Some(middle.value()),
            _ => (!effects.is_empty()).then(|| effects.iter().sum::<f64>() / effects.len() as f64),
        };
        if silent.is_none() && evidence.is_none() {
            silent = Some("one round has no interval for this: measure more rounds".into());
        }
        if silent.is_none() && form != Form::Rounds {
            silent = doubt;
        }
        let n_sections = if planned == 1 { sections.len() as u32 } else { 0 };
        let margin = margin(claim, form, &figures);
        let censored = censored(&figures);
        Judged {
            claim: claim.clone(),
            form,
            effects,
            sections: n_sections,
            evidence,
            value,
            margin,
            censored,
            done,
            planned,
            silent,
        }
    }

    /// The edges of the margin.
    fn edges(&self) -> impl Iterator<Item = f64> {
        [self.margin.low, self.margin.high].into_iter().flatten()
    }

    /// The probability that the interval is as clear of the margin's edges by accident; `None` if there is no interval.
    pub(super) fn chance(&self) -> Option<f64> {
        if self.silent.is_some() {
            return None;
        }
        let evidence = self.evidence.as_ref()?;
        self.edges().map(|edge| evidence.chance(edge)).reduce(f64::max)
    }

    /// The interval at `level`, its ends open where the truth is cut short.
    fn interval(&self, level: f64) -> (Option<f64>, Option<f64>) {
        let Some((low, high)) = self.evidence.as_ref().and_then(|evidence| evidence.interval(level)) else {
            return (None, None);
        };
        match self.censored {
            None => (Some(low), Some(high)),
            Some(Censored::Below) => (Some(low), None),
            Some(Censored::Above) => (None, Some(high)),
            Some(Censored::Both) => (None, None),
        }
    }

    /// What follows from the interval at `level`.
    fn kind(&self, level: f64) -> VerdictKind {
        let (low, high) = self.interval(level);
        if self.silent.is_some() || (low.is_none() && high.is_none()) {
            return VerdictKind::Undecided;
        }
        let (low, high) = (low.unwrap_or(f64::NEG_INFINITY), high.unwrap_or(f64::INFINITY));
        let Margin { low: least, high: most } = self.margin;
        // An interval without width can lie on an edge: then it counts whether the claim says `<` or `<=`.
        let strict = matches!(self.claim.test, Test::Order { order: Order::Less | Order::More, .. });
        match () {
            () if low == high && self.edges().any(|edge| edge == low) => {
                if strict {
                    VerdictKind::Refuted
                } else {
                    VerdictKind::Holds
                }
            }
            () if least.is_none_or(|least| low > least) && most.is_none_or(|most| high < most) => {
                VerdictKind::Holds
            }
            () if least.is_some_and(|least| high < least) || most.is_some_and(|most| low > most) => {
                VerdictKind::Refuted
            }
            () => VerdictKind::Undecided,
        }
    }

    /// The verdict on `hypothesis` with an interval at `level`.
    pub(super) fn verdict(&self, hypothesis: &Hypothesis, level: f64) -> Verdict {
        let kind = self.kind(level);
        let shown = |x: f64| if self.form == Form::Ratio { libm::exp(x) } else { x };
        let (low, high) = self.interval(level);
        let effect = self.value.map(|value| Effect {
            value: shown(value),
            unit: self.unit(),
            low: low.map(shown),
            high: high.map(shown),
            confidence: level,
            censored: self.censored,
        });
        let margin = Margin { low: self.margin.low.map(shown), high: self.margin.high.map(shown) };
        let needs_more = (kind == VerdictKind::Undecided).then(|| self.needs_more(level)).flatten();
        let why = say::why(
            self.silent.as_deref(),
            kind,
            effect.as_ref(),
            &margin,
            needs_more,
            (self.done, self.planned),
        );
        Verdict {
            name: hypothesis.name.clone(),
            claim: hypothesis.text.clone(),
            title: hypothesis.title.clone(),
            verdict: kind,
            effect,
            margin: Some(margin),
            rounds: self.effects.iter().copied().map(shown).collect(),
            n: if self.sections > 0 { self.sections } else { self.effects.len() as u32 },
            needs_more,
            why,
            comparison: hypothesis.claim.comparison(),
        }
    }

    /// How many more rounds would probably decide it.
    fn needs_more(&self, level: f64) -> Option<u32> {
        if self.censored.is_some() {
            return None;
        }
        if self.done < self.planned {
            return Some(self.planned - self.done);
        }
        let (evidence, value) = (self.evidence.as_ref()?, self.value?);
        let nearest = self.edges().min_by(|a, b| (a - value).abs().total_cmp(&(b - value).abs()))?;
        evidence.rounds_needed(nearest, level).map(|n| n.saturating_sub(self.done).max(1))
    }

    fn unit(&self) -> Unit {
        match (self.form, self.claim.left.kind) {
            (Form::Ratio, _) => Unit::Ratio,
            (Form::Share, _) => Unit::Share,
            (Form::Rounds, _) => Unit::Rounds,
            (Form::Difference | Form::Level, Kind::Time) => Unit::Ms,
            (Form::Difference | Form::Level, Kind::Share) => Unit::Share,
            (Form::Difference | Form::Level, Kind::Number) => Unit::Count,
            (Form::Difference | Form::Level, Kind::Rate) => {
                match self.claim.left.terms.first().map(|(_, q)| q.what) {
                    Some(What::InFlight(_) | What::Tasks(_)) => Unit::CountPerSecond,
                    _ => Unit::PerSecond,
                }
            }
        }
    }
}

/// Why nothing can be said whatever the figures are, if so.
fn silent(claim: &Claim, rounds: &[Option<Figures>], done: u32, planned: u32) -> Option<String> {
    if !claim.cell.is_empty() {
        return Some("this cell was not run".into());
    }
    if rounds.is_empty() {
        return Some("nothing was measured".into());
    }
    if let Some(missing) = rounds.iter().position(Option::is_none) {
        let arms: Vec<String> = claim.quantities().map(|q| format!("/{}", q.arm)).collect();
        return Some(format!(
            "round {} has no such figure of {}: it was not measured, or too few requests were there for it",
            missing + 1,
            arms.join(" and ")
        ));
    }
    (done < planned)
        .then(|| format!("{done} of {planned} planned rounds were measured: no verdict before the last"))
}

/// How the effects of `claim` are made; ratios need figures above zero.
fn form<'f>(claim: &Claim, mut figures: impl Iterator<Item = &'f Figures>) -> Form {
    let is_offered = match &claim.test {
        Test::Returns { .. } => return Form::Rounds,
        Test::Order { right, .. } => right.single().is_some_and(|(_, q)| q.what == What::Offered),
        _ => false,
    };
    match claim.is_ratio() {
        true if is_offered => Form::Share,
        true if figures.all(|f| f.left.value > 0.0 && f.right.value > 0.0) => Form::Ratio,
        false if is_level(claim) => Form::Level,
        _ => Form::Difference,
    }
}

/// Whether `claim` holds one time or number against an amount.
fn is_level(claim: &Claim) -> bool {
    let against_amount = match &claim.test {
        Test::Order { right, .. } | Test::Equal { right, .. } => right.terms.is_empty(),
        Test::Inside { .. } => true,
        Test::Returns { .. } => false,
    };
    let alone = claim.left.single().is_some_and(|(factor, _)| factor == 1.0);
    against_amount && alone && matches!(claim.left.kind, Kind::Time | Kind::Number)
}

/// What the interval is made of: of a single round its sections. `None` if that is too little.
fn evidence(form: Form, effects: &[f64], sections: &[f64], planned: u32) -> Option<Evidence> {
    let whole = *effects.first()?;
    match form {
        Form::Rounds => {
            let yes = effects.iter().filter(|x| **x > 0.5).count() as u32;
            Some(Evidence::Share { yes, n: effects.len() as u32 })
        }
        _ if planned == 1 => Spread::of_sections(whole, sections).map(Evidence::Mean),
        Form::Level => Middle::of_rounds(effects).map(Evidence::Middle),
        _ => Spread::of_rounds(effects).map(Evidence::Mean),
    }
}

fn effect(form: Form, figures: &Figures) -> f64 {
    let Figures { left, right } = figures;
    match form {
        Form::Ratio => libm::log(left.value / right.value),
        Form::Share => left.value / right.value.max(f64::MIN_POSITIVE),
        Form::Difference => left.value - right.value,
        Form::Level | Form::Rounds => left.value,
    }
}

/// Where the effect must lie, on the form's scale.
fn margin(claim: &Claim, form: Form, figures: &[Figures]) -> Margin {
    let right_mean = figures.iter().map(|f| f.right.value).sum::<f64>() / figures.len().max(1) as f64;
    match &claim.test {
        Test::Order { order, right } => {
            let edge = match (form, right.single()) {
                (Form::Ratio, Some((factor, _))) => libm::log(factor),
                (Form::Share, Some((factor, _))) => factor,
                // A ratio that cannot be one, for there are zeros: the factor goes back to the other side.
                (_, Some((factor, _))) if claim.is_ratio() => (factor - 1.0) * right_mean,
                _ => right.constant - claim.left.constant,
            };
            match order {
                Order::Less | Order::AtMost => Margin { low: None, high: Some(edge) },
                Order::More | Order::AtLeast => Margin { low: Some(edge), high: None },
            }
        }
        Test::Equal { right, tolerance, is_share } => {
            let (low, high) = match (form, right.single()) {
                (Form::Ratio, Some((factor, _))) => {
                    (libm::log(factor * (1.0 - tolerance.min(0.999))), libm::log(factor * (1.0 + tolerance)))
                }
                _ => {
                    let middle = right.constant - claim.left.constant;
                    let size =
                        if *is_share { tolerance * (right_mean + right.constant).abs() } else { *tolerance };
                    (middle - size, middle + size)
                }
            };
            Margin { low: Some(low), high: Some(high) }
        }
        Test::Inside { low, high } => {
            let own = claim.left.constant;
            Margin { low: Some(low - own), high: Some(high - own) }
        }
        Test::Returns { .. } => Margin { low: Some(0.5), high: None },
    }
}

/// On which side of the effect the truth may lie, if figures were cut short.
fn censored(figures: &[Figures]) -> Option<Censored> {
    let left = figures.iter().any(|f| f.left.is_lower_bound);
    let right = figures.iter().any(|f| f.right.is_lower_bound);
    match (left, right) {
        (false, false) => None,
        (true, false) => Some(Censored::Below),
        (false, true) => Some(Censored::Above),
        (true, true) => Some(Censored::Both),
    }
}
