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
    mem,
    pin::{Pin, pin},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

/// Runs what `a` and `b` make as tasks and waits for both, or for the first that fails; the other is then cancelled.
/// Dropping the wait cancels both. Each task tells its half of the pair how it ended.
pub(crate) fn both<W, T, E, FA, FB>(
    world: &W,
    a: impl FnOnce(Half<T, E>) -> FA + Unpin,
    b: impl FnOnce(Half<T, E>) -> FB + Unpin,
) -> impl Future<Output = Result<[T; 2], Failure<E>>>
where
    W: Executor,
    FA: Future<Output = ()> + Send + 'static,
    FB: Future<Output = ()> + Send + 'static,
{
    Both::Coming { world, a, b }
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

/// See [`both`].
enum Both<'a, W: Executor, T, E, A, B> {
    Coming { world: &'a W, a: A, b: B },
    Running { pair: Arc<Pair<T, E>>, tasks: [W::Task<()>; 2] },
    Over,
}

impl<W, T, E, A, B, FA, FB> Future for Both<'_, W, T, E, A, B>
where
    W: Executor,
    A: FnOnce(Half<T, E>) -> FA + Unpin,
    B: FnOnce(Half<T, E>) -> FB + Unpin,
    FA: Future<Output = ()> + Send + 'static,
    FB: Future<Output = ()> + Send + 'static,
{
    type Output = Result<[T; 2], Failure<E>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Both::Running { pair, .. } = &*self {
            let result = std::task::ready!(pair.poll(cx));
            if let (Both::Running { tasks, .. }, true) =
                (mem::replace(&mut *self, Both::Over), result.is_ok())
            {
                // Both are over: there is nothing left to cancel.
                tasks.into_iter().for_each(W::Task::detach);
            }
            return Poll::Ready(result);
        }
        let Both::Coming { world, a, b } = mem::replace(&mut *self, Both::Over) else {
            panic!("it is not polled after its end")
        };
        let pair = Arc::new(Pair::new(cx.waker().clone()));
        let tasks = [
            world.spawn("A", a(Half { pair: Some(pair.clone()), which: 0 })),
            world.spawn("B", b(Half { pair: Some(pair.clone()), which: 1 })),
        ];
        *self = Both::Running { pair, tasks };
        // Whoever is over first wakes the caller: nothing is missed by not looking now.
        Poll::Pending
    }
}

/// The place where two tasks leave their results.
struct Pair<T, E>(Mutex<State<T, E>>);

struct State<T, E> {
    results: [Option<T>; 2],
    failure: Option<Failure<E>>,
    caller: Option<Waker>,
}

impl<T, E> Pair<T, E> {
    fn new(caller: Waker) -> Pair<T, E> {
        Pair(Mutex::new(State { results: [None, None], failure: None, caller: Some(caller) }))
    }

    /// Nothing but moves happens under this lock, so a poisoned state is a consistent one.
    fn lock(&self) -> MutexGuard<'_, State<T, E>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn poll(&self, cx: &mut Context<'_>) -> Poll<Result<[T; 2], Failure<E>>> {
        let mut state = self.lock();
        if let Some(failure) = state.failure.take() {
            return Poll::Ready(Err(failure));
        }
        match &mut state.results {
            [a @ Some(_), b @ Some(_)] => {
                Poll::Ready(Ok([a, b].map(|result| result.take().expect("it is there"))))
            }
            _ => {
                state.caller.get_or_insert_with(|| cx.waker().clone()).clone_from(cx.waker());
                Poll::Pending
            }
        }
    }

    fn tell(&self, which: usize, result: Result<T, Failure<E>>) {
        let mut state = self.lock();
        match result {
            Ok(result) => state.results[which] = Some(result),
            Err(failure) => state.failure = state.failure.take().or(Some(failure)),
        }
        let is_over = state.failure.is_some() || state.results.iter().all(Option::is_some);
        let caller = if is_over { state.caller.take() } else { None };
        drop(state);
        if let Some(caller) = caller {
            caller.wake();
        }
    }
}

/// One of the two tasks' access to the place. If it is dropped before it was told a result, the result is lost.
pub(crate) struct Half<T, E> {
    pair: Option<Arc<Pair<T, E>>>,
    which: usize,
}

impl<T, E> Half<T, E> {
    /// The task has ended so.
    pub(crate) fn tell(mut self, result: Result<T, Failure<E>>) {
        if let Some(pair) = self.pair.take() {
            pair.tell(self.which, result);
        }
    }
}

impl<T, E> Drop for Half<T, E> {
    fn drop(&mut self) {
        if let Some(pair) = self.pair.take() {
            pair.tell(self.which, Err(Failure::Lost));
        }
    }
}
