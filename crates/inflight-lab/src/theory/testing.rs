//! For the tests: a value against published digits.

/// Panics unless `actual`, rounded to as many digits as `printed` has, is `printed`.
#[track_caller]
pub(super) fn agrees(actual: f64, printed: &str) {
    let (digits, exponent) = printed.split_once('e').unwrap_or((printed, "0"));
    let decimals = digits.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    let exponent: i32 = exponent.parse().expect("a power of ten");
    let unit = libm::pow(10.0, f64::from(exponent) - decimals as f64);
    let expected: f64 = printed.parse().expect("digits");
    assert!((actual - expected).abs() <= 0.501 * unit, "{actual} is not {printed}");
}

/// The same for several, printed with slashes or commas between them.
#[track_caller]
pub(super) fn all_agree(actual: &[f64], printed: &str) {
    let printed: Vec<&str> = printed.split(['/', ',']).map(str::trim).collect();
    assert_eq!(actual.len(), printed.len(), "{printed:?}");
    actual.iter().zip(printed).for_each(|(actual, printed)| agrees(*actual, printed));
}
