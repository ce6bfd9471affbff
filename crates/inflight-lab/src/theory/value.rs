//! A number with its unit, as text.

use std::fmt;

/// A number with its unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// A time, in seconds.
    Seconds(f64),
    /// A part of a whole, 0 to 1.
    Share(f64),
    /// Requests, or whatever else is counted; a mean need not be whole.
    Count(f64),
    /// Events per second.
    PerSecond(f64),
}

impl Value {
    /// The bare number, in seconds, per second, or as share.
    pub fn number(self) -> f64 {
        let (Value::Seconds(x) | Value::Share(x) | Value::Count(x) | Value::PerSecond(x)) = self;
        x
    }
}

impl fmt::Display for Value {
    /// With five significant digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Seconds(s) => write!(f, "{} ms", five_digits(s * 1e3)),
            Value::Share(share) => write!(f, "{}%", five_digits(share * 100.0)),
            Value::Count(n) => f.write_str(&five_digits(*n)),
            Value::PerSecond(rate) => write!(f, "{}/s", five_digits(*rate)),
        }
    }
}

/// Five significant digits, without an exponent where that is readable.
fn five_digits(x: f64) -> String {
    if x == 0.0 || !x.is_finite() {
        return format!("{x}");
    }
    let magnitude = libm::floor(libm::log10(x.abs())) as i32;
    match magnitude {
        -4..=4 => format!("{x:.*}", (4 - magnitude) as usize),
        5..=9 => format!("{x:.0}"),
        _ => format!("{x:.4e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_digits_with_a_unit() {
        for (value, text) in [
            (Value::Seconds(0.127_538_46), "127.54 ms"),
            (Value::Share(0.550_769), "55.077%"),
            (Value::Share(1.05563e-10), "1.0556e-8%"),
            (Value::Count(9.0), "9.0000"),
            (Value::Count(0.0), "0"),
            (Value::PerSecond(180.0), "180.00/s"),
            (Value::Count(123_456.7), "123457"),
        ] {
            assert_eq!(value.to_string(), text);
        }
    }
}
