//! From flags to what is offered and to whom; everything that is wrong with them is said before anything is sent.

use super::super::{BadInput, library::read_text};
use crate::cli;
use http::Uri;
use inflight_lab::{
    dependency::Latency,
    experiment::{MAX_DATA, MAX_REQUESTS, read_arrivals},
    load::expect::Expectation,
    workload::{Arrivals, Traffic, Users, Workload, recorded},
};
use inflight_strategies::units::Rate;
use std::{net::SocketAddr, path::Path};

/// The rate if none is given, per second.
const RATE: f64 = 20.0;

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
    Ok(Workload {
        traffic,
        retry: None,
        objective: None,
        duration: flags.duration,
        warmup: flags.warmup,
        patience: flags.patience,
    })
}

/// A name with `--rate`, or a whole process in the files' grammar.
fn arrivals(flags: &cli::Load) -> anyhow::Result<Arrivals> {
    let rate = flags.rate.unwrap_or(Rate::per_second(RATE).expect("a rate"));
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
pub(super) async fn resolve(text: &str, allow_remote: bool) -> anyhow::Result<(Uri, SocketAddr)> {
    let bad = |why: &str| BadInput(format!("error: {text:?}: {why}"));
    if !text.contains("://") {
        let is_host = text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[');
        let guess = if is_host { format!("; did you mean http://{text}?") } else { String::new() };
        return Err(bad(&format!("expected a URL such as http://127.0.0.1:8080/async{guess}")).into());
    }
    let uri: Uri = text.parse().map_err(|_| bad("expected a URL such as http://127.0.0.1:8080/async"))?;
    let host = uri.host().ok_or_else(|| bad("expected a URL such as http://127.0.0.1:8080/async"))?;
    if uri.scheme_str() != Some("http") {
        return Err(bad("only http:// can be driven").into());
    }
    let authority = uri.authority().map_or("", |a| a.as_str());
    if uri.port().is_none()
        && authority.trim_end_matches(']').rsplit(']').next().is_some_and(|a| a.contains(':'))
    {
        return Err(bad("expected a port from 1 to 65535").into());
    }
    let (name, port) = (host.trim_matches(['[', ']']).to_string(), uri.port_u16().unwrap_or(80));
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
