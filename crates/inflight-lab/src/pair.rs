//! Two calls at the same time: each a task of its own, with a caller who is woken once, or both in the caller's task.
//!
//! Whoever waits for two tasks by their handles is woken when each of them ends, the first time for nothing. Behind an
//! HTTP connection that is a whole turn through the server's state. Here the tasks leave their results in one place, and
//! the last of them, or the first that fails, wakes the caller.

use inflight_strategies::{
    rt::{Executor, Task as _},
    service::Failure,
};
use std::{
    future::Future,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

/// Runs what `a` and `b` make as tasks and waits for both, or for the first that fails; the other is then cancelled.
/// Dropping the wait cancels both. (A future that is handed on takes its room twice: hence the makers.)
pub(crate) async fn both<W, A, B, E, FA, FB>(
    world: &W,
    a: impl FnOnce() -> FA + Send + 'static,
    b: impl FnOnce() -> FB + Send + 'static,
) -> Result<(A, B), Failure<E>>
where
    W: Executor,
    FA: Future<Output = Result<A, Failure<E>>> + Send + 'static,
    FB: Future<Output = Result<B, Failure<E>>> + Send + 'static,
    A: Send + 'static,
    B: Send + 'static,
    E: Send + 'static,
{
    let caller = std::future::poll_fn(|cx| Poll::Ready(Some(cx.waker().clone()))).await;
    let pair = Arc::new(Pair { state: Mutex::new(State { a: None, b: None, failure: None, caller }) });
    let half = Half { pair: pair.clone(), over: false };
    let a = world.spawn("A", half.run(a, |state, a| state.a = Some(a)));
    let half = Half { pair: pair.clone(), over: false };
    let b = world.spawn("B", half.run(b, |state, b| state.b = Some(b)));
    // Whoever is over first wakes the caller: nothing is missed by not looking now.
    let mut is_first = true;
    let look = |cx: &mut Context<'_>| {
        if std::mem::take(&mut is_first) { Poll::Pending } else { pair.poll(cx) }
    };
    let result = std::future::poll_fn(look).await;
    if result.is_ok() {
        // Both are over: there is nothing left to cancel.
        a.detach();
        b.detach();
    }
    result
}

/// Waits in this task for both, or for the first that fails; the other is then dropped. `a` is asked first.
pub(crate) async fn joined<A, B, E>(
    a: impl Future<Output = Result<A, E>>,
    b: impl Future<Output = Result<B, E>>,
) -> Result<(A, B), E> {
    let (mut a, mut b) = (pin!(a), pin!(b));
    let (mut from_a, mut from_b) = (None, None);
    std::future::poll_fn(move |cx| {
        if from_a.is_none()
            && let Poll::Ready(result) = a.as_mut().poll(cx)
        {
            from_a = Some(result?);
        }
        if from_b.is_none()
            && let Poll::Ready(result) = b.as_mut().poll(cx)
        {
            from_b = Some(result?);
        }
        if from_a.is_none() || from_b.is_none() {
            return Poll::Pending;
        }
        Poll::Ready(Ok(from_a.take().zip(from_b.take()).expect("both are there")))
    })
    .await
}

/// The place where two tasks leave their results.
struct Pair<A, B, E> {
    state: Mutex<State<A, B, E>>,
}

struct State<A, B, E> {
    a: Option<A>,
    b: Option<B>,
    failure: Option<Failure<E>>,
    caller: Option<Waker>,
}

impl<A, B, E> Pair<A, B, E> {
    /// Nothing but moves happens under this lock, so a poisoned state is a consistent one.
    fn lock(&self) -> MutexGuard<'_, State<A, B, E>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn poll(&self, cx: &mut Context<'_>) -> Poll<Result<(A, B), Failure<E>>> {
        let mut state = self.lock();
        if let Some(failure) = state.failure.take() {
            return Poll::Ready(Err(failure));
        }
        if state.is_over() {
            return Poll::Ready(Ok(state.a.take().zip(state.b.take()).expect("both are there")));
        }
        state.caller.get_or_insert_with(|| cx.waker().clone()).clone_from(cx.waker());
        Poll::Pending
    }
}

impl<A, B, E> State<A, B, E> {
    fn is_over(&self) -> bool {
        self.failure.is_some() || (self.a.is_some() && self.b.is_some())
    }
}

/// One of the two tasks' access to the place. If it is dropped before the task has a result, the result is lost.
struct Half<A, B, E> {
    pair: Arc<Pair<A, B, E>>,
    over: bool,
}

impl<A, B, E> Half<A, B, E> {
    async fn run<T, F: Future<Output = Result<T, Failure<E>>>>(
        mut self,
        call: impl FnOnce() -> F,
        put: fn(&mut State<A, B, E>, T),
    ) {
        let result = call().await;
        self.over = true;
        self.tell(|state| match result {
            Ok(value) => put(state, value),
            Err(failure) => state.failure = state.failure.take().or(Some(failure)),
        });
    }

    fn tell(&self, change: impl FnOnce(&mut State<A, B, E>)) {
        let mut state = self.pair.lock();
        change(&mut state);
        let caller = if state.is_over() { state.caller.take() } else { None };
        drop(state);
        if let Some(caller) = caller {
            caller.wake();
        }
    }
}

impl<A, B, E> Drop for Half<A, B, E> {
    fn drop(&mut self) {
        if !self.over {
            self.tell(|state| state.failure = state.failure.take().or(Some(Failure::Lost)));
        }
    }
}
