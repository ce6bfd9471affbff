//! Where the tasks of a run write: the books, for one at a time.

use crate::{
    course::fine_tick,
    ending::Sample,
    log::Log,
    record::{Record, note},
    wire::Wires,
    workload::Workload,
};
use inflight_strategies::rt::{AcrossThreads, Instant, Lock as _, Sharing};
use std::{
    fmt,
    sync::{Arc, atomic::AtomicU32},
    task::{Poll, Waker},
    time::Duration,
};

/// Where the tasks of a run write into one [`Record`], which they share as `S` says.
pub struct Recorder<S: Sharing = AcrossThreads> {
    state: S::Lock<(Record, Option<Waker>)>,
}

impl<S: Sharing> fmt::Debug for Recorder<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").finish_non_exhaustive()
    }
}

impl<S: Sharing> Recorder<S> {
    /// Starts the books of a run that begins at `start`.
    pub fn new(start: Instant, workload: &Workload) -> Self {
        Recorder { state: S::lock((Record::new(start, workload), None)) }
    }

    fn with<R>(&self, work: impl FnOnce(&mut Record) -> R) -> R {
        self.state.with(|(record, _)| work(record))
    }

    /// These books with a log of every request, `most` at most.
    pub fn logging(self, most: usize) -> Self {
        self.with(|record| record.log = Some(Log::new(most)));
        self
    }

    /// These books with a timeline in tenths of a second, if the run is longer than others have those.
    pub fn in_fine_ticks(self, duration: Duration) -> Self {
        self.with(|record| record.tick_ns = record.tick_ns.min(fine_tick(duration).as_nanos() as u64));
        self
    }

    /// These books with those of connections, for a mix of so many classes.
    pub fn with_wires(self, classes: usize) -> Self {
        self.with(|record| record.wires = Some(Box::new(Wires::new(classes))));
        self
    }

    /// These books as a part of a run's that is kept in several: `everywhere` counts what is in flight in all of them.
    pub fn sharing(self, everywhere: Arc<AtomicU32>) -> Self {
        self.with(|record| record.everywhere = Some(everywhere));
        self
    }

    /// A request that should have started at `intended` starts at `now`.
    pub fn begin(&self, intended: Instant, now: Instant) {
        self.with(|record| record.begin(intended, now));
    }

    /// A request that should have started at `intended` never will: the driver has fallen too far behind.
    pub fn skip(&self, intended: Instant) {
        self.with(|record| record.skip(intended));
    }

    /// A request is over.
    pub fn end(&self, sample: &Sample) {
        let idle = self.state.with(|(record, waiter)| {
            record.end(sample);
            if record.in_flight_now() == 0 { waiter.take() } else { None }
        });
        if let Some(waiter) = idle {
            waiter.wake();
        }
    }

    /// A user whose first attempt was due at `intended` has got a good answer at `now`.
    pub fn on_user_served(&self, intended: Instant, now: Instant) {
        self.with(|record| {
            if let Some(users) = record.user(intended) {
                note(&mut users.served, now - intended);
            }
        });
    }

    /// A user whose first attempt was due at `intended` will not try again.
    pub fn on_user_gave_up(&self, intended: Instant) {
        self.with(|record| {
            if let Some(users) = record.user(intended) {
                users.gave_up += 1;
            }
        });
    }

    /// Requests in flight now.
    pub fn in_flight(&self) -> u32 {
        self.with(|record| record.in_flight_now())
    }

    /// Waits until nothing is in flight.
    pub async fn idle(&self) {
        std::future::poll_fn(|cx| {
            self.state.with(|(record, waiter)| {
                if record.in_flight_now() == 0 {
                    return Poll::Ready(());
                }
                *waiter = Some(cx.waker().clone());
                Poll::Pending
            })
        })
        .await
    }

    /// Looks at the books as they stand; whoever books waits meanwhile.
    pub(crate) fn look(&self, look: impl FnOnce(&Record)) {
        self.with(|record| {
            record.settle();
            look(record);
        });
    }

    /// The books as they stand, closed at `now`.
    pub fn close(&self, now: Instant) -> Record {
        let mut record = self.with(|record| record.clone());
        record.close(now);
        record
    }
}
