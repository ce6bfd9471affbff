//! Words, numbers with their unit, and signs, each with its place in the text.

use std::{fmt, ops::Range};

/// What is wrong at a place of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Where, in bytes of the claim's text.
    pub span: Range<usize>,
    /// What, in one sentence without a full stop.
    pub message: String,
    /// What was expected, for the place under the caret.
    pub label: String,
    /// Further lines.
    pub notes: Vec<String>,
}

impl Mistake {
    /// A mistake without notes.
    pub(crate) fn new(span: Range<usize>, message: impl Into<String>, label: impl Into<String>) -> Mistake {
        Mistake { span, message: message.into(), label: label.into(), notes: Vec::new() }
    }

    /// The same with a note.
    pub(super) fn with(mut self, note: impl Into<String>) -> Mistake {
        self.notes.push(note.into());
        self
    }

    /// The same in a text that begins so many bytes earlier.
    pub(crate) fn moved(self, by: usize) -> Mistake {
        Mistake { span: self.span.start + by..self.span.end + by, ..self }
    }
}

/// The kind of a quantity: only what is of one kind can be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A duration, in milliseconds.
    Time,
    /// Something per second.
    Rate,
    /// A share, 0 to 1, written in per cent.
    Share,
    /// A number of requests or tasks; a factor.
    Number,
}

impl Kind {
    /// How a value of this kind is written.
    pub fn example(self) -> &'static str {
        match self {
            Kind::Time => "a time such as `200ms`",
            Kind::Rate => "a rate such as `24/s`",
            Kind::Share => "a share such as `5%`",
            Kind::Number => "a number without a unit",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Time => "a time",
            Kind::Rate => "a rate",
            Kind::Share => "a share",
            Kind::Number => "a number",
        })
    }
}

/// A number with its unit: times in milliseconds, rates per second, shares from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Amount {
    /// The number in the kind's own unit.
    pub value: f64,
    /// What it is of.
    pub kind: Kind,
}

/// One piece of a claim.
#[derive(Clone, Debug, PartialEq)]
pub enum Token {
    /// A name: `p99`, `async-limited`, `within`.
    Word(String),
    /// A number with its unit.
    Amount(Amount),
    /// `(`, `)`, `,`, `<`, `<=`, `>`, `>=`, `=`, `*`, `+`, `-`, `±`, `~`, `..` or `@`.
    Sign(&'static str),
}

/// A piece and its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Placed {
    /// The piece.
    pub token: Token,
    /// Its place, in bytes of the text.
    pub span: Range<usize>,
}

/// The signs, the longer ones first.
const SIGNS: [&str; 20] =
    ["<=", ">=", "..", "+-", "≤", "≥", "−", "×", "≈", "(", ")", ",", "<", ">", "=", "*", "+", "-", "~", "@"];

/// A sign as it is meant, however it was written.
fn meant(sign: &'static str) -> &'static str {
    match sign {
        "≤" => "<=",
        "≥" => ">=",
        "−" => "-",
        "×" => "*",
        "≈" => "~",
        "+-" => "±",
        other => other,
    }
}

/// The pieces of `text`, in order; or the first mistake.
pub fn tokens(text: &str) -> Result<Vec<Placed>, Mistake> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        let (token, length) = match c {
            c if c.is_whitespace() => {
                at += c.len_utf8();
                continue;
            }
            '±' => (Token::Sign("±"), '±'.len_utf8()),
            c if c.is_ascii_digit() => amount(rest).map_err(|(length, message)| {
                Mistake::new(at..at + length, message, "expected a unit: `ms`, `s`, `/s`, `%`, or none")
            })?,
            c if c.is_ascii_alphabetic() => word(rest),
            _ => match SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
                Some(sign) => (Token::Sign(meant(sign)), sign.len()),
                None => {
                    let message = format!("a claim has no {c:?}");
                    return Err(Mistake::new(at..at + c.len_utf8(), message, "not known here"));
                }
            },
        };
        tokens.push(Placed { token, span: at..at + length });
        at += length;
    }
    Ok(tokens)
}

/// A word: letters, digits and `-`, and a dot before a digit (`p99.9`).
fn word(rest: &str) -> (Token, usize) {
    let bytes = rest.as_bytes();
    let is_part = |i: usize| match bytes.get(i) {
        Some(b'-' | b'_') => bytes.get(i + 1).is_some_and(u8::is_ascii_alphanumeric),
        Some(b'.') => bytes.get(i + 1).is_some_and(u8::is_ascii_digit),
        Some(c) => c.is_ascii_alphanumeric(),
        None => false,
    };
    let end = (1..=bytes.len()).find(|i| !is_part(*i)).unwrap_or(bytes.len());
    (Token::Word(rest[..end].into()), end)
}

/// A number with its unit, and its length; or the length of what is no such thing, and why.
fn amount(rest: &str) -> Result<(Token, usize), (usize, String)> {
    let bytes = rest.as_bytes();
    let is_digit = |i: usize| match bytes.get(i) {
        Some(b'.') => bytes.get(i + 1).is_some_and(u8::is_ascii_digit),
        Some(c) => c.is_ascii_digit(),
        None => false,
    };
    let end = (1..=bytes.len()).find(|i| !is_digit(*i)).unwrap_or(bytes.len());
    let number: f64 = rest[..end].parse().map_err(|_| (end, format!("`{}` is no number", &rest[..end])))?;
    let after = &rest[end..];
    let letters = after.find(|c: char| !c.is_alphabetic() && c != '/' && c != '%').unwrap_or(after.len());
    let unit = &after[..letters];
    let (factor, kind) = match unit {
        "" => (1.0, Kind::Number),
        "%" => (1.0, Kind::Share),
        "us" | "µs" | "μs" => (1e-3, Kind::Time),
        "ms" => (1.0, Kind::Time),
        "s" => (1e3, Kind::Time),
        "m" | "min" => (60e3, Kind::Time),
        "/s" => (1.0, Kind::Rate),
        "/m" | "/min" => (1.0 / 60.0, Kind::Rate),
        _ => return Err((end + letters, format!("`{unit}` is no unit"))),
    };
    // A division keeps 70 % exactly what 0.7 is.
    let value = if kind == Kind::Share { number / 100.0 } else { number * factor };
    Ok((Token::Amount(Amount { value, kind }), end + letters))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let one = |placed: &Placed| match &placed.token {
            Token::Word(word) => word.clone(),
            Token::Amount(amount) => format!("{}[{:?}]", amount.value, amount.kind),
            Token::Sign(sign) => (*sign).into(),
        };
        tokens(text)
            .map_or_else(|e| format!("{e:?}"), |all| all.iter().map(one).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn a_claim_is_words_numbers_and_signs() {
        assert_eq!(
            shown("p99.9(async-limited) <= 0.8*p99(b) − 20ms"),
            "p99.9 ( async-limited ) <= 0.8[Number] * p99 ( b ) - 20[Time]"
        );
        assert_eq!(shown("in 66%..70%"), "in 0.66[Share] .. 0.7[Share]");
        assert_eq!(shown("~ 31.7% ± 5% @ rate=24/s"), "~ 0.317[Share] ± 0.05[Share] @ rate = 24[Rate]");
    }

    #[test]
    fn mistakes_have_their_place() {
        assert_eq!(tokens("p99(a) < 20parsec").expect_err("no unit").span, 9..17);
        assert_eq!(tokens("p99(a) ! 3").expect_err("no sign").span, 7..8);
    }
}
