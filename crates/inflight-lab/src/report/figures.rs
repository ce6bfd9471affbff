//! Figures as people read them. Every figure of a report, on a terminal or on a page, is written by one of these.

/// 12345.6 as "12,346"; below 100 with one decimal.
pub(super) fn figure(value: f64) -> String {
    if value < 99.95 {
        return format!("{value:.1}");
    }
    grouped(value.round() as u64)
}

/// 1234567 as "1,234,567".
pub(super) fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// Nanoseconds as milliseconds, without the unit.
pub(super) fn ms(ns: u64) -> String {
    figure(ns as f64 / 1e6)
}

/// A share of one: "–" for none, "68.3%".
pub(super) fn percent(share: f64) -> String {
    match share {
        0.0 => "–".into(),
        s if s < 0.0005 => "<0.1%".into(),
        s => format!("{:.1}%", s * 100.0),
    }
}

/// A share of one in whole percent: "0%", "<1%", "68%".
pub(super) fn whole_percent(share: f64) -> String {
    match share * 100.0 {
        p if p > 0.0 && p < 0.5 => "<1%".into(),
        p => format!("{p:.0}%"),
    }
}

/// A duration of so many milliseconds with its unit: "0.31 ms", "84 ms", "1.2 s".
pub(super) fn millis(ms: f64) -> String {
    match ms {
        ms if ms >= 9_995.0 => format!("{} s", figure(ms / 1e3)),
        ms if ms >= 999.5 => format!("{:.1} s", ms / 1e3),
        ms if ms >= 9.95 => format!("{ms:.0} ms"),
        ms if ms >= 0.995 => format!("{ms:.1} ms"),
        ms => format!("{ms:.2} ms"),
    }
}

/// A number with three figures or so: "1,816", "43", "5.3", "0.082".
pub(super) fn number(value: f64) -> String {
    let (sign, size) = if value < 0.0 { ("−", -value) } else { ("", value) };
    let text = match size {
        s if s >= 99.95 => grouped(s.round() as u64),
        s if s >= 9.995 => format!("{s:.1}"),
        s if s >= 0.9995 => format!("{s:.2}"),
        s => format!("{s:.3}"),
    };
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text == "0" { text.into() } else { format!("{sign}{text}") }
}

/// The same with a sign before what is above zero: "+43".
pub(super) fn signed(value: f64) -> String {
    let text = number(value);
    if value > 0.0 && text != "0" { format!("+{text}") } else { text }
}

/// "1 arm", "2 arms".
pub(super) fn counted(n: usize, one: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{} {one}s", grouped(n as u64)) }
}

/// Sets `text` into `width` columns, right-aligned, by characters.
pub(super) fn right(text: &str, width: usize) -> String {
    format!("{}{text}", " ".repeat(width.saturating_sub(text.chars().count())))
}

/// Sets `text` into `width` columns, left-aligned, by characters; what is too long ends with "…".
pub(super) fn left(text: &str, width: usize) -> String {
    let length = text.chars().count();
    if length > width {
        let kept: String = text.chars().take(width.saturating_sub(1)).collect();
        return format!("{kept}…");
    }
    format!("{text}{}", " ".repeat(width - length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_set_for_people() {
        assert_eq!([figure(3.16), figure(99.96), figure(12_345.6)], ["3.2", "100", "12,346"]);
        assert_eq!([percent(0.0), percent(0.0001), percent(0.683)], ["–", "<0.1%", "68.3%"]);
        assert_eq!([whole_percent(0.0), whole_percent(0.001), whole_percent(0.683)], ["0%", "<1%", "68%"]);
        assert_eq!(
            [millis(0.312), millis(9.96), millis(84.2), millis(1234.0)],
            ["0.31 ms", "10 ms", "84 ms", "1.2 s"]
        );
    }

    #[test]
    fn numbers_have_a_sign_and_three_figures() {
        assert_eq!(
            [signed(1816.4), signed(43.04), signed(-5.3), signed(0.0)],
            ["+1,816", "+43", "−5.3", "0"]
        );
        assert_eq!([number(0.08249), number(1.5), number(-0.0001)], ["0.082", "1.5", "0"]);
    }

    #[test]
    fn text_fills_its_columns() {
        assert_eq!([right("ab", 4), left("ab", 4), left("abcdef", 4)], ["  ab", "ab  ", "abc…"]);
    }
}
