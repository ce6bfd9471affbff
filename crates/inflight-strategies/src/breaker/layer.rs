//! The breaker as an admission; the module above tells what it is for.

use super::{Breaker, Config, Moved, Pass};
use crate::{
    admission::{self, Admission, AdmissionLayer, Refusal},
    event::{Event, Watch},
    rt::{Clock, Instant},
    service::{Outcome, Reason},
};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Puts a circuit breaker around a service. All services made by one layer share its state.
pub type BreakerLayer<C, O = ()> = AdmissionLayer<Breaking, C, O>;

impl<C, O> BreakerLayer<C, O> {
    /// # Panics
    /// If `config` is not valid.
    pub fn new(config: Config, clock: C, observer: O) -> Self {
        AdmissionLayer::of(Breaking(Mutex::new(Breaker::new(config))), clock, observer)
    }
}

/// Calls that pass as long as the circuit is closed.
#[derive(Debug)]
pub struct Breaking(Mutex<Breaker>);

impl Breaking {
    /// Nothing but arithmetic happens under this lock.
    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<Request> Admission<Request> for Breaking {
    type Pass<'a> = UnderWay<'a>;

    fn name(&self) -> &'static str {
        "breaker"
    }

    fn enter<'a>(
        &'a self,
        now: Instant,
        _: &Request,
        watch: &mut impl Watch,
    ) -> Result<UnderWay<'a>, Refusal> {
        let (admitted, moved) = self.breaker().admit(now);
        if let Some(event) = told(moved) {
            watch.on_event(now, event);
        }
        let refusal = |retry_after| Refusal { why: Reason::BreakerOpen, retry_after };
        admitted.map(|pass| UnderWay { breaking: self, pass, start: now }).map_err(refusal)
    }
}

fn told(moved: Moved) -> Option<Event> {
    moved.map(|(from, to)| Event::BreakerMoved { from, to })
}

/// A call that was let through; the breaker hears how it ended.
#[derive(Debug)]
pub struct UnderWay<'a> {
    breaking: &'a Breaking,
    pass: Pass,
    start: Instant,
}

impl admission::Pass for UnderWay<'_> {
    fn end(&mut self, clock: &impl Clock, outcome: Outcome) -> Option<Event> {
        let now = clock.now();
        told(self.breaking.breaker().on_end(now, self.pass, outcome, now - self.start))
    }
}
