//! From flags to what is offered and to whom; everything that is wrong with them is said before anything is sent.

use super::super::{BadInput, library::read_text};
use super::drive::Target;
use crate::{
    cli,
    driver::{Ask, Peer, Security, Trust, Version},
};
use http::Uri;
use inflight_lab::{
    dependency::Latency,
    experiment::{MAX_DATA, MAX_REQUESTS, read_arrivals},
    load::expect::Expectation,
    wire::MAX_CLASSES,
    workload::{Arrivals, Traffic, Users, Workload, recorded},
};
use inflight_strategies::units::Rate;
use std::{net::SocketAddr, path::Path};

/// The rate if none is given.
pub(super) fn default_rate() -> Rate {
    Rate::per_second(20.0).expect("a rate")
}

fn bad(what: String) -> anyhow::Error {
    BadInput(format!("error: {what}")).into()
}

/// What the flags offer, at `rate` if that is given.
pub(super) fn workload(flags: &cli::Load) -> anyhow::Result<Workload> {
    if flags.warmup >= flags.duration {
        return Err(bad("--warmup must be less than --duration: nothing would be counted".into()));
    }
    let traffic = match flags.users {
        Some(count) => Traffic::Closed(Users { count, think: Latency::Constant(flags.think) }),
        None => Traffic::Open(arrivals(flags)?),
    };
    if let Traffic::Open(arrivals) = &traffic {
        let expected = arrivals.expected(flags.duration);
        if expected > MAX_REQUESTS {
            return Err(bad(format!(
                "{expected:.0} requests are too many (at most 1000000000): a shorter --duration?"
            )));
        }
    }
    let defaults = Workload::open(Arrivals::Poisson(default_rate()), flags.duration, flags.warmup);
    Ok(Workload { traffic, patience: flags.patience, ..defaults })
}

/// A name with `--rate`, or a whole process in the files' grammar.
fn arrivals(flags: &cli::Load) -> anyhow::Result<Arrivals> {
    let rate = flags.rate.unwrap_or(default_rate());
    let text = flags.arrivals.as_deref().unwrap_or("poisson").trim();
    match text {
        "poisson" => return Ok(Arrivals::Poisson(rate)),
        "constant" => return Ok(Arrivals::Constant(rate)),
        _ => {}
    }
    if let Some(path) = text.strip_prefix('@') {
        let text =
            read_text(Path::new(path), MAX_DATA).map_err(|e| bad(format!("--arrivals @{path}: {e}")))?;
        return recorded(&text).map_err(|why| bad(format!("--arrivals @{path}: {why}")));
    }
    if flags.rate.is_some() && text.contains('=') {
        return Err(bad("--rate and a process with rates of its own: leave --rate out".into()));
    }
    if !text.contains('=') {
        let known = "constant, poisson, @FILE with recorded arrivals, or a process of docs/files.md such as \
                     'stages = [ { duration = \"10s\", ramp-to = \"100/s\" } ]'";
        return Err(bad(format!("--arrivals {text:?}: expected {known}")));
    }
    // `{ poisson = … }` is how files write it.
    let inner = text.strip_prefix('{').and_then(|text| text.strip_suffix('}'));
    let is_braced = inner.is_some_and(|inner| inner.contains('=') && text.starts_with('{'));
    let text = if is_braced { inner.unwrap_or(text).trim() } else { text };
    let read_file = |name: &str| read_text(Path::new(name), MAX_DATA).map_err(|e| e.to_string());
    read_arrivals(text, "--arrivals", &read_file).map_err(|all| BadInput(all.to_string()).into())
}

/// What must hold.
pub(super) fn expectations(texts: &[String], flag: &str) -> anyhow::Result<Vec<Expectation>> {
    texts.iter().map(|text| Expectation::parse(text).map_err(|why| bad(format!("{flag} {why}")))).collect()
}

/// Finds where a URL leads, and whether we may go there.
async fn resolve(text: &str, allow_remote: bool) -> anyhow::Result<(Uri, SocketAddr)> {
    let bad = |why: &str| BadInput(format!("error: {text:?}: {why}"));
    if !text.contains("://") {
        let is_host = text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[');
        let guess = if is_host { format!("; did you mean http://{text}?") } else { String::new() };
        return Err(bad(&format!("expected a URL such as http://127.0.0.1:8080/async{guess}")).into());
    }
    let uri: Uri = text.parse().map_err(|_| bad("expected a URL such as http://127.0.0.1:8080/async"))?;
    let host = uri.host().ok_or_else(|| bad("expected a URL such as http://127.0.0.1:8080/async"))?;
    let port = match uri.scheme_str() {
        Some("http") => 80,
        Some("https") => 443,
        _ => return Err(bad("only http:// and https:// can be driven").into()),
    };
    let authority = uri.authority().map_or("", |a| a.as_str());
    if uri.port().is_none()
        && authority.trim_end_matches(']').rsplit(']').next().is_some_and(|a| a.contains(':'))
    {
        return Err(bad("expected a port from 1 to 65535").into());
    }
    let (name, port) = (host.trim_matches(['[', ']']).to_string(), uri.port_u16().unwrap_or(port));
    let mut found =
        tokio::net::lookup_host((name, port)).await.map_err(|e| bad(&format!("no such host: {e}")))?;
    let address = found.next().ok_or_else(|| bad("no such host"))?;
    if !address.ip().is_loopback() && !allow_remote {
        let why =
            format!("{} is not this machine; if you may put load on it, add --allow-remote", address.ip());
        return Err(bad(&why).into());
    }
    Ok((uri, address))
}

/// Every URL as a target, with what it is asked.
pub(super) async fn targets(flags: &cli::Load) -> anyhow::Result<Vec<Target>> {
    if flags.mix.is_some() && flags.urls.len() != 1 {
        return Err(bad("--mix goes to one host: give one URL".into()));
    }
    let (headers, body) = (headers(&flags.header)?, body(flags.body.as_deref())?);
    let trust = trust(flags)?;
    let method = flags.method.as_deref().unwrap_or(if flags.body.is_some() { "POST" } else { "GET" });
    check_method(method)?;
    let mut all = Vec::new();
    for url in &flags.urls {
        let mut target = match &flags.unix_socket {
            Some(path) => through(url, path)?,
            None => at_host(url, flags.allow_remote).await?,
        };
        let ask = &mut target.asks[0];
        (ask.method, ask.headers, ask.body) = (method.into(), headers.clone(), body.clone());
        if let Some(path) = &flags.mix {
            let text =
                read_text(path, MAX_DATA).map_err(|e| bad(format!("--mix {}: {e}", path.display())))?;
            target.asks =
                mix(&text, &headers).map_err(|why| bad(format!("--mix {}: {why}", path.display())))?;
        }
        speak(&mut target, url, version(flags), &trust).map_err(bad)?;
        all.push(target);
    }
    Ok(all)
}

fn version(flags: &cli::Load) -> Version {
    if flags.http2 { Version::Http2 { streams: flags.streams as usize } } else { Version::Http1 }
}

fn trust(flags: &cli::Load) -> anyhow::Result<Trust> {
    match &flags.cacert {
        _ if flags.insecure => Ok(Trust::Anyone),
        None => Ok(Trust::System),
        Some(path) => match read_text(path, MAX_DATA) {
            Ok(text) => Ok(Trust::Only(text.into_bytes())),
            Err(error) => Err(bad(format!("--cacert {}: {error}", path.display()))),
        },
    }
}

/// Decides how a target is spoken to: in which version, and over TLS if its URL says so.
fn speak(target: &mut Target, url: &str, version: Version, trust: &Trust) -> Result<(), String> {
    target.asks.iter().try_for_each(|ask| ask.check(&target.host, version))?;
    target.version = version;
    if url.starts_with("https://") {
        let security = Security::new(name_of(&target.host), trust, version);
        target.security = Some(security.map_err(|why| format!("{url:?}: {why}"))?);
    }
    Ok(())
}

/// The name in a URL's authority, without the port.
fn name_of(authority: &str) -> &str {
    let name = authority.rsplit('@').next().unwrap_or(authority);
    match name.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => name,
    }
}

/// A `GET` of a URL on this machine.
pub(super) async fn plain(url: &str) -> anyhow::Result<Target> {
    at_host(url, false).await
}

async fn at_host(url: &str, allow_remote: bool) -> anyhow::Result<Target> {
    // Places for numbers are no part of a URL's grammar.
    let (plain, _) = url.split_once('{').unwrap_or((url, ""));
    let (uri, address) = resolve(plain, allow_remote).await?;
    Ok(target(url, uri.authority().map_or("localhost", |a| a.as_str()), Peer::Tcp(address)))
}

/// The URL's host is only what the `host` header says.
fn through(url: &str, socket: &Path) -> anyhow::Result<Target> {
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    let rest = rest.ok_or_else(|| bad(format!("{url:?}: expected a URL such as http://localhost/async")))?;
    let host = rest.split('/').next().unwrap_or_default();
    Ok(target(url, if host.is_empty() { "localhost" } else { host }, Peer::Unix(socket.into())))
}

fn target(url: &str, host: &str, peer: Peer) -> Target {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = rest.find(['/', '?']).map_or("/", |at| &rest[at..]);
    let path = path.split('#').next().unwrap_or(path);
    let path = if path.starts_with('/') { path.to_string() } else { format!("/{path}") };
    let name = path.split('?').next().unwrap_or_default().trim_start_matches('/').to_string();
    let asks = vec![Ask::get(path)];
    Target { name, peer, host: host.into(), security: None, version: Version::Http1, asks }
}

/// A token of RFC 9110, section 5.6.2: what a method or a header's name is made of.
fn is_token(text: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    !text.is_empty() && text.chars().all(is_part)
}

fn check_method(method: &str) -> anyhow::Result<()> {
    match is_token(method) && method != "CONNECT" {
        true => Ok(()),
        false => Err(bad(format!("{method:?} is no method: expected such as GET, POST or DELETE"))),
    }
}

fn headers(texts: &[String]) -> anyhow::Result<Vec<(String, String)>> {
    const OURS: [&str; 3] = ["content-length", "transfer-encoding", "connection"];
    let read = |text: &String| {
        let (name, value) = text.split_once(':').unwrap_or(("", ""));
        let (name, value) = (name.trim(), value.trim());
        if !is_token(name) || value.chars().any(char::is_control) {
            return Err(bad(format!("-H {text:?}: expected \"name: value\"")));
        }
        if OURS.iter().any(|ours| name.eq_ignore_ascii_case(ours)) {
            return Err(bad(format!("-H {text:?}: the driver writes this header itself")));
        }
        Ok((name.to_string(), value.to_string()))
    };
    texts.iter().map(read).collect()
}

fn body(text: Option<&str>) -> anyhow::Result<Vec<u8>> {
    match text.map(|text| (text, text.strip_prefix('@'))) {
        None => Ok(Vec::new()),
        Some((text, None)) => Ok(text.as_bytes().to_vec()),
        Some((_, Some(path))) => {
            let text = read_text(Path::new(path), MAX_DATA).map_err(|e| bad(format!("-b @{path}: {e}")))?;
            Ok(text.into_bytes())
        }
    }
}

/// A mix of requests from text, a line each; `#` begins a comment.
fn mix(text: &str, headers: &[(String, String)]) -> Result<Vec<Ask>, String> {
    let mut asks = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let words: Vec<&str> = line.split('#').next().unwrap_or("").split_whitespace().collect();
        if words.is_empty() {
            continue;
        }
        let ask = of_mix(&words, headers).map_err(|why| format!("line {}: {why}", number + 1))?;
        asks.push(ask);
    }
    match asks.len() {
        1..=MAX_CLASSES => Ok(asks),
        n => Err(format!("{n} requests: expected 1 to {MAX_CLASSES}")),
    }
}

fn of_mix(words: &[&str], headers: &[(String, String)]) -> Result<Ask, String> {
    const EXPECTED: &str = "expected WEIGHT METHOD PATH [@BODY-FILE], such as `3 GET /async`";
    let [weight, method, path, rest @ ..] = words else { return Err(EXPECTED.into()) };
    let weight = weight.parse().ok().filter(|weight| (1..=1_000_000).contains(weight));
    let weight = weight.ok_or_else(|| format!("the weight is from 1 to 1000000; {EXPECTED}"))?;
    if !is_token(method) || !path.starts_with('/') || rest.len() > 1 {
        return Err(EXPECTED.into());
    }
    let body = rest.first().map_or(Ok(Vec::new()), |text| match text.starts_with('@') {
        true => body(Some(text)).map_err(|e| e.to_string()),
        false => Err(EXPECTED.into()),
    })?;
    Ok(Ask { method: (*method).into(), path: (*path).into(), headers: headers.to_vec(), body, weight })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mix_has_a_line_for_each_request() {
        let asks = mix("# reads\n3 GET /a?x={id}\n\n1 DELETE /b # rare\n", &[]).expect("a mix");
        let of = |ask: &Ask| (ask.weight, ask.method.clone(), ask.path.clone());
        assert_eq!(
            asks.iter().map(of).collect::<Vec<_>>(),
            [(3, "GET".to_string(), "/a?x={id}".to_string()), (1, "DELETE".to_string(), "/b".to_string()),]
        );
        for wrong in
            ["", "GET /a", "0 GET /a", "1 GET a", "1 G(T /a", "1 GET /a body", &"1 GET /a\n".repeat(17)]
        {
            assert!(mix(wrong, &[]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn headers_are_names_and_values() {
        let one = |text: &str| headers(&[text.to_string()]);
        assert_eq!(
            one("Accept:  text/html ").expect("a header"),
            [("Accept".to_string(), "text/html".to_string())]
        );
        for wrong in ["accept", ": x", "a b: c", "Content-Length: 3", "x: a\nb"] {
            assert!(one(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_certificate_is_for_a_name_without_a_port() {
        let names = ["h:1", "h", "[::1]:443", "[::1]", "u@h:1"].map(name_of);
        assert_eq!(names, ["h", "h", "[::1]", "[::1]", "h"]);
    }

    #[test]
    fn a_target_is_called_by_its_path() {
        let of = |url: &str| {
            let target = target(url, "h", Peer::Unix("/s".into()));
            (target.name, target.asks[0].path.clone())
        };
        assert_eq!(of("http://h/async?x=1"), ("async".into(), "/async?x=1".into()));
        assert_eq!(of("http://h"), (String::new(), "/".into()));
        assert_eq!(of("http://h?x"), (String::new(), "/?x".into()));
        assert_eq!(of("http://h/a/{random:9}#top"), ("a/{random:9}".into(), "/a/{random:9}".into()));
    }
}
