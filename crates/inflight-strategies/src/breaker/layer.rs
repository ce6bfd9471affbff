//! The waiting half of the breaker; the module above tells what it is for.

use super::{Breaker, Config, Moved, Pass};
use crate::{
    event::{Event, Observer, Watch},
    rt::{Clock, Instant},
    service::{Failure, Layer, Outcome, Reason, Rejected, Service},
};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Puts a circuit breaker around a service. All services made by one layer share its state.
#[derive(Clone, Debug)]
pub struct BreakerLayer<C, O = ()> {
    breaker: Arc<Mutex<Breaker>>,
    clock: C,
    observer: O,
}

impl<C, O> BreakerLayer<C, O> {
    /// # Panics
    /// If `config` is not valid.
    pub fn new(config: Config, clock: C, observer: O) -> Self {
        BreakerLayer { breaker: Arc::new(Mutex::new(Breaker::new(config))), clock, observer }
    }

    /// Nothing but arithmetic happens under this lock.
    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S, C: Clone, O: Clone> Layer<S> for BreakerLayer<C, O> {
    type Service = Breaking<S, C, O>;
    fn layer(&self, inner: S) -> Self::Service {
        Breaking { inner, shared: self.clone() }
    }
}

/// A service behind a circuit breaker.
#[derive(Clone, Debug)]
pub struct Breaking<S, C, O = ()> {
    inner: S,
    shared: BreakerLayer<C, O>,
}

impl<Request, S, C, O, T, E> Service<Request> for Breaking<S, C, O>
where
    Request: Send,
    T: Send,
    E: Send,
    S: Service<Request, Response = T, Error = Failure<E>>,
    C: Clock,
    O: Observer<Request>,
{
    type Response = T;
    type Error = Failure<E>;

    async fn call(&self, request: Request) -> Result<T, Failure<E>> {
        let layer = &self.shared;
        let (start, mut watch) = (layer.clock.now(), layer.observer.observe(&request));
        let (admitted, moved) = layer.breaker().admit(start);
        tell(&mut watch, start, moved);
        let pass = match admitted {
            Ok(pass) => pass,
            Err(retry_after) => {
                watch.on_event(start, Event::Rejected(Reason::BreakerOpen));
                let why = Reason::BreakerOpen;
                return Err(Failure::Rejected(Rejected { by: "breaker", why, retry_after }));
            }
        };
        let mut under_way = UnderWay { layer, pass, start, watch, outcome: Outcome::Cancelled };
        let result = self.inner.call(request).await;
        under_way.outcome = Outcome::of(&result);
        result
    }
}

fn tell(watch: &mut impl Watch, at: Instant, moved: Moved) {
    if let Some((from, to)) = moved {
        watch.on_event(at, Event::BreakerMoved { from, to });
    }
}

/// A call that was let through; tells the breaker how it ended, by whatever way it ended.
struct UnderWay<'a, C: Clock, O, W: Watch> {
    layer: &'a BreakerLayer<C, O>,
    pass: Pass,
    start: Instant,
    watch: W,
    outcome: Outcome,
}

impl<C: Clock, O, W: Watch> Drop for UnderWay<'_, C, O, W> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.outcome = Outcome::Lost;
        }
        let now = self.layer.clock.now();
        let moved = self.layer.breaker().on_end(now, self.pass, self.outcome, now - self.start);
        tell(&mut self.watch, now, moved);
    }
}
