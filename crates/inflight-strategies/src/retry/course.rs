//! One request's way through its attempts: the deciding half of the retry.

use super::{Budget, Config, Delays, Spent};
use crate::{
    rt::{Instant, Rng},
    service::Outcome,
};
use std::time::Duration;

/// Where a request stands.
#[derive(Clone, Copy, Debug)]
pub struct Course {
    attempt: u32,
    spent: Option<Spent>,
    delays: Delays,
}

/// What happens after an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Its answer is the answer.
    Answer,
    /// It would be tried again, but the budget is empty: its failure is the answer.
    BudgetEmpty,
    /// It is tried again.
    Again {
        /// As attempt number so, from 0.
        attempt: u32,
        /// After this wait.
        after: Duration,
    },
}

impl Course {
    /// A request begins, of which the budget was told.
    pub fn begin(config: &Config) -> Course {
        Course { attempt: 0, spent: None, delays: Delays::new(config.backoff) }
    }

    /// An attempt answered.
    pub fn on_success(&self, budget: &mut Budget) {
        budget.on_success(self.spent);
    }

    /// An attempt ended with `outcome`, which is no answer; `asked` is the wait that a rejection asked for.
    pub fn on_failure(
        &mut self,
        config: &Config,
        budget: &mut Budget,
        (now, outcome): (Instant, Outcome),
        asked: Option<Duration>,
        rng: &mut impl Rng,
    ) -> Next {
        if !config.on.includes(outcome) {
            return Next::Answer;
        }
        budget.on_failure();
        if self.attempt + 1 >= config.attempts {
            return Next::Answer;
        }
        let Some(spent) = budget.withdraw(now, outcome == Outcome::TimedOut) else {
            return Next::BudgetEmpty;
        };
        self.attempt += 1;
        self.spent = Some(spent);
        let after = self.delays.next(rng).max(asked.unwrap_or_default());
        Next::Again { attempt: self.attempt, after }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Backoff, Bucket, BudgetConfig, On, Pace, Ratio, Steps, Throttling};
    use super::*;

    struct One;
    impl Rng for One {
        fn next_u64(&mut self) -> u64 {
            u64::MAX
        }
    }

    fn config(attempts: u32, budget: BudgetConfig) -> Config {
        let steps = Steps::doubling(Duration::from_secs(1), Duration::from_secs(20));
        let backoff = Backoff::Exponential(steps);
        Config { attempts, backoff, budget, on: On::default(), pace: Pace::Unpaced }
    }

    /// What happens to one request whose attempts end so.
    fn course(config: &Config, budget: &mut Budget, outcomes: &[Outcome]) -> Vec<Next> {
        budget.on_request(Instant::ZERO);
        let mut course = Course::begin(config);
        let mut step = |outcome: &Outcome| {
            if *outcome == Completed {
                course.on_success(budget);
                return Next::Answer;
            }
            course.on_failure(config, budget, (Instant::ZERO, *outcome), None, &mut One)
        };
        outcomes.iter().map(&mut step).collect()
    }

    fn tokens(budget: &Budget) -> u32 {
        let Budget::Bucket(bucket) = budget else { panic!("a bucket") };
        bucket.tokens()
    }

    fn again(attempt: u32, seconds: u64) -> Next {
        Next::Again { attempt, after: Duration::from_secs(seconds) }
    }

    /// AWS's standard mode with so many tokens in the bucket.
    fn aws(attempts: u32, tokens: u32) -> (Config, Budget) {
        let c = config(attempts, BudgetConfig::Bucket(Bucket { capacity: tokens, ..Bucket::default() }));
        (c, Budget::new(c.budget))
    }

    use Outcome::{Completed, Failed, TimedOut};

    #[test]
    fn aws_standard_gives_up_at_max_attempts() {
        let (config, mut budget) = aws(3, 500);
        let steps = course(&config, &mut budget, &[Failed, Failed, Failed]);
        assert_eq!((steps, tokens(&budget)), (vec![again(1, 1), again(2, 2), Next::Answer], 490));
        let (config, mut budget) = aws(3, 500);
        let steps = course(&config, &mut budget, &[Failed, Failed, Completed]);
        assert_eq!((steps, tokens(&budget)), (vec![again(1, 1), again(2, 2), Next::Answer], 495));
    }

    #[test]
    fn aws_standard_stops_when_the_quota_is_exhausted() {
        let (config, mut budget) = aws(5, 10);
        let steps = course(&config, &mut budget, &[Failed, Failed, Failed]);
        assert_eq!((steps, tokens(&budget)), (vec![again(1, 1), again(2, 2), Next::BudgetEmpty], 0));
        let (config, mut budget) = aws(3, 0);
        assert_eq!(course(&config, &mut budget, &[Failed]), [Next::BudgetEmpty]);
    }

    #[test]
    fn aws_standard_charges_twice_for_a_timeout() {
        let (config, mut budget) = aws(3, 500);
        course(&config, &mut budget, &[TimedOut]);
        assert_eq!(tokens(&budget), 490);
    }

    #[test]
    fn grpc_counts_failures_that_are_not_retried_any_more() {
        let c = config(2, BudgetConfig::Throttle(Throttling { max_tokens: 4.0, ratio: 0.1 }));
        let mut budget = Budget::new(c.budget);
        // 3 tokens are more than half of 4; 2 are not.
        assert_eq!(course(&c, &mut budget, &[Failed, Failed]), [again(1, 1), Next::Answer]);
        assert_eq!(course(&c, &mut budget, &[Failed]), [Next::BudgetEmpty]);
    }

    #[test]
    fn retries_are_at_most_their_share_even_if_everything_fails() {
        let ratio = Ratio { ratio: 0.2, min: 0.0, ttl: Ratio::TTL };
        let c = config(4, BudgetConfig::Ratio(ratio));
        let mut budget = Budget::new(c.budget);
        let attempts: usize = (0..1_000)
            .map(|_| {
                course(&c, &mut budget, &[Failed; 4])
                    .iter()
                    .filter(|n| matches!(n, Next::Again { .. }))
                    .count()
            })
            .sum();
        // course() goes on after an empty budget, so each request asks for as many as it may.
        assert_eq!(attempts, 200);
    }

    #[test]
    fn a_rejection_is_retried_only_if_asked_for_and_not_before_it_says() {
        let rejected = Outcome::Rejected(crate::service::Reason::LimitReached);
        let mut c = config(3, BudgetConfig::Unlimited);
        let mut budget = Budget::new(c.budget);
        assert_eq!(course(&c, &mut budget, &[rejected]), [Next::Answer]);
        c.on.rejected = true;
        let mut course = Course::begin(&c);
        let asked = Some(Duration::from_secs(7));
        let next = course.on_failure(&c, &mut budget, (Instant::ZERO, rejected), asked, &mut One);
        assert_eq!(next, again(1, 7));
    }
}
