//! Tied requests: a call goes to several replicas at once, and the first that begins to serve it cancels the others.
//!
//! **What it does.** Sends a copy to every replica. The copies know of each other ([`Twin`]); a [`Begin`] layer below each replica's
//! queue claims the call when its turn comes, and all other copies are dropped wherever they wait. Nothing is served twice.
//!
//! **Which failure it answers.** Queues of different length that nobody can look into: the call is served where its turn comes
//! first, without the double work of a hedge.
//!
//! **When it harms.** Where waiting is not the trouble: copies on one replica, or behind one queue, only make the queue longer. Two
//! replicas that are both idle begin at the same moment; one of them has been asked in vain.
//!
//! **Knobs.** As many copies as there are replicas; Dean and Barroso send two. The lab's files cannot name it: they have one Service B.
//!
//! **Where it comes from.** "Tied requests" in Dean and Barroso, "The Tail at Scale", 2013. There the second copy is sent a few
//! milliseconds later, so that idle replicas do not collide over a network; here claims are made in one memory and collide never.
//!
//! **Slow services.** Nothing to scale.

use crate::{
    admission::{Admission, AdmissionLayer, Refusal},
    event::Watch,
    rt::Instant,
    service::{Failure, Reason, Service},
    sync::{Mutex, MutexGuard},
};
use std::{
    sync::{Arc, PoisonError},
    task::{Poll, Waker},
};

/// What one copy of a request knows of the others.
#[derive(Clone, Debug)]
pub struct Twin {
    tie: Arc<Mutex<Tie>>,
    number: usize,
}

#[derive(Debug, Default)]
struct Tie {
    /// The copy that began first.
    begun: Option<usize>,
    /// The caller, who drops the others then.
    caller: Option<Waker>,
}

impl Twin {
    /// Whether this copy may begin: no other has. Asked again, the answer is the same.
    pub fn claim(&self) -> bool {
        let mut tie = lock(&self.tie);
        let begun = *tie.begun.get_or_insert(self.number);
        let caller = tie.caller.take();
        drop(tie);
        if let Some(caller) = caller {
            caller.wake();
        }
        begun == self.number
    }
}

/// No code of others runs under this lock but `Waker::clone`.
fn lock(tie: &Mutex<Tie>) -> MutexGuard<'_, Tie> {
    tie.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A request of which there can be copies that know of each other.
pub trait Tied: Sized {
    /// A copy that carries `twin`.
    fn tied(&self, twin: Twin) -> Self;

    /// What it carries, if it is a copy.
    fn twin(&self) -> Option<&Twin>;
}

/// A service in front of replicas.
#[derive(Clone, Debug)]
pub struct TiedCalls<S> {
    replicas: Vec<S>,
}

impl<S> TiedCalls<S> {
    /// Every call goes to all `replicas`, each of which has a [`Begin`] layer below its queue.
    ///
    /// # Panics
    /// If there are none.
    pub fn new(replicas: Vec<S>) -> Self {
        assert!(!replicas.is_empty(), "at least one replica");
        TiedCalls { replicas }
    }
}

impl<Request, S, T, E> Service<Request> for TiedCalls<S>
where
    Request: Tied + Send,
    T: Send,
    E: Send,
    S: Service<Request, Response = T, Error = Failure<E>>,
{
    type Response = T;
    type Error = Failure<E>;

    async fn call(&self, request: Request) -> Result<T, Failure<E>> {
        let tie = Arc::new(Mutex::new(Tie::default()));
        let mut copies = Vec::with_capacity(self.replicas.len());
        for (number, replica) in self.replicas.iter().enumerate() {
            let copy = request.tied(Twin { tie: tie.clone(), number });
            copies.push((number, Box::pin(replica.call(copy))));
        }
        std::future::poll_fn(move |cx| {
            lock(&tie).caller = Some(cx.waker().clone());
            let mut index = 0;
            while index < copies.len() {
                let polled = copies[index].1.as_mut().poll(cx);
                match polled {
                    Poll::Ready(Err(_)) if copies.len() > 1 => drop(copies.remove(index)),
                    Poll::Ready(answer) => return Poll::Ready(answer),
                    Poll::Pending => index += 1,
                }
                // Whoever has begun is the only one from now on.
                if let Some(begun) = lock(&tie).begun {
                    copies.retain(|(number, _)| *number == begun);
                    index = index.min(copies.len());
                }
            }
            Poll::Pending
        })
        .await
    }
}

/// Claims a copy when its turn has come; stands below a replica's queue.
pub type Begin<C, O = ()> = AdmissionLayer<Claims, C, O>;

impl<C, O> Begin<C, O> {
    /// Tells `observer` which copies came too late.
    pub fn new(clock: C, observer: O) -> Self {
        AdmissionLayer::of(Claims, clock, observer)
    }
}

/// Only what no other replica has begun.
#[derive(Clone, Copy, Debug)]
pub struct Claims;

impl<Request: Tied> Admission<Request> for Claims {
    type Pass<'a> = ();

    fn name(&self) -> &'static str {
        "tied"
    }

    fn enter(&self, _: Instant, request: &Request, _: &mut impl Watch) -> Result<(), Refusal> {
        let is_late = request.twin().is_some_and(|twin| !twin.claim());
        if is_late { Err(Reason::BegunElsewhere.into()) } else { Ok(()) }
    }
}
