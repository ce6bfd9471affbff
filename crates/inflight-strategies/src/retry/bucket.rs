//! Retry bucket: retries cost tokens, success pays them back.
//!
//! **What it does.** The bucket begins full. A retry costs 5 tokens, one after a timeout 10; a retry that succeeds gives back what it
//! cost, a first attempt that succeeds gives one. There is no refill by time.
//!
//! **Which failure it answers.** A dependency that stays down: after a hundred retries there are no more, until something succeeds.
//!
//! **When it harms.** With a small client: 500 tokens are a hundred retries, minutes of them at a few per second. It knows no
//! share of the traffic: failures that a second attempt cures are retried in full, however many.
//!
//! **Knobs.** Written `{ retry = { budget = { bucket = { … } } } }`.
//!
//! | knob | unit | default | whose |
//! |---|---|---|---|
//! | `capacity` | tokens | `500` | AWS |
//! | `cost` | tokens | `5` | AWS |
//! | `timeout-cost` | tokens | `10` | AWS |
//!
//! **Where it comes from.** The standard retry mode of the AWS SDKs.
//!
//! **Slow services.** At 20/s take a capacity of 50: it is then empty within seconds, not within a minute.

/// Sizes and costs, in tokens. The defaults are those of the AWS SDKs (standard mode).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// The largest number of tokens, and the first; default 500.
    pub capacity: u32,
    /// What a retry costs; default 5.
    pub cost: u32,
    /// What a retry after a timeout costs; default 10.
    pub timeout_cost: u32,
}

impl Default for Bucket {
    fn default() -> Bucket {
        Bucket { capacity: 500, cost: 5, timeout_cost: 10 }
    }
}

impl Bucket {
    /// Whether the numbers make sense; the message says what would.
    pub fn validate(&self) -> Result<(), &'static str> {
        if self.capacity > 1_000_000 || self.cost == 0 || self.timeout_cost == 0 {
            return Err("`capacity` must be at most 1000000, and retries must cost something");
        }
        Ok(())
    }
}

/// The bucket itself.
#[derive(Clone, Debug)]
pub struct TokenBucket {
    config: Bucket,
    tokens: u32,
}

impl TokenBucket {
    /// A full bucket.
    pub fn new(config: Bucket) -> Self {
        TokenBucket { config, tokens: config.capacity }
    }

    /// Pays for a retry; returns what it cost, or nothing if there are not enough tokens.
    pub fn withdraw(&mut self, timed_out: bool) -> Option<u32> {
        let cost = if timed_out { self.config.timeout_cost } else { self.config.cost };
        self.tokens = self.tokens.checked_sub(cost)?;
        Some(cost)
    }

    /// An attempt succeeded; `spent` is what it had cost, if it was a retry.
    pub fn on_success(&mut self, spent: Option<u32>) {
        self.tokens = (self.tokens + spent.unwrap_or(1)).min(self.config.capacity);
    }

    /// Tokens left.
    pub fn tokens(&self) -> u32 {
        self.tokens
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aws_standard_retry_eventually_succeeds() {
        let mut bucket = TokenBucket::new(Bucket::default());
        bucket.withdraw(false);
        assert_eq!(bucket.tokens(), 495);
        let spent = bucket.withdraw(false);
        assert_eq!(bucket.tokens(), 490);
        bucket.on_success(spent);
        assert_eq!(bucket.tokens(), 495, "the last retry's cost comes back");
    }

    #[test]
    fn aws_standard_quota_reached_and_recovered() {
        let mut bucket = TokenBucket { config: Bucket::default(), tokens: 15 };
        bucket.withdraw(false);
        let spent = bucket.withdraw(false);
        assert_eq!(bucket.tokens(), 5);
        bucket.on_success(spent);
        let spent = (bucket.tokens() == 10).then(|| bucket.withdraw(false)).flatten();
        assert_eq!(bucket.tokens(), 5);
        bucket.on_success(spent);
        assert_eq!(bucket.tokens(), 10);
        assert!(TokenBucket { config: Bucket::default(), tokens: 4 }.withdraw(false).is_none());
    }

    #[test]
    fn smithy_bounded_permits_exhaustion() {
        let mut bucket = TokenBucket::new(Bucket { capacity: 10, ..Bucket::default() });
        assert_eq!((0..100).filter(|_| bucket.withdraw(false).is_some()).count(), 2);
        bucket.on_success(None);
        assert_eq!(bucket.tokens(), 1);
    }

    #[test]
    fn a_timeout_costs_twice_and_a_full_bucket_stays_full() {
        let mut bucket = TokenBucket::new(Bucket::default());
        assert_eq!(bucket.withdraw(true), Some(10));
        bucket.on_success(Some(10));
        bucket.on_success(None);
        assert_eq!(bucket.tokens(), 500);
    }
}
