//! Coalescing (single flight): equal calls that are under way at the same time are one call.
//!
//! **What it does.** The first call with a key starts the work; whoever comes with the same key before it ends joins, and all
//! get a copy of its answer, good or bad. **The work belongs to all of them**: if the first caller goes away the others keep
//! it going, nothing is begun anew and nobody fails; when the last one goes away it is dropped. If it panics, the caller who
//! was polling it gets the panic and the others [`Failure::Lost`].
//!
//! **Which failure it answers.** The stampede: a cache entry expires and a thousand requests ask for it at once.
//!
//! **When it harms.** When answers must differ (keys that leave out the user), when the work writes, and when one slow or failed call
//! becomes the answer of a thousand. With keys that hardly ever meet it only costs.
//!
//! **Knobs.** Which calls are equal is said by [`Key`]; the lab draws it. Written `{ coalesce = { keys = 100 } }`.
//!
//! | knob | unit | default | whose |
//! |---|---|---|---|
//! | `keys` | different ones that requests have, 1 to 1,000,000 | required | – |
//!
//! **Where it comes from.** Go's `singleflight`. It leaves open what happens when the one who works is cancelled, ports of it
//! fail the followers; here the work is polled by whoever is there, as with a shared future.
//!
//! **Slow services.** The slower the service, the more calls meet: nothing to scale.

use crate::{
    event::{Event, Observer, Watch},
    rt::Clock,
    service::{Failure, Layer, Service},
    sync::{Mutex, MutexGuard},
};
use std::{
    collections::BTreeMap,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::Pin,
    sync::{Arc, PoisonError, TryLockError, Weak},
    task::{Context, Poll, Wake, Waker},
};

/// Says which requests are equal.
pub trait Key<Request>: Send + Sync + 'static {
    /// What equal requests have in common.
    type Key: Ord + Clone + Send + 'static;

    /// The key of `request`; `None`: it is like no other.
    fn key(&self, request: &Request) -> Option<Self::Key>;
}

/// Puts coalescing around a service. All services made by one layer share what is under way, so they must all be the same
/// service: an answer of one is everybody's. `Id` is a key, `T` and `E` are what comes of a call.
#[derive(Debug)]
pub struct CoalesceLayer<C, K, Id, T, E, O = ()> {
    flights: Flights<Id, T, E>,
    clock: C,
    key: K,
    observer: O,
}

impl<C, K, Id, T, E, O> CoalesceLayer<C, K, Id, T, E, O> {
    /// Calls that `key` says are equal are one call.
    pub fn new(clock: C, key: K, observer: O) -> Self {
        CoalesceLayer { flights: Flights::default(), clock, key, observer }
    }
}

impl<C: Clone, K: Clone, Id, T, E, O: Clone> Clone for CoalesceLayer<C, K, Id, T, E, O> {
    fn clone(&self) -> Self {
        let (clock, key, observer) = (self.clock.clone(), self.key.clone(), self.observer.clone());
        CoalesceLayer { flights: self.flights.clone(), clock, key, observer }
    }
}

/// The flights under way. A flight is kept alive by those who wait for it.
type Flights<K, T, E> = Arc<Mutex<BTreeMap<K, Weak<Flight<T, E>>>>>;

impl<S, C: Clone, K: Clone, Id, T, E, O: Clone> Layer<S> for CoalesceLayer<C, K, Id, T, E, O> {
    type Service = Coalesce<S, C, K, Id, T, E, O>;
    fn layer(&self, inner: S) -> Self::Service {
        Coalesce { inner, shared: self.clone() }
    }
}

/// A service whose equal calls are one.
#[derive(Debug)]
pub struct Coalesce<S, C, K, Id, T, E, O = ()> {
    inner: S,
    shared: CoalesceLayer<C, K, Id, T, E, O>,
}

impl<S: Clone, C: Clone, K: Clone, Id, T, E, O: Clone> Clone for Coalesce<S, C, K, Id, T, E, O> {
    fn clone(&self) -> Self {
        Coalesce { inner: self.inner.clone(), shared: self.shared.clone() }
    }
}

impl<Request, S, C, K, O, T, E> Service<Request> for Coalesce<S, C, K, K::Key, T, E, O>
where
    Request: Send + 'static,
    S: Service<Request, Response = T, Error = Failure<E>> + Clone + 'static,
    T: Clone + Send + 'static,
    E: Clone + Send + 'static,
    C: Clock,
    K: Key<Request>,
    O: Observer<Request>,
{
    type Response = T;
    type Error = Failure<E>;

    async fn call(&self, request: Request) -> Result<T, Failure<E>> {
        let CoalesceLayer { flights, clock, key, observer } = &self.shared;
        let Some(key) = key.key(&request) else { return self.inner.call(request).await };
        let mut watch = observer.observe(&request);
        let (flight, joined) = self.flight(key.clone(), request);
        if joined {
            watch.on_event(clock.now(), Event::Joined);
        }
        let _entry = Entry { key, flight: Arc::downgrade(&flight), flights };
        Seat { number: flight.sit_down(), flight }.await
    }
}

impl<S, C, K, Id: Ord + Clone, T, E, O> Coalesce<S, C, K, Id, T, E, O> {
    /// The flight with this key: one that is under way, or a new one.
    fn flight<Request>(&self, key: Id, request: Request) -> (Arc<Flight<T, E>>, bool)
    where
        Request: Send + 'static,
        S: Service<Request, Response = T, Error = Failure<E>> + Clone + 'static,
        T: Clone + Send + 'static,
        E: Clone + Send + 'static,
    {
        let mut flights = lock(&self.shared.flights);
        let under_way = flights.get(&key).and_then(Weak::upgrade).filter(|flight| !flight.is_over());
        if let Some(flight) = under_way {
            return (flight, true);
        }
        let inner = self.inner.clone();
        let flight = Arc::new(Flight::new(async move { inner.call(request).await }));
        flights.insert(key, Arc::downgrade(&flight));
        (flight, false)
    }
}

/// Takes a flight out of the list when it is over or nobody waits for it any more.
struct Entry<'a, K: Ord, T, E> {
    key: K,
    flight: Weak<Flight<T, E>>,
    flights: &'a Mutex<BTreeMap<K, Weak<Flight<T, E>>>>,
}

impl<K: Ord, T, E> Drop for Entry<'_, K, T, E> {
    fn drop(&mut self) {
        // Those who share a flight all come by; the last of them finds it gone.
        let mut flights = lock(self.flights);
        let is_this = flights.get(&self.key).is_some_and(|other| other.ptr_eq(&self.flight));
        if is_this && self.flight.upgrade().is_none_or(|flight| flight.is_over()) {
            flights.remove(&self.key);
        }
    }
}

/// No code of others runs under these locks but `Waker::clone`, so a poisoned state is a consistent one.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

type Work<T, E> = Pin<Box<dyn Future<Output = Result<T, Failure<E>>> + Send>>;

/// Work that several callers wait for; any of them polls it.
struct Flight<T, E> {
    /// Held while it is polled.
    work: Mutex<Option<Work<T, E>>>,
    answer: Mutex<Option<Result<T, Failure<E>>>>,
    seats: Arc<Seats>,
}

impl<T, E> std::fmt::Debug for Flight<T, E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Flight")
    }
}

/// Who is to be woken when the work can go on, or is over.
#[derive(Debug, Default)]
struct Seats(Mutex<Vec<Option<Waker>>>);

impl Wake for Seats {
    fn wake(self: Arc<Self>) {
        let wakers: Vec<Waker> = lock(&self.0).iter_mut().filter_map(Option::take).collect();
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl<T: Clone, E: Clone> Flight<T, E> {
    fn new(work: impl Future<Output = Result<T, Failure<E>>> + Send + 'static) -> Self {
        let work: Work<T, E> = Box::pin(work);
        Flight { work: Mutex::new(Some(work)), answer: Mutex::default(), seats: Arc::default() }
    }

    fn sit_down(&self) -> usize {
        let mut seats = lock(&self.seats.0);
        seats.push(None);
        seats.len() - 1
    }

    fn poll(&self, seat: usize, cx: &Context<'_>) -> Poll<Result<T, Failure<E>>> {
        // First the waker, then the look: whoever finishes in between wakes it.
        lock(&self.seats.0)[seat] = Some(cx.waker().clone());
        if let Some(answer) = &*lock(&self.answer) {
            return Poll::Ready(answer.clone());
        }
        let mut work = match self.work.try_lock() {
            Ok(work) => work,
            Err(TryLockError::WouldBlock) => return Poll::Pending,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
        };
        let Some(future) = work.as_mut() else {
            // It ended between the look and the lock.
            return lock(&self.answer).clone().map_or(Poll::Pending, Poll::Ready);
        };
        let waker = Waker::from(self.seats.clone());
        let polled =
            catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(&mut Context::from_waker(&waker))));
        match polled {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(answer)) => {
                *work = None;
                self.land(answer.clone());
                Poll::Ready(answer)
            }
            Err(panic) => {
                *work = None;
                self.land(Err(Failure::Lost));
                resume_unwind(panic)
            }
        }
    }

    fn land(&self, answer: Result<T, Failure<E>>) {
        *lock(&self.answer) = Some(answer);
        self.seats.clone().wake();
    }
}

impl<T, E> Flight<T, E> {
    fn is_over(&self) -> bool {
        lock(&self.answer).is_some()
    }
}

/// One caller's place in a flight.
struct Seat<T, E> {
    number: usize,
    flight: Arc<Flight<T, E>>,
}

impl<T: Clone, E: Clone> Future for Seat<T, E> {
    type Output = Result<T, Failure<E>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.flight.poll(self.number, cx)
    }
}

impl<T, E> Drop for Seat<T, E> {
    fn drop(&mut self) {
        lock(&self.flight.seats.0)[self.number] = None;
        // This caller may have been woken in order to poll: somebody else must.
        self.flight.seats.clone().wake();
    }
}
