//! What other tools do: tests over single requests, as if they were independent.

/// The two-sided probability of the Mann–Whitney test that `a` and `b` are alike, by its normal approximation.
pub(crate) fn mann_whitney(a: &[f64], b: &[f64]) -> f64 {
    let mut all: Vec<(f64, bool)> =
        a.iter().map(|x| (*x, true)).chain(b.iter().map(|x| (*x, false))).collect();
    all.sort_by(|x, y| x.0.total_cmp(&y.0));
    let (mut rank_sum, mut ties, mut i) = (0.0, 0.0, 0);
    while i < all.len() {
        let mut j = i;
        while j < all.len() && all[j].0 == all[i].0 {
            j += 1;
        }
        let (count, rank) = ((j - i) as f64, (i + j + 1) as f64 / 2.0);
        rank_sum += rank * all[i..j].iter().filter(|x| x.1).count() as f64;
        ties += count * count * count - count;
        i = j;
    }
    let (n, m) = (a.len() as f64, b.len() as f64);
    let (total, u) = (n + m, rank_sum - n * (n + 1.0) / 2.0);
    let variance = n * m / 12.0 * (total + 1.0 - ties / (total * (total - 1.0)));
    two_sided((u - n * m / 2.0) / variance.sqrt())
}

/// The same of Welch's test of the means.
pub(crate) fn welch(a: &[f64], b: &[f64]) -> f64 {
    let moments = |x: &[f64]| {
        let n = x.len() as f64;
        let mean = x.iter().sum::<f64>() / n;
        (mean, x.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / (n - 1.0) / n)
    };
    let ((mean_a, a), (mean_b, b)) = (moments(a), moments(b));
    two_sided((mean_a - mean_b) / (a + b).sqrt())
}

/// P(|Z| > z).
fn two_sided(z: f64) -> f64 {
    libm::erfc(z.abs() / std::f64::consts::SQRT_2)
}
