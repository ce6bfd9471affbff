//! Scales: from values to places, and the ticks that explain them.

use crate::report::figures::{grouped, number};

/// What the figures of an axis are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::report) enum Unit {
    /// Milliseconds: "50", from a second on "2 s".
    Millis,
    /// A count or a rate: "1k", "20k".
    Count,
    /// A share of one in percent.
    Percent,
}

impl Unit {
    /// A tick's text.
    fn tick(self, value: f64) -> String {
        match self {
            Unit::Millis if value >= 1000.0 => format!("{} s", number(value / 1000.0)),
            Unit::Count if value >= 10_000.0 => format!("{}k", number(value / 1000.0)),
            Unit::Percent => format!("{} %", number(value * 100.0)),
            _ if value >= 1000.0 => grouped(value as u64),
            _ => number(value),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Linear,
    Log,
    /// Percentiles: every step ends at a share of the rest ten times smaller.
    Tail,
}

/// From the values `low..high` to the places `from..to`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::report) struct Scale {
    kind: Kind,
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Scale {
    /// Even steps. An empty range is made one wide.
    pub(in crate::report) fn linear(low: f64, high: f64) -> Scale {
        let high = if high > low { high } else { low + 1.0 };
        Scale { kind: Kind::Linear, low, high, from: 0.0, to: 1.0 }
    }

    /// Equal ratios. What is below `low`, zero included, is put at `low`.
    pub(in crate::report) fn log(low: f64, high: f64) -> Scale {
        let low = low.max(1e-6);
        let high = if high > low * 1.001 { high } else { low * 10.0 };
        Scale { kind: Kind::Log, low, high, from: 0.0, to: 1.0 }
    }

    /// A logarithmic scale around some values, with room above. `None` of them above zero: 1 to 10.
    pub(in crate::report) fn log_around(values: impl Iterator<Item = f64>) -> Scale {
        let (low, high) = values
            .filter(|v| *v > 0.0 && v.is_finite())
            .fold((f64::MAX, f64::MIN), |(low, high), v| (low.min(v), high.max(v)));
        if low > high { Scale::log(1.0, 10.0) } else { Scale::log(low / 1.25, (high * 1.3).max(low * 4.0)) }
    }

    /// Percentiles from 0 to 1 − 10^−`nines`.
    pub(in crate::report) fn tail(nines: f64) -> Scale {
        Scale { kind: Kind::Tail, low: 0.0, high: 1.0 - libm::pow(10.0, -nines), from: 0.0, to: 1.0 }
    }

    /// The same between other places.
    pub(in crate::report) fn to(self, from: f64, to: f64) -> Scale {
        Scale { from, to, ..self }
    }

    fn bent(&self, value: f64) -> f64 {
        match self.kind {
            Kind::Linear => value,
            Kind::Log => libm::log10(value.max(self.low)),
            Kind::Tail => -libm::log10((1.0 - value).max(1e-12)),
        }
    }

    /// Where `value` is; what is outside is put at the edge.
    pub(in crate::report) fn at(&self, value: f64) -> f64 {
        let value = value.clamp(self.low, self.high);
        let (low, high) = (self.bent(self.low), self.bent(self.high));
        self.from + (self.to - self.from) * (self.bent(value) - low) / (high - low)
    }

    /// Values with their texts, at most about `most` of them.
    pub(in crate::report) fn ticks(&self, most: usize, unit: Unit) -> Vec<(f64, String)> {
        let values = match self.kind {
            Kind::Linear => self.even(most),
            Kind::Log => self.ratios(most),
            Kind::Tail => {
                let all = [0.0, 0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999];
                all.into_iter().filter(|p| *p <= self.high + 1e-9).collect()
            }
        };
        let text = |value: f64| match self.kind {
            Kind::Tail => format!("{} %", trimmed(value * 100.0)),
            _ => unit.tick(value),
        };
        values.into_iter().map(|value| (value, text(value))).collect()
    }

    /// Multiples of 1, 2 or 5 times a power of ten.
    fn even(&self, most: usize) -> Vec<f64> {
        let rough = (self.high - self.low) / most.max(1) as f64;
        let power = libm::pow(10.0, libm::floor(libm::log10(rough)));
        let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * power).find(|step| *step >= rough * 0.999);
        let step = step.unwrap_or(power * 10.0);
        let (first, last) = (libm::ceil(self.low / step - 1e-9), libm::floor(self.high / step + 1e-9));
        (first as i64..=last as i64).map(|i| i as f64 * step).collect()
    }

    /// Powers of ten, and between them 2 and 5 where there is room; powers are left out where there is none.
    fn ratios(&self, most: usize) -> Vec<f64> {
        let decades = libm::log10(self.high / self.low);
        let within: &[f64] = match most as f64 / decades {
            room if room >= 3.0 => &[1.0, 2.0, 5.0],
            room if room >= 2.0 => &[1.0, 3.0],
            _ => &[1.0],
        };
        let stride = libm::ceil(decades / most.max(1) as f64).max(1.0) as usize;
        let (first, last) =
            (libm::floor(libm::log10(self.low)) as i32, libm::ceil(libm::log10(self.high)) as i32);
        (first..=last)
            .step_by(stride)
            .flat_map(|power| within.iter().map(move |m| m * libm::pow(10.0, f64::from(power))))
            .filter(|v| *v >= self.low * 0.999 && *v <= self.high * 1.001)
            .collect()
    }
}

fn trimmed(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(scale: Scale, most: usize, unit: Unit) -> String {
        let ticks: Vec<String> = scale.ticks(most, unit).into_iter().map(|tick| tick.1).collect();
        ticks.join(" | ")
    }

    #[test]
    fn ticks_are_round_and_few() {
        assert_eq!(texts(Scale::linear(0.0, 60.0), 4, Unit::Count), "0 | 20 | 40 | 60");
        assert_eq!(texts(Scale::linear(0.0, 0.31), 4, Unit::Percent), "0 % | 10 % | 20 % | 30 %");
        assert_eq!(texts(Scale::log(3.0, 12_000.0), 4, Unit::Count), "10 | 100 | 1,000 | 10k");
        assert_eq!(texts(Scale::log(20.0, 2300.0), 8, Unit::Millis), "20 | 50 | 100 | 200 | 500 | 1 s | 2 s");
        assert_eq!(texts(Scale::tail(4.0), 9, Unit::Percent), "0 % | 50 % | 90 % | 99 % | 99.9 % | 99.99 %");
    }

    #[test]
    fn values_have_places_and_strangers_stand_at_the_edge() {
        let scale = Scale::log(1.0, 100.0).to(100.0, 0.0);
        assert_eq!([scale.at(1.0), scale.at(10.0), scale.at(0.0), scale.at(1e9)], [100.0, 50.0, 100.0, 0.0]);
        let tail = Scale::tail(3.0).to(0.0, 30.0);
        assert!(
            [(0.9, 10.0), (0.99, 20.0), (0.999, 30.0)].iter().all(|(p, x)| (tail.at(*p) - x).abs() < 1e-9)
        );
    }
}
