//! The shape of everything that can be called, and the closed list of ways in which a call can fail.
//!
//! The shape is hyper's (`call(&self, request)`, no readiness): admission happens inside `call`, where a strategy can see
//! the request, and nothing is reserved for a caller who never comes. See the crate's `tower` adapter for tower's shape.

use crate::rt::Instant;
use std::{fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

/// Something that answers requests. Many calls may be in progress at once; dropping a call's future cancels that call.
pub trait Service<Request>: Send + Sync {
    /// What a good call gives.
    type Response;
    /// What can go wrong.
    type Error;

    /// Calls the service.
    fn call(&self, request: Request) -> impl Future<Output = Result<Self::Response, Self::Error>> + Send;
}

impl<Request: Send, S: Service<Request>> Service<Request> for Arc<S> {
    type Response = S::Response;
    type Error = S::Error;

    fn call(&self, request: Request) -> impl Future<Output = Result<Self::Response, Self::Error>> + Send {
        (**self).call(request)
    }
}

/// Wraps a service in another.
pub trait Layer<S> {
    /// The wrapped service.
    type Service;

    /// Wraps `inner`.
    fn layer(&self, inner: S) -> Self::Service;
}

/// Layers in a tuple are one layer; the first is the outermost. Told are all of them, then from the inside who is around whom.
macro_rules! tuples_are_layers {
    ($($layer:ident)+: $innermost:ident $(< $outer:ident)+, $($around:ident $inner:ident)+) => {
        impl<S, $($layer),+> Layer<S> for ($($layer),+)
        where
            $innermost: Layer<S>,
            $($around: Layer<$inner::Service>),+
        {
            type Service = A::Service;

            #[expect(non_snake_case, reason = "a layer is named as its type")]
            fn layer(&self, inner: S) -> Self::Service {
                let ($($layer),+) = self;
                let inner = $innermost.layer(inner);
                $(let inner = $outer.layer(inner);)+
                inner
            }
        }
    };
}

tuples_are_layers!(A B: B < A, A B);
tuples_are_layers!(A B C: C < B < A, B C A B);
tuples_are_layers!(A B C D: D < C < B < A, C D B C A B);
tuples_are_layers!(A B C D F: F < D < C < B < A, D F C D B C A B);
tuples_are_layers!(A B C D F G: G < F < D < C < B < A, F G D F C D B C A B);
tuples_are_layers!(A B C D F G H: H < G < F < D < C < B < A, G H F G D F C D B C A B);

/// Why a call did not answer. Layers hand inner failures on as they are: there is one `Failure`, however deep the stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure<E> {
    /// The called service itself failed.
    Failed(E),
    /// A strategy refused the call before it began.
    Rejected(Rejected),
    /// The answer did not come within the time allowed.
    TimedOut {
        /// The time allowed.
        after: Duration,
    },
    /// The task that worked on it panicked or its world shut down.
    Lost,
}

impl<E> Failure<E> {
    /// The wait that a rejection asked for.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Failure::Rejected(rejected) => rejected.retry_after,
            _ => None,
        }
    }
}

impl<E: fmt::Display> fmt::Display for Failure<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Failed(e) => e.fmt(f),
            Failure::Rejected(r) => r.fmt(f),
            Failure::TimedOut { after } => write!(f, "no answer within {after:?}"),
            Failure::Lost => f.write_str("the work was lost: its task panicked or was shut down"),
        }
    }
}

/// Boxed errors are no errors themselves, so this asks only for what it needs.
impl<E: fmt::Debug + fmt::Display> std::error::Error for Failure<E> {}

/// A refusal: by whom, why, and when to try again if the strategy knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// The strategy that refused, by the name that it has in a configuration.
    pub by: &'static str,
    /// Why it refused.
    pub why: Reason,
    /// When a new attempt makes sense, if the strategy can tell.
    pub retry_after: Option<Duration>,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rejected by {}: {}", self.by, self.why)
    }
}

/// Why a strategy refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u32)] // A single byte would make results travel through the layers in odd pieces.
pub enum Reason {
    /// All permits are taken and the strategy does not queue.
    LimitReached,
    /// The bounded queue is full.
    QueueFull,
    /// It waited for its turn as long as it may.
    WaitedTooLong,
    /// Turned away early, to keep the queue short: the system is overloaded.
    Overloaded,
    /// Its answer would have come after its deadline.
    TooLate,
    /// Its place in the queue went to a more important call.
    Outranked,
    /// The circuit breaker is open.
    BreakerOpen,
    /// Too few of the latest calls were accepted or answered.
    Throttled,
    /// More calls per second than are allowed.
    RateExceeded,
    /// Another copy of it is being served.
    BegunElsewhere,
}

impl Reason {
    /// It in words.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::LimitReached => "limit reached",
            Reason::QueueFull => "queue full",
            Reason::WaitedTooLong => "waited too long",
            Reason::Overloaded => "overloaded",
            Reason::TooLate => "too late",
            Reason::Outranked => "outranked",
            Reason::BreakerOpen => "circuit breaker open",
            Reason::Throttled => "throttled",
            Reason::RateExceeded => "rate exceeded",
            Reason::BegunElsewhere => "begun elsewhere",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A request that knows until when its answer is worth something.
pub trait Deadline {
    /// The moment after which nobody waits for the answer; `None` if there is none.
    fn deadline(&self) -> Option<Instant>;
}

/// A request that knows its place among others; what it does not say is the middle.
pub trait Standing: Deadline {
    /// How important it is.
    fn priority(&self) -> Priority {
        Priority::default()
    }

    /// The class (tenant, kind of traffic) whose share of a limit it uses, from 0.
    fn class(&self) -> u8 {
        0
    }

    /// How many permits it takes.
    fn weight(&self) -> u32 {
        1
    }
}

/// How important a request is: five classes, as in failsafe-go; the least important is shed first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// Shed first.
    VeryLow,
    /// Below the usual.
    Low,
    /// The usual.
    #[default]
    Medium,
    /// Above the usual.
    High,
    /// Shed last.
    VeryHigh,
}

/// How a call ended: every offered request has exactly one outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// It answered.
    Completed,
    /// The called service failed.
    Failed,
    /// A strategy refused it.
    Rejected(Reason),
    /// It did not answer in time.
    TimedOut,
    /// The caller went away first: the call's future was dropped.
    Cancelled,
    /// Its task panicked.
    Lost,
}

impl Outcome {
    /// The outcome that a call's result stands for. [`Outcome::Cancelled`] has no result: it is seen by a drop guard.
    pub fn of<T, E>(result: &Result<T, Failure<E>>) -> Outcome {
        match result {
            Ok(_) => Outcome::Completed,
            Err(Failure::Failed(_)) => Outcome::Failed,
            Err(Failure::Rejected(r)) => Outcome::Rejected(r.why),
            Err(Failure::TimedOut { .. }) => Outcome::TimedOut,
            Err(Failure::Lost) => Outcome::Lost,
        }
    }
}

/// A boxed call in progress.
pub type BoxCall<'a, T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send + 'a>>;

/// [`Service`] in a form that can be a trait object.
trait Erased<Request, T, E>: Send + Sync {
    fn call<'a>(&'a self, request: Request) -> BoxCall<'a, T, E>
    where
        Request: 'a;
}

impl<Request: Send, S: Service<Request>> Erased<Request, S::Response, S::Error> for S {
    fn call<'a>(&'a self, request: Request) -> BoxCall<'a, S::Response, S::Error>
    where
        Request: 'a,
    {
        Box::pin(Service::call(self, request))
    }
}

/// Any service behind one type, cheap to clone: what a stack that is read from a file is made of. Costs one allocation
/// per call.
pub struct BoxService<Request, T, E>(Arc<dyn Erased<Request, T, E>>);

impl<Request: Send, T, E> BoxService<Request, T, E> {
    /// Boxes `service`.
    pub fn new<S>(service: S) -> Self
    where
        S: Service<Request, Response = T, Error = E> + 'static,
    {
        BoxService(Arc::new(service))
    }
}

impl<Request, T, E> Clone for BoxService<Request, T, E> {
    fn clone(&self) -> Self {
        BoxService(self.0.clone())
    }
}

impl<Request, T, E> fmt::Debug for BoxService<Request, T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BoxService")
    }
}

impl<Request: Send, T, E> Service<Request> for BoxService<Request, T, E> {
    type Response = T;
    type Error = E;

    fn call(&self, request: Request) -> impl Future<Output = Result<T, E>> + Send {
        self.0.call(request)
    }
}
