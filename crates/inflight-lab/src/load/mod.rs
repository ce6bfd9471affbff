//! The load driver: starts requests when they are due, whatever the target does (open loop), or when users have thought
//! (closed loop). The same code drives a service in virtual time and an HTTP server through a client.
//!
//! **Retries.** A user who gets no good answer may send the request again ([`crate::workload::Retry`]). Every attempt is a
//! request of its own: it has its own number and draws, is offered, and ends. What the *user* went through, from the
//! intended start of the first attempt to the good answer or to giving up, is kept beside that, in
//! [`Record::users`](crate::record::Record). No attempt starts after the workload's end.

pub mod expect;
pub mod figures;
pub mod search;
pub mod selftest;
pub mod truth;
mod user;

use crate::{
    record::{Record, Recorder, Reply},
    workload::{Arrivals, Traffic, Users, Workload},
};
use inflight_strategies::{
    rt::{First, Instant, Sharing as _, Task as _, World, race},
    service::Service,
};
use std::{convert::Infallible, future::poll_fn, sync::Arc, task::Poll};
use user::User;

/// A request about to be sent.
#[derive(Clone, Copy, Debug)]
pub struct Shot {
    /// Its number in the schedule.
    pub id: u64,
    /// When it is due.
    pub intended: Instant,
}

/// One of several equal parts of a run: all parts together offer exactly what the whole would.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Which, from 0.
    pub number: u32,
    /// Of how many; at least 1.
    pub of: u32,
}

impl Share {
    /// All of it.
    pub const WHOLE: Share = Share { number: 0, of: 1 };

    /// Whether request, or user, number `i` belongs to it.
    pub fn has(self, i: u64) -> bool {
        i % u64::from(self.of) == u64::from(self.number)
    }
}

/// What can be driven: it always says how a request ended.
pub trait Target: Service<Shot, Response = Reply, Error = Infallible> + Clone + 'static {}

impl<T: Service<Shot, Response = Reply, Error = Infallible> + Clone + 'static> Target for T {}

/// A run of the driver against one target.
#[derive(Clone, Debug)]
pub struct Driver<W> {
    /// Whose clock and tasks.
    pub world: W,
    /// What is offered.
    pub workload: Workload,
    /// Decides every arrival, every thought and every pause.
    pub seed: u64,
    /// When the run begins; requests are due relative to this.
    pub start: Instant,
}

impl<W: World> Driver<W> {
    /// Books for this run.
    pub fn recorder(&self) -> Arc<Recorder<W::Sharing>> {
        Arc::new(Recorder::new(self.start, &self.workload))
    }

    /// Books for this run, with a log of every request, `most` at most.
    pub fn logging_recorder(&self, most: usize) -> Arc<Recorder<W::Sharing>> {
        Arc::new(Recorder::new(self.start, &self.workload).logging(most))
    }

    /// When the last request may start.
    fn end(&self) -> Instant {
        self.start + self.workload.duration
    }

    /// Offers the workload to `target`, waits for the answers and returns the books.
    pub async fn run(&self, target: &impl Target, recorder: &Arc<Recorder<W::Sharing>>) -> Record {
        self.run_share(Share::WHOLE, target, recorder).await
    }

    /// [`Driver::run`] for one of several parts of the run, with books of its own.
    pub async fn run_share(
        &self,
        share: Share,
        target: &impl Target,
        recorder: &Arc<Recorder<W::Sharing>>,
    ) -> Record {
        // Users live as long as this: whoever drops the run sends them away.
        let _users = match &self.workload.traffic {
            Traffic::Open(arrivals) => {
                self.follow(arrivals, share, target, recorder).await;
                Vec::new()
            }
            Traffic::Closed(users) => self.invite(users, share, target, recorder),
        };
        let end = self.end();
        self.world.sleep_until(end).await;
        match race(recorder.idle(), self.world.sleep_until(end + self.workload.patience)).await {
            First::Left(()) | First::Right(()) => recorder.close(self.world.now()),
        }
    }

    fn user<T: Target>(&self, target: &T, recorder: &Arc<Recorder<W::Sharing>>) -> User<W, T> {
        User {
            world: self.world.clone(),
            target: target.clone(),
            recorder: recorder.clone(),
            retry: self.workload.retry,
            seed: self.seed,
            end: self.end(),
        }
    }

    /// Open loop: starts every request of the schedule when it is due, as a task of its own. It is booked first: what is
    /// offered is known even if the task comes late to its turn. A driver that is still behind when its patience has ended
    /// begins no more, and says of each that it was not sent.
    async fn follow(
        &self,
        arrivals: &Arrivals,
        share: Share,
        target: &impl Target,
        recorder: &Arc<Recorder<W::Sharing>>,
    ) {
        let last = self.end() + self.workload.patience;
        let schedule = arrivals.schedule(self.seed, self.workload.duration);
        let everyone = W::Sharing::share(self.user(target, recorder));
        for (id, offset) in schedule.filter(|(id, _)| share.has(*id)) {
            let shot = Shot { id, intended: self.start + offset };
            self.world.sleep_until(shot.intended).await;
            let now = self.world.now();
            if now > last {
                recorder.skip(shot.intended);
                continue;
            }
            recorder.begin(shot.intended, now);
            let user = everyone.clone();
            let task = match user.retry {
                None => self.world.spawn_with("request", || async move { user.attempt(shot).await }),
                Some(retry) => {
                    self.world.spawn_with("request", || async move { user.persist(shot, retry).await })
                }
            };
            task.detach();
            if now > shot.intended {
                // A driver that is behind lets its requests go out one by one, not all once it has caught up.
                yielded().await;
            }
        }
    }

    /// Closed loop: one task per user.
    fn invite<T: Target>(
        &self,
        users: &Users,
        share: Share,
        target: &T,
        recorder: &Arc<Recorder<W::Sharing>>,
    ) -> Vec<W::Task<()>> {
        let invite = |number| {
            let (user, users) = (self.user(target, recorder), users.clone());
            let start = self.start;
            self.world.spawn("user", async move { user.live(&users, number, start).await })
        };
        (0..users.count).filter(|user| share.has(u64::from(*user))).map(invite).collect()
    }
}

/// Lets everyone else who is ready go on first.
async fn yielded() {
    let mut has_yielded = false;
    poll_fn(|cx| {
        if has_yielded {
            return Poll::Ready(());
        }
        has_yielded = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
