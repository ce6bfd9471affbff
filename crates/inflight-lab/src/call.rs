//! What a request is while it is inside, and who watches it.

use inflight_strategies::{
    attempt::{Attempt, MAX_ATTEMPTS},
    deadline::WithDeadline,
    event::{Event, Observer, Watch},
    rt::Instant,
    service::Deadline,
};
use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// A request on its way through the lab.
#[derive(Clone, Debug)]
pub struct Call {
    /// Its number in the workload: everything random about it follows from this.
    pub id: u64,
    /// Keeps the steps of its life, if anybody wants to know them.
    pub trail: Option<Arc<Trail>>,
    /// Which attempt at the request this is, whatever strategies ask for it; 0 is the first.
    pub attempt: u32,
    /// When nobody waits for the answer any more.
    pub deadline: Option<Instant>,
}

impl Call {
    /// Request `id`, whose steps nobody keeps.
    pub fn new(id: u64) -> Call {
        Call { id, trail: None, attempt: 0, deadline: None }
    }
}

impl Attempt for Call {
    /// Attempts inside attempts are digits of one number, so that no two are the same.
    fn attempt(&self, n: u32) -> Call {
        let attempt = self.attempt.wrapping_mul(MAX_ATTEMPTS).wrapping_add(n);
        Call { attempt, ..self.clone() }
    }
}

impl Deadline for Call {
    fn deadline(&self) -> Option<Instant> {
        self.deadline
    }
}

impl WithDeadline for Call {
    fn with_deadline(self, at: Instant) -> Call {
        Call { deadline: Some(at), ..self }
    }
}

/// One of the two services behind every endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Which {
    /// Fast and stable.
    A,
    /// Slow, fails sometimes, can be made to contend.
    B,
}

impl Which {
    /// Its name: `"A"` or `"B"`.
    pub fn name(self) -> &'static str {
        match self {
            Which::A => "A",
            Which::B => "B",
        }
    }
}

/// Where something happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The whole endpoint, outermost.
    Endpoint,
    /// A service itself, innermost.
    Service(Which),
    /// A layer around one service, or around the whole.
    Layer {
        /// The service it guards; `None`: the whole endpoint.
        around: Option<Which>,
        /// The strategy's name in a configuration.
        name: &'static str,
    },
}

/// One step in the life of a request.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// When.
    pub at: Instant,
    /// Where.
    pub place: Place,
    /// What.
    pub event: Event,
}

/// The steps of one request's life, handed over when the last part of it is over (work that was left running included).
pub struct Trail {
    call: u64,
    kept: Mutex<Kept>,
    /// Whether the steps themselves are kept, or only what they sum up to.
    in_full: bool,
    finish: Option<Finish>,
}

#[derive(Default)]
struct Kept {
    steps: Vec<Step>,
    waited: Option<Duration>,
}

/// Takes the steps of a finished life.
pub type Finish = Arc<dyn Fn(u64, Vec<Step>) + Send + Sync>;

impl Trail {
    /// A trail for request `call`; `finish`, if given, gets the steps in the end.
    pub fn new(call: u64, finish: Option<Finish>) -> Arc<Trail> {
        Arc::new(Trail { call, kept: Mutex::default(), in_full: true, finish })
    }

    /// A trail that only sums up how long request `call` waited.
    pub fn of_waits(call: u64) -> Arc<Trail> {
        Arc::new(Trail { call, kept: Mutex::default(), in_full: false, finish: None })
    }

    /// The steps so far.
    pub fn steps(&self) -> Vec<Step> {
        self.lock().steps.clone()
    }

    /// How long the request waited for admission so far, in all its layers; `None` if no layer has let it in yet.
    pub fn waited(&self) -> Option<Duration> {
        self.lock().waited
    }

    /// How long a service took, if the steps are kept and the call is over; of several calls, the last one.
    pub fn took(&self, which: Which) -> Option<Duration> {
        self.lock().steps.iter().rev().find_map(|step| match (step.place, step.event) {
            (Place::Service(service), Event::Finished { took, .. }) if service == which => Some(took),
            _ => None,
        })
    }

    /// Whether anything is kept of what happens at `place`.
    fn keeps(&self, place: Place) -> bool {
        self.in_full || matches!(place, Place::Layer { .. })
    }

    fn push(&self, step: Step) {
        let kept = &mut *self.lock();
        if let (Place::Layer { .. }, Event::Admitted { waited }) = (step.place, step.event) {
            kept.waited = Some(kept.waited.unwrap_or_default() + waited);
        }
        if self.in_full {
            kept.steps.push(step);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Trail {
    fn drop(&mut self) {
        if let Some(finish) = self.finish.take() {
            let steps = std::mem::take(&mut self.lock().steps);
            finish(self.call, steps);
        }
    }
}

impl fmt::Debug for Trail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trail").field("call", &self.call).finish_non_exhaustive()
    }
}

/// Hears every event of every request: metrics, dashboards, hashes.
pub trait Sink: Send + Sync + 'static {
    /// `event` happened to request `call` at `at`. `endpoint` counts the endpoints in their file's order.
    fn on_event(&self, endpoint: usize, place: Place, call: u64, at: Instant, event: Event);

    /// Whether it hears anything at all; asked once.
    fn listens(&self) -> bool {
        true
    }
}

impl Sink for () {
    fn on_event(&self, _: usize, _: Place, _: u64, _: Instant, _: Event) {}

    fn listens(&self) -> bool {
        false
    }
}

/// The observer at one place of one endpoint: tells the sink, and the request's own trail.
#[derive(Clone)]
pub struct Tap {
    pub(crate) endpoint: usize,
    pub(crate) place: Place,
    /// Nobody, if nobody listens.
    sink: Option<Arc<dyn Sink>>,
}

impl Tap {
    /// The observer of endpoint number `endpoint` as a whole, which tells `sink`.
    pub fn new(endpoint: usize, sink: Arc<dyn Sink>) -> Tap {
        Tap { endpoint, place: Place::Endpoint, sink: Some(sink).filter(|sink| sink.listens()) }
    }

    /// The same endpoint and sink, another place.
    pub fn at(&self, place: Place) -> Tap {
        Tap { place, ..self.clone() }
    }
}

impl fmt::Debug for Tap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tap")
            .field("endpoint", &self.endpoint)
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

impl Observer<Call> for Tap {
    type Watch<'a> = TapWatch<'a>;

    fn observe<'a>(&'a self, call: &Call) -> TapWatch<'a> {
        let trail = call.trail.as_ref().filter(|trail| trail.keeps(self.place)).cloned();
        TapWatch { tap: self, id: call.id, trail }
    }
}

/// One request as seen from a [`Tap`].
#[derive(Debug)]
pub struct TapWatch<'a> {
    tap: &'a Tap,
    id: u64,
    trail: Option<Arc<Trail>>,
}

impl Watch for TapWatch<'_> {
    fn on_event(&mut self, at: Instant, event: Event) {
        let Tap { endpoint, place, sink } = self.tap;
        if let Some(sink) = sink {
            sink.on_event(*endpoint, *place, self.id, at, event);
        }
        if let Some(trail) = &self.trail {
            trail.push(Step { at, place: *place, event });
        }
    }
}
