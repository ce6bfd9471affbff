//! The waiting half of every strategy that lets a call in or refuses it: one layer over an [`Admission`].

use crate::{
    event::{Event, Observer, Watch},
    rt::{Clock, Instant},
    service::{Failure, Layer, Outcome, Reason, Rejected, Service},
};
use std::{
    future::{Future, ready},
    sync::Arc,
    time::Duration,
};

/// Decides over calls before they begin.
pub trait Admission<Request>: Send + Sync + 'static {
    /// What a call holds that was let in.
    type Pass<'a>: Pass
    where
        Self: 'a;

    /// Its name in a configuration: who refused.
    fn name(&self) -> &'static str;

    /// Lets a call in, or refuses it; what else came of it is told to `watch`.
    fn enter<'a>(
        &'a self,
        now: Instant,
        request: &Request,
        watch: &mut impl Watch,
    ) -> Result<Self::Pass<'a>, Refusal>;
}

/// Why a call is refused, and when a new attempt makes sense, if that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub why: Reason,
    /// When to come again.
    pub retry_after: Option<Duration>,
}

impl From<Reason> for Refusal {
    fn from(why: Reason) -> Refusal {
        Refusal { why, retry_after: None }
    }
}

/// What a call holds that was let in; whatever is to be given back goes back when it is dropped.
pub trait Pass: Send {
    /// Whether calls may have to wait for their turn: then the end of the wait is told, even if there was none.
    const WAITS: bool = false;

    /// Waits for the call's turn.
    fn turn(&mut self, clock: &impl Clock) -> impl Future<Output = Result<(), Reason>> + Send {
        let _ = clock;
        ready(Ok(()))
    }

    /// The call ended, by whatever way.
    fn end(&mut self, clock: &impl Clock, outcome: Outcome) -> Option<Event> {
        let _ = (clock, outcome);
        None
    }
}

/// Nothing to hold.
impl Pass for () {}

/// Puts an admission in front of a service. All services made by one layer share it.
#[derive(Debug)]
pub struct AdmissionLayer<A, C, O = ()> {
    admission: Arc<A>,
    clock: C,
    observer: O,
}

impl<A, C, O> AdmissionLayer<A, C, O> {
    /// Lets in what `admission` lets in, and tells `observer`.
    pub fn of(admission: A, clock: C, observer: O) -> Self {
        AdmissionLayer { admission: Arc::new(admission), clock, observer }
    }
}

impl<A, C: Clone, O: Clone> Clone for AdmissionLayer<A, C, O> {
    fn clone(&self) -> Self {
        let (clock, observer) = (self.clock.clone(), self.observer.clone());
        AdmissionLayer { admission: self.admission.clone(), clock, observer }
    }
}

impl<S, A, C: Clone, O: Clone> Layer<S> for AdmissionLayer<A, C, O> {
    type Service = Admitted<S, A, C, O>;
    fn layer(&self, inner: S) -> Self::Service {
        Admitted { inner, shared: self.clone() }
    }
}

/// A service behind an admission.
#[derive(Debug)]
pub struct Admitted<S, A, C, O = ()> {
    inner: S,
    shared: AdmissionLayer<A, C, O>,
}

impl<S: Clone, A, C: Clone, O: Clone> Clone for Admitted<S, A, C, O> {
    fn clone(&self) -> Self {
        Admitted { inner: self.inner.clone(), shared: self.shared.clone() }
    }
}

impl<Request, S, A, C, O, T, E> Service<Request> for Admitted<S, A, C, O>
where
    Request: Send,
    T: Send,
    E: Send,
    S: Service<Request, Response = T, Error = Failure<E>>,
    A: Admission<Request>,
    C: Clock,
    O: Observer<Request>,
{
    type Response = T;
    type Error = Failure<E>;

    async fn call(&self, request: Request) -> Result<T, Failure<E>> {
        let AdmissionLayer { admission, clock, observer } = &self.shared;
        let (start, mut watch) = (clock.now(), observer.observe(&request));
        let refuse = |Refusal { why, retry_after }| {
            Err(Failure::Rejected(Rejected { by: admission.name(), why, retry_after }))
        };
        let pass = match admission.enter(start, &request, &mut watch) {
            Ok(pass) => pass,
            Err(refusal) => {
                watch.on_event(start, Event::Rejected(refusal.why));
                return refuse(refusal);
            }
        };
        let mut visit = Visit { pass, clock, watch, start, stage: Stage::Waiting };
        if let Err(why) = visit.turn().await {
            return refuse(why.into());
        }
        let result = self.inner.call(request).await;
        visit.stage = Stage::Inside(Outcome::of(&result));
        result
    }
}

/// A call's way in and out, told step by step. However it ends, its end is told once.
struct Visit<'a, P: Pass, C: Clock, W: Watch> {
    pass: P,
    clock: &'a C,
    watch: W,
    start: Instant,
    stage: Stage,
}

enum Stage {
    Waiting,
    /// It would end so if it were dropped now.
    Inside(Outcome),
    Refused,
}

impl<P: Pass, C: Clock, W: Watch> Visit<'_, P, C, W> {
    async fn turn(&mut self) -> Result<(), Reason> {
        if P::WAITS {
            let turn = self.pass.turn(self.clock).await;
            // Nobody need ask the clock if nobody listens.
            let now = if W::LISTENS { self.clock.now() } else { self.start };
            if let Err(why) = turn {
                self.stage = Stage::Refused;
                self.watch.on_event(now, Event::Rejected(why));
                return turn;
            }
            self.watch.on_event(now, Event::Admitted { waited: now - self.start });
        }
        self.stage = Stage::Inside(Outcome::Cancelled);
        Ok(())
    }
}

impl<P: Pass, C: Clock, W: Watch> Drop for Visit<'_, P, C, W> {
    fn drop(&mut self) {
        match self.stage {
            Stage::Waiting => {
                let now = self.clock.now();
                self.watch.on_event(now, Event::Withdrawn { waited: now - self.start });
            }
            Stage::Inside(outcome) => {
                let outcome = if std::thread::panicking() { Outcome::Lost } else { outcome };
                if let Some(event) = self.pass.end(self.clock, outcome) {
                    self.watch.on_event(self.clock.now(), event);
                }
            }
            Stage::Refused => {}
        }
    }
}
