//! Quantities that carry their unit in text: `"250ms"`, `"2000/s"`, `"5%"`. A bare number is an error.

use std::{fmt, str::FromStr, time::Duration};

/// The longest duration that can be written: 100 days.
pub const MAX_DURATION: Duration = Duration::from_secs(100 * 86_400);
/// The highest rate that can be written, per second.
pub const MAX_RATE: f64 = 10_000_000.0;

/// Why a text is not a quantity: what was expected, in words that can stand after "expected".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseError(pub &'static str);

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}", self.0)
    }
}

impl std::error::Error for ParseError {}

/// Splits `"2.5ms"` into its number and its unit; the number is finite and not negative.
fn number_and_unit(text: &str) -> Option<(f64, &str)> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '_')?;
    let (number, unit) = text.split_at(digits);
    let number: f64 = number.replace('_', "").parse().ok()?;
    Some((number, unit.trim()))
}

/// Reads a duration: a number and one of `ns us µs ms s m h`; at most [`MAX_DURATION`].
pub fn parse_duration(text: &str) -> Result<Duration, ParseError> {
    const EXPECTED: ParseError = ParseError(
        "a duration such as \"250ms\", \"1.5s\" or \"2m\" (ns, us, ms, s, m, h; at most 100 days)",
    );
    let (number, unit) = number_and_unit(text).ok_or(EXPECTED)?;
    let nanos = number
        * match unit {
            "ns" => 1.0,
            "us" | "µs" | "μs" => 1e3,
            "ms" => 1e6,
            "s" => 1e9,
            "m" | "min" => 60e9,
            "h" => 3600e9,
            _ => return Err(EXPECTED),
        };
    if nanos > MAX_DURATION.as_nanos() as f64 {
        return Err(EXPECTED);
    }
    Ok(Duration::from_nanos(nanos.round() as u64))
}

/// Writes a duration in the largest unit that keeps it exact enough to read: `"250ms"`, `"1.5s"`.
pub fn format_duration(duration: Duration) -> String {
    let nanos = duration.as_nanos() as f64;
    let (value, unit) = match duration.as_nanos() {
        0 => return "0s".into(),
        n if n < 1_000 => (nanos, "ns"),
        n if n < 1_000_000 => (nanos / 1e3, "us"),
        n if n < 1_000_000_000 => (nanos / 1e6, "ms"),
        n if n % 60_000_000_000 == 0 => (nanos / 60e9, "m"),
        _ => (nanos / 1e9, "s"),
    };
    let digits = format!("{value:.3}");
    format!("{}{unit}", digits.trim_end_matches('0').trim_end_matches('.'))
}

/// The duration in a wind tunnel: multiplied by `factor`, but not below a microsecond (or below itself, if it is shorter).
pub fn scaled(duration: Duration, factor: f64) -> Duration {
    const SHORTEST: Duration = Duration::from_micros(1);
    duration.mul_f64(factor).max(duration.min(SHORTEST))
}

/// Events per second: finite, above zero, at most [`MAX_RATE`].
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Rate(f64);

impl Rate {
    /// So many per second, if that is a rate.
    pub fn per_second(value: f64) -> Option<Rate> {
        (value > 0.0 && value <= MAX_RATE).then_some(Rate(value))
    }

    /// Events per second.
    pub fn as_per_second(self) -> f64 {
        self.0
    }

    /// The mean time between two events.
    pub fn gap(self) -> Duration {
        Duration::from_nanos((1e9 / self.0).round() as u64)
    }
}

impl FromStr for Rate {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Rate, ParseError> {
        const EXPECTED: ParseError =
            ParseError("a rate such as \"200/s\" or \"120/m\", above zero and at most 10000000/s");
        let (number, unit) = number_and_unit(text).ok_or(EXPECTED)?;
        let per = match unit.strip_prefix('/').map(str::trim) {
            Some("s") => 1.0,
            Some("m" | "min") => 60.0,
            Some("h") => 3600.0,
            _ => return Err(EXPECTED),
        };
        Rate::per_second(number / per).ok_or(EXPECTED)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = format!("{:.3}", self.0);
        write!(f, "{}/s", digits.trim_end_matches('0').trim_end_matches('.'))
    }
}

/// A share of a whole, 0 to 1, written in per cent.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Ratio(f64);

impl Ratio {
    /// Nothing of it.
    pub const ZERO: Ratio = Ratio(0.0);

    /// The share `value`, if that is between 0 and 1.
    pub fn new(value: f64) -> Option<Ratio> {
        (0.0..=1.0).contains(&value).then_some(Ratio(value))
    }

    /// The share, 0 to 1.
    pub fn value(self) -> f64 {
        self.0
    }
}

impl FromStr for Ratio {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Ratio, ParseError> {
        const EXPECTED: ParseError = ParseError("a share such as \"5%\", between 0% and 100%");
        match number_and_unit(text) {
            Some((number, "%")) => Ratio::new(number / 100.0).ok_or(EXPECTED),
            _ => Err(EXPECTED),
        }
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = format!("{:.3}", self.0 * 100.0);
        write!(f, "{}%", digits.trim_end_matches('0').trim_end_matches('.'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_carry_their_unit() {
        for (text, nanos) in [
            ("250ms", 250_000_000),
            ("1.5s", 1_500_000_000),
            ("2m", 120_000_000_000),
            ("7 us", 7_000),
            ("0s", 0),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_nanos(nanos)), "{text}");
        }
        for text in ["", "5", "ms", "-1s", "1e3s", "NaNs", "infs", "3 days", "101_000_000s", "1.2.3s"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn rates_and_shares_have_bounds() {
        assert_eq!("120/m".parse::<Rate>().map(Rate::as_per_second), Ok(2.0));
        assert_eq!("3%".parse::<Ratio>().map(Ratio::value), Ok(0.03));
        for text in ["0/s", "1/fortnight", "20", "99999999999/s", "-3/s"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
        for text in ["0.05", "101%", "5", "-1%"] {
            assert!(text.parse::<Ratio>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        for nanos in [0, 1, 999, 1_500, 250_000_000, 1_500_000_000, 60_000_000_000] {
            let d = Duration::from_nanos(nanos);
            assert_eq!(parse_duration(&format_duration(d)), Ok(d));
        }
        assert_eq!(Rate::per_second(0.5).expect("a rate").to_string(), "0.5/s");
        assert_eq!(Ratio::new(0.05).expect("a share").to_string(), "5%");
    }
}
