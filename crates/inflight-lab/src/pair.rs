//! Two calls at the same time: each a task of its own, with a caller who is woken once, or both in the caller's task.
//!
//! Whoever waits for two tasks by their handles is woken when each of them ends, the first time for nothing. Behind an
//! HTTP connection that is a whole turn through the server's state. Here the tasks leave their results in one place, and
//! the last of them, or the first that fails, wakes the caller.

use inflight_strategies::{
    rt::{Executor, Lock as _, Locked, Shared, Sharing as _, Task as _},
    service::Failure,
};
use std::{
    future::Future,
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};

/// Runs what `a` and `b` make as tasks, from now on; the wait for both, or for the first that fails: the other is then
/// cancelled. Dropping the wait cancels both. Each task tells its half of the pair how it ended.
#[inline(always)]
pub(crate) fn both<W, T, E, FA, FB>(
    world: &W,
    a: impl FnOnce(Half<W, T, E>) -> FA,
    b: impl FnOnce(Half<W, T, E>) -> FB,
) -> Both<W, T, E>
where
    W: Executor,
    T: Send + 'static,
    E: Send + 'static,
    FA: Future<Output = ()> + Send + 'static,
    FB: Future<Output = ()> + Send + 'static,
{
    let pair: Pair<W, T, E> = W::Sharing::share(W::Sharing::lock(State::new()));
    let half = |which| Half { pair: Some(pair.clone()), which };
    let tasks = [world.spawn_with("A", || a(half(0))), world.spawn_with("B", || b(half(1)))];
    Both { pair, tasks: Some(tasks) }
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
pub(crate) struct Both<W: Executor, T: Send + 'static, E: Send + 'static> {
    pair: Pair<W, T, E>,
    /// Until both are over: then there is nothing left to cancel.
    tasks: Option<[W::Task<()>; 2]>,
}

impl<W: Executor, T: Send + 'static, E: Send + 'static> Future for Both<W, T, E> {
    type Output = Result<[T; 2], Failure<E>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let result = std::task::ready!(self.pair.with(|state| state.poll(cx)));
        if result.is_ok()
            && let Some([a, b]) = self.tasks.take()
        {
            a.detach();
            b.detach();
        }
        Poll::Ready(result)
    }
}

/// The place where two tasks leave their results. Nothing but moves happens while it is locked.
type Pair<W, T, E> = Shared<W, Locked<W, State<T, E>>>;

struct State<T, E> {
    results: [Option<T>; 2],
    failure: Option<Failure<E>>,
    caller: Option<Waker>,
}

impl<T, E> State<T, E> {
    fn new() -> State<T, E> {
        State { results: [None, None], failure: None, caller: None }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<[T; 2], Failure<E>>> {
        if let Some(failure) = self.failure.take() {
            return Poll::Ready(Err(failure));
        }
        match &mut self.results {
            [a @ Some(_), b @ Some(_)] => {
                Poll::Ready(Ok([a, b].map(|result| result.take().expect("it is there"))))
            }
            _ => {
                self.caller.get_or_insert_with(|| cx.waker().clone()).clone_from(cx.waker());
                Poll::Pending
            }
        }
    }

    /// One task has a result; the caller, if that was what it still waited for.
    fn succeed(&mut self, which: usize, result: T) -> Option<Waker> {
        self.results[which] = Some(result);
        if self.results.iter().all(Option::is_some) { self.caller.take() } else { None }
    }

    /// One task has none; the caller, who need not wait any longer.
    fn fail(&mut self, failure: Failure<E>) -> Option<Waker> {
        self.failure = self.failure.take().or(Some(failure));
        self.caller.take()
    }
}

/// One of the two tasks' access to the place. If it is dropped before it was told a result, the result is lost.
pub(crate) struct Half<W: Executor, T: Send + 'static, E: Send + 'static> {
    pair: Option<Pair<W, T, E>>,
    which: usize,
}

impl<W: Executor, T: Send + 'static, E: Send + 'static> Half<W, T, E> {
    /// The task has ended so.
    #[inline(always)]
    pub(crate) fn tell(mut self, result: Result<T, Failure<E>>) {
        let Some(pair) = self.pair.take() else { return };
        let caller = match result {
            Ok(result) => pair.with(|state| state.succeed(self.which, result)),
            Err(failure) => pair.with(|state| state.fail(failure)),
        };
        if let Some(caller) = caller {
            caller.wake();
        }
    }
}

impl<W: Executor, T: Send + 'static, E: Send + 'static> Drop for Half<W, T, E> {
    #[inline]
    fn drop(&mut self) {
        if let Some(pair) = self.pair.take() {
            lose::<W, T, E>(&pair);
        }
    }
}

/// A task ended without a word.
#[cold]
fn lose<W: Executor, T: Send + 'static, E: Send + 'static>(pair: &Pair<W, T, E>) {
    if let Some(caller) = pair.with(|state| state.fail(Failure::Lost)) {
        caller.wake();
    }
}
