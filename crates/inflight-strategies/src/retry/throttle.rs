//! Retry throttle: retries stop while too many attempts fail.
//!
//! **What it does.** Tokens begin at their maximum; a failure takes one, a success gives `ratio` back, and nobody retries or hedges
//! unless more than half of the tokens are there. Values are kept to three decimals, as in grpc-java.
//!
//! **Which failure it answers.** Retries against a server that fails most of its calls: with ten tokens five failures in a row
//! stop them, and from empty 51 successes let them begin again.
//!
//! **When it harms.** With many calls per second ten tokens are nothing: a cluster of failures by chance stops all retries.
//! Failure rates above ratio/(1 + ratio), 9 % for 0.1, stop them for good.
//!
//! **Knobs.** Written `{ retry = { budget = { throttle = { tokens = 10, ratio = 0.1 } } } }`.
//!
//! | knob | unit | default | whose |
//! |---|---|---|---|
//! | `tokens` | tokens, up to 1000 | required | A6 shows 10 |
//! | `ratio` | tokens per success | required | A6 shows 0.1 |
//!
//! **Where it comes from.** gRPC's proposal A6, "client retries": `retryThrottling`, which each service sets for itself.
//!
//! **Slow services.** Nothing to scale: it counts calls, not time.

/// gRPC keeps three decimals.
const ONE: u32 = 1_000;

/// gRPC has no defaults; its documents use 10 and 0.1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Throttling {
    /// The largest number of tokens, above 0 and at most 1000.
    pub max_tokens: f64,
    /// Tokens that a success gives, above 0; kept to three decimals.
    pub ratio: f64,
}

impl Throttling {
    /// Whether the numbers make sense; the message says what would.
    pub fn validate(&self) -> Result<(), &'static str> {
        if !(self.max_tokens >= 0.001 && self.max_tokens <= 1_000.0) {
            return Err("`tokens` must be above 0 and at most 1000");
        }
        if !(self.ratio >= 0.001 && self.ratio <= 1_000.0) {
            return Err("`ratio` must be at least 0.001 and at most 1000");
        }
        Ok(())
    }
}

/// The tokens, in thousandths.
#[derive(Clone, Debug)]
pub struct Throttle {
    tokens: u32,
    max: u32,
    ratio: u32,
}

impl Throttle {
    /// # Panics
    /// If `config` is not valid.
    pub fn new(config: Throttling) -> Self {
        config.validate().expect("a valid throttle");
        // Rust and Java cut floats down alike; grpc-java's are single, so that 0.8 is 800 and not 799.
        let thousandths = |x: f64| (x as f32 * ONE as f32) as u32;
        let max = thousandths(config.max_tokens);
        Throttle { tokens: max, max, ratio: thousandths(config.ratio) }
    }

    /// An attempt failed in a way that could be retried.
    pub fn on_failure(&mut self) {
        self.tokens = self.tokens.saturating_sub(ONE);
    }

    /// An attempt succeeded.
    pub fn on_success(&mut self) {
        self.tokens = (self.tokens + self.ratio).min(self.max);
    }

    /// Whether retries and hedges may be sent.
    pub fn is_open(&self) -> bool {
        self.tokens > self.max / 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grpc_java_retriable_stream_throttle() {
        let mut throttle = Throttle::new(Throttling { max_tokens: 4.0, ratio: 0.8 });
        let fails = |throttle: &mut Throttle| (throttle.on_failure(), throttle.is_open()).1;
        assert!(throttle.is_open());
        let open: Vec<bool> = (0..6).map(|_| fails(&mut throttle)).collect();
        assert_eq!(open, [true, false, false, false, false, false]);
        let open: Vec<bool> = (0..10).map(|_| (throttle.on_success(), throttle.is_open()).1).collect();
        assert_eq!(open[..3], [false, false, true], "0.8, 1.6, 2.4");
        assert!(open[3..].iter().all(|open| *open));
        assert_eq!(throttle.tokens, 4_000, "capped");
        assert_eq!([fails(&mut throttle), fails(&mut throttle)], [true, false]);
    }
}
