//! A factor of a sweep, as it is written on a command line: which value of an experiment changes, and what it becomes.

use super::{
    diagnostics::did_you_mean,
    edit::{Place, replace},
};
use std::fmt;
use toml::de::DeTable;

/// The most levels that one factor has.
pub const MAX_LEVELS: usize = 10_000;

/// A value of an experiment that takes several levels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Factor {
    /// Which value: the end of its path, from which segments may be missing as long as one value is meant. `*.` before it
    /// means every such value.
    pub key: String,
    /// What it becomes, as it is written in a file, quotes left out.
    pub levels: Vec<String>,
}

/// Why a factor cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FactorError {
    /// It is not written as factors are.
    Notation {
        /// What was written.
        text: String,
        /// What was expected.
        expected: &'static str,
    },
    /// The file has no such value.
    Unknown {
        /// The key.
        key: String,
        /// What was probably meant.
        meant: Option<String>,
        /// The paths that there are.
        known: Vec<String>,
    },
    /// The file has several such values.
    Ambiguous {
        /// The key.
        key: String,
        /// Their paths.
        found: Vec<String>,
    },
}

const NOTATION: &str = "KEY=VALUE,VALUE,… or KEY=FROM..TO/STEP or KEY=FROM..TO*FACTOR, such as rate=10/s,20/s or permits=5..40/5";

impl fmt::Display for FactorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FactorError::Notation { text, expected } => {
                write!(f, "{text:?} is no factor: expected {expected}")
            }
            FactorError::Unknown { key, meant, known } => {
                write!(f, "the experiment has no value `{key}`")?;
                if let Some(meant) = meant {
                    write!(f, "; did you mean `{meant}`?")?;
                }
                write!(f, " Its values: {}", known.join(", "))
            }
            FactorError::Ambiguous { key, found } => {
                write!(
                    f,
                    "`{key}` could be {}: say more of its path, or `*.{key}` for all of them",
                    found.join(" or ")
                )
            }
        }
    }
}

impl std::error::Error for FactorError {}

impl Factor {
    /// Reads `KEY=LEVELS`: levels with commas between them, or a range.
    pub fn parse(text: &str) -> Result<Factor, FactorError> {
        let wrong = |expected| FactorError::Notation { text: text.into(), expected };
        if text.chars().any(char::is_control) {
            return Err(wrong("text on one line"));
        }
        let (key, levels) = text.split_once('=').ok_or_else(|| wrong(NOTATION))?;
        let (key, levels) = (key.trim(), levels.trim());
        let is_range = levels.contains("..") && levels.starts_with(|c: char| c.is_ascii_digit());
        let levels = if is_range { range(levels).map_err(wrong)? } else { split(levels) };
        if key.split('.').any(str::is_empty) || levels.iter().any(String::is_empty) {
            return Err(wrong(NOTATION));
        }
        if levels.len() > MAX_LEVELS {
            return Err(wrong(TOO_MANY));
        }
        Ok(Factor { key: key.into(), levels })
    }

    /// The experiment `text` with this factor at level `level`.
    pub(super) fn applied(&self, text: &str, level: &str) -> Result<String, FactorError> {
        Ok(replace(text, &self.places(text)?, &literal(level)))
    }

    /// The values that are meant.
    fn places(&self, text: &str) -> Result<Vec<Place>, FactorError> {
        let (all, key) = (Place::all(text), self.key.as_str());
        let (key, many) = key.strip_prefix("*.").map_or((key, false), |key| (key, true));
        if let Some(exact) = all.iter().find(|place| place.dotted() == key) {
            return Ok(vec![exact.clone()]);
        }
        let found: Vec<Place> = all.iter().filter(|place| ends_so(&place.path, key)).cloned().collect();
        match found.len() {
            0 => Err(unknown(key, &all)),
            1 => Ok(found),
            _ if many => Ok(found),
            _ => {
                let found = found.iter().map(Place::dotted).collect();
                Err(FactorError::Ambiguous { key: key.into(), found })
            }
        }
    }
}

/// Whether `key`'s segments stand in `path` in their order, the last one last.
fn ends_so(path: &[String], key: &str) -> bool {
    let mut path = path.iter().rev();
    let mut key = key.rsplit('.');
    key.next() == path.next().map(String::as_str) && key.all(|segment| path.any(|p| p == segment))
}

fn unknown(key: &str, all: &[Place]) -> FactorError {
    // Whatever a path can end with might have been meant, or only the last word was wrong.
    let mut ends: Vec<String> = Vec::new();
    for Place { path, .. } in all {
        ends.extend((0..path.len()).map(|from| path[from..].join(".")));
        let last = path.last().map_or("", String::as_str);
        let corrected = key.rsplit_once('.').map(|(before, _)| format!("{before}.{last}"));
        ends.extend(corrected.filter(|key| ends_so(path, key)));
    }
    let ends: Vec<&str> = ends.iter().map(String::as_str).collect();
    let meant = did_you_mean(key, &ends).map(str::to_string);
    FactorError::Unknown { key: key.into(), meant, known: all.iter().map(Place::dotted).collect() }
}

/// `level` as TOML: as it is if it is a value, in quotes if not (`30/s`, `unbounded`).
fn literal(level: &str) -> String {
    let line = format!("x = {level}");
    let (table, errors) = DeTable::parse_recoverable(&line);
    let is_value = errors.is_empty() && table.get_ref().get("x").is_some_and(|x| x.span() == (4..line.len()));
    if is_value { level.into() } else { format!("\"{}\"", level.replace('\\', "\\\\").replace('"', "\\\"")) }
}

/// Splits at commas that stand in no bracket and no quotes.
fn split(levels: &str) -> Vec<String> {
    let (mut depth, mut quoted) = (0_i32, false);
    let parts = levels.split(|c| {
        match c {
            '"' => quoted = !quoted,
            '{' | '[' if !quoted => depth += 1,
            '}' | ']' if !quoted => depth -= 1,
            _ => {}
        }
        c == ',' && depth == 0 && !quoted
    });
    parts.map(|part| part.trim().to_string()).collect()
}

const TOO_MANY: &str = "at most 10000 levels";
const RANGE: &str = "FROM..TO/STEP with a step above 0, or FROM..TO*FACTOR with a factor above 1 and FROM above 0, \
and the same unit everywhere, such as 5..40/5 or 10/s..30/s/2/s or 1..1000*10";

/// The levels of `FROM..TO/STEP` or `FROM..TO*FACTOR`; a factor has no unit.
fn range(text: &str) -> Result<Vec<String>, &'static str> {
    let (from, rest) = text.split_once("..").ok_or(RANGE)?;
    let (from, unit) = number(from).ok_or(RANGE)?;
    let (to, rest) = number(rest).ok_or(RANGE)?;
    let rest = rest.strip_prefix(unit).ok_or(RANGE)?;
    let (grow, by): (fn(f64, f64) -> f64, &str) = match rest.split_at_checked(1) {
        Some(("/", step)) => (|x, step| x + step, step),
        Some(("*", factor)) => (|x, factor| x * factor, factor),
        _ => return Err(RANGE),
    };
    let (by, by_unit) = number(by).ok_or(RANGE)?;
    let is_sum = rest.starts_with('/');
    let grows =
        if is_sum { by > 0.0 && by_unit == unit } else { by > 1.0 && from > 0.0 && by_unit.is_empty() };
    if !grows || from > to {
        return Err(RANGE);
    }
    // Steps are counted, not added up: the last one is there in spite of rounding.
    let level =
        |i: usize| if is_sum { grow(from, by * i as f64) } else { (0..i).fold(from, |x, _| grow(x, by)) };
    let levels: Vec<String> = (0..=MAX_LEVELS)
        .map(level)
        .take_while(|x| *x <= to * (1.0 + 1e-9))
        .map(|x| format!("{}{unit}", decimal(x)))
        .collect();
    if levels.len() > MAX_LEVELS { Err(TOO_MANY) } else { Ok(levels) }
}

/// The number at the beginning of `text`, and the rest.
fn number(text: &str) -> Option<(f64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    // "5..40": the dots of a range are not the number's.
    let end = text.find("..").map_or(end, |dots| end.min(dots));
    let value: f64 = text[..end].parse().ok()?;
    value.is_finite().then_some((value, &text[end..]))
}

/// At most nine decimals, none that say nothing.
fn decimal(x: f64) -> String {
    let digits = format!("{x:.9}");
    digits.trim_end_matches('0').trim_end_matches('.').to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn levels(text: &str) -> Vec<String> {
        Factor::parse(text).unwrap_or_else(|e| panic!("{text}: {e}")).levels
    }

    #[test]
    fn levels_are_a_list_or_a_range() {
        assert_eq!(levels("rate=10/s, 20/s"), ["10/s", "20/s"]);
        assert_eq!(levels("permits=5..20/5"), ["5", "10", "15", "20"]);
        assert_eq!(levels("rate=10/s..16/s/2/s"), ["10/s", "12/s", "14/s", "16/s"]);
        assert_eq!(levels("after=100ms..300ms/100ms"), ["100ms", "200ms", "300ms"]);
        assert_eq!(levels("slope=0.1..0.4/0.1"), ["0.1", "0.2", "0.3", "0.4"]);
        assert_eq!(levels("queue=1..1000*10"), ["1", "10", "100", "1000"]);
        assert_eq!(levels("b.latency={ uniform = [\"1ms\", \"2ms\"] }, { constant = \"1ms\" }").len(), 2);
        assert_eq!(levels("file=../x.csv"), ["../x.csv"]);
        assert_eq!(levels("file=\"../x,y.csv\""), ["\"../x,y.csv\""]);
    }

    #[test]
    fn what_is_no_factor_is_refused() {
        for text in [
            "rate",
            "=1",
            "rate=",
            "rate=1,,2",
            "a..b=1",
            "n=1..9",
            "n=9..1/1",
            "n=1..9/0",
            "n=0..9*2",
            "n=1..9*1",
            "n=1..9/1ms",
            "n=1ms..9/1",
            "n=1..1000000/1",
            "n=1\nb=2",
            "n=1..y/z",
        ] {
            assert!(Factor::parse(text).is_err(), "{text}");
        }
    }

    const TEXT: &str = "\
[workload]
arrivals = { poisson = { rate = \"20/s\" } }
[[arm]]
name = \"one\"
b = [ { limit = { permits = 20, queue = 5 } } ]
[[arm]]
name = \"two\"
b = [ { limit = { permits = 20, queue = 5 } } ]
";

    fn applied(text: &str) -> Result<String, FactorError> {
        let factor = Factor::parse(text)?;
        factor.applied(TEXT, &factor.levels[0])
    }

    #[test]
    fn the_end_of_a_path_is_enough_if_it_means_one_value() {
        let faster = TEXT.replace("20/s", "30/s");
        for key in ["rate", "workload.rate", "arrivals.poisson.rate", "workload.arrivals.poisson.rate"] {
            assert_eq!(applied(&format!("{key}=30/s")), Ok(faster.clone()), "{key}");
        }
        let one = TEXT.replacen("permits = 20", "permits = 7", 1);
        assert_eq!(applied("one.permits=7"), Ok(one.clone()));
        assert_eq!(applied("arm.one.b.limit.permits=7"), Ok(one));
        assert_eq!(applied("*.permits=7"), Ok(TEXT.replace("permits = 20", "permits = 7")));
        assert_eq!(
            applied("one.queue=unbounded"),
            Ok(TEXT.replacen("queue = 5", "queue = \"unbounded\"", 1))
        );
    }

    #[test]
    fn a_key_that_means_nothing_or_too_much_is_told_with_what_there_is() {
        let found = vec!["arm.one.b.limit.permits".into(), "arm.two.b.limit.permits".into()];
        assert_eq!(applied("permits=7"), Err(FactorError::Ambiguous { key: "permits".into(), found }));
        let Err(FactorError::Unknown { meant, known, .. }) = applied("one.permit=7") else {
            panic!("no such key")
        };
        assert_eq!(meant.as_deref(), Some("one.permits"));
        assert!(known.contains(&"arm.one.b.limit.permits".to_string()));
        let Err(FactorError::Unknown { meant, .. }) = applied("ratte=7") else { panic!("no such key") };
        assert_eq!(meant.as_deref(), Some("rate"));
    }

    #[test]
    fn a_level_cannot_write_more_than_a_value() {
        assert_eq!(literal("7"), "7");
        assert_eq!(literal("{ limit = 3 }"), "{ limit = 3 }");
        assert_eq!(literal("30/s"), "\"30/s\"");
        assert_eq!(literal("7 # and"), "\"7 # and\"");
        assert_eq!(literal("a\"b"), "\"a\\\"b\"");
    }
}
