//! From an HTTP request to an endpoint, and from what it answers to an HTTP response.

use super::{App, Endpoint, status};
use crate::telemetry::Telemetry;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use inflight_lab::{
    call::{Call, Place, Step, Trail, Which},
    dependency::{Answer, Fault},
    stack::Both,
};
use inflight_strategies::{
    deadline,
    event::Event,
    rt::Clock as _,
    service::{Failure, Outcome},
};
use std::{fmt::Write as _, sync::Arc, time::Duration};

/// What a request has become once its head was read.
enum Prepared {
    Call(Arc<Endpoint>, Call, bool),
    Metrics(Arc<Telemetry>),
    // Boxed: it would be the largest part of every request in flight, several times over.
    Reply(Box<Reply>),
}

impl Prepared {
    async fn finish(self) -> Reply {
        match self {
            Prepared::Call(endpoint, call, wants_timing) => endpoint.answer(call, wants_timing).await,
            Prepared::Metrics(telemetry) => {
                let page = tokio::task::spawn_blocking(move || telemetry.prometheus_text()).await;
                text("text/plain; version=0.0.4; charset=utf-8", page.unwrap_or_default())
            }
            Prepared::Reply(reply) => *reply,
        }
    }
}

impl Endpoint {
    async fn answer(&self, call: Call, wants_timing: bool) -> Reply {
        let trail = call.trail.clone().filter(|_| wants_timing);
        let (result, total) = self.stack.call_timed(call).await;
        let mut response = respond(self, &result, total);
        if let Some(trail) = trail {
            response.headers_mut().insert(SERVER_TIMING, server_timing(&trail.steps(), total));
        }
        response
    }
}

/// A response with its whole body in memory.
pub type Reply = Response<Full<Bytes>>;

/// The number of a request in its driver's schedule: with it, what is drawn for the request is known beforehand.
pub static ID: HeaderName = HeaderName::from_static("x-inflight-id");
/// The phase of a run that a request belongs to.
pub static PHASE: HeaderName = HeaderName::from_static("x-inflight-phase");
/// How much time the client has left, as gRPC writes it. Layers that know of deadlines keep to it.
pub static TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
/// How long the parts of the work took, in the standard's own notation.
pub const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// What a client says to the lab. Of several headers of one name the first counts.
#[derive(Default)]
struct Said<'a> {
    id: Option<&'a HeaderValue>,
    phase: Option<&'a HeaderValue>,
    timeout: Option<&'a HeaderValue>,
}

impl Said<'_> {
    /// One walk through a few headers costs less than three searches.
    fn in_headers(headers: &HeaderMap) -> Said<'_> {
        let mut said = Said::default();
        for (name, value) in headers {
            let place = match name {
                name if *name == ID => &mut said.id,
                name if *name == PHASE => &mut said.phase,
                name if *name == TIMEOUT => &mut said.timeout,
                _ => continue,
            };
            place.get_or_insert(value);
        }
        said
    }
}

impl App {
    /// Answers one request. What is needed of it is taken at once and the rest released before anything is waited for: the
    /// connection can then use its buffer again.
    pub fn answer(&self, request: Request<Incoming>) -> impl Future<Output = Reply> + Send + use<> {
        let prepared = match self.endpoints.get(request.uri().path()) {
            Some(endpoint) if request.method() == Method::GET => {
                let (call, wants_timing) = self.admit(endpoint, request.headers());
                Prepared::Call(endpoint.clone(), call, wants_timing)
            }
            None if request.uri().path() == "/metrics" && request.method() == Method::GET => {
                Prepared::Metrics(self.telemetry.clone())
            }
            found => Prepared::Reply(Box::new(self.answer_plainly(&request, found.is_some()))),
        };
        prepared.finish()
    }

    /// Turns headers into a call. Its steps are kept if somebody will look at them: a trace, or the driver.
    fn admit(&self, endpoint: &Endpoint, headers: &HeaderMap) -> (Call, bool) {
        if let Some(arrivals) = &endpoint.arrivals {
            arrivals.note();
        }
        let said = Said::in_headers(headers);
        if let Some(phase) = said.phase {
            self.telemetry.phase(phase.as_bytes());
        }
        let text = said.id.and_then(|value| value.to_str().ok());
        let given: Option<u64> = text.and_then(|text| text.parse().ok());
        let id = given.unwrap_or_else(|| self.telemetry.next_id());
        let finish = self.telemetry.span_writer(endpoint.index, headers);
        let trail = (given.is_some() || finish.is_some()).then(|| Trail::new(id, finish));
        let left = said.timeout.and_then(|value| deadline::parse_timeout(value.to_str().ok()?));
        let deadline = left.map(|left| self.world.now() + left);
        (Call { trail, deadline, ..Call::new(id) }, given.is_some())
    }

    /// Everything but the endpoints.
    fn answer_plainly(&self, request: &Request<Incoming>, is_endpoint: bool) -> Reply {
        let path = request.uri().path();
        if !is_endpoint && !matches!(path, "/health" | "/metrics" | "/") {
            self.telemetry.unmatched();
            return json(StatusCode::NOT_FOUND, r#"{"error":"no such endpoint; GET / lists them"}"#.into());
        }
        if request.method() != Method::GET {
            let mut response = json(StatusCode::METHOD_NOT_ALLOWED, r#"{"error":"only GET"}"#.into());
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET"));
            return response;
        }
        match path {
            "/health" => text("text/plain", "ok".into()),
            _ => text("text/plain", self.index()),
        }
    }

    /// The list of what can be asked.
    fn index(&self) -> String {
        let mut list = String::from("Inflight: GET one of\n");
        let others = ["/health".to_string(), "/metrics".to_string()];
        self.endpoints.keys().chain(&others).for_each(|path| {
            let _ = writeln!(list, "  {path}");
        });
        list
    }
}

fn text(kind: &'static str, body: String) -> Reply {
    let mut response = Response::new(Full::new(body.into()));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

fn json(status: StatusCode, body: Bytes) -> Reply {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// The JSON of the original lab.
fn respond(endpoint: &Endpoint, result: &Result<Both, Failure<Fault>>, total: Duration) -> Reply {
    let mut body = Vec::with_capacity(192);
    match result {
        Ok(Both { a, b }) => {
            body.extend_from_slice(b"{");
            push_service(&mut body, Which::A, a);
            body.extend_from_slice(b",");
            push_service(&mut body, Which::B, b);
            push_mode(&mut body, endpoint, total);
        }
        Err(failure) => {
            body.extend_from_slice(b"{");
            push_mode(&mut body, endpoint, total);
            body.extend_from_slice(format!(r#","error":"{failure}""#).as_bytes());
        }
    }
    body.extend_from_slice(b"}");
    let mut response = json(status::status(Outcome::of(result)), body.into());
    if let Err(Failure::Rejected(rejected)) = result {
        let seconds = rejected.retry_after.map_or(1, |after| after.as_secs_f64().ceil().max(1.0) as u64);
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn push_service(body: &mut Vec<u8>, which: Which, answer: &Answer) {
    let name = which.name().as_bytes();
    for part in [br#""service"#, name, br#"Data":{"value":"data-from-"#, name, br#"","sleepMs":"#] {
        body.extend_from_slice(part);
    }
    push_ms(body, answer.work());
    body.extend_from_slice(b"}");
}

fn push_mode(body: &mut Vec<u8>, endpoint: &Endpoint, total: Duration) {
    if body.len() > 1 {
        body.extend_from_slice(b",");
    }
    for part in [br#""mode":""#, endpoint.name.as_bytes(), br#"","totalMs":"#] {
        body.extend_from_slice(part);
    }
    push_ms(body, total);
}

fn push_ms(body: &mut Vec<u8>, duration: Duration) {
    // To the nearest millisecond, so that total and sleep agree.
    let millis = duration.as_secs() * 1000 + u64::from((duration.subsec_micros() + 500) / 1000);
    body.extend_from_slice(itoa::Buffer::new().format(millis).as_bytes());
}

/// The waits and services of one request, and how long it was inside, as a `Server-Timing` header:
/// `wait;dur=1.234, A;dur=97.1, B;dur=812.0, total;dur=813.3`.
fn server_timing(steps: &[Step], total: Duration) -> HeaderValue {
    let mut out = String::new();
    for step in steps {
        let (name, took) = match (step.place, step.event) {
            (Place::Layer { .. }, Event::Admitted { waited }) => ("wait", waited),
            (Place::Service(which), Event::Finished { took, .. }) => (which.name(), took),
            _ => continue,
        };
        let _ = write!(out, "{name};dur={:.3}, ", took.as_secs_f64() * 1e3);
    }
    let _ = write!(out, "total;dur={:.3}", total.as_secs_f64() * 1e3);
    HeaderValue::from_str(&out).expect("ASCII only")
}
