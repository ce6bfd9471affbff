//! Strategies that stand alone, with futures of their own instead of boxes.

use super::{Fails, Judge, TowerLayer, judged, take_ready};
use crate::{
    event::{Observer, Watch},
    limit::{Inside, LimitLayer, Tickets},
    rt::{Clock, World},
    service::{BoxCall, Failure},
    timeout::{self, Late, TimeoutLayer},
};
use pin_project_lite::pin_project;
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

/// Strategies that can do without a box: [`LimitLayer`] and [`TimeoutLayer`].
pub trait Alone: sealed::Sealed {}

mod sealed {
    pub trait Sealed {}
}

impl<C, O, T> Alone for LimitLayer<C, O, T> {}
impl<C, O, T> sealed::Sealed for LimitLayer<C, O, T> {}
impl<W, O> Alone for TimeoutLayer<W, O> {}
impl<W, O> sealed::Sealed for TimeoutLayer<W, O> {}

/// A strategy as a `tower::Layer` that boxes only calls that have to wait; see [`TowerLayer::direct`].
#[derive(Debug)]
pub struct Direct<L, J = Fails>(pub(super) TowerLayer<L, J>);

impl<L, J: Clone> Clone for Direct<L, J> {
    fn clone(&self) -> Self {
        Direct(self.0.clone())
    }
}

impl<S, L, J: Clone> tower_layer::Layer<S> for Direct<L, J> {
    type Service = DirectService<S, L, J>;
    fn layer(&self, inner: S) -> Self::Service {
        DirectService { inner, shared: self.0.clone() }
    }
}

/// A tower service behind a strategy that boxes only calls that have to wait.
#[derive(Debug)]
pub struct DirectService<S, L, J = Fails> {
    inner: S,
    shared: TowerLayer<L, J>,
}

impl<S: Clone, L, J: Clone> Clone for DirectService<S, L, J> {
    fn clone(&self) -> Self {
        DirectService { inner: self.inner.clone(), shared: self.shared.clone() }
    }
}

impl<Request, S, C, O, T, J> tower_service::Service<Request> for DirectService<S, LimitLayer<C, O, T>, J>
where
    Request: Send + 'static,
    S: tower_service::Service<Request, Future: Send, Response: Send, Error: Send> + Clone + Send + 'static,
    C: Clock,
    O: Observer<Request> + Clone,
    T: Tickets<Request> + Clone + 'static,
    J: Judge<S::Response, S::Error>,
{
    type Response = S::Response;
    type Error = Failure<J::Fault>;
    type Future = LimitedCall<S::Future, C, O, T, J, S::Response, J::Fault>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(|error| self.shared.judge.error(error))
    }

    #[inline]
    fn call(&mut self, request: Request) -> Self::Future {
        let limit = &*self.shared.layer;
        // Whoever listens borrows from the call that it listens to: that takes a box.
        if !<O::Watch<'static> as Watch>::LISTENS
            && let Ok((share, since)) = limit.arrive(&request, false)
        {
            let inside = Inside::new(limit.clone(), share, since, ());
            let (call, judge) = (self.inner.call(request), self.shared.judge.clone());
            return LimitedCall { at: At::Inside { call, inside, judge } };
        }
        let call = self.shared.boxed(take_ready(&mut self.inner), request);
        LimitedCall { at: At::Boxed { call } }
    }
}

pin_project! {
    /// A call behind a limit.
    pub struct LimitedCall<F, C: Clock, O, T, J, R, E> {
        #[pin]
        at: At<F, C, O, T, J, R, E>,
    }
}

pin_project! {
    #[project = AtNow]
    enum At<F, C: Clock, O, T, J, R, E> {
        // The call is dropped before its permit goes back.
        Inside {
            #[pin]
            call: F,
            inside: Inside<LimitLayer<C, O, T>, ()>,
            judge: J,
        },
        Boxed {
            call: BoxCall<'static, R, Failure<E>>,
        },
    }
}

impl<F, C, O, T, J, R, E> Future for LimitedCall<F, C, O, T, J, R, J::Fault>
where
    F: Future<Output = Result<R, E>>,
    C: Clock,
    J: Judge<R, E>,
{
    type Output = Result<R, Failure<J::Fault>>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().at.project() {
            AtNow::Inside { call, inside, judge } => {
                let result = judged(judge, ready!(call.poll(cx)));
                inside.ends(&result);
                Poll::Ready(result)
            }
            AtNow::Boxed { call } => call.as_mut().poll(cx),
        }
    }
}

impl<Request, S, W, O, J> tower_service::Service<Request> for DirectService<S, TimeoutLayer<W, O>, J>
where
    Request: Send + 'static,
    S: tower_service::Service<Request, Future: Send, Response: Send, Error: Send> + Clone + Send + 'static,
    S::Response: 'static,
    W: World,
    O: Observer<Request> + Clone,
    J: Judge<S::Response, S::Error>,
{
    type Response = S::Response;
    type Error = Failure<J::Fault>;
    type Future = TimedCall<S::Future, W::Sleep, J, S::Response, J::Fault>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(|error| self.shared.judge.error(error))
    }

    #[inline]
    fn call(&mut self, request: Request) -> Self::Future {
        let timeout::Config { after, late } = self.shared.layer.config;
        // Whoever listens borrows from the call, and work that lives on becomes a task: that takes a box.
        if <O::Watch<'static> as Watch>::LISTENS || late == Late::Detach {
            let call = self.shared.boxed(take_ready(&mut self.inner), request);
            return TimedCall { until: Until::Boxed { call } };
        }
        let over = self.shared.layer.world.sleep(after);
        let (call, judge) = (self.inner.call(request), self.shared.judge.clone());
        TimedCall { until: Until::Runs { call, over, after, judge } }
    }
}

pin_project! {
    /// A call with a time limit.
    pub struct TimedCall<F, Z, J, R, E> {
        #[pin]
        until: Until<F, Z, J, R, E>,
    }
}

pin_project! {
    #[project = UntilNow]
    enum Until<F, Z, J, R, E> {
        Runs {
            #[pin]
            call: F,
            #[pin]
            over: Z,
            after: Duration,
            judge: J,
        },
        Boxed {
            call: BoxCall<'static, R, Failure<E>>,
        },
        Over,
    }
}

impl<F, Z, J, R, E> Future for TimedCall<F, Z, J, R, J::Fault>
where
    F: Future<Output = Result<R, E>>,
    Z: Future<Output = ()>,
    J: Judge<R, E>,
{
    type Output = Result<R, Failure<J::Fault>>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut until = self.project().until;
        let after = match until.as_mut().project() {
            UntilNow::Runs { call, over, after, judge } => {
                // An answer that arrives at its deadline counts as an answer.
                if let Poll::Ready(result) = call.poll(cx) {
                    return Poll::Ready(judged(judge, result));
                }
                ready!(over.poll(cx));
                *after
            }
            UntilNow::Boxed { call } => return call.as_mut().poll(cx),
            UntilNow::Over => panic!("it is not polled after its end"),
        };
        // What the work holds is released now, not when its future is dropped.
        until.set(Until::Over);
        Poll::Ready(Err(Failure::TimedOut { after }))
    }
}
