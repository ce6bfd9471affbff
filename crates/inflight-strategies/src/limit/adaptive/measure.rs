//! Averages that limiters keep.

/// A plain mean of the first samples, an exponential moving average from then on.
#[derive(Clone, Copy, Debug)]
pub(super) struct ExpAvg {
    window: u32,
    warmup: u32,
    count: u32,
    sum: f64,
    value: f64,
}

impl ExpAvg {
    /// A new sample weighs 2/(`window` + 1) once `warmup` samples are in.
    pub(super) fn new(window: u32, warmup: u32) -> ExpAvg {
        ExpAvg { window, warmup, count: 0, sum: 0.0, value: 0.0 }
    }

    /// Takes a sample in; the average with it.
    pub(super) fn add(&mut self, sample: f64) -> f64 {
        if self.count < self.warmup {
            self.count += 1;
            self.sum += sample;
            self.value = self.sum / f64::from(self.count);
        } else {
            let factor = 2.0 / (f64::from(self.window) + 1.0);
            self.value = self.value * (1.0 - factor) + sample * factor;
        }
        self.value
    }

    /// Multiplies the average.
    pub(super) fn scale(&mut self, factor: f64) {
        self.value *= factor;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn netflix_exp_avg_measurement() {
        // measurement/ExpAvgMeasurementTest: window 100, warm-up 10.
        let mut average = ExpAvg::new(100, 10);
        for i in 0..10 {
            let expected = 10.0 + f64::from(i) / 2.0;
            assert!((average.add(10.0 + f64::from(i)) - expected).abs() < 0.01);
        }
        assert!((average.add(100.0) - 16.2).abs() < 0.1);
    }

    #[test]
    fn failsafe_go_moving_average() {
        // internal/util/average_test.go, rounded as there.
        let last = |window, warmup, values: &[f64]| {
            let mut average = ExpAvg::new(window, warmup);
            values.iter().map(|value| average.add(*value)).last().expect("some values").round()
        };
        assert_eq!(last(5, 3, &[10.0, 20.0, 30.0]), 20.0);
        assert_eq!(last(3, 2, &[10.0, 20.0, 30.0, 40.0]), 31.0);
    }
}
