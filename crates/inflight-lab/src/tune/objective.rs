//! What is asked of a service: a bound on a percentile and one on goodput.

use crate::claim::{Claim, Mistake, Names, Order, Population, Quantity, Side, Stat, Test, What};
use inflight_strategies::units::{Ratio, format_duration};
use std::{fmt, time::Duration};

/// What the traffic must find.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Objective {
    /// Which percentile of good answers' latency, between 0 and 1.
    pub order: f64,
    /// What it must not exceed.
    pub latency: Duration,
    /// The least share of the offered requests that gets a good answer.
    pub goodput: Ratio,
}

/// One of an objective's two clauses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Clause {
    /// The percentile's bound.
    Latency,
    /// The least goodput.
    Goodput,
}

/// The arm that an objective speaks of.
pub const TUNED: &str = "tuned";
/// What stands between the clauses of an objective.
const AND: &str = " and ";
const EXPECTED: &str =
    "expected a bound on a percentile, `p99 <= 2s`, or on goodput, `goodput >= 99% of offered`";

impl Objective {
    /// The same with what `text` says: claims with `and` between them, such as `p99 <= 2s and goodput >= 99% of offered`. The
    /// error is for people, with the place of what is wrong.
    pub fn read(self, text: &str) -> Result<Objective, String> {
        let (mut objective, mut from) = (self, 0);
        for part in text.split(AND) {
            let told = |mistake: &Mistake| {
                let (at, length) = (from + mistake.span.start, mistake.span.len().max(1));
                let place = text[..at].chars().count();
                format!(
                    "{}\n  {text}\n  {}{} {}",
                    mistake.message,
                    " ".repeat(place),
                    "^".repeat(length),
                    mistake.label
                )
            };
            let names = Names { arms: &[TUNED], phases: None };
            let claim = Claim::read(part, names).map_err(|all| all.first().map_or(String::new(), told))?;
            objective = objective.with(&claim).ok_or_else(|| {
                told(&Mistake::new(0..part.len(), "the search cannot be asked for this", EXPECTED))
            })?;
            from += part.len() + AND.len();
        }
        Ok(objective)
    }

    /// The same with a clause more; `None` if `claim` is none.
    fn with(self, claim: &Claim) -> Option<Objective> {
        let Test::Order { order, right } = &claim.test else { return None };
        let (factor, quantity) =
            claim.left.single().filter(|_| claim.scope.is_none() && claim.cell.is_empty())?;
        match (factor == 1.0, quantity.what, order) {
            (true, What::Latency(Stat::Quantile(q), Population::Completed), Order::Less | Order::AtMost) => {
                let seconds = bound(right)? / 1e3;
                (seconds > 0.0).then(|| Objective {
                    order: q,
                    latency: Duration::from_secs_f64(seconds),
                    ..self
                })
            }
            (true, What::Goodput, Order::More | Order::AtLeast) => match right.single()? {
                (share, Quantity { what: What::Offered, .. }) => {
                    Some(Objective { goodput: Ratio::new(share)?, ..self })
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// The objective as claims about the arm that was found, for an experiment's file.
    pub fn claims(&self) -> [String; 2] {
        let (percentile, latency) = (self.percentile(), format_duration(self.latency));
        [format!("{percentile} <= {latency}"), format!("goodput >= {} of offered", self.goodput)]
    }

    /// The percentile in words: `p99`, `p99.9`.
    pub fn percentile(&self) -> String {
        let digits = format!("{:.3}", self.order * 100.0);
        format!("p{}", digits.trim_end_matches('0').trim_end_matches('.'))
    }
}

impl fmt::Display for Objective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.claims().join(AND))
    }
}

/// The amount that is all of a side.
fn bound(side: &Side) -> Option<f64> {
    side.terms.is_empty().then_some(side.constant)
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn check(text: &str, expected: Expect) {
        let goodput = Ratio::new(0.94).expect("a share");
        let first = Objective { order: 0.99, latency: Duration::from_secs(2), goodput };
        expected.assert_eq(&first.read(text).map_or_else(|error| error, |objective| objective.to_string()));
    }

    #[test]
    fn an_objective_is_claims_and_what_it_leaves_out_stays() {
        check("p95 < 300ms", expect!["p95 <= 300ms and goodput >= 94% of offered"]);
        check("goodput >= 90% of offered", expect!["p99 <= 2s and goodput >= 90% of offered"]);
        check(
            "p99.9 <= 1s and goodput > 99% of offered",
            expect!["p99.9 <= 1s and goodput >= 99% of offered"],
        );
    }

    #[test]
    fn what_is_no_objective_is_told_with_its_place() {
        check(
            "p99 <= 2",
            expect![[r#"
            a time cannot be compared with a number
              p99 <= 2
                     ^ expected a time such as `200ms`"#]],
        );
        check(
            "p99 <= 2s and goodput >= 20/s",
            expect![[r#"
            the search cannot be asked for this
              p99 <= 2s and goodput >= 20/s
                            ^^^^^^^^^^^^^^^ expected a bound on a percentile, `p99 <= 2s`, or on goodput, `goodput >= 99% of offered`"#]],
        );
        check(
            "p99 <= 2s and inflight <= 20",
            expect![[r#"
            the search cannot be asked for this
              p99 <= 2s and inflight <= 20
                            ^^^^^^^^^^^^^^ expected a bound on a percentile, `p99 <= 2s`, or on goodput, `goodput >= 99% of offered`"#]],
        );
        check(
            "p99 >= 2s",
            expect![[r#"
            the search cannot be asked for this
              p99 >= 2s
              ^^^^^^^^^ expected a bound on a percentile, `p99 <= 2s`, or on goodput, `goodput >= 99% of offered`"#]],
        );
    }
}
