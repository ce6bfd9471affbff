//! From layers named in a file to a service: the one place that knows every strategy.

use crate::{
    call::{Call, Place, Sink, Tap, Which},
    dependency::{Answer, Dependency, Fault},
    luck::{Luck, Ranks, Standings},
    pair::{self, Half},
};
use inflight_strategies::{
    admission::{breakwater, dagor, rate, throttle},
    breaker, coalesce, deadline, hedge, limit, observe,
    retry::{self, SharedBudget},
    rt::{Executor, Shared, Sharing as _, World},
    service::{BoxService, Failure, Layer, Service},
    timeout,
    units::{format_duration, scaled},
};
use std::{fmt, future::Future, sync::Arc};

/// A layer, as configured.
#[derive(Clone, Debug, PartialEq)]
pub enum LayerSpec {
    /// A concurrency limit.
    Limit(Box<limit::Config>),
    /// A time limit.
    Timeout(timeout::Config),
    /// A deadline that is handed on.
    Deadline(timeout::Config),
    /// Retries.
    Retry(retry::Config),
    /// Hedging.
    Hedge {
        /// Its knobs.
        config: hedge::Config,
        /// Whether it pays from the budget of the retries around it.
        shares: bool,
    },
    /// A circuit breaker.
    Breaker(breaker::Config),
    /// Coalescing.
    Coalesce {
        /// How many different keys requests have.
        keys: u32,
    },
    /// Throttling by answered calls.
    Throttle(throttle::Config),
    /// A rate limit.
    Rate(rate::Config),
    /// DAGOR.
    Dagor(dagor::Config),
    /// Breakwater.
    Breakwater(breakwater::Config),
}

impl LayerSpec {
    /// Its name in a configuration.
    pub fn name(&self) -> &'static str {
        match self {
            LayerSpec::Limit(_) => "limit",
            LayerSpec::Timeout(_) => "timeout",
            LayerSpec::Deadline(_) => "deadline",
            LayerSpec::Retry(_) => "retry",
            LayerSpec::Hedge { .. } => "hedge",
            LayerSpec::Breaker(_) => "breaker",
            LayerSpec::Coalesce { .. } => "coalesce",
            LayerSpec::Throttle(c) => c.rule.name(),
            LayerSpec::Rate(_) => "rate-limit",
            LayerSpec::Dagor(_) => "dagor",
            LayerSpec::Breakwater(_) => "breakwater",
        }
    }

    /// Its name and the knob that matters most.
    fn words(&self) -> String {
        let late = |late| if late == timeout::Late::Detach { ", detached" } else { "" };
        match self {
            LayerSpec::Limit(c) => match (&c.permits, c.max_wait) {
                (limit::Permits::Adaptive(_), _) => "an adaptive limit".into(),
                (limit::Permits::Fixed(n), None) => format!("limit {n}"),
                (limit::Permits::Fixed(n), Some(wait)) => {
                    format!("limit {n}, waits {}", format_duration(wait))
                }
            },
            LayerSpec::Timeout(c) => format!("timeout {}{}", format_duration(c.after), late(c.late)),
            LayerSpec::Deadline(c) => format!("deadline {}{}", format_duration(c.after), late(c.late)),
            LayerSpec::Retry(c) => format!("{} attempts", c.attempts),
            layer => layer.name().into(),
        }
    }

    /// The same layer with every duration multiplied by `factor`.
    pub fn scaled(&self, factor: f64) -> LayerSpec {
        match self {
            LayerSpec::Limit(c) => LayerSpec::Limit(Box::new(c.scaled(factor))),
            LayerSpec::Timeout(c) => {
                LayerSpec::Timeout(timeout::Config { after: scaled(c.after, factor), ..*c })
            }
            LayerSpec::Deadline(c) => {
                LayerSpec::Deadline(timeout::Config { after: scaled(c.after, factor), ..*c })
            }
            LayerSpec::Retry(c) => LayerSpec::Retry(c.scaled(factor)),
            LayerSpec::Hedge { config, shares } => {
                LayerSpec::Hedge { config: config.scaled(factor), shares: *shares }
            }
            LayerSpec::Breaker(c) => LayerSpec::Breaker(c.scaled(factor)),
            LayerSpec::Coalesce { keys } => LayerSpec::Coalesce { keys: *keys },
            LayerSpec::Throttle(c) => LayerSpec::Throttle(c.scaled(factor)),
            LayerSpec::Rate(c) => LayerSpec::Rate(c.scaled(factor)),
            LayerSpec::Dagor(c) => LayerSpec::Dagor(c.scaled(factor)),
            LayerSpec::Breakwater(c) => LayerSpec::Breakwater(c.scaled(factor)),
        }
    }

    /// Whether its numbers make sense; the message says what would.
    pub fn validate(&self) -> Result<(), &'static str> {
        match self {
            LayerSpec::Limit(c) => c.validate(),
            LayerSpec::Timeout(c) | LayerSpec::Deadline(c) => c.validate(),
            LayerSpec::Retry(c) => c.validate(),
            LayerSpec::Hedge { config, .. } => config.validate(),
            LayerSpec::Breaker(c) => c.validate(),
            LayerSpec::Coalesce { .. } => Ok(()),
            LayerSpec::Throttle(c) => c.validate(),
            LayerSpec::Rate(c) => c.validate(),
            LayerSpec::Dagor(c) => c.validate(),
            LayerSpec::Breakwater(c) => c.validate(),
        }
    }

    /// Puts this layer around `inner`; `budget` is that of the nearest retry around it, or its own if it is one.
    fn wrap<W, T, S>(
        &self,
        inner: S,
        world: W,
        (seed, budget): (u64, Option<SharedBudget>),
        tap: Tap,
    ) -> Stack<T>
    where
        W: World,
        T: Clone + Send + 'static,
        S: Service<Call, Response = T, Error = Failure<Fault>> + Clone + 'static,
    {
        let luck = Luck::new(seed, &tap);
        match self {
            LayerSpec::Limit(c) => {
                let layer = limit::LimitLayer::with_dice((**c).clone(), world, luck.of_the_layer(), tap);
                if c.is_plain() {
                    return BoxService::new(layer.layer(inner));
                }
                BoxService::new(layer.tickets(Standings::new(seed, c.partitions.len())).layer(inner))
            }
            LayerSpec::Timeout(c) => BoxService::new(timeout::TimeoutLayer::new(*c, world, tap).layer(inner)),
            LayerSpec::Deadline(c) => {
                BoxService::new(deadline::DeadlineLayer::new(*c, world, tap).layer(inner))
            }
            LayerSpec::Retry(c) => {
                let budget = budget.unwrap_or_else(|| SharedBudget::new(c.budget));
                BoxService::new(retry::RetryLayer::with_budget(*c, budget, world, luck, tap).layer(inner))
            }
            LayerSpec::Hedge { config, shares } => {
                let layer = match budget.filter(|_| *shares) {
                    Some(budget) => hedge::HedgeLayer::sharing(*config, budget, world, tap),
                    None => hedge::HedgeLayer::new(*config, world, tap),
                };
                BoxService::new(layer.layer(inner))
            }
            LayerSpec::Breaker(c) => BoxService::new(breaker::BreakerLayer::new(*c, world, tap).layer(inner)),
            LayerSpec::Coalesce { keys } => {
                BoxService::new(coalesce::CoalesceLayer::new(world, luck.among(*keys), tap).layer(inner))
            }
            LayerSpec::Throttle(c) => {
                BoxService::new(throttle::ThrottleLayer::new(*c, world, luck, tap).layer(inner))
            }
            LayerSpec::Rate(c) => BoxService::new(rate::RateLayer::new(*c, world, tap).layer(inner)),
            LayerSpec::Dagor(c) => {
                let ranks = Ranks { luck: luck.among(c.classes * c.users), users: c.users };
                BoxService::new(dagor::DagorLayer::new(*c, world, ranks, tap).layer(inner))
            }
            LayerSpec::Breakwater(c) => {
                let clients = luck.among(c.clients);
                BoxService::new(breakwater::BreakwaterLayer::new(*c, world, clients, tap).layer(inner))
            }
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
    /// A and B at the same time in the request's own task.
    Joined,
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

/// What it is made of, in a few words: `A and B as tasks, limit 20 around B`.
impl fmt::Display for EndpointSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.calls {
            Calls::Sequential => "A, then B",
            Calls::Parallel => "A and B as tasks",
            Calls::Joined => "A and B in one task",
        })?;
        for (layers, around) in [(&self.whole, "both"), (&self.a, "A"), (&self.b, "B")] {
            let words: Vec<String> = layers.iter().map(LayerSpec::words).collect();
            if !words.is_empty() {
                write!(f, ", {} around {around}", words.join(" and "))?;
            }
        }
        Ok(())
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
pub type Endpoint<W> = observe::Observed<Guarded<Work<W>, Both, W>, W, Tap>;

/// Builds endpoint number `index` over the dependencies `a` and `b`; `sink` hears every event in it.
pub fn build<W: World>(
    index: usize,
    spec: &EndpointSpec,
    world: &W,
    (a, b): (&Arc<Dependency<W>>, &Arc<Dependency<W>>),
    sink: Arc<dyn Sink>,
) -> Endpoint<W> {
    let tap = Tap::new(index, sink);
    let guarded = |which, dependency: &Arc<Dependency<W>>, layers: &[LayerSpec]| {
        let seen = observe::Observe::new(world.clone(), tap.at(Place::Service(which)));
        Guarded::new(seen.layer(dependency.clone()), layers, Some(which), (world, dependency.seed()), &tap)
    };
    let services = Services { a: guarded(Which::A, a, &spec.a), b: guarded(Which::B, b, &spec.b) };
    let work = Work { calls: spec.calls, services: W::Sharing::share(services), world: world.clone() };
    let stack = Guarded::new(work, &spec.whole, None, (world, b.seed()), &tap);
    observe::Observe::new(world.clone(), tap).layer(stack)
}

/// A service with the layers around it. A call through a box costs an allocation: what nothing or the most common layer
/// alone stands around needs none.
pub enum Guarded<S: Send + Sync + 'static, T, W: Executor> {
    /// By nothing.
    Bare(Shared<W, S>),
    /// By a plain limit.
    Limited(Shared<W, limit::Limit<S, W, Tap>>),
    /// By whatever layers.
    Layered(Stack<T>),
}

impl<S: Send + Sync, T, W: Executor> fmt::Debug for Guarded<S, T, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Guarded::Bare(_) => "Bare",
            Guarded::Limited(_) => "Limited",
            Guarded::Layered(_) => "Layered",
        })
    }
}

impl<S: Send + Sync, T, W: Executor> Clone for Guarded<S, T, W> {
    fn clone(&self) -> Self {
        match self {
            Guarded::Bare(service) => Guarded::Bare(service.clone()),
            Guarded::Limited(service) => Guarded::Limited(service.clone()),
            Guarded::Layered(stack) => Guarded::Layered(stack.clone()),
        }
    }
}

impl<S, T, W> Guarded<S, T, W>
where
    W: World,
    T: Clone + Send + 'static,
    S: Service<Call, Response = T, Error = Failure<Fault>> + 'static,
{
    /// Puts `layers`, outermost first, around `inner`.
    fn new(
        inner: S,
        layers: &[LayerSpec],
        around: Option<Which>,
        (world, seed): (&W, u64),
        tap: &Tap,
    ) -> Self {
        match layers {
            [] => Guarded::Bare(W::Sharing::share(inner)),
            [LayerSpec::Limit(c)] if c.is_plain() => {
                let tap = tap.at(Place::Layer { around, name: "limit" });
                let dice = Luck::new(seed, &tap).of_the_layer();
                let layer = limit::LimitLayer::with_dice((**c).clone(), world.clone(), dice, tap);
                Guarded::Limited(W::Sharing::share(layer.layer(inner)))
            }
            _ => Guarded::Layered(surround(Arc::new(inner), layers, around, (world, seed), tap)),
        }
    }

    fn has_layers(&self) -> bool {
        !matches!(self, Guarded::Bare(_))
    }
}

impl<S, T, W> Service<Call> for Guarded<S, T, W>
where
    W: World,
    T: Clone + Send + 'static,
    S: Service<Call, Response = T, Error = Failure<Fault>> + 'static,
{
    type Response = T;
    type Error = Failure<Fault>;

    fn call(&self, call: Call) -> impl Future<Output = Result<T, Failure<Fault>>> + Send {
        async move {
            match self {
                Guarded::Bare(service) => service.call(call).await,
                Guarded::Limited(service) => service.call(call).await,
                Guarded::Layered(stack) => stack.call(call).await,
            }
        }
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
    T: Clone + Send + 'static,
    S: Service<Call, Response = T, Error = Failure<Fault>> + Clone + 'static,
{
    let tap = |layer: &LayerSpec| tap.at(Place::Layer { around, name: layer.name() });
    let budgets = budgets(layers);
    let mut inwards = layers.iter().zip(&budgets).rev();
    let Some((innermost, budget)) = inwards.next() else { return BoxService::new(inner) };
    // The innermost layer knows what it is around: one box less per call.
    let stack = innermost.wrap(inner, world.clone(), (seed, budget.clone()), tap(innermost));
    inwards.fold(stack, |inner, (layer, budget)| {
        layer.wrap(inner, world.clone(), (seed, budget.clone()), tap(layer))
    })
}

/// For every layer the budget of the nearest retry around it, itself included.
fn budgets(layers: &[LayerSpec]) -> Vec<Option<SharedBudget>> {
    let nearest = layers.iter().scan(None, |nearest, layer| {
        if let LayerSpec::Retry(c) = layer {
            *nearest = Some(SharedBudget::new(c.budget));
        }
        Some(nearest.clone())
    });
    nearest.collect()
}

/// What every endpoint does: A and B, one after the other or at the same time. The first failure is the answer; in
/// parallel it cancels the other call.
pub struct Work<W: World> {
    calls: Calls,
    services: Shared<W, Services<W>>,
    world: W,
}

/// A and B, each behind its layers.
struct Services<W: World> {
    a: Guarded<Seen<W>, Answer, W>,
    b: Guarded<Seen<W>, Answer, W>,
}

/// A service, observed from outside.
type Seen<W> = observe::Observed<Arc<Dependency<W>>, W, Tap>;

impl<W: World> Service<Call> for Work<W> {
    type Response = Both;
    type Error = Failure<Fault>;

    fn call(&self, call: Call) -> impl Future<Output = Result<Both, Failure<Fault>>> + Send {
        async move {
            let services = &self.services;
            let (to_a, to_b) = (services.a.has_layers(), services.b.has_layers());
            match self.calls {
                Calls::Sequential => {
                    // Boxed, so that calls at the same time, which live elsewhere, do not carry the room for this.
                    let a = Box::pin(services.a.call(call.inwards(to_a))).await?;
                    let b = Box::pin(services.b.call(call.inwards(to_b))).await?;
                    Ok(Both { a, b })
                }
                Calls::Parallel => {
                    let a = |half: Half<W, _, _>| {
                        let services = services.clone();
                        let call = call.inwards(to_a);
                        async move { half.tell(services.a.call(call).await) }
                    };
                    let b = |half: Half<W, _, _>| {
                        let services = services.clone();
                        let call = call.inwards(to_b);
                        async move { half.tell(services.b.call(call).await) }
                    };
                    let [a, b] = pair::both(&self.world, a, b).await?;
                    Ok(Both { a, b })
                }
                Calls::Joined => {
                    let (a, b) = (call.inwards(to_a), call.inwards(to_b));
                    let joined = pair::joined(services.a.call(a), services.b.call(b));
                    let (a, b) = Box::pin(joined).await?;
                    Ok(Both { a, b })
                }
            }
        }
    }
}
