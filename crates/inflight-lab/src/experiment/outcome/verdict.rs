//! What became of a hypothesis, and what shows that the measurement can be trusted.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A hypothesis, judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Verdict {
    /// The hypothesis' name in its file, such as `H1`.
    pub name: String,
    /// The claim as it was written.
    pub claim: String,
    /// The claim as a plain sentence.
    pub title: String,
    /// What became of it: from the interval of the effect against the margin, and from nothing else.
    pub verdict: VerdictKind,
    /// What was measured; `None` where there was nothing to measure.
    pub effect: Option<Effect>,
    /// Where the effect must lie for the claim to hold.
    pub margin: Option<Margin>,
    /// The effect in each round, in the effect's unit; a share of rounds has 1 for yes and 0 for no.
    pub rounds: Vec<f64>,
    /// How many rounds, or sections of a single round, the interval is from.
    pub n: u32,
    /// How many more rounds would probably decide it, if it is undecided and that can be said.
    pub needs_more: Option<u32>,
    /// The verdict in a plain sentence.
    pub why: String,
    /// What was compared, such as `/async-limited ÷ /async, p99`.
    pub comparison: String,
}

/// What became of a hypothesis. A refuted claim is a result, not a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum VerdictKind {
    /// The whole interval is where the claim says.
    Holds,
    /// The whole interval is where the claim says it is not.
    Refuted,
    /// Neither.
    Undecided,
}

impl VerdictKind {
    /// All of them.
    pub const ALL: [VerdictKind; 3] = [VerdictKind::Holds, VerdictKind::Refuted, VerdictKind::Undecided];
}

impl fmt::Display for VerdictKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            VerdictKind::Holds => "holds",
            VerdictKind::Refuted => "refuted",
            VerdictKind::Undecided => "undecided",
        })
    }
}

/// A measured effect with its interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Effect {
    /// The estimate.
    pub value: f64,
    /// In which unit it and everything beside it is.
    pub unit: Unit,
    /// The lower end of the interval; `None` if there is no interval.
    pub low: Option<f64>,
    /// Its upper end.
    pub high: Option<f64>,
    /// How sure the interval is, from 0 to 1: 0.95, or more where several hypotheses share one error rate (Holm).
    pub confidence: f64,
    /// Whether the truth is beyond what could be measured: a latency that a timeout or the driver's patience cut short.
    pub censored: Option<Censored>,
}

/// On which side of a censored estimate the truth lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Censored {
    /// The estimate is a lower bound: the truth is this or more.
    Below,
    /// The estimate is an upper bound: the truth is this or less.
    Above,
    /// Both sides of a comparison were cut short: nothing can be said.
    Both,
}

/// The unit of an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// Milliseconds.
    Ms,
    /// Per second.
    PerSecond,
    /// A share: 0.05 is 5 %.
    Share,
    /// A ratio of two quantities: 0.8 is ×0.8.
    Ratio,
    /// Requests or tasks, a number of them.
    Count,
    /// How many more there are each second.
    CountPerSecond,
    /// A share of rounds: 0.5 is half of them.
    Rounds,
}

/// Where an effect must lie for its claim to hold; an end that is `None` is open.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Margin {
    /// Not below this.
    pub low: Option<f64>,
    /// Not above this.
    pub high: Option<f64>,
}

/// Something that must be so if the measurement can be trusted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Control {
    /// Its name: `A/A`, `driver lateness`, `Little's law`, `sums`, `steal`, `warm-up`.
    pub name: String,
    /// Whether it is so.
    pub ok: bool,
    /// What was found, in a plain sentence.
    pub text: String,
    /// The figures behind it, by name with their unit, such as `p99_ms`.
    pub figures: std::collections::BTreeMap<String, f64>,
}
