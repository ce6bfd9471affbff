//! Requests over HTTP/2, by the h2 crate: each is a stream of a connection that it shares with others.

use super::{
    exchange::{Break, Waited},
    http1::Facts,
    request::{Ask, Numbers, Template},
    streams::{Found, Lease, Streams},
    world::World,
};
use crate::app::router::SERVER_TIMING;
use bytes::Bytes;
use h2::Reason;
use http::{
    HeaderName, HeaderValue, Request, Response, Uri,
    header::{CONTENT_LENGTH, HOST, RETRY_AFTER},
    uri::{Authority, PathAndQuery},
};
use inflight_lab::{record::Ending, wire::Wire};
use inflight_strategies::rt::Clock as _;
use std::sync::Arc;

/// How HTTP/2 is spoken to a host.
pub(super) struct Http2 {
    pub(super) world: World,
    pub(super) streams: Arc<Streams>,
    /// The requests of the mix, in its order.
    pub(super) drafts: Vec<Draft>,
    pub(super) seed: u64,
}

/// A request whose places for numbers are still empty.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    /// It as a whole, with the path of request number 0, and without headers that have such places.
    request: Request<()>,
    /// The path, if it has such places.
    path: Option<Template>,
    /// Headers that have some, in order.
    headers: Vec<(HeaderName, Template)>,
    body: Bytes,
}

/// Headers that belong to a connection of HTTP/1.1 (RFC 9113, section 8.2.2).
const NOT_HERE: [&str; 4] = ["keep-alive", "proxy-connection", "te", "upgrade"];

impl Draft {
    /// Of a request to `host`. The error is for people.
    pub(super) fn new(ask: &Ask, host: &str, is_secure: bool) -> Result<Draft, String> {
        let (path, mut authority) = (Template::new(&ask.path), host.to_string());
        let mut builder = Request::builder().method(ask.method.as_str());
        let mut headers = Vec::new();
        for (name, value) in &ask.headers {
            let wrong = |why: &str| format!("-H {:?}: {why}", format!("{name}: {value}"));
            let lower = name.to_ascii_lowercase();
            if NOT_HERE.contains(&lower.as_str()) {
                return Err(wrong("HTTP/2 has no such header"));
            }
            let template = Template::new(value);
            match HeaderName::from_bytes(lower.as_bytes()) {
                Ok(HOST) if template.is_fixed() => authority.clone_from(value),
                Ok(HOST) => return Err(wrong("the host of HTTP/2 is the same for all requests")),
                Ok(name) if template.is_fixed() => builder = builder.header(name, value),
                Ok(name) => headers.push((name, template)),
                Err(_) => return Err(wrong("no header's name")),
            }
        }
        if ask.has_length() {
            builder = builder.header(CONTENT_LENGTH, ask.body.len());
        }
        let scheme = if is_secure { "https" } else { "http" };
        let authority = Authority::try_from(authority).map_err(|_| format!("{host:?} is no host"))?;
        let first = path.fill(0, 0).into_owned();
        let uri = Uri::builder().scheme(scheme).authority(authority).path_and_query(first).build();
        let uri = uri.map_err(|_| format!("{:?} is no path of a URL", ask.path))?;
        let request = builder.uri(uri).body(()).map_err(|error| error.to_string())?;
        let path = (!path.is_fixed()).then_some(path);
        Ok(Draft { request, path, headers, body: ask.body.clone().into() })
    }

    /// The request with this number of a run with this seed: the same as over HTTP/1.1.
    fn filled(&self, seed: u64, id: u64) -> Request<()> {
        let mut request = self.request.clone();
        let numbers = &mut Numbers::new(seed, id);
        if let Some(path) = &self.path {
            let mut parts = std::mem::take(request.uri_mut()).into_parts();
            let path = PathAndQuery::try_from(&*path.filled(numbers));
            parts.path_and_query = Some(path.expect("with other digits it was a path"));
            *request.uri_mut() = Uri::from_parts(parts).expect("with another path it was a URI");
        }
        for (name, value) in &self.headers {
            let value = HeaderValue::from_bytes(&value.filled(numbers));
            // Characters were checked where flags are read, and numbers are digits.
            request.headers_mut().append(name, value.expect("it has no control characters"));
        }
        request
    }
}

impl Http2 {
    /// Request number `id`, and its answer.
    pub(super) async fn exchange(&self, id: u64, wire: &mut Wire) -> Result<Facts, Ending> {
        loop {
            let mut lease = self.lease(wire).await?;
            // Who waits for a stream needs little room; the rest is taken when there is one.
            match Box::pin(self.over(&mut lease, id, wire)).await {
                Err(Break::Unsent) => {
                    lease.retire();
                    wire.sent = None;
                    if !lease.is_used {
                        return Err(Ending::Reset);
                    }
                }
                answered => return answered.map_err(Break::ending),
            }
        }
    }

    async fn lease(&self, wire: &mut Wire) -> Result<Lease, Ending> {
        let mut found = self.streams.take();
        loop {
            found = match found {
                Found::Stream(lease) => return Ok(lease),
                Found::Room(opening) => {
                    let (lease, took) = Box::pin(opening.open()).await?;
                    wire.connect = Some(took);
                    return Ok(lease);
                }
                Found::Nothing => {
                    let _waited = Waited { world: self.world, since: self.world.now(), wire };
                    self.streams.wait().await?
                }
            }
        }
    }

    /// A request on the stream of `lease`, until its answer is whole.
    async fn over(&self, lease: &mut Lease, id: u64, wire: &mut Wire) -> Result<Facts, Break> {
        let draft = &self.drafts[usize::from(wire.class)];
        let is_all = draft.body.is_empty();
        let sent = lease.sender.send_request(draft.filled(self.seed, id), is_all);
        let (answer, mut body) = sent.map_err(|error| unsent(&error))?;
        wire.sent = Some(self.world.now());
        if !is_all {
            body.send_data(draft.body.clone(), true).map_err(|error| broken(&error))?;
        }
        let answer = answer.await.map_err(|error| broken(&error))?;
        wire.first_byte = Some(self.world.now());
        wire.status = answer.status().as_u16();
        lease.on_answer();
        let facts = facts(&answer);
        let mut body = answer.into_body();
        while let Some(piece) = body.data().await {
            let length = piece.map_err(|error| broken(&error))?.len();
            wire.received += length as u64;
            // It can only fail if more is given back than was taken.
            let _ = body.flow_control().release_capacity(length);
        }
        Ok(facts)
    }
}

fn facts<B>(answer: &Response<B>) -> Facts {
    let mut facts = Facts { status: answer.status().as_u16(), ..Facts::default() };
    facts.retry_after = answer.headers().contains_key(RETRY_AFTER);
    for timing in answer.headers().get_all(SERVER_TIMING) {
        facts.timing.add(timing.to_str().unwrap_or_default());
    }
    facts
}

/// Why a request could not even be put to a connection: it has ended, or is about to.
fn unsent(error: &h2::Error) -> Break {
    if error.is_io() || error.is_go_away() { Break::Unsent } else { broken(error) }
}

/// Why a stream or a connection broke.
pub(super) fn broken(error: &h2::Error) -> Break {
    match error.is_remote() {
        _ if error.is_io() => Break::Reset,
        // A farewell: the target has done nothing about it, and it may be sent again (RFC 9113, section 6.8).
        true if error.is_go_away() && error.reason() == Some(Reason::NO_ERROR) => Break::Unsent,
        true => Break::Reset,
        false => Break::Protocol,
    }
}

#[cfg(test)]
mod tests {
    use super::{super::request::Mix, *};

    fn ask() -> Ask {
        Ask {
            method: "POST".into(),
            headers: vec![("X-Id".into(), "{id}-{random}".into()), ("accept".into(), "*/*".into())],
            body: b"{id}".to_vec(),
            ..Ask::get("/a/{random:1000}?x={id}")
        }
    }

    #[test]
    fn a_request_is_the_same_over_both_versions() {
        let draft = Draft::new(&ask(), "h:1", true).expect("a request");
        let request = draft.filled(7, 42);
        let written = Mix::new(&[ask()], "h:1", 7).written(0, 42).into_owned();
        let written = String::from_utf8(written).expect("text");
        let path = request.uri().path_and_query().expect("a path").as_str();
        assert!(written.starts_with(&format!("POST {path} HTTP/1.1\r\n")), "{written}");
        for (name, value) in request.headers() {
            let line = format!("{name}: {}\r\n", value.to_str().expect("text"));
            assert!(written.to_ascii_lowercase().contains(&line), "{line}{written}");
        }
        assert_eq!(request.uri().authority().map(|a| a.as_str()), Some("h:1"));
    }

    #[test]
    fn what_http2_cannot_say_is_told_before() {
        let with = |name: &str, value: &str| {
            let headers = vec![(name.to_string(), value.to_string())];
            Draft::new(&Ask { headers, ..Ask::get("/") }, "h", false)
                .map(|draft| draft.request.uri().to_string())
        };
        assert_eq!(with("host", "other:80"), Ok("http://other:80/".to_string()));
        assert!(with("host", "{id}").is_err());
        assert!(with("Upgrade", "websocket").is_err());
        assert!(Draft::new(&Ask::get("/a b"), "h", false).is_err());
    }
}
