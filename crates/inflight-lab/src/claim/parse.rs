//! From pieces to a claim: recursive descent, one function for each rule of the grammar.

use super::{
    Amount, Claim, Kind, Mistake, Names, Order, Placed, Population, Quantity, Scope, Shape, Side, Stat, Test,
    Token, What, tokens,
};
use crate::{experiment::did_you_mean, record::Ending};
use std::{ops::Range, time::Duration};

const QUANTITIES: &[&str] = &[
    "p50",
    "p90",
    "p95",
    "p99",
    "p99.9",
    "mean",
    "max",
    "goodput",
    "throughput",
    "offered",
    "share",
    "inflight",
    "peak",
    "slope",
    "wait",
    "tasks",
    "recovers",
];
const STATUSES: &[&str] = &[
    "completed",
    "failed",
    "rejected",
    "timed-out",
    "refused",
    "reset",
    "abandoned",
    "unfinished",
    "408",
    "429",
    "503",
];

/// Reads a claim.
pub(super) fn claim(text: &str, names: Names<'_>) -> Result<Claim, Vec<Mistake>> {
    let tokens = tokens(text).map_err(|mistake| vec![mistake])?;
    let mut parser = Parser { tokens, next: 0, end: text.len(), names, mistakes: Vec::new(), arm: None };
    let claim = parser.claim();
    match claim {
        Ok(claim) if parser.mistakes.is_empty() => Ok(claim),
        Ok(_) => Err(parser.mistakes),
        Err(mistake) => {
            parser.mistakes.push(mistake);
            Err(parser.mistakes)
        }
    }
}

/// Reads a single quantity.
pub(super) fn quantity(text: &str, names: Names<'_>) -> Result<Quantity, Vec<Mistake>> {
    let tokens = tokens(text).map_err(|mistake| vec![mistake])?;
    let mut parser = Parser { tokens, next: 0, end: text.len(), names, mistakes: Vec::new(), arm: None };
    let quantity = parser.quantity().map_err(|mistake| vec![mistake])?;
    if parser.next < parser.tokens.len() {
        let more = Mistake::new(parser.span(), "the quantity is over here", "expected nothing more");
        parser.mistakes.push(more);
    }
    if parser.mistakes.is_empty() { Ok(quantity) } else { Err(parser.mistakes) }
}

type Read<T> = Result<T, Mistake>;
/// Factors and their levels.
type Cell = Vec<(String, String)>;

struct Parser<'a> {
    tokens: Vec<Placed>,
    next: usize,
    end: usize,
    names: Names<'a>,
    mistakes: Vec<Mistake>,
    /// The arm that was named last on the left: what `offered` alone is of.
    arm: Option<String>,
}

impl Parser<'_> {
    fn claim(&mut self) -> Read<Claim> {
        let begin = self.span();
        if self.next_is_word("recovers") {
            return self.recovers();
        }
        let left = self.side(None)?;
        if left.terms.is_empty() {
            return Err(Mistake::new(begin, "a claim speaks of something measured", "expected a quantity")
                .with(known_quantities()));
        }
        let test = self.test(&left)?;
        let (scope, cell) = self.scopes()?;
        Ok(Claim { left, test, scope, cell })
    }

    /// `recovers(ARM) within TIME [after PHASE]`
    fn recovers(&mut self) -> Read<Claim> {
        self.next += 1;
        let arm = self.arm_in_brackets()?;
        let left = single(What::Goodput, arm);
        let test = self.returns()?;
        let (scope, cell) = self.scopes()?;
        Ok(Claim { left, test, scope, cell })
    }

    /// `within TIME [after PHASE]`
    fn returns(&mut self) -> Read<Test> {
        self.expect_word("within", "within how long, such as `within 20s`")?;
        let within = self.amount_of(Kind::Time)?;
        let span = self.span();
        let phase = if self.take_word("after") {
            self.phase()?
        } else {
            let known = |name: &&&str| self.names.phases.is_none_or(|phases| phases.contains(*name));
            let default = ["burst", "fault", "overload"].iter().find(known);
            (*default.ok_or_else(|| {
                Mistake::new(span, "nothing to recover from is known here", "expected `after PHASE`")
                    .with(self.known_phases())
            })?)
            .into()
        };
        Ok(Test::Returns { within: Duration::from_secs_f64(within / 1e3), phase })
    }

    fn test(&mut self, left: &Side) -> Read<Test> {
        let span = self.span();
        let orders = [("<", Order::Less), ("<=", Order::AtMost), (">", Order::More), (">=", Order::AtLeast)];
        if let Some((_, order)) = orders.into_iter().find(|(sign, _)| self.take_sign(sign)) {
            let right = self.side(Some(left.kind))?;
            return Ok(Test::Order { order, right });
        }
        if self.take_sign("=") {
            let right = self.side(Some(left.kind))?;
            self.expect_word("within", "up to what: `within 5%`, as nothing measured is equal")?;
            let (tolerance, is_share) = self.tolerance(left.kind)?;
            return Ok(Test::Equal { right, tolerance, is_share });
        }
        if self.take_word("in") {
            let low = self.amount_of(left.kind)?;
            self.expect_sign("..")?;
            let place = self.span();
            let high = self.amount_of(left.kind)?;
            return match low < high {
                true => Ok(Test::Inside { low, high }),
                false => {
                    Err(Mistake::new(place, "a range that is empty", "expected more than where it begins"))
                }
            };
        }
        if self.take_sign("~") {
            let middle = self.amount_of(left.kind)?;
            self.expect_sign("±")?;
            let (tolerance, is_share) = self.tolerance(left.kind)?;
            // A share of a share could be meant either way: it is relative, like everywhere.
            let half = if is_share { middle.abs() * tolerance } else { tolerance };
            return Ok(Test::Inside { low: middle - half, high: middle + half });
        }
        if self.take_word("returns") {
            self.expect_word("to", "`returns to baseline within 2s`")?;
            self.expect_word("baseline", "`returns to baseline within 2s`")?;
            return self.returns();
        }
        Err(Mistake::new(
            span,
            "a claim says something of its quantity",
            "expected <, <=, >, >=, =, `in`, ~ or `returns`",
        ))
    }

    /// A tolerance: a share, or an amount of `kind`.
    fn tolerance(&mut self, kind: Kind) -> Read<(f64, bool)> {
        let span = self.span();
        match self.take_amount() {
            Some(Amount { value, kind: Kind::Share }) if value > 0.0 => Ok((value, true)),
            Some(Amount { value, kind: of }) if of == kind && value > 0.0 => Ok((value, false)),
            _ => Err(Mistake::new(
                span,
                "a tolerance above zero is missing",
                format!("expected `5%` or {}", kind.example()),
            )),
        }
    }

    /// `TERM {(+|-) TERM}`, all of one kind.
    fn side(&mut self, kind: Option<Kind>) -> Read<Side> {
        let mut side = self.term(kind, kind.is_none())?;
        while let Some(sign) = ["+", "-"].into_iter().find(|sign| self.take_sign(sign)) {
            let factor = if sign == "-" { -1.0 } else { 1.0 };
            let more = self.term(Some(side.kind), false)?;
            side.terms.extend(more.terms.into_iter().map(|(by, quantity)| (factor * by, quantity)));
            side.constant += factor * more.constant;
        }
        Ok(side)
    }

    /// `AMOUNT`, `NUMBER * QUANTITY`, `SHARE of QUANTITY` or `QUANTITY`.
    fn term(&mut self, kind: Option<Kind>, is_first: bool) -> Read<Side> {
        let span = self.span();
        let Some(amount) = self.take_amount() else {
            let quantity = self.quantity()?;
            if is_first {
                self.arm = Some(quantity.arm.clone());
            }
            let of = quantity.what.kind();
            self.same_kind(kind, of, span.start..self.behind())?;
            return Ok(Side { terms: vec![(1.0, quantity)], constant: 0.0, kind: of });
        };
        let is_factor = match amount.kind {
            Kind::Number => self.take_sign("*"),
            Kind::Share => self.take_word("of"),
            _ => false,
        };
        if is_factor {
            let mut side = self.term(kind, is_first)?;
            side.terms.iter_mut().for_each(|(factor, _)| *factor *= amount.value);
            side.constant *= amount.value;
            return Ok(side);
        }
        // A slope of zero needs no unit, nor does any other zero.
        let of = if amount.value == 0.0 { kind.unwrap_or(amount.kind) } else { amount.kind };
        self.same_kind(kind, of, span)?;
        Ok(Side { terms: Vec::new(), constant: amount.value, kind: of })
    }

    fn same_kind(&self, expected: Option<Kind>, found: Kind, span: Range<usize>) -> Read<()> {
        match expected {
            Some(expected) if expected != found => {
                let message = format!("{expected} cannot be compared with {found}");
                Err(Mistake::new(span, message, format!("expected {}", expected.example())))
            }
            _ => Ok(()),
        }
    }

    /// `NAME(ARM, …)`, or `NAME` of the only arm.
    fn quantity(&mut self) -> Read<Quantity> {
        let span = self.span();
        let Some(word) = self.take_any_word() else {
            return Err(Mistake::new(span, "a quantity is missing", "expected one").with(known_quantities()));
        };
        let what = match word.as_str() {
            "goodput" => What::Goodput,
            "throughput" => What::Throughput,
            "offered" if !self.is_sign("(") => {
                let arm = self.arm.clone().or_else(|| self.only_arm());
                let missing = || Mistake::new(span, "offered to whom", "expected `offered(ARM)`");
                return arm.map(|arm| Quantity { what: What::Offered, arm }).ok_or_else(missing);
            }
            "offered" => What::Offered,
            "inflight" => What::InFlight(Shape::Mean),
            "tasks" => What::Tasks(Shape::Mean),
            "wait" => What::Wait(Stat::Mean),
            "share" => return self.share(),
            "peak" | "slope" => return self.shape(if word == "peak" { Shape::Peak } else { Shape::Slope }),
            other => match stat(other) {
                Some(stat) => return self.statistic(stat),
                None => return Err(unknown(span, "a claim knows no quantity", other, QUANTITIES)),
            },
        };
        Ok(Quantity { what, arm: self.arm_in_brackets()? })
    }

    /// `p99(ARM)`, `p99(ARM, answered)`, `p99(wait(ARM))`, `mean(inflight(ARM))`
    fn statistic(&mut self, stat: Stat) -> Read<Quantity> {
        if self.tokens.get(self.next + 2).is_some_and(|t| t.token == Token::Sign("(")) {
            let span = self.span();
            self.expect_sign("(")?;
            let inner = self.quantity()?;
            self.expect_sign(")")?;
            let what = match (inner.what, stat) {
                (What::Wait(_), stat) => What::Wait(stat),
                (What::InFlight(_), Stat::Mean) => What::InFlight(Shape::Mean),
                (What::InFlight(_), Stat::Max) => What::InFlight(Shape::Peak),
                _ => {
                    return Err(Mistake::new(
                        span,
                        "no such figure of it is kept",
                        "expected an arm, or `wait(ARM)`",
                    ));
                }
            };
            return Ok(Quantity { what, arm: inner.arm });
        }
        if !self.is_sign("(") {
            let arm = self.arm_in_brackets()?;
            return Ok(Quantity { what: What::Latency(stat, Population::Completed), arm });
        }
        self.expect_sign("(")?;
        let arm = self.arm()?;
        let mut population = Population::Completed;
        if self.take_sign(",") {
            let span = self.span();
            population = match self.take_any_word().as_deref() {
                Some("answered") => Population::Answered,
                Some("completed") => Population::Completed,
                _ => return Err(Mistake::new(span, "whose latency", "expected `completed` or `answered`")),
            };
        }
        self.expect_sign(")")?;
        Ok(Quantity { what: What::Latency(stat, population), arm })
    }

    /// `peak(inflight(ARM))`, `slope(tasks(ARM))`
    fn shape(&mut self, shape: Shape) -> Read<Quantity> {
        self.expect_sign("(")?;
        let span = self.span();
        let inner = self.quantity()?;
        self.expect_sign(")")?;
        let what = match inner.what {
            What::InFlight(_) => What::InFlight(shape),
            What::Tasks(_) => What::Tasks(shape),
            _ => {
                return Err(Mistake::new(
                    span,
                    "it has no such figure",
                    "expected `inflight(ARM)` or `tasks(ARM)`",
                ));
            }
        };
        Ok(Quantity { what, arm: inner.arm })
    }

    /// `share(ARM, status = X)`, `share(ARM, X)`
    fn share(&mut self) -> Read<Quantity> {
        self.expect_sign("(")?;
        let arm = match (self.names.arms, self.next_is_word("status")) {
            ([only], true) => (*only).to_string(),
            _ => {
                let arm = self.arm()?;
                self.expect_sign(",")?;
                arm
            }
        };
        if self.take_word("status") {
            self.expect_sign("=")?;
        }
        let span = self.span();
        let word = match self.tokens.get(self.next).map(|placed| &placed.token) {
            Some(Token::Word(word)) => word.clone(),
            Some(Token::Amount(Amount { value, kind: Kind::Number })) => value.to_string(),
            _ => {
                return Err(Mistake::new(span, "a status is missing", "expected one")
                    .with(list("statuses", STATUSES)));
            }
        };
        self.next += 1;
        let ending = match word.as_str() {
            "completed" | "ok" | "200" => Ending::Completed,
            "failed" | "503" => Ending::Failed,
            "rejected" | "429" => Ending::Rejected,
            "timed-out" | "408" | "504" => Ending::TimedOut,
            "refused" => Ending::Refused,
            "reset" => Ending::Reset,
            "abandoned" => Ending::Abandoned,
            "unfinished" => Ending::Unfinished,
            other => return Err(unknown(span, "no request ends as", other, STATUSES)),
        };
        self.expect_sign(")")?;
        Ok(Quantity { what: What::Share(ending), arm })
    }

    fn arm_in_brackets(&mut self) -> Read<String> {
        if !self.is_sign("(") {
            let span = self.span();
            let missing = || {
                Mistake::new(span, "an arm is missing", "expected `(ARM)`")
                    .with(list("arms", self.names.arms))
            };
            return self.only_arm().ok_or_else(missing);
        }
        self.expect_sign("(")?;
        let arm = self.arm()?;
        self.expect_sign(")")?;
        Ok(arm)
    }

    fn only_arm(&self) -> Option<String> {
        match self.names.arms {
            [only] => Some((*only).into()),
            _ => None,
        }
    }

    /// An arm. An unknown one is noted, and the reading goes on.
    fn arm(&mut self) -> Read<String> {
        let span = self.span();
        let Some(word) = self.take_any_word() else {
            return Err(
                Mistake::new(span, "an arm is missing", "expected one").with(list("arms", self.names.arms))
            );
        };
        if !self.names.arms.contains(&word.as_str()) {
            self.mistakes.push(unknown(span, "there is no arm", &word, self.names.arms));
        }
        Ok(word)
    }

    fn scopes(&mut self) -> Read<(Option<Scope>, Cell)> {
        let (mut scope, mut cell) = (None, Vec::new());
        while self.next < self.tokens.len() {
            let span = self.span();
            if self.take_sign("@") {
                cell.push(self.level()?);
                continue;
            }
            let is_after = match self.take_any_word().as_deref() {
                Some("within" | "during") => false,
                Some("after") => true,
                _ => {
                    return Err(Mistake::new(
                        span,
                        "the claim is over here",
                        "expected `within PHASE`, `after PHASE`, `@ FACTOR=LEVEL` or nothing",
                    ));
                }
            };
            if scope.is_some() {
                return Err(Mistake::new(span, "two parts of the run at once", "leave one out"));
            }
            scope = Some(Scope { is_after, phase: self.phase()? });
        }
        Ok((scope, cell))
    }

    /// `FACTOR=LEVEL`
    fn level(&mut self) -> Read<(String, String)> {
        let span = self.span();
        let missing = || {
            Mistake::new(span.clone(), "a cell is missing", "expected `FACTOR=LEVEL`, such as `rate=24/s`")
        };
        let factor = self.take_any_word().ok_or_else(missing)?;
        self.expect_sign("=")?;
        let level = match self.tokens.get(self.next).map(|placed| &placed.token) {
            Some(Token::Word(word)) => word.clone(),
            Some(Token::Amount(Amount { value, kind })) => match kind {
                Kind::Time => format!("{value}ms"),
                Kind::Rate => format!("{value}/s"),
                Kind::Share => format!("{}%", value * 100.0),
                Kind::Number => value.to_string(),
            },
            _ => return Err(missing()),
        };
        self.next += 1;
        Ok((factor, level))
    }

    fn phase(&mut self) -> Read<String> {
        let span = self.span();
        let Some(word) = self.take_any_word() else {
            return Err(Mistake::new(span, "a phase is missing", "expected one").with(self.known_phases()));
        };
        if let Some(phases) = self.names.phases.filter(|phases| !phases.contains(&word.as_str())) {
            let mut mistake = unknown(span, "the workload has no phase", &word, phases);
            mistake.notes = vec![self.known_phases()];
            self.mistakes.push(mistake);
        }
        Ok(word)
    }

    fn known_phases(&self) -> String {
        match self.names.phases.unwrap_or_default() {
            [] => "this workload has no phases: bursts, stages with a name, faults or `phases = { … }` make them".into(),
            phases => list("phases", phases),
        }
    }

    /// An amount of `kind`.
    fn amount_of(&mut self, kind: Kind) -> Read<f64> {
        let span = self.span();
        match self.take_amount() {
            Some(amount) if amount.kind == kind => Ok(amount.value),
            Some(Amount { value: 0.0, .. }) => Ok(0.0),
            _ => {
                Err(Mistake::new(span, format!("{kind} is missing"), format!("expected {}", kind.example())))
            }
        }
    }

    /// The place of the next piece; of the end, if there is none.
    fn span(&self) -> Range<usize> {
        self.tokens.get(self.next).map_or(self.end..self.end, |placed| placed.span.clone())
    }

    /// Where the last piece ended.
    fn behind(&self) -> usize {
        self.next.checked_sub(1).map_or(0, |last| self.tokens[last].span.end)
    }

    fn take_amount(&mut self) -> Option<Amount> {
        let Token::Amount(amount) = self.tokens.get(self.next)?.token else { return None };
        self.next += 1;
        Some(amount)
    }

    fn take_any_word(&mut self) -> Option<String> {
        let Token::Word(word) = &self.tokens.get(self.next)?.token else { return None };
        self.next += 1;
        Some(word.clone())
    }

    fn next_is_word(&self, word: &str) -> bool {
        matches!(self.tokens.get(self.next), Some(Placed { token: Token::Word(next), .. }) if next == word)
    }

    fn take_word(&mut self, word: &str) -> bool {
        let is_it = self.next_is_word(word);
        self.next += usize::from(is_it);
        is_it
    }

    fn is_sign(&self, sign: &str) -> bool {
        matches!(self.tokens.get(self.next), Some(Placed { token: Token::Sign(next), .. }) if *next == sign)
    }

    fn take_sign(&mut self, sign: &str) -> bool {
        let is_it = self.is_sign(sign);
        self.next += usize::from(is_it);
        is_it
    }

    fn expect_word(&mut self, word: &str, label: &str) -> Read<()> {
        let span = self.span();
        let missing = || Mistake::new(span, format!("`{word}` is missing"), format!("expected {label}"));
        self.take_word(word).then_some(()).ok_or_else(missing)
    }

    fn expect_sign(&mut self, sign: &str) -> Read<()> {
        let span = self.span();
        let missing = || Mistake::new(span, format!("`{sign}` is missing"), format!("expected `{sign}`"));
        self.take_sign(sign).then_some(()).ok_or_else(missing)
    }
}

fn single(what: What, arm: String) -> Side {
    Side { kind: what.kind(), terms: vec![(1.0, Quantity { what, arm })], constant: 0.0 }
}

/// `p99`, `p99.9`, `mean`, `max`
fn stat(word: &str) -> Option<Stat> {
    match word {
        "mean" => Some(Stat::Mean),
        "max" => Some(Stat::Max),
        _ => {
            let percent: f64 = word.strip_prefix('p')?.parse().ok()?;
            (percent > 0.0 && percent < 100.0).then_some(Stat::Quantile(percent / 100.0))
        }
    }
}

fn unknown(span: Range<usize>, message: &str, word: &str, known: &[&str]) -> Mistake {
    let label = match did_you_mean(word, known) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => "not known here".into(),
    };
    Mistake::new(span, format!("{message} `{word}`"), label).with(list("there is", known))
}

fn list(what: &str, known: &[&str]) -> String {
    format!("{what}: {}", known.join(", "))
}

fn known_quantities() -> String {
    list("there is", QUANTITIES)
}
