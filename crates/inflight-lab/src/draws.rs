//! Dice whose every throw is a pure function of (seed, stream, request): changing a strategy never changes the traffic,
//! and a live run has a twin that is fed the very same numbers.

use inflight_strategies::rt::Rng;

/// The golden ratio in 64 bits: SplitMix64's increment (Steele, Lea, Flood 2014, "Fast splittable pseudorandom number
/// generators").
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// SplitMix64's finisher, a bijection on 64 bits (Stafford's variant 13).
const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A named stream of draws: one per purpose ("arrivals", "b.latency", …), so that no purpose shifts another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream {
    key: u64,
}

impl Stream {
    /// The stream `name` of a run with `seed`.
    pub fn new(seed: u64, name: &str) -> Stream {
        // FNV-1a: short names, frozen for ever.
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325, |h: u64, byte| {
            (h ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        Stream { key: mix(seed.wrapping_add(GOLDEN)) ^ mix(hash) }
    }

    /// The dice of request `id`, or of whatever else is counted.
    pub fn dice(self, id: u64) -> Dice {
        Dice { state: mix(self.key.wrapping_add(mix(id.wrapping_mul(GOLDEN)))) }
    }

    /// The dice of attempt `attempt` at request `id`. Attempt 0 is the request itself.
    pub fn attempt(self, id: u64, attempt: u32) -> Dice {
        let first = self.dice(id);
        match attempt {
            0 => first,
            n => Dice { state: mix(first.state.wrapping_add(mix(u64::from(n).wrapping_mul(GOLDEN)))) },
        }
    }
}

/// SplitMix64, begun at a point that only (seed, stream, request) decides.
#[derive(Clone, Debug)]
pub struct Dice {
    state: u64,
}

impl Rng for Dice {
    fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN);
        mix(self.state)
    }
}

/// The nearest whole number, halves away from zero; of what is not below zero and below 2^63.
#[inline]
pub(crate) fn rounded(x: f64) -> u64 {
    let whole = x as i64;
    (whole + i64::from(x - whole as f64 >= 0.5)) as u64
}

/// An exponential variate with mean one: −ln(1 − u), never infinite since u < 1.
pub fn exponential(rng: &mut impl Rng) -> f64 {
    -libm::log(1.0 - rng.unit())
}

/// A standard normal variate (Box and Muller 1958; one of the pair is used).
pub fn normal(rng: &mut impl Rng) -> f64 {
    let radius = libm::sqrt(2.0 * exponential(rng));
    radius * libm::cos(std::f64::consts::TAU * rng.unit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splitmix64_gives_its_published_numbers() {
        // Seed 1234567: the first outputs of the reference implementation (Vigna's splitmix64.c).
        let mut dice = Dice { state: 1_234_567 };
        let drawn: Vec<u64> = (0..3).map(|_| dice.next_u64()).collect();
        assert_eq!(drawn, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn draws_are_frozen() {
        // Saved runs are replayed by these numbers: a change here is a change of file format.
        let mut dice = Stream::new(42, "b.latency").dice(7);
        assert_eq!([dice.next_u64(), dice.next_u64()], FROZEN);
    }
    const FROZEN: [u64; 2] = [10_233_668_137_906_712_840, 1_480_170_873_759_977_784];

    #[test]
    fn attempt_zero_is_the_request_and_others_have_draws_of_their_own() {
        let stream = Stream::new(42, "b.latency");
        let drawn: Vec<u64> = (0..100).map(|n| stream.attempt(7, n).next_u64()).collect();
        assert_eq!(drawn[0], FROZEN[0]);
        let distinct: std::collections::BTreeSet<u64> = drawn.iter().copied().collect();
        assert_eq!(distinct.len(), drawn.len());
    }

    #[test]
    fn streams_and_requests_are_independent() {
        let unit = |seed, name, id| Stream::new(seed, name).dice(id).unit();
        let n = 20_000u64;
        let mean = |f: &dyn Fn(u64) -> f64| (0..n).map(f).sum::<f64>() / n as f64;
        for (a, b) in [
            ((1, "a.latency", 0), (1, "b.latency", 0)),
            ((1, "a.latency", 0), (2, "a.latency", 0)),
            ((1, "a.latency", 0), (1, "a.latency", 1)),
        ] {
            let product = mean(&|i| (unit(a.0, a.1, i + a.2) - 0.5) * (unit(b.0, b.1, i + b.2) - 0.5));
            // Standard error of the mean product of independent centred uniforms: (1/12)/√n = 0.00059.
            assert!(product.abs() < 4.0 * 0.00059, "{a:?} and {b:?}: {product}");
        }
    }

    #[test]
    fn variates_have_their_moments() {
        let stream = Stream::new(3, "test");
        let n = 200_000u64;
        let moments = |f: &dyn Fn(&mut Dice) -> f64| {
            let (sum, square) = (0..n).fold((0.0, 0.0), |(s, q), i| {
                let x = f(&mut stream.dice(i));
                (s + x, q + x * x)
            });
            (sum / n as f64, square / n as f64)
        };
        let (mean, square) = moments(&|dice| exponential(dice));
        assert!((mean - 1.0).abs() < 0.01 && (square - 2.0).abs() < 0.06, "exponential {mean} {square}");
        let (mean, square) = moments(&|dice| normal(dice));
        assert!(mean.abs() < 0.01 && (square - 1.0).abs() < 0.015, "normal {mean} {square}");
    }
}
