//! How much of the beginning of a run is not its steady state: MSER-5 (White 1997; White, Cobb and Spratt 2000).

/// The values of a batch.
const BATCH: usize = 5;

/// How many of `series`' values are warm-up, by MSER-5: the cut after which the mean of what is left is known best. Give it
/// the average of all replications, value by value: applied to single runs it likes to cut a congested beginning that is
/// real. `None` if the cut reaches half of the series: the run is too short to say what its steady state is.
pub fn mser5(series: &[f64]) -> Option<usize> {
    let batches: Vec<f64> =
        series.chunks_exact(BATCH).map(|batch| batch.iter().sum::<f64>() / BATCH as f64).collect();
    let n = batches.len();
    if n < 4 {
        return None;
    }
    // From the end: sums of what is left after each cut.
    let (mut sum, mut squares, mut best) = (0.0, 0.0, (f64::INFINITY, 0));
    for cut in (0..n).rev() {
        sum += batches[cut];
        squares += batches[cut] * batches[cut];
        let left = (n - cut) as f64;
        let error = (squares - sum * sum / left).max(0.0) / (left * left);
        if cut <= n / 2 && error <= best.0 {
            best = (error, cut);
        }
    }
    (best.1 < n / 2).then_some(best.1 * BATCH)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draws::{Stream, normal};

    fn series(decay: f64) -> Vec<f64> {
        let stream = Stream::new(9, "test");
        let noise = |i: usize| normal(&mut stream.dice(i as u64));
        (0..1000).map(|i| 10.0 + 20.0 * libm::exp(-(i as f64) / decay) + noise(i)).collect()
    }

    #[test]
    fn a_decaying_beginning_is_cut_and_a_steady_run_is_not() {
        let cut = mser5(&series(50.0)).expect("long enough");
        assert!((100..300).contains(&cut), "{cut}");
        assert!(mser5(&series(1e-9)).expect("long enough") < 100);
    }

    #[test]
    fn a_run_that_has_not_settled_has_no_cut() {
        let rising: Vec<f64> = (0..1000).map(f64::from).collect();
        assert_eq!(mser5(&rising), None);
        assert_eq!(mser5(&[1.0; 10]), None);
    }
}
