//! What a request is while it is inside, and who watches it.

use crate::sim::SimShared;
use inflight_strategies::{
    attempt::{Attempt, MAX_ATTEMPTS},
    deadline::WithDeadline,
    event::{Event, Observer, Watch},
    rt::Instant,
    service::Deadline,
};
use std::{
    cell::Cell,
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
    pub trail: Option<Trail>,
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

    /// The request on its way to one service, with its trail if anything of what happens there is kept: everywhere, or only
    /// where there are layers.
    #[inline(always)]
    pub(crate) fn inwards(&self, has_layers: bool) -> Call {
        let trail = self.trail.as_ref().filter(|trail| has_layers || trail.keeps_steps()).cloned();
        Call { id: self.id, trail, attempt: self.attempt, deadline: self.deadline }
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
#[repr(u32)] // As in `Reason`.
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

/// What is kept of one request's life: its steps, handed over when the last part of it is over (work that was left running
/// included), or only what they sum up to.
#[derive(Clone)]
pub struct Trail(Kept);

#[derive(Clone)]
enum Kept {
    Steps(Arc<Life>),
    Waits(SimShared<Waits>),
}

/// The steps of one request's life.
struct Life {
    call: u64,
    steps: Mutex<Vec<Step>>,
    finish: Option<Finish>,
}

/// How long one request waited, over all its layers.
#[derive(Default)]
struct Waits {
    nanos: Cell<u64>,
    /// Whether any layer let it in.
    is_admitted: Cell<bool>,
}

/// Takes the steps of a finished life.
pub type Finish = Arc<dyn Fn(u64, Vec<Step>) + Send + Sync>;

impl Trail {
    /// A trail for request `call`; `finish`, if given, gets the steps in the end.
    pub fn new(call: u64, finish: Option<Finish>) -> Trail {
        Trail(Kept::Steps(Arc::new(Life { call, steps: Mutex::default(), finish })))
    }

    /// A trail that only sums up how long a request of a virtual world waited. It belongs to this thread, as that does.
    pub fn of_waits() -> Trail {
        Trail(Kept::Waits(SimShared::new(Waits::default())))
    }

    /// The steps so far, if they are kept.
    pub fn steps(&self) -> Vec<Step> {
        match &self.0 {
            Kept::Steps(life) => life.lock().clone(),
            Kept::Waits(_) => Vec::new(),
        }
    }

    /// How long the request waited for admission so far, in all its layers; `None` if no layer has let it in yet.
    pub fn waited(&self) -> Option<Duration> {
        match &self.0 {
            Kept::Steps(life) => {
                let steps = life.lock();
                let waits = steps.iter().filter_map(|step| wait(step.place, &step.event));
                waits.reduce(Duration::saturating_add)
            }
            Kept::Waits(waits) => waits.is_admitted.get().then(|| Duration::from_nanos(waits.nanos.get())),
        }
    }

    /// Forgets the waits of its request if nobody else keeps it: `true` if another request can have it now.
    pub(crate) fn becomes_new(&self) -> bool {
        match &self.0 {
            Kept::Waits(waits) if waits.is_unique() => {
                waits.is_admitted.set(false);
                waits.nanos.set(0);
                true
            }
            _ => false,
        }
    }

    /// How long a service took, if the steps are kept and the call is over; of several calls, the last one.
    pub fn took(&self, which: Which) -> Option<Duration> {
        let Kept::Steps(life) = &self.0 else { return None };
        life.lock().iter().rev().find_map(|step| match (step.place, step.event) {
            (Place::Service(service), Event::Finished { took, .. }) if service == which => Some(took),
            _ => None,
        })
    }

    /// Whether all steps are kept.
    fn keeps_steps(&self) -> bool {
        matches!(self.0, Kept::Steps(_))
    }

    /// Whether anything is kept of what happens at `place`.
    fn keeps(&self, place: Place) -> bool {
        self.keeps_steps() || matches!(place, Place::Layer { .. })
    }

    fn push(&self, at: Instant, place: Place, event: &Event) {
        match &self.0 {
            Kept::Steps(life) => life.lock().push(Step { at, place, event: *event }),
            Kept::Waits(waits) => wait(place, event).into_iter().for_each(|wait| waits.add(wait)),
        }
    }
}

impl Waits {
    fn add(&self, wait: Duration) {
        // Most are let in at once: then there is nothing to add.
        if !wait.is_zero() {
            let nanos = u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX);
            self.nanos.set(self.nanos.get().saturating_add(nanos));
        }
        self.is_admitted.set(true);
    }
}

/// How long a request waited that `event` lets into a layer.
fn wait(place: Place, event: &Event) -> Option<Duration> {
    match (place, event) {
        (Place::Layer { .. }, Event::Admitted { waited }) => Some(*waited),
        _ => None,
    }
}

impl Life {
    fn lock(&self) -> MutexGuard<'_, Vec<Step>> {
        self.steps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        if let Some(finish) = self.finish.take() {
            let steps = std::mem::take(&mut *self.lock());
            finish(self.call, steps);
        }
    }
}

impl fmt::Debug for Trail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trail").field("keeps_steps", &self.keeps_steps()).finish_non_exhaustive()
    }
}

/// Hears every event of every request: metrics, dashboards, hashes.
pub trait Sink: Send + Sync + 'static {
    /// `event` happened to request `call` at `at`. `endpoint` counts the endpoints in their file's order.
    fn on_event(&self, endpoint: usize, place: Place, call: u64, at: Instant, event: &Event);

    /// Whether it hears anything at all; asked once.
    fn listens(&self) -> bool {
        true
    }
}

impl Sink for () {
    fn on_event(&self, _: usize, _: Place, _: u64, _: Instant, _: &Event) {}

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

    #[inline]
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
    trail: Option<Trail>,
}

impl Watch for TapWatch<'_> {
    #[inline]
    fn on_event(&mut self, at: Instant, event: Event) {
        let Tap { endpoint, place, sink } = self.tap;
        if let Some(sink) = sink {
            sink.on_event(*endpoint, *place, self.id, at, &event);
        }
        if let Some(trail) = &self.trail {
            trail.push(at, *place, &event);
        }
    }
}
