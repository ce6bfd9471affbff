//! From the steps of a request's life to spans: one for the request, children for A, B and every wait for a permit.
//!
//! The spans are written when the life is over, from what was noted on the way: the request itself carries no context.

use crate::live;
use http::HeaderMap;
use inflight_lab::{
    call::{Finish, Place, Step},
    trace::Stretch,
};
use inflight_strategies::{rt::Instant, service::Outcome};
use opentelemetry::{
    Context, KeyValue,
    trace::{
        Span as _, SpanContext, SpanId, SpanKind, Status, TraceContextExt as _, TraceFlags, TraceId,
        TraceState, Tracer as _,
    },
};
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use std::sync::Arc;

/// Writes spans.
#[derive(Clone, Debug)]
pub(super) struct Writer(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    tracer: SdkTracer,
    world: live::World,
    endpoints: Vec<String>,
}

impl Writer {
    pub(super) fn new(provider: &SdkTracerProvider, world: live::World, endpoints: Vec<String>) -> Writer {
        use opentelemetry::trace::TracerProvider as _;
        Writer(Arc::new(Inner { tracer: provider.tracer("inflight"), world, endpoints }))
    }

    /// What turns the life of one request into spans, as part of the trace that its headers name, if they do.
    pub(super) fn for_request(&self, endpoint: usize, headers: &HeaderMap) -> Finish {
        let inner = self.0.clone();
        let parent = headers.get("traceparent").and_then(|value| parent(value.to_str().ok()?));
        Arc::new(move |id, steps| inner.write(endpoint, id, &steps, parent.clone()))
    }
}

impl Inner {
    fn write(&self, endpoint: usize, id: u64, steps: &[Step], parent: Option<SpanContext>) {
        let mut ended = steps.iter().filter_map(Stretch::ended_by);
        let Some(root) = ended.find(|part| part.place == Place::Endpoint) else { return };
        let context = parent.map_or(Context::new(), |p| Context::new().with_remote_span_context(p));
        let name = format!("GET /{}", self.endpoints.get(endpoint).map_or("", String::as_str));
        let mut span = self.start(name, SpanKind::Server, root.from, &context);
        span.set_attribute(KeyValue::new("inflight.id", i64::try_from(id).unwrap_or(i64::MAX)));
        span.set_attribute(KeyValue::new("inflight.outcome", format!("{:?}", root.outcome)));
        if matches!(root.outcome, Outcome::Failed | Outcome::TimedOut | Outcome::Lost) {
            span.set_status(Status::error(format!("{:?}", root.outcome)));
        }
        let inside = Context::new().with_remote_span_context(span.span_context().clone());
        steps.iter().filter_map(child).for_each(|(name, part)| {
            let mut span = self.start(name, SpanKind::Internal, part.from, &inside);
            if part.outcome != Outcome::Completed {
                span.set_status(Status::error(format!("{:?}", part.outcome)));
            }
            span.end_with_timestamp(self.world.wall_time(part.to));
        });
        span.end_with_timestamp(self.world.wall_time(root.to));
    }

    fn start(
        &self,
        name: String,
        kind: SpanKind,
        from: Instant,
        context: &Context,
    ) -> opentelemetry_sdk::trace::Span {
        let builder = self.tracer.span_builder(name).with_kind(kind);
        builder.with_start_time(self.world.wall_time(from)).start_with_context(&self.tracer, context)
    }
}

/// The name and the stretch of a span inside a request, if `step` ends one.
fn child(step: &Step) -> Option<(String, Stretch)> {
    let part = Stretch::ended_by(step)?;
    let name = match part.place {
        Place::Endpoint => return None,
        Place::Service(which) => format!("service {}", which.name()),
        Place::Layer { name, around } => {
            let of = around.map_or("the whole".into(), |which| format!("service {}", which.name()));
            format!("wait for {of} ({name})")
        }
    };
    Some((name, part))
}

/// Reads a `traceparent` header (W3C Trace Context, version 00): `00-<trace>-<parent>-<flags>`.
fn parent(text: &str) -> Option<SpanContext> {
    let mut parts = text.trim().split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let context = SpanContext::new(
        TraceId::from_hex(trace).ok()?,
        SpanId::from_hex(span).ok()?,
        TraceFlags::new(u8::from_str_radix(flags, 16).ok()?),
        true,
        TraceState::NONE,
    );
    (version == "00" && context.is_valid()).then_some(context)
}
