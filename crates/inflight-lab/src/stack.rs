//! From layers named in a file to a service: the one place that knows every strategy.

use crate::{
    call::{Call, Place, Sink, Tap, Which},
    dependency::{Answer, Dependency, Fault},
    draws::{Dice, Stream},
    pair,
};
use inflight_strategies::{
    limit, observe,
    queue::Ticket,
    rt::{Instant, Rng as _, World},
    service::{BoxService, Deadline as _, Failure, Layer, Priority, Service},
    timeout,
};
use std::sync::Arc;

/// A layer, as configured.
#[derive(Clone, Debug, PartialEq)]
pub enum LayerSpec {
    /// A concurrency limit.
    Limit(Box<limit::Config>),
    /// A time limit.
    Timeout(timeout::Config),
}

impl LayerSpec {
    /// Its name in a configuration.
    pub fn name(&self) -> &'static str {
        match self {
            LayerSpec::Limit(_) => "limit",
            LayerSpec::Timeout(_) => "timeout",
        }
    }

    /// The same layer with every duration multiplied by `factor`.
    pub fn scaled(&self, factor: f64) -> LayerSpec {
        match self {
            LayerSpec::Limit(c) => LayerSpec::Limit(Box::new(c.scaled(factor))),
            LayerSpec::Timeout(c) => {
                LayerSpec::Timeout(timeout::Config { after: c.after.mul_f64(factor), ..*c })
            }
        }
    }

    /// Puts this layer around `inner`.
    fn wrap<W, T, S>(&self, inner: S, world: W, seed: u64, tap: Tap) -> Stack<T>
    where
        W: World,
        T: Send + 'static,
        S: Service<Call, Response = T, Error = Failure<Fault>> + Clone + 'static,
    {
        match self {
            LayerSpec::Limit(c) => {
                let layer = limit::LimitLayer::with_dice((**c).clone(), world, limit_dice(seed, &tap), tap);
                BoxService::new(layer.tickets(Spread::new(seed, c.partitions.len())).layer(inner))
            }
            LayerSpec::Timeout(c) => BoxService::new(timeout::TimeoutLayer::new(*c, world, tap).layer(inner)),
        }
    }
}

/// How an endpoint calls A and B.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Calls {
    /// A, then B.
    Sequential,
    /// A and B at the same time, each a task of its own.
    Parallel,
}

/// An endpoint (or arm: an endpoint under test), as configured.
#[derive(Clone, Debug, PartialEq)]
pub struct EndpointSpec {
    /// Its name; it is served at `/name`.
    pub name: String,
    /// How it calls A and B.
    pub calls: Calls,
    /// Layers around the whole, outermost first.
    pub whole: Vec<LayerSpec>,
    /// Layers around A, outermost first.
    pub a: Vec<LayerSpec>,
    /// Layers around B, outermost first.
    pub b: Vec<LayerSpec>,
}

impl EndpointSpec {
    /// The same endpoint with every duration multiplied by `factor`.
    pub fn scaled(&self, factor: f64) -> EndpointSpec {
        let scaled = |layers: &[LayerSpec]| layers.iter().map(|l| l.scaled(factor)).collect();
        EndpointSpec { whole: scaled(&self.whole), a: scaled(&self.a), b: scaled(&self.b), ..self.clone() }
    }
}

/// What an endpoint answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Both {
    /// A's answer.
    pub a: Answer,
    /// B's answer.
    pub b: Answer,
}

/// A service inside the lab.
pub type Stack<T> = BoxService<Call, T, Failure<Fault>>;

/// An endpoint at work: its stack, observed from outside.
pub type Endpoint<W> = observe::Observed<Stack<Both>, W, Tap>;

/// Builds endpoint number `index` over the dependencies `a` and `b`; `sink` hears every event in it.
pub fn build<W: World>(
    index: usize,
    spec: &EndpointSpec,
    world: &W,
    (a, b): (&Arc<Dependency<W>>, &Arc<Dependency<W>>),
    sink: Arc<dyn Sink>,
) -> Endpoint<W> {
    let tap = Tap::new(index, sink);
    let guarded = |which, dependency: &Arc<Dependency<W>>, layers| {
        let seen = observe::Observe::new(world.clone(), tap.at(Place::Service(which)));
        surround(
            Arc::new(seen.layer(dependency.clone())),
            layers,
            Some(which),
            (world, dependency.seed()),
            &tap,
        )
    };
    let work = Work {
        calls: spec.calls,
        a: guarded(Which::A, a, &spec.a),
        b: guarded(Which::B, b, &spec.b),
        world: world.clone(),
    };
    let stack = surround(Arc::new(work), &spec.whole, None, (world, b.seed()), &tap);
    observe::Observe::new(world.clone(), tap).layer(stack)
}

/// The dice of a limit: its own for every endpoint and place.
fn limit_dice(seed: u64, tap: &Tap) -> Dice {
    let around = match tap.place {
        Place::Layer { around: Some(Which::A), .. } => 1,
        Place::Layer { around: Some(Which::B), .. } => 2,
        _ => 0,
    };
    Stream::new(seed, "limit").dice(tap.endpoint as u64 * 3 + around)
}

/// What a limit sees of the lab's requests: they are spread evenly over the priorities and over the classes that have a
/// share, by draws that no strategy shifts.
#[derive(Clone, Copy, Debug)]
struct Spread {
    standings: Stream,
    classes: usize,
}

impl Spread {
    fn new(seed: u64, classes: usize) -> Spread {
        Spread { standings: Stream::new(seed, "standing"), classes }
    }
}

impl limit::Tickets<Call> for Spread {
    fn ticket(&self, call: &Call, now: Instant) -> Ticket {
        const PRIORITIES: [Priority; 5] =
            [Priority::VeryLow, Priority::Low, Priority::Medium, Priority::High, Priority::VeryHigh];
        let mut dice = self.standings.dice(call.id);
        let priority = PRIORITIES[(dice.unit() * PRIORITIES.len() as f64) as usize];
        let class = (dice.unit() * self.classes as f64) as u8;
        let deadline = call.deadline().unwrap_or(Instant::NEVER);
        Ticket { priority, class, deadline, ..Ticket::at(now) }
    }
}

/// Puts `layers`, outermost first, around `inner`.
fn surround<W, T, S>(
    inner: S,
    layers: &[LayerSpec],
    around: Option<Which>,
    (world, seed): (&W, u64),
    tap: &Tap,
) -> Stack<T>
where
    W: World,
    T: Send + 'static,
    S: Service<Call, Response = T, Error = Failure<Fault>> + Clone + 'static,
{
    let tap = |layer: &LayerSpec| tap.at(Place::Layer { around, name: layer.name() });
    let Some((innermost, outer)) = layers.split_last() else { return BoxService::new(inner) };
    // The innermost layer knows what it is around: one box less per call.
    let stack = innermost.wrap(inner, world.clone(), seed, tap(innermost));
    outer.iter().rev().fold(stack, |inner, layer| layer.wrap(inner, world.clone(), seed, tap(layer)))
}

/// What every endpoint does: A and B, one after the other or at the same time. The first failure is the answer; in
/// parallel it cancels the other call.
struct Work<W> {
    calls: Calls,
    a: Stack<Answer>,
    b: Stack<Answer>,
    world: W,
}

impl<W: World> Service<Call> for Work<W> {
    type Response = Both;
    type Error = Failure<Fault>;

    async fn call(&self, call: Call) -> Result<Both, Failure<Fault>> {
        match self.calls {
            Calls::Sequential => {
                let a = self.a.call(call.clone()).await?;
                let b = self.b.call(call).await?;
                Ok(Both { a, b })
            }
            Calls::Parallel => {
                let (a, b) = (self.a.clone(), self.b.clone());
                let call_a = call.clone();
                let a = async move { a.call(call_a).await };
                let (a, b) = pair::both(&self.world, a, async move { b.call(call).await }).await?;
                Ok(Both { a, b })
            }
        }
    }
}
