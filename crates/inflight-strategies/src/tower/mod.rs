//! tower: every strategy as a `tower::Layer`. Feature `tower`; two small dependencies, `tower-layer` and `tower-service`.
//!
//! A [`TowerLayer`] holds any layer of this crate, or several in a tuple, outermost first, and puts them around any tower service
//! that can be cloned. Feature `tokio` brings the world they need:
//!
//! ```
//! # #[cfg(feature = "tokio")] {
//! use inflight_strategies::{limit, tokio::World, tower::TowerLayer};
//!
//! let limit = limit::LimitLayer::new(limit::Config::fixed(20, limit::Queue::Bounded(100)), World::new(), ());
//! let service = tower::ServiceBuilder::new().layer(TowerLayer::new(limit)).service_fn(|request: u32| async move {
//!     Ok::<u32, std::io::Error>(request + 1)
//! });
//! # let _ = service;
//! # }
//! ```
//!
//! # What is promised about readiness
//!
//! * `poll_ready` is that of the inner service and nothing else: a `LoadShed` or a balancer outside sees whether the *inner* service
//!   is ready, or broken. Strategies never make it wait and hold nothing on behalf of a caller who has not called yet, so no permit
//!   is lost with a service that was readied and then dropped, parked on an idle connection, or cloned.
//! * Admission happens in `call`, where the request is known; whoever is refused hears it from the call's future.
//! * The very service that was readied is the one that answers: a clone takes its place in the stack, and it goes along with the
//!   call. Whatever it reserved in `poll_ready` (a permit of tower's `ConcurrencyLimit`, a slot of a `Buffer`) is used by the call, or given back
//!   when the call is refused or dropped. While a call waits in a line of ours it keeps that reservation: put tower's own
//!   limits outside of ours, or use ours.
//! * Further attempts of a retry or hedge are made on clones, each of which is readied first.
//! * Calls under way are independent of the service they were made on: it can be dropped, cloned, or called again.
//!
//! # Order
//!
//! As everywhere in tower, the first layer of a `ServiceBuilder` is the outermost. From outside: what must see every request
//! ([`observe`](crate::observe)); a [`deadline`](crate::deadline) over everything; what refuses early ([`rate`](crate::admission::rate),
//! [`throttle`](crate::admission::throttle)); [`coalesce`](crate::coalesce); [`retry`](crate::retry), then [`hedge`](crate::hedge), so that both are
//! within the deadline and every attempt passes what follows: the [`breaker`](crate::breaker), which then judges attempts; the
//! [`limit`](crate::limit), so that no permit is held between attempts; and the [`timeout`](crate::timeout) of one attempt, which then does not
//! count the wait for a permit (put it outside of the limit if it should).
//!
//! # Failures
//!
//! Errors become [`Failure`]: those of the inner service are [`Failure::Failed`], unless a [`Judge`] knows better, for instance
//! that an answer of 503 is none. Strategies that belong together go into one tuple: they share one list of failures, and one
//! allocation per call. A second `TowerLayer` around the first one takes [`Failures`] as its judge.
//!
//! # Without an allocation
//!
//! A limit or a timeout that stands alone need not box its calls: [`TowerLayer::direct`] is the same strategy with the same promises,
//! but the call of the inner service begins in `call`, not when its future is polled, and only a call that has to wait is boxed.

mod direct;

pub use direct::{Alone, Direct, DirectService, LimitedCall, TimedCall};

use crate::service::{BoxCall, Failure, Layer, Service};
use std::{
    future::poll_fn,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

/// Says what a tower service's results mean to strategies.
pub trait Judge<T, E>: Clone + Send + Sync + 'static {
    /// What a failed call leaves.
    type Fault: Send + 'static;

    /// What an error is.
    fn error(&self, error: E) -> Failure<Self::Fault>;

    /// Whether an answer is one; it is unless this is overruled.
    fn answer(&self, answer: T) -> Result<T, Failure<Self::Fault>> {
        Ok(answer)
    }
}

/// Every error is a failure of the service.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fails;

impl<T, E: Send + 'static> Judge<T, E> for Fails {
    type Fault = E;

    fn error(&self, error: E) -> Failure<E> {
        Failure::Failed(error)
    }
}

/// The inner service's errors are failures already: it is behind another [`TowerLayer`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Failures;

impl<T, E: Send + 'static> Judge<T, Failure<E>> for Failures {
    type Fault = E;

    fn error(&self, failure: Failure<E>) -> Failure<E> {
        failure
    }
}

/// Strategies as a `tower::Layer`.
#[derive(Debug)]
pub struct TowerLayer<L, J = Fails> {
    layer: Arc<L>,
    judge: J,
}

impl<L> TowerLayer<L> {
    /// `layer` is any layer of this crate, or a tuple of them, outermost first.
    pub fn new(layer: L) -> Self {
        TowerLayer { layer: Arc::new(layer), judge: Fails }
    }
}

impl<L, J> TowerLayer<L, J> {
    /// The same strategies, to which results mean what `judge` says.
    pub fn judging<K>(self, judge: K) -> TowerLayer<L, K> {
        TowerLayer { layer: self.layer, judge }
    }

    /// The same strategy, whose calls are not boxed unless they have to wait: for a limit or a timeout that stands alone.
    pub fn direct(self) -> Direct<L, J>
    where
        L: Alone,
    {
        Direct(self)
    }
}

impl<L, J: Clone> Clone for TowerLayer<L, J> {
    fn clone(&self) -> Self {
        TowerLayer { layer: self.layer.clone(), judge: self.judge.clone() }
    }
}

impl<S, L, J: Clone> tower_layer::Layer<S> for TowerLayer<L, J> {
    type Service = TowerService<S, L, J>;
    fn layer(&self, inner: S) -> Self::Service {
        TowerService { inner, shared: self.clone() }
    }
}

/// A tower service behind strategies; see the module for what it promises.
#[derive(Debug)]
pub struct TowerService<S, L, J = Fails> {
    inner: S,
    shared: TowerLayer<L, J>,
}

impl<S: Clone, L, J: Clone> Clone for TowerService<S, L, J> {
    fn clone(&self) -> Self {
        TowerService { inner: self.inner.clone(), shared: self.shared.clone() }
    }
}

impl<Request, S, L, J, N> tower_service::Service<Request> for TowerService<S, L, J>
where
    Request: Send + 'static,
    S: tower_service::Service<Request> + Clone,
    J: Judge<S::Response, S::Error>,
    L: Layer<Called<S, J>, Service = N>,
    N: Service<Request, Error = Failure<J::Fault>> + 'static,
{
    type Response = N::Response;
    type Error = Failure<J::Fault>;
    type Future = BoxCall<'static, N::Response, Failure<J::Fault>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(|error| self.shared.judge.error(error))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        self.shared.boxed(take_ready(&mut self.inner), request)
    }
}

/// The service that was readied; a clone takes its place.
fn take_ready<S: Clone>(inner: &mut S) -> S {
    let next = inner.clone();
    mem::replace(inner, next)
}

impl<L, J: Clone> TowerLayer<L, J> {
    /// The call of a service that was readied.
    fn boxed<S, Request, N>(&self, ready: S, request: Request) -> BoxCall<'static, N::Response, N::Error>
    where
        Request: Send + 'static,
        L: Layer<Called<S, J>, Service = N>,
        N: Service<Request> + 'static,
    {
        let native = self.layer.layer(Called::new(ready, self.judge.clone()));
        Box::pin(async move { native.call(request).await })
    }
}

/// What a result means to strategies.
fn judged<T, E, J: Judge<T, E>>(judge: &J, result: Result<T, E>) -> Result<T, Failure<J::Fault>> {
    result.map_err(|error| judge.error(error)).and_then(|answer| judge.answer(answer))
}

/// A tower service as a [`Service`] of this crate, under its strategies.
#[derive(Debug)]
pub struct Called<S, J = Fails> {
    /// Ready, if nobody has called it yet.
    service: Mutex<S>,
    judge: J,
}

impl<S, J> Called<S, J> {
    /// `service` may have been readied: the first call uses it as it is.
    pub fn new(service: S, judge: J) -> Self {
        Called { service: Mutex::new(service), judge }
    }

    /// Only `poll_ready`, `call` and `clone` of the service run under this lock; what they do when they panic is theirs.
    fn lock(&self) -> MutexGuard<'_, S> {
        self.service.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The clone has what was readied: whoever clones a service does so in order to call the clone.
impl<S: Clone, J: Clone> Clone for Called<S, J> {
    fn clone(&self) -> Self {
        let mut kept = self.lock();
        let other = kept.clone();
        Called::new(mem::replace(&mut *kept, other), self.judge.clone())
    }
}

/// How far a call gets at once.
enum Begun<S, F, E> {
    /// The service was ready.
    Called(F),
    /// It is not ready; the service that is waited for.
    Waits(S),
    Broken(E),
}

impl<Request, S, J> Service<Request> for Called<S, J>
where
    Request: Send,
    S: tower_service::Service<Request, Future: Send, Response: Send, Error: Send> + Clone + Send,
    J: Judge<S::Response, S::Error>,
{
    type Response = S::Response;
    type Error = Failure<J::Fault>;

    async fn call(&self, request: Request) -> Result<S::Response, Failure<J::Fault>> {
        let mut request = Some(request);
        let mut request = || request.take().expect("it is called once");
        let begun = poll_fn(|cx| {
            let mut kept = self.lock();
            Poll::Ready(match kept.poll_ready(cx) {
                Poll::Ready(Ok(())) => Begun::Called(kept.call(request())),
                Poll::Ready(Err(error)) => Begun::Broken(error),
                Poll::Pending => {
                    let other = kept.clone();
                    Begun::Waits(mem::replace(&mut *kept, other))
                }
            })
        });
        let answer = match begun.await {
            Begun::Called(answer) => answer.await,
            Begun::Broken(error) => Err(error),
            Begun::Waits(mut service) => match poll_fn(|cx| service.poll_ready(cx)).await {
                Ok(()) => service.call(request()).await,
                Err(error) => Err(error),
            },
        };
        judged(&self.judge, answer)
    }
}

/// A service of this crate as a tower service: for those that are no layers, such as
/// [`TiedCalls`](crate::hedge::tied::TiedCalls). It is always ready.
#[derive(Debug)]
pub struct Front<S>(Arc<S>);

impl<S> Front<S> {
    /// Calls `service`.
    pub fn new(service: S) -> Self {
        Front(Arc::new(service))
    }
}

impl<S> Clone for Front<S> {
    fn clone(&self) -> Self {
        Front(self.0.clone())
    }
}

impl<Request, S> tower_service::Service<Request> for Front<S>
where
    Request: Send + 'static,
    S: Service<Request> + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxCall<'static, S::Response, S::Error>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let service = self.0.clone();
        Box::pin(async move { service.call(request).await })
    }
}
