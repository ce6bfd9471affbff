//! Work that outlives whoever waits for it.

use crate::rt::{Executor, Task as _};
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

/// `work`, done inside its caller for as long as the caller waits. If the caller gives up, by a deadline or by going away
/// itself, what is left of the work becomes a task of its own: most work is done in time and never needs one.
pub(crate) fn outlive<E, F>(world: &E, work: F) -> Outlive<'_, E, F>
where
    E: Executor,
    F: Future<Output: Send> + Send + 'static,
{
    Outlive { world, work: Some(Box::pin(work)) }
}

/// See [`outlive`].
pub(crate) struct Outlive<'a, E, F>
where
    E: Executor,
    F: Future<Output: Send> + Send + 'static,
{
    world: &'a E,
    work: Option<Pin<Box<F>>>,
}

impl<E, F> Future for Outlive<'_, E, F>
where
    E: Executor,
    F: Future<Output: Send> + Send + 'static,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        // Taken out while it is polled: nothing is left of work that panics.
        let mut work = self.work.take().expect("it is not polled after its end");
        let polled = work.as_mut().poll(cx);
        if polled.is_pending() {
            self.work = Some(work);
        }
        polled
    }
}

impl<E, F> Drop for Outlive<'_, E, F>
where
    E: Executor,
    F: Future<Output: Send> + Send + 'static,
{
    fn drop(&mut self) {
        if let Some(work) = self.work.take() {
            self.world.spawn("detached", work).detach();
        }
    }
}
