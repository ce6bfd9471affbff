//! One user: asks, and may ask again.

use super::{Shot, Target};
use crate::{
    record::{Ending, Recorder, Sample},
    workload::{Retry, Users},
};
use inflight_strategies::rt::{Instant, World};
use std::{future::Future, sync::Arc, time::Duration};

/// The pause of a user of a closed loop after a request that was not answered at all, such as a refused connection; it
/// doubles with each, up to the second. Without it, users of a dead target would do nothing but knock at it.
const PAUSE: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(50));

/// Somebody who asks `target` and books what comes back.
#[derive(Clone, Debug)]
pub(super) struct User<W: World, T> {
    pub(super) world: W,
    pub(super) target: T,
    pub(super) recorder: Arc<Recorder<W::Sharing>>,
    pub(super) retry: Option<Retry>,
    pub(super) seed: u64,
    /// No attempt starts at or after this.
    pub(super) end: Instant,
}

impl<W: World, T: Target> User<W, T> {
    /// Sends a request that is booked already, and sends it again as often as it may. Returns how the last attempt ended.
    pub(super) async fn persist(&self, shot: Shot, retry: Retry) -> Ending {
        let mut ending = self.attempt(shot).await;
        for number in 1..=retry.most {
            if ending == Ending::Completed {
                break;
            }
            let due = self.world.now() + retry.pause(self.seed, shot.id, number);
            if due >= self.end {
                return ending;
            }
            self.world.sleep_until(due).await;
            self.recorder.begin(due, self.world.now());
            ending = self.attempt(Shot { id: Retry::number(shot.id, number), intended: due }).await;
        }
        match ending {
            Ending::Completed => self.recorder.on_user_served(shot.intended, self.world.now()),
            _ => self.recorder.on_user_gave_up(shot.intended),
        }
        ending
    }

    /// Sends a request that is booked already, once.
    pub(super) fn attempt(&self, shot: Shot) -> impl Future<Output = Ending> + Send {
        async move {
            let sent = self.world.now();
            let Ok(reply) = self.target.call(shot).await;
            let Shot { id, intended } = shot;
            self.recorder.end(&Sample { id, intended, sent, done: self.world.now(), reply });
            reply.ending
        }
    }

    /// Thinks and asks until the end. What is asked after a thought is due when it is sent: a closed loop has no schedule
    /// that it could be late for.
    pub(super) async fn live(&self, users: &Users, number: u32, start: Instant) {
        let mut from = start;
        let mut unanswered = 0;
        for k in 0.. {
            let id = users.request(number, k);
            let due = from + users.thought(self.seed, id);
            if due >= self.end {
                return;
            }
            self.world.sleep_until(due).await;
            let now = self.world.now();
            self.recorder.begin(now, now);
            let shot = Shot { id, intended: now };
            let ending = match self.retry {
                None => self.attempt(shot).await,
                Some(retry) => self.persist(shot, retry).await,
            };
            unanswered = if ending.is_answer() { 0 } else { unanswered + 1 };
            from = self.world.now() + pause(unanswered);
            if from >= self.end {
                return;
            }
        }
    }
}

/// How long to wait after so many requests in a row that were not answered.
fn pause(unanswered: u32) -> Duration {
    match unanswered {
        0 => Duration::ZERO,
        n => PAUSE.0.saturating_mul(1 << (n - 1).min(16)).min(PAUSE.1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_not_answered_knocks_ever_more_slowly() {
        let pauses = [0, 1, 2, 6, 7, u32::MAX].map(|n| pause(n).as_millis());
        assert_eq!(pauses, [0, 1, 2, 32, 50, 50]);
    }
}
