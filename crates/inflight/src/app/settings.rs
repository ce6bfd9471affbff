//! What the environment says, checked; and the default configuration with it applied.

use inflight_lab::experiment::set_in_layer;
use inflight_strategies::{limit::MAX_PERMITS, units::format_duration};
use std::{fmt, time::Duration};

/// The configuration that is served when no other is given.
pub const DEFAULT_CONFIG: &str = include_str!("default.toml");

/// A variable of the environment that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadVariable {
    name: &'static str,
    value: String,
    expected: &'static str,
}

impl fmt::Display for BadVariable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value: String = self.value.chars().take(40).collect();
        write!(
            f,
            "environment variable {}={value:?}: expected {}; change or unset it",
            self.name, self.expected
        )
    }
}

impl std::error::Error for BadVariable {}

/// Reads a variable as a number in a range; empty counts as unset.
fn number(
    env: &dyn Fn(&str) -> Option<String>,
    name: &'static str,
    range: std::ops::RangeInclusive<u64>,
    expected: &'static str,
) -> Result<Option<u64>, BadVariable> {
    let Some(value) = env(name).filter(|value| !value.trim().is_empty()) else { return Ok(None) };
    match value.trim().parse().ok().filter(|n| range.contains(n)) {
        Some(n) => Ok(Some(n)),
        None => Err(BadVariable { name, value, expected }),
    }
}

/// The port that the environment asks for.
pub fn port(env: &dyn Fn(&str) -> Option<String>) -> Result<Option<u16>, BadVariable> {
    let port = number(env, "PORT", 0..=65535, "a port from 0 to 65535 (0: any free one)")?;
    Ok(port.and_then(|p| u16::try_from(p).ok()))
}

/// How often metrics are exported: `OTEL_METRIC_EXPORT_INTERVAL`, or 3 s.
pub fn export_interval(env: &dyn Fn(&str) -> Option<String>) -> Result<Duration, BadVariable> {
    let expected = "milliseconds from 100 to 3600000";
    let millis = number(env, "OTEL_METRIC_EXPORT_INTERVAL", 100..=3_600_000, expected)?;
    Ok(Duration::from_millis(millis.unwrap_or(3000)))
}

/// `text` with what `B_CONCURRENCY_LIMIT` and `ASYNC_TIMEOUT_MS` say about the endpoints of the original lab. Also returns
/// the variables that found nothing to act on.
pub fn overridden(
    text: &str,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<(String, Vec<&'static str>), BadVariable> {
    let permits =
        number(env, "B_CONCURRENCY_LIMIT", 1..=MAX_PERMITS.into(), "a number of permits from 1 to 1000000")?;
    let timeout = number(env, "ASYNC_TIMEOUT_MS", 1..=3_600_000, "milliseconds from 1 to 3600000")?;
    let mut text = text.to_string();
    let mut idle = Vec::new();
    if let Some(permits) = permits {
        let (new, set) = set_in_layer(&text, "async-limited", "limit", "permits", &permits.to_string());
        text = new;
        idle.extend((set == 0).then_some("B_CONCURRENCY_LIMIT"));
    }
    if let Some(millis) = timeout {
        let after = format!("{:?}", format_duration(Duration::from_millis(millis)));
        let set = ["async-timeout", "async-timeout-detached"].map(|endpoint| {
            let (new, set) = set_in_layer(&text, endpoint, "timeout", "after", &after);
            text = new;
            set
        });
        idle.extend((set == [0, 0]).then_some("ASYNC_TIMEOUT_MS"));
    }
    Ok((text, idle))
}

#[cfg(test)]
mod tests {
    use super::*;
    use inflight_lab::{experiment::Document, stack::LayerSpec};

    fn env(pairs: &'static [(&'static str, &'static str)]) -> impl Fn(&str) -> Option<String> {
        move |name| pairs.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_string())
    }

    fn layers(text: &str, name: &str) -> Vec<LayerSpec> {
        let document = Document::read(text, "t", &|_| Err(String::new())).expect("a good document");
        let endpoint = document.endpoints.into_iter().find(|e| e.name == name).expect("it is there");
        endpoint.whole.into_iter().chain(endpoint.b).collect()
    }

    #[test]
    fn variables_change_values_and_leave_comments() {
        let set = env(&[("B_CONCURRENCY_LIMIT", "7"), ("ASYNC_TIMEOUT_MS", "1500")]);
        let (text, idle) = overridden(DEFAULT_CONFIG, &set).expect("good variables");
        assert!(idle.is_empty());
        assert_eq!(text.lines().count(), DEFAULT_CONFIG.lines().count());
        assert!(
            matches!(&layers(&text, "async-limited")[..], [LayerSpec::Limit(c)] if c.permits == 7.into())
        );
        for name in ["async-timeout", "async-timeout-detached"] {
            let late = Duration::from_millis(1500);
            assert!(matches!(layers(&text, name)[..], [LayerSpec::Timeout(c)] if c.after == late));
        }
    }

    #[test]
    fn variables_that_find_nothing_are_named() {
        let set = env(&[("B_CONCURRENCY_LIMIT", "7")]);
        let text = "[[endpoint]]\nname = \"x\"\ncalls = \"parallel\"\n";
        assert_eq!(overridden(text, &set), Ok((text.into(), vec!["B_CONCURRENCY_LIMIT"])));
    }

    #[test]
    fn bad_variables_say_what_was_expected() {
        for pairs in [
            &[("B_CONCURRENCY_LIMIT", "0")],
            &[("B_CONCURRENCY_LIMIT", "many")],
            &[("ASYNC_TIMEOUT_MS", "-1")],
        ] {
            let message = overridden("", &env(pairs)).expect_err("not good").to_string();
            assert!(
                message.starts_with("environment variable ") && message.contains(pairs[0].1),
                "{message}"
            );
        }
    }
}
