//! Numbers from functions: where one falls to a value, and the area below one.

/// Where the non-increasing `tail`, which begins at 0, falls to `target`: 0 if it is there from the beginning. `scale` is
/// a guess of the magnitude. Illinois' variant of the false position; every third step halves, so steps do no harm.
pub(super) fn falls_to(target: f64, scale: f64, tail: impl Fn(f64) -> f64) -> f64 {
    let off = |t: f64| tail(t) - target;
    let (mut low, mut off_low) = (0.0, off(0.0));
    if off_low <= 0.0 {
        return 0.0;
    }
    let (mut high, mut off_high) = (scale, off(scale));
    for _ in 0..1_000 {
        if off_high <= 0.0 {
            break;
        }
        (low, off_low) = (high, off_high);
        high *= 2.0;
        off_high = off(high);
    }
    for step in 0..200 {
        if high - low <= 1e-13 * high {
            break;
        }
        let cut = (low * off_high - high * off_low) / (off_high - off_low);
        let middle = if step % 3 == 2 || !(cut > low && cut < high) { 0.5 * (low + high) } else { cut };
        let off_middle = off(middle);
        if off_middle > 0.0 {
            (low, off_low) = (middle, off_middle);
            off_high *= 0.5;
        } else {
            (high, off_high) = (middle, off_middle);
            off_low *= 0.5;
        }
    }
    0.5 * (low + high)
}

/// ∫ `f` from `low` to `high` by adaptive Simpson with an absolute error of about `tolerance`.
pub(super) fn integral(low: f64, high: f64, tolerance: f64, f: &impl Fn(f64) -> f64) -> f64 {
    const PIECES: u32 = 32;
    let width = (high - low) / f64::from(PIECES);
    (0..PIECES)
        .map(|i| {
            let (a, b) = (low + f64::from(i) * width, low + f64::from(i + 1) * width);
            let ends = [f(a), f(0.5 * (a + b)), f(b)];
            simpson(a, b, ends, tolerance / f64::from(PIECES), 30, f)
        })
        .sum()
}

fn simpson(
    a: f64,
    b: f64,
    [fa, fm, fb]: [f64; 3],
    tolerance: f64,
    depth: u32,
    f: &impl Fn(f64) -> f64,
) -> f64 {
    let m = 0.5 * (a + b);
    let (left, right) = (f(0.5 * (a + m)), f(0.5 * (m + b)));
    let whole = (b - a) / 6.0 * (fa + 4.0 * fm + fb);
    let halves = (b - a) / 12.0 * (fa + 4.0 * left + 2.0 * fm + 4.0 * right + fb);
    if depth == 0 || (halves - whole).abs() <= 15.0 * tolerance {
        return halves + (halves - whole) / 15.0;
    }
    simpson(a, m, [fa, left, fm], tolerance / 2.0, depth - 1, f)
        + simpson(m, b, [fm, right, fb], tolerance / 2.0, depth - 1, f)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tail_is_inverted_and_integrated() {
        let tail = |t: f64| libm::exp(-t);
        assert!((falls_to(0.01, 0.001, tail) - libm::log(100.0)).abs() < 1e-12);
        assert_eq!(falls_to(1.0, 1.0, tail), 0.0);
        let step = |t: f64| if t < 3.0 { 1.0 } else { 0.0 };
        assert!((falls_to(0.5, 0.1, step) - 3.0).abs() < 1e-11);
        assert!((integral(0.0, 2.0, 1e-10, &tail) - (1.0 - libm::exp(-2.0))).abs() < 1e-10);
        let kink = |t: f64| (t - 0.3).abs();
        assert!((integral(0.0, 1.0, 1e-10, &kink) - 0.29).abs() < 1e-9);
    }
}
